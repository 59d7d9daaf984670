//! Requests that are passed on as they are: everything below `/passthrough/{provider}`, files and
//! batches of a provider, and the operations of OpenAI's that are routed by model but not translated.
//!
//! The key is authenticated, the gateway's own credential takes its place, money is held and every
//! attempt has its row, as for any other request. What an answer tells of its usage is read beside
//! the way; where it tells none the cost stays unknown, never zero.

pub(crate) mod address;
mod first;
mod forward;
mod headers;
mod hold;
mod own;
mod relay;
mod results;

use std::sync::Arc;

use bytes::Bytes;
use dialects::{OpenaiOperation, PathModel, Peek};
use events::{ErrorClass, Meters};
use http::{HeaderName, HeaderValue, Method};
use pingora_core::protocols::http::ServerSession;
use policy::{Claims, Key, Plan};
use tokio::time::Instant;

use crate::auth::authenticate;
use crate::call::{Call, Client, Who};
use crate::engine::{Engine, describe, exhausted, stopping, too_late};
use crate::failure::Failure;
use crate::in_force::InForce;
use crate::inbound::{Inbound, Operation, Work};
use crate::ledger::{Ledger, draft};
use crate::{body, bound, quote};

use address::{Pass, Stored, To};

/// Header that names the provider of a request without a model.
pub(crate) const PROVIDER_HEADER: &str = "x-tollgate-provider";

/// A request that is passed on.
struct Passing {
    /// Who asks, with what, and where it may go.
    call: Call,
    /// The operation, where it is one that is known.
    operation: Option<OpenaiOperation>,
    /// Path and query below the provider's base URL; `None` where the operation says it.
    path: Option<String>,
    method: Method,
    /// What a provider keeps for its clients, where it is about that.
    stored: Option<Stored>,
    content_type: String,
    /// The client's headers, without those that are not the provider's to see.
    headers: Vec<(HeaderName, HeaderValue)>,
    /// What will be used as far as the request itself tells.
    expected: Meters,
}

/// What is to be done, read from address and body.
struct Understood {
    peek: Peek,
    expected: Meters,
    endpoint: &'static str,
    operation: Option<OpenaiOperation>,
}

impl Engine {
    /// Answers a request by passing it on.
    pub(crate) async fn pass(
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
        let mut event = draft(ledger.request_id, ledger.received, Claims::default().resolve(&key));
        event.call.dialect_in = Some(asked.dialect);
        event.call.endpoint = "passthrough".to_owned();
        ledger.draft = Some(event.clone());
        let wait = bound::asked(&down.req_header().headers)?;
        let mut share = self.memory.share();
        let Some(body) = body::read(down, self.body_limits(), &mut share).await? else {
            down.set_keepalive(None);
            return Ok(());
        };
        event.call.request_bytes = body.len() as u64;
        let content_type = headers::content_type(down);
        let body = asked.named(&content_type, body, &mut share)?;
        let Understood { peek, expected, endpoint, operation } =
            understood(asked, &content_type, &body)?;
        event.call.endpoint = endpoint.to_owned();
        describe(&mut event, down, &peek, &key);
        ledger.draft = Some(event.clone());
        let plan = plan(&in_force, &key, asked, &peek)?;
        event.decision.route = Some(plan.route.name.clone());
        event.decision.strategy = Some(plan.strategy.to_owned());
        let events::Attribution { user, customer, .. } = event.attribution.clone();
        ledger.draft = Some(event);
        let call = Call {
            dialect: asked.dialect,
            path: None,
            work: Work::Chat,
            passed: Vec::new(),
            input_tokens_max: quote::input_tokens_max(&body),
            body,
            peek,
            who: Who { key, user, customer },
            plan,
            in_force,
            wanted_until: wait.and_then(|wait| began.checked_add(wait)),
        };
        let request = down.req_header();
        let stored = asked.pass.as_ref().and_then(|pass| pass.stored.clone());
        let passing = Passing {
            call,
            operation,
            path: asked.pass.as_ref().map(|pass| pass.path.clone()),
            method: request.method.clone(),
            content_type,
            headers: headers::of_request(&request.headers, stored.as_ref()),
            stored,
            expected,
        };
        self.pass_on(&mut Client { down, ledger, share: &mut share }, &passing).await
    }

    /// Tries the targets in order until one answers.
    async fn pass_on(&self, client: &mut Client<'_>, passing: &Passing) -> Result<(), Failure> {
        let plan = &passing.call.plan;
        let mut failures: Vec<(String, Failure)> = Vec::new();
        for target in &plan.route.targets {
            if passing.call.is_late() {
                break;
            }
            let reason = match failures.last() {
                None => "first".to_owned(),
                Some((_, failure)) => format!("failover:{}", failure.class),
            };
            match self.forward(client, passing, target, reason).await {
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
        if failures.is_empty() && passing.call.is_late() {
            return Err(too_late());
        }
        Err(exhausted(failures, plan))
    }
}

/// What address and body ask for. A body that is not understood is none of ours to refuse, unless the
/// model in it decides where it goes.
fn understood(asked: &Inbound, content_type: &str, body: &Bytes) -> Result<Understood, Failure> {
    if let Operation::Media(operation) = asked.operation {
        let told = dialects::peek_operation(operation, content_type, body)
            .map_err(|error| Failure::request(&error))?;
        return Ok(Understood {
            peek: told.peek,
            expected: told.expected,
            endpoint: operation.endpoint(),
            operation: Some(operation),
        });
    }
    let path = asked.pass.as_ref().map(|pass| pass.path.as_str()).unwrap_or_default();
    let bare = path.split('?').next().unwrap_or_default();
    let operation = OpenaiOperation::of_path(bare);
    let told = operation.and_then(|op| dialects::peek_operation(op, content_type, body).ok());
    let expected = told.as_ref().map_or(Meters::NONE, |told| told.expected);
    let mut peek = told.map_or_else(|| dialects::peek_any(body), |told| told.peek);
    if let Some(named) = PathModel::parse(bare, None) {
        peek.stream |= named.streams();
        peek.model = named.model;
    } else if let Some(model) = address::model(bare) {
        peek.model = model;
    }
    let endpoint = asked.pass.as_ref().map_or("passthrough", |pass| pass.endpoint);
    Ok(Understood { peek, expected, endpoint, operation })
}

/// Where a request may go: as its model is routed, or to the one provider it names or means.
fn plan(in_force: &InForce, key: &Key, asked: &Inbound, peek: &Peek) -> Result<Plan, Failure> {
    let snapshot = &in_force.snapshot;
    let Some(Pass { to, .. }) = &asked.pass else {
        return snapshot.plan(key, &peek.model).map_err(|error| Failure::route(&error));
    };
    let provider = match to {
        To::Provider(name) => name.as_str(),
        To::Dialect(dialect) => {
            let mut speakers = in_force.upstreams.iter();
            let mut speaks = || speakers.find(|(_, up)| up.provider.dialect == *dialect);
            let told = match (speaks(), speaks()) {
                (Some((name, _)), None) => Ok(name),
                (None, _) => Err(format!("no provider speaks {dialect}")),
                (Some(_), Some(_)) => Err(format!("several providers speak {dialect}")),
            };
            told.map_err(|why| no_provider(&why))?
        }
    };
    let planned = snapshot.plan_provider(key, provider, &peek.model);
    planned.map_err(|error| Failure { param: None, ..Failure::route(&error) })
}

fn no_provider(why: &str) -> Failure {
    let message = format!(
        "{why}, and this request names no model to route it by: name a provider in the header {PROVIDER_HEADER}"
    );
    Failure {
        param: Some(PROVIDER_HEADER.to_owned()),
        ..Failure::new(ErrorClass::InvalidRequest, 400, "provider_not_chosen", message)
    }
}

/// A batch was refused by a budget that counts known amounts only; any other failure as it is.
fn unbounded(failure: Failure) -> Failure {
    if failure.code != "model_unpriced" {
        return failure;
    }
    let named = failure.metadata.as_ref().and_then(|told| told["budget"].as_str());
    let message = format!(
        "budget `{}` counts known amounts only, and what a batch costs is known only from its results: \
         set on_unpriced = \"allow\" for that budget, whose limit batches may then pass, or make the \
         batch with a key it does not cover",
        named.unwrap_or_default()
    );
    let code = "batch_unbounded".to_owned();
    Failure { code, message, may_fail_over: false, ..failure }
}

impl Passing {
    /// Whether nothing is made by it: what a provider keeps is only looked at or thrown away.
    fn only_looks(&self) -> bool {
        [Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS].contains(&self.method)
    }

    /// Whether it makes a batch.
    fn makes_batch(&self) -> bool {
        self.stored == Some(Stored::Batches) && self.method == Method::POST
    }

    /// The file or batch whose results it downloads.
    fn downloads(&self) -> Option<&str> {
        match &self.stored {
            Some(Stored::Results(name)) if self.method == Method::GET => Some(name),
            _ => None,
        }
    }

    /// Whether a batch is told of, or several.
    fn tells_batches(&self) -> bool {
        matches!(self.stored, Some(Stored::Batches | Stored::Batch))
    }

    /// Whether a provider's error is passed on as it is, instead of being worded in the client's
    /// dialect after other targets were tried.
    fn relays_errors(&self) -> bool {
        self.path.is_some()
    }

    fn in_force(&self) -> &Arc<InForce> {
        &self.call.in_force
    }
}
