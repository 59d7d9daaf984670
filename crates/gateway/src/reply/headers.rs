//! Headers of an answer: those of the gateway itself, each once.

use http::{HeaderMap, HeaderName, HeaderValue};
use pingora_http::ResponseHeader;

/// Headers to be added to an answer.
#[derive(Default)]
pub(crate) struct Headers(Vec<(HeaderName, HeaderValue)>);

impl Headers {
    /// Adds a header. A value that cannot stand in one (a model's name with a line break) is left out.
    pub(crate) fn push(&mut self, name: &HeaderName, value: impl ToString) {
        if let Ok(value) = HeaderValue::try_from(value.to_string()) {
            self.0.push((name.clone(), value));
        }
    }

    /// Adds one more to the list, separated by commas, in a header's value.
    pub(crate) fn push_listed(&mut self, name: &HeaderName, listed: &str) {
        let known = self.0.iter().position(|(known, _)| known == name).map(|at| self.0.remove(at));
        let known = known.as_ref().and_then(|(_, value)| value.to_str().ok());
        match known {
            Some(known) => self.push(name, [known, listed].join(",")),
            None => self.push(name, listed),
        }
    }

    /// Adds headers that are complete.
    pub(crate) fn extend(&mut self, headers: Vec<(HeaderName, HeaderValue)>) {
        self.0.extend(headers);
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Moves them to an answer's, in the place of equal names.
    pub(crate) fn move_to(self, answer: &mut HeaderMap) {
        for (name, value) in self.0 {
            answer.insert(name, value);
        }
    }

    /// Adds them to an answer's, in the place of equal names.
    pub(crate) fn add_to(&self, answer: &mut ResponseHeader) {
        for (name, value) in &self.0 {
            // Both are valid already: no more than their number could be refused.
            let _ = answer.insert_header(name.clone(), value.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::names;
    use super::*;

    #[test]
    fn a_value_that_cannot_stand_in_a_header_is_left_out_and_a_list_grows() {
        let mut headers = Headers::default();
        headers.push(&names::MODEL, "a\r\nx-admin: yes");
        headers.push(&names::PROVIDER, "one");
        headers.push(&names::PROVIDER, "two");
        headers.push_listed(&names::DROPPED_PARAMS, "seed");
        headers.push_listed(&names::DROPPED_PARAMS, "citations");
        let mut answer = ResponseHeader::build_no_case(200, None).unwrap();
        headers.add_to(&mut answer);
        let told =
            |name: &HeaderName| answer.headers.get(name).map(|value| value.to_str().unwrap());
        assert_eq!((told(&names::MODEL), told(&names::PROVIDER)), (None, Some("two")));
        assert_eq!(told(&names::DROPPED_PARAMS), Some("seed,citations"));
        assert_eq!(answer.headers.len(), 2);
        let mut moved = HeaderMap::new();
        headers.move_to(&mut moved);
        assert_eq!(moved, answer.headers);
    }
}
