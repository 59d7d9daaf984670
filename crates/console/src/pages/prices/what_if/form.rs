//! The form: what was sent, kept as it was sent, and the question it asks.

use super::DEFAULT_RANGE;
use crate::ConsoleState;
use crate::access::Session;
use crate::comparison::{CompareAsked, MODELS_MAX, Terms as OnTerms};
use crate::error::ConsoleError;
use crate::pages::terms::{Choice, Terms, address};
use crate::span::Days;

/// Longest name of a model or of a tier, bytes.
const NAME_BYTES_MAX: usize = 256;
/// Service tiers offered; what a provider does not sell costs as usual there.
const TIERS: [(&str, &str); 4] =
    [("", "As it was"), ("standard", "Standard"), ("flex", "Flex"), ("priority", "Priority")];
/// Ways of processing.
const PROCESSINGS: [(&str, &str); 2] = [("", "As it was"), ("batch", "In batches")];
/// What is thought to be read from a cache, per cent of text input.
const CACHINGS: [(&str, &str); 6] = [
    ("", "As it was"),
    ("0", "Nothing"),
    ("25", "25% of input"),
    ("50", "50% of input"),
    ("75", "75% of input"),
    ("90", "90% of input"),
];

/// The form as it was sent.
pub(super) struct Form {
    pub(super) terms: Terms,
    models: Vec<String>,
    tier: String,
    processing: String,
    cached: String,
}

impl Form {
    /// Takes the form out of a query.
    pub(super) fn read(pairs: &[(String, String)]) -> Self {
        let value = |name: &str| {
            let found = pairs.iter().rev().find(|(given, _)| given == name);
            found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let models = pairs.iter().filter(|(name, _)| name == "as");
        let models = models.map(|(_, value)| value.trim().to_owned());
        Self {
            terms: Terms::read(pairs),
            models: models.filter(|name| !name.is_empty()).collect(),
            tier: value("tier"),
            processing: value("processing"),
            cached: value("cached"),
        }
    }

    /// The same as an address carries it.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = self.terms.pairs();
        pairs.extend(self.models.iter().map(|model| ("as", model.clone())));
        let others =
            [("tier", &self.tier), ("processing", &self.processing), ("cached", &self.cached)];
        let said = others.into_iter().filter(|(_, value)| !value.is_empty());
        pairs.extend(said.map(|(name, value)| (name, value.clone())));
        pairs
    }

    /// The days asked for.
    pub(super) fn days(&self, state: &ConsoleState) -> Result<Days, ConsoleError> {
        let today = state.settings.zone.date_of(state.now());
        self.terms.days(today, DEFAULT_RANGE).map_err(ConsoleError::Malformed)
    }

    /// The question, or what is wrong with it.
    pub(super) fn asked(
        &self,
        state: &ConsoleState,
        session: &Session,
    ) -> Result<CompareAsked, ConsoleError> {
        let wrong = ConsoleError::Malformed;
        let days = self.days(state)?;
        let span = self.terms.span(days, &state.settings.zone).map_err(wrong)?;
        let conditions = self.terms.conditions().map_err(|problems| wrong(problems.join(" ")))?;
        let too_long = |text: &&String| text.len() > NAME_BYTES_MAX;
        if self.models.iter().chain([&self.tier, &self.processing]).any(|text| too_long(&text)) {
            return Err(wrong(format!("A name is longer than {NAME_BYTES_MAX} bytes.")));
        }
        let cached = match self.cached.as_str() {
            "" => None,
            text => {
                let share = text.parse().ok().filter(|share| *share <= 100);
                let told = || wrong("What is read from a cache is no share up to 100%.".to_owned());
                Some(share.ok_or_else(told)?)
            }
        };
        let said = |text: &String| (!text.is_empty()).then(|| text.clone());
        let terms = OnTerms { tier: said(&self.tier), processing: said(&self.processing), cached };
        Ok(CompareAsked {
            span,
            team: session.team().cloned(),
            conditions,
            models: self.models.clone(),
            terms,
        })
    }

    /// The fields for models: those sent, and empty ones up to as many as can be compared.
    pub(super) fn shown_models(&self) -> Vec<String> {
        let mut models = self.models.clone();
        models.resize(MODELS_MAX.max(models.len()).min(2 * MODELS_MAX), String::new());
        models
    }

    /// The options of the tier; one that was written into the address stays.
    pub(super) fn tiers(&self) -> Vec<Choice> {
        with_own(&TIERS, &self.tier)
    }

    /// The options of how calls are processed.
    pub(super) fn processings(&self) -> Vec<Choice> {
        with_own(&PROCESSINGS, &self.processing)
    }

    /// The options of what is read from a cache.
    pub(super) fn cachings(&self) -> Vec<Choice> {
        with_own(&CACHINGS, &self.cached)
    }

    /// Questions to begin with, about the same days and filters.
    pub(super) fn openers(&self) -> [(&'static str, String); 3] {
        let with = |name: &'static str, value: &str| {
            let mut pairs = self.terms.pairs();
            pairs.push((name, value.to_owned()));
            address("/prices/what-if", &pairs)
        };
        [
            ("everything in batches", with("processing", "batch")),
            ("nothing read from a cache", with("cached", "0")),
            ("half of all input read from a cache", with("cached", "50")),
        ]
    }
}

fn with_own(options: &[(&str, &str)], chosen: &str) -> Vec<Choice> {
    let is_known = options.iter().any(|(value, _)| *value == chosen);
    let own = (!is_known).then_some((chosen, chosen));
    Choice::all(options.iter().copied().chain(own), chosen)
}
