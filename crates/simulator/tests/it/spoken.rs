//! What the product's own dialects say is taken by the providers and understood back.

use bytes::Bytes;
use dialects::{
    AwsCredentials, ReplyContext, SignedRequest, SigningScope, StreamTranscoder, Target,
    auth_headers, encode_request, endpoint_path, sign, transcode_reply,
};
use events::Dialect;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use simulator::{AWS_CREDENTIALS, Simulator};
use units::{Secret, UnixMicros};

use crate::client::start;

const CLIENT: Dialect = Dialect::OpenaiChat;
const PROVIDERS: [(Dialect, &str, &str); 2] = [
    (Dialect::BedrockConverse, "", "us.anthropic.claude-x-v1:0"),
    (Dialect::CohereChat, "/v2", "command-x"),
];

/// What one who speaks OpenAI's chat may ask.
fn asked() -> [Value; 6] {
    let tool = |name: &str| {
        json!({"type": "function", "function": {"name": name, "parameters": {
            "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]
        }}})
    };
    let tools = json!([tool("weather"), tool("forecast")]);
    let call = json!({"id": "call/1", "type": "function", "function": {"name": "weather", "arguments": "{\"city\":\"Paris\"}"}});
    let schema = json!({"type": "object", "properties": {"a": {"type": "boolean"}}});
    [
        json!({"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}],
            "temperature": 0.5, "top_p": 0.9, "max_tokens": 40, "stop": ["zebra"]}),
        json!({"messages": [{"role": "user", "content": "in parallel, with tools"}], "tools": tools, "tool_choice": "required"}),
        json!({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "call/1", "content": "rain"}, {"role": "user", "content": "so?"}],
            "tools": tools}),
        json!({"messages": [{"role": "user", "content": "hi"}], "reasoning_effort": "low"}),
        json!({"messages": [{"role": "user", "content": [{"type": "text", "text": "what is this"},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}]}]}),
        json!({"messages": [{"role": "user", "content": "hi"}],
            "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}}),
    ]
}

async fn send(
    simulator: &Simulator,
    (dialect, base, model): (Dialect, &str, &str),
    body: &Value,
) -> Response {
    let target = Target { dialect, model, max_output_tokens: Some(400), drop_params: false };
    let encoded = encode_request(CLIENT, &Bytes::from(body.to_string()), &target).unwrap();
    let path = format!("{base}{}", endpoint_path(dialect, model, body["stream"] == true));
    let host = simulator.addr().to_string();
    let secret = Secret::new(AWS_CREDENTIALS);
    let mut headers = auth_headers(dialect, &secret);
    if let Some(credentials) =
        AwsCredentials::parse(&secret).filter(|_| dialect == Dialect::BedrockConverse)
    {
        let request = SignedRequest {
            method: "POST",
            host: &host,
            path: &path,
            headers: &[],
            body: &encoded.body.whole(),
        };
        let scope = SigningScope { region: "us-east-1", service: "bedrock" };
        headers.extend(sign(
            &request,
            &credentials,
            &scope,
            UnixMicros::new(1_795_000_000_250_000),
        ));
    }
    let mut request =
        Client::new().post(format!("http://{host}{path}")).body(encoded.body.whole().into_owned());
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request.header("content-type", "application/json").send().await.unwrap()
}

#[tokio::test]
async fn every_provider_takes_what_is_said_and_is_understood_back() {
    let simulator = start().await;
    for provider in PROVIDERS {
        for mut body in asked() {
            body["model"] = "alias".into();
            let response = send(&simulator, provider, &body).await;
            let status = response.status();
            let bytes = response.bytes().await.unwrap();
            assert_eq!(status, 200, "{body}: {}", String::from_utf8_lossy(&bytes));
            let context = ReplyContext::unpriced();
            let plain = transcode_reply(provider.0, CLIENT, &bytes, &context).unwrap();
            body["stream"] = true.into();
            let response = send(&simulator, provider, &body).await;
            let mut stream = StreamTranscoder::new(provider.0, CLIENT, context);
            stream.push(&response.bytes().await.unwrap()).unwrap();
            stream.finish().unwrap();
            let (told, whole) = (stream.facts(), &plain.facts);
            assert_eq!(told.usage, whole.usage, "{body}");
            assert_eq!(told.finish_reason, whole.finish_reason, "{body}");
            assert_eq!(told.output.bytes, whole.output.bytes, "{body}");
        }
    }
    let billed = simulator.bill().total();
    assert_eq!(billed.requests, 2 * 2 * 6);
}
