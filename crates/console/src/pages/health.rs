//! Probes for whatever keeps the process running. Open to anyone, and they tell nothing but health.

use axum::extract::State;

use crate::ConsoleState;
use crate::error::ConsoleError;

/// The process answers.
pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

/// Ledger and session store answer too.
pub(crate) async fn ready(State(state): State<ConsoleState>) -> Result<&'static str, ConsoleError> {
    state.sources.access.ready().await?;
    state.read(state.sources.ledger.ready()).await?;
    Ok("ready\n")
}
