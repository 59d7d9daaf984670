//! One model of LiteLLM's map.

use jiff::civil::Date;
use serde_json::value::RawValue;

use crate::decimal::Decimal;
use crate::import::ImportError;
use crate::import::amount;
use crate::import::litellm::field::{Kind, Meaning, Priced, meaning};
use crate::import::offer::{Condition, Offer};
use crate::import::read::{Fields, Source, whole};
use crate::key::PriceKey;
use crate::place::Step;

/// Fields that multiply prices, and the request fact they are for.
const FACTORS: [(&str, (&str, &str)); 3] = [
    ("regional_processing_uplift_multiplier_eu", ("inference_geo", "eu")),
    ("regional_processing_uplift_multiplier_us", ("inference_geo", "us")),
    ("regional_endpoint_uplift_multiplier", ("deployment_type", "regional")),
];

/// A model that is being read.
pub(super) struct Entry<'a, 's> {
    source: &'s Source<'a>,
    key: &'s str,
    fields: &'s Fields<'a>,
    offer: Offer,
    skipped: Vec<(String, String)>,
}

impl<'a, 's> Entry<'a, 's> {
    pub(super) fn new(source: &'s Source<'a>, key: &'s str, fields: &'s Fields<'a>) -> Self {
        Self { source, key, fields, offer: Offer::default(), skipped: Vec::new() }
    }

    /// The model, and what of it is not carried over.
    pub(super) fn finish(self) -> (Offer, Vec<(String, String)>) {
        (self.offer, self.skipped)
    }

    /// Reads every field.
    pub(super) fn read(&mut self) -> Result<(), ImportError> {
        let fields = self.fields;
        let mode = fields.text("mode").unwrap_or_default();
        let makes_images = fields.get("output_cost_per_image").is_some();
        let kind = Kind { mode: &mode, makes_images };
        self.offer.context_tokens = fields.count("max_input_tokens").filter(|count| *count > 0);
        self.offer.output_tokens = fields.count("max_output_tokens").filter(|count| *count > 0);
        for (field, value) in &fields.0 {
            if value.get() == "null" {
                continue;
            }
            match field.as_str() {
                "deprecation_date" => self.retires(value),
                "search_context_cost_per_query" => self.searches(value)?,
                "tiered_pricing" => self.ranges(value, kind)?,
                // Of base prices, which must be known first.
                "provider_specific_entry" => {}
                _ if FACTORS.iter().any(|(name, _)| name == field) => self.factor(field, value)?,
                _ => match meaning(field, kind) {
                    Meaning::Price(priced) => {
                        let at = [Step::Key(self.key), Step::Key(field)];
                        self.price(priced, value, &at, field)?;
                    }
                    Meaning::Skip(why) => self.skip(field, why),
                    Meaning::Other => {}
                },
            }
        }
        for key in self.offer.ground_tiers() {
            self.skip(key.as_str(), "it has a price for long prompts and none for short ones");
        }
        match fields.get("provider_specific_entry") {
            Some(value) => self.specific(value),
            None => Ok(()),
        }
    }

    fn skip(&mut self, field: &str, why: impl Into<String>) {
        self.skipped.push((field.to_owned(), why.into()));
    }

    fn price(
        &mut self,
        priced: Priced,
        value: &RawValue,
        at: &[Step<'_>],
        field: &str,
    ) -> Result<(), ImportError> {
        let Some(price) = self.source.amount(value, at)? else {
            return Err(self
                .source
                .fault(at, "a price is below zero: correct it, or leave it out"));
        };
        let Priced { key, above, when } = priced;
        let Some(amount) = amount::times(price, key.default_per().get()) else {
            self.skip(field, "it has more digits than a price has");
            return Ok(());
        };
        let condition = when.map_or_else(Condition::default, |(k, v)| Condition::when(k, v));
        if !self.offer.put(&condition, above, (key, amount)) {
            self.skip(field, format!("`{key}` has another price in the same entry"));
        }
        Ok(())
    }

    fn retires(&mut self, value: &RawValue) {
        let day: Option<String> = serde_json::from_str(value.get()).ok();
        match day.filter(|day| day.len() == 10 && day.parse::<Date>().is_ok()) {
            Some(day) => self.offer.retires = Some(day),
            None => self.skip("deprecation_date", "it is no day such as 2026-11-22"),
        }
    }

    /// The price of a search by how much of the web it reads: one price, where it is the same for all.
    fn searches(&mut self, value: &'a RawValue) -> Result<(), ImportError> {
        let field = "search_context_cost_per_query";
        let mut found: Option<Decimal> = None;
        for (size, value) in self.source.fields(value, &[Step::Key(self.key), Step::Key(field)])?.0
        {
            let at = [Step::Key(self.key), Step::Key(field), Step::Key(&size)];
            let Some(price) = self.source.amount(value, &at)? else {
                return Err(self
                    .source
                    .fault(&at, "a price is below zero: correct it, or leave it out"));
            };
            if found.is_some_and(|other| other != price) {
                self.skip(
                    field,
                    "it depends on the size of the search context, which no request tells",
                );
                return Ok(());
            }
            found = Some(price);
        }
        let key = PriceKey::WebSearch;
        let amount = found.and_then(|price| amount::times(price, key.default_per().get()));
        if let Some(amount) = amount {
            self.offer.put(&Condition::default(), None, (key, amount));
        }
        Ok(())
    }

    /// Prices by ranges of the prompt's length: each range is a tier that begins above its lower end.
    fn ranges(&mut self, value: &'a RawValue, kind: Kind<'_>) -> Result<(), ImportError> {
        let field = "tiered_pricing";
        let path = [Step::Key(self.key), Step::Key(field)];
        for (position, value) in self.source.list(value, &path)?.into_iter().enumerate() {
            let at = [path[0], path[1], Step::At(position)];
            let prices = self.source.fields(value, &at)?;
            let Some(range) = prices.get("range") else {
                self.skip(field, "its ranges are not of the prompt's length");
                return Ok(());
            };
            let lower = self.source.list(range, &at)?.first().and_then(|lower| whole(lower));
            let Some(lower) = lower else {
                return Err(self
                    .source
                    .fault(&at, "a range has no lower end: write `[0, 256000]`"));
            };
            for (name, value) in prices.0.iter().filter(|(name, _)| name != "range") {
                match meaning(name, kind) {
                    Meaning::Price(priced) if priced.above.is_none() => {
                        let above = (lower > 0).then_some(lower);
                        let at = [at[0], at[1], at[2], Step::Key(name)];
                        self.price(Priced { above, ..priced }, value, &at, field)?;
                    }
                    Meaning::Price(_) => self.skip(field, "a range within a range has no meaning"),
                    Meaning::Skip(why) => self.skip(field, why),
                    Meaning::Other => {}
                }
            }
        }
        Ok(())
    }

    fn factor(&mut self, field: &str, value: &RawValue) -> Result<(), ImportError> {
        let found = FACTORS.iter().find(|(name, _)| *name == field);
        let at = [Step::Key(self.key), Step::Key(field)];
        let factor = self.source.amount(value, &at)?;
        if let (Some((_, fact)), Some(factor)) = (found, factor) {
            self.multiply(field, *fact, factor);
        }
        Ok(())
    }

    fn multiply(&mut self, field: &str, (key, value): (&str, &str), factor: Decimal) {
        match amount::text(factor.digits, factor.decimals).filter(|text| text.len() <= 12) {
            Some(text) if text == "1" => {}
            Some(text) => {
                self.offer.factors.insert((key.to_owned(), value.to_owned()), text);
            }
            None => self.skip(field, "it has more digits than a factor has"),
        }
    }

    /// `{"us": 1.1, "fast": 2}`: factors for a region, and for a speed. Those for a speed become prices,
    /// as others write them, so that two sources that know a speed do not multiply each other.
    fn specific(&mut self, value: &'a RawValue) -> Result<(), ImportError> {
        let field = "provider_specific_entry";
        let at = [Step::Key(self.key), Step::Key(field)];
        for (name, value) in self.source.fields(value, &at)?.0 {
            // Hints on how to call a model stand here, too.
            let Ok(factor) = value.get().parse::<Decimal>() else { continue };
            let is_place = name.len() == 2 && name.bytes().all(|byte| byte.is_ascii_lowercase());
            if is_place {
                self.multiply(field, ("inference_geo", &name), factor);
            } else if name == "fast" {
                match self.offer.scaled(factor) {
                    Some(sheet) if !sheet.rates.is_empty() => {
                        self.offer.sheets.insert(Condition::when("speed", &name), sheet);
                    }
                    Some(_) => {}
                    None => self.skip(field, "a price has more digits than a price has"),
                }
            } else {
                self.skip(field, format!("what `{name}` multiplies is not known"));
            }
        }
        Ok(())
    }
}
