//! SQL is read-only, bounded, and exact in money; reports add up.

use std::time::Duration;

use arrow::datatypes::DataType;
use events::{ErrorClass, UsageSource};
use units::{BillingPeriod, BillingZone, RequestId, UnixMicros, Usd};

use super::rows::{
    DAY_US, NOON, bare_event, number, open, open_with, priced_event, priced_rows, row,
};
use crate::{Dimension, Lake, LakeError, LakeRow, Lens, QueryLimits, Window};

fn november() -> Lens {
    let period = BillingPeriod::containing(NOON, &BillingZone::UTC);
    Lens::everything(Window::of_period(period, &BillingZone::UTC))
}

#[tokio::test]
async fn statements_that_change_anything_are_refused_in_plain_words() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    let target = dir.path().join("out.parquet").display().to_string();
    for sql in [
        "CREATE TABLE t AS SELECT 1".to_owned(),
        "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/'".to_owned(),
        "DROP TABLE usage".to_owned(),
        "INSERT INTO usage SELECT * FROM usage".to_owned(),
        "DELETE FROM usage".to_owned(),
        format!("COPY usage TO '{target}'"),
        format!("EXPLAIN ANALYZE COPY usage TO '{target}'"),
        "SET datafusion.execution.batch_size = 1".to_owned(),
    ] {
        let error = lake.sql(&sql).await.unwrap_err();
        assert!(matches!(error, LakeError::Query(_)), "{sql}: {error:?}");
        assert!(error.is_callers_fault());
        assert!(!error.to_string().contains('\n'), "{error}");
    }
    assert!(lake.sql("SELECT * FROM 'Cargo.toml'").await.is_err());
    assert!(lake.sql("SELECT 1; SELECT 2").await.is_err());
    assert_eq!(number(&lake, "SELECT COUNT(*) FROM usage").await, 0);
}

#[tokio::test]
async fn an_error_names_what_the_writer_of_the_query_got_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    let error = lake.sql("SELECT cots_usd FROM usage").await.unwrap_err().to_string();
    assert!(error.contains("cots_usd"), "{error}");
    let error = lake.sql("SELEC 1").await.unwrap_err().to_string();
    assert!(error.contains("SELEC"), "{error}");
}

#[tokio::test]
async fn a_literal_with_a_point_is_a_decimal_and_text_is_plain() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    lake.commit("n1/e1", &priced_rows("n1", 0..1), 0).await.unwrap();
    let sql = "SELECT 0.1 + 0.2 = 0.3, 0.1, team, SUM(cost_usd) FROM usage GROUP BY team";
    let result = lake.sql(sql).await.unwrap();
    let ty = |n: usize| result.schema.field(n).data_type().clone();
    assert!(result.batches[0].column(0).as_any().is::<arrow::array::BooleanArray>());
    assert_eq!(
        result.batches[0].column(0).as_ref(),
        &arrow::array::BooleanArray::from(vec![true]) as &dyn arrow::array::Array
    );
    assert!(matches!(ty(1), DataType::Decimal128(..)), "{}", ty(1));
    assert_eq!(ty(2), DataType::Utf8);
    assert_eq!(ty(3), DataType::Decimal128(38, 12));
}

#[tokio::test]
async fn a_result_is_cut_at_the_limit_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open_with(&dir, QueryLimits { rows_max: 5, ..QueryLimits::default() }).await;
    let result = lake.sql("SELECT * FROM generate_series(1, 5)").await.unwrap();
    assert_eq!((result.rows(), result.is_truncated), (5, false));
    let result = lake.sql("SELECT * FROM generate_series(1, 1000000000)").await.unwrap();
    assert_eq!((result.rows(), result.is_truncated), (5, true));
}

#[tokio::test]
async fn a_query_that_takes_too_much_memory_is_refused_in_plain_words() {
    let dir = tempfile::tempdir().unwrap();
    let limits = QueryLimits { memory_bytes: 1 << 20, ..QueryLimits::default() };
    let lake = open_with(&dir, limits).await;
    let sql = "SELECT COUNT(*) FROM generate_series(1, 1000000) a
               JOIN generate_series(1, 1000000) b ON a.value = b.value";
    let error = lake.sql(sql).await.unwrap_err();
    assert!(error.to_string().contains("more memory"), "{error}");
}

#[tokio::test]
async fn a_query_without_end_is_stopped_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let timeout = Duration::from_millis(300);
    let limits = QueryLimits { timeout, ..QueryLimits::default() };
    let lake = open_with(&dir, limits).await;
    let endless = "SELECT COUNT(*) FROM generate_series(1, 1000000000000) WHERE value % 7 = 3";
    let error = lake.sql(endless).await.unwrap_err();
    assert!(matches!(error, LakeError::TimedOut(_)), "{error}");
    // The threads are free again.
    assert_eq!(number(&lake, "SELECT COUNT(*) FROM usage").await, 0);
}

/// A month of two teams with an unpriced model, a refusal, a failed attempt and a neighbour month.
async fn month(lake: &Lake) -> Vec<LakeRow> {
    let mut rows = priced_rows("n1", 0..10);
    for (n, row) in rows.iter_mut().enumerate() {
        if n >= 6 {
            row.event.attribution.team = Some("ads".into());
            row.event.attribution.feature = None;
            row.event.attribution.customer = Some(format!("c{}", n % 2));
        }
    }
    let mut unpriced = priced_event(11);
    unpriced.cost.billed = None;
    unpriced.model.resolved = Some("new-model".into());
    rows.push(row("n1", 10, unpriced));
    let mut refused = bare_event(12);
    refused.outcome.status = Some(402);
    refused.outcome.error = Some(ErrorClass::BudgetExceeded);
    rows.push(row("n1", 11, refused));
    // A request that failed over: the first attempt cost something and told nothing.
    let mut failed = priced_event(13);
    failed.ids.request_id = RequestId::from_u128(1);
    failed.decision.is_final = false;
    failed.cost.billed = Some(Usd::from_pico(1_000));
    failed.cost.usage_source = UsageSource::Estimated;
    failed.times.received_us = NOON.plus_micros(-DAY_US);
    rows.push(row("n1", 12, failed));
    let mut october = priced_event(14);
    october.times.received_us = november().window.from.plus_micros(-1);
    rows.push(row("n1", 13, october));
    lake.commit("n1/e1", &rows, 13).await.unwrap();
    rows
}

#[tokio::test]
async fn the_month_adds_up_and_what_is_unpriced_is_counted_apart() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    month(&lake).await;
    let totals = lake.month_to_date(&november()).await.unwrap();
    assert_eq!(totals.cost, Usd::from_pico(55 + 1_000));
    assert_eq!(totals.attributed_cost, totals.cost);
    assert_eq!((totals.requests, totals.failed_requests, totals.unpriced), (12, 1, 1));
    assert_eq!((totals.input_tokens, totals.output_tokens), (1_200, 120));
    assert_eq!(totals.attributed_per_mille(), Some(1_000));

    let trend = lake.daily_trend(&november(), &BillingZone::UTC).await.unwrap();
    let days: Vec<(String, Usd, u64)> =
        trend.iter().map(|day| (day.day.to_string(), day.cost, day.requests)).collect();
    assert_eq!(
        days,
        [
            ("2026-11-21".to_owned(), Usd::from_pico(1_000), 0),
            ("2026-11-22".to_owned(), Usd::from_pico(55), 12),
        ]
    );
    let coverage = lake.coverage(&november()).await.unwrap();
    assert_eq!((coverage.attempts, coverage.priced, coverage.metered), (12, 11, 11));
    assert_eq!((coverage.with_team, coverage.with_feature, coverage.with_customer), (12, 8, 12));
}

#[tokio::test]
async fn every_dimension_ranks_the_same_total_with_the_largest_first() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    month(&lake).await;
    for dimension in Dimension::ALL {
        let ranked = lake.top_by(*dimension, &november(), 100).await.unwrap();
        let sum: Usd = ranked.iter().map(|value| value.cost).sum();
        assert_eq!(sum, Usd::from_pico(1_055), "{dimension:?}");
    }
    let teams = lake.top_by(Dimension::Team, &november(), 1).await.unwrap();
    assert_eq!(teams.len(), 1);
    assert_eq!((teams[0].name.as_deref(), teams[0].cost), (Some("search"), Usd::from_pico(1_021)));
    let models = lake.top_by(Dimension::Model, &november(), 10).await.unwrap();
    let new = models.iter().find(|m| m.name.as_deref() == Some("new-model")).unwrap();
    assert_eq!((new.cost, new.unpriced, new.requests), (Usd::ZERO, 1, 1));
}

#[tokio::test]
async fn a_statement_has_its_teams_lines_alone_and_adds_up_to_its_spend() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    month(&lake).await;
    let lines = lake.statement_lines("acme", "ads", november().window).await.unwrap();
    let shown: Vec<_> = lines
        .iter()
        .map(|line| (line.feature.as_deref(), line.customer.as_deref(), line.cost.pico()))
        .collect();
    assert_eq!(shown, [(None, Some("c1"), 18), (None, Some("c0"), 16)]);
    assert!(lines.iter().all(|line| line.requests == 2 && line.input_tokens == 200));
    let spend = lake.spend_by_team(&november()).await.unwrap();
    let ads = spend.iter().find(|team| team.team.as_deref() == Some("ads")).unwrap();
    assert_eq!((ads.organisation.as_str(), ads.cost), ("acme", Usd::from_pico(34)));
    assert_eq!(ads.cost, lines.iter().map(|line| line.cost).sum());
    assert!(lake.statement_lines("other", "ads", november().window).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_newest_rows_tell_how_fresh_the_table_is_also_after_days_without_any() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    assert_eq!(lake.freshness().await.unwrap().received_at, None);
    let mut old = priced_event(9);
    old.times.received_us = NOON.plus_micros(-5 * DAY_US);
    lake.commit("n1/e1", &[row("n1", 0, old)], 0).await.unwrap();
    let fresh = lake.freshness().await.unwrap();
    assert_eq!(fresh.received_at, Some(NOON.plus_micros(-5 * DAY_US)));
    let mut rows = priced_rows("n1", 1..4);
    rows[1].event.times.received_us = NOON.plus_micros(7);
    lake.commit("n1/e1", &rows, 3).await.unwrap();
    let fresh = lake.freshness().await.unwrap();
    assert_eq!(fresh.received_at, Some(NOON.plus_micros(7)));
    assert_eq!(fresh.ingested_at, Some(NOON));
}

#[tokio::test]
async fn an_empty_window_gives_zeros_and_no_rows() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    let window = Lens::everything(Window { from: UnixMicros::new(0), to: UnixMicros::new(0) });
    let totals = lake.month_to_date(&window).await.unwrap();
    assert_eq!((totals.cost, totals.requests), (Usd::ZERO, 0));
    assert_eq!(totals.attributed_per_mille(), None);
    assert!(lake.daily_trend(&window, &BillingZone::UTC).await.unwrap().is_empty());
}
