//! The official OpenAI SDKs, unmodified, against a target of each dialect: what they see is what the
//! ledger holds.

use serde_json::Value;
use units::Usd;

use crate::harness::{Setup, Shared, Tollgate, tools};

static SHARED: Shared = Shared::new();

fn setup() -> Setup {
    Setup::default().route("gpt-5.4", &["openai/gpt-5.4"], "").route(
        "claude-sonnet-5-5",
        &["anthropic/claude-sonnet-5-5"],
        "",
    )
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
