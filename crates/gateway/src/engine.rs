//! The engine: what happens to a request between its header and its last byte.
//!
//! authenticate, read the body, attribute, plan; then for each target: reserve, encode, attempt;
//! then answer. Whatever happens, the ledger records it.

use std::sync::Arc;
use std::time::Duration;

use dialects::{ModelEntry, Peek};
use events::{Dialect, ErrorClass, UsageEvent};
use http::Method;
use pingora_core::protocols::http::ServerSession;
use policy::{Claims, Key, Plan};
use tokio::time::Instant;

use crate::accounting::Accounting;
use crate::auth::authenticate;
use crate::batches::Batches;
use crate::body::{self, BodyLimits, BodyMemory};
use crate::cache::{AnswerCache, Control};
use crate::call::{Call, Client, Who};
use crate::current::Current;
use crate::drain::Drain;
use crate::failure::Failure;
use crate::fingerprint::fingerprint;
use crate::inbound::{Inbound, Operation, dialect_of, inbound};
use crate::leases::Leases;
use crate::ledger::{Ledger, draft};
use crate::{bound, probe, quote, reply, telemetry};

/// Longest wait for a client to take more of its answer; one that does not has left.
const CLIENT_WRITE_TIME_MAX: Duration = Duration::from_secs(60);

/// Limits and switches of the engine.
pub struct EngineOptions {
    /// Largest request body, bytes.
    pub body_bytes_max: usize,
    /// Longest time a request body may take.
    pub body_time_max: Duration,
    /// Status told when a budget refuses: 402, 403 or 429.
    pub budget_denied_status: u16,
    /// Whether answers also carry LiteLLM's names for call id, model and cost.
    pub litellm_headers: bool,
    /// Renders `/metrics`.
    pub render_metrics: Box<dyn Fn() -> String + Send + Sync>,
}

/// Everything needed to serve requests. Shared by all of them.
pub struct Engine {
    /// Limits and switches.
    pub options: EngineOptions,
    /// Keys, routes, providers and prices in force.
    pub current: Arc<Current>,
    /// The books.
    pub accounting: Arc<Accounting>,
    /// What this gateway may spend.
    pub leases: Arc<Leases>,
    /// Memory of all bodies.
    pub memory: Arc<BodyMemory>,
    /// Lines of batches' results that are accounted for.
    pub batches: Batches,
    /// Answers kept for equal requests; `None` where no route may cache.
    pub cache: Option<Arc<AnswerCache>>,
    /// Whether the gateway is stopping.
    pub drain: Arc<Drain>,
}

impl Engine {
    /// Answers one request. Infallible: an error is an answer, and a client that has left is none.
    pub(crate) async fn handle(&self, down: &mut ServerSession, ledger: &mut Ledger) {
        prepare(down);
        let header = down.req_header();
        let method = header.method.clone();
        let reads = method == Method::GET || method == Method::HEAD;
        let path = header.uri.path().to_owned();
        if reads && probe::answer(self, down, &path).await {
            return;
        }
        let dialect = dialect_of(&path, &down.req_header().headers);
        let result = match inbound(&method, &down.req_header().uri, &down.req_header().headers) {
            Ok(asked) => match asked.operation {
                Operation::Models => self.models(down, ledger, &asked).await,
                Operation::CountTokens => self.count_tokens(down, ledger, &asked).await,
                // On the heap: other requests carry nothing of it.
                Operation::Realtime => Box::pin(self.realtime(down, ledger)).await,
                // On the heap, as well.
                Operation::Media(_) | Operation::Pass => {
                    Box::pin(self.pass(down, ledger, &asked)).await
                }
                Operation::Chat
                | Operation::Completions
                | Operation::Embeddings
                | Operation::Rerank => self.chat(down, ledger, &asked).await,
            },
            Err(failure) => Err(failure),
        };
        if let Err(failure) = result {
            ledger.refuse(&failure);
            reply::fail(down, ledger, dialect, &failure).await;
        }
        telemetry::answered(ledger.overhead_us());
    }

    async fn models(
        &self,
        down: &mut ServerSession,
        ledger: &mut Ledger,
        asked: &Inbound,
    ) -> Result<(), Failure> {
        let in_force = self.current.load();
        let snapshot = &in_force.snapshot;
        let key = authenticate(down, snapshot, ledger.received)?;
        let entry = |name: &str| ModelEntry {
            id: name.to_owned(),
            created_unix_s: 0,
            owned_by: "tollgate".to_owned(),
        };
        let models: Vec<ModelEntry> = snapshot.models(&key).into_iter().map(entry).collect();
        let body = match &asked.model {
            None => dialects::encode_models(asked.dialect, &models),
            Some(name) => {
                let found = models.iter().find(|model| model.id == *name);
                dialects::encode_model(asked.dialect, found.ok_or_else(|| no_model(name))?)
            }
        };
        reply::write(down, 200, "application/json", reply::base_headers(ledger), body).await;
        Ok(())
    }

    async fn chat(
        &self,
        down: &mut ServerSession,
        ledger: &mut Ledger,
        asked: &Inbound,
    ) -> Result<(), Failure> {
        if self.drain.is_stopping() {
            down.set_keepalive(None);
            return Err(stopping());
        }
        let began = Instant::now();
        let in_force = self.current.load();
        let key = authenticate(down, &in_force.snapshot, ledger.received)?;
        // From here on a refusal has an owner and is recorded.
        let anyone = Claims::default().resolve(&key);
        let event = ledger.draft.insert(draft(ledger.request_id, ledger.received, anyone));
        event.call.dialect_in = Some(asked.dialect);
        require_json(down)?;
        let wait = bound::asked(&down.req_header().headers)?;
        let control = Control::asked(&down.req_header().headers)?;
        let mut share = self.memory.share();
        let Some(body) = body::read(down, self.body_limits(), &mut share).await? else {
            down.set_keepalive(None);
            return Ok(());
        };
        event.call.request_bytes = body.len() as u64;
        let body = asked.named("application/json", body, &mut share)?;
        let (peek, work) = asked.peek(&body).map_err(|error| Failure::request(&error))?;
        event.call.endpoint = work.endpoint().to_owned();
        describe(event, down, &peek, &key);
        let plan =
            in_force.snapshot.plan(&key, &peek.model).map_err(|error| Failure::route(&error))?;
        event.decision.route = Some(plan.route.name.clone());
        event.decision.strategy = Some(plan.strategy.to_owned());
        (event.privacy.prompt_hash, event.privacy.template_hash) =
            fingerprint(&body, &self.accounting.hash_key);
        let user = event.attribution.user.clone();
        let customer = event.attribution.customer.clone();
        let call = Call {
            dialect: asked.dialect,
            path: asked.path.clone(),
            work,
            passed: passed_headers(down, asked.dialect),
            input_tokens_max: quote::input_tokens_max(&body),
            body,
            peek,
            who: Who { key, user, customer },
            plan,
            in_force,
            wanted_until: wait.and_then(|wait| began.checked_add(wait)),
        };
        let mut client = Client { down, ledger, share: &mut share };
        // On the heap: most routes do not cache, and carry nothing of it.
        if call.plan.route.cache.is_some()
            && Box::pin(self.answer_from_cache(&mut client, &call, control)).await?
        {
            return Ok(());
        }
        self.answer(&mut client, &call).await
    }

    /// Bounds of a request's body.
    pub(crate) fn body_limits(&self) -> BodyLimits {
        let EngineOptions { body_bytes_max, body_time_max, .. } = self.options;
        BodyLimits { bytes_max: body_bytes_max, time_max: body_time_max }
    }

    /// Tries the targets in order until one answers.
    async fn answer(&self, client: &mut Client<'_>, call: &Call) -> Result<(), Failure> {
        let mut failures: Vec<(String, Failure)> = Vec::new();
        for target in &call.plan.route.targets {
            if call.is_late() {
                break;
            }
            let reason = match failures.last() {
                None => "first".to_owned(),
                Some((_, failure)) => format!("failover:{}", failure.class),
            };
            match self.attempt(client, call, target, reason).await {
                Ok(told) => {
                    client.ledger.finish(told);
                    return Ok(());
                }
                Err(failure) if failure.may_fail_over => {
                    failures.push((target.provider.clone(), failure));
                }
                Err(failure) => return Err(failure),
            }
        }
        if failures.is_empty() && call.is_late() {
            return Err(too_late());
        }
        Err(exhausted(failures, &call.plan))
    }
}

/// What every connection of a client is set to.
fn prepare(down: &mut ServerSession) {
    down.set_write_timeout(Some(CLIENT_WRITE_TIME_MAX));
    // A next request sent ahead waits its turn. Otherwise it would look like the end of the
    // connection while this one is being answered.
    down.set_pipelining_enabled(true);
}

fn no_model(name: &str) -> Failure {
    let name: String = name.chars().take(200).collect();
    let message = format!("no model `{name}` for this key: GET /v1/models lists what it may use");
    Failure::new(ErrorClass::NotFound, 404, "model_not_found", message)
}

/// Headers of the client that a provider of its own dialect is to see.
pub(crate) fn passed_headers(
    down: &ServerSession,
    dialect: Dialect,
) -> Vec<(&'static str, String)> {
    let headers = &down.req_header().headers;
    let text = |name: &'static str| Some((name, headers.get(name)?.to_str().ok()?.to_owned()));
    dialects::passed_headers(dialect).iter().filter_map(|name| text(name)).collect()
}

/// What the client and its body say about the request.
pub(crate) fn describe(event: &mut UsageEvent, down: &ServerSession, peek: &Peek, key: &Key) {
    let mut claims = Claims::default();
    for (name, value) in &down.req_header().headers {
        if let Ok(value) = value.to_str() {
            claims.header(name.as_str(), value);
        }
    }
    claims.body(peek.user.as_deref(), peek.session_id.as_deref());
    for (name, value) in &peek.metadata {
        claims.tag(name, value);
    }
    for tag in &peek.tags {
        claims.tag(tag, "true");
    }
    if key.client_may_set.session {
        event.ids.trace_id = claims.trace.take();
        event.ids.session_id = claims.session.take();
        event.ids.parent_id = claims.parent.take();
    }
    event.attribution = claims.resolve(key);
    event.model.asked = peek.model.chars().take(256).collect();
    event.call.is_stream = peek.stream;
}

pub(crate) fn require_json(down: &ServerSession) -> Result<(), Failure> {
    let kind = down.get_header("content-type").and_then(|value| value.to_str().ok());
    match kind {
        Some(kind) if !kind.to_ascii_lowercase().starts_with("application/json") => {
            Err(Failure::new(
                ErrorClass::InvalidRequest,
                415,
                "unsupported_media_type",
                "the request's content-type must be application/json",
            ))
        }
        _ => Ok(()),
    }
}

pub(crate) fn stopping() -> Failure {
    Failure {
        retry_after_s: Some(1),
        ..Failure::new(
            ErrorClass::Overloaded,
            503,
            "stopping",
            "this gateway is stopping: try again",
        )
    }
}

pub(crate) fn too_late() -> Failure {
    Failure::new(
        ErrorClass::UpstreamTimeout,
        504,
        "request_timeout",
        "the time the client allows was over before a provider could be asked",
    )
}

/// The last failure speaks for all; what each target said is kept beside it.
pub(crate) fn exhausted(failures: Vec<(String, Failure)>, plan: &Plan) -> Failure {
    let attempts: Vec<serde_json::Value> = failures
        .iter()
        .map(|(provider, failure)| {
            serde_json::json!({
                "provider": provider, "error": failure.class, "code": failure.code,
                "status": failure.upstream_status, "message": failure.message,
            })
        })
        .collect();
    let Some((_, mut last)) = failures.into_iter().next_back() else {
        let name = &plan.route.name;
        let message = format!("route `{name}` has no target");
        return Failure::new(ErrorClass::Interrupted, 503, "route_without_target", message);
    };
    let mut metadata = last.metadata.take().unwrap_or_else(|| Box::new(serde_json::json!({})));
    if let Some(object) = metadata.as_object_mut() {
        object.insert("attempts".to_owned(), attempts.into());
    }
    last.metadata = Some(metadata);
    last
}
