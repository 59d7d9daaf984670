//! Faulty price files: each is told with file, line and remedy, renders with the text around it, and
//! nothing of it is taken over.

use miette::{GraphicalReportHandler, GraphicalTheme};
use pricing::{Layer, LayerKind, PriceBook};

use crate::BOOK;

/// A file with one model of `openai`; `rest` begins on line 3.
fn model(rest: &str) -> String {
    format!("{{\"providers\":[{{\"id\":\"openai\",\"models\":[\n{{\"id\":\"m\",\n{rest}}}]}}]}}")
}

#[test]
fn what_contradicts_itself_is_told_where_it_stands() {
    let alias = |entries: &str| format!("{{\"aliases\":[\n{entries}]}}");
    for (json, place, said, remedy) in [
        (
            model("\"prices\":[{\"rates\":{\"input\":1}},\n{\"rates\":{\"input\":2}}]"),
            "4:1",
            "two prices of `m` begin at the same instant",
            "keep one",
        ),
        (
            model(
                "\"prices\":[{\"from\":\"2026-05-01\",\"rates\":{}},\n{\"from\":\"2026-01-01\",\"rates\":{}}]",
            ),
            "4:1",
            "the prices of `m` are not in order of time",
            "sort them by `from`",
        ),
        (
            model(
                "\"prices\":[{\"to\":\"2026-05-02\",\"rates\":{}},\n{\"from\":\"2026-05-01\",\"rates\":{}}]",
            ),
            "4:1",
            "the dates of two prices of `m` overlap",
            "end the earlier where the later begins",
        ),
        (
            model("\"prices\":[\n{\"from\":\"2026-05-02\",\"to\":\"2026-05-02\",\"rates\":{}}]"),
            "4:51",
            "`to` is not after `from`",
            "these prices are never in force",
        ),
        (
            model(
                "\"variants\":[{\"when\":{\"speed\":\"fast\"},\"rates\":{\"input\":1}},\n{\"when\":{\"speed\":\"fast\"},\"from\":\"2026-01-01\",\"rates\":{\"input\":2}}]",
            ),
            "4:1",
            "the dates of two variants of `m` for `speed = fast` overlap",
            "put the newest first",
        ),
        (
            model("\"prices\":[{\"rates\":{\"input\":1}}]},\n{\"id\":\"n\",\"match\":{\"or\":[{\"equals\":\"n\"},{\"equals\":\"M\"}]},\"prices\":[{\"rates\":{}}]"),
            "4:1",
            "`m` is matched by `m` and by `n`",
            "narrow one of them",
        ),
        (
            model("\"match\":{\"starts_with\":\"m-\"},\"prices\":[{\"rates\":{\"input\":1}}]},\n{\"id\":\"m-large\",\"prices\":[{\"rates\":{}}]"),
            "4:1",
            "`m-large` is matched by `m` and by `m-large`",
            "narrow one of them",
        ),
        (
            model("\"prices\":[{\"rates\":{\"input\":1,\n\"tokens\":2}}]"),
            "4:8",
            "unknown variant `tokens`",
            "expected one of `input`, `input.text`",
        ),
        (
            model("\"prices\":[{\"rates\":{}}],\"minimum\":{\"seconds\":1}"),
            "3:44",
            "unknown variant `seconds`",
            "expected one of `input.text`",
        ),
        (
            model("\"variants\":[{\"when\":{\"tier\":\"flex\"},\"rates\":{}}]"),
            "3:",
            "`tier` is nothing a price can depend on",
            "write one of `deployment_type`",
        ),
        (
            model("\"prices\":[{\"rates\":{},\"tiers\":[{\"above\":1,\"at_least\":2,\"rates\":{}}]}]"),
            "3:",
            "a tier begins once",
            "write either `above` or `at_least`",
        ),
        (
            alias("{\"provider\":\"azure\",\"name\":\"a\",\"model\":\"b\"},\n{\"provider\":\"azure\",\"name\":\"b\",\"model\":\"A\"}"),
            "",
            "lead in a circle",
            "let one name a model of the provider",
        ),
        (
            alias("{\"provider\":\"azure\",\"name\":\"gpt-5.4\",\"model\":\"gpt-5.4\"}"),
            "2:1",
            "the aliases `gpt-5.4` -> `gpt-5.4` lead in a circle",
            "let one name",
        ),
        (
            alias("{\"provider\":\"azure\",\"name\":\"a\",\"model\":\"b\"},\n{\"provider\":\"azure\",\"name\":\"A\",\"model\":\"c\",\"from\":\"2026-01-01\"}"),
            "3:1",
            "`A` stands for two models at a time",
            "keep one",
        ),
        (
            alias("{\"provider\":\"azzure\",\"name\":\"a\",\"model\":\"b\"}"),
            "2:13",
            "`azzure` is no provider of the book",
            "write the id of one",
        ),
        (
            "{\"multipliers\":[{\"provider\":\"openai\",\"factor\":\"0.9\"},\n{\"provider\":\"openai\",\"factor\":0.8}]}".to_owned(),
            "2:1",
            "two factors for the same prices of the same requests overlap",
            "keep one",
        ),
        (
            "{\"multipliers\":[{\"provider\":\"openai\",\"factor\":\"1000\"}]}".to_owned(),
            "1:53",
            "a factor is below 1000",
            "write 1.1 for ten per cent more",
        ),
        (
            "{\"multipliers\":[{\"keys\":[\"inputs\"],\"factor\":\"1\"}]}".to_owned(),
            "1:",
            "`inputs` is nothing a price is of",
            "write keys such as `input`",
        ),
    ] {
        let error = BOOK.clone().with_overlay(&json, "prices.json").unwrap_err();
        let told = error.to_string();
        assert!(told.starts_with(&format!("prices.json:{place}")), "{json}\n{told}");
        assert!(told.contains(said) && told.contains(remedy), "{json}\n{told}");
        let fault = error.fault().unwrap();
        assert_eq!((fault.file(), fault.line() > 0, fault.column() > 0), ("prices.json", true, true));
    }
}

#[test]
fn aliases_that_swap_their_meaning_at_an_instant_make_no_circle() {
    let json = r#"{"aliases":[
        {"provider":"azure","name":"blue","model":"gpt-5.4","to":"2026-06-01"},
        {"provider":"azure","name":"green","model":"blue","to":"2026-06-01"},
        {"provider":"azure","name":"blue","model":"green","from":"2026-06-01"},
        {"provider":"azure","name":"green","model":"gpt-5.5","from":"2026-06-01"}]}"#;
    assert!(BOOK.clone().with_overlay(json, "prices.json").is_ok());
    let long: Vec<String> = (0..12)
        .map(|n| format!(r#"{{"provider":"azure","name":"n{n}","model":"n{}"}}"#, n + 1))
        .collect();
    let long = format!(r#"{{"aliases":[{}]}}"#, long.join(","));
    let error = BOOK.clone().with_overlay(&long, "prices.json").unwrap_err().to_string();
    assert!(error.contains("more than 8 aliases lead from `n"), "{error}");
}

#[test]
fn a_fault_is_shown_with_the_line_it_is_on_and_a_remedy() {
    let json = model("\"prices\":[{\"rates\":{\"input\":\n\"-1\"}}]");
    let error = BOOK.clone().with_overlay(&json, "our-prices.json").unwrap_err();
    let mut report = String::new();
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::none());
    handler.render_report(&mut report, &error).unwrap();
    for part in
        ["our-prices.json:4:5", "`-1` is negative", "\"-1\"", "help: a price is zero or more"]
    {
        assert!(report.contains(part), "{part} is not in\n{report}");
    }
}

#[test]
fn nothing_of_a_file_is_taken_over_when_a_part_of_it_is_faulty() {
    let json = r#"{"providers":[{"id":"openai","models":[
        {"id":"gpt-5.4","prices":[{"rates":{"input":"0.01"}}]},
        {"id":"x","prices":[{"rates":{"input":"-3"}}]}]}]}"#;
    let mut layers = Layer::embedded();
    layers.push(Layer { kind: LayerKind::Operator, name: "prices.json".into(), json: json.into() });
    let error = PriceBook::compose(&layers).unwrap_err();
    assert_eq!(error.fault().map(|fault| fault.line()), Some(3));
    assert_eq!(error, BOOK.clone().with_overlay(json, "prices.json").unwrap_err());
}

#[test]
fn odd_numbers_are_prices_when_they_are_exact() {
    for (written, shown) in [
        ("1e-7", "0.0000001 USD per 1000000"),
        ("2.5E-06", "0.0000025 USD per 1000000"),
        ("0.19999999999999996", "0.19999999999999996 USD per 1000000"),
        ("\"0.000000000000000000000001\"", "0.000000000000000001 USD per 1000000000000"),
    ] {
        let json = model(&format!("\"prices\":[{{\"rates\":{{\"input\":{written}}}}}]"));
        let book = BOOK.clone().with_overlay(&json, "prices.json").unwrap();
        let model = book.model("openai", "m").unwrap();
        assert_eq!(model.sheets()[0].rates[0].rate.to_string(), shown, "{written}");
    }
}

#[test]
fn no_text_makes_a_book_panic() {
    let whole = model("\"prices\":[{\"rates\":{\"input\":1e-7}}]");
    for end in 0..whole.len() {
        let error = BOOK.clone().with_overlay(&whole[..end], "prices.json").unwrap_err();
        assert!(
            error.fault().is_some_and(|fault| fault.line() <= 3 && !fault.message().is_empty())
        );
    }
    let marked = format!("\u{feff}{whole}");
    assert!(BOOK.clone().with_overlay(&marked, "prices.json").is_ok());
}
