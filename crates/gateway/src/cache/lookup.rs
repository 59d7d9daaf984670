//! A request's way through the cache: found, waited for, or sent and then kept.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use events::CacheState;
use http::header::AGE;
use pingora_timeout::timeout;
use policy::CachePolicy;
use tokio::time::Instant;
use units::Usd;

use super::entry::Entry;
use super::filling::Filling;
use super::flight::{Join, Lead};
use super::key::{CacheKey, Compared};
use super::{AnswerCache, Control};
use crate::call::{Call, Client};
use crate::engine::Engine;
use crate::failure::Failure;
use crate::ledger::{Ledger, spool_full};
use crate::reply::{Headers, base_headers, names, write};
use crate::{stream, telemetry};

/// Longest wait for an equal request where the provider's own bound is unknown.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// What is there for a request.
enum Found {
    Answer(Arc<Entry>),
    /// Nothing; it is the first of its equals.
    Lead(Lead),
    /// Nothing, and nobody waits for it.
    Nothing,
    /// The client left while it waited.
    ClientGone,
}

impl Engine {
    /// Answers from the cache where it can; `false` when the request must be sent. No money is held
    /// for a hit, so that no budget refuses it.
    pub(crate) async fn answer_from_cache(
        &self,
        client: &mut Client<'_>,
        call: &Call,
        control: Control,
    ) -> Result<bool, Failure> {
        let (Some(cache), Some(policy)) = (&self.cache, call.plan.route.cache) else {
            return Ok(false);
        };
        let control = control.with_body(&call.body)?;
        let CachePolicy { ttl_ms } = policy;
        let ttl = control.ttl(Duration::from_millis(ttl_ms));
        let compared = Compared {
            key: &call.who.key,
            namespace: &control.namespace,
            route: &call.plan.route,
            dialect: call.dialect,
            is_stream: call.peek.stream,
            body: &call.body,
        };
        let key = compared.key().filter(|_| control.stores && !ttl.is_zero());
        let Some(key) = key else {
            note(client, CacheState::Bypass);
            return Ok(false);
        };
        let mut lead = None;
        if control.reads {
            match self.find(client, call, (cache, key), control.age_max(ttl)).await {
                Found::Answer(entry) => {
                    note(client, CacheState::Hit);
                    self.answer_hit(client, call, &entry).await?;
                    return Ok(true);
                }
                Found::ClientGone => {
                    client.down.set_keepalive(None);
                    return Ok(true);
                }
                Found::Lead(found) => lead = Some(found),
                Found::Nothing => {}
            }
        }
        note(client, if control.reads { CacheState::Miss } else { CacheState::Bypass });
        client.ledger.filling = Some(Box::new(Filling {
            cache: Arc::clone(cache),
            key,
            ttl,
            dialect: call.dialect,
            is_stream: call.peek.stream,
            lead,
            share: self.memory.share(),
            gathered: BytesMut::new(),
            is_too_large: false,
            is_bounded: false,
            paid: None,
        }));
        Ok(false)
    }

    async fn find(
        &self,
        client: &mut Client<'_>,
        call: &Call,
        (cache, key): (&AnswerCache, CacheKey),
        age_max: Duration,
    ) -> Found {
        if let Some(entry) = cache.get(&key, age_max).await {
            return Found::Answer(entry);
        }
        let wait = match cache.flights.join(key) {
            Join::Wait(wait) => wait,
            Join::Full => return Found::Nothing,
            // The flight before may have landed since the first look.
            Join::Lead(lead) => {
                let landed = cache.get(&key, age_max).await;
                return landed.map_or(Found::Lead(lead), Found::Answer);
            }
        };
        let began = Instant::now();
        let deadline = call.at_most(began + first_byte_within(call));
        let landed = tokio::select! { biased;
            landed = timeout(deadline.saturating_duration_since(began), wait.landed()) => landed,
            _ = client.down.read_body_or_idle(true) => return Found::ClientGone,
        };
        let waited_us = i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX);
        client.ledger.upstream_us += waited_us;
        landed.ok().flatten().map_or(Found::Nothing, Found::Answer)
    }

    async fn answer_hit(
        &self,
        client: &mut Client<'_>,
        call: &Call,
        entry: &Entry,
    ) -> Result<(), Failure> {
        let Client { down, ledger, .. } = client;
        let slot = self.accounting.spool.reserve().map_err(|_| spool_full())?;
        let headers = self.hit_headers(ledger, entry);
        // The record is on its way to disk before the answer is.
        ledger.hit(slot, entry);
        let body = entry.body.clone();
        let is_written = match call.peek.stream {
            true => stream::replay(down, &headers, call.framing(), body).await,
            false => write(down, 200, "application/json", headers, body).await,
        };
        if !is_written {
            down.set_keepalive(None);
        }
        Ok(())
    }

    fn hit_headers(&self, ledger: &Ledger, entry: &Entry) -> Headers {
        let model = entry.paid.model.resolved.clone().unwrap_or_default();
        let mut headers = base_headers(ledger);
        headers.push(&AGE, entry.age().as_secs());
        if let Some(provider) = &entry.paid.model.provider {
            headers.push(&names::PROVIDER, provider);
        }
        headers.push(&names::MODEL, &model);
        if !entry.paid.dropped_params.is_empty() {
            headers.push(&names::DROPPED_PARAMS, entry.paid.dropped_params.join(","));
        }
        headers.push(&names::COST, Usd::ZERO);
        if self.options.litellm_headers {
            headers.push(&names::LITELLM_CALL_ID, ledger.request_id);
            headers.push(&names::LITELLM_MODEL_ID, &model);
            headers.push(&names::LITELLM_COST, Usd::ZERO);
        }
        headers
    }
}

/// Says what the cache did, to the client and in each row of the request.
fn note(client: &mut Client<'_>, state: CacheState) {
    telemetry::cached(state);
    client.ledger.cache = state;
    if let Some(draft) = &mut client.ledger.draft {
        draft.cache.state = state;
    }
}

/// How long the first target may take to begin its answer, and so how long to wait for one.
fn first_byte_within(call: &Call) -> Duration {
    let Some(target) = call.plan.route.targets.first() else { return WAIT_MAX };
    let upstream = call.in_force.upstreams.get(&target.provider);
    let of_provider = upstream.map(|upstream| upstream.provider.ttfb_timeout_ms);
    target.ttfb_timeout_ms.or(of_provider).map_or(WAIT_MAX, Duration::from_millis)
}
