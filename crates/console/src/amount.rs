//! A quantity with its unit, signed, as tables and charts of several metrics show it. Integers only.

use std::fmt;

use askama::filters::HtmlSafe;
use units::Usd;

use crate::explore::{Measure, Metric};
use crate::figures;

/// What a quantity counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Picodollars (1e-12 USD).
    Usd,
    /// Tokens or requests.
    Count,
}

impl Unit {
    /// The unit of a metric.
    pub(crate) const fn of(metric: Metric) -> Self {
        match metric {
            Metric::Cost | Metric::ListCost | Metric::CostPerRequest | Metric::CacheSaved => {
                Unit::Usd
            }
            Metric::InputTokens | Metric::OutputTokens | Metric::Requests => Unit::Count,
        }
    }
}

/// A quantity: picodollars, or a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Amount {
    pub(crate) digits: i128,
    pub(crate) unit: Unit,
}

impl Amount {
    /// The value of a measure; an average is rounded once, half to even, to 1e-12, and over no
    /// requests is `None`.
    pub(crate) fn of(measure: Measure) -> Option<Self> {
        match measure {
            Measure::Money(usd) => Some(Self { digits: usd.pico(), unit: Unit::Usd }),
            Measure::Count(count) => Some(Self { digits: count.into(), unit: Unit::Count }),
            Measure::PerRequest { cost, requests } => {
                let each = cost.divided_by(requests)?;
                Some(Self { digits: each.pico(), unit: Unit::Usd })
            }
        }
    }

    /// This less another of the same unit.
    pub(crate) fn less(self, other: Self) -> Self {
        Self { digits: self.digits.saturating_sub(other.digits), ..self }
    }

    /// The change to this amount in thousandths of an earlier one, rounded towards zero; `None` when
    /// the earlier one is not positive.
    pub(crate) fn change_per_mille(self, earlier: Self) -> Option<i128> {
        let change = self.digits.saturating_sub(earlier.digits).saturating_mul(1000);
        (earlier.digits > 0).then(|| change / earlier.digits)
    }

    /// How many thousandths of a whole this is; `None` when there is no whole.
    pub(crate) fn share_per_mille(self, whole: Self) -> Option<u32> {
        Usd::from_pico(self.digits).share_per_mille(Usd::from_pico(whole.digits))
    }

    /// The exact value without grouping, as programs read it.
    pub(crate) fn plain(self) -> String {
        match self.unit {
            Unit::Usd => Usd::from_pico(self.digits).to_string(),
            Unit::Count => self.digits.to_string(),
        }
    }

    /// The exact value as people read it.
    pub(crate) fn text(self) -> String {
        match self.unit {
            Unit::Usd => figures::exact_usd(Usd::from_pico(self.digits)),
            Unit::Count => figures::signed_count(self.digits),
        }
    }

    /// The value rounded for reading: cents, or the first digits of less than a cent.
    pub(crate) fn short(self) -> String {
        match self.unit {
            Unit::Usd => figures::usd(Usd::from_pico(self.digits)),
            Unit::Count => figures::signed_count(self.digits),
        }
    }
}

/// Digits and a unit sign of ours, so templates may take it as it is.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<data value=\"{}\">{}</data>", self.plain(), self.text())
    }
}

impl HtmlSafe for Amount {}

/// An amount padded to the width of the longest in its column, so that decimal points line up. The
/// padding is there for the eye alone: it is neither read out nor copied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Aligned {
    pub(crate) amount: Amount,
    /// Most decimals of the column.
    pub(crate) decimals: usize,
}

impl Aligned {
    /// Amounts of one column.
    pub(crate) fn column(amounts: &[Option<Amount>]) -> Vec<Option<Self>> {
        let most = amounts.iter().flatten().map(|amount| decimals(*amount)).max().unwrap_or(0);
        let aligned = |amount: &Amount| Self { amount: *amount, decimals: most };
        amounts.iter().map(|amount| amount.as_ref().map(aligned)).collect()
    }
}

impl fmt::Display for Aligned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = self.decimals.saturating_sub(decimals(self.amount));
        write!(f, "{}", self.amount)?;
        if missing == 0 {
            return Ok(());
        }
        write!(f, "<span class=\"pad\" aria-hidden=\"true\">{}</span>", "0".repeat(missing))
    }
}

impl HtmlSafe for Aligned {}

fn decimals(amount: Amount) -> usize {
    amount.plain().split_once('.').map_or(0, |(_, part)| part.len())
}

/// A change, with its sign always shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Difference(pub(crate) Amount);

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plus = if self.0.digits > 0 { "+" } else { "" };
        write!(f, "<data value=\"{}\">{plus}{}</data>", self.0.plain(), self.0.short())
    }
}

impl HtmlSafe for Difference {}

/// A change to its last digit, with its sign always shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ExactDifference(pub(crate) Amount);

impl fmt::Display for ExactDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plus = if self.0.digits > 0 { "+" } else { "" };
        write!(f, "<data value=\"{}\">{plus}{}</data>", self.0.plain(), self.0.text())
    }
}

impl HtmlSafe for ExactDifference {}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Amount {
        Amount { digits: text.parse::<Usd>().unwrap().pico(), unit: Unit::Usd }
    }

    #[test]
    fn decimal_points_line_up_without_changing_what_is_copied() {
        let column = Aligned::column(&[Some(usd("1.5")), None, Some(usd("0.000001"))]);
        let shown: Vec<String> = column.iter().flatten().map(ToString::to_string).collect();
        assert_eq!(
            shown[0],
            "<data value=\"1.50\">$1.50</data><span class=\"pad\" aria-hidden=\"true\">0000</span>"
        );
        assert_eq!(shown[1], "<data value=\"0.000001\">$0.000001</data>");
    }

    #[test]
    fn changes_carry_their_sign_and_nothing_before_has_no_percentage() {
        assert_eq!(
            Difference(usd("3").less(usd("1"))).to_string(),
            "<data value=\"2.00\">+$2.00</data>"
        );
        let fall = Difference(Amount { digits: -1_200, unit: Unit::Count });
        assert_eq!(fall.to_string(), "<data value=\"-1200\">\u{2212}1,200</data>");
        assert_eq!(usd("3").change_per_mille(usd("2")), Some(500));
        assert_eq!(usd("3").change_per_mille(usd("0")), None);
    }

    #[test]
    fn an_average_over_nothing_is_no_amount() {
        let none = Measure::PerRequest { cost: Usd::ZERO, requests: 0 };
        assert_eq!(Amount::of(none), None);
        let third = Measure::PerRequest { cost: Usd::from_dollars(1), requests: 3 };
        assert_eq!(Amount::of(third).map(Amount::plain).as_deref(), Some("0.333333333333"));
    }
}
