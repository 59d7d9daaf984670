//! The SDKs of PyPI and npm, unmodified, against targets of several dialects: what they see is what
//! the ledger holds.

use serde_json::Value;
use simulator::{CITED_ANSWER, CITED_PASSAGE, CITED_TITLE, CITED_URL, CITED_WORDS};
use units::Usd;

use crate::harness::{Row, Setup, Shared, Tollgate, tools};

pub(crate) static SHARED: Shared = Shared::new();

pub(crate) fn setup() -> Setup {
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

/// What the provider bills for the request of a row. Not every provider names its answers in a header
/// that the row could hold: then it is one of the model's requests with as many tokens.
pub(crate) fn billed_for(tollgate: &Tollgate, row: &Row) -> Option<Usd> {
    let id = row.text("upstream_request_id");
    if !id.is_empty() {
        return billed(tollgate, id);
    }
    let tokens = (row.number("input_tokens_total"), row.number("output_tokens_total"));
    let requests = tollgate.providers.bill().requests;
    let mut costs = requests
        .iter()
        .filter(|request| request.model == row.text("model_resolved"))
        .map(|request| (&request.model, &request.quantities))
        .filter(|(_, used)| (used.prompt_tokens(), used.output_tokens) == tokens)
        .filter_map(|(model, used)| crate::harness::providers::cost(model, used));
    costs.find(|cost| row.usd("cost_usd") == Some(*cost))
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

#[test]
fn the_node_sdk_works_against_targets_of_further_dialects() {
    tell(tools::node, "openai_sdk.mjs", "by-responses", "responses");
    tell(tools::node, "openai_sdk.mjs", "by-cohere", "cohere");
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
pub(crate) const UPSTREAMS: [(&str, &str); 6] = [
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

/// Runs one script of npm's SDKs against every route in one process, then finds every call it made.
fn tell_all(script: &str, dialect_in: impl Fn(&Value) -> String) {
    let tollgate = SHARED.get(setup);
    let client = tollgate.client("search");
    let (base_url, routes) = (client.base_url(), UPSTREAMS.map(|(route, _)| route));
    let text = tools::node(script, &[&[base_url.as_str(), client.key()], &routes[..]].concat());
    let visits: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(visits.len() % UPSTREAMS.len(), 0, "{text}");
    assert!(!visits.is_empty());
    for visit in &visits {
        find(&tollgate, visit, &dialect_in(visit));
    }
}

/// Finds a row for every call of a visit, with the tokens the client was told and the cost the
/// provider bills.
fn find(tollgate: &Tollgate, visit: &Value, dialect_in: &str) {
    let mut told: Vec<(u64, u64)> = serde_json::from_value(visit["calls"].clone()).unwrap();
    let route = visit["model"].as_str().unwrap();
    let (_, dialect_out) = UPSTREAMS.into_iter().find(|(name, _)| *name == route).unwrap();
    let rows = tollgate.rows_of_customer(visit["customer"].as_str().unwrap(), told.len());
    let tokens = |row: &Row| (row.number("input_tokens_total"), row.number("output_tokens_total"));
    let mut metered: Vec<(u64, u64)> = rows.iter().map(tokens).collect();
    told.sort_unstable();
    metered.sort_unstable();
    assert_eq!(metered, told, "{visit}");
    for row in &rows {
        assert_eq!((row.text("dialect_in"), row.text("dialect_out")), (dialect_in, dialect_out));
        assert_eq!((row.text("usage_source"), row.text("team")), ("provider", "search"));
        let billed = billed_for(tollgate, row);
        assert!(billed.is_some(), "{row:?}");
        assert_eq!(row.usd("cost_usd"), billed, "{row:?}");
    }
    let plain = rows.iter().find(|row| visit["request_id"] == row.text("request_id")).unwrap();
    let header: Usd = visit["cost_header"].as_str().unwrap().parse().unwrap();
    assert_eq!(plain.usd("cost_usd"), Some(header));
    assert_eq!(visit["tool"], "get_weather");
}

#[test]
fn npms_anthropic_sdk_works_against_every_dialect() {
    tell_all("anthropic_sdk.mjs", |_| "anthropic_messages".to_owned());
}

#[test]
fn npms_google_sdk_works_against_every_dialect() {
    tell_all("google_sdk.mjs", |_| "gemini_generate".to_owned());
}

#[test]
fn npms_responses_operation_works_against_every_dialect() {
    tell_all("responses_sdk.mjs", |_| "openai_responses".to_owned());
}

#[test]
fn the_ai_sdk_with_each_provider_works_against_every_dialect() {
    tell_all("ai_sdk.mjs", |visit| match visit["provider"].as_str() {
        // Any provider that speaks as OpenAI does.
        Some("compatible") | None => "openai_chat".to_owned(),
        Some(dialect) => dialect.to_owned(),
    });
}

/// Sources an answer names, through every SDK of Python from every dialect, plain and streamed. What messages
/// tell is a block: the cited words' own where the provider cuts its text, else all of it.
#[test]
fn what_an_answer_rests_on_is_read_by_every_sdk_from_every_dialect() {
    let tollgate = Tollgate::start(&setup());
    let client = tollgate.client("search");
    for (route, model, block) in [
        ("by-chat", "gpt-5.4", CITED_ANSWER),
        ("by-messages", "claude-sonnet-5-5", CITED_WORDS),
        ("by-cohere", "command-a-03-2025", CITED_ANSWER),
        ("by-bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", CITED_WORDS),
        ("by-gemini", "gemini-3-flash-preview", CITED_ANSWER),
        ("by-responses", "gpt-5.4", CITED_ANSWER),
    ] {
        tollgate.providers.set_fault(model, "cites").unwrap();
        let asked = [&client.base_url(), client.key(), route];
        let expected = [CITED_ANSWER, CITED_WORDS, block, CITED_URL, CITED_TITLE];
        let arguments: Vec<&str> = asked.into_iter().chain(expected).collect();
        let text = tools::python("citations_sdk.py", &arguments);
        assert_billed(&tollgate, &text, 8, route);
    }
}

/// A document of the request, cited by its place: of the provider's own dialect, and of Converse, which is
/// asked for it in its own words.
#[test]
fn a_document_of_the_request_is_cited_by_its_own_dialect_and_by_converse() {
    let tollgate = SHARED.get(setup);
    let client = tollgate.client("search");
    for route in ["by-messages", "by-bedrock"] {
        let base_url = client.base_url();
        let arguments = [&base_url, client.key(), route, CITED_ANSWER, CITED_WORDS, CITED_PASSAGE];
        let text = tools::python("documents_sdk.py", &arguments);
        assert_billed(&tollgate, &text, 2, route);
    }
}

/// Finds the requests a script lists, so many, at what the provider bills for them.
fn assert_billed(tollgate: &Tollgate, told: &str, count: usize, route: &str) {
    let told: Value = serde_json::from_str(told).unwrap();
    let requests = told["requests"].as_array().unwrap();
    assert_eq!(requests.len(), count, "{route}");
    for request in requests {
        let row = tollgate.row_of(request.as_str().unwrap());
        assert_eq!(row.text("usage_source"), "provider", "{route}");
        let billed = billed_for(tollgate, &row);
        assert!(billed.is_some(), "{route}");
        assert_eq!(row.usd("cost_usd"), billed, "{route}");
    }
}
