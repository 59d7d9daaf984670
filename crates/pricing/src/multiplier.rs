//! Factors on prices: regional uplifts, negotiated discounts.
//!
//! Factors for different requests multiply. Of those for the same requests (the same `when`) only one
//! counts for a price: that of the highest layer, and in one file the last; so that two catalogs that
//! both know an uplift do not make it double. What a contract says multiplies what the others say.

use std::sync::Arc;

use serde::Serialize;
use units::UnixMicros;

use crate::alias::Written;
use crate::clause::Clause;
use crate::context::PriceContext;
use crate::factor::Factor;
use crate::file::{KeySet, MultiplierFile, When};
use crate::key::PriceKey;
use crate::layer::{LayerKind, Source};
use crate::model::Model;
use crate::window::Window;

/// Most multipliers that one provider's prices may have.
pub(crate) const MULTIPLIERS_MAX: usize = 128;

/// One factor and what it is for.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Multiplier {
    /// A name of the provider; `None` is every one.
    #[serde(skip)]
    pub(crate) provider: Option<Box<str>>,
    models: Option<Clause>,
    keys: KeySet,
    when: When,
    factor: Factor,
    pub(crate) window: Window,
    is_contract: bool,
    #[serde(skip)]
    source: Arc<Source>,
    #[serde(skip)]
    note: Box<str>,
    #[serde(skip)]
    pub(crate) written: Written,
}

impl Multiplier {
    /// A factor of a file.
    pub(crate) fn new(file: MultiplierFile, written: Written, source: &Arc<Source>) -> Self {
        let window = file.window();
        Self {
            provider: file.provider.map(Into::into),
            models: file.models,
            keys: file.keys.unwrap_or(KeySet::ALL),
            when: file.when,
            factor: file.factor,
            window,
            is_contract: source.kind == LayerKind::Contract,
            source: Arc::clone(source),
            note: file.source.unwrap_or_default().into(),
            written,
        }
    }

    fn is_for(&self, model: &Model) -> bool {
        self.models.as_ref().is_none_or(|clause| clause.matches(&model.lower_id))
    }
}

/// A factor that was applied to some price of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedFactor {
    /// The factor.
    pub factor: Factor,
    /// For which requests it is, such as `inference_geo = us`; empty for all.
    pub when: String,
    /// The layer that says so.
    pub source: Arc<Source>,
    /// Whom the layer names for it; may be empty.
    pub note: String,
}

/// The factors of one provider, the highest layer last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Multipliers {
    all: Vec<Arc<Multiplier>>,
    /// For each the position of the first with the same `when` and the same kind.
    groups: Vec<u8>,
    /// Bits of those of contracts.
    contracts: u128,
}

/// Those of a provider's factors that are for a request, as bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Active(u128);

impl Active {
    /// Whether nothing is multiplied.
    pub(crate) const fn is_none(self) -> bool {
        self.0 == 0
    }
}

impl Multipliers {
    /// The factors of a provider, at most [`MULTIPLIERS_MAX`], the lowest layer first.
    pub(crate) fn new(all: Vec<Arc<Multiplier>>) -> Self {
        let mut contracts = 0;
        let mut groups = Vec::with_capacity(all.len());
        for (position, rule) in all.iter().enumerate() {
            if rule.is_contract {
                contracts |= 1 << position;
            }
            let same = |other: &Arc<Multiplier>| {
                other.is_contract == rule.is_contract && other.when == rule.when
            };
            let first = all.iter().position(same).unwrap_or(position);
            groups.push(u8::try_from(first).unwrap_or(u8::MAX));
        }
        Self { all, groups, contracts }
    }

    /// Every factor, the lowest layer first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Multiplier> {
        self.all.iter().map(|rule| &**rule)
    }

    /// The factors for a request.
    pub(crate) fn active(
        &self,
        at: UnixMicros,
        context: &PriceContext<'_>,
        model: &Model,
    ) -> Active {
        let mut bits = 0;
        for (position, rule) in self.all.iter().enumerate() {
            if rule.window.is_active(at) && rule.when.holds(context) && rule.is_for(model) {
                bits |= 1 << position;
            }
        }
        Active(bits)
    }

    /// Those that are of no contract.
    pub(crate) const fn without_contracts(&self, active: Active) -> Active {
        Active(active.0 & !self.contracts)
    }

    /// The factor of one price.
    pub(crate) fn factor(&self, active: Active, key: PriceKey) -> Factor {
        self.counting(active, key).fold(Factor::ONE, |product, rule| product.then(rule.factor))
    }

    /// What of the active is applied to some of the prices.
    pub(crate) fn applied(
        &self,
        active: Active,
        keys: impl Iterator<Item = PriceKey> + Clone,
    ) -> impl Iterator<Item = AppliedFactor> {
        let counts = move |rule: &&Arc<Multiplier>| {
            keys.clone().any(|key| self.counting(active, key).any(|other| Arc::ptr_eq(other, rule)))
        };
        self.all.iter().filter(counts).map(|rule| AppliedFactor {
            factor: rule.factor,
            when: rule.when.to_string(),
            source: Arc::clone(&rule.source),
            note: rule.note.to_string(),
        })
    }

    /// The active factors that count for a price: of each group the last.
    fn counting(&self, active: Active, key: PriceKey) -> impl Iterator<Item = &Arc<Multiplier>> {
        let (mut left, mut seen) = (active.0, 0_u128);
        std::iter::from_fn(move || {
            while left != 0 {
                let position = 127 - left.leading_zeros() as usize;
                left &= !(1 << position);
                let (rule, group) = (self.all.get(position)?, self.groups.get(position)?);
                if rule.keys.has(key) && seen >> group & 1 == 0 {
                    seen |= 1 << group;
                    return Some(rule);
                }
            }
            None
        })
    }
}

/// Whether two factors of one file would both be meant for the same price of the same request.
pub(crate) fn overlap(a: &MultiplierFile, b: &MultiplierFile) -> bool {
    let keys = |file: &MultiplierFile| file.keys.unwrap_or(KeySet::ALL);
    let text = |clause: &Option<Clause>| serde_json::to_string(clause).unwrap_or_default();
    a.provider == b.provider
        && a.when == b.when
        && text(&a.models) == text(&b.models)
        && keys(a).meets(keys(b))
        && a.window().overlaps(&b.window())
}
