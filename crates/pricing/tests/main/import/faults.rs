//! What is wrong with a catalog, where, and what to do about it.

use pricing::import::CatalogFormat::{self, Litellm, ModelsDev, Openrouter, Tollgate};
use pricing::import::{CATALOG_BYTES_MAX, ImportError};
use proptest::prelude::*;

use super::{FIRST, SECOND, litellm, take};

const GOOD: &str =
    r#"{"acme": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-6}}"#;

fn model(field: &str) -> String {
    format!(
        "{{\"acme\": {{\"litellm_provider\": \"openai\",\n \"input_cost_per_token\": 1e-6,\n {field}}}}}"
    )
}

#[test]
fn a_faulty_catalog_is_refused_whole_with_its_place_and_a_remedy() {
    for (format, text, said) in [
        (Litellm, String::new(), "catalog.json:1:0: EOF while parsing"),
        (Litellm, "[]".into(), "expected an object"),
        (Litellm, r#"{"acme": {"#.into(), "EOF while parsing"),
        (Litellm, r#"{"acme": 7}"#.into(), "catalog.json:1:10: invalid type"),
        (Litellm, r#"{"a": {}, "a": {}}"#.into(), "`a` stands twice in one object: keep one"),
        (Litellm, model(r#""output_cost_per_token": "free""#), ":3:27: `free` is not a price"),
        (Litellm, model(r#""output_cost_per_token": true"#), "`true` is not a price"),
        (Litellm, model(r#""output_cost_per_token": -1e-6"#), "below zero: correct it"),
        (Litellm, model(r#""output_cost_per_token": 1e-25"#), "more than 24 decimals"),
        (Litellm, model(r#""output_cost_per_token": 1e12"#), "a billion dollars or more"),
        (
            Litellm,
            model(r#""output_cost_per_token": 1, "output_cost_per_token": 2"#),
            "stands twice",
        ),
        (Litellm, model(r#""tiered_pricing": {}"#), "this is no list"),
        (Litellm, model(r#""tiered_pricing": [{"range": []}]"#), "a range has no lower end"),
        (Litellm, model(r#""search_context_cost_per_query": {"low": "x"}"#), "`x` is not a price"),
        (Litellm, r#"{"data": []}"#.into(), "expected an object"),
        (Litellm, "{}".into(), "nothing in it is a price in the format `litellm`"),
        (ModelsDev, GOOD.into(), "nothing in it is a price in the format `models-dev`"),
        (
            ModelsDev,
            r#"{"openai": {"models": {"a": {"cost": {"input": -1}}}}}"#.into(),
            "below zero",
        ),
        (
            ModelsDev,
            r#"{"openai": {"models": {"a": {"cost": {"tiers": 1}}}}}"#.into(),
            "is no list",
        ),
        (Openrouter, GOOD.into(), "there is no list `data`: check the file and the format"),
        (Openrouter, r#"{"data": [{"pricing": {}}]}"#.into(), "a model has no `id`"),
        (
            Openrouter,
            r#"{"data": [{"id": "a", "pricing": {"prompt": "x"}}]}"#.into(),
            "`x` is not a",
        ),
        (Tollgate, r#"{"providers":[{"id":"p","models":[{"id":"m"}]}]}"#.into(), "add `prices`"),
        (Tollgate, GOOD.into(), "unknown field `acme`"),
    ] {
        let error = take(format, &text, None, FIRST).unwrap_err().to_string();
        assert!(error.contains(said) && error.starts_with("catalog.json:"), "{text}\n{error}");
    }
}

#[test]
fn a_fault_has_its_line_and_its_remedy() {
    let text = model(r#""output_cost_per_token": 1e-30"#);
    let error = take(Litellm, &text, None, FIRST).unwrap_err();
    let fault = error.fault().unwrap();
    assert_eq!((fault.file(), fault.line()), ("catalog.json", 3));
    assert!(fault.remedy().contains("round it"));
}

#[test]
fn a_text_too_long_for_a_catalog_is_not_read() {
    let text = " ".repeat(CATALOG_BYTES_MAX + 1);
    let error = take(Litellm, &text, None, FIRST).unwrap_err();
    assert!(matches!(error, ImportError::TooLarge { bytes, .. } if bytes == text.len()));
}

#[test]
fn an_import_does_not_go_on_from_what_no_import_wrote() {
    let mut last = litellm(GOOD);
    for text in ["", r#"{"providers":[{"id":"openai","models":[{"id":"a","price":1}]}]}"#] {
        last.layer_json = text.to_owned();
        let error = take(Litellm, GOOD, Some(&last), SECOND).unwrap_err();
        assert!(matches!(error, ImportError::Previous(_)), "{error}");
        assert!(error.to_string().contains("the last import:1:"), "{error}");
    }
}

#[test]
fn however_deep_a_catalog_is_it_is_read_or_refused() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let text = model(&format!("\"metadata\": {deep}"));
    let _ = take(Litellm, &text, None, FIRST);
    let text = model(&format!("\"input_cost_per_image\": {deep}"));
    assert!(take(Litellm, &text, None, FIRST).is_err());
}

fn some_json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        "[-0-9.e\"a-z]{0,8}",
        Just("1e-6".to_owned()),
        Just("\"openai\"".to_owned()),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        let key = prop_oneof![
            Just("litellm_provider"),
            Just("input_cost_per_token"),
            Just("tiered_pricing"),
            Just("range"),
            Just("models"),
            Just("cost"),
            Just("data"),
            Just("pricing"),
            Just("openai"),
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4)
                .prop_map(|all| format!("[{}]", all.join(","))),
            proptest::collection::vec((key, inner), 0..5).prop_map(|all| {
                let fields: Vec<String> = all.iter().map(|(k, v)| format!("\"{k}\":{v}")).collect();
                format!("{{{}}}", fields.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_makes_an_import_panic(text in some_json(), format in 0..4_usize) {
        let _ = take(CatalogFormat::ALL[format], &text, None, FIRST);
    }
}
