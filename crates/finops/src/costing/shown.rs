//! How a costed line is written: the members it came with, then what it cost.

use dialects::Metered;
use pricing::{Line, PriceBook, PriceKey, Priced};
use serde::Serialize;
use units::{UnixMicros, Usd};

use super::Part;
use super::line::Members;

/// Members this writes: what a line brings under these names is replaced.
const OURS: [&str; 10] = [
    "cost_usd",
    "list_usd",
    "reported_cost_usd",
    "lines",
    "factors",
    "unpriced",
    "model_id",
    "provider_id",
    "price_version",
    "error",
];
/// Characters shown of a line that is not an object.
const SHOWN_CHARS_MAX: usize = 200;
/// Attodollars (1e-18 USD) in a picodollar.
const ATTO_PER_PICO: i128 = 1_000_000;

/// What a line came to.
pub(super) struct Answer<'a> {
    /// The instant that applied, where the line has none.
    pub(super) at: Option<UnixMicros>,
    /// What was used; never empty.
    pub(super) parts: Vec<Part<'a>>,
    pub(super) used: &'a Metered,
}

#[derive(Serialize)]
struct Shown<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    cost_usd: Usd,
    list_usd: Usd,
    #[serde(skip_serializing_if = "Option::is_none")]
    reported_cost_usd: Option<Usd>,
    lines: Vec<ShownLine<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    factors: Vec<ShownFactor>,
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    unpriced: serde_json::Map<String, serde_json::Value>,
    model_id: &'a str,
    provider_id: &'a str,
}

#[derive(Serialize)]
struct ShownLine<'a> {
    meter: &'static str,
    quantity: u64,
    key: PriceKey,
    /// USD for `per` units.
    rate: String,
    per: i128,
    amount: String,
    /// Layer, its version and its kind.
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    factor: Option<String>,
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    kind: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model_id: Option<&'a str>,
}

/// A factor in the lines, and who says so.
#[derive(Serialize, PartialEq)]
struct ShownFactor {
    factor: String,
    /// For which requests; empty for all.
    when: String,
    source: String,
}

impl Answer<'_> {
    /// Its members as JSON text, without braces. `Err` never happens for what it holds.
    pub(super) fn members(&self) -> Result<String, String> {
        let own = self.parts.first().ok_or("nothing was used")?;
        let mut unpriced = serde_json::Map::new();
        for (meter, quantity) in self.parts.iter().flat_map(|part| part.priced.unpriced()) {
            let held = unpriced.get(meter.as_str()).and_then(serde_json::Value::as_u64);
            let sum = held.unwrap_or(0).saturating_add(quantity);
            unpriced.insert(meter.as_str().to_owned(), sum.into());
        }
        let shown = Shown {
            at: self.at.map(|at| at.to_string()),
            cost_usd: self.parts.iter().map(|part| part.priced.cost).sum(),
            list_usd: self.parts.iter().map(|part| part.priced.list).sum(),
            reported_cost_usd: self.used.usage.reported_cost,
            lines: self.parts.iter().flat_map(lines).collect(),
            factors: factors(self.parts.iter().map(|part| &part.priced)),
            unpriced,
            model_id: own.priced.model_id,
            provider_id: own.priced.provider_id,
        };
        let json = serde_json::to_string(&shown).map_err(|error| error.to_string())?;
        let members = json.strip_prefix('{').and_then(|json| json.strip_suffix('}'));
        Ok(members.unwrap_or_default().to_owned())
    }
}

fn lines<'a>(part: &'a Part<'a>) -> impl Iterator<Item = ShownLine<'a>> {
    let model_id = part.kind.map(|_| part.priced.model_id);
    part.priced.lines().map(move |line: Line| ShownLine {
        meter: line.meter.as_str(),
        quantity: line.quantity,
        key: line.key,
        rate: decimal(line.rate.atto()),
        per: line.rate.per(),
        amount: decimal(line.amount_atto),
        source: line.source.to_string(),
        factor: (!line.factor.is_one()).then(|| line.factor.to_string()),
        kind: part.kind,
        model_id,
    })
}

/// The factors of all parts, each once.
fn factors<'a>(parts: impl Iterator<Item = &'a Priced<'a>>) -> Vec<ShownFactor> {
    let mut shown: Vec<ShownFactor> = Vec::new();
    for applied in parts.flat_map(Priced::factors) {
        let factor = ShownFactor {
            factor: applied.factor.to_string(),
            when: applied.when,
            source: applied.source.to_string(),
        };
        if !shown.contains(&factor) {
            shown.push(factor);
        }
    }
    shown
}

/// An amount of 1e-18 USD as dollars, exactly, with at least two decimals.
fn decimal(atto: i128) -> String {
    let (pico, rest) = (atto.div_euclid(ATTO_PER_PICO), atto.rem_euclid(ATTO_PER_PICO));
    let dollars = Usd::from_pico(pico);
    if rest == 0 {
        return dollars.to_string();
    }
    let rest = format!("{rest:06}");
    format!("{}{}", dollars.to_fixed(12), rest.trim_end_matches('0'))
}

/// The line with what it came to, or with why it came to nothing.
pub(super) fn line(
    book: &PriceBook,
    members: &Members<'_>,
    answer: Result<String, String>,
) -> String {
    let mut out = String::from("{");
    let kept = members.0.iter().filter(|(name, _)| !OURS.contains(&&**name));
    for (name, value) in kept {
        // Without an instant of its own a line gets the one that applied.
        if name == "at" && value.get() == "null" && answer.is_ok() {
            continue;
        }
        push(&mut out, &format!("{}:{}", quoted(name), value.get()));
    }
    match answer {
        Ok(told) => push(&mut out, &told),
        Err(error) => push(&mut out, &format!("\"error\":{}", quoted(&error))),
    }
    push(&mut out, &format!("\"price_version\":{}", quoted(book.version())));
    out.push('}');
    out
}

/// What comes back of a line that is no JSON object.
pub(super) fn not_an_object(book: &PriceBook, line: &str, error: &serde_json::Error) -> String {
    let shown: String = line.trim().chars().take(SHOWN_CHARS_MAX).collect();
    let error = format!("not a JSON object: {error}");
    let mut out = String::from("{");
    push(&mut out, &format!("\"input\":{}", quoted(&shown)));
    push(&mut out, &format!("\"error\":{}", quoted(&error)));
    push(&mut out, &format!("\"price_version\":{}", quoted(book.version())));
    out.push('}');
    out
}

fn push(out: &mut String, member: &str) {
    if out.len() > 1 {
        out.push(',');
    }
    out.push_str(member);
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
