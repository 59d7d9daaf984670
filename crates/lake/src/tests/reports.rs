//! Every report against the rows themselves: a team's lens shows what a table of that team alone
//! would, days are those of the zone, and what budgets, baselines and alerts ask for is exact.

use std::collections::BTreeMap;

use policy::Scope;
use units::{BillingZone, KeyId, UnixMicros, Usd};

use super::rows::{DAY_US, NOON, open, priced_event, row};
use super::sample::usage;
use crate::{Dimension, Lake, LakeRow, Lens, ModelUse, Window};

const HOUR_US: i64 = 3_600_000_000;

fn october(zone: &str) -> (Window, BillingZone) {
    let zone = BillingZone::named(zone).unwrap();
    (Window::of_period("2026-10".parse().unwrap(), &zone), zone)
}

fn rows() -> Vec<LakeRow> {
    let start = UnixMicros::new(NOON.get() - 60 * DAY_US);
    usage(3, 400, start, NOON)
}

async fn lake_of(dir: &tempfile::TempDir, rows: &[LakeRow]) -> Lake {
    let lake = open(dir).await;
    let (older, newer) = rows.split_at(rows.len() / 2);
    lake.commit("n1/e1", older, older.last().unwrap().seq).await.unwrap();
    lake.roll_up().await.unwrap();
    lake.commit("n1/e1", newer, newer.last().unwrap().seq).await.unwrap();
    lake
}

fn cost(row: &LakeRow) -> Usd {
    row.event.cost.billed.unwrap_or(Usd::ZERO)
}

fn within(row: &LakeRow, window: Window) -> bool {
    (window.from..window.to).contains(&row.event.times.received_us)
}

#[tokio::test]
async fn the_lens_of_a_team_shows_what_a_table_of_that_team_alone_would() {
    let (all, own) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let rows = rows();
    let (window, zone) = october("Asia/Kathmandu");
    let team = "ads";
    let theirs: Vec<LakeRow> = rows
        .iter()
        .filter(|row| row.event.attribution.team.as_deref() == Some(team))
        .cloned()
        .collect();
    let (all, own) = (lake_of(&all, &rows).await, lake_of(&own, &theirs).await);
    let (lens, everything) = (Lens::of_team(window, team), Lens::everything(window));
    let totals = all.month_to_date(&lens).await.unwrap();
    assert_eq!(totals, own.month_to_date(&everything).await.unwrap());
    assert!(totals.requests > 0 && totals.cost > Usd::ZERO);
    assert_eq!(all.coverage(&lens).await.unwrap(), own.coverage(&everything).await.unwrap());
    assert_eq!(
        all.daily_trend(&lens, &zone).await.unwrap(),
        own.daily_trend(&everything, &zone).await.unwrap()
    );
    assert_eq!(
        all.daily_trend(&lens, &BillingZone::UTC).await.unwrap(),
        own.daily_trend(&everything, &BillingZone::UTC).await.unwrap()
    );
    assert_eq!(
        all.spend_by_team(&lens).await.unwrap(),
        own.spend_by_team(&everything).await.unwrap()
    );
    assert_eq!(
        all.unpriced_models(&lens).await.unwrap(),
        own.unpriced_models(&everything).await.unwrap()
    );
    for by in Dimension::ALL {
        let ranked = all.top_by(*by, &lens, 100).await.unwrap();
        assert_eq!(ranked, own.top_by(*by, &everything, 100).await.unwrap(), "{by:?}");
        assert_eq!(ranked.iter().map(|value| value.cost).sum::<Usd>(), totals.cost, "{by:?}");
        let hours = all.hourly_spend(&lens, *by).await.unwrap();
        assert_eq!(hours, own.hourly_spend(&everything, *by).await.unwrap(), "{by:?}");
        assert_eq!(hours.iter().map(|hour| hour.cost).sum::<Usd>(), totals.cost, "{by:?}");
        let recent = all.recent_spend(&lens, *by).await.unwrap();
        assert_eq!(recent, own.recent_spend(&everything, *by).await.unwrap(), "{by:?}");
        assert_eq!(recent.iter().map(|value| value.cost).sum::<Usd>(), totals.cost, "{by:?}");
    }
    let lines = all.statement_lines("acme", team, window).await.unwrap();
    assert_eq!(lines, own.statement_lines("acme", team, window).await.unwrap());
    assert_eq!(lines.iter().map(|line| line.cost).sum::<Usd>(), totals.cost);
    assert_eq!(lines.iter().map(|line| line.requests).sum::<u64>(), totals.requests);
}

#[tokio::test]
async fn days_are_those_of_the_zone_also_when_the_clocks_change() {
    let dir = tempfile::tempdir().unwrap();
    let rows = rows();
    let lake = lake_of(&dir, &rows).await;
    for zone in ["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe"] {
        let (window, zone) = october(zone);
        let mut days: BTreeMap<jiff::civil::Date, (Usd, u64)> = BTreeMap::new();
        for row in rows.iter().filter(|row| within(row, window)) {
            let day = days.entry(zone.date_of(row.event.times.received_us)).or_default();
            day.0 += cost(row);
            day.1 += u64::from(row.event.decision.is_final);
        }
        let trend = lake.daily_trend(&Lens::everything(window), &zone).await.unwrap();
        let found: BTreeMap<_, _> =
            trend.iter().map(|day| (day.day, (day.cost, day.requests))).collect();
        assert_eq!(found, days, "{zone:?}");
        let totals = lake.month_to_date(&Lens::everything(window)).await.unwrap();
        assert_eq!(trend.iter().map(|day| day.cost).sum::<Usd>(), totals.cost);
    }
}

#[tokio::test]
async fn hours_and_the_last_minutes_are_exact() {
    let dir = tempfile::tempdir().unwrap();
    let rows = rows();
    let lake = lake_of(&dir, &rows).await;
    let from = UnixMicros::new(NOON.get() - 30 * DAY_US).get() / HOUR_US * HOUR_US;
    let window = Window { from: UnixMicros::new(from), to: NOON.plus_micros(HOUR_US) };
    let mut expected: BTreeMap<(Option<String>, i64), (Usd, u64)> = BTreeMap::new();
    for row in rows.iter().filter(|row| within(row, window)) {
        let hour = row.event.times.received_us.get() / HOUR_US * HOUR_US;
        let spend = expected.entry((row.event.attribution.team.clone(), hour)).or_default();
        spend.0 += cost(row);
        spend.1 += row.event.meters.input_tokens() + row.event.meters.output_tokens();
    }
    let hours = lake.hourly_spend(&Lens::everything(window), Dimension::Team).await.unwrap();
    let found: BTreeMap<_, _> =
        hours.into_iter().map(|h| ((h.name, h.hour.get()), (h.cost, h.tokens))).collect();
    assert_eq!(found, expected);

    // Cut between two rows of one quarter of an hour.
    let at = rows.iter().map(|row| row.event.times.received_us).max().unwrap();
    let last = Window { from: at, to: at.plus_micros(1) };
    let recent = lake.recent_spend(&Lens::everything(last), Dimension::Model).await.unwrap();
    let sum: Usd = rows.iter().filter(|row| within(row, last)).map(cost).sum();
    assert_eq!(recent.iter().map(|spend| spend.cost).sum::<Usd>(), sum);
    assert_eq!(recent.len(), 1);

    let used = lake.keys_used(&Lens::everything(window)).await.unwrap();
    let mut expected = BTreeMap::new();
    for row in rows.iter().filter(|row| within(row, window)) {
        let at = row.event.times.received_us;
        let Some(key) = row.event.attribution.key_id else { continue };
        let last = expected.entry(key.to_string()).or_insert(at);
        *last = at.max(*last);
    }
    assert!(!expected.is_empty());
    assert_eq!(
        used.into_iter().map(|(key, at)| (key.to_string(), at)).collect::<BTreeMap<_, _>>(),
        expected
    );
}

#[tokio::test]
async fn a_budgets_spend_is_told_by_who_recorded_it() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    let key = KeyId::from_u128(5);
    let event = |n: u64, team: &str, user: Option<&str>| {
        let mut event = priced_event(n);
        event.attribution.team = Some(team.into());
        event.attribution.project = Some("web".into());
        event.attribution.user = user.map(str::to_owned);
        event.attribution.key_id = Some(key);
        event
    };
    let mut late = event(1_000, "search", None);
    late.times.received_us = NOON.plus_micros(HOUR_US);
    let mut unpriced = event(9, "search", None);
    unpriced.cost.billed = None;
    let first = [
        row("n1", 0, event(1, "search", Some("ada"))),
        row("n1", 1, event(2, "ads", Some("o'neil"))),
        row("n1", 2, late),
        row("n1", 3, unpriced),
    ];
    lake.commit("n1/e1", &first, 3).await.unwrap();
    let second = [row("n2", 7, event(4, "search", Some("o'neil")))];
    lake.commit("n2/e1", &second, 7).await.unwrap();
    let window = Window { from: NOON, to: NOON.plus_micros(1) };
    for (scope, expected) in [
        ("organisation", &[("n1", 3, 3), ("n2", 4, 7)][..]),
        ("team:search", &[("n1", 1, 3), ("n2", 4, 7)]),
        ("project:web", &[("n1", 3, 3), ("n2", 4, 7)]),
        ("user:o'neil", &[("n1", 2, 1), ("n2", 4, 7)]),
        ("customer:globex", &[("n1", 3, 3), ("n2", 4, 7)]),
        ("model:gpt-4o-2024-08-06", &[("n1", 3, 3), ("n2", 4, 7)]),
        ("model:gpt-4o", &[]),
        ("team:nobody", &[]),
    ] {
        let scope: Scope = scope.parse().unwrap();
        let spend = lake.budget_spend("acme", &scope, window).await.unwrap();
        let found: Vec<_> =
            spend.iter().map(|s| (s.node.as_str(), s.cost.pico(), s.max_seq)).collect();
        assert_eq!(found, expected, "{scope}");
        assert!(spend.iter().all(|s| s.epoch == "e1"));
    }
    assert_eq!(lake.budget_spend("acme", &Scope::Key(key), window).await.unwrap().len(), 2);
    assert!(lake.budget_spend("other", &Scope::Organisation, window).await.unwrap().is_empty());
    assert_eq!(lake.committed_seq("n1", "e1").await.unwrap(), Some(3));
    assert_eq!(lake.committed_seq("n2", "e1").await.unwrap(), Some(7));
    assert_eq!(lake.committed_seq("n2", "e2").await.unwrap(), None);
}

#[tokio::test]
async fn the_models_of_two_windows_explain_the_change_between_them_exactly() {
    let dir = tempfile::tempdir().unwrap();
    let rows = rows();
    let lake = lake_of(&dir, &rows).await;
    let (later, _) = october("UTC");
    let earlier = Window { from: later.from.plus_micros(-7 * DAY_US), to: later.from };
    let (before, after) = (Lens::everything(earlier), Lens::everything(later));
    let changes = lake.model_changes(&before, &after).await.unwrap();
    let total = |of: fn(&crate::ModelChange) -> &ModelUse| -> Usd {
        changes.iter().map(|change| of(change).cost).sum()
    };
    assert_eq!(total(|c| &c.before), lake.month_to_date(&before).await.unwrap().cost);
    assert_eq!(total(|c| &c.after), lake.month_to_date(&after).await.unwrap().cost);
    let names: Vec<_> = changes.iter().filter_map(|change| change.model.as_deref()).collect();
    assert!(names.contains(&"big") && names.contains(&"new"), "{names:?}");

    let unpriced = lake.unpriced_models(&after).await.unwrap();
    assert!(unpriced.iter().all(|model| model.model.as_deref() == Some("new")), "{unpriced:?}");
    let calls: u64 = unpriced.iter().map(|model| model.calls).sum();
    assert_eq!(calls, lake.month_to_date(&after).await.unwrap().unpriced);
    assert!(unpriced.len() == 2 && unpriced.iter().all(|model| model.tokens > 0));
}

#[tokio::test]
async fn what_commits_meanwhile_does_not_show_in_the_figures_of_a_page() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    lake.commit("n1/e1", &[row("n1", 0, priced_event(1))], 0).await.unwrap();
    let page = lake.pinned().await.unwrap();
    lake.commit("n1/e1", &[row("n1", 1, priced_event(2))], 1).await.unwrap();
    lake.roll_up().await.unwrap();
    let day = Window { from: NOON.plus_micros(-DAY_US), to: NOON.plus_micros(DAY_US) };
    let lens = Lens::everything(day);
    assert_eq!(page.month_to_date(&lens).await.unwrap().requests, 1);
    assert_eq!(page.top_by(Dimension::Customer, &lens, 5).await.unwrap()[0].requests, 1);
    assert_eq!(lake.month_to_date(&lens).await.unwrap().requests, 2);
}

#[tokio::test]
async fn the_queue_of_what_has_no_price_is_the_same_from_sums_as_from_rows() {
    let dir = tempfile::tempdir().unwrap();
    let rows = rows();
    let lake = lake_of(&dir, &rows).await;
    let start = units::BillingZone::UTC.date_of(UnixMicros::new(NOON.get() - 61 * DAY_US));
    let window = Window::of_days(start, units::BillingZone::UTC.date_of(NOON));
    for lens in [Lens::everything(window), Lens::of_team(window, "ads")] {
        let by_rows = lake.unpriced(&lens).await.unwrap();
        let by_sums = lake.unpriced_queue(&lens).await.unwrap();
        assert!(!by_sums.is_empty());
        assert_eq!(by_sums.len(), by_rows.len());
        for sums in by_sums {
            let is_it = |used: &&crate::UnpricedUse| {
                (&used.provider, &used.model) == (&sums.provider, &sums.model)
            };
            let rows = by_rows.iter().find(is_it).unwrap();
            assert_eq!(sums.requests, rows.requests);
            assert!(sums.tokens >= rows.tokens);
            let day = |at| BillingZone::UTC.date_of(at);
            assert_eq!((sums.first_day, sums.last_day), (day(rows.first_at), day(rows.last_at)));
        }
    }
}

#[tokio::test]
async fn models_and_who_holds_them_add_up_to_the_window() {
    let dir = tempfile::tempdir().unwrap();
    let rows = rows();
    let lake = lake_of(&dir, &rows).await;
    let (window, _) = october("UTC");
    for lens in [Lens::everything(window), Lens::of_team(window, "ads")] {
        let used = lake.models_used(&lens).await.unwrap();
        let total = lake.month_to_date(&lens).await.unwrap();
        assert_eq!(used.iter().map(|used| used.cost).sum::<Usd>(), total.cost);
        let big: Usd = used
            .iter()
            .filter(|used| used.model.as_deref() == Some("big"))
            .map(|used| used.cost)
            .sum();
        let holders = lake.model_holders(&lens, &["big".to_owned()], 1_000).await.unwrap();
        assert!(holders.len() > 1 && big > Usd::ZERO);
        assert_eq!(holders.iter().map(|holder| holder.used.cost).sum::<Usd>(), big);
        let is_theirs = |team: &Option<String>| lens.team.is_none() || *team == lens.team;
        assert!(holders.iter().all(|holder| is_theirs(&holder.team)));
        assert_eq!(lake.model_holders(&lens, &["big".to_owned()], 1).await.unwrap().len(), 1);
        assert_eq!(lake.model_holders(&lens, &[], 10).await.unwrap(), []);
    }
}
