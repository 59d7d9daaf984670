//! How much one request holds of the room that is left.
//!
//! A request may never cost more than it holds, so its output limit is lowered to what the hold
//! pays for. Holding a blind ceiling would refuse everyone long before the limit is spent; so a
//! request takes its full ceiling only where that is a small share of the room, and otherwise the
//! larger of that share and what its kind usually needs.

use units::Usd;

use crate::OnTight;

/// A request takes at most one part in this many of the room left, unless it usually needs more.
/// With 64 requests holding such shares a third of the room remains: (63/64)^64 = 0.36.
const SHARES_MIN: u64 = 64;

const MILLION: i128 = 1_000_000;

/// What an attempt on one target would cost, as a line: a fixed part and a price per output token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// Cost with no output at all (the whole input, at its upper bound).
    pub fixed: Usd,
    /// Cost of a million output tokens.
    pub output_per_million: Usd,
    /// Most tokens the answer may have: the client's limit or the model's ceiling.
    pub output_tokens_max: u64,
    /// Tokens an answer of this kind usually stays under.
    pub output_tokens_usual: u64,
}

impl Quote {
    /// The cost of an answer of `tokens`, rounded up.
    pub fn cost(&self, tokens: u64) -> Usd {
        let output = self.output_per_million.pico().saturating_mul(i128::from(tokens));
        let rounded_up = output.saturating_add(MILLION - 1).div_euclid(MILLION);
        self.fixed + Usd::from_pico(rounded_up)
    }

    /// The most output tokens `amount` pays for; `None` when it does not even pay for the input.
    pub fn tokens_for(&self, amount: Usd) -> Option<u64> {
        let left = (amount - self.fixed).pico();
        if left < 0 {
            return None;
        }
        if self.output_per_million.pico() <= 0 {
            return Some(self.output_tokens_max);
        }
        let tokens = left.saturating_mul(MILLION) / self.output_per_million.pico();
        Some(u64::try_from(tokens).unwrap_or(u64::MAX).min(self.output_tokens_max))
    }

    /// Whether the request could not be paid for even by a window in which nothing was spent.
    pub fn exceeds(&self, limit: Usd) -> bool {
        self.cost(self.output_tokens_usual.min(self.output_tokens_max)) > limit
    }
}

/// What a request holds, and the output limit that keeps its cost within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// Amount held.
    pub amount: Usd,
    /// Output limit to send upstream; `None` when the client's own limit already is one.
    pub output_tokens_max: Option<u64>,
}

/// The smallest room in which a request is admitted at all.
pub(crate) fn least(quote: &Quote, on_tight: OnTight) -> Usd {
    match on_tight {
        OnTight::Clamp => quote.cost(quote.output_tokens_usual.min(quote.output_tokens_max)),
        OnTight::Deny => quote.cost(quote.output_tokens_max),
    }
}

/// The hold a request takes when `room` is left and `in_flight` others hold theirs; `None` when
/// room does not suffice.
pub(crate) fn take(quote: &Quote, room: Usd, in_flight: u64, on_tight: OnTight) -> Option<Hold> {
    let full = quote.cost(quote.output_tokens_max);
    let share = room.divided_by(SHARES_MIN.max(in_flight.saturating_mul(2))).unwrap_or(room);
    if full <= share || (on_tight == OnTight::Deny && full <= room) {
        return Some(Hold { amount: full, output_tokens_max: None });
    }
    if on_tight == OnTight::Deny {
        return None;
    }
    let least = least(quote, on_tight);
    if least > room {
        return None;
    }
    let tokens = quote.tokens_for(share.max(least))?;
    let clamped = tokens < quote.output_tokens_max;
    Some(Hold { amount: quote.cost(tokens), output_tokens_max: clamped.then_some(tokens) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn quote(max: u64, usual: u64) -> Quote {
        Quote {
            fixed: Usd::from_pico(1_000_000_000),
            output_per_million: Usd::from_dollars(10),
            output_tokens_max: max,
            output_tokens_usual: usual,
        }
    }

    #[test]
    fn with_room_to_spare_the_whole_ceiling_is_held() {
        let hold = take(&quote(4096, 200), Usd::from_dollars(100), 0, OnTight::Clamp).unwrap();
        assert_eq!(hold.output_tokens_max, None);
        assert_eq!(hold.amount, quote(4096, 200).cost(4096));
    }

    #[test]
    fn when_room_is_short_the_answer_is_limited_to_what_fits() {
        let room: Usd = "0.004".parse().unwrap();
        let hold = take(&quote(4096, 200), room, 0, OnTight::Clamp).unwrap();
        assert_eq!(hold.output_tokens_max, Some(200));
        assert_eq!(take(&quote(4096, 200), room, 0, OnTight::Deny), None);
        assert_eq!(take(&quote(4096, 400), room, 0, OnTight::Clamp), None);
    }

    proptest! {
        #[test]
        fn a_hold_always_fits_the_room_and_pays_for_the_answer_it_allows(
            room in 0_i128..2_000_000_000_000,
            rate in 0_i128..100_000_000_000_000,
            fixed in 0_i128..10_000_000_000,
            max in 0_u64..200_000,
            usual in 0_u64..5_000,
            in_flight in 0_u64..500,
        ) {
            let quote = Quote {
                fixed: Usd::from_pico(fixed),
                output_per_million: Usd::from_pico(rate),
                output_tokens_max: max,
                output_tokens_usual: usual,
            };
            let room = Usd::from_pico(room);
            for on_tight in [OnTight::Clamp, OnTight::Deny] {
                let Some(hold) = take(&quote, room, in_flight, on_tight) else { continue };
                prop_assert!(hold.amount <= room);
                prop_assert!(least(&quote, on_tight) <= room);
                let allowed = hold.output_tokens_max.unwrap_or(max);
                prop_assert!(quote.cost(allowed) <= hold.amount);
                prop_assert!(allowed >= usual.min(max));
            }
        }
    }
}
