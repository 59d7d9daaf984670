//! From usage to a statement. It must never depend on the order usage comes in.

use std::collections::BTreeMap;

use serde::Serialize;
use units::{StatementId, Usd};

use super::{
    Adjustment, Basis, Coverage, DISPLAY_DECIMALS, FeatureSubtotal, Figures, Scope, Statement,
    StatementLine, Totals, UsageLine,
};
use crate::FinopsError;
use crate::rounding::{apportion, largest_remainder};

impl Statement {
    /// Compiles a statement. Lines of the same feature and customer are summed; a sum out of range is
    /// refused rather than saturated.
    pub fn compile(
        scope: Scope,
        mut basis: Basis,
        usage: impl IntoIterator<Item = UsageLine>,
    ) -> Result<Self, FinopsError> {
        basis.price_versions.sort_unstable();
        basis.price_versions.dedup();
        let grouped = grouped(usage)?;
        let mut features = Vec::with_capacity(grouped.len());
        for (name, customers) in &grouped {
            features.push((name, sum(customers.values())?));
        }
        let figures = sum(features.iter().map(|(_, figures)| figures))?;
        let exact: Vec<Usd> = features.iter().map(|(_, figures)| figures.cost).collect();
        let rounded = largest_remainder(&exact, DISPLAY_DECIMALS)?;

        let mut lines = Vec::new();
        for (customers, subtotal) in grouped.iter().zip(&rounded.parts) {
            lines.extend(feature_lines(customers, *subtotal)?);
        }
        let features = features
            .into_iter()
            .zip(rounded.parts)
            .map(|((name, figures), cost_displayed)| FeatureSubtotal {
                feature: name.0.clone(),
                figures,
                cost_displayed,
            })
            .collect();
        let totals = Totals { figures, cost_displayed: rounded.total };
        let adjustments = Vec::new();
        let digest = digest(&scope, &basis, &lines, &adjustments)?;
        let coverage = coverage(&lines, &figures);
        let id = id(&scope);
        Ok(Self { id, scope, lines, features, totals, coverage, adjustments, basis, digest })
    }

    /// The same statement with what corrections changed of it.
    ///
    /// # Errors
    /// When the digest cannot be computed.
    pub fn with_adjustments(self, adjustments: Vec<Adjustment>) -> Result<Self, FinopsError> {
        let digest = digest(&self.scope, &self.basis, &self.lines, &adjustments)?;
        Ok(Self { adjustments, digest, ..self })
    }
}

/// A feature or customer, ordered by name with the untagged last.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name(Option<String>);

impl Name {
    fn of(text: Option<String>) -> Self {
        Self(text.filter(|text| !text.trim().is_empty()))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0.is_none(), &self.0).cmp(&(other.0.is_none(), &other.0))
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

type Customers = BTreeMap<Name, Figures>;

fn grouped(
    usage: impl IntoIterator<Item = UsageLine>,
) -> Result<BTreeMap<Name, Customers>, FinopsError> {
    let mut features: BTreeMap<Name, Customers> = BTreeMap::new();
    for line in usage {
        let customers = features.entry(Name::of(line.feature)).or_default();
        let figures = customers.entry(Name::of(line.customer)).or_default();
        *figures = sum([&*figures, &line.figures])?;
    }
    Ok(features)
}

/// The lines of one feature, rounded to its displayed subtotal.
fn feature_lines(
    (feature, customers): (&Name, &Customers),
    subtotal: Usd,
) -> Result<Vec<StatementLine>, FinopsError> {
    let exact: Vec<Usd> = customers.values().map(|figures| figures.cost).collect();
    let displayed = apportion(&exact, DISPLAY_DECIMALS, subtotal)?;
    Ok(customers
        .iter()
        .zip(displayed)
        .map(|((customer, figures), cost_displayed)| StatementLine {
            feature: feature.0.clone(),
            customer: customer.0.clone(),
            figures: *figures,
            cost_displayed,
        })
        .collect())
}

fn sum<'a>(figures: impl IntoIterator<Item = &'a Figures>) -> Result<Figures, FinopsError> {
    let count = |a: u64, b: u64, what| a.checked_add(b).ok_or(FinopsError::OutOfRange(what));
    figures.into_iter().try_fold(Figures::default(), |sum, next| {
        Ok(Figures {
            requests: count(sum.requests, next.requests, "requests")?,
            unpriced_requests: count(
                sum.unpriced_requests,
                next.unpriced_requests,
                "unpriced requests",
            )?,
            input_tokens: count(sum.input_tokens, next.input_tokens, "input tokens")?,
            output_tokens: count(sum.output_tokens, next.output_tokens, "output tokens")?,
            cost: crate::rounding::sum(&[sum.cost, next.cost])?,
        })
    })
}

fn coverage(lines: &[StatementLine], totals: &Figures) -> Coverage {
    let cost_where = |named: fn(&StatementLine) -> bool| -> Option<u32> {
        let named: Usd = lines.iter().filter(|line| named(line)).map(|l| l.figures.cost).sum();
        named.share_per_mille(totals.cost)
    };
    let priced = u128::from(totals.requests.saturating_sub(totals.unpriced_requests));
    let priced_requests_per_mille = (priced * 1000)
        .checked_div(u128::from(totals.requests))
        .and_then(|share| u32::try_from(share).ok());
    Coverage {
        priced_requests_per_mille,
        feature_cost_per_mille: cost_where(|line| line.feature.is_some()),
        customer_cost_per_mille: cost_where(|line| line.customer.is_some()),
    }
}

/// The statement's id: a UUIDv8 from the hash of organisation, team and month, so that every draft of
/// one statement has one address.
fn id(scope: &Scope) -> StatementId {
    const VERSION: u128 = 0xf << 76;
    const VARIANT: u128 = 0b11 << 62;
    // No slug contains a line feed.
    let name = format!("statement\n{}\n{}\n{}", scope.organisation, scope.team, scope.period);
    let hash = blake3::hash(name.as_bytes());
    let bits = hash.as_bytes()[..16].iter().fold(0_u128, |bits, b| bits << 8 | u128::from(*b));
    let bits = bits & !VERSION & !VARIANT | 8 << 76 | 0b10 << 62;
    StatementId::from_u128(bits)
}

/// What the digest covers, in the order it is hashed. A change of this shape is a new `format`.
#[derive(Serialize)]
struct Content<'a> {
    format: u32,
    scope: &'a Scope,
    price_versions: &'a [String],
    lines: &'a [StatementLine],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    adjustments: &'a [Adjustment],
}

fn digest(
    scope: &Scope,
    basis: &Basis,
    lines: &[StatementLine],
    adjustments: &[Adjustment],
) -> Result<String, FinopsError> {
    let price_versions = &basis.price_versions;
    let content = Content { format: 1, scope, price_versions, lines, adjustments };
    let json =
        serde_json::to_vec(&content).map_err(|error| FinopsError::Encoding(error.to_string()))?;
    Ok(format!("blake3:{}", blake3::hash(&json).to_hex()))
}
