//! Events and lakes for the tests.

use std::sync::Arc;

use events::{
    Attribution, Cache, CacheState, Call, Cost, Decision, Dialect, EventIds, FinishReason, Meter,
    Meters, ModelNames, Outcome, Privacy, Times, UsageEvent, UsageSource,
};
use tempfile::TempDir;
use units::{Clock, RequestId, UnixMicros, Usd};

use crate::{Lake, LakeOptions, LakeRow, QueryLimits};

/// 2026-11-22T12:34:56Z.
pub(crate) const NOON: UnixMicros = UnixMicros::new(1_795_350_896_000_000);
/// A day, microseconds.
pub(crate) const DAY_US: i64 = 86_400_000_000;

/// A clock that stands still.
#[derive(Debug)]
pub(crate) struct Stopped(pub(crate) UnixMicros);

impl Clock for Stopped {
    fn now(&self) -> UnixMicros {
        self.0
    }
}

pub(crate) async fn open(dir: &TempDir) -> Lake {
    open_with(dir, QueryLimits::default()).await
}

pub(crate) async fn open_with(dir: &TempDir, limits: QueryLimits) -> Lake {
    let options = LakeOptions { dir: dir.path().join("lake"), limits };
    Lake::open(options, Arc::new(Stopped(NOON))).await.unwrap()
}

/// An event with nothing optional: what a request refused at the door leaves.
pub(crate) fn bare_event(n: u64) -> UsageEvent {
    UsageEvent {
        ids: EventIds {
            request_id: RequestId::from_u128(u128::from(n)),
            attempt: 0,
            revision: 0,
            trace_id: None,
            session_id: None,
            parent_id: None,
        },
        times: Times { received_us: NOON, first_byte_us: None, ended_us: NOON.plus_micros(250) },
        attribution: Attribution { organisation: "acme".into(), ..Attribution::default() },
        decision: Decision { is_final: true, ..Decision::default() },
        model: ModelNames { asked: "gpt-4o".into(), ..ModelNames::default() },
        call: Call {
            endpoint: "chat".into(),
            dialect_in: None,
            dialect_out: None,
            is_stream: false,
            request_bytes: 120,
            response_bytes: 64,
        },
        outcome: Outcome::default(),
        meters: Meters::NONE,
        cost: Cost::default(),
        cache: Cache { state: CacheState::Off, saved: None },
        privacy: Privacy::default(),
        source: "tollgate".into(),
    }
}

/// A priced answer of team `search`, `n` picodollars.
pub(crate) fn priced_event(n: u64) -> UsageEvent {
    let mut event = bare_event(n);
    event.ids.attempt = 1;
    event.times.first_byte_us = Some(NOON.plus_micros(100_000));
    event.times.ended_us = NOON.plus_micros(1_100_000);
    event.attribution.team = Some("search".into());
    event.attribution.feature = Some("chat".into());
    event.attribution.customer = Some("globex".into());
    event.model.provider = Some("openai".into());
    event.model.resolved = Some("gpt-4o-2024-08-06".into());
    event.call.dialect_in = Some(Dialect::OpenaiChat);
    event.outcome.status = Some(200);
    event.outcome.finish_reason = Some(FinishReason::Stop);
    event.meters = Meters::NONE.with(Meter::InputText, 100).with(Meter::OutputText, 10);
    event.cost.billed = Some(Usd::from_pico(i128::from(n)));
    event.cost.usage_source = UsageSource::Provider;
    event
}

pub(crate) fn row(app: &str, seq: u64, event: UsageEvent) -> LakeRow {
    LakeRow { event, node_id: app.into(), epoch: "e1".into(), seq }
}

/// Priced rows of one writer with the sequences of `seqs`.
pub(crate) fn priced_rows(app: &str, seqs: std::ops::Range<u64>) -> Vec<LakeRow> {
    seqs.map(|seq| row(app, seq, priced_event(seq + 1))).collect()
}

/// The one value of a query that gives one whole number.
pub(crate) async fn number(lake: &Lake, sql: &str) -> i64 {
    use arrow::array::AsArray;
    use arrow::datatypes::Int64Type;
    let result = lake.sql(sql).await.unwrap();
    assert_eq!(result.rows(), 1, "{sql}");
    result.batches[0].column(0).as_primitive::<Int64Type>().value(0)
}

/// The one value of a query that gives one amount.
pub(crate) async fn amount(lake: &Lake, sql: &str) -> Usd {
    use arrow::array::AsArray;
    use arrow::datatypes::Decimal128Type;
    let result = lake.sql(sql).await.unwrap();
    assert_eq!(result.rows(), 1, "{sql}");
    Usd::from_pico(result.batches[0].column(0).as_primitive::<Decimal128Type>().value(0))
}
