//! Counting the tokens of a request: by the provider where it speaks the client's dialect, else by
//! tokenizer. Nothing is used and nothing is recorded.

use std::time::Duration;

use bytes::Bytes;
use pingora_core::protocols::http::ServerSession;
use policy::Plan;
use tokio::time::Instant;

use crate::attempt::exchange;
use crate::auth::authenticate;
use crate::body::{self, MemoryShare};
use crate::engine::{Engine, passed_headers, require_json};
use crate::failure::Failure;
use crate::in_force::InForce;
use crate::inbound::Inbound;
use crate::ledger::Ledger;
use crate::plain;
use crate::reply::{base_headers, names, write};
use crate::upstream::Outgoing;

/// Longest wait for a provider's count: after it the estimate is told.
const COUNT_TIME_MAX: Duration = Duration::from_secs(10);

impl Engine {
    /// Answers how many tokens a request has.
    pub(crate) async fn count_tokens(
        &self,
        down: &mut ServerSession,
        ledger: &mut Ledger,
        asked: &Inbound,
    ) -> Result<(), Failure> {
        let in_force = self.current.load();
        let key = authenticate(down, &in_force.snapshot, ledger.received)?;
        require_json(down)?;
        let mut share = self.memory.share();
        let Some(body) = body::read(down, self.body_limits(), &mut share).await? else {
            down.set_keepalive(None);
            return Ok(());
        };
        let (peek, _) = asked.peek(&body).map_err(|error| Failure::request(&error))?;
        let plan =
            in_force.snapshot.plan(&key, &peek.model).map_err(|error| Failure::route(&error))?;
        let told = self.count_at_provider((down, &mut share), (&in_force, &plan), asked, &body);
        let (tokens, source) = match told.await {
            Some(tokens) => (tokens, "provider"),
            None => {
                let estimate = dialects::estimate_count(asked.dialect, &body);
                (estimate.map_err(|error| Failure::request(&error))?, "estimated")
            }
        };
        let mut headers = base_headers(ledger);
        headers.push(&names::COUNT_SOURCE, source);
        let answer = dialects::encode_count(asked.dialect, tokens);
        write(down, 200, "application/json", headers, answer).await;
        Ok(())
    }

    /// What the first target that speaks the client's dialect counts; `None` where none does or it does
    /// not answer.
    async fn count_at_provider(
        &self,
        (down, share): (&mut ServerSession, &mut MemoryShare),
        (in_force, plan): (&InForce, &Plan),
        asked: &Inbound,
        body: &Bytes,
    ) -> Option<u64> {
        let (target, upstream) = plan.route.targets.iter().find_map(|target| {
            let upstream = in_force.upstreams.get(&target.provider)?;
            (upstream.provider.dialect == asked.dialect).then_some((target, upstream))
        })?;
        let path = dialects::count_path(asked.dialect, &target.model)?;
        let wanted = dialects::Target {
            dialect: asked.dialect,
            model: &target.model,
            max_output_tokens: None,
            drop_params: plan.route.drop_params,
        };
        let mut encoded = dialects::encode_count_request(body, &wanted).ok()?;
        encoded.headers.extend(passed_headers(down, asked.dialect));
        let deadline = Instant::now() + COUNT_TIME_MAX;
        let request = Outgoing { encoded, path, head: None };
        let mut answering = exchange(down, upstream, &request, deadline, false).await.ok()?;
        let is_told = (200..300).contains(&answering.status);
        let Ok(Ok(answer)) =
            tokio::time::timeout_at(deadline, plain::collect(&mut answering, share)).await
        else {
            answering.discard(upstream).await;
            return None;
        };
        answering.release(upstream).await;
        dialects::decode_count(asked.dialect, &answer).filter(|_| is_told)
    }
}
