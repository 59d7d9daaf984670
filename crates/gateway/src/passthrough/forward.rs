//! One target's turn: hold, open the books, send, and take what comes back.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dialects::Encoded;
use events::ErrorClass;
use http::HeaderName;
use policy::{OnClientGone, Target};
use tokio::time::Instant;

use super::results::Results;
use super::{Passing, relay};
use crate::attempt::{Halt, exchange};
use crate::call::Client;
use crate::engine::Engine;
use crate::failure::Failure;
use crate::ledger::{Billable, Ending, Opening, Pricing, spool_full};
use crate::reply::{Headers, base_headers, names};
use crate::upstream::{Head, Outgoing, Upstream};

impl Engine {
    /// Attempts one target. `Ok` holds the status told to the client, `None` when it has left.
    pub(super) async fn forward(
        &self,
        client: &mut Client<'_>,
        passing: &Passing,
        target: &Target,
        reason: String,
    ) -> Result<Option<u16>, Failure> {
        let call = &passing.call;
        let ledger = &mut *client.ledger;
        let upstream = call.in_force.upstreams.get(&target.provider).ok_or_else(|| {
            let message = format!("provider `{}` cannot be used on this gateway", target.provider);
            Failure::upstream(ErrorClass::UpstreamConnect, 503, "provider_unknown", message)
        })?;
        let (reservation, metering) =
            self.hold_passing(ledger, passing, (target, upstream)).await?;
        let remaining = reservation.remaining();
        let slot = self.accounting.spool.reserve().map_err(|_| spool_full())?;
        let request = passing.outgoing(target, upstream)?;
        let mut copy = self.memory.share();
        copy.grow(request.encoded.body.len())?;
        let opening = Opening {
            slot,
            reservation,
            pricing: Arc::new(Pricing::new(&call.in_force.prices, &upstream.provider.prices)),
            provider: target.provider.clone(),
            model: target.model.clone(),
            dialect_out: upstream.provider.dialect,
            dropped_params: Vec::new(),
            reason,
            body: Bytes::new(),
            // Whatever provider it is, its answers may be in words that tell other models.
            beside: dialects::further(upstream.provider.dialect, &call.body).records.max(1),
        };
        ledger.open_as(opening, metering)?;
        let mut headers = base_headers(ledger);
        headers.push(&names::PROVIDER, &target.provider);
        if !target.model.is_empty() {
            headers.push(&names::MODEL, &target.model);
        }
        if let Some(left) = remaining {
            headers.push(&names::BUDGET_REMAINING, left);
        }
        let ttfb_ms = target.ttfb_timeout_ms.unwrap_or(upstream.provider.ttfb_timeout_ms);
        let deadline = call.at_most(Instant::now() + Duration::from_millis(ttfb_ms));
        let provider = target.provider.as_str();
        let turn = Turn { engine: self, upstream, provider, passing, headers, deadline };
        Box::pin(turn.run(client, request)).await
    }
}

/// One attempt that has been opened.
struct Turn<'a> {
    engine: &'a Engine,
    upstream: &'a Upstream,
    /// Its name.
    provider: &'a str,
    passing: &'a Passing,
    headers: Headers,
    deadline: Instant,
}

impl Turn<'_> {
    async fn run(self, client: &mut Client<'_>, request: Outgoing) -> Result<Option<u16>, Failure> {
        let clock = &self.engine.accounting.clock;
        let started = clock.now();
        let drains = self.passing.call.plan.route.on_client_gone == OnClientGone::Drain;
        let exchanged =
            exchange(client.down, self.upstream, &request, self.deadline, !drains).await;
        drop(request);
        let taken = match exchanged {
            Ok(answering) => {
                let results = self.passing.downloads().and_then(|name| {
                    let from = (self.provider, self.upstream);
                    Results::new(self.engine, self.passing, from, (&*client.ledger, name))
                });
                let begin = relay::Begin {
                    results,
                    headers: self.headers,
                    passing: self.passing,
                    speaks: self.upstream.provider.dialect,
                    deadline: self.deadline,
                    drains,
                    clock: Arc::clone(clock),
                };
                relay::take(client, self.upstream, answering, begin).await
            }
            Err(halt) => Err(halt),
        };
        let Client { down, ledger, .. } = client;
        ledger.upstream_us += clock.now().micros_since(started);
        match taken {
            Ok(status) => Ok(Some(status)),
            Err(Halt::ClientGone) => {
                down.set_keepalive(None);
                ledger.end_attempt(Ending {
                    status: None,
                    error: Some(ErrorClass::ClientGone),
                    billable: Billable::Answer,
                    response_bytes: 0,
                });
                Ok(None)
            }
            Err(Halt::Failed(failure, billable)) => {
                ledger.end_attempt(Ending {
                    status: failure.upstream_status,
                    error: Some(failure.class),
                    billable,
                    response_bytes: 0,
                });
                Err(failure)
            }
        }
    }
}

impl Passing {
    /// What is sent to a target.
    fn outgoing(&self, target: &Target, upstream: &Upstream) -> Result<Outgoing, Failure> {
        let body = self.call.body.clone();
        let as_it_is = |body| Encoded {
            body,
            dropped: Vec::new(),
            headers: Vec::new(),
            max_output_tokens: None,
        };
        let (encoded, path) = match (&self.path, self.operation) {
            (None, Some(operation)) => {
                let wanted = dialects::Target {
                    dialect: upstream.provider.dialect,
                    model: &target.model,
                    max_output_tokens: None,
                    drop_params: false,
                };
                let encoded = dialects::encode_operation(&self.content_type, &body, &wanted);
                let encoded = encoded.map_err(|error| Failure::request(&error))?;
                (encoded, operation.path().to_owned())
            }
            (path, _) => (as_it_is(body.into()), path.clone().unwrap_or_default()),
        };
        let mut headers = self.headers.clone();
        // Old versions of some SDKs send none with a body that is JSON.
        let has_type = headers.iter().any(|(name, _)| *name == http::header::CONTENT_TYPE);
        if !has_type && !encoded.body.is_empty() {
            let json = http::HeaderValue::from_static("application/json");
            headers.push((HeaderName::from_static("content-type"), json));
        }
        let head = Head { method: self.method.clone(), headers };
        Ok(Outgoing { encoded, path: Cow::Owned(path), head: Some(Box::new(head)) })
    }
}
