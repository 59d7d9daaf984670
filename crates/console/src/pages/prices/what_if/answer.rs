//! The answer: a bar and a row for each alternative, a table of models for each, and all of it as a sheet.

use finops::{TokenBand, WhatIfLine};
use lake::{Sheet, SheetColumn, SheetValues};
use units::Usd;

use crate::ConsoleState;
use crate::amount::{Amount, Difference, Unit};
use crate::chart::{self, ChartText, RangeBar};
use crate::comparison::{Compared, Comparison};
use crate::error::ConsoleError;
use crate::figures::{count, counted, signed_percent};
use crate::markup::{Count, Money, Stamp};

/// The paint of what was billed, and the first of the alternatives.
const BILLED_PAINT: usize = 8;

/// What is shown.
pub(super) struct AnswerView {
    pub(super) chart: String,
    /// What was billed.
    pub(super) recorded: Recorded,
    pub(super) alternatives: Vec<AlternativeView>,
    pub(super) version: String,
    pub(super) at: Stamp,
    /// Some figures come with a band.
    pub(super) has_bands: bool,
    pub(super) is_empty: bool,
}

/// What was billed for the traffic, and what it was.
pub(super) struct Recorded {
    pub(super) billed: Money,
    pub(super) requests: Count,
    pub(super) tokens: Count,
}

/// One alternative.
pub(super) struct AlternativeView {
    pub(super) title: String,
    pub(super) total: LineView,
    /// By provider and model the calls went to.
    pub(super) lines: Vec<LineView>,
}

/// What some traffic cost, and would have cost.
pub(super) struct LineView {
    pub(super) provider: Option<String>,
    pub(super) model: Option<String>,
    pub(super) requests: Count,
    pub(super) billed: Money,
    /// `None` where the alternative has no price for any of it.
    pub(super) expected: Option<Money>,
    /// The least and the most; `None` where the figure is exact.
    pub(super) range: Option<(Money, Money)>,
    pub(super) difference: Option<Difference>,
    pub(super) percent: Option<String>,
    pub(super) tokens: Count,
    pub(super) counted: TokensCell,
    pub(super) notes: Vec<String>,
}

/// Tokens as the alternative counts them.
pub(super) struct TokensCell {
    pub(super) expected: Count,
    /// `None` where they are counted as they were.
    pub(super) range: Option<(Count, Count)>,
}

impl AnswerView {
    pub(super) fn of(state: &ConsoleState, found: &Comparison) -> Result<Self, ConsoleError> {
        let none = WhatIfLine::default();
        let recorded = found.recorded().unwrap_or(&none);
        Ok(Self {
            chart: chart(found, recorded)?,
            recorded: Recorded {
                billed: Money(recorded.billed),
                requests: Count(recorded.requests),
                tokens: Count(recorded.tokens),
            },
            alternatives: found.alternatives.iter().map(AlternativeView::of).collect(),
            version: found.version.clone(),
            at: state.moments().stamp(found.at),
            has_bands: found.alternatives.iter().any(|one| !one.answer.total.is_exact),
            is_empty: recorded.requests == 0,
        })
    }
}

impl AlternativeView {
    fn of(compared: &Compared) -> Self {
        Self {
            title: compared.title.clone(),
            total: LineView::of(&compared.answer.total),
            lines: compared.answer.lines.iter().map(LineView::of).collect(),
        }
    }
}

impl LineView {
    fn of(line: &WhatIfLine) -> Self {
        let usd = |amount: Usd| Amount { digits: amount.pico(), unit: Unit::Usd };
        let is_known = line.unknown < line.requests || line.requests == 0;
        // Against nothing that is known no difference means anything; against a part, the notes say so.
        let is_comparable = is_known && line.unknown == 0 && line.unpriced < line.requests.max(1);
        let (would, billed) = (usd(line.would_cost.expected), usd(line.billed));
        let has_range = is_known && line.would_cost.low != line.would_cost.high;
        let range = || (Money(line.would_cost.low), Money(line.would_cost.high));
        Self {
            provider: line.provider.clone(),
            model: line.model.clone(),
            requests: Count(line.requests),
            billed: Money(line.billed),
            expected: is_known.then_some(Money(line.would_cost.expected)),
            range: has_range.then(range),
            difference: is_comparable.then(|| Difference(would.less(billed))),
            percent: would.change_per_mille(billed).filter(|_| is_comparable).map(signed_percent),
            tokens: Count(line.tokens),
            counted: TokensCell::of(line.would_count),
            notes: notes(line),
        }
    }
}

impl TokensCell {
    fn of(band: TokenBand) -> Self {
        let has_range = band.low != band.high;
        Self {
            expected: Count(band.expected),
            range: has_range.then_some((Count(band.low), Count(band.high))),
        }
    }
}

/// What a reader must know of a line.
fn notes(line: &WhatIfLine) -> Vec<String> {
    let mut notes = Vec::new();
    if line.unpriced > 0 {
        notes.push(format!(
            "{} had no price and are in no billed amount",
            counted(line.unpriced, "call")
        ));
    }
    if line.unknown > 0 {
        notes.push(format!("no price here for {} of them", count(line.unknown)));
    }
    if line.may_cross_tier {
        notes.push("some prompts may fall into another price tier".to_owned());
    }
    notes
}

fn chart(found: &Comparison, recorded: &WhatIfLine) -> Result<String, ConsoleError> {
    let billed = RangeBar {
        name: "As billed".to_owned(),
        paint: BILLED_PAINT,
        expected: Some(recorded.billed.pico()),
        range: None,
    };
    let bar = |(paint, one): (usize, &Compared)| {
        let (total, cost) = (&one.answer.total, one.answer.total.would_cost);
        let is_known = total.unknown < total.requests;
        let has_range = is_known && cost.low != cost.high;
        RangeBar {
            name: one.title.clone(),
            paint,
            expected: is_known.then(|| cost.expected.pico()),
            range: has_range.then(|| (cost.low.pico(), cost.high.pico())),
        }
    };
    let alternatives = (0..).zip(&found.alternatives).map(bar);
    let bars: Vec<RangeBar> = std::iter::once(billed).chain(alternatives).collect();
    let text = ChartText {
        title: "What the traffic cost, and would have cost",
        description: "A bar for what was billed and for each alternative; where tokens are converted, \
                      a line from the least to the most it may have been. The table has the figures.",
    };
    Ok(chart::ranges(text, &bars)?)
}

/// Every line of every alternative and their totals.
pub(super) fn sheet(found: &Comparison) -> Sheet {
    let rows: Vec<(&Compared, &'static str, &WhatIfLine)> = found
        .alternatives
        .iter()
        .flat_map(|one| {
            let lines = one.answer.lines.iter().map(move |line| (one, "model", line));
            lines.chain([(one, "total", &one.answer.total)])
        })
        .collect();
    let text =
        |name: &str, value: fn(&(&Compared, &'static str, &WhatIfLine)) -> Option<String>| {
            column(name, SheetValues::Text(rows.iter().map(value).collect()))
        };
    let usd = |name: &str, value: fn(&WhatIfLine) -> Usd| {
        let digits = rows.iter().map(|(_, _, line)| Some(value(line).pico())).collect();
        column(name, SheetValues::Decimal { digits, scale: 12 })
    };
    let number = |name: &str, value: fn(&WhatIfLine) -> u64| {
        let counts = rows.iter().map(|(_, _, line)| i64::try_from(value(line)).ok()).collect();
        column(name, SheetValues::Count(counts))
    };
    Sheet {
        columns: vec![
            text("alternative", |(one, _, _)| Some(one.title.clone())),
            text("row_type", |(_, kind, _)| Some((*kind).to_owned())),
            text("provider", |(_, _, line)| line.provider.clone()),
            text("model", |(_, _, line)| line.model.clone()),
            number("calls", |line| line.requests),
            usd("billed_usd", |line| line.billed),
            usd("would_cost_usd", |line| line.would_cost.expected),
            usd("would_cost_usd_low", |line| line.would_cost.low),
            usd("would_cost_usd_high", |line| line.would_cost.high),
            usd("difference_usd", |line| line.would_cost.expected - line.billed),
            number("tokens", |line| line.tokens),
            number("tokens_there", |line| line.would_count.expected),
            number("tokens_there_low", |line| line.would_count.low),
            number("tokens_there_high", |line| line.would_count.high),
            number("calls_without_billed_price", |line| line.unpriced),
            number("calls_without_price_there", |line| line.unknown),
        ],
    }
}

fn column(name: &str, values: SheetValues) -> SheetColumn {
    SheetColumn { name: name.to_owned(), values }
}
