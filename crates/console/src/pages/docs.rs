//! The admin API's document, as JSON and as a page of our own: it needs no script, no other site, and
//! says the same since both come from the handlers.
//!
//! The document describes the product, not an installation, and is open to anyone.

use std::sync::Arc;

use askama::Template;
use axum::extract::{FromRequestParts, Request, State};
use axum::response::Html;
use axum::{Extension, Json};
use serde_json::{Map, Value};
use utoipa::openapi::OpenApi;

use super::layout::{Layout, Section};
use super::rendered;
use crate::ConsoleState;
use crate::error::ConsoleError;
use crate::session::SignedIn;

/// Methods in the order operations are shown.
const METHODS: [&str; 3] = ["get", "post", "delete"];

#[derive(Template)]
#[template(path = "docs.html")]
struct DocsPage {
    layout: Layout,
    /// Paragraphs.
    introduction: Vec<String>,
    groups: Vec<Group>,
    shapes: Vec<Shape>,
}

/// The operations of one tag.
struct Group {
    name: String,
    description: String,
    operations: Vec<Operation>,
}

struct Operation {
    id: String,
    method: String,
    path: String,
    summary: String,
    fields: Vec<Field>,
    /// The shape of the body, when there is one.
    body: Option<String>,
    /// Status, and the shape or words that come with it.
    answers: Vec<(String, Option<String>, String)>,
}

/// An object of requests or answers.
struct Shape {
    name: String,
    description: String,
    fields: Vec<Field>,
}

struct Field {
    name: String,
    /// Where it goes: `path`, `query`, `header`; empty within shapes.
    place: String,
    kind: Kind,
    is_required: bool,
    description: String,
}

/// What a value is.
struct Kind {
    words: String,
    /// The shape it is, or is a list of.
    shape: Option<String>,
}

/// The document itself.
pub(crate) async fn document(Extension(document): Extension<Arc<OpenApi>>) -> Json<Arc<OpenApi>> {
    Json(document)
}

/// The document as a page.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    Extension(document): Extension<Arc<OpenApi>>,
    request: Request,
) -> Result<Html<String>, ConsoleError> {
    let (mut parts, _) = request.into_parts();
    let title = "Admin API".to_owned();
    let layout = match SignedIn::from_request_parts(&mut parts, &state).await {
        Ok(SignedIn(session)) => Layout::new(&state, &session, Section::Elsewhere, title),
        Err(_) => Layout::outside(&state, title),
    };
    let document = serde_json::to_value(&*document);
    let document = document.map_err(|error| ConsoleError::Unwritten(error.to_string()))?;
    let introduction = text(&document["info"], "description");
    rendered(&DocsPage {
        layout,
        introduction: introduction.split("\n\n").map(str::to_owned).collect(),
        groups: groups(&document),
        shapes: shapes(&document),
    })
}

fn groups(document: &Value) -> Vec<Group> {
    let tags = document["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
    let group = |tag: &Value| {
        let name = text(tag, "name");
        let of_tag = |operation: &Value| operation["tags"][0] == name.as_str();
        let operations = object(&document["paths"]).flat_map(|(path, item)| {
            let of_method = move |method: &str| Some((path, method.to_owned(), item.get(method)?));
            METHODS.into_iter().filter_map(of_method)
        });
        let operations = operations
            .filter(|(.., operation)| of_tag(operation))
            .map(|(path, method, operation)| Operation::of(path, &method, operation))
            .collect();
        Group { description: text(tag, "description"), operations, name }
    };
    tags.iter().map(group).collect()
}

fn shapes(document: &Value) -> Vec<Shape> {
    object(&document["components"]["schemas"])
        .map(|(name, schema)| Shape {
            name: name.clone(),
            description: text(schema, "description"),
            fields: properties(schema),
        })
        .collect()
}

impl Operation {
    fn of(path: &str, method: &str, operation: &Value) -> Self {
        let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
        let parameter = |parameter: &Value| Field {
            name: text(parameter, "name"),
            place: text(parameter, "in"),
            kind: Kind::of(&parameter["schema"]),
            is_required: parameter["required"] == true,
            description: text(parameter, "description"),
        };
        let answer = |(status, answer): (&String, &Value)| {
            (status.clone(), shape_of(&content(answer)), text(answer, "description"))
        };
        Self {
            id: format!("{method}{}", path.replace(['/', '{', '}'], "-")),
            method: method.to_uppercase(),
            path: path.to_owned(),
            summary: text(operation, "summary"),
            fields: parameters.iter().map(parameter).collect(),
            body: shape_of(&content(&operation["requestBody"])),
            answers: object(&operation["responses"]).map(answer).collect(),
        }
    }
}

/// The schema of a JSON body.
fn content(of: &Value) -> Value {
    of["content"]["application/json"]["schema"].clone()
}

impl Kind {
    fn of(schema: &Value) -> Self {
        // What may be null is written as one of null and the rest.
        let choices = schema["oneOf"].as_array().or(schema["anyOf"].as_array());
        if let Some(chosen) = choices.into_iter().flatten().find(|s| s["type"] != "null") {
            let Kind { words, shape } = Self::of(chosen);
            return Self { words: format!("{words} or null"), shape };
        }
        if let Some(shape) = shape_of(schema) {
            return Self { words: String::new(), shape: Some(shape) };
        }
        let names: Vec<&str> = match &schema["type"] {
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            name => name.as_str().into_iter().collect(),
        };
        let mut words = names.join(" or ");
        if let Some(format) = schema["format"].as_str() {
            words = format!("{words} ({format})");
        }
        if names.first() == Some(&"array") {
            let Kind { words: items, shape } = Self::of(&schema["items"]);
            return Self { words: format!("list of {items}"), shape };
        }
        Self { words, shape: None }
    }
}

/// The fields of an object, those of the objects it is made of included.
fn properties(schema: &Value) -> Vec<Field> {
    let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    let field = |(name, property): (&String, &Value)| Field {
        name: name.clone(),
        place: String::new(),
        kind: Kind::of(property),
        is_required: required.iter().any(|required| required == name.as_str()),
        description: text(property, "description"),
    };
    let parts = schema["allOf"].as_array().into_iter().flatten().flat_map(properties);
    object(&schema["properties"]).map(field).chain(parts).collect()
}

/// The name a schema refers to.
fn shape_of(schema: &Value) -> Option<String> {
    schema["$ref"].as_str()?.rsplit('/').next().map(str::to_owned)
}

fn object(value: &Value) -> impl Iterator<Item = (&String, &Value)> + '_ {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn text(of: &Value, name: &str) -> String {
    of[name].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn kinds_are_told_in_words_and_name_their_shape() {
        for (schema, words, shape) in [
            (json!({"type": "string"}), "string", None),
            (
                json!({"type": ["string", "null"], "format": "date-time"}),
                "string or null (date-time)",
                None,
            ),
            (json!({"type": "array", "items": {"type": "integer"}}), "list of integer", None),
            (json!({"$ref": "#/components/schemas/Money"}), "", Some("Money")),
            (json!({"type": "array", "items": {"$ref": "#/c/Key"}}), "list of ", Some("Key")),
            (json!({"oneOf": [{"type": "null"}, {"$ref": "#/c/Key"}]}), " or null", Some("Key")),
            (json!({}), "", None),
        ] {
            let kind = Kind::of(&schema);
            assert_eq!((kind.words.as_str(), kind.shape.as_deref()), (words, shape), "{schema}");
        }
    }
}
