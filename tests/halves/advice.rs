//! What the product tells of itself: whether it would work, and what one request cost.

use std::fs;

use units::Usd;

use crate::harness::client::chat;
use crate::harness::{Setup, Tollgate, run, stub};

/// An amount as text in 1e-18 USD: lines of a receipt are finer than any total.
fn atto(text: &str) -> i128 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    assert!(fraction.len() <= 18, "{text}");
    sign * format!("{whole}{fraction:0<18}").parse::<i128>().unwrap()
}

#[test]
fn doctor_finds_a_good_configuration_good_and_says_what_to_do_about_a_refused_key() {
    let tollgate = Tollgate::prepare(&Setup::default().route("chat", &["openai/gpt-5.4"], ""));
    let file = tollgate.path().join("tollgate.toml");
    let write = |from: &str, to: &str| {
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, text.replace(from, to)).unwrap();
    };
    let addresses = tollgate.addresses;
    let offline = tollgate.command(&["doctor", "--offline"]).succeeded();
    assert!(offline.contains("--offline") && !offline.contains("FAILED"), "{offline}");
    let away = tollgate.command(&["doctor"]);
    assert_eq!(away.code, Some(3), "{away:?}");
    assert!(away.out.contains("FAILED  provider unreachable"), "{}", away.out);

    write(&addresses.nobody.to_string(), &addresses.providers.to_string());
    let good = tollgate.command(&["doctor"]).succeeded();
    assert!(good.contains("takes the key") && !good.contains("FAILED"), "{good}");

    let refusing = stub::saying("401 Unauthorized", r#"{"error":{"message":"bad key"}}"#);
    write(&addresses.providers.to_string(), &refusing.to_string());
    let refused = tollgate.command(&["doctor"]);
    assert_eq!(refused.code, Some(3), "{refused:?}");
    let remedy =
        format!("replace the key `file:{}/provider-key` refers to", tollgate.path().display());
    assert!(refused.out.contains(&remedy), "{}", refused.out);
    let json = tollgate.command(&["doctor", "--output", "json"]);
    assert_eq!(json.code, Some(3), "{json:?}");
    let findings = crate::harness::Row::read(&json.out);
    let failed = findings.iter().filter(|finding| finding.text("state") == "FAILED");
    assert_eq!(failed.count(), 3, "every provider: {findings:?}");
}

#[test]
fn the_lines_of_a_request_sum_to_the_cost_its_client_was_told() {
    let tollgate = Tollgate::start(&Setup::default());
    let client = tollgate.client("search");
    for model in ["openai/gpt-5.4", "anthropic/claude-haiku-5-5"] {
        let answer = run(client.ask(&chat(model)));
        let (id, cost) = (answer.request_id(), answer.cost().unwrap());
        tollgate.row_of(&id);
        let json = tollgate.command(&["request", "show", &id, "--output", "json"]).succeeded();
        let shown: serde_json::Value = serde_json::from_str(&json).unwrap();
        let lines = shown["lines"].as_array().unwrap();
        assert!(lines.len() >= 2, "input and output: {lines:?}");
        let sum: i128 = lines.iter().map(|line| atto(line[4].as_str().unwrap())).sum();
        assert_eq!(sum, cost.pico() * 1_000_000, "{model}: {lines:?}");
        let table = tollgate.command(&["request", "show", &id]).succeeded();
        assert!(table.contains(&format!("cost {cost} USD")) && table.contains(&id), "{table}");
    }
    let nobodys = "req_00000000000000000000000000000001";
    let missing = tollgate.command(&["request", "show", nobodys]);
    assert!(missing.code == Some(2) && missing.err.contains(nobodys), "{missing:?}");
    assert_eq!(Usd::from_pico(1).pico() * 1_000_000, atto("0.000000000001"));
}
