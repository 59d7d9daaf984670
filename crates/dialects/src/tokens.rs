//! Token counts before a provider has told any: for reservations and aborted streams only.
//!
//! Counted with OpenAI's `o200k` vocabulary for every model; the ratio to what a provider bills is
//! learned elsewhere. Never used where a provider's own figure exists.

use crate::chat::{ChatRequest, Content, Part, ResponseFormat};

/// Text counted at most, in bytes; the rest is scaled, so that a body of megabytes costs no more
/// time than this.
const COUNTED_BYTES_MAX: usize = 64 * 1024;
/// Tokens around each message, and before the answer (OpenAI's cookbook for its chat models).
const MESSAGE_TOKENS: u64 = 4;
const ANSWER_TOKENS: u64 = 3;
/// Tokens around each tool beside its name, description and schema.
const TOOL_TOKENS: u64 = 12;
/// An image of one megapixel: vendors document 765 to 1,334.
const IMAGE_TOKENS: u64 = 1_200;
/// A file: a page holds about 2,000 tokens in 40 kB of PDF.
const DOCUMENT_BYTES_PER_TOKEN: u64 = 20;
/// Average bytes of text a token stands for, where nothing can be parsed.
const BYTES_PER_TOKEN: usize = 4;

/// Builds the tokenizer, which otherwise happens at the first estimate and takes a while.
pub fn warm_tokenizer() {
    estimate_text_tokens("warm");
}

/// Tokens of a text, an estimate by tokenizer. Long text is counted in part and scaled.
pub fn estimate_text_tokens(text: &str) -> u64 {
    let mut tally = Tally::default();
    tally.text(text);
    tally.tokens()
}

/// Tokens of a body that cannot be parsed.
pub(crate) fn estimate_bytes(bytes: usize) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN) as u64
}

/// Input tokens of a request.
pub(crate) fn estimate_request(request: &ChatRequest<'_>) -> u64 {
    let mut tally = Tally { flat: ANSWER_TOKENS, ..Tally::default() };
    for turn in &request.turns {
        tally.flat += MESSAGE_TOKENS;
        tally.parts(&turn.parts);
    }
    for tool in &request.tools {
        tally.flat += TOOL_TOKENS;
        tally.text(&tool.name);
        tally.text(tool.description.as_deref().unwrap_or_default());
        tally.text(tool.parameters.as_deref().map_or("", |schema| schema.get()));
    }
    if let ResponseFormat::JsonSchema(format) = &request.format {
        tally.text(format.schema.get());
    }
    tally.tokens()
}

#[derive(Default)]
struct Tally {
    /// Tokens not counted by tokenizer.
    flat: u64,
    counted_tokens: u64,
    counted_bytes: usize,
    all_bytes: usize,
}

impl Tally {
    fn text(&mut self, text: &str) {
        self.all_bytes = self.all_bytes.saturating_add(text.len());
        let room = COUNTED_BYTES_MAX.saturating_sub(self.counted_bytes);
        let counted = &text[..text.floor_char_boundary(room)];
        if !counted.is_empty() {
            self.counted_bytes += counted.len();
            self.counted_tokens += bpe_openai::o200k_base().count(counted) as u64;
        }
    }

    fn parts(&mut self, parts: &[Part<'_>]) {
        for part in parts {
            if let Some(title) = part.cited.as_ref().and_then(|cited| cited.title.as_deref()) {
                self.text(title);
            }
            match &part.content {
                Content::Text(text) => self.text(text),
                Content::Image(_) | Content::Other(_) => self.flat += IMAGE_TOKENS,
                Content::Document { data, .. } => {
                    self.flat += data.len() as u64 / DOCUMENT_BYTES_PER_TOKEN;
                }
                Content::ToolCall { name, arguments, .. } => {
                    self.text(name);
                    self.text(arguments);
                }
                Content::ToolResult { parts, .. } => self.parts(parts),
                Content::Thinking { text, .. } => self.text(text),
                Content::RedactedThinking(data) => self.text(data),
                Content::UnsignedThinking => {}
            }
        }
    }

    fn tokens(&self) -> u64 {
        if self.counted_bytes == 0 {
            return self.flat;
        }
        let scaled = u128::from(self.counted_tokens) * self.all_bytes as u128;
        let text = scaled.div_ceil(self.counted_bytes as u128);
        self.flat.saturating_add(u64::try_from(text).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::estimate_input_tokens;
    use events::Dialect;

    fn estimate(body: &str) -> u64 {
        estimate_input_tokens(Dialect::OpenaiChat, body.as_bytes())
    }

    #[test]
    fn text_messages_and_tools_add_up() {
        let one = estimate(r#"{"messages":[{"role":"user","content":"hello world"}]}"#);
        assert_eq!(one, 2 + MESSAGE_TOKENS + ANSWER_TOKENS);
        let tool = estimate(
            r#"{"messages":[{"role":"user","content":"hello world"}],"tools":[{"type":"function","function":{"name":"hello"}}]}"#,
        );
        assert_eq!(tool, one + TOOL_TOKENS + 1);
    }

    #[test]
    fn an_image_counts_the_same_however_many_bytes_carry_it() {
        let body = |data: &str| {
            format!(
                r#"{{"messages":[{{"role":"user","content":[{{"type":"image_url","image_url":{{"url":"data:image/png;base64,{data}"}}}}]}}]}}"#
            )
        };
        assert_eq!(estimate(&body("AA")), estimate(&body(&"A".repeat(1 << 20))));
    }

    #[test]
    fn long_text_is_scaled_from_its_beginning() {
        let text = "one two three four ".repeat(20_000);
        let tokens = estimate_text_tokens(&text);
        assert!((79_000..=82_000).contains(&tokens), "{tokens}");
    }

    #[test]
    fn what_cannot_be_parsed_is_estimated_by_its_length() {
        assert_eq!(estimate("{{{{"), 1);
        assert_eq!(estimate(""), 0);
        assert_eq!(estimate_text_tokens(""), 0);
    }
}
