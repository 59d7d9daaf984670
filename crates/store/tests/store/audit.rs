//! The audit log: append-only for everyone, and tampering is found even by those who get around it.

use store::{Actor, AuditVerdict, NewAudit};

use crate::{Bench, Engine};

on_both_engines!(
    entries_follow_one_another_and_page_from_the_newest,
    an_empty_log_is_intact,
    a_log_longer_than_a_page_verifies_to_its_end,
    the_database_itself_refuses_to_change_history,
    tampering_by_someone_who_removed_the_guards_is_found_where_it_happened,
    writers_in_two_processes_extend_one_chain,
);

async fn bench_with_entries(engine: Engine, count: usize) -> Bench {
    let bench = Bench::new(engine).await;
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

async fn entries_follow_one_another_and_page_from_the_newest(engine: Engine) {
    let bench = bench_with_entries(engine, 5).await;
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

async fn an_empty_log_is_intact(engine: Engine) {
    let verdict = Bench::new(engine).await.store.audit().verify().await.unwrap();
    assert_eq!(verdict, AuditVerdict::Intact { entries: 0, head: [0; 32] });
}

async fn a_log_longer_than_a_page_verifies_to_its_end(engine: Engine) {
    let bench = Bench::new(engine).await;
    for _ in 0..257 {
        bench.store.audit().append(&NewAudit::new(&Actor::System, "a.b", "c")).await.unwrap();
    }
    let verdict = bench.store.audit().verify().await.unwrap();
    assert!(matches!(verdict, AuditVerdict::Intact { entries: 257, .. }), "{verdict:?}");
}

async fn the_database_itself_refuses_to_change_history(engine: Engine) {
    let bench = bench_with_entries(engine, 3).await;
    let replace = match engine {
        Engine::Sqlite => {
            "INSERT OR REPLACE INTO audit SELECT 3, at_us, 'x', action, subject, detail,
                 previous_hash, hash FROM audit WHERE seq = 3"
        }
        Engine::Postgres => {
            "INSERT INTO audit SELECT 3, at_us, 'x', action, subject, detail, previous_hash, hash
                 FROM audit WHERE seq = 3 ON CONFLICT (seq) DO UPDATE SET actor = 'x'"
        }
    };
    let empty = match engine {
        Engine::Sqlite => "DELETE FROM audit",
        Engine::Postgres => "TRUNCATE audit",
    };
    for statement in [
        "UPDATE audit SET actor = 'someone else'",
        "DELETE FROM audit WHERE seq = 3",
        empty,
        replace,
        "INSERT INTO audit SELECT 9, at_us, 'x', action, subject, detail, previous_hash, hash
             FROM audit WHERE seq = 3",
    ] {
        let error = bench.raw(statement).await.unwrap_err().to_string();
        assert!(error.contains("the audit log is append-only"), "{statement}: {error}");
    }
    let verdict = bench.store.audit().verify().await.unwrap();
    assert!(matches!(verdict, AuditVerdict::Intact { entries: 3, .. }));
}

async fn tampering_by_someone_who_removed_the_guards_is_found_where_it_happened(engine: Engine) {
    let (on_audit, zeros) = match engine {
        Engine::Sqlite => ("", "zeroblob(32)"),
        Engine::Postgres => (" ON audit", "decode(repeat('00', 32), 'hex')"),
    };
    let changed = "it was changed after it was written";
    let forged = format!("UPDATE audit SET hash = {zeros} WHERE seq = 2");
    for (tampering, seq, problem) in [
        ("UPDATE audit SET actor = 'x' WHERE seq = 2", 2, changed),
        ("UPDATE audit SET detail = '{}' WHERE seq = 4", 4, changed),
        ("UPDATE audit SET at_us = at_us + 1 WHERE seq = 1", 1, changed),
        (&forged, 2, changed),
        ("DELETE FROM audit WHERE seq = 2", 2, "it is missing"),
        ("DELETE FROM audit WHERE seq = 1", 1, "it is missing"),
        ("DELETE FROM audit WHERE seq >= 4", 4, "it is missing"),
        ("DELETE FROM audit", 1, "it is missing"),
        ("UPDATE audit_head SET seq = 3", 3, "it is not the entry the log ended with"),
    ] {
        let bench = bench_with_entries(engine, 4).await;
        for guard in ["audit_refuses_update", "audit_refuses_delete"] {
            bench.raw(&format!("DROP TRIGGER {guard}{on_audit}")).await.unwrap();
        }
        bench.raw(tampering).await.unwrap();
        let verdict = bench.store.audit().verify().await.unwrap();
        assert_eq!(verdict, AuditVerdict::Broken { seq, problem }, "{tampering}");
    }
}

async fn writers_in_two_processes_extend_one_chain(engine: Engine) {
    let bench = Bench::new(engine).await;
    let stores = [bench.store.clone(), bench.second().await];
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..20 {
        let audit = stores[n % 2].audit();
        tasks.spawn(async move { audit.append(&NewAudit::new(&Actor::System, "a.b", n)).await });
    }
    while let Some(appended) = tasks.join_next().await {
        appended.unwrap().unwrap();
    }
    let verdict = bench.store.audit().verify().await.unwrap();
    assert!(matches!(verdict, AuditVerdict::Intact { entries: 20, .. }), "{verdict:?}");
}
