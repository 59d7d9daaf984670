//! A cost as lines: quantity times rate for each meter, to the last digit, and their sum. Lines are
//! shown only when they are certain to be those that were billed.

use pricing::{Line, Receipt};
use units::Usd;

use crate::figures::{count, exact_atto};
use crate::markup::{Count, ExactMoney};
use crate::rates::rate_words;
use crate::requests::Attempt;

/// The cost of an attempt.
pub(super) struct CostView {
    /// As recorded; `None` is unknown.
    pub(super) billed: Option<ExactMoney>,
    /// What the provider's own answer says, where it says something.
    pub(super) reported: Option<ExactMoney>,
    /// The price book the row names.
    pub(super) book: Option<String>,
    pub(super) rate_set: Option<String>,
    pub(super) lines: Vec<LineView>,
    /// Sum and rounding of the lines; `None` without lines.
    pub(super) sum: Option<SumView>,
    /// What else must be known.
    pub(super) notes: Vec<String>,
}

/// One line.
pub(super) struct LineView {
    pub(super) meter: &'static str,
    pub(super) quantity: Count,
    pub(super) rate: String,
    pub(super) amount: String,
}

/// What the lines come to.
pub(super) struct SumView {
    pub(super) sum: String,
    pub(super) rounding: Option<String>,
    pub(super) cost: ExactMoney,
}

impl CostView {
    pub(super) fn of(attempt: &Attempt) -> Self {
        let cost = &attempt.event.cost;
        let (mut lines, mut sum, mut notes) = (Vec::new(), None, Vec::new());
        match &attempt.receipt {
            Ok(receipt) => {
                lines = receipt.lines.iter().map(LineView::of).collect();
                sum = Some(SumView::of(receipt));
                notes.extend(notes_on(receipt));
            }
            Err(_) if cost.is_correction() => notes.extend(cost.billed.map(corrected_by)),
            Err(reason) => notes.push(sentence(&reason.to_string())),
        }
        if cost.list != cost.billed && cost.list.is_some() && !cost.is_correction() {
            notes.push("The billed cost differs from that at list prices.".to_owned());
        }
        Self {
            billed: cost.billed.map(ExactMoney),
            reported: cost.provider_reported.filter(|_| !cost.is_correction()).map(ExactMoney),
            book: cost.price_version.clone(),
            rate_set: cost.rate_set.clone(),
            lines,
            sum,
            notes,
        }
    }
}

/// What a correction adds to the cost of its request.
fn corrected_by(amount: Usd) -> String {
    format!(
        "This changes the cost by {} US dollars, by the prices of the book below.",
        amount.to_fixed(12)
    )
}

impl LineView {
    fn of(line: &Line) -> Self {
        Self {
            meter: line.meter.as_str(),
            quantity: Count(line.quantity),
            rate: match line.factor.is_one() {
                true => rate_words(line.rate),
                false => format!("{} × {}", rate_words(line.rate), line.factor),
            },
            amount: exact_atto(line.amount_atto),
        }
    }
}

impl SumView {
    fn of(receipt: &Receipt) -> Self {
        let rounding = Some(receipt.rounding_atto).filter(|atto| *atto != 0).map(exact_atto);
        Self { sum: exact_atto(receipt.sum_atto), rounding, cost: ExactMoney(receipt.cost) }
    }
}

fn notes_on(receipt: &Receipt) -> Vec<String> {
    let mut notes = Vec::new();
    if receipt.is_other_book {
        let note = "The price book has changed since; its rates for this request have not.";
        notes.push(note.to_owned());
    }
    for (meter, quantity) in &receipt.unpriced {
        let quantity = count(*quantity);
        notes.push(format!("{quantity} of {meter} have no price and are in no amount."));
    }
    notes
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}
