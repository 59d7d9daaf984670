//! The layers a price book is made of: which file speaks, and how it is named beside a price.
//!
//! It must never know what a price file says.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The embedded catalog; `data/convert.py` says how it is made and from what.
const CATALOG: &str = include_str!("../data/catalog.json");
/// Models the catalog's source does not list; the file says where their prices stand.
const ADDITIONS: &str = include_str!("../data/additions.json");
/// What the catalog lacks and vendors document, each entry with its source.
const REGIONAL: &str = include_str!("../data/regional.json");

/// Whose word a layer is. A higher kind goes before a lower one, in whatever order they are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LayerKind {
    /// Shipped with the product.
    Embedded,
    /// Read from a public catalog at run time.
    Imported,
    /// Written by the operator.
    Operator,
    /// Negotiated with a provider: makes the contract cost, never the list cost.
    Contract,
}

impl LayerKind {
    /// Every kind, the lowest first.
    pub const ALL: [LayerKind; 4] =
        [LayerKind::Embedded, LayerKind::Imported, LayerKind::Operator, LayerKind::Contract];

    /// The name of the kind.
    pub const fn as_str(self) -> &'static str {
        match self {
            LayerKind::Embedded => "embedded",
            LayerKind::Imported => "imported",
            LayerKind::Operator => "operator",
            LayerKind::Contract => "contract",
        }
    }
}

impl fmt::Display for LayerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for LayerKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(LayerKind::as_str).join("`, `");
            format!("`{text}` is no kind of price layer: write one of `{known}`")
        })
    }
}

/// One price file of a book.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// Whose word it is.
    pub kind: LayerKind,
    /// What errors and lines call it: a file name, or the name of an import.
    pub name: String,
    /// The text of the price file.
    pub json: String,
}

impl Layer {
    /// The layers shipped with the product: the catalog and what it lacks. Copies half a megabyte.
    pub fn embedded() -> Vec<Layer> {
        let layer = |name: &str, json: &str| Layer {
            kind: LayerKind::Embedded,
            name: name.to_owned(),
            json: json.to_owned(),
        };
        vec![
            layer("catalog.json", CATALOG),
            layer("additions.json", ADDITIONS),
            layer("regional.json", REGIONAL),
        ]
    }

    /// The version of the layer: 16 hexadecimal digits of a BLAKE3 hash of its text.
    pub fn version(&self) -> String {
        blake3::hash(self.json.as_bytes()).to_hex()[..16].to_owned()
    }
}

/// Where a price comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Source {
    /// Whose word it is.
    pub kind: LayerKind,
    /// The name of the layer.
    pub name: String,
    /// [`Layer::version`] of the layer.
    pub version: String,
    /// What the file itself says of its origin, for people; may be empty.
    pub note: String,
}

/// `catalog.json 0123456789abcdef (embedded)`.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.name, self.version, self.kind)
    }
}
