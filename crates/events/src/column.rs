//! The columns of the lake's `usage` table: name, type, unit and clock of each.
//!
//! Grain: one row per (request_id, attempt, billed model, revision). Key: (node_id, epoch, seq).
//! Columns are only ever appended; a change of meaning is a new column.

use serde::Serialize;

/// Version of [`COLUMNS`], stored in every row.
pub const SCHEMA_VERSION: i64 = 2;

/// Type of a column, as Arrow and Parquet know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ColumnType {
    /// `Utf8`.
    Utf8,
    /// `Int64`.
    Int64,
    /// `Float64`; never money.
    Float64,
    /// `Boolean`.
    Boolean,
    /// `Date32`.
    Date,
    /// `Timestamp(Microsecond, "UTC")`.
    Timestamp,
    /// `Decimal128(38, 12)`.
    Usd,
    /// `Map<Utf8, Utf8>`, entries named `key_value`.
    TagMap,
    /// `Map<Utf8, Int64>`, entries named `key_value`.
    MeterMap,
}

/// One column of the usage table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Name, stable for ever.
    pub name: &'static str,
    /// Type.
    #[serde(rename = "type")]
    pub ty: ColumnType,
    /// Whether NULL is allowed.
    pub nullable: bool,
    /// Unit, zone and clock; empty where a name has none.
    pub unit: &'static str,
    /// What it says.
    pub description: &'static str,
}

const fn required(
    name: &'static str,
    ty: ColumnType,
    unit: &'static str,
    description: &'static str,
) -> Column {
    Column { name, ty, nullable: false, unit, description }
}

const fn nullable(
    name: &'static str,
    ty: ColumnType,
    unit: &'static str,
    description: &'static str,
) -> Column {
    Column { name, ty, nullable: true, unit, description }
}

use ColumnType::{Boolean, Date, Float64, Int64, MeterMap, TagMap, Timestamp, Usd, Utf8};

/// The columns, in table order.
pub const COLUMNS: &[Column] = &[
    required("event_date", Date, "day, UTC", "Partition: the day of received_at."),
    required(
        "event_hour",
        Timestamp,
        "UTC, gateway clock",
        "received_at cut to the hour, for grouping without date arithmetic.",
    ),
    required("request_id", Utf8, "", "One client request, `req_` and 32 hexadecimal digits."),
    required(
        "attempt",
        Int64,
        "ordinal",
        "0 when nothing was sent to a provider, else 1, 2, … in the order tried.",
    ),
    required("revision", Int64, "ordinal", "0 as first recorded; corrections count up."),
    required(
        "node_id",
        Utf8,
        "",
        "Gateway node, `rerate` for corrections; with epoch and seq the dedupe key.",
    ),
    required(
        "epoch",
        Utf8,
        "",
        "Process start of that node, as its spool directory is named; the run that corrects.",
    ),
    required(
        "seq",
        Int64,
        "ordinal",
        "Position in the spool of that epoch or in that run, from 0.",
    ),
    nullable("trace_id", Utf8, "", "The client's trace id."),
    nullable("session_id", Utf8, "", "The client's session or conversation id."),
    nullable("parent_id", Utf8, "", "The client's parent request or span id."),
    required(
        "received_at",
        Timestamp,
        "UTC, gateway clock",
        "The request's header had arrived; decides partition, price and budget window.",
    ),
    nullable(
        "first_byte_at",
        Timestamp,
        "UTC, gateway clock",
        "The first forwardable byte had arrived from the provider.",
    ),
    required("ended_at", Timestamp, "UTC, gateway clock", "The attempt was over."),
    required("ingested_at", Timestamp, "UTC, committer clock", "The row was encoded for the lake."),
    required("organisation", Utf8, "slug", "Organisation."),
    nullable("team", Utf8, "slug", "Team."),
    nullable("project", Utf8, "slug", "Project."),
    nullable("key_id", Utf8, "", "Virtual key, `key_` and 32 hexadecimal digits."),
    nullable("user_id", Utf8, "", "End user, as the client names them."),
    nullable("customer", Utf8, "", "Customer served."),
    nullable("feature", Utf8, "", "Product feature."),
    nullable("tags", TagMap, "", "Everything else the client attached."),
    nullable("route", Utf8, "", "Route (alias) the request matched."),
    nullable("strategy", Utf8, "", "How the route orders its targets."),
    nullable("reason", Utf8, "", "Why this target was chosen."),
    required("is_final", Boolean, "", "The row tells the outcome of the request as a whole."),
    required("is_retry", Boolean, "", "The same target was tried again."),
    required("is_hedge", Boolean, "", "Sent beside another attempt to win time."),
    required("is_waste", Boolean, "", "Paid for an answer the client never received in full."),
    nullable("provider", Utf8, "", "Provider id; NULL for a refusal."),
    required(
        "model_asked",
        Utf8,
        "",
        "Model as the client wrote it; empty when the body was not read.",
    ),
    nullable("model_resolved", Utf8, "", "Model as sent to the provider."),
    nullable("model_answered", Utf8, "", "Model as the provider's answer names it."),
    nullable("model_priced", Utf8, "", "Model id in the price book; NULL when unpriced."),
    required("endpoint", Utf8, "", "Operation: `chat`."),
    nullable("dialect_in", Utf8, "", "Wire format of the client."),
    nullable("dialect_out", Utf8, "", "Wire format of the provider."),
    required("is_stream", Boolean, "", "The client asked for a stream."),
    required("request_bytes", Int64, "bytes", "Body received from the client."),
    required("response_bytes", Int64, "bytes", "Body sent to the client."),
    nullable(
        "status",
        Int64,
        "HTTP status",
        "Answer to the client on the final row, else the provider's; NULL when there was none.",
    ),
    nullable("error_class", Utf8, "", "Kind of error; NULL for success."),
    nullable("fault", Utf8, "", "Who caused the error: client, upstream, gateway or policy."),
    nullable("finish_reason", Utf8, "", "Why the model stopped."),
    nullable("upstream_request_id", Utf8, "", "The provider's own request id."),
    required("input_text_tokens", Int64, "tokens", "Uncached text input."),
    required("input_audio_tokens", Int64, "tokens", "Uncached audio input."),
    required("input_image_tokens", Int64, "tokens", "Uncached image input."),
    required("input_tool_tokens", Int64, "tokens", "Input added by provider-side tools."),
    required("cache_read_text_tokens", Int64, "tokens", "Text read from the provider's cache."),
    required("cache_write_5m_tokens", Int64, "tokens", "Written to a cache of 5 minutes."),
    required("cache_write_1h_tokens", Int64, "tokens", "Written to a cache of 1 hour."),
    required("output_text_tokens", Int64, "tokens", "Text output without reasoning."),
    required("output_audio_tokens", Int64, "tokens", "Audio output."),
    required("output_image_tokens", Int64, "tokens", "Image output."),
    required("reasoning_tokens", Int64, "tokens", "Reasoning output."),
    required("web_search_calls", Int64, "calls", "Searches of the web by the provider."),
    nullable(
        "meters_other",
        MeterMap,
        "by meter",
        "Every other meter that is not zero, by its name.",
    ),
    required(
        "input_tokens_total",
        Int64,
        "tokens",
        "All input, cached and uncached: selects the long-context tier. Overlaps the meters above.",
    ),
    required(
        "output_tokens_total",
        Int64,
        "tokens",
        "All output, reasoning included. Overlaps the meters above.",
    ),
    nullable(
        "cost_list_usd",
        Usd,
        "USD, 1e-12",
        "At public list prices; NULL is unknown, never 0.",
    ),
    nullable("cost_contract_usd", Usd, "USD, 1e-12", "At negotiated prices."),
    nullable("cost_usd", Usd, "USD, 1e-12", "Billed: what budgets and statements count."),
    nullable(
        "cost_reported_usd",
        Usd,
        "USD, 1e-12",
        "The cost the provider's answer itself names.",
    ),
    nullable("price_version", Utf8, "", "Content hash of the price book used."),
    nullable("rate_set", Utf8, "", "Hash of the resolved rates."),
    required(
        "usage_source",
        Utf8,
        "",
        "Where the quantities come from: provider, drained, estimated, none or unknown.",
    ),
    nullable("service_tier", Utf8, "", "Service tier the provider says it served."),
    required("cache_state", Utf8, "", "What the gateway's cache did: off, miss, hit or bypass."),
    nullable("cache_saved_usd", Usd, "USD, 1e-12", "What a cached answer would have cost."),
    nullable("time_to_first_byte_us", Int64, "microseconds", "first_byte_at less received_at."),
    required("duration_us", Int64, "microseconds", "ended_at less received_at."),
    nullable(
        "output_tokens_per_second",
        Float64,
        "tokens/s",
        "Output over the time from first byte to end; NULL without either.",
    ),
    nullable("prompt_hash", Utf8, "", "Keyed blake3 of the messages."),
    nullable("template_hash", Utf8, "", "Keyed blake3 of system prompt and tools."),
    nullable(
        "dropped_params",
        Utf8,
        "",
        "Parameters dropped for this provider, and `citations` the client's dialect cannot word, joined by commas; of a cached answer as when it was made.",
    ),
    required("redactions", Int64, "replacements", "Replacements made by redaction."),
    nullable("quality_score", Float64, "0 to 1", "Slot for an evaluation's score."),
    required("source", Utf8, "", "Meter that reported the event: `tollgate`, or another gateway."),
    required(
        "schema_version",
        Int64,
        "ordinal",
        "Version of this column list the row was written under.",
    ),
    // Version 2.
    nullable("processing", Utf8, "", "How it was processed, as `batch`; NULL is the usual way."),
    nullable("speed", Utf8, "", "Speed the provider served it at, as `fast`; NULL is standard."),
    nullable(
        "inference_geo",
        Utf8,
        "",
        "Region the provider says it computed in; NULL where it does not tell.",
    ),
    nullable(
        "adjustment",
        Utf8,
        "",
        "What a correction of money is: retraction or restatement; NULL for what was metered.",
    ),
    nullable(
        "adjusts",
        Utf8,
        "",
        "The row a correction is of, as `node_id/epoch/seq`; NULL for what was metered.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_described() {
        let mut names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), COLUMNS.len());
        assert!(COLUMNS.iter().all(|column| column.description.ends_with('.')));
    }

    #[test]
    fn every_quantity_names_its_unit() {
        let plain = [ColumnType::Utf8, ColumnType::Boolean, ColumnType::TagMap];
        for column in COLUMNS.iter().filter(|column| !plain.contains(&column.ty)) {
            assert!(!column.unit.is_empty(), "{}", column.name);
        }
    }
}
