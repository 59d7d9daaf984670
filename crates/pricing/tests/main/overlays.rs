//! Operators' price files: what they change, and what a faulty one is answered with.

use events::Meter::{InputText, OutputText, WebSearch};
use pricing::{PriceBook, PriceContext, Query};

use crate::{BOOK, cost, instant, meters, usd};

const NOW: &str = "2026-11-22T12:00:00Z";

fn over(json: &str) -> PriceBook {
    BOOK.clone().with_overlay(json, "prices.json").unwrap()
}

fn model(rest: &str) -> String {
    format!(r#"{{"providers":[{{"id":"openai","models":[{{{rest}}}]}}]}}"#)
}

#[test]
fn a_model_is_replaced_whole_but_keeps_its_names_and_limits() {
    let used = meters(&[(InputText, 1_000_000), (OutputText, 1_000_000), (WebSearch, 1)]);
    let book = over(&model(r#""id":"gpt-5.4","prices":[{"rates":{"input":1.5,"output":"6e0"}}]"#));
    assert_eq!(cost(&book, ("openai", "gpt-5-4-2026-03-05"), NOW, &used), usd("7.5"));
    assert_eq!(book.limits("openai", "gpt-5.4").context_tokens, Some(1_050_000));
    let flex = Query {
        provider: "openai",
        model: "gpt-5.4",
        at: instant(NOW),
        context: PriceContext { service_tier: Some("flex"), ..PriceContext::NONE },
        meters: &used,
    };
    assert_eq!(book.price(&flex).map(|priced| priced.cost), usd("7.5"));
    assert_eq!(
        cost(&book, ("openai", "gpt-5.5"), NOW, &used),
        cost(&BOOK, ("openai", "gpt-5.5"), NOW, &used)
    );
}

#[test]
fn a_model_with_a_match_of_its_own_goes_before_the_catalog() {
    let used = meters(&[(InputText, 1_000)]);
    let book = over(&model(
        r#""id":"ours","match":{"starts_with":"gpt-5.4"},"output_tokens":9,"prices":[{"rates":{"input":"1"}}]"#,
    ));
    assert_eq!(cost(&book, ("openai", "gpt-5.4"), NOW, &used), usd("0.001"));
    assert_eq!(cost(&book, ("openai", "gpt-5.4-mini"), NOW, &used), usd("0.001"));
    assert_eq!(book.limits("openai", "gpt-5.4").output_tokens, Some(9));
}

#[test]
fn a_provider_is_found_by_any_name_it_spells_out_and_a_new_one_is_added() {
    let used = meters(&[(InputText, 1_000_000)]);
    let xai = r#"{"providers":[{"id":"xai","models":[{"id":"grok-x","prices":[{"rates":{"input":"1"}}]}]}]}"#;
    let book = over(xai);
    assert_eq!(cost(&book, ("x-ai", "Grok-X"), NOW, &used), usd("1"));
    let grok = ("xai", "grok-4.7");
    assert_eq!(cost(&book, grok, NOW, &used), cost(&BOOK, grok, NOW, &used));

    let acme = r#"{"providers":[{"id":"Acme-OpenAI","fallback":["openai"],
        "models":[{"id":"tiny","prices":[{"rates":{"input":"0.1"}}]}]}]}"#;
    let book = over(acme);
    assert_eq!(cost(&book, ("acme-openai", "tiny"), NOW, &used), usd("0.1"));
    let gpt = |provider| cost(&book, (provider, "gpt-5.4"), NOW, &used);
    assert_eq!(gpt("acme-openai"), gpt("openai"));
}

#[test]
fn a_file_may_price_by_another_unit() {
    let json = r#"{"per":{"input":1,"output":1000},"providers":[{"id":"openai","models":[
        {"id":"m","prices":[{"rates":{"input":2.5e-06,"output":"0.000000000000000000000001"}}]}]}]}"#;
    let book = over(json);
    let m = ("openai", "m");
    assert_eq!(cost(&book, m, NOW, &meters(&[(InputText, 3)])), usd("0.0000075"));
    assert_eq!(cost(&book, m, NOW, &meters(&[(OutputText, u64::MAX)])), usd("0.000000018447"));
}

#[test]
fn the_version_names_the_content() {
    let priced = |price: &str| {
        let rest = format!(r#""id":"m","prices":[{{"rates":{{"input":{price}}}}}]"#);
        over(&model(&rest)).version().to_owned()
    };
    assert!(BOOK.version().starts_with("pb_") && BOOK.version().len() == 19);
    assert_eq!(BOOK.version(), PriceBook::embedded().unwrap().version());
    assert_eq!(priced("\"2.5\""), priced("2.50"));
    assert_ne!(priced("2.5"), priced("2.6"));
    assert_ne!(priced("2.5"), BOOK.version());
    assert_eq!(over(r#"{"providers":[]}"#).version(), BOOK.version());
}

#[test]
fn a_faulty_file_is_refused_with_its_place_and_a_remedy() {
    let rates = |rates: &str| model(&format!("\"id\":\"m\",\n \"prices\":[{{\"rates\":{rates}}}]"));
    for (json, said) in [
        (rates(r#"{"input":"-1"}"#), "prices.json:2:34: `-1` is negative: a price is zero or more"),
        (rates(r#"{"input":1e-25}"#), "`1e-25` has more than 24 decimals: round it"),
        (
            rates(r#"{"input":"free"}"#),
            "`free` is not a price: write decimal dollars such as \"2.50\"",
        ),
        (rates(r#"{"input":1e12}"#), "`1e12` is a billion dollars or more: check the unit"),
        (
            rates(r#"{"inputs":1}"#),
            "unknown variant `inputs`: expected one of `input`, `input.text`",
        ),
        (rates(r#"{"input":1,"input":2}"#), "`input` is priced twice: keep one"),
        (rates("[]"), "expected an object of prices such as"),
        (model(r#""id":"m","prices":[]"#), "`prices` is empty: give one entry with `rates`"),
        (model(r#""id":"m""#), "model `m` says nothing of its price: add `prices`"),
        (model(r#""id":" ","prices":[{"rates":{}}]"#), "a model has an empty `id`: name it"),
        (model(r#""id":"m","price":[]"#), "unknown field `price`: expected one of `id`, `match`"),
        (
            model(
                r#""id":"m","prices":[{"rates":{"input":1}}]},{"id":"M","prices":[{"rates":{"input":1}}]"#,
            ),
            "model `M` is listed twice: keep one",
        ),
        (
            model(r#""id":"m","prices":[{"when":{"speed":"fast"},"rates":{"input":1}}]"#),
            "`when` belongs to an entry of `variants`",
        ),
        (
            model(r#""id":"m","prices":[{"rates":{}}],"variants":[{"rates":{"input":1}}]"#),
            "an entry of `variants` has no `when`: add one",
        ),
        (
            model(
                r#""id":"m","prices":[{"rates":{"input":1},"tiers":[{"above":9,"rates":{"output":1}}]}]"#,
            ),
            "a tier prices `output` but `rates` does not",
        ),
        (
            model(
                r#""id":"m","prices":[{"rates":{"input":1},"tiers":[{"above":9,"rates":{}},{"above":9,"rates":{}}]}]"#,
            ),
            "tiers must rise",
        ),
        (model(r#""id":"m","prices":[{"from":"2026-13-01","rates":{}}]"#), "prices.json:1:"),
        (r#"{"per":{"input":0},"providers":[]}"#.into(), "expected a nonzero u32"),
        (
            r#"{"providers":[{"id":"p","fallback":["opanai"],"models":[]}]}"#.into(),
            "provider `p` falls back to `opanai`, which is no provider",
        ),
        (r#"{"providers":[{"id":"p","models":[]}"#.into(), "prices.json:1:36: EOF while parsing"),
        (String::new(), "prices.json:1:0: EOF while parsing a value"),
    ] {
        let error = BOOK.clone().with_overlay(&json, "prices.json").unwrap_err().to_string();
        assert!(error.contains(said) && error.starts_with("prices.json:"), "{json}\n{error}");
    }
}
