//! What a line comes back as: the goldens of the catalog's source, and everything that can be wrong.

use pricing::{Layer, LayerKind, PriceBook};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;
use units::{UnixMicros, Usd};

use super::cost_line;

static BOOK: LazyLock<PriceBook> = LazyLock::new(|| PriceBook::embedded().unwrap());
/// 2026-11-22T09:00:00Z.
const NOW: UnixMicros = UnixMicros::new(1_795_338_000_000_000);

fn cost(line: &Value) -> Value {
    costed(&BOOK, &line.to_string())
}

fn costed(book: &PriceBook, line: &str) -> Value {
    serde_json::from_str(&cost_line(book, line, NOW)).unwrap()
}

#[test]
fn the_goldens_are_costed_to_the_last_digit_in_the_providers_own_words() {
    let anthropic = json!({"input_tokens": 500, "cache_read_input_tokens": 200,
        "cache_creation_input_tokens": 300,
        "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
        "output_tokens": 50, "server_tool_use": {"web_search_requests": 3}});
    let prompt = |prompt: u64, completion: u64| {
        json!({"prompt_tokens": prompt, "completion_tokens": completion,
               "total_tokens": prompt + completion})
    };
    let mut cached = prompt(300_000, 1_234);
    cached["prompt_tokens_details"] = json!({"cached_tokens": 100_000});
    for (provider, model, at, usage, usd) in [
        ("openai", "gpt-5.4", "2026-11-22", cached, "1.077765"),
        ("anthropic", "claude-fable-5-2", "2026-11-22", anthropic, "0.04024"),
        ("x-ai", "grok-4.7", "2026-11-22", prompt(200_000, 20), "0.80024"),
        ("xai", "grok-4.7", "2026-11-22", prompt(200_000, 20), "0.80024"),
        ("deepseek", "deepseek-flash", "2026-11-22T03:59:59Z", prompt(1_000, 20), "0.000324"),
        ("deepseek", "deepseek-flash", "2026-11-22T04:00:00Z", prompt(1_000, 20), "0.000162"),
        ("openai", "o3", "2025-06-09", prompt(1_000_000, 0), "10.00"),
    ] {
        let line = json!({"provider": provider, "model": model, "at": at, "usage": usage});
        let told = cost(&line);
        assert_eq!(told["cost_usd"], usd, "{told}");
        assert_eq!(told["list_usd"], usd, "{told}");
        assert_eq!(told["price_version"], BOOK.version());
    }
}

#[test]
fn every_member_of_a_line_comes_back_as_it_was_written() {
    let line = r#" {"id": "r-1", "x": 1.50e3, "provider":"openai","model":"gpt-5.4","at":1795338000,
        "big": 123456789012345678901234567890, "meters":{"input.text":1000000}, "ü\n": [1, {"a" : 2}],
        "cost_usd": 7, "error": "an older run's"}"#
        .replace('\n', "");
    let told = cost_line(&BOOK, &line, NOW);
    assert!(!told.contains('\n'));
    for kept in [
        r#"{"id":"r-1","x":1.50e3,"provider":"openai","#,
        r#""big":123456789012345678901234567890"#,
        r#""at":1795338000,"#,
        r#":[1, {"a" : 2}],"cost_usd":"#,
    ] {
        assert!(told.contains(kept), "{kept}: {told}");
    }
    let told: Value = serde_json::from_str(&told).unwrap();
    assert!(told["error"].is_null() && told["cost_usd"].is_string(), "{told}");
    assert_eq!((&told["model_id"], &told["provider_id"]), (&json!("gpt-5.4"), &json!("openai")));
}

#[test]
fn a_line_names_the_rate_of_each_quantity_and_their_sum_is_the_cost() {
    let told = cost(&json!({"provider": "openai", "model": "gpt-5.4", "at": "2026-11-22",
        "meters": {"input.text": 200_000, "cache_read.text": 100_000, "output.text": 1_234}}));
    let lines = told["lines"].as_array().unwrap();
    let of = |meter: &str| lines.iter().find(|line| line["meter"] == meter).unwrap();
    let input = of("input.text");
    assert_eq!(input["quantity"], 200_000);
    assert_eq!((&input["rate"], &input["per"]), (&json!("5.00"), &json!(1_000_000)));
    assert_eq!(input["amount"], "1.00");
    assert_eq!(input["key"], "input");
    assert!(input["source"].as_str().unwrap().starts_with("catalog.json "), "{input}");
    let sum: Usd =
        lines.iter().map(|line| line["amount"].as_str().unwrap().parse::<Usd>().unwrap()).sum();
    assert_eq!(told["cost_usd"], sum.to_string());
}

#[test]
fn the_tier_in_a_usage_object_counts_unless_the_context_names_another() {
    let with = |usage_tier: Option<&str>, context: Value| {
        let mut usage = json!({"prompt_tokens": 1_000_000, "completion_tokens": 0});
        if let Some(tier) = usage_tier {
            usage["service_tier"] = tier.into();
        }
        let line = json!({"provider": "openai", "model": "gpt-5.4", "at": "2026-11-22",
                          "usage": usage, "context": context});
        cost(&line)["cost_usd"].as_str().unwrap().parse::<Usd>().unwrap()
    };
    let (plain, flex) = (with(None, Value::Null), with(None, json!({"service_tier": "flex"})));
    assert!(flex < plain);
    assert_eq!(with(Some("flex"), json!({})), flex);
    assert_eq!(with(Some("flex"), json!({"service_tier": "default"})), plain);
    assert_eq!(with(Some("default"), json!({"service_tier": null})), plain);
}

#[test]
fn usage_beside_the_answer_is_a_part_of_the_cost_on_its_own_model() {
    let usage = |iterations: Value| {
        json!({"provider": "anthropic", "model": "claude-opus-5-5", "at": "2026-11-22",
               "dialect": "anthropic", "usage": {"input_tokens": 1_000, "output_tokens": 100,
               "iterations": iterations}})
    };
    let usd = |line: &Value| cost(line)["cost_usd"].as_str().unwrap().parse::<Usd>().unwrap();
    let plain = usd(&usage(json!([])));
    let both = usage(json!([
        {"type": "compaction", "input_tokens": 1_000, "output_tokens": 100},
        {"type": "advisor_message", "model": "claude-haiku-5-5", "input_tokens": 10, "output_tokens": 1},
    ]));
    let told = cost(&both);
    let advisor = json!({"provider": "anthropic", "model": "claude-haiku-5-5", "at": "2026-11-22",
                         "meters": {"input.text": 10, "output.text": 1}});
    assert_eq!(usd(&both), plain + plain + usd(&advisor), "{told}");
    let lines = told["lines"].as_array().unwrap();
    let kinds: Vec<&str> = lines.iter().filter_map(|line| line["for"].as_str()).collect();
    assert_eq!(kinds, ["compaction", "compaction", "advisor_message", "advisor_message"]);
    assert_eq!(lines[4]["model_id"], "claude-haiku-5-5");
    let unknown = usage(json!([{"type": "advisor_message", "model": "claude-unheard-of",
                                "input_tokens": 1, "output_tokens": 1}]));
    let error = cost(&unknown)["error"].as_str().unwrap().to_owned();
    assert!(error.starts_with("advisor_message beside the answer: no model"), "{error}");
}

#[test]
fn without_an_instant_the_present_applies_and_is_told() {
    let told = cost(&json!({"model": "gpt-5.4", "at": null, "meters": {"input.text": 1}}));
    assert_eq!(
        (&told["at"], &told["provider_id"]),
        (&json!("2026-11-22T09:00:00Z"), &json!("openai"))
    );
    assert_eq!(
        cost_line(&BOOK, r#"{"model":"gpt-5.4","meters":{}}"#, NOW).matches("\"at\"").count(),
        1
    );
}

#[test]
fn what_cannot_be_costed_says_why_and_never_costs_nothing() {
    let openai = r#""provider":"openai","model":"gpt-5.4","at":"2026-11-22""#;
    for (line, said) in [
        ("", "not a JSON object"),
        ("[1]", "not a JSON object"),
        ("{\"provider\":", "not a JSON object"),
        ("{} trailing", "not a JSON object"),
        ("{}", "`usage` is missing"),
        (r#"{"usage":{}}"#, "`model` is missing"),
        (r#"{"model":"gpt-5.4","usage":7}"#, "the usage must be one JSON object"),
        (r#"{"model":7,"usage":{}}"#, "`model` must be a text"),
        (r#"{"model":"a","model":"b","usage":{}}"#, "`model` is there twice"),
        (
            r#"{"provider":"openai","model":"x","meters":{"input.text":1}}"#,
            "no model `x` of provider `openai`",
        ),
        (
            r#"{"model":"x-unheard-of","meters":{"input.text":1}}"#,
            "`provider` is missing, and no provider",
        ),
        (&format!(r#"{{{openai},"meters":{{}},"usage":{{}}}}"#), "both `meters` and `usage`"),
        (&format!(r#"{{{openai},"meters":{{"inputs":1}}}}"#), "`meters`: `inputs` is not one of"),
        (&format!(r#"{{{openai},"meters":{{"input.text":-1}}}}"#), "`meters`: invalid value"),
        (
            &format!(r#"{{{openai},"usage":{{}},"dialect":"gopher"}}"#),
            "`dialect`: `gopher` is not one of",
        ),
        (
            &format!(r#"{{{openai},"usage":{{}},"context":{{"tier":"flex"}}}}"#),
            "`context`: unknown field `tier`",
        ),
        (
            r#"{"provider":"openai","model":"gpt-5.4","at":"soon","meters":{}}"#,
            "`at` is `soon`: write RFC 3339",
        ),
    ] {
        let told = costed(&BOOK, line);
        let error = told["error"].as_str().unwrap_or_else(|| panic!("{line}: {told}"));
        assert!(error.contains(said), "{line}: {error}");
        assert!(told["cost_usd"].is_null() && told["lines"].is_null(), "{told}");
        assert_eq!(told["price_version"], BOOK.version());
    }
}

#[test]
fn a_contract_makes_the_cost_and_list_prices_stand_beside_it() {
    let contract = json!({"providers": [{"id": "openai", "models": [
        {"id": "gpt-5.4", "prices": [{"rates": {"input": "1", "output": "2"}}]}]}]});
    let mut layers = Layer::embedded();
    layers.push(Layer {
        kind: LayerKind::Contract,
        name: "annex 2".to_owned(),
        json: contract.to_string(),
    });
    let book = PriceBook::compose(&layers).unwrap();
    let line = json!({"provider": "openai", "model": "gpt-5.4", "at": "2026-11-22",
                      "meters": {"input.text": 1_000_000}});
    let told = costed(&book, &line.to_string());
    assert_eq!((&told["cost_usd"], &told["list_usd"]), (&json!("1.00"), &json!("5.00")));
    assert!(told["lines"][0]["source"].as_str().unwrap().starts_with("annex 2 "), "{told}");
    assert_ne!(told["price_version"], BOOK.version());
}

proptest! {
    #[test]
    fn every_line_is_answered_by_one_line_of_json(line in "\\PC{0,80}") {
        let told = cost_line(&BOOK, &line, NOW);
        prop_assert!(!told.contains('\n'));
        prop_assert!(serde_json::from_str::<Value>(&told).unwrap().is_object());
    }

    #[test]
    fn costing_what_came_back_gives_the_same_again(input in 0_u64..1_000_000, output in 0_u64..100_000) {
        let line = json!({"provider": "openai", "model": "gpt-5.4", "at": "2026-11-22", "note": "kept",
                          "meters": {"input.text": input, "output.text": output}});
        let once = cost_line(&BOOK, &line.to_string(), NOW);
        prop_assert_eq!(cost_line(&BOOK, &once, NOW), once);
    }
}
