//! Lists of things with ids: each id once, each thing complete.

use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// What a list of a price file holds at most once.
pub(super) trait Identified {
    /// What it is, for messages.
    const KIND: &'static str;
    /// What tells it from the others.
    fn id(&self) -> &str;
    /// Whether it says what it must.
    fn complete(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Reads a list, each id of which stands once.
pub(super) fn distinct<'de, D: Deserializer<'de>, T: Deserialize<'de> + Identified>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct Distinct<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de> + Identified> Visitor<'de> for Distinct<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "a list of {}s", T::KIND)
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
            let (mut items, mut seen) = (Vec::<T>::new(), HashSet::<String>::new());
            while let Some(item) = seq.next_element::<T>()? {
                let (kind, id) = (T::KIND, item.id());
                if id.trim().is_empty() {
                    return Err(de::Error::custom(format!("a {kind} has an empty `id`: name it")));
                }
                if !seen.insert(id.to_lowercase()) {
                    let twice = format!("{kind} `{id}` is listed twice: keep one");
                    return Err(de::Error::custom(twice));
                }
                item.complete().map_err(de::Error::custom)?;
                items.push(item);
            }
            Ok(items)
        }
    }
    deserializer.deserialize_seq(Distinct(PhantomData))
}
