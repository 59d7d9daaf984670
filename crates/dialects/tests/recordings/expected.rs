//! What a recording itself says, read the plain way: no code of the crate is used here.

use std::collections::BTreeMap;

use events::Dialect;
use serde_json::Value;

/// What an answer says.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) reasoning: String,
    /// Name and arguments of each call.
    pub(crate) calls: BTreeMap<u64, (String, String)>,
    pub(crate) finish: Option<String>,
    /// Input and output tokens, cache and reasoning included.
    pub(crate) tokens: Option<(u64, u64)>,
    /// Whether the stream says that it is complete.
    pub(crate) is_complete: bool,
}

impl Said {
    fn call(&mut self, index: u64, function: &Value) {
        let call = self.calls.entry(index).or_default();
        call.0.push_str(function["name"].as_str().unwrap_or_default());
        call.1.push_str(function["arguments"].as_str().unwrap_or_default());
    }
}

pub(crate) fn of_plain(dialect: Dialect, body: &Value) -> Said {
    let mut said = Said::default();
    match dialect {
        Dialect::OpenaiChat => {
            for choice in body["choices"].as_array().into_iter().flatten() {
                openai_message(&mut said, &choice["message"]);
                openai_finish(&mut said, choice);
            }
            openai_usage(&mut said, &body["usage"]);
        }
        Dialect::AnthropicMessages => {
            for block in body["content"].as_array().into_iter().flatten() {
                said.text.push_str(block["text"].as_str().unwrap_or_default());
                said.reasoning.push_str(block["thinking"].as_str().unwrap_or_default());
                if block["type"] == "tool_use" {
                    let index = said.calls.len() as u64;
                    let name = block["name"].as_str().unwrap_or_default().to_owned();
                    said.calls.insert(index, (name, block["input"].to_string()));
                }
            }
            said.finish = anthropic_finish(&body["stop_reason"]);
            said.tokens = anthropic_tokens(&body["usage"]);
        }
        Dialect::OpenaiResponses => responses_body(&mut said, body),
        Dialect::GeminiGenerate => crate::gemini::note(&mut said, body),
        Dialect::BedrockConverse => return crate::bedrock::of_plain(body),
        Dialect::CohereChat => return crate::cohere::of_plain(body),
    }
    said
}

pub(crate) fn of_stream(dialect: Dialect, stream: &str) -> Said {
    let mut said = Said::default();
    let lines = stream.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
    let mut usage = Value::Null;
    let mut block = (Value::Null, 0_u64);
    for data in lines {
        if data == "[DONE]" {
            said.is_complete = true;
            continue;
        }
        let Ok(event) = serde_json::from_str::<Value>(data) else { continue };
        match dialect {
            Dialect::OpenaiChat => {
                for choice in event["choices"].as_array().into_iter().flatten() {
                    openai_message(&mut said, &choice["delta"]);
                    openai_finish(&mut said, choice);
                }
                let at_top = &event["usage"];
                let told = if at_top.is_object() { at_top } else { &event["x_groq"]["usage"] };
                if told.is_object() {
                    openai_usage(&mut said, told);
                }
            }
            Dialect::AnthropicMessages => {
                anthropic_event(&mut said, &event, &mut block);
                merge(&mut usage, &event["message"]["usage"]);
                merge(&mut usage, &event["usage"]);
            }
            Dialect::OpenaiResponses => responses_event(&mut said, &event),
            Dialect::GeminiGenerate => crate::gemini::note(&mut said, &event),
            Dialect::CohereChat => crate::cohere::note(&mut said, &event),
            other => unreachable!("no expectation of {other} is written here"),
        }
    }
    if dialect == Dialect::AnthropicMessages {
        said.tokens = anthropic_tokens(&usage);
    }
    said
}

fn openai_message(said: &mut Said, message: &Value) {
    said.text.push_str(message["content"].as_str().unwrap_or_default());
    // Some servers call it so, others so.
    let reasoning = message["reasoning_content"].as_str().or(message["reasoning"].as_str());
    said.reasoning.push_str(reasoning.unwrap_or_default());
    for (at, call) in message["tool_calls"].as_array().into_iter().flatten().enumerate() {
        let index = call["index"].as_u64().unwrap_or(at as u64);
        said.call(index, &call["function"]);
    }
}

fn openai_finish(said: &mut Said, choice: &Value) {
    if let Some(reason) = choice["finish_reason"].as_str().filter(|reason| !reason.is_empty()) {
        said.finish = Some(reason.to_owned());
    }
}

fn openai_usage(said: &mut Said, usage: &Value) {
    if !usage.is_object() {
        return;
    }
    let count = |key: &str| usage[key].as_u64().unwrap_or(0);
    let input = count("prompt_tokens");
    said.tokens =
        Some((input, count("completion_tokens").max(count("total_tokens").saturating_sub(input))));
}

fn responses_body(said: &mut Said, body: &Value) {
    let joined = |parts: &Value| {
        let texts = parts.as_array().into_iter().flatten().filter_map(|part| part["text"].as_str());
        texts.collect::<Vec<_>>().join("\n\n")
    };
    for item in body["output"].as_array().into_iter().flatten() {
        match item["type"].as_str().unwrap_or_default() {
            "message" => {
                for part in item["content"].as_array().into_iter().flatten() {
                    said.text.push_str(part["text"].as_str().unwrap_or_default());
                }
            }
            "reasoning" => {
                let summary = joined(&item["summary"]);
                let shown = if summary.is_empty() { joined(&item["content"]) } else { summary };
                said.reasoning.push_str(&shown);
            }
            "function_call" => said.call(said.calls.len() as u64, item),
            _ => {}
        }
    }
    responses_end(said, body);
}

fn responses_end(said: &mut Said, body: &Value) {
    let finish = match (body["status"].as_str(), body["incomplete_details"]["reason"].as_str()) {
        (Some("queued" | "in_progress"), _) => None,
        (_, Some("max_output_tokens")) => Some("length"),
        (_, Some("content_filter")) => Some("content_filter"),
        _ if said.calls.is_empty() => Some("stop"),
        _ => Some("tool_calls"),
    };
    said.finish = finish.map(str::to_owned);
    let count = |key: &str| body["usage"][key].as_u64().unwrap_or(0);
    said.tokens =
        body["usage"].is_object().then(|| (count("input_tokens"), count("output_tokens")));
}

fn responses_event(said: &mut Said, event: &Value) {
    let delta = || event["delta"].as_str().unwrap_or_default();
    match event["type"].as_str().unwrap_or_default() {
        "response.output_text.delta" => said.text.push_str(delta()),
        "response.reasoning_summary_part.added" if event["summary_index"] != 0 => {
            said.reasoning.push_str("\n\n");
        }
        "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" => {
            said.reasoning.push_str(delta());
        }
        "response.output_item.done" if event["item"]["type"] == "function_call" => {
            said.call(said.calls.len() as u64, &event["item"]);
        }
        "response.completed" | "response.incomplete" => {
            responses_end(said, &event["response"]);
            said.is_complete = true;
        }
        _ => {}
    }
}

fn anthropic_event(said: &mut Said, event: &Value, block: &mut (Value, u64)) {
    match event["type"].as_str().unwrap_or_default() {
        "content_block_start" => {
            block.0 = event["content_block"].clone();
            if block.0["type"] == "tool_use" {
                block.1 = said.calls.len() as u64;
                let name = block.0["name"].as_str().unwrap_or_default().to_owned();
                said.calls.insert(block.1, (name, String::new()));
            }
        }
        "content_block_delta" => {
            let piece = |key: &str| event["delta"][key].as_str().unwrap_or_default();
            said.text.push_str(piece("text"));
            said.reasoning.push_str(piece("thinking"));
            if block.0["type"] == "tool_use" {
                let index = block.1;
                said.calls.entry(index).or_default().1.push_str(piece("partial_json"));
            }
        }
        "content_block_stop" if block.0["type"] == "tool_use" => {
            let call = said.calls.entry(block.1).or_default();
            if call.1.is_empty() {
                call.1 = block.0["input"].to_string();
            }
        }
        "message_delta" => {
            said.finish = anthropic_finish(&event["delta"]["stop_reason"]).or(said.finish.take());
        }
        "message_stop" => said.is_complete = true,
        _ => {}
    }
}

fn merge(usage: &mut Value, told: &Value) {
    for (key, value) in told.as_object().into_iter().flatten() {
        if !value.is_null() {
            usage[key] = value.clone();
        }
    }
}

fn anthropic_tokens(usage: &Value) -> Option<(u64, u64)> {
    let count = |key: &str| usage[key].as_u64().unwrap_or(0);
    let input = count("input_tokens")
        + count("cache_read_input_tokens")
        + count("cache_creation_input_tokens");
    usage.is_object().then(|| (input, count("output_tokens")))
}

fn anthropic_finish(reason: &Value) -> Option<String> {
    let reason = match reason.as_str()? {
        "max_tokens" | "model_context_window_exceeded" => "length",
        "tool_use" => "tool_calls",
        "refusal" => "content_filter",
        _ => "stop",
    };
    Some(reason.to_owned())
}
