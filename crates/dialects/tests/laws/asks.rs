//! The same request in each client's words, one for every feature an application may use.

use events::Dialect;
use serde_json::{Value, json};

use crate::matrix::Feature;

/// A picture, in base64.
pub(crate) const PICTURE: &str = "iVBORw0KGgo=";
/// What is said to every model.
pub(crate) const SAID: &str = "Which weather is it?";
/// Names and results of calls.
pub(crate) const TOOL: &str = "look_up_weather";
/// What the tool answered to one call and to another.
pub(crate) const RESULTS: [&str; 2] = ["sunny in Riga", "rainy in Oslo"];
/// A member of the shape an answer must have.
pub(crate) const MEMBER: &str = "verdict_of_weather";

/// A client's request that uses a feature.
pub(crate) fn ask(client: Dialect, feature: Feature) -> String {
    let calls = match feature {
        Feature::Tools => 1,
        Feature::ParallelTools => 2,
        Feature::Text
        | Feature::Stream
        | Feature::Images
        | Feature::Structured
        | Feature::Thinking
        | Feature::Citations
        | Feature::Usage => 0,
    };
    let mut body = match client {
        Dialect::OpenaiChat => openai(feature, calls),
        Dialect::AnthropicMessages => anthropic(feature, calls),
        Dialect::OpenaiResponses => responses(feature, calls),
        Dialect::GeminiGenerate => gemini(feature, calls),
        Dialect::BedrockConverse | Dialect::CohereChat => panic!("no client speaks {client}"),
    };
    if feature == Feature::Stream && client != Dialect::GeminiGenerate {
        body["stream"] = true.into();
    }
    body.to_string()
}

fn schema(member: &str) -> Value {
    json!({
        "type": "object", "properties": {member: {"type": "string"}}, "required": [member],
        "additionalProperties": false,
    })
}

fn arguments(call: usize) -> Value {
    let place = if call == 0 { "Riga" } else { "Oslo" };
    json!({ "place": place })
}

fn openai(feature: Feature, calls: usize) -> Value {
    let mut messages = vec![json!({"role": "user", "content": SAID})];
    let mut body = json!({"model": "r", "max_completion_tokens": 9_000});
    if feature == Feature::Images {
        let url = format!("data:image/png;base64,{PICTURE}");
        messages[0]["content"] = json!([
            {"type": "text", "text": SAID}, {"type": "image_url", "image_url": {"url": url}},
        ]);
    }
    if calls > 0 {
        let function = json!({"name": TOOL, "parameters": schema("place")});
        body["tools"] = json!([{"type": "function", "function": function}]);
        let made: Vec<Value> = (0..calls)
            .map(|at| {
                let function = json!({"name": TOOL, "arguments": arguments(at).to_string()});
                json!({"id": format!("call_{at}"), "type": "function", "function": function})
            })
            .collect();
        messages.push(json!({"role": "assistant", "content": null, "tool_calls": made}));
        messages.extend((0..calls).map(|at| {
            json!({"role": "tool", "tool_call_id": format!("call_{at}"), "content": RESULTS[at]})
        }));
    }
    body["messages"] = messages.into();
    match feature {
        Feature::Structured => {
            let format = json!({"name": "weather", "strict": true, "schema": schema(MEMBER)});
            body["response_format"] = json!({"type": "json_schema", "json_schema": format});
        }
        Feature::Thinking => body["reasoning_effort"] = "high".into(),
        _ => {}
    }
    body
}

fn anthropic(feature: Feature, calls: usize) -> Value {
    let mut messages = vec![json!({"role": "user", "content": SAID})];
    let mut body = json!({"model": "r", "max_tokens": 9_000});
    if feature == Feature::Images {
        let source = json!({"type": "base64", "media_type": "image/png", "data": PICTURE});
        messages[0]["content"] =
            json!([{"type": "text", "text": SAID}, {"type": "image", "source": source}]);
    }
    if calls > 0 {
        body["tools"] = json!([{"name": TOOL, "input_schema": schema("place")}]);
        let made: Vec<Value> = (0..calls)
            .map(|at| {
                let id = format!("toolu_{at}");
                json!({"type": "tool_use", "id": id, "name": TOOL, "input": arguments(at)})
            })
            .collect();
        let results: Vec<Value> = (0..calls)
            .map(|at| {
                let id = format!("toolu_{at}");
                json!({"type": "tool_result", "tool_use_id": id, "content": RESULTS[at]})
            })
            .collect();
        messages.push(json!({"role": "assistant", "content": made}));
        messages.push(json!({"role": "user", "content": results}));
    }
    body["messages"] = messages.into();
    match feature {
        Feature::Structured => {
            body["output_config"] =
                json!({"format": {"type": "json_schema", "schema": schema(MEMBER)}});
        }
        Feature::Thinking => {
            body["thinking"] = json!({"type": "enabled", "budget_tokens": 4_000});
        }
        _ => {}
    }
    body
}

fn responses(feature: Feature, calls: usize) -> Value {
    let mut input = vec![json!({"type": "message", "role": "user", "content": SAID})];
    let mut body = json!({"model": "r", "max_output_tokens": 9_000, "store": false});
    if feature == Feature::Images {
        let url = format!("data:image/png;base64,{PICTURE}");
        input[0]["content"] = json!([
            {"type": "input_text", "text": SAID}, {"type": "input_image", "image_url": url},
        ]);
    }
    if calls > 0 {
        let tool = json!({"type": "function", "name": TOOL, "parameters": schema("place")});
        body["tools"] = json!([tool]);
        input.extend((0..calls).map(|at| {
            let (id, arguments) = (format!("call_{at}"), arguments(at).to_string());
            json!({"type": "function_call", "call_id": id, "name": TOOL, "arguments": arguments})
        }));
        input.extend((0..calls).map(|at| {
            let id = format!("call_{at}");
            json!({"type": "function_call_output", "call_id": id, "output": RESULTS[at]})
        }));
    }
    body["input"] = input.into();
    match feature {
        Feature::Structured => {
            let schema = schema(MEMBER);
            body["text"] = json!({"format": {
                "type": "json_schema", "name": "weather", "strict": true, "schema": schema,
            }});
        }
        Feature::Thinking => body["reasoning"] = json!({"effort": "high"}),
        _ => {}
    }
    body
}

fn gemini(feature: Feature, calls: usize) -> Value {
    let mut contents = vec![json!({"role": "user", "parts": [{"text": SAID}]})];
    let mut body = json!({"generationConfig": {"maxOutputTokens": 9_000}});
    if feature == Feature::Images {
        let data = json!({"mimeType": "image/png", "data": PICTURE});
        contents[0]["parts"] = json!([{"text": SAID}, {"inlineData": data}]);
    }
    if calls > 0 {
        let function = json!({"name": TOOL, "parametersJsonSchema": schema("place")});
        body["tools"] = json!([{"functionDeclarations": [function]}]);
        let made: Vec<Value> = (0..calls)
            .map(|at| json!({"functionCall": {"name": TOOL, "args": arguments(at)}}))
            .collect();
        let results: Vec<Value> = (0..calls)
            .map(|at| {
                let response = json!({"output": RESULTS[at]});
                json!({"functionResponse": {"name": TOOL, "response": response}})
            })
            .collect();
        contents.push(json!({"role": "model", "parts": made}));
        contents.push(json!({"role": "user", "parts": results}));
    }
    body["contents"] = contents.into();
    match feature {
        Feature::Structured => {
            body["generationConfig"]["responseMimeType"] = "application/json".into();
            body["generationConfig"]["responseJsonSchema"] = schema(MEMBER);
        }
        Feature::Thinking => {
            body["generationConfig"]["thinkingConfig"] = json!({"thinkingBudget": 4_000});
        }
        _ => {}
    }
    body
}
