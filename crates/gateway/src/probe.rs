//! What operators ask: is the process alive, can it serve, and its figures.

use bytes::Bytes;
use pingora_core::protocols::http::ServerSession;
use serde_json::json;

use crate::engine::Engine;
use crate::reply::write;

/// Answers a probe; `false` when the path is none.
pub(crate) async fn answer(engine: &Engine, down: &mut ServerSession, path: &str) -> bool {
    let (status, kind, body) = match path {
        "/healthz" => (200, "application/json", json!({"status": "ok"}).to_string()),
        "/readyz" => {
            let faults = faults(engine);
            let status = if faults.is_empty() { 200 } else { 503 };
            (
                status,
                "application/json",
                json!({"ready": faults.is_empty(), "faults": faults}).to_string(),
            )
        }
        "/metrics" => (200, "text/plain; version=0.0.4", (engine.options.render_metrics)()),
        _ => return false,
    };
    write(down, status, kind, &Vec::new(), Bytes::from(body)).await;
    true
}

/// Why the gateway cannot serve. The database is never among the reasons.
fn faults(engine: &Engine) -> Vec<&'static str> {
    let checks = [
        (engine.drain.is_stopping(), "stopping"),
        (engine.snapshot.load().version == 0, "no snapshot of keys and routes yet"),
        (engine.accounting.spool.reserve().is_err(), "spool is full"),
    ];
    checks.into_iter().filter(|(is_fault, _)| *is_fault).map(|(_, fault)| fault).collect()
}
