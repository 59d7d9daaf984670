//! The same answer of every provider, plain and as a stream (see `fixtures/README.md`).

use events::Dialect;

use crate::bodies::framed;

/// A provider's plain answer.
pub(crate) const fn plain(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::OpenaiChat => include_str!("../../fixtures/openai_plain.json"),
        Dialect::AnthropicMessages => include_str!("../../fixtures/anthropic_plain.json"),
        Dialect::OpenaiResponses => include_str!("../../fixtures/responses_plain.json"),
        Dialect::GeminiGenerate => include_str!("../../fixtures/gemini_plain.json"),
        Dialect::BedrockConverse => include_str!("../../fixtures/bedrock_plain.json"),
        Dialect::CohereChat => include_str!("../../fixtures/cohere_plain.json"),
    }
}

/// A provider's streamed answer.
pub(crate) fn streamed(dialect: Dialect) -> Vec<u8> {
    let text = match dialect {
        Dialect::OpenaiChat => include_str!("../../fixtures/openai_stream.sse"),
        Dialect::AnthropicMessages => include_str!("../../fixtures/anthropic_stream.sse"),
        Dialect::OpenaiResponses => include_str!("../../fixtures/responses_stream.sse"),
        Dialect::GeminiGenerate => include_str!("../../fixtures/gemini_stream.sse"),
        Dialect::BedrockConverse => include_str!("../../fixtures/bedrock_stream.txt"),
        Dialect::CohereChat => include_str!("../../fixtures/cohere_stream.sse"),
    };
    match dialect {
        Dialect::BedrockConverse => text.lines().flat_map(|line| framed(line.as_bytes())).collect(),
        _ => text.as_bytes().to_vec(),
    }
}
