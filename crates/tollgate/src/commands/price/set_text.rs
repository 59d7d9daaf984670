//! The price file that `tollgate price set` writes: what was set before, and one sheet more.

use pricing::PriceKey;
use serde_json::{Map, Value, json};

/// What the file says of its origin.
const SOURCE: &str = "tollgate price set";

/// A sheet to add.
pub(super) struct Sheet {
    /// Provider id, lower case.
    pub(super) provider: String,
    /// Model id.
    pub(super) model: String,
    /// A name it answers to besides its id, where it needs a rule for it.
    pub(super) names: Option<String>,
    /// First instant, RFC 3339.
    pub(super) from: String,
    /// Every price, by key.
    pub(super) rates: Vec<(PriceKey, String)>,
}

/// The file with a sheet more; one from the same instant is replaced.
///
/// # Errors
/// When the file that is there was not written by this.
pub(super) fn with(known: Option<&str>, sheet: &Sheet) -> Result<String, String> {
    let mut file: Value = match known {
        Some(text) => serde_json::from_str(text).map_err(|error| unreadable(&error.to_string()))?,
        None => json!({ "source": SOURCE, "providers": [] }),
    };
    let lacks = || unreadable("it lacks a list");
    let providers = file.get_mut("providers").and_then(Value::as_array_mut).ok_or_else(lacks)?;
    let new = || json!({ "id": sheet.provider, "models": [] });
    let provider = entry(providers, &sheet.provider, new);
    let models = provider.get_mut("models").and_then(Value::as_array_mut).ok_or_else(lacks)?;
    // Requests of a kind keep their own prices: what was set is that of plain ones.
    let new = || json!({ "id": sheet.model, "keep_variants": true, "prices": [] });
    let model = entry(models, &sheet.model, new);
    if let Some(name) = &sheet.names {
        model["match"] = json!({ "or": [{ "equals": sheet.model }, { "equals": name }] });
    }
    let sheets = model.get_mut("prices").and_then(Value::as_array_mut).ok_or_else(lacks)?;
    sheets.retain(|known| known["from"] != sheet.from.as_str());
    let rate = |(key, price): &(PriceKey, String)| (key.to_string(), price.clone().into());
    let rates: Map<String, Value> = sheet.rates.iter().map(rate).collect();
    sheets.push(json!({ "from": sheet.from, "rates": rates }));
    sheets.sort_by_key(instant);
    serde_json::to_string_pretty(&file).map_err(|error| error.to_string())
}

/// The entry of an id, added if need be.
fn entry<'a>(list: &'a mut Vec<Value>, id: &str, new: impl FnOnce() -> Value) -> &'a mut Value {
    let is_it = |known: &Value| known["id"].as_str().is_some_and(|k| k.eq_ignore_ascii_case(id));
    let position = list.iter().position(is_it).unwrap_or_else(|| {
        list.push(new());
        list.len() - 1
    });
    &mut list[position]
}

fn instant(sheet: &Value) -> Option<jiff::Timestamp> {
    sheet["from"].as_str()?.parse().ok()
}

fn unreadable(why: &str) -> String {
    format!("the prices set so far do not read back: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(model: &str, from: &str, price: &str) -> Sheet {
        Sheet {
            provider: "openai".to_owned(),
            model: model.to_owned(),
            names: None,
            from: from.to_owned(),
            rates: vec![(PriceKey::Input, price.to_owned())],
        }
    }

    #[test]
    fn sheets_are_added_in_order_of_time_and_replaced_from_the_same_instant() {
        let mut text = None;
        for (model, from, price) in [
            ("gpt-5.4", "2026-06-01T00:00:00Z", "2"),
            ("gpt-5.4", "2026-01-01T00:00:00Z", "1"),
            ("o3", "2026-01-01T00:00:00Z", "9"),
            ("GPT-5.4", "2026-06-01T00:00:00Z", "3"),
        ] {
            text = Some(with(text.as_deref(), &sheet(model, from, price)).unwrap());
        }
        let text = text.unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        let model = &file["providers"][0]["models"][0];
        let set: Vec<(&str, &str)> = model["prices"]
            .as_array()
            .unwrap()
            .iter()
            .map(|sheet| {
                (sheet["from"].as_str().unwrap(), sheet["rates"]["input"].as_str().unwrap())
            })
            .collect();
        assert_eq!(set, [("2026-01-01T00:00:00Z", "1"), ("2026-06-01T00:00:00Z", "3")]);
        assert_eq!(file["providers"][0]["models"].as_array().unwrap().len(), 2);
        let layer = pricing::Layer {
            kind: pricing::LayerKind::Operator,
            name: "set".to_owned(),
            json: text,
        };
        assert!(crate::prices::compose(&[layer]).is_ok());
    }

    #[test]
    fn a_file_someone_else_wrote_is_left_alone() {
        for text in ["{", "[]", r#"{"providers": 7}"#] {
            assert!(with(Some(text), &sheet("o3", "2026-01-01T00:00:00Z", "1")).is_err(), "{text}");
        }
    }
}
