//! Each line is one row, whoever downloads it how often, and whoever dies when.

use std::collections::HashMap;
use std::fs;

use events::BATCH_LINE;
use proptest::prelude::*;
use tempfile::TempDir;

use super::rows::{bare_event, number, open, row};
use crate::claims::Claims;
use crate::{Lake, LakeRow};

const COUNT: &str = "SELECT COUNT(*) FROM usage";
const DISTINCT: &str = "SELECT COUNT(*) FROM (SELECT DISTINCT upstream_request_id FROM usage)";

/// A row that records a line of a file.
fn line(app: &str, seq: u64, file: &str, id: u64) -> LakeRow {
    let mut event = bare_event(seq);
    event.call.endpoint = BATCH_LINE.to_owned();
    event.ids.session_id = Some(file.to_owned());
    event.ids.parent_id = Some(format!("line-{id}"));
    event.outcome.upstream_request_id = Some(format!("batch_req_{id}"));
    row(app, seq, event)
}

/// Lines of `file-1`, with sequences that count up from `first`.
fn lines(app: &str, first: u64, ids: impl IntoIterator<Item = u64>) -> Vec<LakeRow> {
    let numbered = ids.into_iter().zip(first..);
    numbered.map(|(id, seq)| line(app, seq, "file-1", id)).collect()
}

async fn commit(lake: &Lake, app: &str, rows: Vec<LakeRow>) {
    let last = rows.iter().map(|row| row.seq).max().unwrap();
    lake.commit_owned(&format!("{app}/e1"), rows, last).await.unwrap();
}

/// So many lines, each once.
async fn assert_once(lake: &Lake, expected: i64) {
    assert_eq!((number(lake, COUNT).await, number(lake, DISTINCT).await), (expected, expected));
}

#[tokio::test]
async fn lines_downloaded_again_leave_no_row_and_the_rest_of_the_commit_stays() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    commit(&lake, "n1", lines("n1", 0, 0..5)).await;
    // In part the same, in another order, twice in one portion, beside a row that is none.
    let mut again = lines("n1", 5, [7, 3, 6, 6, 1]);
    again.push(row("n1", 10, bare_event(99)));
    commit(&lake, "n1", again).await;
    assert_eq!(number(&lake, COUNT).await, 8);
    assert_eq!(number(&lake, DISTINCT).await, 8, "seven lines and NULL");
    // A portion of nothing new is covered all the same: who compares books needs to know.
    commit(&lake, "n1", lines("n1", 11, 0..5)).await;
    assert_eq!(lake.last_committed("n1/e1").await.unwrap(), Some(15));
    assert_eq!(number(&lake, COUNT).await, 8);
}

#[tokio::test]
async fn gateways_that_commit_the_same_lines_at_once_share_them_out() {
    let dir = tempfile::tempdir().unwrap();
    let writers = ["n1", "n2", "n3", "n4"];
    let mut tasks = tokio::task::JoinSet::new();
    for app in writers {
        let lake = open(&dir).await;
        tasks.spawn(async move {
            for part in 0..4_u64 {
                let rows = lines(app, part * 60, part * 50..part * 50 + 60);
                commit(&lake, app, rows).await;
            }
        });
    }
    tasks.join_all().await;
    let lake = open(&dir).await;
    assert_once(&lake, 210).await;
    assert_eq!(lake.metered_lines("file-1").await.unwrap().len(), 210);
    assert!(lake.metered_lines("file-2").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_kill_between_claim_and_commit_loses_no_line() {
    let dir = tempfile::tempdir().unwrap();
    let rows = lines("n1", 0, 0..20);
    let first = open(&dir).await;
    Claims::open(&dir.path().join("lake")).unwrap().keep_own("n1/e1", rows.clone()).await.unwrap();
    drop(first);
    // Another gateway has the same lines meanwhile, and leaves them to the one that claimed them.
    let other = open(&dir).await;
    commit(&other, "n2", lines("n2", 0, 10..30)).await;
    assert_once(&other, 10).await;
    // Who takes up the spool finds the claims to be its own.
    commit(&open(&dir).await, "n1", rows).await;
    assert_once(&other, 30).await;
}

#[tokio::test]
async fn lines_without_an_id_of_the_provider_are_told_apart_by_file_and_name() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    let nameless = |seq, file: &str, id| {
        let mut row = line("n1", seq, file, id);
        row.event.outcome.upstream_request_id = None;
        row
    };
    let rows = vec![
        nameless(0, "file-1", 1),
        nameless(1, "file-2", 1),
        nameless(2, "file-1", 2),
        nameless(3, "file-1", 1),
    ];
    commit(&lake, "n1", rows).await;
    assert_eq!(number(&lake, COUNT).await, 3);
}

#[tokio::test]
async fn damaged_claims_are_told_and_nothing_is_committed() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    commit(&lake, "n1", lines("n1", 0, 0..1)).await;
    let batches = fs::read_dir(dir.path().join("lake/batches")).unwrap();
    let folder = batches.map(|entry| entry.unwrap().path()).next().unwrap();
    fs::write(folder.join("0000000001.claims"), b"nothing of ours").unwrap();
    let error = lake.commit_owned("n1/e1", lines("n1", 1, 1..2), 1).await.unwrap_err();
    assert!(error.to_string().contains("0000000001.claims of the lake are damaged"), "{error}");
    assert_once(&lake, 1).await;
}

/// Claims of one directory, each as another process sees them.
fn opened(dir: &TempDir) -> Claims {
    Claims::open(dir.path()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn whoever_downloads_whatever_each_line_belongs_to_one_row_that_stays_the_same(
        portions in proptest::collection::vec(
            (0_usize..3, proptest::collection::vec(0_u64..12, 1..8), any::<bool>()),
            1..12,
        ),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let dir = tempfile::tempdir().unwrap();
            let processes = [opened(&dir), opened(&dir), opened(&dir)];
            let mut next = [0_u64; 3];
            let mut rows_of: HashMap<u64, (String, u64)> = HashMap::new();
            for (number, ids, is_repeated) in portions {
                let app = ["n1", "n2", "n3"][number];
                let rows = lines(app, next[number], ids.iter().copied());
                next[number] += rows.len() as u64;
                let kept = processes[number].keep_own(app, rows.clone()).await.unwrap();
                if is_repeated {
                    // A process that takes the spool up decides as the one before it did.
                    let again = opened(&dir).keep_own(app, rows).await.unwrap();
                    prop_assert_eq!(&again, &kept);
                }
                for row in kept {
                    let name = row.event.ids.parent_id.as_deref().unwrap_or_default();
                    let id = name.trim_start_matches("line-").parse().unwrap();
                    let own = (app.to_owned(), row.seq);
                    prop_assert_eq!(rows_of.insert(id, own), None, "line {} has two rows", id);
                }
                for id in ids {
                    prop_assert!(rows_of.contains_key(&id), "line {} is lost", id);
                }
            }
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn what_is_remembered_is_what_is_on_disk() {
    let dir = tempfile::tempdir().unwrap();
    let claims = opened(&dir);
    claims.keep_own("n1", lines("n1", 0, 0..9)).await.unwrap();
    let remembered = claims.claimed("file-1").await.unwrap();
    assert_eq!(remembered.len(), 9);
    assert_eq!(remembered, opened(&dir).claimed("file-1").await.unwrap());
}
