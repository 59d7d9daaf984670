//! The simulator's life: started on a port, asked for its bill, told to fail, stopped.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::{any, get, post};
use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::bill::Bill;
use crate::desk::Desk;
use crate::dialects::anthropic::Anthropic;
use crate::dialects::bedrock;
use crate::dialects::cohere::{self, Cohere};
use crate::dialects::gemini;
use crate::dialects::openai::{OpenAi, embeddings, media, realtime, stored};
use crate::dialects::responses::Responses;
use crate::{ScriptError, SimulatorError, SimulatorOptions, control, respond};

/// How long a stop waits for connections to end, before it leaves them.
const STOP_WAIT: Duration = Duration::from_secs(2);

/// Simulated providers, listening. Dropping it stops them.
#[derive(Debug)]
pub struct Simulator {
    addr: SocketAddr,
    desk: Arc<Desk>,
    stop: watch::Sender<bool>,
    server: JoinHandle<()>,
}

impl Simulator {
    /// Listens and serves on the caller's runtime. Fails when the address cannot be bound.
    pub async fn start(options: SimulatorOptions) -> Result<Self, SimulatorError> {
        let bind = |source| SimulatorError::Bind { addr: options.bind, source };
        let listener = TcpListener::bind(options.bind).await.map_err(bind)?;
        let addr = listener.local_addr().map_err(bind)?;
        let listener = listener.tap_io(|tcp| {
            if let Err(error) = tcp.set_nodelay(true) {
                tracing::debug!(%error, "cannot disable nagle's algorithm");
            }
        });
        let (stop, stopping) = watch::channel(false);
        let desk = Arc::new(Desk::new(options, stopping));
        let (served, app) = (Arc::clone(&desk), routes(Arc::clone(&desk)));
        let server = tokio::spawn(async move {
            let serving = axum::serve(listener, app)
                .with_graceful_shutdown(async move { served.stopped().await });
            if let Err(error) = serving.await {
                tracing::error!(%error, "simulator ended");
            }
        });
        Ok(Self { addr, desk, stop, server })
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The base URL of every dialect: `http://ADDR/v1`.
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// What the providers would bill so far.
    pub fn bill(&self) -> Bill {
        self.desk.ledger.bill(true)
    }

    /// Starts an empty bill.
    pub fn reset_bill(&self) {
        self.desk.ledger.reset();
    }

    /// Plays `script` to every model whose name starts with `model_prefix`, until replaced; the
    /// empty prefix is every model, the empty script ends it.
    pub fn set_fault(&self, model_prefix: &str, script: &str) -> Result<(), ScriptError> {
        self.desk.faults.set(model_prefix, script.parse()?);
        Ok(())
    }

    /// Ends every fault set at run time.
    pub fn clear_faults(&self) {
        self.desk.faults.clear();
    }

    /// Stops listening, ends what hangs, cuts streams that wait, and returns when all is closed,
    /// at the latest after two seconds.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        if tokio::time::timeout(STOP_WAIT, &mut self.server).await.is_err() {
            tracing::debug!(addr = %self.addr, "simulator left open connections behind");
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.server.abort();
    }
}

fn routes(desk: Arc<Desk>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(respond::chat::<OpenAi>))
        .route("/v1/embeddings", post(embeddings::embed))
        .route("/v1/realtime", get(realtime::serve))
        .route("/v1/completions", post(media::serve))
        .route("/v1/images/{what}", post(media::serve))
        .route("/v1/audio/{what}", post(media::serve))
        .route("/v1/moderations", post(media::serve))
        .route("/v1/files", any(stored::serve))
        .route("/v1/files/{*rest}", any(stored::serve))
        .route("/v1/batches", any(stored::serve))
        .route("/v1/batches/{*rest}", any(stored::serve))
        .route("/v1/messages/batches", any(stored::serve))
        .route("/v1/messages/batches/{*rest}", any(stored::serve))
        .route("/v1/responses", post(respond::chat::<Responses>))
        .route("/v1/responses/input_tokens", post(respond::count::<Responses>))
        .route("/v1/messages", post(respond::chat::<Anthropic>))
        .route("/v1/messages/count_tokens", post(respond::count::<Anthropic>))
        .route("/v1/models", get(control::models))
        .route("/v1beta/models", get(control::models))
        .route("/v1/models/{*place}", post(gemini::serve))
        .route("/v1beta/models/{*place}", post(gemini::serve))
        .route("/v1/projects/{*place}", post(gemini::serve))
        .route("/model/{*place}", post(bedrock::serve))
        .route("/v2/chat", post(respond::chat::<Cohere>))
        .route("/v2/embed", post(cohere::embed))
        .route("/v2/rerank", post(cohere::rerank))
        // Where providers that follow OpenAI in all else serve the same.
        .route("/v1/rerank", post(cohere::rerank))
        .route("/simulator/bill", get(control::bill))
        .route("/simulator/reset", post(control::reset))
        .route("/simulator/fault", post(control::fault))
        .fallback(control::not_found)
        .with_state(desk)
}
