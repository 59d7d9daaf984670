//! Every address with what it means, and those nobody serves.

use super::*;

fn headers(name: Option<&'static str>) -> HeaderMap {
    name.map(|name| (http::HeaderName::from_static(name), "x".parse().unwrap()))
        .into_iter()
        .collect()
}

#[test]
fn each_address_has_its_dialect_operation_and_model() {
    let chat = Operation::Chat;
    for (path, header, dialect, operation, model) in [
        ("/v1/chat/completions", None, Dialect::OpenaiChat, chat, None),
        ("/v1/chat/completions/", None, Dialect::OpenaiChat, chat, None),
        (
            "/openai/deployments/my%20gpt/chat/completions",
            None,
            Dialect::OpenaiChat,
            chat,
            Some("my gpt"),
        ),
        ("/v1/embeddings", None, Dialect::OpenaiChat, Operation::Embeddings, None),
        (
            "/openai/deployments/a%2Fb/completions",
            None,
            Dialect::OpenaiChat,
            Operation::Completions,
            Some("a/b"),
        ),
        (
            "/openai/deployments/d/images/edits",
            None,
            Dialect::OpenaiChat,
            Operation::Media(OpenaiOperation::ImagesEdits),
            Some("d"),
        ),
        (
            "/openai/deployments/d/audio/translations",
            None,
            Dialect::OpenaiChat,
            Operation::Media(OpenaiOperation::Translations),
            Some("d"),
        ),
        ("/openai/responses", None, Dialect::OpenaiResponses, chat, None),
        (
            "/openai/responses/input_tokens",
            None,
            Dialect::OpenaiResponses,
            Operation::CountTokens,
            None,
        ),
        ("/openai/models", None, Dialect::OpenaiChat, Operation::Models, None),
        ("/openai/v1/models/m", None, Dialect::OpenaiChat, Operation::Models, Some("m")),
        ("/openai/files/f", None, Dialect::OpenaiChat, Operation::Pass, None),
        ("/openai/v1/chat/completions", None, Dialect::OpenaiChat, chat, None),
        ("/v1/responses", None, Dialect::OpenaiResponses, chat, None),
        (
            "/v1/responses/input_tokens",
            None,
            Dialect::OpenaiResponses,
            Operation::CountTokens,
            None,
        ),
        ("/v1/messages", None, Dialect::AnthropicMessages, chat, None),
        (
            "/v1/messages/count_tokens",
            None,
            Dialect::AnthropicMessages,
            Operation::CountTokens,
            None,
        ),
        ("/v1beta/models/g:generateContent", None, Dialect::GeminiGenerate, chat, Some("g")),
        ("/v1/models/a:b:streamGenerateContent", None, Dialect::GeminiGenerate, chat, Some("a:b")),
        (
            "/v1beta/models/g:countTokens",
            None,
            Dialect::GeminiGenerate,
            Operation::CountTokens,
            Some("g"),
        ),
        (
            "/v1/models/e:batchEmbedContents",
            None,
            Dialect::GeminiGenerate,
            Operation::Embeddings,
            Some("e"),
        ),
        ("/v2/rerank", None, Dialect::CohereChat, Operation::Rerank, None),
        ("/v1/completions", None, Dialect::OpenaiChat, Operation::Completions, None),
        (
            "/v1/images/edits",
            None,
            Dialect::OpenaiChat,
            Operation::Media(OpenaiOperation::ImagesEdits),
            None,
        ),
        (
            "/openai/v1/audio/speech",
            None,
            Dialect::OpenaiChat,
            Operation::Media(OpenaiOperation::Speech),
            None,
        ),
        ("/v1/batches/b", None, Dialect::OpenaiChat, Operation::Pass, None),
        ("/v1/files", Some("anthropic-version"), Dialect::AnthropicMessages, Operation::Pass, None),
        ("/v1/messages/batches", None, Dialect::AnthropicMessages, Operation::Pass, None),
        ("/v1/models", None, Dialect::OpenaiChat, Operation::Models, None),
        (
            "/v1/models",
            Some("anthropic-version"),
            Dialect::AnthropicMessages,
            Operation::Models,
            None,
        ),
        (
            "/v1/models/m",
            Some("x-goog-api-key"),
            Dialect::GeminiGenerate,
            Operation::Models,
            Some("m"),
        ),
        ("/v1beta/models", None, Dialect::GeminiGenerate, Operation::Models, None),
    ] {
        let method = if operation == Operation::Models { Method::GET } else { Method::POST };
        let found = inbound(&method, &path.parse().unwrap(), &headers(header)).unwrap();
        assert_eq!(
            (found.dialect, found.operation, found.model.as_deref()),
            (dialect, operation, model),
            "{path}"
        );
    }
}

#[test]
fn an_address_nobody_serves_is_refused_in_the_dialect_it_looks_like() {
    for (method, path, status, dialect) in [
        (Method::POST, "/v1/nothing", 404, Dialect::OpenaiChat),
        (Method::POST, "/v1beta/models/g:nothing", 405, Dialect::GeminiGenerate),
        (Method::POST, "/v1beta/files", 404, Dialect::GeminiGenerate),
        (Method::GET, "/v1/images/edits", 405, Dialect::OpenaiChat),
        (Method::GET, "/passthrough/openai/../x", 400, Dialect::OpenaiChat),
        (Method::GET, "/v1/messages", 405, Dialect::AnthropicMessages),
        (Method::POST, "/v1/models", 405, Dialect::OpenaiChat),
        (Method::POST, "/v1/realtime", 405, Dialect::OpenaiChat),
        (Method::POST, "/openai/deployments//chat/completions", 404, Dialect::OpenaiChat),
        (Method::POST, "/openai/deployments/d/moderations", 404, Dialect::OpenaiChat),
        (Method::GET, "/openai/deployments/d/audio/speech", 405, Dialect::OpenaiChat),
    ] {
        let failure = inbound(&method, &path.parse().unwrap(), &headers(None)).unwrap_err();
        assert_eq!(failure.status, status, "{path}");
        assert_eq!(dialect_of(path, &headers(None)), dialect, "{path}");
    }
}
