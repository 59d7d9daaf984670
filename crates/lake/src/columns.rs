//! Where each column of the usage table comes from: one row per column, grouped by type.
//!
//! It must never know Arrow. A test holds these tables against `events::COLUMNS`.

use std::borrow::Cow;

use events::{Adjustment, ErrorClass, Meter, SCHEMA_VERSION, UsageEvent};
use units::{UnixMicros, Usd};

use crate::LakeRow;

/// A column's name and how a row fills it.
pub(crate) type Table<T> = &'static [(&'static str, fn(&LakeRow) -> T)];

/// A text column's name and how a row fills it.
pub(crate) type TextTable = &'static [(&'static str, for<'a> fn(&'a LakeRow) -> Text<'a>)];

/// Text borrowed from the row where it can be.
pub(crate) type Text<'a> = Option<Cow<'a, str>>;

/// Text columns.
pub(crate) const TEXTS: TextTable = &[
    ("request_id", |row| Some(row.event.ids.request_id.to_string().into())),
    ("node_id", |row| Some(Cow::Borrowed(&*row.node_id))),
    ("epoch", |row| Some(Cow::Borrowed(&*row.epoch))),
    ("trace_id", |row| borrowed(&row.event.ids.trace_id)),
    ("session_id", |row| borrowed(&row.event.ids.session_id)),
    ("parent_id", |row| borrowed(&row.event.ids.parent_id)),
    ("organisation", |row| Some(Cow::Borrowed(&row.event.attribution.organisation))),
    ("team", |row| borrowed(&row.event.attribution.team)),
    ("project", |row| borrowed(&row.event.attribution.project)),
    ("key_id", |row| row.event.attribution.key_id.map(|id| id.to_string().into())),
    ("user_id", |row| borrowed(&row.event.attribution.user)),
    ("customer", |row| borrowed(&row.event.attribution.customer)),
    ("feature", |row| borrowed(&row.event.attribution.feature)),
    ("route", |row| borrowed(&row.event.decision.route)),
    ("strategy", |row| borrowed(&row.event.decision.strategy)),
    ("reason", |row| borrowed(&row.event.decision.reason)),
    ("provider", |row| borrowed(&row.event.model.provider)),
    ("model_asked", |row| Some(Cow::Borrowed(&row.event.model.asked))),
    ("model_resolved", |row| borrowed(&row.event.model.resolved)),
    ("model_answered", |row| borrowed(&row.event.model.answered)),
    ("model_priced", |row| borrowed(&row.event.model.priced)),
    ("endpoint", |row| Some(Cow::Borrowed(&row.event.call.endpoint))),
    ("dialect_in", |row| row.event.call.dialect_in.map(|name| name.as_str().into())),
    ("dialect_out", |row| row.event.call.dialect_out.map(|name| name.as_str().into())),
    ("error_class", |row| row.event.outcome.error.map(|name| name.as_str().into())),
    ("fault", |row| row.event.outcome.error.map(ErrorClass::fault).map(|f| f.as_str().into())),
    ("finish_reason", |row| row.event.outcome.finish_reason.map(|name| name.as_str().into())),
    ("upstream_request_id", |row| borrowed(&row.event.outcome.upstream_request_id)),
    ("price_version", |row| borrowed(&row.event.cost.price_version)),
    ("rate_set", |row| borrowed(&row.event.cost.rate_set)),
    ("usage_source", |row| Some(row.event.cost.usage_source.as_str().into())),
    ("service_tier", |row| borrowed(&row.event.cost.service_tier)),
    ("cache_state", |row| Some(row.event.cache.state.as_str().into())),
    ("prompt_hash", |row| borrowed(&row.event.privacy.prompt_hash)),
    ("template_hash", |row| borrowed(&row.event.privacy.template_hash)),
    ("dropped_params", |row| joined(&row.event.privacy.dropped_params)),
    ("source", |row| Some(Cow::Borrowed(&row.event.source))),
    ("processing", |row| borrowed(&row.event.cost.processing)),
    ("speed", |row| borrowed(&row.event.cost.speed)),
    ("inference_geo", |row| borrowed(&row.event.cost.inference_geo)),
    ("adjustment", |row| adjustment(row).map(|of| of.kind.as_str().into())),
    ("adjusts", |row| adjustment(row).map(|of| Cow::Borrowed(&*of.adjusts))),
];

/// Meters that have a column of their own; every other goes into `meters_other`.
pub(crate) const METERS: &[(&str, Meter)] = &[
    ("input_text_tokens", Meter::InputText),
    ("input_audio_tokens", Meter::InputAudio),
    ("input_image_tokens", Meter::InputImage),
    ("input_tool_tokens", Meter::InputTool),
    ("cache_read_text_tokens", Meter::CacheReadText),
    ("cache_write_5m_tokens", Meter::CacheWrite5m),
    ("cache_write_1h_tokens", Meter::CacheWrite1h),
    ("output_text_tokens", Meter::OutputText),
    ("output_audio_tokens", Meter::OutputAudio),
    ("output_image_tokens", Meter::OutputImage),
    ("reasoning_tokens", Meter::Reasoning),
    ("web_search_calls", Meter::WebSearch),
];

/// Integer columns that are no meter.
pub(crate) const INTEGERS: Table<Option<i64>> = &[
    ("attempt", |row| Some(row.event.ids.attempt.into())),
    ("revision", |row| Some(row.event.ids.revision.into())),
    ("seq", |row| Some(clamped(row.seq))),
    ("request_bytes", |row| Some(clamped(row.event.call.request_bytes))),
    ("response_bytes", |row| Some(clamped(row.event.call.response_bytes))),
    ("status", |row| row.event.outcome.status.map(i64::from)),
    ("input_tokens_total", |row| Some(clamped(row.event.meters.input_tokens()))),
    ("output_tokens_total", |row| Some(clamped(row.event.meters.output_tokens()))),
    ("time_to_first_byte_us", |row| time_to_first_byte_us(&row.event)),
    ("duration_us", |row| Some(duration_us(&row.event))),
    ("redactions", |row| Some(row.event.privacy.redactions.into())),
    ("schema_version", |_| Some(SCHEMA_VERSION)),
];

/// Instants the gateway read; `ingested_at` is the committer's and comes from the encoder.
pub(crate) const INSTANTS: Table<Option<UnixMicros>> = &[
    ("event_hour", |row| Some(hour_of(row.event.times.received_us))),
    ("received_at", |row| Some(row.event.times.received_us)),
    ("first_byte_at", |row| row.event.times.first_byte_us),
    ("ended_at", |row| Some(row.event.times.ended_us)),
];

/// The instant of encoding, the one column no row knows.
pub(crate) const INGESTED_AT: &str = "ingested_at";

/// Day columns, days since 1970-01-01 UTC.
pub(crate) const DAYS: Table<Option<i32>> = &[("event_date", |row| Some(row.utc_days()))];

/// Ratios; never money.
pub(crate) const FLOATS: Table<Option<f64>> = &[
    ("output_tokens_per_second", |row| output_tokens_per_second(&row.event)),
    // The score is written by a later evaluation, never by the gateway.
    ("quality_score", |_| None),
];

/// Flags.
pub(crate) const FLAGS: Table<Option<bool>> = &[
    ("is_final", |row| Some(row.event.decision.is_final)),
    ("is_retry", |row| Some(row.event.decision.is_retry)),
    ("is_hedge", |row| Some(row.event.decision.is_hedge)),
    ("is_waste", |row| Some(row.event.decision.is_waste)),
    ("is_stream", |row| Some(row.event.call.is_stream)),
];

/// Money.
pub(crate) const MONEY: Table<Option<Usd>> = &[
    ("cost_list_usd", |row| row.event.cost.list),
    ("cost_contract_usd", |row| row.event.cost.contract),
    ("cost_usd", |row| row.event.cost.billed),
    ("cost_reported_usd", |row| row.event.cost.provider_reported),
    ("cache_saved_usd", |row| row.event.cache.saved),
];

/// The meters of an event that have no column of their own.
pub(crate) fn other_meters(event: &UsageEvent) -> impl Iterator<Item = (Meter, u64)> + '_ {
    event.meters.iter().filter(|(meter, _)| !METERS.iter().any(|(_, own)| own == meter))
}

/// A count as Arrow holds it. Counts beyond 2^63 do not occur; saturating keeps them visible.
pub(crate) fn clamped(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn adjustment(row: &LakeRow) -> Option<&Adjustment> {
    row.event.cost.adjustment.as_ref()
}

fn borrowed(text: &Option<String>) -> Text<'_> {
    text.as_deref().map(Cow::Borrowed)
}

fn joined(names: &[String]) -> Text<'_> {
    (!names.is_empty()).then(|| names.join(",").into())
}

const HOUR_US: i64 = 3_600_000_000;

fn hour_of(at: UnixMicros) -> UnixMicros {
    UnixMicros::new(at.get().div_euclid(HOUR_US).saturating_mul(HOUR_US))
}

/// Clocks may step back between two readings; a duration is never negative.
fn elapsed_us(later: UnixMicros, earlier: UnixMicros) -> i64 {
    later.micros_since(earlier).max(0)
}

fn time_to_first_byte_us(event: &UsageEvent) -> Option<i64> {
    event.times.first_byte_us.map(|at| elapsed_us(at, event.times.received_us))
}

fn duration_us(event: &UsageEvent) -> i64 {
    elapsed_us(event.times.ended_us, event.times.received_us)
}

fn output_tokens_per_second(event: &UsageEvent) -> Option<f64> {
    let spent_us = elapsed_us(event.times.ended_us, event.times.first_byte_us?);
    let tokens = event.meters.output_tokens();
    (tokens > 0 && spent_us > 0).then(|| tokens as f64 * 1e6 / spent_us as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::{COLUMNS, ColumnType};

    #[test]
    fn every_column_of_the_event_schema_has_one_source_of_its_type() {
        for column in COLUMNS {
            let has = |names: &mut dyn Iterator<Item = &'static str>| {
                names.filter(|name| *name == column.name).count()
            };
            let sources = match column.ty {
                ColumnType::Utf8 => has(&mut TEXTS.iter().map(|(name, _)| *name)),
                ColumnType::Int64 => {
                    has(&mut INTEGERS.iter().map(|(name, _)| *name))
                        + has(&mut METERS.iter().map(|(name, _)| *name))
                }
                ColumnType::Float64 => has(&mut FLOATS.iter().map(|(name, _)| *name)),
                ColumnType::Boolean => has(&mut FLAGS.iter().map(|(name, _)| *name)),
                ColumnType::Date => has(&mut DAYS.iter().map(|(name, _)| *name)),
                ColumnType::Timestamp => {
                    has(&mut INSTANTS.iter().map(|(name, _)| *name))
                        + usize::from(column.name == INGESTED_AT)
                }
                ColumnType::Usd => has(&mut MONEY.iter().map(|(name, _)| *name)),
                ColumnType::TagMap => usize::from(column.name == "tags"),
                ColumnType::MeterMap => usize::from(column.name == "meters_other"),
            };
            assert_eq!(sources, 1, "{} has {sources} sources", column.name);
        }
        let sources = TEXTS.len() + INTEGERS.len() + METERS.len() + FLOATS.len() + FLAGS.len();
        assert_eq!(sources + DAYS.len() + INSTANTS.len() + MONEY.len() + 3, COLUMNS.len());
    }

    #[test]
    fn an_hour_before_1970_is_cut_downwards() {
        assert_eq!(hour_of(UnixMicros::new(-1)), UnixMicros::new(-HOUR_US));
        assert_eq!(hour_of(UnixMicros::new(HOUR_US + 7)), UnixMicros::new(HOUR_US));
    }
}
