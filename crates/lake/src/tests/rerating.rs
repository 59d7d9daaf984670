//! Prices that change after the fact: corrections sum to what the new prices come to, whoever adds them
//! up, and doing it twice changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use events::{AdjustmentKind, Meter, Meters, UsageEvent, UsageSource};
use policy::Scope;
use tempfile::TempDir;
use units::{RequestId, UnixMicros, Usd};

use super::rows::{DAY_US, NOON, amount, number, open, priced_event, row};
use super::sample::usage;
use super::upkeep::ground::assert_exact;
use crate::window::HOUR_US;
use crate::{
    Amounts, Dimension, ExploreQuery, Grain, Lake, LakeError, LakeRow, Lens, Measure, Metric,
    PriceBasis, RERATE_NODE, Reprice, RequestKind, RequestsQuery, RerateFilter, RerateOptions,
    RerateRow, WhatIfQuery, Window,
};

/// Prices: so many picodollars a token, of every model but those without a price.
#[derive(Debug, Clone)]
pub(super) struct Rates {
    version: &'static str,
    per_token: u64,
    unpriced: &'static [&'static str],
}

impl Rates {
    pub(super) fn shared(version: &'static str, per_token: u64) -> Arc<dyn Reprice> {
        Arc::new(Self { version, per_token, unpriced: &[] })
    }

    fn cost(&self, model: &str, meters: &Meters) -> Option<Usd> {
        let tokens = meters.input_tokens() + meters.output_tokens();
        let is_priced = !self.unpriced.contains(&model);
        is_priced.then(|| Usd::from_pico(i128::from(tokens * self.per_token)))
    }

    fn of(&self, event: &UsageEvent) -> Option<Usd> {
        self.cost(event.model.resolved.as_deref().unwrap_or_default(), &event.meters)
    }
}

impl Reprice for Rates {
    fn amounts(&self, row: &RerateRow<'_>) -> Option<Amounts> {
        let billed = self.cost(row.model, row.meters)?;
        Some(Amounts { list: billed + billed, contract: Some(billed), billed })
    }

    fn basis(&self, row: &RerateRow<'_>) -> Option<PriceBasis> {
        Some(PriceBasis {
            model_priced: row.model.to_owned(),
            price_version: self.version.to_owned(),
            rate_set: format!("{:016x}", self.per_token),
        })
    }
}

fn everything() -> Window {
    Window { from: UnixMicros::new(0), to: UnixMicros::new(i64::MAX) }
}

pub(super) fn options(run: &str) -> RerateOptions {
    RerateOptions {
        run: run.to_owned(),
        window: everything(),
        filter: RerateFilter::default(),
        is_dry_run: false,
    }
}

/// Two months of usage, with models that had no price.
fn history() -> Vec<LakeRow> {
    let mut rows = usage(3, 300, NOON.plus_micros(-40 * DAY_US), NOON);
    for row in &mut rows {
        row.event.cost.price_version = Some("pb_1".to_owned());
    }
    rows
}

async fn lake_of(dir: &TempDir, rows: &[LakeRow]) -> Lake {
    let lake = open(dir).await;
    for (n, part) in rows.chunks(70).enumerate() {
        let last = u64::try_from(n * 70 + part.len() - 1).unwrap();
        lake.commit("n1/e1", part, last).await.unwrap();
    }
    lake
}

/// Rows that used something.
fn calls(rows: &[LakeRow]) -> impl Iterator<Item = &UsageEvent> {
    rows.iter().map(|row| &row.event).filter(|event| event.cost.usage_source != UsageSource::None)
}

/// What all rows cost by these prices, or by those they were recorded with where they have none.
fn expected(rows: &[LakeRow], rates: &Rates) -> Usd {
    calls(rows).filter_map(|event| rates.of(event).or(event.cost.billed)).sum()
}

async fn billed(lake: &Lake) -> Usd {
    amount(lake, "SELECT SUM(cost_usd) FROM usage").await
}

async fn rows_of(lake: &Lake) -> i64 {
    number(lake, "SELECT COUNT(*) FROM usage").await
}

/// Everything that must stay as it is when prices change.
async fn counts(lake: &Lake) -> Vec<u64> {
    let lens = Lens::everything(Window {
        from: NOON.plus_micros(-60 * DAY_US),
        to: NOON.plus_micros(DAY_US),
    });
    let totals = lake.month_to_date(&lens).await.unwrap();
    let coverage = lake.coverage(&lens).await.unwrap();
    vec![
        totals.requests,
        totals.failed_requests,
        totals.input_tokens,
        totals.output_tokens,
        coverage.attempts,
        coverage.metered,
        coverage.with_team,
        coverage.with_feature,
        coverage.with_customer,
    ]
}

#[tokio::test]
async fn after_new_prices_every_sum_is_that_of_the_new_prices_and_a_second_time_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let rows = history();
    let lake = lake_of(&dir, &rows).await;
    let before = counts(&lake).await;
    while !lake.roll_up().await.unwrap().is_complete {}
    let rates = Rates { version: "pb_2", per_token: 7, unpriced: &[] };
    let done = lake.rerate(options("r1"), Arc::new(rates.clone())).await.unwrap();
    let seen = u64::try_from(calls(&rows).count()).unwrap();
    assert_eq!((done.rows_seen, done.unpriced, done.kept), (seen, 0, 0));
    assert!(done.restated > 0 && done.commits > 0);
    let recorded: Usd = calls(&rows).filter_map(|event| event.cost.billed).sum();
    assert_eq!(done.delta, expected(&rows, &rates) - recorded);
    // Not rolled up, rolled up, rewritten: the same to the last digit.
    for stage in ["tail", "rolled up", "rewritten"] {
        assert_eq!(billed(&lake).await, expected(&rows, &rates), "{stage}");
        let list = amount(&lake, "SELECT SUM(list_cost_usd) FROM usage_day").await;
        assert_eq!(list, expected(&rows, &rates) + expected(&rows, &rates), "{stage}");
        assert_exact(&lake, stage).await;
        assert_eq!(counts(&lake).await, before, "{stage}");
        assert_eq!(number(&lake, "SELECT SUM(unpriced) FROM usage_day").await, 0, "{stage}");
        match stage {
            "tail" => while !lake.roll_up().await.unwrap().is_complete {},
            _ => while lake.compact().await.unwrap().files > 0 {},
        }
    }
    let rows_now = rows_of(&lake).await;
    for run in ["r1", "r2"] {
        let again = lake.rerate(options(run), Arc::new(rates.clone())).await.unwrap();
        assert_eq!((again.rows_seen, again.restated, again.commits), (seen, 0, 0), "{run}");
        assert_eq!(again.delta, Usd::ZERO);
    }
    assert_eq!(rows_of(&lake).await, rows_now);
}

#[tokio::test]
async fn a_dry_run_tells_the_same_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let rows = history();
    let lake = lake_of(&dir, &rows).await;
    let (prices, rows_before) = (Rates::shared("pb_2", 7), rows_of(&lake).await);
    let dry = RerateOptions { is_dry_run: true, ..options("r1") };
    let told = lake.rerate(dry, Arc::clone(&prices)).await.unwrap();
    assert_eq!((rows_of(&lake).await, told.commits), (rows_before, 0));
    let done = lake.rerate(options("r1"), prices).await.unwrap();
    assert_eq!(crate::Rerated { commits: 0, ..done }, told);
}

#[tokio::test]
async fn what_is_taken_back_and_what_is_stated_anew_are_told_apart_by_price_book() {
    let dir = tempfile::tempdir().unwrap();
    let rows = history();
    let lake = lake_of(&dir, &rows).await;
    for (run, version, rate) in [("r1", "pb_2", 7), ("r2", "pb_3", 11)] {
        lake.rerate(options(run), Rates::shared(version, rate)).await.unwrap();
    }
    let rates = Rates { version: "pb_3", per_token: 11, unpriced: &[] };
    assert_eq!(billed(&lake).await, expected(&rows, &rates));
    // Nothing is left of the books before, whatever a row was recorded with.
    let by_version = "SELECT SUM(cost_usd) FROM usage WHERE price_version =";
    for version in ["pb_1", "pb_2"] {
        let left =
            amount(&lake, &format!("{by_version} '{version}' AND usage_source <> 'none'")).await;
        assert_eq!(left, Usd::ZERO, "{version}");
    }
    let last = amount(&lake, &format!("{by_version} 'pb_3'")).await;
    assert_eq!(last, expected(&rows, &rates));
    let sql = "SELECT COUNT(*) FROM (SELECT DISTINCT node_id, epoch, seq FROM usage)";
    assert_eq!(number(&lake, sql).await, rows_of(&lake).await);
    let sql = "SELECT COUNT(*) FROM (SELECT DISTINCT request_id, attempt, revision FROM usage)";
    assert_eq!(number(&lake, sql).await, rows_of(&lake).await, "a revision is one row");

    let adjustments = lake.statement_adjustments("acme", "search", everything()).await.unwrap();
    let changed: Usd = adjustments.iter().map(|line| line.after - line.before).sum();
    let search = "SELECT SUM(cost_usd) FROM usage WHERE team = 'search' AND adjustment IS NULL";
    let lines = lake.statement_lines("acme", "search", everything()).await.unwrap();
    let total: Usd = lines.iter().map(|line| line.cost).sum();
    assert_eq!(amount(&lake, search).await + changed, total);
    let versions: BTreeSet<_> = adjustments
        .iter()
        .map(|line| (line.version_before.as_deref(), line.version_after.as_deref()))
        .collect();
    assert!(versions.contains(&(Some("pb_1"), Some("pb_2"))), "{versions:?}");
    assert!(versions.contains(&(Some("pb_2"), Some("pb_3"))), "{versions:?}");
    assert!(adjustments.iter().all(|line| line.attempts > 0), "{adjustments:?}");
    let none = lake.statement_adjustments("acme", "nobody", everything()).await.unwrap();
    assert!(none.is_empty());
}

#[tokio::test]
async fn a_price_that_comes_later_prices_what_had_none_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let rows = history();
    let lake = lake_of(&dir, &rows).await;
    let lens = Lens::everything(everything());
    let queue = lake.unpriced(&lens).await.unwrap();
    let unknown: Vec<&UsageEvent> =
        calls(&rows).filter(|event| event.cost.billed.is_none()).collect();
    let count = u64::try_from(unknown.len()).unwrap();
    assert_eq!(queue.iter().map(|model| model.requests).sum::<u64>(), count);
    assert!(queue.iter().all(|model| model.model.as_deref() == Some("new")), "{queue:?}");
    let first = unknown.iter().map(|event| event.times.received_us).min();
    assert_eq!(queue.iter().map(|model| model.first_at).min(), first);
    let last = unknown.iter().map(|event| event.times.received_us).max();
    assert_eq!(queue.iter().map(|model| model.last_at).max(), last);
    let tokens = |event: &&UsageEvent| event.meters.input_tokens() + event.meters.output_tokens();
    assert_eq!(
        queue.iter().map(|model| model.tokens).sum::<u64>(),
        unknown.iter().map(tokens).sum::<u64>()
    );
    let teams: BTreeSet<_> = queue.iter().flat_map(|model| model.teams.clone()).collect();
    assert_eq!(teams, unknown.iter().map(|event| event.attribution.team.clone()).collect());

    let filter = RerateFilter { is_unpriced: true, ..RerateFilter::default() };
    let unpriced_only = RerateOptions { filter, ..options("r1") };
    // A book that still does not know the model changes nothing.
    let ignorant = Rates { version: "pb_2", per_token: 7, unpriced: &["new"] };
    let done = lake.rerate(unpriced_only.clone(), Arc::new(ignorant)).await.unwrap();
    assert_eq!((done.rows_seen, done.unpriced, done.restated), (count, count, 0));
    let done = lake.rerate(unpriced_only.clone(), Rates::shared("pb_3", 7)).await.unwrap();
    assert_eq!(
        (done.restated, done.by_model.iter().map(|model| model.newly_priced).sum()),
        (count, count)
    );
    assert_eq!(
        number(&lake, "SELECT COUNT(*) FROM usage WHERE adjustment = 'retraction'").await,
        0
    );
    assert!(lake.unpriced(&lens).await.unwrap().is_empty());
    assert!(lake.unpriced_models(&november()).await.unwrap().is_empty());
    let rates = Rates { version: "pb_3", per_token: 7, unpriced: &[] };
    let recorded: Usd = calls(&rows).filter_map(|event| event.cost.billed).sum();
    let priced: Usd = unknown.iter().filter_map(|event| rates.of(event)).sum();
    assert_eq!(billed(&lake).await, recorded + priced);
    // It has a price now, so there is nothing left to do for whoever looks for what has none.
    let done = lake.rerate(unpriced_only, Rates::shared("pb_4", 9)).await.unwrap();
    assert_eq!(done.rows_seen, 0);
    // Prices that forget it leave it as it is.
    let forgetful = Rates { version: "pb_5", per_token: 7, unpriced: &["new"] };
    let done = lake.rerate(options("r2"), Arc::new(forgetful)).await.unwrap();
    assert_eq!(done.kept, count);
}

fn november() -> Lens {
    Lens::everything(Window { from: NOON.plus_micros(-60 * DAY_US), to: NOON.plus_micros(DAY_US) })
}

#[tokio::test]
async fn a_filter_prices_what_it_names_and_leaves_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    let rows = history();
    let lake = lake_of(&dir, &rows).await;
    let window =
        Window { from: NOON.plus_micros(-30 * DAY_US), to: NOON.plus_micros(-10 * DAY_US) };
    let filter = RerateFilter {
        scope: Some(Scope::Team("search".parse().unwrap())),
        provider: Some("openai".into()),
        model: Some("big".into()),
        organisation: Some("acme".into()),
        is_unpriced: false,
    };
    let done = lake
        .rerate(RerateOptions { window, filter, ..options("r1") }, Rates::shared("pb_2", 1))
        .await
        .unwrap();
    let passes = |event: &&UsageEvent| {
        let at = event.times.received_us;
        at >= window.from
            && at < window.to
            && event.attribution.team.as_deref() == Some("search")
            && event.model.provider.as_deref() == Some("openai")
            && event.model.resolved.as_deref() == Some("big")
    };
    let named = calls(&rows).filter(passes).count();
    assert!(named > 0);
    assert_eq!(done.rows_seen, u64::try_from(named).unwrap());
    let restated =
        number(&lake, "SELECT COUNT(*) FROM usage WHERE adjustment = 'restatement'").await;
    assert_eq!(u64::try_from(restated).unwrap(), done.restated);
    assert_eq!(done.by_model.len(), 1);
    assert_eq!(
        (done.by_model[0].provider.as_str(), done.by_model[0].model.as_str()),
        ("openai", "big")
    );
}

#[tokio::test]
async fn a_run_that_was_cut_off_goes_on_under_its_id_and_two_at_once_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let rows = history();
    let lake = lake_of(&dir, &rows).await;
    let rates = Rates { version: "pb_2", per_token: 7, unpriced: &[] };
    let prices = || -> Arc<dyn Reprice> { Arc::new(rates.clone()) };
    let half = Window { from: UnixMicros::new(0), to: NOON.plus_micros(-20 * DAY_US) };
    let first =
        lake.rerate(RerateOptions { window: half, ..options("r1") }, prices()).await.unwrap();
    let whole = lake.rerate(options("r1"), prices()).await.unwrap();
    assert!(first.restated > 0 && whole.restated > 0);
    assert_eq!(billed(&lake).await, expected(&rows, &rates));
    let sql = "SELECT COUNT(DISTINCT seq) - MAX(seq) FROM usage WHERE node_id = 'rerate'";
    assert_eq!(number(&lake, sql).await, 1, "ordinals count up without a gap");

    // Of runs at once one may find that another was faster; it changed nothing, and a repeat agrees.
    let other = open(&dir).await;
    let dear = Rates { version: "pb_3", per_token: 9, unpriced: &[] };
    let dearer = || -> Arc<dyn Reprice> { Arc::new(dear.clone()) };
    let (a, b) =
        tokio::join!(lake.rerate(options("a"), dearer()), other.rerate(options("b"), dearer()));
    for done in [a, b] {
        assert!(matches!(done, Ok(_) | Err(LakeError::Fenced { .. })), "{done:?}");
    }
    lake.rerate(options("a"), dearer()).await.unwrap();
    for reader in [&lake, &other] {
        assert_eq!(billed(reader).await, expected(&rows, &dear));
        assert_exact(reader, "after runs at once").await;
    }
}

#[tokio::test]
async fn a_run_without_a_proper_name_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    for run in ["", "a/b", "a b", &"x".repeat(65)] {
        let error = lake.rerate(options(run), Rates::shared("pb_2", 7)).await.unwrap_err();
        assert!(error.is_callers_fault(), "{run}");
    }
}

/// One request of one attempt and one of two, then prices change twice.
async fn corrected(dir: &TempDir) -> (Lake, [RequestId; 3]) {
    let ids = [1_u128, 2, 3].map(|n| RequestId::from_u128(0xf00 + n));
    let event = |n: usize, attempt: u16, tokens: u64| {
        let mut event = priced_event(n as u64 + 1);
        event.ids.request_id = ids[n];
        event.ids.attempt = attempt;
        event.decision.is_final = attempt == 1 || n == 1;
        event.meters = Meters::NONE.with(Meter::InputText, tokens);
        event.cost.price_version = Some("pb_1".to_owned());
        event.cost.list = event.cost.billed;
        event.cost.provider_reported = Some(Usd::from_pico(700));
        event
    };
    let mut first = event(1, 1, 30);
    first.decision.is_final = false;
    let mut unknown = event(2, 1, 50);
    (unknown.cost.billed, unknown.cost.list) = (None, None);
    let rows = [event(0, 1, 100), first, event(1, 2, 40), unknown];
    let rows: Vec<LakeRow> = (0..).zip(rows).map(|(seq, event)| row("n1", seq, event)).collect();
    let lake = open(dir).await;
    lake.commit("n1/e1", &rows, 3).await.unwrap();
    for (run, version, rate) in [("r1", "pb_2", 5), ("r2", "pb_3", 7)] {
        lake.rerate(options(run), Rates::shared(version, rate)).await.unwrap();
    }
    (lake, ids)
}

#[tokio::test]
async fn a_request_tells_its_corrections_and_lists_tell_what_it_costs_now() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, ids) = corrected(&dir).await;
    let rows = lake.request(ids[0], None).await.unwrap();
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            let cost = &row.event.cost;
            let kind = cost.adjustment.as_ref().map(|of| of.kind);
            (
                row.event.ids.revision,
                kind,
                cost.price_version.as_deref().unwrap(),
                cost.billed.unwrap().pico(),
            )
        })
        .collect();
    let (back, anew) = (Some(AdjustmentKind::Retraction), Some(AdjustmentKind::Restatement));
    assert_eq!(
        told,
        [
            (0, None, "pb_1", 1),
            (1, back, "pb_1", -1),
            (2, anew, "pb_2", 500),
            (3, back, "pb_2", -500),
            (4, anew, "pb_3", 700),
        ]
    );
    for correction in &rows[1..] {
        let (event, metered) = (&correction.event, &rows[0].event);
        assert_eq!(correction.node_id, RERATE_NODE);
        assert_eq!(event.cost.adjustment.as_ref().unwrap().adjusts, "n1/e1/0");
        assert_eq!((event.meters, event.decision.is_final), (Meters::NONE, false));
        assert_eq!(event.attribution, metered.attribution);
        assert_eq!(event.times.received_us, metered.times.received_us);
        assert_eq!(event.model.resolved, metered.model.resolved);
        assert_eq!(event.cost.provider_reported, Some(Usd::ZERO));
    }

    let query = |kind: RequestKind| RequestsQuery {
        lens: Lens::everything(everything()),
        filters: Vec::new(),
        kind,
        cursor: None,
        limit: 10,
    };
    let page = lake.requests(&query(RequestKind::default())).await.unwrap();
    let costs: BTreeMap<String, (u64, Option<i128>)> = page
        .rows
        .iter()
        .map(|row| (row.request_id.clone(), (row.used.attempts, row.used.cost.map(Usd::pico))))
        .collect();
    let expected = [(1, Some(700)), (2, Some(70 * 7)), (1, Some(350))];
    assert_eq!(costs, ids.iter().map(RequestId::to_string).zip(expected).collect());
    let dear = RequestKind { cost_min: Some(Usd::from_pico(600)), ..RequestKind::default() };
    let dear = lake.requests(&query(dear)).await.unwrap();
    assert_eq!(
        dear.rows.iter().map(|row| row.request_id.clone()).collect::<Vec<_>>(),
        [ids[0].to_string()]
    );
    let unknown = RequestKind { is_unpriced: true, ..RequestKind::default() };
    assert!(lake.requests(&query(unknown)).await.unwrap().rows.is_empty());
    let dearest = lake.dearest_requests(&Lens::everything(everything()), &[], 2).await.unwrap();
    let dearest: Vec<_> = dearest.iter().map(|row| row.request_id.clone()).collect();
    assert_eq!(dearest, [ids[0].to_string(), ids[2].to_string()]);
}

#[tokio::test]
async fn budgets_explore_and_what_providers_report_see_the_corrected_cost() {
    let dir = tempfile::tempdir().unwrap();
    let (lake, ids) = corrected(&dir).await;
    let total = Usd::from_pico((100 + 30 + 40 + 50) * 7);
    let window = Window { from: NOON, to: NOON.plus_micros(1) };
    let spend =
        lake.budget_spend("acme", &Scope::Team("search".parse().unwrap()), window).await.unwrap();
    assert_eq!(spend.iter().map(|holder| holder.cost).sum::<Usd>(), total);
    let quarter = window.in_quarters();
    for grain in [Grain::Total, Grain::Hour] {
        let query = ExploreQuery {
            lens: Lens::everything(quarter),
            zone: units::BillingZone::UTC,
            grain,
            metric: Metric::Cost,
            group_by: Vec::new(),
            filters: Vec::new(),
            top: 5,
        };
        let explored = lake.explore(&query).await.unwrap();
        let sum = match explored.total.total {
            Measure::Money(amount) => amount,
            other => panic!("{other:?}"),
        };
        assert_eq!((sum, explored.total.unpriced), (total, 0));
    }
    let recent = lake.recent_spend(&Lens::everything(window), Dimension::Team).await.unwrap();
    assert_eq!((recent[0].cost, recent[0].requests, recent[0].unpriced), (total, 3, 0));
    let drift = lake.reported_costs(&Lens::everything(window)).await.unwrap();
    assert_eq!(drift.len(), 1);
    assert_eq!((drift[0].requests, drift[0].unpriced), (4, 0));
    assert_eq!((drift[0].reported, drift[0].computed), (Usd::from_pico(4 * 700), total));
    let lens = Lens::everything(window);
    let hours = lake.reported_hours(&lens).await.unwrap();
    let [hour] = hours.as_slice() else { panic!("{hours:?}") };
    let start = UnixMicros::new(NOON.get() / HOUR_US * HOUR_US);
    assert_eq!((hour.hour, hour.requests, hour.unpriced), (start, 4, 0));
    assert_eq!((hour.reported, hour.computed), (drift[0].reported, total));
    let (provider, model) = (hour.provider.as_deref(), hour.model.as_deref());
    let differing = lake.differing_requests(&lens, provider, model, 2).await.unwrap();
    // 910 - 490, 700 - 350 and 700 - 700 pico-dollars apart.
    assert_eq!(differing, [ids[1].to_string(), ids[2].to_string()]);
    let none = lake.differing_requests(&lens, None, model, 2).await.unwrap();
    assert!(none.is_empty(), "of no provider: {none:?}");
}

#[tokio::test]
async fn traffic_is_grouped_by_terms_and_size_of_prompt_with_all_it_used() {
    let dir = tempfile::tempdir().unwrap();
    let mut rows = usage(5, 200, NOON.plus_micros(-5 * DAY_US), NOON);
    for (n, row) in rows.iter_mut().enumerate() {
        if row.event.cost.usage_source == UsageSource::None {
            continue;
        }
        row.event.cost.processing = (n % 3 == 0).then(|| "batch".to_owned());
        row.event.meters.add(Meter::Citation, (n % 5) as u64);
        row.event.meters.add(Meter::Images, (n % 2) as u64);
    }
    let lake = lake_of(&dir, &rows).await;
    lake.rerate(options("r1"), Rates::shared("pb_2", 3)).await.unwrap();
    let query = WhatIfQuery {
        window: everything(),
        organisation: Some("acme".into()),
        scope: Scope::Team("search".parse().unwrap()),
        filters: Vec::new(),
        sizes: vec![1_000, 4_000],
    };
    let groups = lake.what_if(&query).await.unwrap();
    let of_team: Vec<&UsageEvent> =
        calls(&rows).filter(|event| event.attribution.team.as_deref() == Some("search")).collect();
    let rates = Rates { version: "pb_2", per_token: 3, unpriced: &[] };
    let cost: Usd = of_team.iter().filter_map(|event| rates.of(event)).sum();
    assert_eq!(groups.iter().map(|group| group.cost).sum::<Usd>(), cost);
    assert_eq!(groups.iter().map(|group| group.unpriced).sum::<i64>(), 0);
    for meter in
        [Meter::InputText, Meter::CacheReadText, Meter::OutputText, Meter::Citation, Meter::Images]
    {
        let found: u64 = groups.iter().map(|group| group.meters.get(meter)).sum();
        let used: u64 = of_team.iter().map(|event| event.meters.get(meter)).sum();
        assert_eq!(found, used, "{meter}");
    }
    assert_eq!(groups.iter().map(|group| group.requests).sum::<u64>(), of_team.len() as u64);
    assert!(groups.iter().any(|group| group.terms.processing.as_deref() == Some("batch")));
    for group in groups.iter().filter(|group| group.requests > 0) {
        let (least, most) = group.input_tokens;
        let size = |tokens: u64| u8::from(tokens >= 1_000) + u8::from(tokens >= 4_000);
        assert_eq!((size(least), size(most)), (group.size, group.size), "{group:?}");
    }
    let by = crate::GroupBy::Dimension(Dimension::Key);
    let none = crate::Filter { by, exclude: false, values: vec![None] };
    let keyless = WhatIfQuery { filters: vec![none], ..query.clone() };
    let found = lake.what_if(&keyless).await.unwrap();
    let expected = of_team.iter().filter(|event| event.attribution.key_id.is_none()).count();
    assert_eq!(found.iter().map(|group| group.requests).sum::<u64>(), expected as u64);
    let five = WhatIfQuery { sizes: vec![1; 5], ..query };
    assert!(lake.what_if(&five).await.unwrap_err().is_callers_fault());
}
