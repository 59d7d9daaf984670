//! The official SDKs, unmodified, against targets of several dialects: what they see is what the ledger
//! holds.

use serde_json::Value;
use units::Usd;

use crate::harness::{Setup, Shared, Tollgate, tools};

static SHARED: Shared = Shared::new();

fn setup() -> Setup {
    // The version of the API that some SDKs speak refuses sampling parameters; a route says what becomes
    // of what a target cannot carry.
    let drops = "drop_params = true\n";
    Setup { speaks_every_dialect: true, ..Setup::default() }
        .route("gpt-5.4", &["openai/gpt-5.4"], "")
        .route("claude-sonnet-5-5", &["anthropic/claude-sonnet-5-5"], "")
        .route("text-embedding-3-small", &["openai/text-embedding-3-small"], "")
        .route("by-chat", &["openai/gpt-5.4"], drops)
        .route("by-responses", &["responses/gpt-5.4"], drops)
        .route("by-messages", &["anthropic/claude-sonnet-5-5"], drops)
        .route("by-cohere", &["cohere/command-a-03-2025"], drops)
        .route("by-bedrock", &["bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0"], drops)
        .route("by-gemini", &["google/gemini-3-flash-preview"], drops)
}

/// Runs one SDK's script, then finds in the lake what the script saw.
fn tell(sdk: fn(&str, &[&str]) -> String, script: &str, model: &str, provider: &str) {
    let tollgate = SHARED.get(setup);
    let client = tollgate.client("search");
    let text = sdk(script, &[&client.base_url(), client.key(), model]);
    let seen: Value = serde_json::from_str(&text).unwrap();
    let row = tollgate.row_of(seen["request_id"].as_str().unwrap());
    assert_eq!(row.text("provider"), provider);
    assert_eq!(row.text("customer"), "globex");
    assert_eq!(row.text("team"), "search");
    assert_eq!(row.text("usage_source"), "provider");
    assert_eq!(Some(row.number("input_tokens_total")), seen["plain"]["input"].as_u64());
    assert_eq!(Some(row.number("output_tokens_total")), seen["plain"]["output"].as_u64());
    let header: Usd = seen["cost_header"].as_str().unwrap().parse().unwrap();
    let body: Usd = seen["plain"]["cost"].as_str().unwrap().parse().unwrap();
    assert_eq!((row.usd("cost_usd"), body), (Some(header), header));
    assert_eq!(row.usd("cost_usd"), billed(&tollgate, row.text("upstream_request_id")));
}

/// What the provider bills for one request.
fn billed(tollgate: &Tollgate, upstream_request_id: &str) -> Option<Usd> {
    let bill = tollgate.providers.bill();
    let request = bill.request(upstream_request_id).unwrap();
    crate::harness::providers::cost(&request.model, &request.quantities)
}

#[test]
fn the_python_sdk_works_against_an_openai_target() {
    tell(tools::python, "openai_sdk.py", "gpt-5.4", "openai");
}

#[test]
fn the_python_sdk_works_against_an_anthropic_target() {
    tell(tools::python, "openai_sdk.py", "claude-sonnet-5-5", "anthropic");
}

#[test]
fn the_node_sdk_works_against_an_openai_target() {
    tell(tools::node, "openai_sdk.mjs", "gpt-5.4", "openai");
}

#[test]
fn the_node_sdk_works_against_an_anthropic_target() {
    tell(tools::node, "openai_sdk.mjs", "claude-sonnet-5-5", "anthropic");
}

/// Runs one SDK's script, then finds in the lake what the script saw of the tokens and of the cost.
fn tell_any(script: &str, route: &str, dialect_in: &str, dialect_out: &str) {
    let tollgate = SHARED.get(setup);
    let client = tollgate.client("search");
    let text = tools::python(script, &[&client.base_url(), client.key(), route]);
    let seen: Value = serde_json::from_str(&text).unwrap();
    let row = tollgate.row_of(seen["request_id"].as_str().unwrap());
    assert_eq!((row.text("dialect_in"), row.text("dialect_out")), (dialect_in, dialect_out));
    assert_eq!((row.text("customer"), row.text("usage_source")), ("globex", "provider"));
    assert_eq!(Some(row.number("input_tokens_total")), seen["plain"]["input"].as_u64());
    assert_eq!(Some(row.number("output_tokens_total")), seen["plain"]["output"].as_u64());
    let header: Usd = seen["cost_header"].as_str().unwrap().parse().unwrap();
    assert_eq!(row.usd("cost_usd"), Some(header));
    assert_eq!(seen["tool"], "get_weather");
}

/// Every route with the dialect its target speaks.
const UPSTREAMS: [(&str, &str); 6] = [
    ("by-chat", "openai_chat"),
    ("by-responses", "openai_responses"),
    ("by-messages", "anthropic_messages"),
    ("by-gemini", "gemini_generate"),
    ("by-bedrock", "bedrock_converse"),
    ("by-cohere", "cohere_chat"),
];

#[test]
fn the_openai_sdk_works_against_every_dialect() {
    for (route, dialect) in UPSTREAMS {
        tell_any("openai_sdk.py", route, "openai_chat", dialect);
    }
}

#[test]
fn the_anthropic_sdk_works_against_every_dialect() {
    for (route, dialect) in UPSTREAMS {
        tell_any("anthropic_sdk.py", route, "anthropic_messages", dialect);
    }
}

#[test]
fn the_google_sdk_works_against_every_dialect() {
    for (route, dialect) in UPSTREAMS {
        tell_any("google_sdk.py", route, "gemini_generate", dialect);
    }
}

#[test]
fn the_responses_operation_works_against_every_dialect() {
    for (route, dialect) in UPSTREAMS {
        tell_any("responses_sdk.py", route, "openai_responses", dialect);
    }
}
