//! Rows become columns as `events::COLUMNS` says, and come back as they went in.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use events::{
    Adjustment, AdjustmentKind, COLUMNS, CacheState, Dialect, ErrorClass, Meter, UsageEvent,
};
use units::{KeyId, Usd};

use super::rows::{NOON, bare_event, open, priced_event, row};
use crate::{encode, usage_schema};

fn full_event() -> UsageEvent {
    let mut event = priced_event(7);
    let some = |text: &str| Some(text.to_owned());
    event.ids.trace_id = some("trace");
    event.ids.session_id = some("session");
    event.ids.parent_id = some("parent");
    event.attribution.project = some("atlas");
    event.attribution.key_id = Some(KeyId::from_u128(9));
    event.attribution.user = some("u-1");
    event.attribution.tags = [("env".to_owned(), "prod".to_owned())].into();
    event.decision.route = some("fast");
    event.decision.strategy = some("ordered");
    event.decision.reason = some("first");
    event.model.answered = some("gpt-4o-2024-08-06");
    event.model.priced = some("openai/gpt-4o");
    event.call.dialect_out = Some(Dialect::AnthropicMessages);
    event.outcome.error = Some(ErrorClass::UpstreamCut);
    event.outcome.upstream_request_id = some("chatcmpl-1");
    event.meters.set(Meter::Images, 3);
    event.cost.list = Some(Usd::from_pico(8));
    event.cost.contract = Some(Usd::from_pico(7));
    event.cost.provider_reported = Some(Usd::from_pico(-7));
    event.cost.price_version = some("pb_1");
    event.cost.rate_set = some("rs_1");
    event.cost.service_tier = some("default");
    event.cost.processing = some("batch");
    event.cost.speed = some("fast");
    event.cost.inference_geo = some("us");
    event.cost.adjustment =
        Some(Adjustment { kind: AdjustmentKind::Retraction, adjusts: "n1/e1/7".to_owned() });
    event.cache.state = CacheState::Miss;
    event.cache.saved = Some(Usd::from_dollars(2));
    event.privacy.prompt_hash = some("p");
    event.privacy.template_hash = some("t");
    event.privacy.dropped_params = vec!["seed".into(), "logprobs".into()];
    event
}

#[test]
fn a_full_event_fills_every_column_and_a_bare_one_leaves_exactly_the_nullable_ones_empty() {
    let rows = [row("n1", 0, full_event()), row("n1", 1, bare_event(2))];
    let batch = encode(&rows, NOON).unwrap();
    for (column, array) in COLUMNS.iter().zip(batch.columns()) {
        // Nothing scores an answer yet.
        assert_eq!(array.is_null(0), column.name == "quality_score", "{}", column.name);
        assert_eq!(array.is_null(1), column.nullable, "{}", column.name);
    }
}

#[test]
fn derived_columns_follow_from_the_event() {
    let batch = encode(&[row("n1", 41, full_event())], NOON.plus_micros(5)).unwrap();
    let integer =
        |name: &str| batch.column_by_name(name).unwrap().as_primitive::<Int64Type>().value(0);
    let text = |name: &str| batch.column_by_name(name).unwrap().as_string::<i32>().value(0);
    let instant = |name: &str| {
        batch.column_by_name(name).unwrap().as_primitive::<TimestampMicrosecondType>().value(0)
    };
    assert_eq!(integer("seq"), 41);
    assert_eq!(integer("input_tokens_total"), 100);
    assert_eq!(integer("output_tokens_total"), 10);
    assert_eq!(integer("time_to_first_byte_us"), 100_000);
    assert_eq!(integer("duration_us"), 1_100_000);
    assert_eq!(text("fault"), "upstream");
    assert_eq!(text("dropped_params"), "seed,logprobs");
    assert_eq!(instant("ingested_at"), NOON.get() + 5);
    assert_eq!(instant("event_hour"), NOON.get() - (34 * 60 + 56) * 1_000_000);
    let rate = batch.column_by_name("output_tokens_per_second").unwrap();
    assert!((rate.as_primitive::<Float64Type>().value(0) - 10.0).abs() < 1e-9);
    let others = batch.column_by_name("meters_other").unwrap().as_map().value(0);
    assert_eq!(others.column(0).as_string::<i32>().value(0), "images");
    assert_eq!(others.column(1).as_primitive::<Int64Type>().value(0), 3);
    assert_eq!(others.len(), 1);
}

#[tokio::test]
async fn rows_come_back_from_the_table_as_they_were_encoded() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    let rows = [row("n1", 0, full_event()), row("n1", 1, bare_event(2))];
    lake.commit("n1/e1", &rows, 1).await.unwrap();
    let result = lake.sql("SELECT * FROM usage ORDER BY seq").await.unwrap();
    let read = concat_batches(&result.schema, &result.batches).unwrap();
    let names: Vec<&str> =
        read.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!(names.len(), COLUMNS.len());
    let columns = usage_schema()
        .fields()
        .iter()
        .map(|field| cast(read.column_by_name(field.name()).unwrap(), field.data_type()).unwrap())
        .collect();
    let read = RecordBatch::try_new(usage_schema(), columns).unwrap();
    assert_eq!(read, encode(&rows, NOON).unwrap());
}

#[tokio::test]
async fn tags_and_other_meters_can_be_asked_for_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    lake.commit("n1/e1", &[row("n1", 0, full_event())], 0).await.unwrap();
    let sql = "SELECT tags['env'] AS env, meters_other['images'] AS images FROM usage";
    let result = lake.sql(sql).await.unwrap();
    let env = cast(result.batches[0].column(0), &arrow::datatypes::DataType::Utf8).unwrap();
    assert_eq!(env.as_string::<i32>().value(0), "prod");
    assert_eq!(result.batches[0].column(1).as_primitive::<Int64Type>().value(0), 3);
}
