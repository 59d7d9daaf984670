//! What a price file says beside prices: which requests something is for, factors, other names.

use std::fmt;

use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::clause::Clause;
use crate::context::{ContextKey, PriceContext, tier_name};
use crate::decimal::Decimal;
use crate::factor::Factor;
use crate::key::PriceKey;
use crate::window::{Moment, Window};

/// The requests something is for: every fact named must be one of its values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct When(Vec<(ContextKey, Vec<Box<str>>)>);

impl When {
    /// Whether it is for every request.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a request is one of them.
    pub(crate) fn holds(&self, context: &PriceContext<'_>) -> bool {
        self.0.iter().all(|(key, values)| {
            context.get(*key).is_some_and(|told| values.iter().any(|value| **value == *told))
        })
    }
}

/// `service_tier = flex, processing = batch`.
impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (key, values)) in self.0.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}{key} = {}", values.join(" or "))?;
        }
        Ok(())
    }
}

impl<'de> Deserialize<'de> for When {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Facts;
        impl<'de> Visitor<'de> for Facts {
            type Value = When;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object such as {\"service_tier\": \"flex\"}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<When, A::Error> {
                let mut facts = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    let key = name.parse::<ContextKey>().map_err(de::Error::custom)?;
                    let Values(mut values) = map.next_value()?;
                    if facts.iter().any(|(seen, _)| *seen == key) {
                        let twice = format!("`{key}` is asked for twice: write a list of values");
                        return Err(de::Error::custom(twice));
                    }
                    if key == ContextKey::ServiceTier {
                        values.iter_mut().for_each(|value| *value = tier_name(value).into());
                    }
                    values.sort_unstable();
                    values.dedup();
                    facts.push((key, values));
                }
                facts.sort_unstable_by_key(|(key, _)| *key);
                Ok(When(facts))
            }
        }
        deserializer.deserialize_map(Facts)
    }
}

/// One value or a list of them.
struct Values(Vec<Box<str>>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMore;
        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Values;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Values, E> {
                Ok(Values(vec![text.into()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Values, A::Error> {
                let mut values = Vec::new();
                while let Some(value) = seq.next_element()? {
                    values.push(value);
                }
                if values.is_empty() {
                    return Err(de::Error::custom("a list of values is empty: name one"));
                }
                Ok(Values(values))
            }
        }
        deserializer.deserialize_any(OneOrMore)
    }
}

/// A set of price keys. In a file a list of them, where `tokens` stands for all that count tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>")]
pub(crate) struct KeySet(u64);

impl KeySet {
    /// Every key.
    pub(crate) const ALL: KeySet = KeySet(u64::MAX);

    /// Whether a key is in it.
    pub(crate) const fn has(self, key: PriceKey) -> bool {
        self.0 >> (key as u32) & 1 == 1
    }

    /// Whether a key is in both.
    pub(crate) const fn meets(self, other: KeySet) -> bool {
        self.0 & other.0 != 0
    }
}

impl TryFrom<Vec<String>> for KeySet {
    type Error = String;
    fn try_from(names: Vec<String>) -> Result<Self, String> {
        let mut set = 0;
        for name in names {
            let tokens = name == "tokens";
            let meant =
                |key: &&PriceKey| if tokens { key.is_tokens() } else { key.as_str() == name };
            let found =
                PriceKey::ALL.iter().filter(meant).fold(0, |set, key| set | 1 << (*key as u32));
            if found == 0 {
                return Err(format!(
                    "`{name}` is nothing a price is of: write keys such as `input`, or `tokens`"
                ));
            }
            set |= found;
        }
        match set {
            0 => Err("`keys` is empty: name one, or leave it out for all".to_owned()),
            set => Ok(Self(set)),
        }
    }
}

/// A factor on prices.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MultiplierFile {
    /// Whose prices; everybody's where nothing is said.
    pub(crate) provider: Option<String>,
    /// Which models, by their id in the book; all where nothing is said.
    pub(crate) models: Option<Clause>,
    /// Which prices; all where nothing is said.
    pub(crate) keys: Option<KeySet>,
    /// For which requests; all where nothing is said.
    #[serde(default)]
    pub(crate) when: When,
    #[serde(deserialize_with = "factor")]
    pub(crate) factor: Factor,
    from: Option<Moment>,
    to: Option<Moment>,
    /// Who says so, for people.
    pub(crate) source: Option<String>,
}

impl MultiplierFile {
    /// When it is in force.
    pub(crate) fn window(&self) -> Window {
        Window::new(self.from, self.to, None)
    }
}

fn factor<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Factor, D::Error> {
    Decimal::deserialize(deserializer)?.try_into().map_err(de::Error::custom)
}

/// Another name of a model: an Azure deployment, an ARN, a fine-tune.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AliasFile {
    /// Where the name is used.
    pub(crate) provider: String,
    /// The name as requests carry it.
    pub(crate) name: String,
    /// A name the provider's model answers to, or another alias.
    pub(crate) model: String,
    from: Option<Moment>,
    to: Option<Moment>,
    /// Who says so, for people.
    #[serde(default, rename = "source")]
    _source: Option<String>,
}

impl AliasFile {
    /// When it holds.
    pub(crate) fn window(&self) -> Window {
        Window::new(self.from, self.to, None)
    }
}
