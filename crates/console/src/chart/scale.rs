//! A linear axis for amounts: round steps of 1, 2 or 5 times a power of ten.

use units::Usd;

use crate::figures;

/// More grid lines than this (zero apart) make a chart hard to read.
const STEPS_MAX: i128 = 5;

/// An axis from zero to a round amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scale {
    step: Usd,
    steps: i128,
}

impl Scale {
    /// The finest axis that holds `largest` in a few steps; up to a dollar when there is nothing.
    pub(super) fn up_to(largest: Usd) -> Self {
        let largest = if largest > Usd::ZERO { largest } else { Usd::from_dollars(1) };
        let mut unit: i128 = 1;
        loop {
            for factor in [1, 2, 5] {
                let step = unit.saturating_mul(factor);
                let steps = (largest.pico() - 1) / step + 1;
                if steps <= STEPS_MAX {
                    return Self { step: Usd::from_pico(step), steps };
                }
            }
            unit = unit.saturating_mul(10);
        }
    }

    /// The amounts to draw grid lines at, from zero up.
    pub(super) fn ticks(&self) -> impl Iterator<Item = Usd> {
        let step = self.step.pico();
        (0..=self.steps).map(move |i| Usd::from_pico(step.saturating_mul(i)))
    }

    /// How a tick is written: whole dollars where the steps are.
    pub(super) fn label(&self, tick: Usd) -> String {
        let text = figures::exact_usd(tick);
        let is_whole = self.step >= Usd::from_dollars(1);
        text.strip_suffix(".00").filter(|_| is_whole).unwrap_or(&text).to_owned()
    }

    /// How much of `room` pixels the amount takes, rounded down; nothing for a credit.
    pub(super) fn part_of(&self, amount: Usd, room: u32) -> u32 {
        let whole = self.step.pico().saturating_mul(self.steps).max(1);
        // Beyond 1e26 dollars the product would not fit; so much fills the chart anyway.
        let part = amount.pico().saturating_mul(i128::from(room)) / whole;
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
            let scale = Scale::up_to(largest.parse().unwrap());
            let shown: Vec<String> = scale.ticks().map(|tick| scale.label(tick)).collect();
            assert_eq!(shown.join(" "), labels, "{largest}");
        }
    }

    proptest! {
        #[test]
        fn every_amount_fits_its_own_axis(pico in i128::MIN..i128::MAX) {
            let amount = Usd::from_pico(pico);
            let scale = Scale::up_to(amount);
            prop_assert!(scale.ticks().last() >= Some(amount));
            prop_assert!(scale.part_of(amount, 200) <= 200);
        }
    }
}
