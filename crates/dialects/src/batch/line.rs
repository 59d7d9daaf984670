//! One line of a batch's results, in the words of either vendor that has them.

use events::Dialect;

use crate::json::Object;
use crate::reply::{ExtraUsage, Usage};
use crate::usage_words;

/// How a line says it was processed; prices depend on it.
const PROCESSING: &str = "batch";
/// Longest name kept of a line or model, bytes; vendors allow 64.
const NAME_BYTES_MAX: usize = 512;

/// The answer to one request of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchLine {
    /// The provider's own id of the line, unique by itself; `None` where it told none.
    pub id: Option<String>,
    /// The client's name of the request, unique within its batch; of a line too long to be read the
    /// hash of all of it.
    pub custom_id: String,
    /// What became of it.
    pub answer: BatchAnswer,
    /// Model as the provider names it.
    pub model: Option<String>,
    /// What it used, processed as a batch; `None` when the line does not tell.
    pub usage: Option<Usage>,
    /// What was used beside it on other models.
    pub extra: Vec<ExtraUsage>,
}

/// What became of one request of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchAnswer {
    /// It was answered.
    Given,
    /// It was answered with an error, or ended without an answer; the status where one was told.
    Failed(Option<u16>),
    /// The line is too long to be read.
    Unread,
}

impl BatchLine {
    /// Reads one line; `None` for what is no line of results. `hint` is the dialect of the provider, for
    /// usage in words that two dialects share.
    pub(super) fn read(line: &[u8], hint: Dialect) -> Option<Self> {
        let line = Object::scan(std::str::from_utf8(line.trim_ascii()).ok()?)?;
        let custom_id = clipped(line.text("custom_id")?);
        let told = |name: &str| line.iter().any(|(known, _)| known == name);
        if told("result") {
            return Self::of_result(&line.child("result")?, custom_id);
        }
        // The lines a batch is made from have a `custom_id`, too.
        if !told("response") && !told("error") {
            return None;
        }
        let mut read = Self::nothing(custom_id, BatchAnswer::Failed(None));
        read.id = line.text("id").map(clipped);
        let Some(response) = line.child("response") else { return Some(read) };
        let status = u16::try_from(response.count("status_code")).ok().filter(|status| *status > 0);
        let is_given = line.get("error").is_none() && status.is_none_or(|status| status < 400);
        read.answer = if is_given { BatchAnswer::Given } else { BatchAnswer::Failed(status) };
        if let Some(body) = response.child("body") {
            read.used(&body, hint);
        }
        Some(read)
    }

    /// The other vendor's: `{"type":"succeeded","message":{…}}`.
    fn of_result(result: &Object<'_>, custom_id: String) -> Option<Self> {
        let kind = result.text("type")?;
        if kind != "succeeded" {
            let inner = result.child("error").and_then(|error| error.child("error"));
            let kind = inner.and_then(|inner| inner.text("type"));
            let is_refused = kind.as_deref() == Some("invalid_request_error");
            let status = is_refused.then_some(400);
            return Some(Self::nothing(custom_id, BatchAnswer::Failed(status)));
        }
        let message = result.child("message")?;
        let mut read = Self::nothing(custom_id, BatchAnswer::Given);
        read.id = message.text("id").map(clipped);
        read.used(&message, Dialect::AnthropicMessages);
        Some(read)
    }

    /// A line of which nothing but its name is known.
    pub(super) const fn nothing(custom_id: String, answer: BatchAnswer) -> Self {
        Self { id: None, custom_id, answer, model: None, usage: None, extra: Vec::new() }
    }

    fn used(&mut self, body: &Object<'_>, hint: Dialect) {
        self.model = body.text("model").map(clipped);
        let told = usage_words::find(|name| body.get(name));
        let Some((mut usage, extra)) = told.and_then(|(json, _)| usage_words::read(json, hint))
        else {
            return;
        };
        usage.service_tier = usage.service_tier.or_else(|| body.text("service_tier"));
        usage.processing = Some(PROCESSING.to_owned());
        self.usage = Some(usage);
        self.extra = extra;
        for extra in &mut self.extra {
            extra.usage.processing = Some(PROCESSING.to_owned());
        }
    }
}

fn clipped(mut name: String) -> String {
    name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::Meter;

    const HINT: Dialect = Dialect::OpenaiChat;

    fn read(line: &str) -> Option<BatchLine> {
        BatchLine::read(line.as_bytes(), HINT)
    }

    #[test]
    fn lines_of_both_vendors_tell_who_they_are_and_what_they_used() {
        // Shapes as the vendors document them (2026-11).
        let chat = r#"{"id":"batch_req_1","custom_id":"a","response":{"status_code":200,"request_id":"req_1","body":{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-5.4-2026-03-05","choices":[{"message":{"content":"{\"usage\":1}"}}],"usage":{"prompt_tokens":12,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":5}},"service_tier":"default"}},"error":null}"#;
        let response = r#"{"id":"batch_req_2","custom_id":"b","response":{"status_code":200,"body":{"object":"response","model":"gpt-5.4","usage":{"input_tokens":9,"output_tokens":7,"output_tokens_details":{"reasoning_tokens":3}}}},"error":null}"#;
        let message = r#"{"custom_id":"c","result":{"type":"succeeded","message":{"id":"msg_1","model":"claude-haiku-5-5","usage":{"input_tokens":4,"cache_read_input_tokens":6,"output_tokens":8,"service_tier":"batch"}}}}"#;
        for (line, id, custom_id, model, input, output) in [
            (chat, "batch_req_1", "a", "gpt-5.4-2026-03-05", 12, 4),
            (response, "batch_req_2", "b", "gpt-5.4", 9, 7),
            (message, "msg_1", "c", "claude-haiku-5-5", 10, 8),
        ] {
            let read = read(line).unwrap();
            let usage = read.usage.unwrap();
            assert_eq!((read.id.as_deref(), read.custom_id.as_str()), (Some(id), custom_id));
            assert_eq!((read.answer, read.model.as_deref()), (BatchAnswer::Given, Some(model)));
            let tokens = (usage.meters.input_tokens(), usage.meters.output_tokens());
            assert_eq!((tokens, usage.processing.as_deref()), ((input, output), Some("batch")));
        }
        let usage = read(chat).unwrap().usage.unwrap();
        assert_eq!(usage.meters.get(Meter::CacheReadText), 5);
    }

    #[test]
    fn what_was_not_answered_tells_no_usage_and_why_where_it_says_so() {
        let error = |kind: &str| {
            format!(
                r#"{{"custom_id":"a","result":{{"type":"errored","error":{{"type":"error","error":{{"type":"{kind}","message":"no"}}}}}}}}"#
            )
        };
        for (line, id, status) in [
            (
                r#"{"id":"batch_req_1","custom_id":"a","response":{"status_code":400,"body":{"error":{"message":"no"}}},"error":null}"#.to_owned(),
                Some("batch_req_1"),
                Some(400),
            ),
            (
                r#"{"id":"batch_req_1","custom_id":"a","response":null,"error":{"code":"batch_expired","message":"no"}}"#.to_owned(),
                Some("batch_req_1"),
                None,
            ),
            (error("invalid_request_error"), None, Some(400)),
            (error("api_error"), None, None),
            (r#"{"custom_id":"a","result":{"type":"expired"}}"#.to_owned(), None, None),
        ] {
            let read = read(&line).unwrap();
            assert_eq!(read.answer, BatchAnswer::Failed(status), "{line}");
            assert_eq!((read.id.as_deref(), read.usage), (id, None), "{line}");
        }
    }

    #[test]
    fn what_is_no_line_of_results_is_none() {
        for line in [
            r#"{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":{"model":"m"}}"#,
            r#"{"messages":[{"role":"user","content":"hello"}]}"#,
            r#"{"id":"x","response":{"status_code":200}}"#,
            r#"["custom_id"]"#,
            "custom_id,response",
            "",
            "{",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
