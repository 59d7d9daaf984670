//! A list of bounded length, so that a body of megabytes cannot become gigabytes of elements.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};

/// Elements a list may hold: the most messages any vendor documents for one request.
pub(crate) const ELEMENTS_MAX: usize = 100_000;

/// At most [`ELEMENTS_MAX`] elements; more are an error while they are being read.
#[derive(Debug)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

struct ListVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = List<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<List<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element()? {
            if list.len() == ELEMENTS_MAX {
                return Err(A::Error::custom(format_args!("more than {ELEMENTS_MAX} elements")));
            }
            list.push(element);
        }
        Ok(List(list))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_longer_than_any_request_is_refused_while_it_is_read() {
        let body = |length: usize| format!("[{}0]", "0,".repeat(length - 1));
        let read =
            |length| serde_json::from_str::<List<u8>>(&body(length)).map(|list| list.0.len());
        assert_eq!(read(ELEMENTS_MAX).ok(), Some(ELEMENTS_MAX));
        assert!(read(ELEMENTS_MAX + 1).is_err_and(|e| e.to_string().contains("more than 100000")));
    }
}
