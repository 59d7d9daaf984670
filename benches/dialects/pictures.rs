//! A request of 10 MB whose size is pictures, in the words of every client, on its way to any provider.

use std::hint::black_box;

use bytes::Bytes;
use dialects::{PathModel, Target, encode_request_at};
use events::Dialect;

/// Pictures in the request.
const PICTURES: usize = 4;
/// Base64 of each, bytes.
const PICTURE_BYTES: usize = 2_500_000;

/// The dialects providers speak.
pub(crate) const PROVIDERS: [Dialect; 6] = [
    Dialect::OpenaiChat,
    Dialect::AnthropicMessages,
    Dialect::OpenaiResponses,
    Dialect::GeminiGenerate,
    Dialect::BedrockConverse,
    Dialect::CohereChat,
];

/// Makes a request and words it for a provider under another model, with another limit: what policy
/// changes in most. The size of the body, bytes; `None` where the provider takes no pictures.
pub(crate) fn word(client: Dialect, provider: Dialect) -> Option<usize> {
    let body = body(client);
    let at = PathModel::parse("/v1beta/models/m:generateContent", None)
        .filter(|_| client == Dialect::GeminiGenerate);
    let target = Target {
        dialect: provider,
        model: "another-model",
        max_output_tokens: Some(4_096),
        drop_params: false,
    };
    let encoded = encode_request_at(client, at.as_ref(), &body, &target).ok()?;
    black_box(&encoded);
    Some(body.len())
}

fn body(client: Dialect) -> Bytes {
    let (head, before, behind, tail) = match client {
        Dialect::AnthropicMessages => (
            r#"{"model":"m","max_tokens":9999,"messages":[{"role":"user","content":["#,
            r#"{"type":"image","source":{"type":"base64","media_type":"image/png","data":""#,
            r#""}}"#,
            "]}]}",
        ),
        Dialect::OpenaiResponses => (
            r#"{"model":"m","store":false,"input":[{"role":"user","content":["#,
            r#"{"type":"input_image","detail":"auto","image_url":"data:image/png;base64,"#,
            r#""}"#,
            "]}]}",
        ),
        Dialect::GeminiGenerate => (
            r#"{"contents":[{"role":"user","parts":["#,
            r#"{"inlineData":{"mimeType":"image/png","data":""#,
            r#""}}"#,
            "]}]}",
        ),
        _ => (
            r#"{"model":"m","messages":[{"role":"user","content":["#,
            r#"{"type":"image_url","image_url":{"url":"data:image/png;base64,"#,
            r#""}}"#,
            "]}]}",
        ),
    };
    let part = head.len() + before.len() + behind.len() + tail.len();
    let mut body = String::with_capacity(PICTURES * (PICTURE_BYTES + part));
    body.push_str(head);
    for picture in 0..PICTURES {
        body.push_str(if picture > 0 { "," } else { "" });
        body.push_str(before);
        body.extend(std::iter::repeat_n('A', PICTURE_BYTES));
        body.push_str(behind);
    }
    body.push_str(tail);
    body.into()
}
