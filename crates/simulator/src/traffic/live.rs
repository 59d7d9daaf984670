//! Live traffic: the population's requests sent over real HTTP through a gateway.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use units::Secret;

use super::population::{Feature, Population, Team};
use crate::SimulatorError;
use crate::dice::{Dice, mix_text};
use crate::prose;

/// Streams of a thousand that the client leaves after a few events.
const LEAVES_PER_MILLE: u64 = 10;
/// Longest prompt sent, words; the history's medians would only burn processor time.
const PROMPT_WORDS_MAX: u64 = 400;
/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A source of live requests.
#[derive(Debug, Clone)]
pub struct LiveTraffic {
    /// Base URL of the gateway's OpenAI dialect, ending in `/v1`.
    pub base_url: String,
    /// Virtual key of each team, by slug; teams without a key send nothing.
    pub keys: BTreeMap<String, Secret>,
    /// Who asks.
    pub population: Arc<Population>,
    /// Requests a second, up to the timer's thousand.
    pub rate_per_s: u32,
    /// Most requests under way at once; beyond it the next ones are skipped.
    pub concurrency_max: usize,
    /// Decides who asks what, in order.
    pub seed: u64,
}

/// What became of live requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TrafficCounts {
    /// Answered in full.
    pub answered: u64,
    /// Of those, streams.
    pub streamed: u64,
    /// Refused with a 4xx status.
    pub refused: u64,
    /// Ended in a 5xx status or without an answer.
    pub failed: u64,
    /// Streams that ended without their last event.
    pub cut: u64,
    /// Streams we left on purpose.
    pub left: u64,
    /// Not sent because too many were under way.
    pub skipped: u64,
}

impl TrafficCounts {
    /// Requests that were sent.
    pub const fn sent(&self) -> u64 {
        self.answered + self.refused + self.failed + self.cut + self.left
    }

    fn note(&mut self, end: End) {
        match end {
            End::Answered => self.answered += 1,
            End::Streamed => {
                self.answered += 1;
                self.streamed += 1;
            }
            End::Refused => self.refused += 1,
            End::Failed => self.failed += 1,
            End::Cut => self.cut += 1,
            End::Left => self.left += 1,
        }
    }
}

/// How one request ended.
#[derive(Debug, Clone, Copy)]
enum End {
    Answered,
    Streamed,
    Refused,
    Failed,
    Cut,
    Left,
}

/// One request to send.
struct Plan {
    team: String,
    headers: Vec<(&'static str, String)>,
    body: Value,
    leaves: bool,
}

impl LiveTraffic {
    /// Sends requests at the rate until `stop` turns true or its sender is gone, then waits for
    /// those under way.
    pub async fn run(
        self,
        mut stop: watch::Receiver<bool>,
    ) -> Result<TrafficCounts, SimulatorError> {
        let client = Client::builder().tcp_nodelay(true).timeout(PATIENCE).build()?;
        let room = Arc::new(Semaphore::new(self.concurrency_max));
        let mut dice = Dice::new(mix_text(self.seed, "live"));
        let mut counts = TrafficCounts::default();
        let mut under_way: JoinSet<End> = JoinSet::new();
        let period = Duration::from_secs(1) / self.rate_per_s.max(1);
        let mut ticks = tokio::time::interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let url: Arc<str> = format!("{}/chat/completions", self.base_url).into();
        loop {
            tokio::select! {
                _ = stop.wait_for(|stops| *stops) => break,
                _ = ticks.tick() => {}
            }
            while let Some(Ok(end)) = under_way.try_join_next() {
                counts.note(end);
            }
            let Some(plan) = plan(&self.population, &mut dice) else { continue };
            let Some(key) = self.keys.get(&plan.team).cloned() else { continue };
            let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
                counts.skipped += 1;
                continue;
            };
            let (client, url) = (client.clone(), Arc::clone(&url));
            under_way.spawn(async move {
                let end = send(&client, &url, &key, plan).await;
                drop(permit);
                end
            });
        }
        while let Some(joined) = under_way.join_next().await {
            counts.note(joined.unwrap_or(End::Failed));
        }
        Ok(counts)
    }
}

fn plan(population: &Population, dice: &mut Dice) -> Option<Plan> {
    let (team, feature) = population.pick(dice)?;
    let (model, _) = dice.weighted(&feature.models, |(_, weight)| *weight)?;
    let (customer, user) = population.whom(team, dice);
    let is_stream = dice.below(100) < feature.shape.stream_percent;
    let mut headers = vec![
        ("x-tollgate-feature", feature.slug.clone()),
        ("x-tollgate-user", user),
        ("x-tollgate-tags", "env=prod,source=live".to_owned()),
        ("x-tollgate-session", format!("live-{:04x}", dice.below(1 << 12))),
    ];
    headers.extend(customer.map(|customer| ("x-tollgate-customer", customer)));
    let body = body(team, feature, (model.model, is_stream), dice);
    let leaves = is_stream && dice.chance(LEAVES_PER_MILLE);
    Some(Plan { team: team.slug.clone(), headers, body, leaves })
}

fn body(
    team: &Team,
    feature: &Feature,
    (model, is_stream): (&str, bool),
    dice: &mut Dice,
) -> Value {
    let words = feature.shape.input_tokens.min(PROMPT_WORDS_MAX);
    let words = dice.between(words / 2 + 1, words + 1);
    let mut body = json!({
        "model": model,
        "max_completion_tokens": feature.shape.output_tokens * 4,
        "messages": [
            {"role": "system", "content": format!("You are {} of {}.", feature.slug, team.slug)},
            {"role": "user", "content": prose::words(dice, words)},
        ],
    });
    if is_stream {
        body["stream"] = true.into();
        if dice.chance(500) {
            body["stream_options"] = json!({"include_usage": true});
        }
    }
    if dice.chance(80) {
        body["tool_choice"] = "required".into();
        body["tools"] = json!([{"type": "function", "function": {
            "name": "look_up",
            "description": "Looks something up.",
            "parameters": {
                "type": "object",
                "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}},
                "required": ["query", "limit"],
            },
        }}]);
    }
    body
}

async fn send(client: &Client, url: &str, key: &Secret, plan: Plan) -> End {
    let mut request = client.post(url).bearer_auth(key.expose()).json(&plan.body);
    for (name, value) in &plan.headers {
        request = request.header(*name, value);
    }
    let Ok(response) = request.send().await else {
        return End::Failed;
    };
    let status = response.status();
    let is_stream = plan.body["stream"] == true;
    if status.is_client_error() {
        // Read to the end, so that the connection can be used again.
        let _ = response.bytes().await;
        return End::Refused;
    }
    if !status.is_success() {
        return End::Failed;
    }
    if is_stream {
        return read_stream(response, plan.leaves).await;
    }
    if response.bytes().await.is_ok() { End::Answered } else { End::Failed }
}

async fn read_stream(response: Response, leaves: bool) -> End {
    const LAST: &[u8] = b"[DONE]";
    let mut chunks = response.bytes_stream();
    let mut seen = 0;
    let mut tail: Vec<u8> = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let Ok(chunk) = chunk else { return End::Cut };
        tail.extend_from_slice(&chunk);
        // The last event may arrive in pieces; more than its length need not be kept.
        let kept = tail.len().saturating_sub(LAST.len() + 4);
        tail.drain(..kept);
        seen += 1;
        if leaves && seen >= 3 {
            return End::Left;
        }
    }
    if tail.windows(LAST.len()).any(|window| window == LAST) { End::Streamed } else { End::Cut }
}
