//! OpenRouter's `/api/v1/models`: a list of models, prices as texts in dollars for one unit.

use jiff::civil::Date;
use serde_json::value::RawValue;

use crate::import::ImportError;
use crate::import::amount;
use crate::import::offer::{Collected, Condition, Offer, Sheet};
use crate::import::read::{Fields, Source};
use crate::key::PriceKey;
use crate::place::Step;

/// Prices by the name they have.
const PRICES: [(&str, PriceKey); 10] = [
    ("prompt", PriceKey::Input),
    ("completion", PriceKey::Output),
    ("internal_reasoning", PriceKey::Reasoning),
    ("input_cache_read", PriceKey::CacheRead),
    ("input_cache_write", PriceKey::CacheWrite),
    ("input_cache_write_1h", PriceKey::CacheWrite1h),
    ("audio", PriceKey::InputAudio),
    ("audio_output", PriceKey::OutputAudio),
    ("input_audio_cache", PriceKey::CacheReadAudio),
    ("image_token", PriceKey::InputImage),
];
/// Prices of whole things.
const PIECES: [(&str, PriceKey); 3] = [
    ("request", PriceKey::Request),
    ("web_search", PriceKey::WebSearch),
    ("image_output", PriceKey::Images),
];
/// What an override asks of a request.
const CONDITIONS: [&str; 4] = ["min_prompt_tokens", "utc_start", "utc_end", "utc_days"];

/// Reads every model.
pub(super) fn collect(
    source: &Source<'_>,
    collected: &mut Collected<'_>,
) -> Result<(), ImportError> {
    let root = source.root()?;
    let Some(data) = root.get("data") else {
        return Err(source.fault(&[], "there is no list `data`: check the file and the format"));
    };
    let seller = match collected.seller("openrouter") {
        Ok(seller) => seller,
        Err(why) => {
            collected.skip("openrouter", why);
            return Ok(());
        }
    };
    for (position, value) in source.list(data, &[Step::Key("data")])?.into_iter().enumerate() {
        let at = [Step::Key("data"), Step::At(position)];
        let model = source.fields(value, &at)?;
        let Some(id) = model.text("id") else {
            return Err(source.fault(&at, "a model has no `id`: name it, or leave it out"));
        };
        let mut reader = Reader { source, position, offer: Offer::default(), skipped: Vec::new() };
        let is_fixed = reader.model(&model)?;
        let Reader { offer, skipped, .. } = reader;
        for (field, why) in skipped {
            collected.skip(format!("{id}: {field}"), why);
        }
        if is_fixed {
            collected.take(&seller, &id, offer, true);
        } else {
            collected.skip(id, "its price is fixed per request, by the model that is chosen");
        }
    }
    Ok(())
}

struct Reader<'a, 's> {
    source: &'s Source<'a>,
    position: usize,
    offer: Offer,
    skipped: Vec<(String, String)>,
}

impl<'a> Reader<'a, '_> {
    /// Reads a model; `false` when its prices are not fixed.
    fn model(&mut self, model: &Fields<'a>) -> Result<bool, ImportError> {
        self.offer.context_tokens = model.count("context_length").filter(|count| *count > 0);
        self.offer.names.extend(model.text("canonical_slug"));
        if let Some(top) = model.get("top_provider") {
            let top = self.source.fields(top, &self.path("top_provider"))?;
            self.offer.output_tokens =
                top.count("max_completion_tokens").filter(|count| *count > 0);
        }
        if let Some(day) = model.text("expiration_date") {
            match day.get(..10).filter(|day| day.parse::<Date>().is_ok()) {
                Some(day) => self.offer.retires = Some(day.to_owned()),
                None => self.skip("expiration_date", "it is no day such as 2026-11-22"),
            }
        }
        let Some(pricing) = model.get("pricing") else { return Ok(true) };
        let at = self.path("pricing");
        let pricing = self.source.fields(pricing, &at)?;
        let Some(base) = self.prices(&pricing, &at)? else { return Ok(false) };
        for (key, amount) in &base {
            self.offer.put(&Condition::default(), None, (*key, amount.clone()));
        }
        if let Some(overrides) = pricing.get("overrides") {
            let path = [at[0], at[1], at[2], Step::Key("overrides")];
            for (position, value) in self.source.list(overrides, &path)?.into_iter().enumerate() {
                self.replaced(value, &[path[0], path[1], path[2], path[3], Step::At(position)])?;
            }
        }
        for key in self.offer.ground_tiers() {
            self.skip(key.as_str(), "it has a price for long prompts and none for short ones");
        }
        Ok(true)
    }

    /// Prices that replace the base ones under a condition.
    fn replaced(&mut self, value: &'a RawValue, at: &[Step<'_>]) -> Result<(), ImportError> {
        let fields = self.source.fields(value, at)?;
        if fields.get("utc_days").is_some() {
            self.skip("overrides", "prices by the day of the week are not known to the price book");
            return Ok(());
        }
        let Some(prices) = self.prices(&fields, at)? else {
            self.skip("overrides", "a price is below zero, which is none");
            return Ok(());
        };
        let least = fields.count("min_prompt_tokens");
        let daily = match (fields.get("utc_start"), fields.get("utc_end")) {
            (None, None) => None,
            _ => {
                let of = |name| clock(fields.count(name).unwrap_or(0));
                let Some(daily) = of("utc_start").zip(of("utc_end")) else {
                    self.skip("overrides", "its hours are no times of the day");
                    return Ok(());
                };
                Some(daily)
            }
        };
        match (least.and_then(|least| least.checked_sub(1)), daily) {
            (Some(above), None) => {
                for price in prices {
                    self.offer.put(&Condition::default(), Some(above), price);
                }
            }
            (None, Some(daily)) => {
                // A sheet speaks alone, so that it repeats what the hours do not change.
                let condition = Condition { when: None, daily: Some(daily) };
                let base =
                    self.offer.sheets.get(&Condition::default()).cloned().unwrap_or_default();
                let mut sheet = Sheet { rates: base.rates, tiers: base.tiers };
                sheet.rates.extend(prices);
                self.offer.sheets.insert(condition, sheet);
            }
            _ => self.skip("overrides", "its conditions together are not known to the price book"),
        }
        Ok(())
    }

    /// The prices of an object; `None` when one of them is not fixed.
    fn prices(
        &mut self,
        fields: &Fields<'a>,
        at: &[Step<'_>],
    ) -> Result<Option<Vec<(PriceKey, String)>>, ImportError> {
        let mut prices = Vec::new();
        for (field, value) in fields.0.iter().filter(|(_, value)| value.get() != "null") {
            let known = PRICES.iter().chain(&PIECES).find(|(name, _)| name == field);
            let Some((_, key)) = known else {
                self.unknown(field, value);
                continue;
            };
            let path: Vec<Step<'_>> = at.iter().copied().chain([Step::Key(field)]).collect();
            let Some(price) = self.source.amount(value, &path)? else { return Ok(None) };
            // Zero beside the prices of prompt and completion says that there is none of its own.
            if price.digits == 0 && !matches!(key, PriceKey::Input | PriceKey::Output) {
                continue;
            }
            match amount::times(price, key.default_per().get()) {
                Some(amount) => prices.push((*key, amount)),
                None => self.skip(field, "it has more digits than a price has"),
            }
        }
        Ok(Some(prices))
    }

    fn unknown(&mut self, field: &str, value: &RawValue) {
        let is_zero = matches!(value.get(), "0" | "\"0\"");
        if is_zero || field == "overrides" || CONDITIONS.contains(&field) {
            return;
        }
        let why = match field {
            // A list price is what it is before a discount that comes and goes.
            "discount" => "the prices are told with it applied",
            "image" => "images that are read have no meter beside those that are made",
            _ => "it is a price of a kind this importer does not know",
        };
        self.skip(field, why);
    }

    fn skip(&mut self, field: &str, why: &str) {
        self.skipped.push((field.to_owned(), why.to_owned()));
    }

    fn path<'p>(&self, field: &'p str) -> [Step<'p>; 3] {
        [Step::Key("data"), Step::At(self.position), Step::Key(field)]
    }
}

/// `1630` as a time of the day; `2400` is midnight.
fn clock(time: u64) -> Option<String> {
    let (hours, minutes) = ((time / 100) % 24, time % 100);
    (time <= 2_400 && minutes < 60).then(|| format!("{hours:02}:{minutes:02}:00"))
}
