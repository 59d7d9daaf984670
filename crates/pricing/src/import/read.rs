//! A catalog's text, taken apart object by object, so that a fault has its line.
//!
//! Only the objects that are asked for are read; whatever else stands in a catalog, however deep, is
//! skipped without being built.

use std::collections::HashSet;
use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::decimal::{Decimal, DecimalError};
use crate::error::PriceBookError;
use crate::import::ImportError;
use crate::place::Step;

/// A catalog and its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    name: &'a str,
    text: &'a str,
}

/// The fields of an object in the order of the text, each once.
pub(super) struct Fields<'a>(pub(super) Vec<(String, &'a RawValue)>);

impl<'a> Fields<'a> {
    /// The value of a field that is there and not null.
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| *value).filter(|value| value.get() != "null")
    }

    /// The text of a field that is a text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?.get()).ok()
    }

    /// A count, whether it is written as `256000` or as `256000.0`; `None` for anything else.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        whole(self.get(name)?)
    }
}

/// The whole number a value is.
pub(super) fn whole(value: &RawValue) -> Option<u64> {
    let number: Decimal = value.get().parse().ok()?;
    (number.decimals == 0).then(|| u64::try_from(number.digits).ok()).flatten()
}

impl<'a> Source<'a> {
    pub(super) fn new(name: &'a str, text: &'a str) -> Self {
        Self { name, text }
    }

    /// The whole text.
    pub(super) fn text(&self) -> &'a str {
        self.text
    }

    /// Its name.
    pub(super) fn name(&self) -> &'a str {
        self.name
    }

    /// The fields of the outermost object.
    pub(super) fn root(&self) -> Result<Fields<'a>, ImportError> {
        serde_json::from_str(self.text).map_err(|error| {
            ImportError::Catalog(PriceBookError::malformed(self.name, self.text, &error))
        })
    }

    /// The fields of an object at a place.
    pub(super) fn fields(
        &self,
        value: &'a RawValue,
        at: &[Step<'_>],
    ) -> Result<Fields<'a>, ImportError> {
        serde_json::from_str(value.get()).map_err(|error| {
            let told = error.to_string();
            let reason = told.split(" at line ").next().unwrap_or_default();
            self.fault(at, &format!("{reason}: check the file and the format"))
        })
    }

    /// The elements of a list at a place.
    pub(super) fn list(
        &self,
        value: &'a RawValue,
        at: &[Step<'_>],
    ) -> Result<Vec<&'a RawValue>, ImportError> {
        serde_json::from_str(value.get())
            .map_err(|_| self.fault(at, "this is no list: check the file and the format"))
    }

    /// An amount at a place, as a number or as a text; `None` when it is below zero, which some
    /// catalogs write for a price that is not fixed.
    pub(super) fn amount(
        &self,
        value: &RawValue,
        at: &[Step<'_>],
    ) -> Result<Option<Decimal>, ImportError> {
        let raw = value.get();
        let text = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(raw);
        match text.trim().parse::<Decimal>() {
            Ok(amount) => Ok(Some(amount)),
            Err(DecimalError::Negative(_)) => Ok(None),
            Err(error) => Err(self.fault(at, &error.to_string())),
        }
    }

    /// What is wrong at a place; `told` is the message, a colon and the remedy.
    pub(super) fn fault(&self, at: &[Step<'_>], told: &str) -> ImportError {
        ImportError::Catalog(PriceBookError::at(self.name, self.text, at, told))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (mut fields, mut seen) = (Vec::new(), HashSet::new());
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    if !seen.insert(key.clone()) {
                        let twice = format!("`{key}` stands twice in one object: keep one");
                        return Err(de::Error::custom(twice));
                    }
                    fields.push((key, value));
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Each).map(Fields)
    }
}
