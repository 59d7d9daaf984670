//! What one channel is sent in one round. It must never know another channel.

use serde_json::Value;
use store::{Delivery, DeliveryKind, Failure};
use tokio::sync::watch;
use units::UnixMicros;

use super::{Round, Worker, is_stopping};
use crate::backoff::{ATTEMPTS_MAX, pause};
use crate::sender::Outcome;
use crate::slack::render_slack_digest;
use crate::webhook::render_webhook_digest;
use crate::{AlertsError, Channel};

impl Worker {
    /// Sends a channel what was claimed for it: each message on its own, or all as one when there are
    /// many. After a failure that may pass, the rest waits as long as the one that failed.
    pub(super) async fn serve(
        &self,
        name: &str,
        batch: &[Delivery],
        stopping: &watch::Receiver<bool>,
    ) -> Result<Round, AlertsError> {
        let mut round = Round::default();
        let Some(channel) = self.channels.get(name) else {
            let error = "no channel of this name is configured".to_owned();
            self.bury(batch, &Failure { error, status: None }, &mut round).await?;
            return Ok(round);
        };
        if let Some(until) = self.state(name).closed_until.filter(|until| *until > self.clock.now())
        {
            self.defer(batch, until, &mut round).await?;
            return Ok(round);
        }
        if batch.len() > self.options.digest_over {
            self.pace(name).await;
            let outcome = self.post_digest(channel, batch).await;
            self.settle(channel, batch, outcome, &mut round).await?;
            return Ok(round);
        }
        for (position, delivery) in batch.iter().enumerate() {
            let rest = &batch[position..];
            let closed = self.state(name).closed_until.filter(|until| *until > self.clock.now());
            if let Some(until) = closed {
                self.defer(rest, until, &mut round).await?;
                break;
            }
            if is_stopping(stopping) {
                self.defer(rest, self.clock.now(), &mut round).await?;
                break;
            }
            self.pace(name).await;
            let outcome = match serde_json::to_vec(&delivery.payload) {
                Ok(body) => self.sender.post(channel, delivery.id, body, self.clock.now()).await,
                Err(error) => Outcome::Never(Failure { error: error.to_string(), status: None }),
            };
            self.settle(channel, std::slice::from_ref(delivery), outcome, &mut round).await?;
        }
        Ok(round)
    }

    /// Waits until the channel may be sent the next message.
    async fn pace(&self, name: &str) {
        if let Some(posted_at) = self.state(name).posted_at {
            tokio::time::sleep_until(posted_at + self.options.spacing).await;
        }
        self.set_state(name, |state| state.posted_at = Some(tokio::time::Instant::now()));
    }

    /// One message for many. It carries the id of the first, which stays the same as long as the same
    /// ones wait.
    async fn post_digest(&self, channel: &Channel, batch: &[Delivery]) -> Outcome {
        let now = self.clock.now();
        let payload = match channel.kind() {
            DeliveryKind::Slack => {
                let text = |delivery: &Delivery| {
                    delivery.payload["text"].as_str().unwrap_or("a message").to_owned()
                };
                let texts: Vec<String> = batch.iter().map(text).collect();
                render_slack_digest(&texts, batch.len())
            }
            DeliveryKind::Webhook => {
                let payloads: Vec<Value> =
                    batch.iter().map(|delivery| delivery.payload.clone()).collect();
                render_webhook_digest(&payloads, now)
            }
        };
        let Some(first) = batch.first() else { return Outcome::Sent(204) };
        self.sender.post(channel, first.id, payload.to_string().into_bytes(), now).await
    }

    /// Notes what became of messages that were posted together.
    async fn settle(
        &self,
        channel: &Channel,
        posted: &[Delivery],
        outcome: Outcome,
        round: &mut Round,
    ) -> Result<(), AlertsError> {
        let now = self.clock.now();
        match outcome {
            Outcome::Sent(status) => {
                for delivery in posted {
                    self.outbox.sent(delivery, now, status).await?;
                    round.sent += 1;
                }
            }
            Outcome::Never(failure) => self.bury(posted, &failure, round).await?,
            Outcome::Later { failure, asked } => {
                let Some(first) = posted.first() else { return Ok(()) };
                let wait = pause(first.id, first.attempts, asked);
                let wait_us = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
                let until = now.plus_micros(wait_us);
                self.set_state(channel.name(), |state| state.closed_until = Some(until));
                tracing::warn!(
                    channel = channel.name(),
                    status = failure.status,
                    error = failure.error,
                    wait_ms = wait_us / 1_000,
                    "an alert was not taken, and is sent again"
                );
                for delivery in posted {
                    if delivery.attempts >= ATTEMPTS_MAX {
                        self.bury(std::slice::from_ref(delivery), &failure, round).await?;
                    } else {
                        self.outbox.retry(delivery, until, &failure).await?;
                        round.later += 1;
                    }
                }
            }
        }
        Ok(())
    }

    /// Puts messages back that were not tried; what was said of the last attempt stays.
    async fn defer(
        &self,
        batch: &[Delivery],
        until: UnixMicros,
        round: &mut Round,
    ) -> Result<(), AlertsError> {
        for delivery in batch {
            let waits = || "waits for the channel".to_owned();
            let failure = Failure {
                error: delivery.last_error.clone().unwrap_or_else(waits),
                status: delivery.last_status,
            };
            self.outbox.retry(delivery, until, &failure).await?;
            round.later += 1;
        }
        Ok(())
    }

    /// Gives messages up.
    async fn bury(
        &self,
        batch: &[Delivery],
        failure: &Failure,
        round: &mut Round,
    ) -> Result<(), AlertsError> {
        for delivery in batch {
            tracing::error!(
                channel = delivery.channel, delivery = %delivery.id, status = failure.status,
                error = failure.error, "an alert was given up"
            );
            self.outbox.dead(delivery, failure).await?;
            round.dead += 1;
        }
        Ok(())
    }
}
