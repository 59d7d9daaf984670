//! Small pieces of HTML that several pages share. Each writes only digits and text of ours, so the
//! templates may take it as it is; nothing a client sent may ever pass through here.

use std::fmt;

use askama::filters::HtmlSafe;
use units::Usd;

use crate::figures;

/// An amount: shown rounded for reading, with the exact decimal as the element's value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Money(pub(crate) Usd);

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<data value=\"{}\">{}</data>", self.0, figures::usd(self.0))
    }
}

impl HtmlSafe for Money {}

/// An amount shown to its last digit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ExactMoney(pub(crate) Usd);

impl fmt::Display for ExactMoney {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<data value=\"{}\">{}</data>", self.0, figures::exact_usd(self.0))
    }
}

impl HtmlSafe for ExactMoney {}

/// A small average, with two more decimals than other amounts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UnitMoney(pub(crate) Usd);

impl fmt::Display for UnitMoney {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<data value=\"{}\">{}</data>", self.0, figures::unit_usd(self.0))
    }
}

impl HtmlSafe for UnitMoney {}

/// A count with grouped digits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Count(pub(crate) u64);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&figures::count(self.0))
    }
}

impl HtmlSafe for Count {}

/// A bar of so many thousandths of its width. Decoration: the figure always stands beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ShareBar(pub(crate) u32);

impl fmt::Display for ShareBar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let filled = self.0.min(1000);
        write!(
            f,
            "<svg class=\"share\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" \
             aria-hidden=\"true\" focusable=\"false\"><rect class=\"track\" width=\"1000\" \
             height=\"10\"/><rect class=\"fill\" width=\"{filled}\" height=\"10\"/></svg>"
        )
    }
}

impl HtmlSafe for ShareBar {}

/// An instant: written in the console's zone, with the exact UTC instant as the element's value.
#[derive(Debug, Clone)]
pub(crate) struct Stamp {
    pub(crate) utc: String,
    pub(crate) shown: String,
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<time datetime=\"{}\">{}</time>", self.utc, self.shown)
    }
}

impl HtmlSafe for Stamp {}
