//! A month of plausible figures, with names that try to break out of the page.

use console::ledger::{
    Coverage, DaySpend, Freshness, OverviewData, Share, StatementEntry, Totals, UnpricedModel,
};
use console::{BudgetAmounts, BudgetStatus, LeaseStatus};
use finops::{Basis, Figures, Scope as StatementScope, Statement, UsageLine};
use policy::{Scope, WhenAlone};
use units::{BillingPeriod, BillingZone, BudgetId, CalendarWindow, Slug, UnixMicros, Usd};

use crate::sources::MemoryLedger;

/// A customer's name that would run as script, end an attribute, or turn the line around.
pub(crate) const HOSTILE: &str = "<script>alert('x')</script>\" onload=\"y &amp; \u{202e}evil";

/// A price file of one provider: prices, one price a request, a factor, and a model that ends.
pub(crate) const PRICES: &str = r#"{
  "source": "acme's own page",
  "providers": [{"id": "acme", "model_match": {"starts_with": "acme-"}, "models": [
    {"id": "acme-large", "retires": "2026-11-30", "replacement": "acme-next",
     "prices": [{"rates": {"input": "2.50", "cache_read": "0.0625", "output": "10", "request": "10"}}]},
    {"id": "acme-mini", "prices": [{"rates": {"input": "0.123456789012345", "output": "0.5"}}]}
  ]}],
  "multipliers": [{"provider": "acme", "models": {"equals": "acme-mini"}, "keys": ["output"], "factor": "1.1", "source": "acme"}]
}"#;

/// The present of every test: 2026-11-22 16:30 UTC.
pub(crate) const NOW: UnixMicros = UnixMicros::new(1_795_365_000_000_000);

pub(crate) fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

pub(crate) fn period(text: &str) -> BillingPeriod {
    text.parse().unwrap()
}

/// A ledger with 22 days of November and all of October.
pub(crate) fn ledger() -> MemoryLedger {
    MemoryLedger {
        overview: overview(),
        entries: entries(),
        statements: [("search", "2026-11"), ("search", "2026-10"), ("growth", "2026-11")]
            .map(|(team, month)| statement(team, month))
            .into(),
        is_down: false,
    }
}

fn overview() -> OverviewData {
    let days = daily(period("2026-11"), 22, 3);
    let previous_days = daily(period("2026-10"), 31, 5);
    let cost: Usd = days.iter().map(|day| day.cost).sum();
    let share = |name: Option<&str>, per_mille, requests| Share {
        name: name.map(str::to_owned),
        cost: Some(cost.per_mille(per_mille)),
        requests,
    };
    OverviewData {
        previous_to_date: previous_days[..22].iter().map(|day| day.cost).sum(),
        totals: Totals {
            cost,
            requests: 184_233,
            input_tokens: 412_884_120,
            output_tokens: 38_114_907,
        },
        coverage: Coverage {
            calls: 185_020,
            priced: 183_816,
            metered: 184_990,
            with_team: 181_004,
        },
        teams: vec![
            share(Some("search"), 421, 80_112),
            share(Some("support-bots"), 288, 61_900),
            share(Some("growth"), 160, 22_004),
            share(Some("platform"), 93, 14_870),
            share(None, 22, 3_230),
        ],
        models: vec![
            share(Some("gpt-5.2"), 390, 70_233),
            share(Some("claude-sonnet-4-5"), 352, 48_120),
            share(Some("gpt-5.2-mini"), 131, 41_002),
            share(Some("claude-haiku-4-5"), 97, 21_990),
        ],
        customers: vec![
            share(Some("globex"), 260, 41_002),
            share(Some("initech"), 190, 30_871),
            share(Some(HOSTILE), 120, 20_118),
            share(Some("umbrella-health"), 84, 12_050),
            share(None, 60, 9_233),
        ],
        unpriced: vec![UnpricedModel {
            model: "experimental-<b>7</b>".to_owned(),
            calls: 1_204,
            tokens: 9_120_554,
        }],
        freshness: Freshness {
            received_at: Some(NOW.plus_micros(-3_000_000)),
            ingested_at: Some(NOW.plus_micros(-1_000_000)),
        },
        days,
        previous_days,
    }
}

/// A weekly rhythm with a little noise, the same every time.
fn daily(period: BillingPeriod, days: i8, seed: i128) -> Vec<DaySpend> {
    (1..=days)
        .map(|number| {
            let date = period.first_day().with().day(number).build().unwrap();
            let is_weekend = date.weekday().to_monday_zero_offset() >= 5;
            let base: i128 = if is_weekend { 31 } else { 96 };
            let noise = (i128::from(number) * 7_919 * seed) % 23;
            let cost = (base + noise) * 1_000_000_000_000 + 123_456_789_012 * noise;
            DaySpend { date, cost: Usd::from_pico(cost) }
        })
        .collect()
}

fn entries() -> Vec<StatementEntry> {
    let teams = [("growth", 210), ("platform", 122), ("search", 655), ("support-bots", 402)];
    let months = [("2026-09", 11_i64), ("2026-10", 29), ("2026-11", 21)];
    let entry = |team: Option<&str>, month, cost: i64| StatementEntry {
        team: team.map(str::to_owned),
        period: period(month),
        cost: Usd::from_dollars(cost) + usd("0.123456"),
        unpriced_calls: u64::from(month == "2026-11" && team == Some("growth")),
    };
    let mut entries: Vec<StatementEntry> = Vec::new();
    for (month, factor) in months {
        entries.push(entry(None, month, factor));
        entries.extend(teams.map(|(team, base)| entry(Some(team), month, base * factor / 20)));
    }
    entries
}

/// A statement with three features, unpriced and unattributed usage, and the hostile customer.
pub(crate) fn statement(team: &str, month: &str) -> Statement {
    let scope = StatementScope::new(
        "acme".parse().unwrap(),
        team.parse().unwrap(),
        period(month),
        &BillingZone::UTC,
    );
    let basis = Basis {
        generated_at: NOW,
        table_version: 1_842,
        price_versions: vec!["pb_5f3c1be09a77d214".into(), "pb_9d1e02c4471b8a36".into()],
    };
    let line = |feature: Option<&str>, customer: Option<&str>, unpriced_requests, cost: &str| {
        let figures = Figures {
            requests: 1_200 + unpriced_requests,
            unpriced_requests,
            input_tokens: 9_120_334,
            output_tokens: 810_227,
            cost: usd(cost),
        };
        UsageLine { feature: feature.map(Into::into), customer: customer.map(Into::into), figures }
    };
    let usage = vec![
        line(Some("answers"), Some("globex"), 0, "1812.334155201"),
        line(Some("answers"), Some("initech"), 0, "77.765000000001"),
        line(Some("answers"), Some(HOSTILE), 12, "0.004999"),
        line(Some("ranking"), Some("globex"), 0, "412.3349"),
        line(Some("ranking"), None, 0, "55.005"),
        line(None, None, 0, "3.10"),
        line(Some("=HYPERLINK(\"https://evil.test\")"), Some("umbrella-health"), 0, "8.125"),
    ];
    Statement::compile(scope, basis, usage).unwrap()
}

/// A budget of a team for November: its limit, what was spent, what is held.
fn budget(
    bits: u128,
    name: &str,
    team: &str,
    (limit, spent, reserved): (i64, &str, &str),
) -> BudgetStatus {
    let team: Slug = team.parse().unwrap();
    BudgetStatus {
        id: BudgetId::from_u128(bits),
        name: name.to_owned(),
        scope: Scope::Team(team.clone()),
        team: Some(team),
        window: CalendarWindow::Month,
        window_start: UnixMicros::new(1_793_491_200_000_000),
        resets_at: UnixMicros::new(1_796_083_200_000_000),
        amounts: BudgetAmounts {
            limit: Usd::from_dollars(limit),
            spent: usd(spent),
            reserved: usd(reserved),
            overshoot: usd("0.25"),
        },
        leases: vec![LeaseStatus {
            node: "gateway-<b>1</b>".to_owned(),
            epoch: "0193".to_owned(),
            granted: usd("30"),
            settled: usd("21.5"),
            reserved: usd("1.5"),
            reported_at: NOW,
            expires_at: NOW.plus_micros(15_000_000),
        }],
        when_alone: WhenAlone::Spend { exposure: usd("2.5") },
    }
}

pub(crate) fn budgets() -> Vec<BudgetStatus> {
    let everyone = BudgetStatus {
        scope: Scope::Organisation,
        team: None,
        leases: Vec::new(),
        when_alone: WhenAlone::Refuse,
        ..budget(4, "whole-year", "search", (90_000, "11000", "0"))
    };
    vec![
        budget(1, "search-monthly", "search", (1_500, "812.44", "0")),
        budget(2, "growth-monthly", "growth", (320, "301.188821", "4.2")),
        budget(3, "support-bots-monthly", "support-bots", (500, "499.9951", "0.0049")),
        everyone,
    ]
}
