//! The audit log: append-only for everyone, and tampering is found even by those who get around it.

use store::{Actor, AuditVerdict, NewAudit};

use crate::Bench;

async fn bench_with_entries(count: usize) -> Bench {
    let bench = Bench::new().await;
    for n in 0..count {
        let entry = NewAudit {
            after: serde_json::json!({ "limit_usd": "12.50", "n": n }),
            reason: Some("the quarter's \"plan\"".into()),
            ..NewAudit::new(&Actor::Cli, "budget.set", format!("bud_{n}"))
        };
        bench.store.audit().append(&entry).await.unwrap();
    }
    bench
}

#[tokio::test]
async fn entries_follow_one_another_and_page_from_the_newest() {
    let bench = bench_with_entries(5).await;
    let audit = bench.store.audit();
    let newest = audit.list(None, 2).await.unwrap();
    let older = audit.list(Some(newest[1].seq), 10).await.unwrap();
    let seqs: Vec<u64> = newest.iter().chain(&older).map(|entry| entry.seq).collect();
    assert_eq!(seqs, [5, 4, 3, 2, 1]);
    assert_eq!(newest[0].previous_hash, newest[1].hash);
    assert_eq!(older[2].previous_hash, [0; 32]);
    let head = newest[0].hash;
    assert_eq!(audit.verify().await.unwrap(), AuditVerdict::Intact { entries: 5, head });
    let json = serde_json::to_value(&newest[0]).unwrap();
    assert_eq!(json["hash"].as_str().map(str::len), Some(64));
}

#[tokio::test]
async fn an_empty_log_is_intact() {
    let verdict = Bench::new().await.store.audit().verify().await.unwrap();
    assert_eq!(verdict, AuditVerdict::Intact { entries: 0, head: [0; 32] });
}

#[tokio::test]
async fn a_log_longer_than_a_page_verifies_to_its_end() {
    let bench = Bench::new().await;
    for _ in 0..257 {
        bench.store.audit().append(&NewAudit::new(&Actor::System, "a.b", "c")).await.unwrap();
    }
    let verdict = bench.store.audit().verify().await.unwrap();
    assert!(matches!(verdict, AuditVerdict::Intact { entries: 257, .. }), "{verdict:?}");
}

#[tokio::test]
async fn the_database_itself_refuses_to_change_history() {
    let bench = bench_with_entries(3).await;
    let raw = bench.raw().await;
    for statement in [
        "UPDATE audit SET actor = 'someone else'",
        "DELETE FROM audit WHERE seq = 3",
        "INSERT OR REPLACE INTO audit SELECT 3, at_us, 'x', action, subject, detail, previous_hash,
             hash FROM audit WHERE seq = 3",
        "INSERT INTO audit SELECT 9, at_us, 'x', action, subject, detail, previous_hash, hash
             FROM audit WHERE seq = 3",
    ] {
        let error = sqlx::query(statement).execute(&raw).await.unwrap_err().to_string();
        assert!(error.contains("the audit log is append-only"), "{statement}: {error}");
    }
    let verdict = bench.store.audit().verify().await.unwrap();
    assert!(matches!(verdict, AuditVerdict::Intact { entries: 3, .. }));
}

#[tokio::test]
async fn tampering_by_someone_who_removed_the_guards_is_found_where_it_happened() {
    for (tampering, seq, problem) in [
        ("UPDATE audit SET actor = 'x' WHERE seq = 2", 2, "it was changed after it was written"),
        ("UPDATE audit SET detail = '{}' WHERE seq = 4", 4, "it was changed after it was written"),
        (
            "UPDATE audit SET at_us = at_us + 1 WHERE seq = 1",
            1,
            "it was changed after it was written",
        ),
        (
            "UPDATE audit SET hash = zeroblob(32) WHERE seq = 2",
            2,
            "it was changed after it was written",
        ),
        ("DELETE FROM audit WHERE seq = 2", 2, "it is missing"),
        ("DELETE FROM audit WHERE seq = 1", 1, "it is missing"),
        ("DELETE FROM audit WHERE seq >= 4", 4, "it is missing"),
        ("DELETE FROM audit", 1, "it is missing"),
        ("UPDATE audit_head SET seq = 3", 3, "it is not the entry the log ended with"),
    ] {
        let bench = bench_with_entries(4).await;
        let raw = bench.raw().await;
        for guard in ["audit_refuses_update", "audit_refuses_delete"] {
            let sql = sqlx::AssertSqlSafe(format!("DROP TRIGGER {guard}"));
            sqlx::query(sql).execute(&raw).await.unwrap();
        }
        sqlx::query(tampering).execute(&raw).await.unwrap();
        let verdict = bench.store.audit().verify().await.unwrap();
        assert_eq!(verdict, AuditVerdict::Broken { seq, problem }, "{tampering}");
    }
}
