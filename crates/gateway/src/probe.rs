//! What operators ask: is the process alive, can it serve, and its figures.

use bytes::Bytes;
use pingora_core::protocols::http::ServerSession;
use serde_json::json;

use crate::engine::Engine;
use crate::reply::{Headers, write};

/// Answers a probe; `false` when the path is none.
pub(crate) async fn answer(engine: &Engine, down: &mut ServerSession, path: &str) -> bool {
    let (status, kind, body) = match path {
        "/healthz" => (200, "application/json", json!({"status": "ok"}).to_string()),
        "/readyz" => {
            let faults = faults(engine);
            let status = if faults.is_empty() { 200 } else { 503 };
            (status, "application/json", readiness(engine, &faults))
        }
        "/metrics" => (200, "text/plain; version=0.0.4", (engine.options.render_metrics)()),
        _ => return false,
    };
    write(down, status, kind, Headers::default(), Bytes::from(body)).await;
    true
}

/// Whether the gateway can serve, and from what.
fn readiness(engine: &Engine, faults: &[&str]) -> String {
    let now = engine.accounting.clock.now();
    let snapshot = engine.current.status(now);
    let authority = engine.leases.status();
    let seconds = |age_us: Option<i64>| age_us.map(|age_us| age_us / 1_000_000);
    json!({
        "ready": faults.is_empty(),
        "faults": faults,
        "snapshot": {
            "version": snapshot.version,
            "tag": snapshot.tag,
            "age_s": seconds(snapshot.age_us),
            "from_disk": snapshot.is_from_disk,
        },
        "authority": {
            "connected": authority.is_connected,
            "last_round_age_s": seconds(authority.last_round_age_us),
        },
    })
    .to_string()
}

/// Why the gateway cannot serve. Neither the console nor the database is ever among the reasons.
fn faults(engine: &Engine) -> Vec<&'static str> {
    let checks = [
        (engine.drain.is_stopping(), "stopping"),
        (engine.current.load().snapshot.version == 0, "no snapshot of keys and routes yet"),
        (engine.accounting.spool.reserve().is_err(), "spool is full"),
    ];
    checks.into_iter().filter(|(is_fault, _)| *is_fault).map(|(_, fault)| fault).collect()
}
