//! Usage in memory, explored by adding rows up one by one, and single requests.

use std::collections::BTreeMap;

use async_trait::async_trait;
use console::explore::{Answer, Condition, Explorer, Grain, Measure, Metric, Question, Series};
use console::ledger::LedgerError;
use console::requests::{
    Attempt, Kind, Marks, Payer, RequestLog, RequestRow, RequestsPage, RequestsQuestion,
};
use events::{
    Attribution, Cache, CacheState, Call, Cost, Decision, ErrorClass, EventIds, FinishReason,
    Meter, Meters, ModelNames, Outcome, Privacy, Times, UsageEvent, UsageSource,
};
use pricing::{PriceBook, PriceContext, Query};
use units::{KeyId, RequestId, Slug, UnixMicros, Usd};

use crate::sample::{HOSTILE, NOW};

const HOUR_US: i64 = 3_600_000_000;
const TEAMS: [&str; 5] = ["search", "growth", "support-bots", "data-platform", "labs"];
const MODELS: [(&str, &str); 4] = [
    ("openai", "gpt-5.4"),
    ("anthropic", "claude-fable-5-2"),
    ("openai", "gpt-5-mini"),
    ("aurora-labs", "aurora-2"),
];

/// One row of usage.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    at: UnixMicros,
    names: BTreeMap<String, String>,
    cost: Option<Usd>,
    tokens: (u64, u64),
}

/// Rows to explore; `refuses` makes every answer a refusal.
#[derive(Debug, Default)]
pub(crate) struct MemoryUsage {
    pub(crate) rows: Vec<Row>,
    pub(crate) refuses: Option<String>,
}

/// Sixty days of rows up to the present, the same every time.
pub(crate) fn usage() -> MemoryUsage {
    let mut state = 42_u64;
    let mut next = |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut rows = Vec::new();
    for hour in (0..60 * 24).step_by(3) {
        for (i, team) in TEAMS.into_iter().enumerate() {
            let (provider, model) = MODELS[usize::try_from(next(4)).unwrap()];
            let tokens = (1_000 + next(90_000), 200 + next(9_000));
            let weight = u64::try_from(TEAMS.len() - i).unwrap();
            let pico = i128::from((next(3_000_000) + 200_000) * weight * weight) * 1_000_003;
            let cost = (provider != "aurora-labs").then(|| Usd::from_pico(pico));
            let customer = if next(40) == 0 { HOSTILE } else { "globex" };
            let mut names: BTreeMap<String, String> = [
                ("team", team),
                ("model", model),
                ("provider", provider),
                ("customer", customer),
                ("tag:env", if next(3) == 0 { "staging" } else { "production" }),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
            if next(5) > 0 {
                names.insert("feature".to_owned(), format!("feature-{}", next(14)));
            }
            rows.push(Row { at: NOW.plus_micros(-hour * HOUR_US), names, cost, tokens });
        }
    }
    MemoryUsage { rows, refuses: None }
}

fn is_within(row: &Row, conditions: &[Condition], team: Option<&Slug>) -> bool {
    let of_team =
        team.is_none_or(|team| row.names.get("team").map(String::as_str) == Some(team.as_str()));
    of_team
        && conditions.iter().all(|condition| {
            let value = row.names.get(&condition.by.to_string()).cloned();
            condition.values.contains(&value) != condition.is_excluded
        })
}

fn zero(metric: Metric) -> Measure {
    match metric {
        Metric::Cost | Metric::ListCost | Metric::CacheSaved => Measure::Money(Usd::ZERO),
        Metric::CostPerRequest => Measure::PerRequest { cost: Usd::ZERO, requests: 0 },
        Metric::InputTokens | Metric::OutputTokens | Metric::Requests => Measure::Count(0),
    }
}

fn measure(row: &Row, metric: Metric) -> Measure {
    let cost = row.cost.unwrap_or_default();
    match metric {
        Metric::Cost | Metric::ListCost => Measure::Money(cost),
        Metric::CacheSaved => Measure::Money(Usd::ZERO),
        Metric::InputTokens => Measure::Count(row.tokens.0),
        Metric::OutputTokens => Measure::Count(row.tokens.1),
        Metric::Requests => Measure::Count(1),
        Metric::CostPerRequest => Measure::PerRequest { cost, requests: 1 },
    }
}

fn rank(measure: Measure) -> i128 {
    match measure {
        Measure::Money(usd) | Measure::PerRequest { cost: usd, .. } => usd.pico(),
        Measure::Count(count) => count.into(),
    }
}

/// The first instant of each bucket; weeks and months only where a test's zone is UTC.
fn buckets(question: &Question) -> Vec<UnixMicros> {
    let zone = &question.zone;
    let span = question.span;
    if question.grain == Grain::Total {
        return vec![span.from];
    }
    if question.grain == Grain::Hour {
        let hours = (span.to.micros_since(span.from) + HOUR_US - 1) / HOUR_US;
        return (0..hours).map(|i| span.from.plus_micros(i * HOUR_US)).collect();
    }
    let mut day = zone.date_of(span.from);
    let mut starts = Vec::new();
    while let Some(start) = zone.start_of(day).filter(|start| *start < span.to) {
        let begins = match question.grain {
            Grain::Week => day.weekday() == jiff::civil::Weekday::Monday,
            Grain::Month => day.day() == 1,
            _ => true,
        };
        if begins || starts.is_empty() {
            starts.push(start);
        }
        day = day.tomorrow().unwrap();
    }
    starts
}

#[async_trait]
impl Explorer for MemoryUsage {
    async fn explore(&self, question: &Question) -> Result<Answer, LedgerError> {
        if let Some(problem) = &self.refuses {
            return Err(LedgerError::Refused(problem.clone()));
        }
        let buckets = buckets(question);
        let empty = |key: Vec<Option<String>>| Series {
            key,
            points: vec![zero(question.metric); buckets.len()],
            total: zero(question.metric),
            unpriced: 0,
        };
        let mut total = empty(Vec::new());
        let mut by_key: BTreeMap<Vec<Option<String>>, Series> = BTreeMap::new();
        let span = question.span;
        let rows = self.rows.iter().filter(|row| {
            (span.from..span.to).contains(&row.at)
                && is_within(row, &question.conditions, question.team.as_ref())
        });
        for row in rows {
            let bucket = buckets.partition_point(|start| *start <= row.at).max(1) - 1;
            let key: Vec<Option<String>> = question
                .group_by
                .iter()
                .map(|by| row.names.get(&by.to_string()).cloned())
                .collect();
            let of_key = by_key.entry(key.clone()).or_insert_with(|| empty(key));
            for series in [of_key, &mut total] {
                let value = measure(row, question.metric);
                series.points[bucket] = series.points[bucket].plus(value);
                series.total = series.total.plus(value);
                series.unpriced += u64::from(row.cost.is_none());
            }
        }
        let mut series: Vec<Series> =
            if question.group_by.is_empty() { Vec::new() } else { by_key.into_values().collect() };
        series.sort_by_key(|series| -rank(series.total));
        let rest = series.split_off(series.len().min(usize::try_from(question.top).unwrap()));
        let other = rest.into_iter().reduce(|mut sum, one| {
            sum.key = Vec::new();
            sum.total = sum.total.plus(one.total);
            sum.unpriced += one.unpriced;
            for (point, more) in sum.points.iter_mut().zip(one.points) {
                *point = point.plus(more);
            }
            sum
        });
        let other = other.map(|other| Series { key: Vec::new(), ..other });
        let sql =
            "SELECT team, SUM(cost_usd) AS cost_usd\nFROM usage_day\nGROUP BY team".to_owned();
        Ok(Answer { buckets, series, other, total, sql, is_rolled_up: true })
    }
}

/// Requests in memory: one for each of the newest rows, and a story of two attempts.
#[derive(Debug)]
pub(crate) struct MemoryRequests {
    rows: Vec<Row>,
    book: PriceBook,
}

/// The requests of [`usage`].
pub(crate) fn requests() -> MemoryRequests {
    MemoryRequests { rows: usage().rows, book: PriceBook::embedded().unwrap() }
}

/// The request that failed over: the first attempt timed out, the second answered.
pub(crate) const FAILED_OVER: u128 = 1;

fn id_of(position: usize) -> RequestId {
    RequestId::from_u128(u128::try_from(position).unwrap() + FAILED_OVER)
}

#[async_trait]
impl RequestLog for MemoryRequests {
    async fn page(&self, question: &RequestsQuestion) -> Result<RequestsPage, LedgerError> {
        let start: usize = match &question.cursor {
            Some(cursor) => cursor.parse().map_err(|_| {
                LedgerError::Refused("That page is not one of this list.".to_owned())
            })?,
            None => 0,
        };
        let found = self.rows.iter().enumerate().filter(|(_, row)| {
            (question.span.from..question.span.to).contains(&row.at)
                && is_within(row, &question.conditions, question.team.as_ref())
                && (question.kind != Kind::Unpriced || row.cost.is_none())
        });
        let limit = usize::try_from(question.limit).unwrap();
        let rows: Vec<RequestRow> =
            found.clone().skip(start).take(limit).map(|(i, row)| line(i, row)).collect();
        let next = (found.count() > start + limit).then(|| (start + limit).to_string());
        Ok(RequestsPage { rows, next })
    }

    async fn attempts(&self, id: &str, team: Option<&Slug>) -> Result<Vec<Attempt>, LedgerError> {
        let found = (0..self.rows.len()).find(|i| id_of(*i).to_string() == id);
        let Some(position) = found else { return Ok(Vec::new()) };
        let row = &self.rows[position];
        if !is_within(row, &[], team) {
            return Ok(Vec::new());
        }
        let mut events = vec![event(position, row, &self.book)];
        if position == 0 {
            let failed = first_attempt(&events[0]);
            events[0].ids.attempt = 2;
            events[0].decision.reason = Some("failover:upstream_timeout".to_owned());
            events.insert(0, failed);
        }
        let attempt = |event: UsageEvent| {
            let receipt = self.book.receipt(&event, None);
            Attempt { event, receipt }
        };
        Ok(events.into_iter().map(attempt).collect())
    }
}

fn line(position: usize, row: &Row) -> RequestRow {
    let name = |name: &str| row.names.get(name).cloned();
    let has_failed = position % 11 == 5;
    RequestRow {
        id: id_of(position).to_string(),
        received_at: row.at,
        payer: Payer {
            team: name("team"),
            key: Some(KeyId::from_u128(7).to_string()),
            user: (position.is_multiple_of(3)).then(|| "ada@example.com".to_owned()),
            customer: name("customer"),
            feature: name("feature"),
        },
        provider: name("provider"),
        model: name("model").unwrap_or_default(),
        status: Some(if has_failed { 502 } else { 200 }),
        error: has_failed.then(|| "upstream_error".to_owned()),
        tokens: row.tokens,
        cost: row.cost,
        duration_us: 1_000 * row.tokens.1,
        marks: Marks {
            is_estimated: position % 13 == 3,
            is_cached: position % 7 == 4,
            is_unpriced: row.cost.is_none(),
            attempts: if position == 0 { 2 } else { 1 },
        },
    }
}

fn event(position: usize, row: &Row, book: &PriceBook) -> UsageEvent {
    let name = |name: &str| row.names.get(name).cloned();
    let meters = Meters::NONE
        .with(Meter::InputText, row.tokens.0)
        .with(Meter::CacheReadText, row.tokens.0 / 3)
        .with(Meter::OutputText, row.tokens.1)
        .with(Meter::Reasoning, row.tokens.1 / 4);
    let (provider, model) = (name("provider").unwrap(), name("model").unwrap());
    let query = Query {
        provider: &provider,
        model: &model,
        at: row.at,
        context: PriceContext::NONE,
        meters: &meters,
    };
    let priced = book.price(&query);
    let cost = priced.as_ref().map(|priced| priced.cost);
    let first = row.at.plus_micros(2_480_000);
    UsageEvent {
        ids: EventIds {
            request_id: id_of(position),
            attempt: 1,
            revision: 0,
            trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
            session_id: None,
            parent_id: None,
        },
        times: Times {
            received_us: row.at,
            first_byte_us: Some(first),
            ended_us: first.plus_micros(3_100_000),
        },
        attribution: Attribution {
            organisation: "acme".to_owned(),
            team: name("team"),
            key_id: Some(KeyId::from_u128(7)),
            customer: Some(HOSTILE.to_owned()),
            feature: name("feature"),
            tags: [
                ("env".to_owned(), "production".to_owned()),
                (HOSTILE.to_owned(), HOSTILE.to_owned()),
                ("long".to_owned(), "x".repeat(100_000)),
            ]
            .into(),
            ..Attribution::default()
        },
        decision: Decision {
            route: Some("smart".to_owned()),
            strategy: Some("ordered".to_owned()),
            reason: Some("first".to_owned()),
            is_final: true,
            ..Decision::default()
        },
        model: ModelNames {
            provider: Some(provider),
            asked: "smart".to_owned(),
            resolved: Some(model.clone()),
            answered: Some(format!("{model}-2026-03-05")),
            priced: priced.as_ref().map(|priced| priced.model_id.to_owned()),
        },
        call: Call {
            endpoint: "chat".to_owned(),
            dialect_in: None,
            dialect_out: None,
            is_stream: true,
            request_bytes: 4_096,
            response_bytes: 9_000,
        },
        outcome: Outcome {
            status: Some(200),
            error: None,
            finish_reason: Some(FinishReason::Stop),
            upstream_request_id: Some("chatcmpl-9".to_owned()),
        },
        meters,
        cost: Cost {
            list: cost,
            contract: cost,
            billed: cost,
            price_version: Some(book.version().to_owned()),
            rate_set: priced.as_ref().map(|priced| priced.rate_set.to_string()),
            usage_source: UsageSource::Provider,
            ..Cost::default()
        },
        cache: Cache { state: CacheState::Miss, saved: None },
        privacy: Privacy::default(),
        source: "tollgate".to_owned(),
    }
}

fn first_attempt(answered: &UsageEvent) -> UsageEvent {
    let mut failed = answered.clone();
    failed.times.first_byte_us = None;
    failed.times.ended_us = failed.times.received_us.plus_micros(1_900_000);
    failed.decision.is_final = false;
    failed.outcome = Outcome {
        status: None,
        error: Some(ErrorClass::UpstreamTimeout),
        finish_reason: None,
        upstream_request_id: None,
    };
    failed.meters = Meters::NONE;
    failed.cost.list = Some(Usd::ZERO);
    failed.cost.billed = Some(Usd::ZERO);
    failed.cost.rate_set = None;
    failed.cost.usage_source = UsageSource::None;
    failed
}
