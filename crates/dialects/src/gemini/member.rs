//! Members of this dialect's objects: their names may be written in camel case or with underscores,
//! since the vendor's own server reads both; a list of one may be written as that one.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{List, Object, whole};
use crate::request::{RequestError, without_position};

/// A name in camel case, whichever way it was written.
pub(super) fn camel(key: &str) -> Cow<'_, str> {
    if !key.contains('_') {
        return Cow::Borrowed(key);
    }
    let mut out = String::with_capacity(key.len());
    let mut rises = false;
    for c in key.chars() {
        match c {
            // One before the first letter belongs to the name.
            '_' if !out.is_empty() => rises = true,
            _ if rises => {
                out.extend(c.to_uppercase());
                rises = false;
            }
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// The JSON text of a member that is there and not null.
pub(super) fn get<'a>(object: &Object<'a>, name: &str) -> Option<&'a str> {
    let found = object.iter().find(|(key, _)| camel(key) == name);
    found.map(|(_, json)| json).filter(|json| !crate::json::is_null(json))
}

/// A member that is a count; zero when it is not.
pub(super) fn count(object: &Object<'_>, name: &str) -> u64 {
    get(object, name).and_then(whole).unwrap_or(0)
}

/// A value of a known type, with its name in the error.
pub(super) fn value<'a, T: Deserialize<'a>>(param: &str, json: &'a str) -> Result<T, RequestError> {
    serde_json::from_str(json).map_err(|e| RequestError::invalid(param, without_position(&e)))
}

/// The elements of a list, or the one value that stands for a list of one.
pub(super) fn many<'a>(param: &str, json: &'a str) -> Result<Vec<&'a RawValue>, RequestError> {
    if json.trim_ascii_start().starts_with('[') {
        return value::<List<&'a RawValue>>(param, json).map(|list| list.0);
    }
    value(param, json).map(|one| vec![one])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_however_it_is_written() {
        for (written, name) in [
            ("generationConfig", "generationConfig"),
            ("generation_config", "generationConfig"),
            ("response_json_schema", "responseJsonSchema"),
            ("_private", "_private"),
            ("top_p", "topP"),
            ("text", "text"),
        ] {
            assert_eq!(camel(written), name);
        }
        let object = Object::scan(r#"{"prompt_token_count":"7","x":null}"#).unwrap();
        assert_eq!(count(&object, "promptTokenCount"), 7);
        assert_eq!(get(&object, "x"), None);
    }

    #[test]
    fn one_stands_for_a_list_of_one() {
        let texts = |json| many("p", json).map(|list| list.iter().map(|raw| raw.get()).collect());
        assert_eq!(texts("[1, 2]"), Ok(vec!["1", "2"]));
        assert_eq!(texts(r#"{"text":"a"}"#), Ok(vec![r#"{"text":"a"}"#]));
        assert!(texts("[1").is_err());
    }
}
