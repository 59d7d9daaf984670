//! One request on one line, read from its final row and, where it took several, its other attempts.

use std::collections::BTreeMap;

use events::UsageSource;
use units::{UnixMicros, Usd};

use crate::explore::UNPRICED_OF_ROWS;
use crate::rows::Rows;
use crate::{LakeError, literal};

/// One request on one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRow {
    /// The request, `req_…`.
    pub request_id: String,
    /// When it had arrived, by its gateway's clock.
    pub received_at: UnixMicros,
    /// Who pays.
    pub payer: RequestPayer,
    /// Route it matched.
    pub route: Option<String>,
    /// Provider of the final attempt; `None` where nothing was sent.
    pub provider: Option<String>,
    /// Model as sent to the provider, or as asked for where nothing was sent.
    pub model: String,
    /// HTTP status of the answer.
    pub status: Option<i64>,
    /// Kind of error; `None` for success.
    pub error_class: Option<String>,
    /// The client asked for a stream.
    pub is_stream: bool,
    /// From arrival to the end of the answer, microseconds.
    pub duration_us: u64,
    /// What all its attempts used.
    pub used: RequestUse,
}

/// Who pays for a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestPayer {
    /// Team.
    pub team: Option<String>,
    /// Project.
    pub project: Option<String>,
    /// Virtual key, `key_…`.
    pub key_id: Option<String>,
    /// End user.
    pub user: Option<String>,
    /// Customer served.
    pub customer: Option<String>,
    /// Product feature.
    pub feature: Option<String>,
}

/// What all attempts of a request used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RequestUse {
    /// Attempts that were sent to a provider.
    pub attempts: u64,
    /// Input tokens, cached ones included.
    pub input_tokens: u64,
    /// Output tokens, reasoning included.
    pub output_tokens: u64,
    /// Billed cost, USD; `None` where that of some attempt is unknown.
    pub cost: Option<Usd>,
    /// The gateway's cache answered it.
    pub is_cached: bool,
    /// Some quantities are an estimate.
    pub is_estimated: bool,
}

/// The columns of a request's line.
pub(super) const COLUMNS: &str =
    "request_id, received_at, team, project, key_id, user_id, customer, feature, route, provider,
    COALESCE(model_resolved, model_asked) AS model, status, error_class, is_stream, duration_us,
    attempt, input_tokens_total, output_tokens_total, cost_usd, usage_source, cache_state";

/// What corrections changed of the cost of each attempt and model in these days, and whether they gave
/// it a price; for questions that compare the cost of single attempts.
pub(super) fn corrections(days: &str) -> String {
    format!(
        "(SELECT request_id AS corrected_id, attempt AS corrected_attempt,
        COALESCE(model_resolved, '') AS corrected_model, SUM(cost_usd) AS correction
    FROM usage
    WHERE {days}
      AND adjustment IS NOT NULL
    GROUP BY request_id, attempt, COALESCE(model_resolved, ''))"
    )
}

/// The cost of a final row with its corrections, where [`corrections`] is joined to it.
pub(super) const CORRECTED_COST: &str =
    "CASE WHEN correction IS NULL THEN cost_usd ELSE COALESCE(cost_usd, 0) + correction END";

/// The conditions of the row that tells a request's outcome.
pub(super) const IS_OUTCOME: &str = "is_final AND revision = 0";

/// Reads a final row. What it used is that of its own attempt alone.
pub(super) fn read(rows: &Rows, row: usize) -> Result<RequestRow, LakeError> {
    Ok(RequestRow {
        request_id: rows.name(row, "request_id")?,
        received_at: rows.instant(row, "received_at")?.unwrap_or_default(),
        payer: RequestPayer {
            team: rows.text(row, "team")?,
            project: rows.text(row, "project")?,
            key_id: rows.text(row, "key_id")?,
            user: rows.text(row, "user_id")?,
            customer: rows.text(row, "customer")?,
            feature: rows.text(row, "feature")?,
        },
        route: rows.text(row, "route")?,
        provider: rows.text(row, "provider")?,
        model: rows.name(row, "model")?,
        status: rows.integer(row, "status")?,
        error_class: rows.text(row, "error_class")?,
        is_stream: rows.flag(row, "is_stream")?,
        duration_us: rows.count(row, "duration_us")?,
        used: used(rows, row)?,
    })
}

fn used(rows: &Rows, row: usize) -> Result<RequestUse, LakeError> {
    let source = rows.name(row, "usage_source")?;
    let is_unused = source == UsageSource::None.as_str();
    Ok(RequestUse {
        attempts: rows.count(row, "attempt")?,
        input_tokens: rows.count(row, "input_tokens_total")?,
        output_tokens: rows.count(row, "output_tokens_total")?,
        // What used nothing costs nothing, and its row has no cost.
        cost: rows.money(row, "cost_usd")?.or(is_unused.then_some(Usd::ZERO)),
        is_cached: rows.name(row, "cache_state")? == events::CacheState::Hit.as_str(),
        is_estimated: source == UsageSource::Estimated.as_str(),
    })
}

/// The statement that sums up the attempts of those requests that took several; `None` when none did.
/// A request's attempts share the instant it arrived at, and so do their corrections.
pub(super) fn attempts_of(requests: &[RequestRow]) -> Option<String> {
    let several: Vec<&RequestRow> = requests.iter().filter(|row| row.used.attempts > 1).collect();
    let conditions = those(&several)?;
    Some(format!(
        "SELECT request_id,
    COUNT(DISTINCT CASE WHEN attempt > 0 AND adjustment IS NULL THEN attempt END) AS attempts,
    SUM(input_tokens_total) AS input_tokens, SUM(output_tokens_total) AS output_tokens,
    SUM(cost_usd) AS cost_usd,
    SUM({UNPRICED_OF_ROWS}) AS unpriced,
    SUM(CASE WHEN usage_source = 'estimated' AND adjustment IS NULL THEN 1 ELSE 0 END) AS estimated
FROM usage
WHERE {conditions}
  AND (revision = 0 OR adjustment IS NOT NULL)
GROUP BY request_id"
    ))
}

/// The statement that sums up, of those requests that took one attempt, everything but their final rows:
/// corrections, and what the attempt used on further models.
pub(super) fn others_of(requests: &[RequestRow]) -> Option<String> {
    let single: Vec<&RequestRow> = requests.iter().filter(|row| row.used.attempts == 1).collect();
    let conditions = those(&single)?;
    Some(format!(
        "SELECT request_id, SUM(input_tokens_total) AS input_tokens,
    SUM(output_tokens_total) AS output_tokens, SUM(cost_usd) AS cost_usd,
    SUM({UNPRICED_OF_ROWS}) AS unpriced
FROM usage
WHERE {conditions}
  AND NOT is_final
  AND (revision = 0 OR adjustment IS NOT NULL)
GROUP BY request_id"
    ))
}

/// The conditions of the rows of some requests; `None` when there are none.
fn those(requests: &[&RequestRow]) -> Option<String> {
    let first = requests.iter().map(|row| row.received_at).min()?;
    let last = requests.iter().map(|row| row.received_at).max()?;
    let ids = literal::list(requests.iter().map(|row| row.request_id.as_str()));
    let day = |at: UnixMicros| format!("DATE '{}'", units::BillingZone::UTC.date_of(at));
    Some(format!(
        "event_date BETWEEN {} AND {}
  AND received_at >= {} AND received_at <= {}
  AND request_id IN ({ids})",
        day(first),
        day(last),
        literal::instant(first),
        literal::instant(last),
    ))
}

/// Adds corrections and further models to what single attempts used and cost.
pub(super) fn add_others(requests: &mut [RequestRow], sums: &Rows) -> Result<(), LakeError> {
    let mut others = BTreeMap::new();
    sums.each(|rows, row| {
        let tokens = (rows.count(row, "input_tokens")?, rows.count(row, "output_tokens")?);
        let unpriced = rows.integer(row, "unpriced")?.unwrap_or_default();
        let cost = rows.known_sum(row, "cost_usd")?;
        others.insert(rows.name(row, "request_id")?, (tokens, cost, unpriced));
        Ok(())
    })?;
    for request in requests.iter_mut().filter(|request| request.used.attempts == 1) {
        let Some((tokens, cost, unpriced)) = others.get(&request.request_id) else { continue };
        let used = &mut request.used;
        used.input_tokens = used.input_tokens.saturating_add(tokens.0);
        used.output_tokens = used.output_tokens.saturating_add(tokens.1);
        // A restatement gives one row a price that had none.
        let is_known = unpriced.saturating_add(i64::from(used.cost.is_none())) <= 0;
        used.cost = is_known.then_some(used.cost.unwrap_or(Usd::ZERO) + *cost);
    }
    Ok(())
}

/// Replaces what the final rows used by what all attempts did.
pub(super) fn add_attempts(requests: &mut [RequestRow], sums: &Rows) -> Result<(), LakeError> {
    let mut used = BTreeMap::new();
    sums.each(|rows, row| {
        let is_known = rows.count(row, "unpriced")? == 0;
        let of_all = RequestUse {
            attempts: rows.count(row, "attempts")?,
            input_tokens: rows.count(row, "input_tokens")?,
            output_tokens: rows.count(row, "output_tokens")?,
            cost: is_known.then_some(rows.known_sum(row, "cost_usd")?),
            is_cached: false,
            is_estimated: rows.count(row, "estimated")? > 0,
        };
        used.insert(rows.name(row, "request_id")?, of_all);
        Ok(())
    })?;
    for request in requests {
        if let Some(of_all) = used.get(&request.request_id) {
            request.used = RequestUse { is_cached: request.used.is_cached, ..*of_all };
        }
    }
    Ok(())
}
