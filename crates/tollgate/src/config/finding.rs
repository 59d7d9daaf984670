//! Problems as they are found, and what must not be shown of the file when they are told.
//!
//! Must never let a snippet carry a secret someone wrote where a reference belongs.

use std::ops::Range;

use super::tree::{Node, Value};

/// Where something was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Bytes of the file.
    Span(Range<usize>),
    /// An environment variable.
    Variable(String),
}

/// One problem.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub(super) place: Place,
    pub(super) message: String,
    pub(super) label: String,
    pub(super) help: Option<String>,
    /// Another place that explains it.
    pub(super) also: Option<(Place, String)>,
}

impl Finding {
    /// A problem at a place.
    pub(super) fn at(place: &Place, message: impl Into<String>) -> Self {
        let (message, label) = (message.into(), String::new());
        Self { place: place.clone(), message, label, help: None, also: None }
    }

    /// What is written under the place.
    pub(super) fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// What to do about it.
    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Another place that explains it, and how.
    pub(super) fn also(mut self, place: &Place, label: impl Into<String>) -> Self {
        self.also = Some((place.clone(), label.into()));
        self
    }
}

/// All problems of one file, and the parts of it that may be secrets.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<Finding>,
    masked: Vec<Range<usize>>,
}

impl Findings {
    /// Adds a problem.
    pub(super) fn add(&mut self, finding: Finding) {
        self.problems.push(finding);
    }

    /// Whether nothing was found.
    pub(super) fn is_empty(&self) -> bool {
        self.problems.is_empty()
    }

    /// Keeps every text at or below a node out of all snippets.
    pub(super) fn mask(&mut self, node: &Node) {
        match (&node.value, &node.place) {
            (Value::List(nodes), _) => nodes.iter().for_each(|node| self.mask(node)),
            (Value::Table(table), _) => table.values().for_each(|entry| self.mask(&entry.node)),
            (_, Place::Span(span)) => self.masked.push(span.clone()),
            (_, Place::Variable(_)) => {}
        }
    }

    /// Keeps the values of lines that look like they hold a secret out of all snippets: for a file
    /// that is not TOML, where no value can be told from another.
    pub(super) fn mask_doubtful_lines(&mut self, text: &str) {
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            if let Some((key, value)) = line.split_once('=') {
                let key = key.to_lowercase();
                let doubtful = ["key", "secret", "token", "password", "hash"]
                    .iter()
                    .any(|word| key.contains(word));
                let reference = value.trim_start().trim_start_matches(['"', '\'']);
                if doubtful && !reference.starts_with("env:") && !reference.starts_with("file:") {
                    self.masked.push(start + key.len() + 1..start + line.len());
                }
            }
            start += line.len();
        }
    }

    /// The file with every masked byte replaced by an asterisk, at the same offsets.
    pub(super) fn masked_text(&self, text: &str) -> String {
        let mut bytes = text.as_bytes().to_vec();
        for span in &self.masked {
            for byte in bytes.get_mut(span.clone()).unwrap_or_default() {
                if !matches!(byte, b'\n' | b'\r' | b'"' | b'\'') {
                    *byte = b'*';
                }
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masking_keeps_offsets_and_quotes_and_hides_the_rest() {
        let text = "a = 1\napi_key = \"sk-é\nb = 2\napi_key = \"env:X\n";
        let mut findings = Findings::default();
        findings.mask_doubtful_lines(text);
        let masked = findings.masked_text(text);
        assert_eq!(masked, "a = 1\napi_key =*\"*****\nb = 2\napi_key = \"env:X\n");
        assert_eq!(masked.len(), text.len());
    }
}
