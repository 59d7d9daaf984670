//! The Slack message: what it says, and that no value can make it say more.

use alerts::{Links, Notice, Turn, render_slack, render_slack_digest, render_webhook};
use finops::{
    BudgetLeft, Decomposition, Direction, Driver, DriverBy, Evidence, ExpectedRange,
    IncidentFigures, Rule,
};
use serde_json::{Value, json};
use simulator::{AlertSink, SinkOptions};
use store::Severity;
use units::{BillingZone, IncidentId, Usd};

use super::setting::{HOUR_US, NOW};

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

/// Every figure there can be, with every value from outside as given.
fn notice(value: &str) -> Notice {
    let evidence =
        Evidence::Spend { direction: Direction::Up, window_s: 3_600, score_tenths: Some(217) };
    let mut figures = IncidentFigures::new(evidence, usd("38.102938"), NOW);
    figures.expected =
        Some(ExpectedRange { typical: usd("0.31"), low: usd("0.08"), high: usd("1.2") });
    figures.impact = usd("112.4");
    figures.projected_month_end = Some(usd("9321.5"));
    figures.since = NOW.plus_micros(-3 * HOUR_US);
    let driver = |by, share_per_mille| Driver {
        by,
        name: value.to_owned(),
        delta: usd("37.7"),
        share_per_mille,
    };
    figures.drivers = vec![
        driver(DriverBy::Feature, 998),
        driver(DriverBy::Model, 991),
        driver(DriverBy::Customer, 34),
    ];
    figures.decomposition = Some(Decomposition {
        before: usd("0.3"),
        after: usd("38.102938"),
        price: usd("0.004"),
        volume: usd("30.004"),
        mix: usd("7.794938"),
    });
    figures.budget = Some(BudgetLeft {
        name: value.to_owned(),
        limit: usd("250"),
        spent: usd("129.9"),
        remaining: usd("120.1"),
    });
    figures.sample_requests = vec![
        units::RequestId::from_u128(1).to_string(),
        units::RequestId::from_u128(2).to_string(),
        format!("{value}|not an id"),
    ];
    figures.data_as_of = Some(NOW);
    Notice {
        id: IncidentId::from_u128(0x0193_5f00_0000_7000_8000_0000_0000_002a),
        key: format!("team_spend/team:{value}/up"),
        rule: Rule::TeamSpend,
        severity: Severity::Critical,
        subject: format!("team:{value}"),
        team: None,
        headline: alerts::headline(Rule::TeamSpend, &format!("team:{value}"), &figures),
        figures,
        first_seen: NOW,
        turn: Turn::Opened,
        at: NOW,
    }
}

fn render(value: &str) -> Value {
    render_slack(&notice(value), &Links::new("https://tollgate.example"), &BillingZone::UTC)
}

#[test]
fn the_message_shows_every_figure_a_person_decides_by() {
    insta::assert_json_snapshot!(render("agent-loop"));
}

#[test]
fn what_is_over_is_told_shortly() {
    let notice = Notice { turn: Turn::Resolved, ..notice("agent-loop") };
    let berlin = BillingZone::named("Europe/Berlin").unwrap();
    insta::assert_json_snapshot!(render_slack(&notice, &Links::new("https://t.example"), &berlin));
}

#[test]
fn the_parts_shown_add_up_to_the_whole_shown() {
    let text = render("x").to_string();
    assert!(text.contains("volume +$30.00 · mix +$7.80 · price +$0.00 = +$37.80"), "{text}");
}

#[tokio::test]
async fn hostile_values_neither_mention_nor_link_nor_break_the_message() {
    let sink = AlertSink::start(SinkOptions::default()).await.unwrap();
    let megabyte = "<!channel> & *x* ".repeat(65_000);
    let values = [
        "<!channel>",
        "<!here|x> <@U123> <https://evil.example|click>",
        "a\u{202e}b\u{2066}c\u{200f}d",
        "`*_~` &lt;!channel&gt;",
        "\r\n\u{0}\u{7}*bold*\n• fake driver",
        "'; DROP TABLE usage; --",
        "<script>alert(1)</script>",
        "",
        megabyte.as_str(),
    ];
    let client = reqwest::Client::new();
    for value in values {
        for turn in [Turn::Opened, Turn::Resolved] {
            for notice in [notice(value), drift(value)] {
                let notice = Notice { turn, ..notice };
                let message =
                    render_slack(&notice, &Links::new("https://t.example"), &BillingZone::UTC);
                let text = message.to_string();
                assert!(text.chars().count() < 10_000, "{} characters", text.chars().count());
                for hostile in ["<!", "<@", "<https://evil", "<script", "\u{202e}", "\u{0}"] {
                    assert!(!text.contains(hostile), "{hostile} in {text}");
                }
                let posted =
                    client.post(sink.slack_url().expose()).json(&message).send().await.unwrap();
                assert_eq!(posted.status(), 200, "{text}");
            }
        }
    }
}

/// A reported cost that differs, of a model and provider as given.
fn drift(value: &str) -> Notice {
    let evidence = Evidence::ReportedCost {
        provider: Some(value.to_owned()),
        model: Some(value.to_owned()),
        reported: usd("102.4"),
        computed: usd("100"),
        calls: 1_042,
        from: NOW,
    };
    let figures = IncidentFigures::new(evidence, usd("102.4"), NOW);
    let subject = format!("model:{value}/{value}");
    Notice {
        rule: Rule::CostDrift,
        key: format!("cost_drift/{subject}/up"),
        headline: alerts::headline(Rule::CostDrift, &subject, &figures),
        subject,
        figures,
        ..notice(value)
    }
}

#[test]
fn a_webhook_has_values_as_they_came() {
    let value = "<!channel>\u{202e}";
    let event = render_webhook(&notice(value), &Links::new("https://t.example")).unwrap();
    assert_eq!(event["data"]["figures"]["drivers"][0]["name"], value);
    assert_eq!(event["data"]["figures"]["decomposition"]["mix"], "7.794938");
    assert_eq!(event["timestamp"], NOW.to_string());
}

#[test]
fn a_digest_of_any_length_stays_within_a_section() {
    let texts: Vec<String> =
        (0..500).map(|n| format!("[Warning] number {n} {}", "x".repeat(90))).collect();
    let digest = render_slack_digest(&texts, texts.len());
    let section = digest["blocks"][1]["text"]["text"].as_str().unwrap();
    assert!(section.chars().count() <= 3_000);
    assert!(section.contains("number 0 ") && section.contains("more, in the console"));
    assert_eq!(digest["text"], json!("500 messages waited for this channel"));
}
