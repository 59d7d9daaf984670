//! Why a cost changed: price, volume and mix, exactly; and which values of which dimension drive it.
//!
//! It must never know what the lines are, nor round an amount for display.

mod drivers;

pub use drivers::{Driver, DriverBy, Moved, drivers};

use serde::{Deserialize, Serialize};
use units::Usd;

/// What one line (a model) cost and used in two windows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineChange {
    /// The line's name.
    pub name: String,
    /// In the earlier window.
    pub before: Use,
    /// In the later window.
    pub after: Use,
}

/// A cost and the quantity it bought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Use {
    /// Billed cost, USD.
    pub cost: Usd,
    /// Tokens, input and output together.
    pub tokens: u64,
}

/// A change of cost and its three effects, which sum to it exactly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decomposition {
    /// Cost of the earlier window.
    pub before: Usd,
    /// Cost of the later window.
    pub after: Usd,
    /// Lines that cost more or less per token than before.
    pub price: Usd,
    /// More or fewer tokens, at the earlier average price.
    pub volume: Usd,
    /// Tokens that went to dearer or cheaper lines.
    pub mix: Usd,
}

impl Decomposition {
    /// The later cost less the earlier: `price + volume + mix`.
    pub fn delta(&self) -> Usd {
        self.after - self.before
    }

    /// Splits the change of cost between two windows.
    ///
    /// With `c`, `q` a line's cost and tokens, `C`, `Q` their sums, 0 before and 1 after:
    /// - volume = `C0 * Q1 / Q0 - C0`,
    /// - mix = `sum(c0 * q1 / q0) - C0 * Q1 / Q0`,
    /// - price = `C1 - sum(c0 * q1 / q0)`.
    ///
    /// Each quotient is rounded once, half to even, to the picodollar, and the effects are differences
    /// of those rounded amounts: so they sum to the delta to the last unit and no remainder is left to
    /// distribute. A line without tokens before has no earlier price: it counts at its present one, as
    /// mix. When nothing at all was used before or nothing is used after, the whole change is volume;
    /// so it is when a quotient is beyond what an amount can hold (some 1e25 USD), which only tokens
    /// without a cost and a cost without tokens can bring about.
    pub fn of(lines: &[LineChange]) -> Self {
        let before: Usd = lines.iter().map(|line| line.before.cost).sum();
        let after: Usd = lines.iter().map(|line| line.after.cost).sum();
        let tokens = |pick: fn(&LineChange) -> u64| {
            lines.iter().fold(0_u64, |sum, line| sum.saturating_add(pick(line)))
        };
        let (tokens_before, tokens_after) =
            (tokens(|line| line.before.tokens), tokens(|line| line.after.tokens));
        if tokens_before == 0 || tokens_after == 0 {
            return all_volume(before, after);
        }
        let hypothetical = scaled(before, tokens_after, tokens_before).zip(at_old_prices(lines));
        let Some((at_average_price, at_old_prices)) = hypothetical else {
            return all_volume(before, after);
        };
        Self {
            before,
            after,
            price: after - at_old_prices,
            volume: at_average_price - before,
            mix: at_old_prices - at_average_price,
        }
    }
}

/// A change that nothing but volume explains.
fn all_volume(before: Usd, after: Usd) -> Decomposition {
    Decomposition { before, after, price: Usd::ZERO, volume: after - before, mix: Usd::ZERO }
}

/// What the later tokens would have cost at each line's earlier price; `None` out of range, in
/// whatever order the lines are.
fn at_old_prices(lines: &[LineChange]) -> Option<Usd> {
    let costs = lines.iter().map(|line| match line.before.tokens {
        0 => Some(line.after.cost + line.before.cost),
        tokens => scaled(line.before.cost, line.after.tokens, tokens),
    });
    let costs: Vec<Usd> = costs.collect::<Option<_>>()?;
    in_range(
        costs.iter().fold(0_i128, |sum, cost| sum.saturating_add(cost.pico().saturating_abs())),
    )?;
    Some(costs.into_iter().sum())
}

/// `amount * times / of`, rounded half to even, `None` out of range; `of` must not be zero. Splitting
/// the amount first keeps the second product in range: the rest is below 2^64 and so is `times`.
fn scaled(amount: Usd, times: u64, of: u64) -> Option<Usd> {
    let divisor = i128::from(of);
    let (quotient, rest) = (amount.pico().div_euclid(divisor), amount.pico().rem_euclid(divisor));
    let whole = quotient.checked_mul(i128::from(times))?;
    let product = rest.unsigned_abs() * u128::from(times);
    let (part, left) = (product / u128::from(of), product % u128::from(of));
    let sum = whole.checked_add(i128::try_from(part).ok()?)?;
    let twice = left.saturating_mul(2);
    let is_up = twice > u128::from(of) || (twice == u128::from(of) && sum.rem_euclid(2) == 1);
    in_range(sum.checked_add(i128::from(is_up))?)
}

/// The amount, if differences of a few such amounts cannot saturate.
fn in_range(pico: i128) -> Option<Usd> {
    (pico.unsigned_abs() <= i128::MAX.unsigned_abs() / 8).then(|| Usd::from_pico(pico))
}

#[cfg(test)]
mod tests;
