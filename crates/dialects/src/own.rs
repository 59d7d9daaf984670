//! What clients tell the gateway itself inside a body, what it tells them there, and how either is
//! kept from the other side: the same for every dialect.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use units::Usd;

use crate::json::{Edit, List, Object, is_null, plain_text};
use crate::request::{RequestError, without_position};

/// Fields read by gateways (ours, or in other gateways' habits) that providers refuse.
pub(crate) const OWN_FIELDS: [&str; 3] = ["cache", "session_id", "tollgate"];

/// Metadata entries and tags read at most; OpenAI itself allows 16 entries.
const LABELS_MAX: usize = 64;

/// A member of a known type, with its name in the error.
pub(crate) fn typed<T: DeserializeOwned>(param: &str, raw: &RawValue) -> Result<T, RequestError> {
    serde_json::from_str(raw.get()).map_err(|e| RequestError::invalid(param, without_position(&e)))
}

/// The model a request must name.
pub(crate) fn model(raw: Option<&RawValue>) -> Result<String, RequestError> {
    let model = raw.map(|raw| typed::<String>("model", raw)).transpose()?;
    model.filter(|model| !model.is_empty()).ok_or_else(|| RequestError::missing("model"))
}

/// Plain text of a member, when it is there and not empty.
pub(crate) fn label(raw: Option<&RawValue>) -> Option<String> {
    raw.and_then(|raw| plain_text(raw.get())).filter(|text| !text.is_empty())
}

/// The plain entries of `metadata`, and its `tags`.
pub(crate) fn labels(metadata: Option<&RawValue>) -> (BTreeMap<String, String>, Vec<String>) {
    let Some(metadata) = metadata.and_then(|raw| Object::scan(raw.get())) else {
        return Default::default();
    };
    let entries = metadata
        .iter()
        .filter_map(|(key, json)| Some((key.to_owned(), plain_text(json)?)))
        .take(LABELS_MAX)
        .collect();
    let tags: Vec<&RawValue> = metadata
        .get("tags")
        .and_then(|json| serde_json::from_str::<List<&RawValue>>(json).ok())
        .map(|tags| tags.0)
        .unwrap_or_default();
    let tags = tags.iter().filter_map(|raw| plain_text(raw.get())).take(LABELS_MAX).collect();
    (entries, tags)
}

/// Metadata without the list of tags other gateways put there: providers take text only.
pub(crate) fn without_tags(metadata: &str) -> Option<String> {
    let remove =
        |key: &str, json: &str| (key == "tags" && json.starts_with('[')).then_some(Edit::Remove);
    Object::scan(metadata)?.rewrite(remove, &[])
}

/// A `usage` object with our `cost`, in the place of the provider's where it has one.
pub(crate) fn with_cost(usage: &str, cost: Usd) -> Option<String> {
    if is_null(usage) {
        return None;
    }
    Some(priced(&Object::scan(usage)?, cost))
}

/// The same of a `usage` object that was taken apart.
pub(crate) fn priced(usage: &Object<'_>, cost: Usd) -> String {
    let cost = cost.to_string();
    if !usage.iter().any(|(key, _)| key == "cost") {
        return usage.with("cost", &cost);
    }
    let replaced = |key: &str, _: &str| (key == "cost").then(|| Edit::Replace(cost.clone()));
    usage.rewrite(replaced, &[]).unwrap_or_else(|| usage.json().to_owned())
}
