//! OpenAI's realtime sessions over WebSocket: begun as any request is, then passed on frame by frame.
//!
//! The upgrade is driven here and not by Pingora's proxy, because a session must be ended between two
//! frames with an error of ours when a budget has no more room, which its filters cannot do.
//!
//! Each response of a session is a request of its own in the books, with its own hold, intent and row:
//! its price is that of its own size, budgets and reports see it when it ends, and a process that dies
//! leaves no more than one response to an estimate. Rows of a session share its `session_id`; the first
//! has the request id that the client was told.

mod ask;
mod bound;
mod connect;
mod frames;
mod hold;
mod relay;
mod session;
mod tally;
mod transcript;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dialects::Peek;
use events::{Dialect, ErrorClass};
use pingora_core::protocols::http::ServerSession;
use policy::{Claims, Target};
use tokio::time::Instant;

use crate::attempt::Halt;
use crate::auth::authenticate;
use crate::call::{Call, Client, Who};
use crate::engine::{Engine, describe, exhausted, stopping};
use crate::failure::Failure;
use crate::inbound::Work;
use crate::ledger::{Billable, Ending, Ledger, draft};
use crate::reply::{base_headers, names};
use crate::upstream::Upstream;

use ask::Ask;
use relay::Relay;
use session::Session;

impl Engine {
    /// Serves a session from its handshake to its end.
    pub(crate) async fn realtime(
        &self,
        down: &mut ServerSession,
        ledger: &mut Ledger,
    ) -> Result<(), Failure> {
        if self.drain.is_stopping() {
            down.set_keepalive(None);
            return Err(stopping());
        }
        let (call, ask) = self.realtime_call(down, ledger)?;
        let mut share = self.memory.share();
        let mut client = Client { down, ledger, share: &mut share };
        let mut failures: Vec<(String, Failure)> = Vec::new();
        for target in &call.plan.route.targets {
            let reason = match failures.last() {
                None => "first".to_owned(),
                Some((_, failure)) => format!("failover:{}", failure.class),
            };
            match self.realtime_at(&mut client, (&call, &ask), target, reason).await {
                Err(failure) if failure.may_fail_over => {
                    failures.push((target.provider.clone(), failure));
                }
                ended => return ended,
            }
        }
        Err(exhausted(failures, &call.plan))
    }

    /// Understands who asks for which session.
    fn realtime_call(
        &self,
        down: &ServerSession,
        ledger: &mut Ledger,
    ) -> Result<(Call, Ask), Failure> {
        let in_force = self.current.load();
        let key = authenticate(down, &in_force.snapshot, ledger.received)?;
        let mut event = draft(ledger.request_id, ledger.received, Claims::default().resolve(&key));
        event.call.endpoint = "realtime".to_owned();
        ledger.draft = Some(event.clone());
        let request = down.req_header();
        let ask = Ask::read(&request.uri, &request.headers, down.is_upgrade_req())?;
        let peek = Peek { model: ask.model.clone(), stream: true, choices: 1, ..Peek::default() };
        describe(&mut event, down, &peek, &key);
        event.ids.session_id.get_or_insert_with(|| ledger.request_id.to_string());
        ledger.draft = Some(event.clone());
        let plan =
            in_force.snapshot.plan(&key, &peek.model).map_err(|error| Failure::route(&error))?;
        event.decision.route = Some(plan.route.name.clone());
        event.decision.strategy = Some(plan.strategy.to_owned());
        let events::Attribution { user, customer, .. } = event.attribution.clone();
        ledger.draft = Some(event);
        let call = Call {
            dialect: Dialect::OpenaiChat,
            work: Work::Chat,
            path: None,
            passed: Vec::new(),
            body: Bytes::new(),
            peek,
            who: Who { key, user, customer },
            plan,
            input_tokens_max: 0,
            in_force: Arc::clone(&in_force),
            wanted_until: None,
        };
        Ok((call, ask))
    }

    /// Tries one target. `Ok` when a session was had with it, however it ended.
    async fn realtime_at(
        &self,
        client: &mut Client<'_>,
        (call, ask): (&Call, &Ask),
        target: &Target,
        reason: String,
    ) -> Result<(), Failure> {
        let upstream = upstream_of(call, target)?;
        connect::serves(upstream)?;
        let mut session = Session::new(self, call, (target, upstream), client.ledger);
        session.begin(client.ledger, reason).await?;
        let ttfb_ms = target.ttfb_timeout_ms.unwrap_or(upstream.provider.ttfb_timeout_ms);
        let deadline = Instant::now() + Duration::from_millis(ttfb_ms);
        let begun = connect::begin(upstream, (ask, &target.model), deadline).await;
        let (provider, head) = match begun {
            Ok(begun) => begun,
            Err(halt) => return Err(unbegun(client.ledger, halt)),
        };
        let mut headers = base_headers(client.ledger);
        headers.push(&names::PROVIDER, &target.provider);
        headers.push(&names::MODEL, &target.model);
        client.down.set_keepalive(None);
        if connect::switch(client.down, &head, &headers).await {
            let relay = Relay::new(client, *provider, session);
            relay.run(&self.drain, call.plan.route.on_client_gone).await;
        } else {
            // Nothing was asked of the provider yet.
            session.settle(client.ledger, Some(ErrorClass::ClientGone));
        }
        // A session's time is the client's and the provider's, whoever spoke last.
        let now = self.accounting.clock.now();
        client.ledger.upstream_us = now.micros_since(client.ledger.received);
        Ok(())
    }
}

fn upstream_of<'a>(call: &'a Call, target: &Target) -> Result<&'a Upstream, Failure> {
    let found = call.in_force.upstreams.get(&target.provider);
    found.map(|upstream| &**upstream).ok_or_else(|| {
        let message = format!("provider `{}` cannot be used on this gateway", target.provider);
        Failure::upstream(ErrorClass::UpstreamConnect, 503, "provider_unknown", message)
    })
}

/// Records an attempt that began no session.
fn unbegun(ledger: &mut Ledger, halt: Halt) -> Failure {
    let (failure, billable) = match halt {
        Halt::Failed(failure, billable) => (failure, billable),
        Halt::ClientGone => {
            let message = "the client left before its session began";
            (Failure::new(ErrorClass::ClientGone, 499, "client_gone", message), Billable::Nothing)
        }
    };
    ledger.end_attempt(Ending {
        status: failure.upstream_status,
        error: Some(failure.class),
        billable,
        response_bytes: 0,
    });
    failure
}
