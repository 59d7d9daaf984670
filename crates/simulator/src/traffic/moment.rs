//! One request of the past as the rows a gateway would have written.

use std::collections::BTreeMap;

use events::{
    Attribution, Cache, CacheState, Call, Cost, Decision, Dialect, ErrorClass, EventIds,
    FinishReason, Meter, Meters, ModelNames, Outcome, Privacy, Times, UsageEvent, UsageSource,
};
use units::{RequestId, UnixMicros};

use super::cast::{MODELS, ModelUse};
use super::population::{Feature, Population, Shape, Team};
use crate::dice::{Dice, mix_text};

/// Requests of a thousand that end in each kind of trouble; the rest succeed at once.
const TROUBLES: [(Trouble, u64); 6] = [
    (Trouble::RateLimited, 8),
    (Trouble::Overloaded, 4),
    (Trouble::ClientGone, 4),
    (Trouble::Refused, 3),
    (Trouble::TimedOut, 2),
    (Trouble::None, 979),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Trouble {
    None,
    RateLimited,
    Overloaded,
    ClientGone,
    Refused,
    TimedOut,
}

/// One request before it is told in rows.
pub(super) struct Moment<'a> {
    pub(super) population: &'a Population,
    pub(super) team: &'a Team,
    pub(super) feature: &'a Feature,
    pub(super) model: ModelUse,
    pub(super) at: UnixMicros,
    pub(super) dice: Dice,
}

impl Moment<'_> {
    /// The rows of the request: one, or two when it failed over.
    pub(super) fn rows(mut self) -> Vec<UsageEvent> {
        let trouble = self.dice.weighted(&TROUBLES, |(_, weight)| *weight);
        let trouble = trouble.map_or(Trouble::None, |(trouble, _)| *trouble);
        let meters = meters_of(self.feature.shape, self.model, &mut self.dice);
        let row = self.success(meters);
        match trouble {
            Trouble::None => vec![row],
            Trouble::Refused => vec![refused(row)],
            Trouble::TimedOut => vec![failed(row, (ErrorClass::UpstreamTimeout, 504), 30_000_000)],
            Trouble::ClientGone => vec![abandoned(row, &mut self.dice)],
            Trouble::RateLimited => self.failover(row, (ErrorClass::UpstreamRateLimited, 429)),
            Trouble::Overloaded => self.failover(row, (ErrorClass::UpstreamError, 503)),
        }
    }

    /// The row of a request that uses `meters` and succeeds at once.
    pub(super) fn success(&mut self, meters: Meters) -> UsageEvent {
        let is_stream = self.dice.below(100) < self.feature.shape.stream_percent;
        let (customer, user) = self.population.whom(self.team, &mut self.dice);
        let output = meters.output_tokens();
        let first_us = 220_000 + self.dice.below(500_000) + meters.input_tokens() * 9;
        let writing_us = output * 1_000_000 / self.model.tokens_per_s.max(1);
        let at = self.at;
        let after = |us: u64| at.plus_micros(i64::try_from(us).unwrap_or(i64::MAX));
        let first_byte = after(if is_stream { first_us } else { first_us + writing_us });
        UsageEvent {
            ids: self.ids(),
            times: Times {
                received_us: self.at,
                first_byte_us: Some(first_byte),
                ended_us: after(first_us + writing_us + 900),
            },
            attribution: self.attribution(customer, user),
            decision: Decision {
                route: Some(self.model.model.to_owned()),
                strategy: Some("ordered".to_owned()),
                reason: Some("first".to_owned()),
                is_final: true,
                ..Decision::default()
            },
            model: ModelNames {
                provider: Some(self.model.provider.to_owned()),
                asked: self.model.model.to_owned(),
                resolved: Some(self.model.model.to_owned()),
                answered: Some(self.model.model.to_owned()),
                priced: None,
            },
            call: Call {
                endpoint: "chat".to_owned(),
                dialect_in: Some(Dialect::OpenaiChat),
                dialect_out: Some(self.model.dialect),
                is_stream,
                request_bytes: 320 + meters.input_tokens() * 5,
                response_bytes: if is_stream { 600 + output * 250 } else { 900 + output * 5 },
            },
            outcome: Outcome {
                status: Some(200),
                error: None,
                finish_reason: Some(FinishReason::Stop),
                upstream_request_id: Some(format!("req_{:016x}", self.dice.next())),
            },
            meters,
            cost: open_cost(self.model),
            cache: Cache { state: CacheState::Off, saved: None },
            privacy: self.privacy(),
            source: "tollgate".to_owned(),
        }
    }

    fn ids(&mut self) -> EventIds {
        let ms = u64::try_from(self.at.get() / 1000).unwrap_or(0);
        let request_id = RequestId::from_u128(uuid_v7(ms, self.dice.next(), self.dice.next()));
        let trace_id = format!("{:016x}{:016x}", self.dice.next(), self.dice.next());
        let session = self.dice.chance(400).then(|| format!("s-{:08x}", self.dice.below(1 << 32)));
        EventIds {
            request_id,
            attempt: 1,
            revision: 0,
            trace_id: Some(trace_id),
            session_id: session,
            parent_id: None,
        }
    }

    fn attribution(&mut self, customer: Option<String>, user: String) -> Attribution {
        let env = if self.dice.chance(60) { "staging" } else { "prod" };
        Attribution {
            organisation: self.population.organisation.clone(),
            team: Some(self.team.slug.clone()),
            project: Some(self.team.project.clone()),
            key_id: Some(self.team.key_id),
            user: Some(user),
            customer,
            feature: Some(self.feature.slug.clone()),
            tags: BTreeMap::from([("env".to_owned(), env.to_owned())]),
        }
    }

    fn privacy(&mut self) -> Privacy {
        let template = mix_text(self.population.seed, &self.feature.slug);
        Privacy {
            prompt_hash: Some(format!("{:016x}{:016x}", self.dice.next(), self.dice.next())),
            template_hash: Some(format!("{template:016x}{:016x}", template.rotate_left(17))),
            ..Privacy::default()
        }
    }

    /// The first attempt fails within a tenth of a second, the second one succeeds elsewhere.
    fn failover(&mut self, row: UsageEvent, error: (ErrorClass, u16)) -> Vec<UsageEvent> {
        let elsewhere = MODELS.iter().find(|model| model.provider != self.model.provider);
        let target = elsewhere.copied().unwrap_or(self.model);
        let wait_us = 40_000 + self.dice.below(60_000);
        let mut second = row.clone();
        second.ids.attempt = 2;
        second.decision.reason = Some(format!("failover:{}", error.0));
        second.model.provider = Some(target.provider.to_owned());
        second.model.resolved = Some(target.model.to_owned());
        second.model.answered = Some(target.model.to_owned());
        second.call.dialect_out = Some(target.dialect);
        second.cost = open_cost(target);
        let later = i64::try_from(wait_us).unwrap_or(0);
        second.times.first_byte_us = second.times.first_byte_us.map(|at| at.plus_micros(later));
        second.times.ended_us = second.times.ended_us.plus_micros(later);
        // Cached and cache-writing input are plain input to a provider that never saw it.
        second.meters = Meters::NONE
            .with(Meter::InputText, row.meters.input_tokens())
            .with(Meter::OutputText, row.meters.output_tokens());
        let mut first = failed(row, error, wait_us);
        first.decision.is_final = false;
        vec![first, second]
    }
}

/// What a request of this shape uses.
pub(super) fn meters_of(shape: Shape, model: ModelUse, dice: &mut Dice) -> Meters {
    let input = spread(shape.input_tokens, dice);
    let output = spread(shape.output_tokens, dice);
    let cached = input * shape.cached_percent / 100;
    let is_marked = model.dialect == Dialect::AnthropicMessages;
    // A marked cache is now and then cold and written; an automatic one is simply not there.
    let is_cold = cached < 1_024 || dice.chance(if is_marked { 60 } else { 250 });
    let reasoning = output * shape.reasoning_percent / 100;
    let mut meters = Meters::NONE
        .with(Meter::InputText, input)
        .with(Meter::OutputText, output - reasoning)
        .with(Meter::Reasoning, reasoning);
    if cached >= 1_024 && (!is_cold || is_marked) {
        meters.set(Meter::InputText, input - cached);
        meters.set(if is_cold { Meter::CacheWrite5m } else { Meter::CacheReadText }, cached);
    }
    meters
}

/// The 128 bits of a UUIDv7: milliseconds since 1970, then chance.
pub(super) fn uuid_v7(ms: u64, high: u64, low: u64) -> u128 {
    let time = u128::from(ms & 0xffff_ffff_ffff) << 80;
    let version = (0x7000 | u128::from(high & 0x0fff)) << 64;
    time | version | u128::from(low >> 2 | 1 << 63)
}

/// A quantity around a median: most within a third of it, a few several times as large.
fn spread(median: u64, dice: &mut Dice) -> u64 {
    let usual = median * (dice.between(55, 110) + dice.between(0, 60)) / 100;
    let large = if dice.chance(60) { dice.between(2, 5) } else { 1 };
    (usual * large).max(1)
}

fn open_cost(model: ModelUse) -> Cost {
    let tier = match model.dialect {
        Dialect::AnthropicMessages => "standard",
        _ => "default",
    };
    Cost {
        usage_source: UsageSource::Provider,
        service_tier: Some(tier.to_owned()),
        ..Cost::default()
    }
}

/// The row as it reads when the gateway refused the request itself.
fn refused(mut row: UsageEvent) -> UsageEvent {
    row.ids.attempt = 0;
    row.decision.reason = None;
    row.model = ModelNames { asked: row.model.asked, ..ModelNames::default() };
    row.call.dialect_out = None;
    row.outcome.finish_reason = None;
    row.outcome.upstream_request_id = None;
    row.outcome.status = Some(400);
    row.outcome.error = Some(ErrorClass::InvalidRequest);
    nothing_used(&mut row, 1_500);
    row.cost.usage_source = UsageSource::None;
    row
}

/// The row as it reads when the provider failed after `after_us`.
fn failed(mut row: UsageEvent, (error, status): (ErrorClass, u16), after_us: u64) -> UsageEvent {
    row.model.answered = None;
    row.outcome = Outcome {
        status: Some(status),
        error: Some(error),
        finish_reason: None,
        upstream_request_id: row.outcome.upstream_request_id,
    };
    nothing_used(&mut row, after_us);
    row.cost.usage_source = UsageSource::None;
    row
}

fn nothing_used(row: &mut UsageEvent, after_us: u64) {
    row.meters = Meters::NONE;
    row.call.response_bytes = 240;
    row.cost.service_tier = None;
    row.times.first_byte_us = None;
    let after = i64::try_from(after_us).unwrap_or(i64::MAX);
    row.times.ended_us = row.times.received_us.plus_micros(after);
}

/// The row as it reads when the client left part-way: paid for, and not received in full.
fn abandoned(mut row: UsageEvent, dice: &mut Dice) -> UsageEvent {
    row.call.is_stream = true;
    row.outcome.error = Some(ErrorClass::ClientGone);
    row.outcome.finish_reason = None;
    row.decision.is_waste = true;
    let produced = row.meters.get(Meter::OutputText) * dice.between(10, 80) / 100;
    row.meters.set(Meter::OutputText, produced);
    row.cost.usage_source =
        if dice.chance(500) { UsageSource::Drained } else { UsageSource::Estimated };
    row
}
