//! Each shape of request to each provider of vectors, and back.

use super::*;

const LIST: VectorShape = VectorShape::List(VectorFormat::Float);
const BATCH: VectorShape = VectorShape::Contents(Verb::BatchEmbedContents);

fn target(dialect: Dialect, drop_params: bool) -> Target<'static> {
    Target { dialect, model: "m", max_output_tokens: None, drop_params }
}

fn asked(shape: VectorShape, dialect: Dialect, body: &str) -> Result<String, RequestError> {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let encoded = encode_vectors(shape, &body, &target(dialect, false), &[])?;
    Ok(String::from_utf8(encoded.body.whole().to_vec()).unwrap())
}

fn answered(shape: VectorShape, from: Dialect, body: &str) -> (String, Option<u64>) {
    let asked = VectorsAsked { shape, model: "m", estimated_tokens: 7, counted: None, quirks: &[] };
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
    let dropped =
        encode_vectors(LIST, &body, &target(Dialect::CohereChat, true), &[]).unwrap().dropped;
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
fn one_cloud_is_asked_in_the_words_of_each_models_maker() {
    let sent = |shape, model, drop_params, body: &str| {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let dialect = Dialect::BedrockConverse;
        let target = Target { dialect, model, max_output_tokens: None, drop_params };
        let encoded = encode_vectors(shape, &body, &target, &[])?;
        let text = String::from_utf8(encoded.body.whole().to_vec()).unwrap();
        Ok((text, encoded.dropped.join(",")))
    };
    let one = r#"{"model":"r","input":"a","dimensions":256}"#;
    let query = r#"{"content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY"}"#;
    let contents = VectorShape::Contents(Verb::EmbedContent);
    let search = r#"{"texts":["a"],"input_type":"search_query","embedding_types":["float"]}"#;
    let document = search.replace("query", "document");
    let long = document.replace("]}", "],\"output_dimension\":256}");
    for (shape, model, body, expected, dropped) in [
        (LIST, "amazon.titan-embed-text-v2:0", one, r#"{"inputText":"a","dimensions":256}"#, ""),
        (LIST, "amazon.titan-embed-text-v1", one, r#"{"inputText":"a"}"#, "dimensions"),
        (LIST, "cohere.embed-v4:0", one, &long, ""),
        (LIST, "cohere.embed-english-v3", one, &document, "dimensions"),
        (contents, "eu.cohere.embed-v4:0", query, search, ""),
        (contents, "amazon.titan-embed-text-v2:0", query, r#"{"inputText":"a"}"#, "taskType"),
    ] {
        let told: Result<_, RequestError> = sent(shape, model, true, body);
        assert_eq!(told.unwrap(), (expected.to_owned(), dropped.to_owned()), "{model}");
    }
    let two = r#"{"model":"r","input":["a","b"]}"#;
    let requests = r#"{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]}}]}"#;
    let many = format!(r#"{{"model":"r","input":[{}"x"]}}"#, "\"x\",".repeat(96));
    for (shape, model, body, param) in [
        (LIST, "amazon.titan-embed-text-v2:0", two, "input"),
        (BATCH, "amazon.titan-embed-text-v1", requests, "requests"),
        (LIST, "amazon.titan-embed-text-v1", one, "dimensions"),
        (contents, "amazon.titan-embed-text-v2:0", query, "taskType"),
        (LIST, "cohere.embed-v4:0", many.as_str(), "input"),
        (LIST, "anthropic.claude-x", two, "model"),
    ] {
        let told: Result<(String, String), RequestError> = sent(shape, model, false, body);
        assert_eq!(told.unwrap_err().param(), Some(param), "{model} {body}");
    }
}

#[test]
fn one_clouds_vectors_are_counted_in_their_body_or_in_a_header() {
    let told = |model, body: &'static str, header: Option<u64>| {
        let count = |tokens| Meters::NONE.with(events::Meter::InputText, tokens);
        let (shape, estimated_tokens) = (BATCH, 7);
        let asked = VectorsAsked {
            shape,
            model,
            estimated_tokens,
            counted: header.map(count),
            quirks: &[],
        };
        let context = ReplyContext::unpriced();
        let body = Bytes::from_static(body.as_bytes());
        let reply = transcode_vectors(Dialect::BedrockConverse, &asked, &body, &context).unwrap();
        let tokens = reply.facts.usage.map(|usage| usage.meters.input_tokens());
        (String::from_utf8(reply.body.to_vec()).unwrap(), tokens)
    };
    let titan = r#"{"embedding":[0.5],"inputTextTokenCount":3}"#;
    let cohere = r#"{"id":"x","embeddings":{"float":[[0.5]]},"response_type":"embeddings_by_type","texts":["a"]}"#;
    let values = r#"{"embeddings":[{"values":[0.5]}]}"#.to_owned();
    for (model, body, header, tokens) in [
        ("amazon.titan-embed-text-v2:0", titan, Some(9), Some(3)),
        ("us.cohere.embed-v4:0", cohere, Some(5), Some(5)),
        ("us.cohere.embed-v4:0", cohere, None, None),
    ] {
        assert_eq!(told(model, body, header), (values.clone(), tokens), "{model}");
    }
}

#[test]
fn an_answer_without_vectors_is_an_error() {
    let asked =
        VectorsAsked { shape: BATCH, model: "m", estimated_tokens: 1, counted: None, quirks: &[] };
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
        (Dialect::BedrockConverse, LIST, "/model/m/invoke"),
        (Dialect::GeminiGenerate, LIST, "/models/m:batchEmbedContents"),
        (
            Dialect::GeminiGenerate,
            VectorShape::Contents(Verb::EmbedContent),
            "/models/m:embedContent",
        ),
    ] {
        assert_eq!(vectors_path(shape, dialect, "m", &[]), path);
    }
}

#[test]
fn one_cloud_predicts_vectors_and_takes_one_content_of_newer_models() {
    const PREDICTS: [Quirk; 1] = [Quirk::PredictsVectors];
    let one = VectorShape::Contents(Verb::EmbedContent);
    let sent = |shape, model, body: &str, drop_params| {
        let body = Bytes::copy_from_slice(body.as_bytes());
        let dialect = Dialect::GeminiGenerate;
        let target = Target { dialect, model, max_output_tokens: None, drop_params };
        let encoded = encode_vectors(shape, &body, &target, &PREDICTS)?;
        Ok::<_, RequestError>(String::from_utf8(encoded.body.whole().to_vec()).unwrap())
    };
    let list = r#"{"model":"r","input":["a","b"],"dimensions":2,"input_type":"query"}"#;
    let content = r#"{"content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_DOCUMENT","title":"A","new":1}"#;
    let batch = r#"{"requests":[{"content":{"parts":[{"text":"a"}]}},{"title":"B","content":{"parts":[{"text":"b"}]}}]}"#;
    let (old, first, newer) = ("text-embedding-005", "gemini-embedding-001", "gemini-embedding-2");
    for (shape, model, body, expected) in [
        (
            LIST,
            old,
            list,
            r#"{"instances":[{"content":"a","task_type":"RETRIEVAL_QUERY"},{"content":"b","task_type":"RETRIEVAL_QUERY"}],"parameters":{"outputDimensionality":2}}"#,
        ),
        (BATCH, old, batch, r#"{"instances":[{"content":"a"},{"content":"b","title":"B"}]}"#),
        (
            one,
            first,
            content,
            r#"{"instances":[{"content":"a","task_type":"RETRIEVAL_DOCUMENT","title":"A"}]}"#,
        ),
        // What takes the client's own words is sent them.
        (one, newer, content, content),
        (LIST, newer, r#"{"input":"a"}"#, r#"{"content":{"parts":[{"text":"a"}]}}"#),
    ] {
        assert_eq!(sent(shape, model, body, false).unwrap(), expected, "{model}");
    }
    for (shape, model, body, param) in [
        (LIST, first, list, "input"),
        (LIST, newer, list, "input"),
        (BATCH, newer, batch, "requests"),
    ] {
        assert_eq!(sent(shape, model, body, true).unwrap_err().param(), Some(param), "{model}");
    }
    assert_eq!(asked(BATCH, Dialect::CohereChat, batch).unwrap_err().param(), Some("title"));

    let predictions =
        r#"{"predictions":[{"embeddings":{"values":[0.5],"statistics":{"token_count":3}}}]}"#;
    let single = r#"{"embedding":{"values":[0.5]},"usageMetadata":{"promptTokenCount":3}}"#;
    for (shape, model, body, expected) in [
        (one, first, predictions, r#"{"embedding":{"values":[0.5]}}"#),
        (BATCH, first, predictions, r#"{"embeddings":[{"values":[0.5]}]}"#),
        (one, newer, single, single),
        (BATCH, newer, single, r#"{"embeddings":[{"values":[0.5]}]}"#),
    ] {
        let asked =
            VectorsAsked { shape, model, estimated_tokens: 9, counted: None, quirks: &PREDICTS };
        let body = Bytes::from_static(body.as_bytes());
        let from = Dialect::GeminiGenerate;
        let reply = transcode_vectors(from, &asked, &body, &ReplyContext::unpriced()).unwrap();
        assert_eq!(reply.body, expected, "{model}");
        assert_eq!(reply.facts.usage.unwrap().meters.input_tokens(), 3, "{model}");
    }
}
