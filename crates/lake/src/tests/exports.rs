//! Exports equal the table to the last digit, and appear whole or not at all.

use std::fs::{self, File};

use arrow::array::{Array, AsArray};
use arrow::datatypes::Decimal128Type;
use jiff::civil::date;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use units::Usd;

use super::rows::{DAY_US, NOON, amount, open, priced_rows};
use crate::{LakeError, MANIFEST_NAME, Manifest, usage_schema};

#[tokio::test]
async fn an_export_sums_to_what_sql_says_and_its_manifest_checks_out() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    let mut rows = priced_rows("n1", 0..30);
    rows[3].event.cost.billed = None;
    for row in &mut rows[20..] {
        row.event.times.received_us = NOON.plus_micros(-DAY_US);
    }
    lake.commit("n1/e1", &rows, 29).await.unwrap();
    let out = dir.path().join("deep/out");
    let day = date(2026, 11, 22);
    let manifest = lake.export_parquet(day, day, &out).await.unwrap();

    let sql = "SELECT SUM(cost_usd) FROM usage WHERE event_date = '2026-11-22'";
    assert_eq!(manifest.cost_usd, amount(&lake, sql).await);
    assert_eq!((manifest.rows, manifest.rows_without_cost), (20, 1));
    let written: Manifest =
        serde_json::from_slice(&fs::read(out.join(MANIFEST_NAME)).unwrap()).unwrap();
    assert_eq!(written, manifest);

    let file = &manifest.files[0];
    let bytes = fs::read(out.join(&file.name)).unwrap();
    assert_eq!(file.bytes, bytes.len() as u64);
    assert_eq!(file.blake3, blake3::hash(&bytes).to_hex().to_string());
    let reader =
        ParquetRecordBatchReaderBuilder::try_new(File::open(out.join(&file.name)).unwrap());
    let reader = reader.unwrap();
    assert_eq!(reader.schema().fields(), usage_schema().fields());
    let mut sum = Usd::ZERO;
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let costs = batch.column_by_name("cost_usd").unwrap().as_primitive::<Decimal128Type>();
        sum += costs.iter().flatten().map(Usd::from_pico).sum();
        assert_eq!(batch.column_by_name("event_date").unwrap().null_count(), 0);
    }
    assert_eq!(sum, manifest.cost_usd);
}

#[tokio::test]
async fn a_directory_that_holds_anything_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    let day = date(2026, 11, 22);
    let out = dir.path().join("out");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("keep"), "me").unwrap();
    let error = lake.export_parquet(day, day, &out).await.unwrap_err();
    assert!(matches!(error, LakeError::ExportTarget { .. }), "{error}");
    assert!(error.to_string().contains("not empty"), "{error}");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
    let error = lake.export_parquet(date(2026, 11, 23), day, &dir.path().join("new")).await;
    assert!(error.unwrap_err().to_string().contains("after the last"));
}

#[tokio::test]
async fn an_export_of_nothing_is_a_manifest_alone_and_may_fill_an_empty_directory() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    let out = dir.path().join("out");
    fs::create_dir(&out).unwrap();
    let day = date(2026, 11, 22);
    let manifest = lake.export_parquet(day, day, &out).await.unwrap();
    assert_eq!((manifest.rows, manifest.files.len()), (0, 0));
    let names: Vec<_> =
        fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, [MANIFEST_NAME]);
    let beside = fs::read_dir(dir.path()).unwrap();
    let left: Vec<_> = beside
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(".export"))
        .collect();
    assert_eq!(left, Vec::<String>::new());
}
