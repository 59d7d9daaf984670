//! A linear axis for amounts: round steps of 1, 2 or 5 times a power of ten.

use units::Usd;

use crate::amount::Unit;
use crate::figures;

/// More grid lines than this (zero apart) make a chart hard to read.
const STEPS_MAX: i128 = 5;
/// Picodollars in a dollar.
const PICO_PER_USD: i128 = 1_000_000_000_000;

/// An axis from zero to a round amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scale {
    unit: Unit,
    step: i128,
    steps: i128,
}

impl Scale {
    /// The finest axis that holds `largest` in a few steps; up to one dollar or one of what is
    /// counted when there is nothing.
    pub(super) fn up_to(largest: i128, unit: Unit) -> Self {
        let one = match unit {
            Unit::Usd => PICO_PER_USD,
            Unit::Count => 1,
        };
        let largest = if largest > 0 { largest } else { one };
        let mut power: i128 = 1;
        loop {
            for factor in [1, 2, 5] {
                let step = power.saturating_mul(factor);
                let steps = (largest - 1) / step + 1;
                if steps <= STEPS_MAX {
                    return Self { unit, step, steps };
                }
            }
            power = power.saturating_mul(10);
        }
    }

    /// The amounts to draw grid lines at, from zero up.
    pub(super) fn ticks(&self) -> impl Iterator<Item = i128> {
        let step = self.step;
        (0..=self.steps).map(move |i| step.saturating_mul(i))
    }

    /// How a tick is written: whole dollars where the steps are.
    pub(super) fn label(&self, tick: i128) -> String {
        if self.unit == Unit::Count {
            return figures::compact_count(tick);
        }
        let text = figures::exact_usd(Usd::from_pico(tick));
        let is_whole = self.step >= PICO_PER_USD;
        text.strip_suffix(".00").filter(|_| is_whole).unwrap_or(&text).to_owned()
    }

    /// How much of `room` pixels the amount takes, rounded down; nothing for a credit.
    pub(super) fn part_of(&self, amount: i128, room: u32) -> u32 {
        let whole = self.step.saturating_mul(self.steps).max(1);
        // Beyond 1e26 dollars the product would not fit; so much fills the chart anyway.
        let part = amount.saturating_mul(i128::from(room)) / whole;
        u32::try_from(part.max(0)).unwrap_or(room).min(room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn axes_end_at_round_amounts() {
        for (largest, labels) in [
            ("81.337", "$0 $20 $40 $60 $80 $100"),
            ("100", "$0 $20 $40 $60 $80 $100"),
            ("0.9", "$0.00 $0.20 $0.40 $0.60 $0.80 $1.00"),
            ("11000", "$0 $5,000 $10,000 $15,000"),
            ("0.0031", "$0.00 $0.001 $0.002 $0.003 $0.004"),
            ("0", "$0.00 $0.20 $0.40 $0.60 $0.80 $1.00"),
        ] {
            let largest: Usd = largest.parse().unwrap();
            assert_eq!(labels_of(Scale::up_to(largest.pico(), Unit::Usd)), labels, "{largest}");
        }
    }

    #[test]
    fn counts_have_whole_steps_in_few_letters() {
        for (largest, labels) in [
            (0, "0 1"),
            (3, "0 1 2 3"),
            (1_234_567, "0 500k 1M 1.5M"),
            (81_000, "0 20k 40k 60k 80k 100k"),
        ] {
            assert_eq!(labels_of(Scale::up_to(largest, Unit::Count)), labels, "{largest}");
        }
    }

    fn labels_of(scale: Scale) -> String {
        scale.ticks().map(|tick| scale.label(tick)).collect::<Vec<_>>().join(" ")
    }

    proptest! {
        #[test]
        fn every_amount_fits_its_own_axis(amount in i128::MIN..i128::MAX) {
            for unit in [Unit::Usd, Unit::Count] {
                let scale = Scale::up_to(amount, unit);
                prop_assert!(scale.ticks().last() >= Some(amount));
                prop_assert!(scale.part_of(amount, 200) <= 200);
            }
        }
    }
}
