//! Reads VCR cassettes: YAML with bodies as text, as base64 or already parsed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_yaml_ng::Value as Yaml;

/// One request and its answer.
pub(crate) struct Interaction {
    pub(crate) uri: String,
    pub(crate) request: Option<Value>,
    pub(crate) status: u16,
    pub(crate) response: Option<Vec<u8>>,
    /// Input tokens as one cloud counts them in a header.
    pub(crate) input_tokens: Option<String>,
}

/// The interactions of a cassette. Those of another transport have no address and say so.
pub(crate) fn interactions(yaml: &str) -> Vec<Interaction> {
    let cassette: Yaml = serde_yaml_ng::from_str(yaml).unwrap();
    let list = cassette["interactions"].as_sequence().cloned().unwrap_or_default();
    list.iter().map(interaction).collect()
}

fn interaction(yaml: &Yaml) -> Interaction {
    let (request, response) = (&yaml["request"], &yaml["response"]);
    let uri = request["uri"].as_str().unwrap_or("(no address: not HTTP)").to_owned();
    let status = response["status"]["code"].as_u64().unwrap_or(0);
    Interaction {
        uri,
        request: body(request).and_then(|bytes| serde_json::from_slice(&bytes).ok()),
        status: u16::try_from(status).unwrap_or(0),
        response: body(response),
        input_tokens: response["headers"]["x-amzn-bedrock-input-token-count"][0]
            .as_str()
            .map(str::to_owned),
    }
}

fn body(message: &Yaml) -> Option<Vec<u8>> {
    let parsed = &message["parsed_body"];
    if !parsed.is_null() {
        let json: Value = serde_json::to_value(parsed).ok()?;
        return Some(json.to_string().into_bytes());
    }
    let body = &message["body"];
    if let Some(text) = body.as_str().or_else(|| body["string"].as_str()) {
        return Some(binary(text).unwrap_or_else(|| text.as_bytes().to_vec()));
    }
    let encoded: String = body["base64_string"].as_str()?.split_whitespace().collect();
    STANDARD.decode(encoded).ok()
}

/// Bytes written as YAML's `!!binary`, whose tag the parser does not tell. No answer as long as this
/// has only letters of base64.
fn binary(text: &str) -> Option<Vec<u8>> {
    let encoded: String = text.split_whitespace().collect();
    STANDARD.decode(&encoded).ok().filter(|bytes| bytes.len() >= 16)
}
