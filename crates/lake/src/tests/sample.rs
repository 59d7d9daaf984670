//! Random usage with everything that makes reports hard, the same for one seed always.

use events::{CacheState, ErrorClass, Meter, Meters, UsageEvent, UsageSource};
use units::{KeyId, RequestId, UnixMicros, Usd};

use super::rows::{bare_event, row};
use crate::LakeRow;

/// Numbers that look random and are not.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        // The steps of splitmix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    pub(crate) fn is_lucky(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[usize::try_from(self.below(values.len() as u64)).unwrap()]
    }
}

/// Names that would break out of a statement, a page or a shell.
pub(crate) const HOSTILE: &[&str] = &[
    "'; DROP TABLE usage; --",
    "it's",
    "\\' OR 1=1 --",
    "/* comment",
    "line\nbreak\ttab",
    "\u{202e}desrever",
    "日本 🦀",
    "\"quoted\"",
    "$team",
    "E'\\n'",
];

fn event(n: u64, at: UnixMicros, dice: &mut Dice) -> UsageEvent {
    let mut event = bare_event(n);
    event.times.received_us = at;
    event.times.ended_us = at.plus_micros(900_000);
    let optional = |dice: &mut Dice, values: &[&str], percent| {
        dice.is_lucky(percent).then(|| dice.one_of(values).to_owned())
    };
    event.attribution.team = optional(dice, &["search", "ads", "ops", HOSTILE[0]], 90);
    event.attribution.project = optional(dice, &["web", "app"], 60);
    event.attribution.feature = optional(dice, &["chat", "rank", HOSTILE[1]], 70);
    event.attribution.customer = optional(dice, &["globex", "initech", "hooli", HOSTILE[5]], 50);
    event.attribution.user = optional(dice, &["ada", "bob", HOSTILE[6]], 50);
    event.attribution.key_id =
        dice.is_lucky(80).then(|| KeyId::from_u128(u128::from(dice.below(3))));
    event.decision.route = optional(dice, &["fast", "cheap"], 70);
    if let Some(env) = optional(dice, &["prod", "dev", HOSTILE[4], HOSTILE[7]], 60) {
        event.attribution.tags.insert("env".to_owned(), env);
    }
    if dice.is_lucky(30) {
        event.attribution.tags.insert("it's".to_owned(), dice.one_of(HOSTILE).to_owned());
    }
    event.decision.is_final = dice.is_lucky(85);
    if dice.is_lucky(10) {
        event.outcome.status = Some(402);
        event.outcome.error = Some(ErrorClass::BudgetExceeded);
        return event;
    }
    event.ids.attempt = 1;
    event.model.provider = Some(dice.one_of(&["openai", "anthropic"]).to_owned());
    event.model.resolved = optional(dice, &["big", "small", "new"], 95);
    event.outcome.status = Some(200);
    event.meters = Meters::NONE
        .with(Meter::InputText, dice.below(5_000))
        .with(Meter::CacheReadText, dice.below(500))
        .with(Meter::OutputText, dice.below(700));
    event.cost.usage_source =
        dice.one_of(&[UsageSource::Provider, UsageSource::Estimated, UsageSource::Drained]);
    if event.model.resolved.as_deref() != Some("new") {
        event.cost.billed = Some(Usd::from_pico(i128::from(dice.below(1 << 40))));
        event.cost.list = Some(Usd::from_pico(i128::from(dice.below(1 << 41))));
    }
    if dice.is_lucky(10) {
        event.cache.state = CacheState::Hit;
        event.cache.saved = Some(Usd::from_pico(i128::from(dice.below(1 << 30))));
    }
    event
}

/// `count` rows of one writer, received from `from` up to `to`, many of them on quarters of an hour.
pub(crate) fn usage(seed: u64, count: u64, from: UnixMicros, to: UnixMicros) -> Vec<LakeRow> {
    let mut dice = Dice(seed);
    let span = u64::try_from(to.micros_since(from)).unwrap();
    (0..count)
        .map(|n| {
            let mut past = dice.below(span);
            if dice.is_lucky(20) {
                past -= past % 900_000_000;
            }
            let at = from.plus_micros(i64::try_from(past).unwrap());
            let mut event = event(n, at, &mut dice);
            event.ids.request_id = RequestId::from_u128(u128::from(n + 1));
            row("n1", n, event)
        })
        .collect()
}
