//! The price file an import writes, and reads again the next time to go on with it.
//!
//! It is the format of `file`, restricted to what imports say, with every amount as a text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::PriceBookError;
use crate::import::ImportError;
use crate::import::offer::{Condition, Rates, Sheet};

/// What errors call the last import.
const NAME: &str = "the last import";

/// A whole imported layer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LayerText {
    #[serde(default, rename = "source")]
    _source: Option<String>,
    pub(super) providers: Vec<ProviderText>,
    #[serde(default)]
    pub(super) multipliers: Vec<MultiplierText>,
}

/// A provider and its models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderText {
    pub(super) id: String,
    pub(super) models: Vec<ModelText>,
}

/// A model with every price it was imported at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelText {
    pub(super) id: String,
    #[serde(rename = "match", skip_serializing_if = "Option::is_none")]
    pub(super) clause: Option<ClauseText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) context_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) output_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retires: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) prices: Vec<SheetText>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) variants: Vec<SheetText>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) keep_variants: bool,
}

/// Names, any of which is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ClauseText {
    Equals(String),
    Or(Vec<ClauseText>),
}

impl ClauseText {
    /// The clause of some names, which are not none.
    pub(super) fn any(names: impl IntoIterator<Item = String>) -> Self {
        let mut parts: Vec<ClauseText> = names.into_iter().map(ClauseText::Equals).collect();
        match parts.len() {
            1 => parts.remove(0),
            _ => ClauseText::Or(parts),
        }
    }

    /// Keeps some of the names, and always the first.
    pub(super) fn retain(&mut self, mut keeps: impl FnMut(&str) -> bool) {
        if let ClauseText::Or(parts) = self {
            let mut is_first = true;
            parts.retain(|part| match part {
                ClauseText::Equals(name) => keeps(name) || std::mem::take(&mut is_first),
                ClauseText::Or(_) => false,
            });
            if parts.len() == 1 {
                *self = parts.remove(0);
            }
        }
    }
}

/// Prices for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SheetText {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) when: BTreeMap<String, String>,
    pub(super) from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) daily: Option<(String, String)>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    keep_rates: bool,
    rates: Rates,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tiers: Vec<TierText>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TierText {
    above: u64,
    rates: Rates,
}

impl SheetText {
    pub(super) fn new(condition: &Condition, sheet: &Sheet, from: &str) -> Self {
        let tier =
            |(above, rates): (&u64, &Rates)| TierText { above: *above, rates: rates.clone() };
        Self {
            when: condition.when.clone().into_iter().collect(),
            from: from.to_owned(),
            to: None,
            daily: condition.daily.clone(),
            // A catalog that lists no price of a search or a page does not deny that there is one.
            keep_rates: condition.when.is_none(),
            rates: sheet.rates.clone(),
            tiers: sheet.tiers.iter().map(tier).collect(),
        }
    }

    /// Whether it says this of these requests.
    pub(super) fn says(&self, condition: &Condition, sheet: &Sheet) -> bool {
        let fresh = Self { to: self.to.clone(), ..Self::new(condition, sheet, &self.from) };
        *self == fresh
    }
}

/// A factor on the prices of tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MultiplierText {
    pub(super) provider: String,
    pub(super) models: ClauseText,
    pub(super) keys: Vec<String>,
    pub(super) when: BTreeMap<String, String>,
    pub(super) factor: String,
    pub(super) from: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) to: Option<String>,
}

impl LayerText {
    pub(super) fn new(providers: Vec<ProviderText>, multipliers: Vec<MultiplierText>) -> Self {
        Self { _source: None, providers, multipliers }
    }

    /// Reads what an import wrote.
    pub(super) fn parse(text: &str) -> Result<Self, ImportError> {
        serde_json::from_str(text)
            .map_err(|error| ImportError::Previous(PriceBookError::malformed(NAME, text, &error)))
    }

    /// The price file, a model a line, so that two imports compare line by line.
    pub(super) fn text(&self, origin: &str) -> Result<String, ImportError> {
        self.lines(origin).map_err(|error| {
            ImportError::Unusable(PriceBookError::Unhashable {
                file: NAME.to_owned(),
                reason: error.to_string(),
            })
        })
    }

    fn lines(&self, origin: &str) -> Result<String, serde_json::Error> {
        let each =
            |lines: Result<Vec<String>, _>| lines.map(|lines: Vec<String>| lines.join(",\n"));
        let mut providers = Vec::with_capacity(self.providers.len());
        for provider in &self.providers {
            let models = each(provider.models.iter().map(serde_json::to_string).collect())?;
            let id = serde_json::to_string(&provider.id)?;
            providers.push(format!("{{\"id\":{id},\"models\":[\n{models}\n]}}"));
        }
        let origin = serde_json::to_string(origin)?;
        let multipliers = each(self.multipliers.iter().map(serde_json::to_string).collect())?;
        let providers = providers.join(",\n");
        Ok(format!(
            "{{\n\"source\":{origin},\n\"providers\":[\n{providers}\n],\n\"multipliers\":[\n{multipliers}\n]}}\n"
        ))
    }
}
