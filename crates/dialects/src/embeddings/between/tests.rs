//! Each shape of request to each provider of vectors, and back.

use super::*;

const LIST: VectorShape = VectorShape::List(VectorFormat::Float);
const BATCH: VectorShape = VectorShape::Contents(Verb::BatchEmbedContents);

fn target(dialect: Dialect, drop_params: bool) -> Target<'static> {
    Target { dialect, model: "m", max_output_tokens: None, drop_params }
}

fn asked(shape: VectorShape, dialect: Dialect, body: &str) -> Result<String, RequestError> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let encoded = encode_vectors(shape, &body, &target(dialect, false))?;
    Ok(String::from_utf8(encoded.body.whole().to_vec()).unwrap())
}

fn answered(shape: VectorShape, from: Dialect, body: &str) -> (String, Option<u64>) {
    let asked = VectorsAsked { shape, model: "m", estimated_tokens: 7 };
    let body = Bytes::copy_from_slice(body.as_bytes());
    let reply = transcode_vectors(from, &asked, &body, &ReplyContext::unpriced()).unwrap();
    let tokens = reply.facts.usage.map(|usage| usage.meters.input_tokens());
    (String::from_utf8(reply.body.to_vec()).unwrap(), tokens)
}

#[test]
fn each_provider_is_asked_in_its_own_words() {
    let list = r#"{"model":"r","input":["a","b"],"dimensions":2,"encoding_format":"base64"}"#;
    let batch = r#"{"requests":[{"model":"models/r","content":{"parts":[{"text":"a"}]},"outputDimensionality":2},{"content":{"parts":[{"text":"b"}]}}]}"#;
    let contents = r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]},"outputDimensionality":2},{"model":"models/m","content":{"parts":[{"text":"b"}]},"outputDimensionality":2}]}"#;
    let texts = r#"{"model":"m","texts":["a","b"],"input_type":"search_document","embedding_types":["float"],"output_dimension":2}"#;
    for (shape, body, dialect, expected) in [
        (LIST, list, Dialect::OpenaiChat, list.replace("\"r\"", "\"m\"")),
        (LIST, list, Dialect::GeminiGenerate, contents.to_owned()),
        (LIST, list, Dialect::CohereChat, texts.to_owned()),
        (BATCH, batch, Dialect::CohereChat, texts.to_owned()),
        (BATCH, batch, Dialect::GeminiGenerate, batch.replace("models/r", "models/m")),
        (
            BATCH,
            batch,
            Dialect::OpenaiChat,
            r#"{"model":"m","input":["a","b"],"encoding_format":"float","dimensions":2}"#
                .to_owned(),
        ),
    ] {
        assert_eq!(asked(shape, dialect, body).unwrap(), expected, "{dialect}");
    }
}

#[test]
fn what_vectors_are_for_is_carried_where_the_provider_asks_for_it_and_refused_elsewhere() {
    let query = r#"{"content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY"}"#;
    let one = VectorShape::Contents(Verb::EmbedContent);
    let sent = asked(one, Dialect::CohereChat, query).unwrap();
    assert!(sent.contains(r#""input_type":"search_query""#), "{sent}");
    assert_eq!(asked(one, Dialect::OpenaiChat, query).unwrap_err().param(), Some("taskType"));
    let list = r#"{"model":"r","input":"a","input_type":"query"}"#;
    let sent = asked(LIST, Dialect::GeminiGenerate, list).unwrap();
    assert!(sent.contains(r#""taskType":"RETRIEVAL_QUERY""#), "{sent}");
}

#[test]
fn what_cannot_be_carried_is_named() {
    for (body, dialect, param) in [
        (r#"{"model":"r","input":[1,2]}"#, Dialect::GeminiGenerate, "input"),
        (r#"{"model":"r","input":"a","truncate":"END"}"#, Dialect::GeminiGenerate, "truncate"),
        (r#"{"model":"r","input":"a"}"#, Dialect::BedrockConverse, "model"),
        (r#"{"model":"r","input":"a"}"#, Dialect::AnthropicMessages, "model"),
    ] {
        assert_eq!(asked(LIST, dialect, body).unwrap_err().param(), Some(param), "{body}");
    }
    let many = format!(r#"{{"model":"r","input":[{}"x"]}}"#, "\"x\",".repeat(100));
    for dialect in [Dialect::GeminiGenerate, Dialect::CohereChat] {
        assert_eq!(asked(LIST, dialect, &many).unwrap_err().param(), Some("input"));
    }
    let body = Bytes::from_static(br#"{"model":"r","input":"a","truncate":"END"}"#);
    let dropped = encode_vectors(LIST, &body, &target(Dialect::CohereChat, true)).unwrap().dropped;
    assert_eq!(dropped, ["truncate"]);
}

#[test]
fn vectors_come_back_in_the_clients_shape_with_the_providers_count_or_an_estimate() {
    let google = r#"{"embeddings":[{"values":[0.5,1]},{"values":[2]}]}"#;
    let cohere = r#"{"id":"x","embeddings":{"float":[[0.5,1],[2]]},"texts":["a","b"],"meta":{"billed_units":{"input_tokens":3}}}"#;
    let openai = r#"{"data":[{"index":0,"embedding":"AAAAPwAAgD8="},{"index":1,"embedding":[2]}],"model":"o","usage":{"prompt_tokens":4}}"#;
    let list = |tokens| {
        format!(
            r#"{{"object":"list","data":[{{"object":"embedding","index":0,"embedding":[0.5,1.0]}},{{"object":"embedding","index":1,"embedding":[2.0]}}],"model":"m","usage":{{"prompt_tokens":{tokens},"total_tokens":{tokens}}}}}"#
        )
    };
    let values = r#"{"embeddings":[{"values":[0.5,1.0]},{"values":[2.0]}]}"#.to_owned();
    for (shape, from, body, expected, tokens) in [
        (LIST, Dialect::GeminiGenerate, google, list(7), None),
        (LIST, Dialect::CohereChat, cohere, list(3), Some(3)),
        (BATCH, Dialect::CohereChat, cohere, values.clone(), Some(3)),
        (BATCH, Dialect::OpenaiChat, openai, values, Some(4)),
        (BATCH, Dialect::GeminiGenerate, google, google.to_owned(), None),
    ] {
        assert_eq!(answered(shape, from, body), (expected, tokens), "{from}");
    }
    let base64 = VectorShape::List(VectorFormat::Base64);
    let (body, _) = answered(base64, Dialect::GeminiGenerate, google);
    assert!(body.contains(r#""embedding":"AAAAPwAAgD8=""#), "{body}");
}

#[test]
fn an_answer_without_vectors_is_an_error() {
    let asked = VectorsAsked { shape: BATCH, model: "m", estimated_tokens: 1 };
    for dialect in [Dialect::GeminiGenerate, Dialect::CohereChat, Dialect::OpenaiChat] {
        for body in ["{}", "[", r#"{"error":{"code":400,"message":"no"}}"#] {
            let body = Bytes::from_static(body.as_bytes());
            let told = transcode_vectors(dialect, &asked, &body, &ReplyContext::unpriced());
            assert!(told.is_err(), "{dialect} {body:?}");
        }
    }
}

#[test]
fn the_path_is_the_providers() {
    for (dialect, shape, path) in [
        (Dialect::OpenaiChat, BATCH, "/embeddings"),
        (Dialect::CohereChat, LIST, "/embed"),
        (Dialect::GeminiGenerate, LIST, "/models/m:batchEmbedContents"),
        (
            Dialect::GeminiGenerate,
            VectorShape::Contents(Verb::EmbedContent),
            "/models/m:embedContent",
        ),
    ] {
        assert_eq!(vectors_path(shape, dialect, "m"), path);
    }
}
