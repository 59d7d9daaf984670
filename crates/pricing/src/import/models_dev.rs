//! models.dev's `api.json`: providers with models, prices in dollars for a million tokens.

use serde_json::value::RawValue;

use crate::import::ImportError;
use crate::import::amount;
use crate::import::offer::{Collected, Condition, Offer};
use crate::import::read::{Fields, Source};
use crate::key::PriceKey;
use crate::place::Step;

/// Prices by the name they have, all of a million tokens.
const PRICES: [(&str, PriceKey); 8] = [
    ("input", PriceKey::Input),
    ("output", PriceKey::Output),
    ("reasoning", PriceKey::Reasoning),
    ("cache_read", PriceKey::CacheRead),
    ("cache_write", PriceKey::CacheWrite),
    ("input_audio", PriceKey::InputAudio),
    ("output_audio", PriceKey::OutputAudio),
    ("input_image", PriceKey::InputImage),
];
/// The prompt above which the prices of `context_over_200k` hold.
const LONG_PROMPT: u64 = 200_000;
const BELOW_ZERO: &str = "a price is below zero: correct it, or leave it out";

/// Reads every model of every provider.
pub(super) fn collect(
    source: &Source<'_>,
    collected: &mut Collected<'_>,
) -> Result<(), ImportError> {
    for (name, value) in source.root()?.0 {
        let provider = source.fields(value, &[Step::Key(&name)])?;
        let Some(models) = provider.get("models") else {
            collected.skip(name, "it has no `models`");
            continue;
        };
        let seller = match collected.seller(&name) {
            Ok(seller) => seller,
            Err(why) => {
                collected.skip(name, why);
                continue;
            }
        };
        for (id, value) in source.fields(models, &[Step::Key(&name), Step::Key("models")])?.0 {
            let at = [Step::Key(&name), Step::Key("models"), Step::Key(&id)];
            let mut reader = Reader { source, at, offer: Offer::default(), skipped: Vec::new() };
            reader.model(&source.fields(value, &at)?)?;
            let Reader { offer, skipped, .. } = reader;
            for (field, why) in skipped {
                collected.skip(format!("{name}/{id}: {field}"), why);
            }
            collected.take(&seller, &id, offer, false);
        }
    }
    Ok(())
}

struct Reader<'a, 's> {
    source: &'s Source<'a>,
    at: [Step<'s>; 3],
    offer: Offer,
    skipped: Vec<(String, String)>,
}

impl<'a> Reader<'a, '_> {
    fn model(&mut self, model: &Fields<'a>) -> Result<(), ImportError> {
        let [provider, models, id] = self.at;
        if let Some(limit) = model.get("limit") {
            let limit = self.source.fields(limit, &[provider, models, id, Step::Key("limit")])?;
            self.offer.context_tokens = limit.count("context").filter(|count| *count > 0);
            self.offer.output_tokens = limit.count("output").filter(|count| *count > 0);
        }
        let Some(cost) = model.get("cost") else { return Ok(()) };
        let at = [provider, models, id, Step::Key("cost")];
        let cost = self.source.fields(cost, &at)?;
        let has_tiers = cost.get("tiers").is_some();
        self.prices(&cost, None, &at)?;
        for (field, value) in &cost.0 {
            let path = [at[0], at[1], at[2], at[3], Step::Key(field)];
            match field.as_str() {
                "tiers" => self.tiers(value, &path)?,
                // The older way to write the first tier.
                "context_over_200k" if has_tiers => {}
                "context_over_200k" if value.get() != "null" => {
                    let prices = self.source.fields(value, &path)?;
                    self.prices(&prices, Some(LONG_PROMPT), &path)?;
                }
                _ => {}
            }
        }
        for key in self.offer.ground_tiers() {
            let why = "it has a price for long prompts and none for short ones";
            self.skipped.push((key.as_str().to_owned(), why.to_owned()));
        }
        Ok(())
    }

    fn tiers(&mut self, value: &'a RawValue, at: &[Step<'_>; 5]) -> Result<(), ImportError> {
        if value.get() == "null" {
            return Ok(());
        }
        for (position, value) in self.source.list(value, at)?.into_iter().enumerate() {
            let path = [at[0], at[1], at[2], at[3], at[4], Step::At(position)];
            let prices = self.source.fields(value, &path)?;
            let tier =
                prices.get("tier").map(|tier| self.source.fields(tier, &path)).transpose()?;
            let kind = tier.as_ref().and_then(|tier| tier.text("type"));
            let size = tier.as_ref().and_then(|tier| tier.count("size"));
            match (kind.as_deref(), size) {
                (None | Some("context"), Some(size)) => self.prices(&prices, Some(size), &path)?,
                _ => {
                    let why = "it is no tier by the length of the prompt";
                    self.skipped.push(("tiers".to_owned(), why.to_owned()));
                }
            }
        }
        Ok(())
    }

    fn prices(
        &mut self,
        prices: &Fields<'a>,
        above: Option<u64>,
        at: &[Step<'_>],
    ) -> Result<(), ImportError> {
        for (field, value) in prices.0.iter().filter(|(_, value)| value.get() != "null") {
            let Some((_, key)) = PRICES.iter().find(|(name, _)| name == field) else {
                if !matches!(field.as_str(), "tiers" | "tier" | "context_over_200k") {
                    let why = "it is a price of a kind this importer does not know";
                    self.skipped.push((field.clone(), why.to_owned()));
                }
                continue;
            };
            let path: Vec<Step<'_>> = at.iter().copied().chain([Step::Key(field)]).collect();
            let Some(price) = self.source.amount(value, &path)? else {
                return Err(self.source.fault(&path, BELOW_ZERO));
            };
            match amount::times(price, 1) {
                Some(amount) => drop(self.offer.put(&Condition::default(), above, (*key, amount))),
                None => {
                    let why = "it has more digits than a price has";
                    self.skipped.push((field.clone(), why.to_owned()));
                }
            }
        }
        Ok(())
    }
}
