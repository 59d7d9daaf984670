//! A few members of a JSON document that arrives in pieces, however long it is: nothing else is kept.
//!
//! Whatever is no JSON gives no members; it must never panic and never hold more than its limits.

use memchr::memchr2;

/// Longest name of a member that is looked at, bytes.
const KEY_BYTES_MAX: usize = 64;
/// Longest value that is kept, bytes of JSON; a longer one counts as absent.
const VALUE_BYTES_MAX: usize = 64 << 10;

/// Where in a member the scan stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// A name is to come.
    Name,
    /// Within a name.
    InName,
    /// Behind a name.
    Colon,
    /// Within a value.
    Value,
}

/// Finds members of the document's object, or of each object of a document that is a list: the last of
/// a name wins.
#[derive(Debug)]
pub(crate) struct Members {
    wanted: &'static [&'static str],
    /// The member whose objects are counted, where it is a list.
    counted: &'static str,
    items: u64,
    depth: usize,
    /// Depth of the members.
    level: usize,
    is_text: bool,
    is_escaped: bool,
    phase: Phase,
    name: Vec<u8>,
    value: Vec<u8>,
    found: Vec<(&'static str, String)>,
}

impl Members {
    /// Looks for members of these names, and counts the objects of the list named `counted`.
    pub(crate) fn new(wanted: &'static [&'static str], counted: &'static str) -> Self {
        Self {
            wanted,
            counted,
            items: 0,
            depth: 0,
            level: 0,
            is_text: false,
            is_escaped: false,
            phase: Phase::Name,
            name: Vec::new(),
            value: Vec::new(),
            found: Vec::new(),
        }
    }

    /// The JSON text of a member that is whole and not null.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.found.iter().rev().find(|(known, _)| *known == name);
        found.map(|(_, json)| json.trim_ascii()).filter(|json| !super::is_null(json))
    }

    /// Objects in the counted list.
    pub(crate) const fn items(&self) -> u64 {
        self.items
    }

    /// Takes the next bytes.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            // Most of a long document is text nobody asked for.
            if self.is_text && !self.is_escaped && !self.keeps() {
                match memchr2(b'"', b'\\', rest) {
                    None => return,
                    Some(0) => {}
                    Some(at) => {
                        rest = rest.get(at..).unwrap_or_default();
                        continue;
                    }
                }
            }
            self.byte(byte);
            rest = after;
        }
    }

    /// Whether bytes are kept now.
    fn keeps(&self) -> bool {
        match self.phase {
            Phase::InName => true,
            Phase::Value => self.wanted_name().is_some(),
            Phase::Name | Phase::Colon => false,
        }
    }

    fn wanted_name(&self) -> Option<&'static str> {
        self.wanted.iter().copied().find(|wanted| wanted.as_bytes() == self.name)
    }

    fn byte(&mut self, byte: u8) {
        if self.is_text {
            return self.text(byte);
        }
        match byte {
            b'"' => {
                self.is_text = true;
                if self.phase == Phase::Name && self.depth == self.level {
                    self.phase = Phase::InName;
                    self.name.clear();
                } else {
                    self.keep(byte);
                }
            }
            b'{' | b'[' => self.open(byte),
            b'}' | b']' => {
                if self.depth == self.level {
                    self.end_value();
                } else {
                    self.keep(byte);
                }
                self.depth = self.depth.saturating_sub(1);
            }
            b',' if self.depth == self.level => self.end_value(),
            b':' if self.phase == Phase::Colon && self.depth == self.level => {
                self.phase = Phase::Value;
                self.value.clear();
            }
            _ => self.keep(byte),
        }
    }

    fn text(&mut self, byte: u8) {
        let ends = byte == b'"' && !self.is_escaped;
        self.is_escaped = byte == b'\\' && !self.is_escaped;
        if ends {
            self.is_text = false;
        }
        match self.phase {
            Phase::InName if ends => self.phase = Phase::Colon,
            // A name cut short is none that is wanted: those are all shorter.
            Phase::InName if self.name.len() < KEY_BYTES_MAX => self.name.push(byte),
            Phase::InName => {}
            Phase::Name | Phase::Colon | Phase::Value => self.keep(byte),
        }
    }

    fn open(&mut self, byte: u8) {
        if self.depth == 0 {
            self.level = if byte == b'{' { 1 } else { 2 };
            self.phase = Phase::Name;
            self.depth = 1;
            return;
        }
        self.depth = self.depth.saturating_add(1);
        if self.depth == self.level {
            self.phase = Phase::Name;
            return;
        }
        let is_item = byte == b'{' && self.depth == self.level + 2 && self.phase == Phase::Value;
        if is_item && self.name == self.counted.as_bytes() {
            self.items = self.items.saturating_add(1);
        }
        self.keep(byte);
    }

    fn keep(&mut self, byte: u8) {
        let has_room = self.value.len() <= VALUE_BYTES_MAX;
        if has_room && self.phase == Phase::Value && self.wanted_name().is_some() {
            self.value.push(byte);
        }
    }

    fn end_value(&mut self) {
        if self.phase == Phase::Value
            && self.value.len() <= VALUE_BYTES_MAX
            && let Some(name) = self.wanted_name()
            && let Ok(json) = String::from_utf8(std::mem::take(&mut self.value))
        {
            self.found.retain(|(known, _)| *known != name);
            self.found.push((name, json));
        }
        self.phase = Phase::Name;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WANTED: &[&str] = &["usage", "model"];

    fn members(pieces: &[&[u8]]) -> Members {
        let mut members = Members::new(WANTED, "data");
        pieces.iter().for_each(|piece| members.push(piece));
        members
    }

    #[test]
    fn members_of_the_top_are_found_and_their_likes_further_down_are_not() {
        for (json, usage, model, items) in [
            (
                r#"{"usage":{"a":[1,{"b":"}"}]},"model":"m"}"#,
                Some(r#"{"a":[1,{"b":"}"}]}"#),
                Some("\"m\""),
                0,
            ),
            (r#"{"x":{"usage":1},"y":"\"usage\":2,","model" : "n" }"#, None, Some("\"n\""), 0),
            (r#"{"data":[{"a":{}},{"a":[{}]}],"usage":null}"#, None, None, 2),
            (r#"[{"usage":1},{"usage":2,"data":[{}]}]"#, Some("2"), None, 1),
            ("{\"usage\":1}\n{\"usage\":3}\n", Some("3"), None, 0),
            (r#"{"data":[],"usage":4"#, None, None, 0),
            ("]}\"", None, None, 0),
        ] {
            let whole = members(&[json.as_bytes()]);
            assert_eq!((whole.get("usage"), whole.get("model")), (usage, model), "{json}");
            assert_eq!(whole.items(), items, "{json}");
        }
    }

    #[test]
    fn a_long_document_is_not_kept() {
        let mut members = members(&[br#"{"data":[{"b64_json":""#]);
        (0..64).for_each(|_| members.push(&[b'A'; 64 << 10]));
        members.push(br#""}],"usage":{"a":1},"model":""#);
        (0..4).for_each(|_| members.push(&[b'm'; 64 << 10]));
        members.push(b"\"}");
        assert_eq!((members.get("usage"), members.get("model")), (Some("{\"a\":1}"), None));
        assert!(members.value.capacity() <= 4 * VALUE_BYTES_MAX);
    }

    proptest! {
        #[test]
        fn any_split_finds_the_same_and_nothing_panics(
            json in "[{}\\[\\]\",:a-z\\\\ ]{0,80}",
            cut in 0_usize..80,
        ) {
            let text = format!("{{\"model\":{json},\"usage\":[{json}]}}");
            let cut = cut.min(text.len());
            let whole = members(&[text.as_bytes()]);
            let split = members(&[&text.as_bytes()[..cut], &text.as_bytes()[cut..]]);
            prop_assert_eq!(whole.get("usage"), split.get("usage"));
            prop_assert_eq!(whole.get("model"), split.get("model"));
        }
    }
}
