//! How many tokens vocabularies make of one text: learned ratios with the band they were seen in.
//!
//! The table is data, `data/tokenizers.json`, with the source of every figure; it must never hold a
//! figure that was not measured.

use serde::Deserialize;

/// The table the product comes with.
const EMBEDDED: &str = include_str!("../../data/tokenizers.json");

/// A vocabulary, measured against o200k.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TokenizerFamily {
    /// Its name.
    pub name: String,
    /// Tokens it makes of 1,000 of o200k.
    pub per_mille: u64,
    /// The fewest seen.
    pub low: u64,
    /// The most seen.
    pub high: u64,
    /// Texts it was measured on.
    pub samples: u64,
    /// Their o200k tokens.
    pub tokens: u64,
    /// Where they are from.
    pub source: String,
}

/// Vocabularies, and which models use them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Tokenizers {
    families: Vec<TokenizerFamily>,
    /// Stands for every vocabulary that was never measured.
    unknown: TokenizerFamily,
    models: Vec<ModelRule>,
}

/// Which models use a vocabulary, by their names in lower case; the first rule that fits holds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct ModelRule {
    #[serde(default)]
    contains: Option<String>,
    #[serde(default)]
    starts: Option<String>,
    family: String,
}

/// A table that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenizersError {
    /// It is no such table.
    #[error("the table of tokenizers does not parse: {0}")]
    Syntax(String),
    /// A figure or a name in it cannot be.
    #[error("the table of tokenizers: {0}")]
    Invalid(String),
}

/// A factor for token counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    numerator: u64,
    denominator: u64,
}

/// How counts of one vocabulary become counts of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conversion {
    low: Ratio,
    expected: Ratio,
    high: Ratio,
}

impl Ratio {
    /// As many.
    pub const ONE: Ratio = Ratio { numerator: 1, denominator: 1 };

    /// So many tokens in the other vocabulary, rounded to the nearest.
    pub fn of(self, tokens: u64) -> u64 {
        let denominator = u128::from(self.denominator.max(1));
        let product = u128::from(tokens) * u128::from(self.numerator);
        u64::try_from((product + denominator / 2) / denominator).unwrap_or(u64::MAX)
    }

    /// In thousandths, rounded to the nearest.
    pub fn per_mille(self) -> u64 {
        self.of(1_000)
    }
}

impl Conversion {
    /// Between models of one vocabulary: every count stays what it is.
    pub const SAME: Conversion =
        Conversion { low: Ratio::ONE, expected: Ratio::ONE, high: Ratio::ONE };

    /// Whether counts stay what they are.
    pub fn is_exact(self) -> bool {
        self == Self::SAME
    }

    /// The least, the expected and the greatest factor.
    pub const fn ratios(self) -> [Ratio; 3] {
        [self.low, self.expected, self.high]
    }
}

impl Tokenizers {
    /// The table the product comes with.
    ///
    /// # Errors
    /// Never, unless the product was built from a damaged table.
    pub fn embedded() -> Result<Self, TokenizersError> {
        Self::parse(EMBEDDED)
    }

    /// Reads a table, such as one that was learned from an organisation's own traffic.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(json: &str) -> Result<Self, TokenizersError> {
        let table: Self = serde_json::from_str(json)
            .map_err(|error| TokenizersError::Syntax(error.to_string()))?;
        for family in table.families.iter().chain([&table.unknown]) {
            let is_band =
                0 < family.low && family.low <= family.per_mille && family.per_mille <= family.high;
            if !is_band {
                let reason = format!("{}: low, expected and high must ascend from 1", family.name);
                return Err(TokenizersError::Invalid(reason));
            }
        }
        for rule in &table.models {
            if !table.families.iter().any(|family| family.name == rule.family) {
                let reason = format!("no family is named {}", rule.family);
                return Err(TokenizersError::Invalid(reason));
            }
            if rule.contains.is_none() == rule.starts.is_none() {
                let reason = format!("a rule of {} needs either contains or starts", rule.family);
                return Err(TokenizersError::Invalid(reason));
            }
        }
        Ok(table)
    }

    /// The vocabulary of a model; of one nobody measured a stand-in named `unknown`.
    pub fn family(&self, model: &str) -> &TokenizerFamily {
        let model = model.to_ascii_lowercase();
        // What comes before the last slash is whose model it is.
        let bare = model.rsplit('/').next().unwrap_or_default();
        let fits = |rule: &&ModelRule| {
            let contains = rule.contains.as_deref().is_some_and(|part| model.contains(part));
            contains || rule.starts.as_deref().is_some_and(|start| bare.starts_with(start))
        };
        let rule = self.models.iter().find(fits);
        rule.and_then(|rule| self.families.iter().find(|family| family.name == rule.family))
            .unwrap_or(&self.unknown)
    }

    /// How a model's counts become another's. Within one vocabulary nothing changes; two that nobody
    /// measured may still differ, unless they are one model.
    pub fn conversion(&self, from: &str, to: &str) -> Conversion {
        let (of, into) = (self.family(from), self.family(to));
        let is_same = of.name == into.name && of.name != self.unknown.name;
        if is_same || from.eq_ignore_ascii_case(to) {
            return Conversion::SAME;
        }
        let ratio = |numerator, denominator| Ratio { numerator, denominator };
        Conversion {
            low: ratio(into.low, of.high),
            expected: ratio(into.per_mille, of.per_mille),
            high: ratio(into.high, of.low),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_of_one_vocabulary_count_alike_and_others_within_a_band() {
        let table = Tokenizers::embedded().unwrap();
        for (from, to, is_exact) in [
            ("gpt-5.4", "gpt-4o-mini", true),
            ("openai/gpt-oss-120b", "o3-mini", true),
            ("us.anthropic.claude-sonnet-4-5-v1:0", "claude-opus-4-8", true),
            ("gpt-4-turbo", "gpt-5", false),
            ("gpt-5", "claude-sonnet-4-6", false),
            ("grok-4.7", "kimi-k3", false),
            ("grok-4.7", "Grok-4.7", true),
        ] {
            let conversion = table.conversion(from, to);
            assert_eq!(conversion.is_exact(), is_exact, "{from} {to}");
            let [low, expected, high] = conversion.ratios().map(Ratio::per_mille);
            assert!(low <= expected && expected <= high, "{from} {to}");
        }
        let claude = table.conversion("gpt-5", "claude-sonnet-4-6").ratios().map(Ratio::per_mille);
        assert_eq!(claude, [1_055, 1_241, 1_738]);
    }

    #[test]
    fn every_figure_of_the_table_names_its_source_and_size() {
        let table = Tokenizers::embedded().unwrap();
        for family in table.families.iter().chain([&table.unknown]) {
            assert!(family.samples > 0 && family.tokens > 0, "{}", family.name);
            assert!(!family.source.is_empty(), "{}", family.name);
        }
    }

    #[test]
    fn a_table_that_cannot_be_is_refused() {
        let family = |low: u64| {
            format!(
                r#"{{"name":"a","per_mille":1000,"low":{low},"high":1100,"samples":1,"tokens":1,"source":"s"}}"#
            )
        };
        let table = |family: &str, rule: &str| {
            let unknown = family.replace("\"a\"", "\"unknown\"");
            Tokenizers::parse(&format!(
                r#"{{"families":[{family}],"unknown":{unknown},"models":[{rule}]}}"#
            ))
        };
        let rule = r#"{"contains":"x","family":"a"}"#;
        assert!(table(&family(900), rule).is_ok());
        for (family, rule) in [
            (family(1_001), rule),
            (family(0), rule),
            (family(900), r#"{"contains":"x","family":"b"}"#),
            (family(900), r#"{"family":"a"}"#),
            (family(900), r#"{"contains":"x","starts":"x","family":"a"}"#),
        ] {
            assert!(matches!(table(&family, rule), Err(TokenizersError::Invalid(_))), "{rule}");
        }
        assert!(matches!(Tokenizers::parse("{"), Err(TokenizersError::Syntax(_))));
    }
}
