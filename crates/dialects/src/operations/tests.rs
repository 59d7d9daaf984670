use super::*;

const FORM: &str = "multipart/form-data; boundary=b";

fn target(model: &str, dialect: Dialect, limit: Option<u64>) -> Target<'_> {
    Target { dialect, model, max_output_tokens: limit, drop_params: false }
}

fn form(fields: &[(&str, &str)]) -> String {
    let field = |(name, value): &(&str, &str)| {
        format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    fields.iter().map(field).collect::<String>() + "--b--\r\n"
}

#[test]
fn the_model_and_what_is_expected_are_read_from_json_and_forms() {
    let pictures = form(&[("model", "gpt-image-1"), ("n", "3"), ("image", "\u{1}"), ("user", "u")]);
    for (operation, kind, body, model, expected) in [
        (
            OpenaiOperation::Speech,
            "application/json",
            r#"{"model":"tts-1","input":"h\u00e9 "}"#,
            "tts-1",
            Meters::NONE.with(Meter::Characters, 3),
        ),
        (
            OpenaiOperation::ImagesGenerations,
            "application/json",
            r#"{"model":"dall-e-3","n":2}"#,
            "dall-e-3",
            Meters::NONE.with(Meter::Images, 2),
        ),
        (
            OpenaiOperation::ImagesEdits,
            FORM,
            pictures.as_str(),
            "gpt-image-1",
            Meters::NONE.with(Meter::Images, 3),
        ),
        (
            OpenaiOperation::Moderations,
            "application/json",
            r#"{"input":"x"}"#,
            "omni-moderation-latest",
            Meters::NONE,
        ),
    ] {
        let told = peek_operation(operation, kind, body.as_bytes()).unwrap();
        assert_eq!((told.peek.model.as_str(), told.expected), (model, expected), "{body}");
    }
    let told = peek_operation(OpenaiOperation::ImagesEdits, FORM, pictures.as_bytes()).unwrap();
    assert_eq!((told.peek.user.as_deref(), told.peek.choices), (Some("u"), 3));
}

#[test]
fn what_names_no_model_or_two_is_refused() {
    let two = form(&[("model", "a"), ("model", "b")]);
    for (kind, body) in [
        ("application/json", "{}"),
        ("application/json", r#"{"model":"a","model":"b"}"#),
        ("application/json", "[]"),
        (FORM, two.as_str()),
        (FORM, "--b--"),
        (FORM, "no form"),
    ] {
        let told = peek_operation(OpenaiOperation::Transcriptions, kind, body.as_bytes());
        assert!(told.is_err(), "{body}");
    }
}

#[test]
fn only_the_model_changes_on_the_way() {
    let json = Bytes::from(r#"{"model": "fast", "prompt":"a","tollgate":{} ,"n":1}"#);
    let to = |model| target(model, Dialect::OpenaiChat, None);
    let encoded = encode_operation("application/json", &json, &to("gpt-image-1")).unwrap();
    assert_eq!(encoded.body, r#"{"model": "gpt-image-1", "prompt":"a" ,"n":1}"#);
    let bytes = Bytes::from(form(&[("file", "\u{1}\u{2}"), ("model", "fast")]));
    let encoded = encode_operation(FORM, &bytes, &to("whisper-1")).unwrap();
    assert_eq!(encoded.body, form(&[("file", "\u{1}\u{2}"), ("model", "whisper-1")]));
    let same = encode_operation(FORM, &bytes, &to("fast")).unwrap();
    assert_eq!(same.body.pieces()[0].as_ptr(), bytes.as_ptr());
    let foreign = target("m", Dialect::AnthropicMessages, None);
    let error = encode_operation("application/json", &json, &foreign).unwrap_err();
    assert!(matches!(error, RequestError::NoTranslation { .. }));
}

#[test]
fn a_legacy_completion_is_bounded_by_its_own_names() {
    for (body, choices, limit) in [
        (r#"{"model":"m","prompt":"a"}"#, 1, 16),
        (r#"{"model":"m","prompt":["a","b"],"n":2,"best_of":3,"max_tokens":9}"#, 6, 9),
        (r#"{"model":"m","prompt":[1,2,3]}"#, 1, 16),
        (r#"{"model":"m","prompt":[[1],[2]]}"#, 2, 16),
    ] {
        let peek = peek_completion(body.as_bytes()).unwrap();
        assert_eq!((peek.choices, peek.max_output_tokens), (choices, Some(limit)), "{body}");
    }
    for (body, limit, expected) in [
        (
            r#"{"model":"a","prompt":"x"}"#,
            Some(8),
            r#"{"model":"gpt-3.5-turbo-instruct","prompt":"x","max_tokens":8}"#,
        ),
        (
            r#"{"model":"a","max_tokens":9}"#,
            Some(8),
            r#"{"model":"gpt-3.5-turbo-instruct","max_tokens":8}"#,
        ),
        (
            r#"{"model":"a","max_tokens":7}"#,
            Some(8),
            r#"{"model":"gpt-3.5-turbo-instruct","max_tokens":7}"#,
        ),
        (r#"{"model":"a"}"#, None, r#"{"model":"gpt-3.5-turbo-instruct"}"#),
    ] {
        let target = target("gpt-3.5-turbo-instruct", Dialect::OpenaiChat, limit);
        let encoded = encode_completion(&Bytes::from(body), &target).unwrap();
        assert_eq!(encoded.body, expected, "{body}");
    }
}

#[test]
fn an_operation_is_known_by_the_end_of_its_path() {
    for operation in OpenaiOperation::ALL {
        let path = format!("/openai/v1{}", operation.path());
        assert_eq!(OpenaiOperation::of_path(&path), Some(operation));
        assert_eq!(
            operation.endpoint(),
            operation.path().trim_start_matches('/').replace('/', ".")
        );
    }
    assert_eq!(OpenaiOperation::of_path("/v1/files"), None);
}
