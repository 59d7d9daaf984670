//! Vectors and ranks: any client's words, any provider that has them, one row a call with its cost.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use events::{Meter, Meters};
use reqwest::Method;
use serde_json::{Value, json};
use units::{Clock, SystemClock};

use crate::harness::{Answer, Client, Row, Setup, Shared, Tollgate, run, tools};

static SHARED: Shared = Shared::new();

/// Routes to a model that embeds, and the dialect of its provider.
const VECTORS: [(&str, &str, &str, &str); 3] = [
    ("by-openai", "openai", "text-embedding-3-small", "openai_chat"),
    ("by-google", "google", "gemini-embedding-001", "gemini_generate"),
    ("by-cohere", "cohere", "embed-v4.0", "cohere_chat"),
];
const TEXTS: [&str; 2] = ["a toll is paid", "a gate is opened"];

fn start() -> Arc<Tollgate> {
    SHARED.get(|| {
        let setup = VECTORS.iter().fold(
            Setup { speaks_every_dialect: true, ..Setup::default() },
            |setup, (route, provider, model, _)| {
                setup.route(route, &[&format!("{provider}/{model}")], "")
            },
        );
        setup
            .route("no-vectors", &["anthropic/claude-sonnet-5-5"], "")
            .route("one-by-bedrock", &["bedrock/amazon.titan-embed-text-v2:0"], "")
            .route("by-bedrock", &["bedrock/us.cohere.embed-v4:0"], "")
            .route("one-by-vertex", &["vertex/gemini-embedding-001"], "")
            .route("by-vertex", &["vertex/text-embedding-005"], "")
            .route("newer-by-vertex", &["vertex/gemini-embedding-2"], "")
            .route("ranks", &["unreachable/rerank-v3.5", "cohere/rerank-v3.5"], "")
            .route("ranks-elsewhere", &["openai/rerank-2"], "")
            .route("no-ranks", &["anthropic/claude-sonnet-5-5"], "")
            .budget("tiny", "0.000001")
    })
}

fn post(client: &Client, path: &str, body: &Value) -> Answer {
    run(client.send(client.call(Method::POST, path).json(body))).unwrap()
}

/// The row tells the tokens of the texts and what they cost at the provider.
fn assert_embedded(row: &Row, (route, provider, model, dialect): (&str, &str, &str, &str)) {
    assert_eq!((row.text("endpoint"), row.text("route")), ("embeddings", route), "{row:?}");
    assert_eq!((row.text("provider"), row.text("dialect_out")), (provider, dialect));
    // Google tells no usage: what stands there is counted here, and says so.
    let source = if dialect == "gemini_generate" { "estimated" } else { "provider" };
    assert_eq!(row.text("usage_source"), source, "{row:?}");
    let tokens = row.number("input_tokens_total");
    assert!((6..=20).contains(&tokens), "{row:?}");
    let meters = Meters::NONE.with(Meter::InputText, tokens);
    let book = pricing::PriceBook::embedded().unwrap();
    let query = pricing::Query {
        provider,
        model,
        at: SystemClock.now(),
        context: pricing::PriceContext::NONE,
        meters: &meters,
    };
    let cost = book.price(&query).map(|priced| priced.cost);
    assert!(cost.is_some_and(|cost| !cost.is_zero()), "{model} has a price");
    assert_eq!(row.usd("cost_usd"), cost, "{row:?}");
}

/// The numbers of a vector, however it is told.
fn numbers(vector: &Value) -> Vec<f32> {
    match vector.as_str() {
        None => serde_json::from_value(vector.clone()).unwrap(),
        Some(text) => {
            let bytes = STANDARD.decode(text).unwrap();
            let (numbers, rest) = bytes.as_chunks::<4>();
            assert!(rest.is_empty());
            numbers.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
        }
    }
}

#[test]
fn a_list_of_texts_is_embedded_by_every_provider_in_either_form() {
    let tollgate = start();
    let client = tollgate.client("search");
    let mut seen = Vec::new();
    for target in VECTORS {
        for format in ["float", "base64"] {
            let body = json!({"model": target.0, "input": TEXTS, "dimensions": 8, "encoding_format": format});
            let answer = post(&client, "/v1/embeddings", &body);
            assert_eq!(answer.status, 200, "{answer:?}");
            let told = answer.json();
            let entries = told["data"].as_array().unwrap();
            assert_eq!((entries.len(), &told["object"]), (2, &json!("list")));
            assert_eq!(entries[1]["embedding"].is_string(), format == "base64", "{told}");
            assert!(told["model"].as_str().is_some_and(|model| !model.is_empty()), "{told}");
            seen.push(entries.iter().map(|one| numbers(&one["embedding"])).collect::<Vec<_>>());
            let row = tollgate.row_of(&answer.request_id());
            assert_embedded(&row, target);
            assert_eq!(
                told["usage"]["prompt_tokens"].as_u64(),
                Some(row.number("input_tokens_total"))
            );
        }
    }
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "the simulator embeds alike: {seen:?}");
}

#[test]
fn googles_sdk_embeds_by_every_provider() {
    let tollgate = start();
    let client = tollgate.client("search");
    for target in VECTORS {
        let text =
            tools::python("google_vectors.py", &[&client.base_url(), client.key(), target.0]);
        let seen: Value = serde_json::from_str(&text).unwrap();
        let row = tollgate.row_of(seen["request_id"].as_str().unwrap());
        assert_embedded(&row, target);
        assert_eq!((row.text("dialect_in"), row.text("customer")), ("gemini_generate", "globex"));
    }
}

#[test]
fn one_content_is_embedded_on_either_version_and_errors_are_googles() {
    let tollgate = start();
    let client = tollgate.client("search");
    let body = json!({"content": {"parts": [{"text": TEXTS[0]}]}});
    for version in ["v1", "v1beta"] {
        for (route, ..) in VECTORS {
            let path = format!("/{version}/models/{route}:embedContent");
            let answer = post(&client, &path, &body);
            assert_eq!(answer.status, 200, "{answer:?}");
            assert!(answer.json()["embedding"]["values"].is_array(), "{answer:?}");
        }
    }
    let task = json!({"content": {"parts": [{"text": "x"}]}, "taskType": "RETRIEVAL_QUERY"});
    let refused = post(&client, "/v1beta/models/by-openai:embedContent", &task);
    assert_eq!((refused.status, &refused.error()["status"]), (400, &json!("INVALID_ARGUMENT")));
    assert!(refused.body.contains("taskType"), "{refused:?}");
    assert_eq!(post(&client, "/v1beta/models/by-cohere:embedContent", &task).status, 200);
    let none = post(&client, "/v1/embeddings", &json!({"model": "no-vectors", "input": "x"}));
    assert_eq!((none.status, &none.error()["param"]), (400, &json!("model")), "{none:?}");
}

#[test]
fn a_cloud_embeds_by_models_of_two_makers_and_counts_in_its_own_places() {
    let tollgate = start();
    let client = tollgate.client("search");
    let body = json!({"model": "one-by-bedrock", "input": TEXTS[0], "dimensions": 256});
    let answer = post(&client, "/v1/embeddings", &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(numbers(&answer.json()["data"][0]["embedding"]).len(), 256);
    let row = tollgate.row_of(&answer.request_id());
    let tokens = row.number("input_tokens_total");
    let meters = Meters::NONE.with(Meter::InputText, tokens);
    let query = pricing::Query {
        provider: "aws",
        model: "amazon.titan-embed-text-v2:0",
        at: SystemClock.now(),
        context: pricing::PriceContext::NONE,
        meters: &meters,
    };
    let cost = pricing::PriceBook::embedded().unwrap().price(&query).map(|priced| priced.cost);
    assert!(tokens > 0 && cost.is_some_and(|cost| !cost.is_zero()), "{row:?}");
    assert_eq!((row.usd("cost_usd"), row.text("usage_source")), (cost, "provider"), "{row:?}");
    let several = json!({"model": "one-by-bedrock", "input": TEXTS});
    let refused = post(&client, "/v1/embeddings", &several);
    assert_eq!((refused.status, &refused.error()["param"]), (400, &json!("input")), "{refused:?}");
    // The other maker's models take several; their tokens are told in a header only.
    let text =
        tools::python("google_vectors.py", &[&client.base_url(), client.key(), "by-bedrock"]);
    let seen: Value = serde_json::from_str(&text).unwrap();
    let row = tollgate.row_of(seen["request_id"].as_str().unwrap());
    let told = (row.text("dialect_out"), row.text("usage_source"));
    assert_eq!(told, ("bedrock_converse", "provider"), "{row:?}");
    let bill = tollgate.providers.bill();
    let billed = bill.request(row.text("upstream_request_id")).unwrap();
    assert_eq!(row.number("input_tokens_total"), billed.quantities.input_tokens, "{row:?}");
    assert!(row.usd("cost_usd").is_some_and(|cost| !cost.is_zero()), "{row:?}");
    // Passed on as it is the same is metered by the same header.
    let body = json!({"texts": TEXTS, "input_type": "search_query"});
    let path = "/passthrough/bedrock/model/us.cohere.embed-v4%3A0/invoke";
    let passed = post(&client, path, &body);
    assert_eq!(passed.status, 200, "{passed:?}");
    let row = tollgate.row_of(&passed.request_id());
    assert_eq!(row.text("usage_source"), "provider", "{row:?}");
    assert!((6..=20).contains(&row.number("input_tokens_total")), "{row:?}");
}

/// The one row of a call to a provider whose answers count the tokens of their texts.
fn assert_counted(row: &Row, model: &str) -> u64 {
    let told = (row.text("provider"), row.text("usage_source"), row.text("model_resolved"));
    assert_eq!(told, ("vertex", "provider", model), "{row:?}");
    row.number("input_tokens_total")
}

#[test]
fn a_cloud_predicts_vectors_and_its_statistics_are_the_usage() {
    let tollgate = start();
    let client = tollgate.client("search");
    let body = json!({"model": "one-by-vertex", "input": TEXTS[0], "dimensions": 8});
    let answer = post(&client, "/v1/embeddings", &body);
    assert_eq!(answer.status, 200, "{answer:?}");
    let told = answer.json();
    let row = tollgate.row_of(&answer.request_id());
    let tokens = assert_counted(&row, "gemini-embedding-001");
    assert_eq!(told["usage"]["prompt_tokens"].as_u64(), Some(tokens));
    // 0.15 USD a million.
    assert_eq!(row.usd("cost_usd").unwrap().pico(), i128::from(tokens) * 150_000);
    let elsewhere = json!({"model": "by-google", "input": TEXTS[0], "dimensions": 8});
    let elsewhere = post(&client, "/v1/embeddings", &elsewhere).json();
    assert_eq!(told["data"], elsewhere["data"], "the simulator embeds alike");
    let several = json!({"model": "one-by-vertex", "input": TEXTS});
    let refused = post(&client, "/v1/embeddings", &several);
    assert_eq!((refused.status, &refused.error()["param"]), (400, &json!("input")), "{refused:?}");

    let text = tools::python("google_vectors.py", &[&client.base_url(), client.key(), "by-vertex"]);
    let seen: Value = serde_json::from_str(&text).unwrap();
    let row = tollgate.row_of(seen["request_id"].as_str().unwrap());
    assert!((6..=20).contains(&assert_counted(&row, "text-embedding-005")), "{row:?}");

    let content = json!({"content": {"parts": [{"text": TEXTS[0]}]}, "title": "Tolls",
        "taskType": "RETRIEVAL_DOCUMENT", "outputDimensionality": 8});
    for (route, model) in
        [("one-by-vertex", "gemini-embedding-001"), ("newer-by-vertex", "gemini-embedding-2")]
    {
        let answer = post(&client, &format!("/v1beta/models/{route}:embedContent"), &content);
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["embedding"]["values"].as_array().map(Vec::len), Some(8));
        let row = tollgate.row_of(&answer.request_id());
        assert_eq!(assert_counted(&row, model), tokens, "{row:?}");
        assert!(row.usd("cost_usd").is_some_and(|cost| !cost.is_zero()), "{row:?}");
    }
}

#[test]
fn ranks_are_billed_by_the_search_and_errors_are_coheres() {
    let tollgate = start();
    let client = tollgate.client("search");
    let documents = ["no word of it", "a toll is paid", "a gate"];
    for (path, route, provider) in [
        ("/v2/rerank", "ranks", "cohere"),
        ("/v1/rerank", "ranks", "cohere"),
        ("/rerank", "ranks-elsewhere", "openai"),
    ] {
        let body = json!({"model": route, "query": "toll", "documents": documents, "top_n": 2});
        let answer = post(&client, path, &body);
        assert_eq!(answer.status, 200, "{answer:?}");
        let told = answer.json();
        assert_eq!(told["results"].as_array().map(Vec::len), Some(2));
        assert_eq!(told["results"][0]["index"], 1, "{told}");
        let rows = tollgate.rows_of(&[answer.request_id()]);
        let row = rows.last().unwrap();
        assert_eq!((row.text("endpoint"), row.text("provider")), ("rerank", provider), "{row:?}");
        assert_eq!((row.text("dialect_in"), row.text("usage_source")), ("cohere_chat", "provider"));
        assert!(format!("{row:?}").contains("rerank_search"), "{row:?}");
    }
    for (body, status, words) in [
        (json!({"model": "ranks", "documents": ["x"]}), 400, "`query` is required"),
        (
            json!({"model": "no-ranks", "query": "q", "documents": ["x"]}),
            400,
            "cannot be translated",
        ),
        (json!({"model": "nobody", "query": "q", "documents": ["x"]}), 404, "nobody"),
    ] {
        let refused = post(&client, "/v2/rerank", &body);
        let message = refused.json()["message"].as_str().unwrap_or_default().to_owned();
        assert!(refused.status == status && message.contains(words), "{refused:?}");
    }
    assert_eq!(run(client.send(client.call(Method::GET, "/v1/rerank"))).unwrap().status, 405);
}

#[test]
fn a_spent_budget_refuses_vectors_before_they_are_asked_for() {
    let tollgate = start();
    let client = tollgate.client("tiny");
    let text = "a toll is paid ".repeat(2_000);
    let body = json!({"model": "by-cohere", "input": text});
    let asked = || post(&client, "/v1/embeddings", &body);
    // A busy machine may make the first come too early for the budget to be known.
    let answer = std::iter::repeat_with(asked).find(|answer| !answer.is_lease_late()).unwrap();
    assert_eq!(answer.error()["code"], "request_exceeds_budget", "{answer:?}");
    let row = tollgate.row_of(&answer.request_id());
    assert_eq!((row.text("error_class"), row.number("input_tokens_total")), ("budget_exceeded", 0));
}
