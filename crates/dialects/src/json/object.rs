//! One JSON object as text: where its members lie, and how to change a few of them and nothing else.
//!
//! The text is expected to be valid JSON (serde has read it before); on anything else the scan gives
//! up, it never panics.

use std::borrow::Cow;
use std::ops::Range;

use bytes::Bytes;
use memchr::memchr2;

use super::{is_null, number, plain_text};
use crate::sent::{COPIED_BYTES_MAX, SentBody, Splicer};

/// Members an object may have; the largest request has about forty.
const MEMBERS_MAX: usize = 10_000;

/// The members of one object, in order.
pub(crate) struct Object<'a> {
    json: &'a str,
    members: Vec<Member<'a>>,
}

struct Member<'a> {
    key: Cow<'a, str>,
    /// Offset of the quote that opens the key.
    start: usize,
    value: Range<usize>,
}

/// What becomes of a member.
pub(crate) enum Edit {
    /// It is left out.
    Remove,
    /// Its value becomes this JSON text.
    Replace(String),
}

impl<'a> Object<'a> {
    /// Finds the members of the object `json` holds; `None` when it holds something else,
    /// or more than 10,000.
    pub(crate) fn scan(json: &'a str) -> Option<Self> {
        let mut at = skip_space(json, 0);
        if json.as_bytes().get(at) != Some(&b'{') {
            return None;
        }
        at = skip_space(json, at + 1);
        let mut members = Vec::new();
        if json.as_bytes().get(at) == Some(&b'}') {
            return Some(Self { json, members });
        }
        while members.len() < MEMBERS_MAX {
            let start = at;
            let key_end = string_end(json, start)?;
            let key = key_text(json.get(start..key_end)?)?;
            at = skip_space(json, key_end);
            if json.as_bytes().get(at) != Some(&b':') {
                return None;
            }
            let value_start = skip_space(json, at + 1);
            let value_end = value_end(json, value_start)?;
            members.push(Member { key, start, value: value_start..value_end });
            at = skip_space(json, value_end);
            match json.as_bytes().get(at)? {
                b',' => at = skip_space(json, at + 1),
                b'}' => return Some(Self { json, members }),
                _ => return None,
            }
        }
        None
    }

    /// The members: key and JSON text of the value.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.members.iter().map(|member| (member.key.as_ref(), &self.json[member.value.clone()]))
    }

    /// The JSON text of a member that is there and not null.
    pub(crate) fn get(&self, key: &str) -> Option<&'a str> {
        self.iter().find(|(k, _)| *k == key).map(|(_, json)| json).filter(|json| !is_null(json))
    }

    /// A member that is an object.
    pub(crate) fn child(&self, key: &str) -> Option<Object<'a>> {
        self.get(key).and_then(Object::scan)
    }

    /// A member that is a count; zero when it is not.
    pub(crate) fn count(&self, key: &str) -> u64 {
        self.get(key).and_then(number::whole).unwrap_or(0)
    }

    /// A member that is text (or a number or boolean, as text) and not empty.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        self.get(key).and_then(plain_text).filter(|text| !text.is_empty())
    }

    /// The text it was found in.
    pub(crate) fn json(&self) -> &'a str {
        self.json
    }

    /// The object with one more member at its end, every other byte as it was.
    pub(crate) fn with(&self, key: &str, value: &str) -> String {
        let end = self
            .members
            .last()
            .map_or_else(|| self.json.find('{').map_or(0, |open| open + 1), |last| last.value.end);
        let (before, after) = self.json.split_at(end);
        let comma = if self.members.is_empty() { "" } else { "," };
        [before, comma, "\"", key, "\":", value, after].concat()
    }

    /// The object with some members changed and some added at the end, every other byte as it was.
    /// `None` when nothing changes.
    pub(crate) fn rewrite(
        &self,
        edit: impl FnMut(&str, &str) -> Option<Edit>,
        added: &[(&str, String)],
    ) -> Option<String> {
        let edits = self.edits(edit, added)?;
        let extra: usize = added.iter().map(|(key, json)| key.len() + json.len() + 4).sum();
        let out = String::with_capacity(self.json.len() + extra + 256);
        let mut copy = Copy { json: self.json, out };
        self.write(&edits, added, &mut copy);
        Some(copy.out)
    }

    /// The same of a whole body, whose text this object is: the body itself when nothing changes, and
    /// its own bytes around what does when it is large.
    pub(crate) fn respelled(
        &self,
        body: &Bytes,
        edit: impl FnMut(&str, &str) -> Option<Edit>,
        added: &[(&str, String)],
    ) -> SentBody {
        if body.len() <= COPIED_BYTES_MAX {
            return self.rewrite(edit, added).map_or_else(|| body.clone().into(), SentBody::from);
        }
        let Some(edits) = self.edits(edit, added) else { return body.clone().into() };
        let mut splicer = Splicer::new(body.clone());
        self.write(&edits, added, &mut splicer);
        splicer.finish()
    }

    /// What becomes of each member; `None` when nothing changes.
    fn edits(
        &self,
        mut edit: impl FnMut(&str, &str) -> Option<Edit>,
        added: &[(&str, String)],
    ) -> Option<Vec<Option<Edit>>> {
        let edits: Vec<Option<Edit>> =
            self.members.iter().map(|m| edit(&m.key, &self.json[m.value.clone()])).collect();
        (!added.is_empty() || edits.iter().any(Option::is_some)).then_some(edits)
    }

    fn write(&self, edits: &[Option<Edit>], added: &[(&str, String)], out: &mut impl Sink) {
        let open = self.json.find('{').map_or(0, |at| at + 1);
        let head_end = self.members.first().map_or(open, |first| first.start);
        out.keep(0..head_end);
        let mut is_first = true;
        let mut before = head_end;
        for (member, edit) in self.members.iter().zip(edits) {
            let separator = before..member.start;
            before = member.value.end;
            if matches!(edit, Some(Edit::Remove)) {
                continue;
            }
            if !is_first && separator.is_empty() {
                out.put(",");
            } else if !is_first {
                out.keep(separator);
            }
            is_first = false;
            match edit {
                Some(Edit::Replace(json)) => {
                    out.keep(member.start..member.value.start);
                    out.put(json);
                }
                _ => out.keep(member.start..member.value.end),
            }
        }
        for (key, json) in added {
            let comma = if is_first { "" } else { "," };
            is_first = false;
            for text in [comma, "\"", key, "\":", json] {
                out.put(text);
            }
        }
        out.keep(before..self.json.len());
    }
}

/// Where an object with changes is written to.
pub(crate) trait Sink {
    /// These bytes of the object stay.
    fn keep(&mut self, range: Range<usize>);
    /// This text is new.
    fn put(&mut self, text: &str);
}

/// One text.
struct Copy<'a> {
    json: &'a str,
    out: String,
}

impl Sink for Copy<'_> {
    fn keep(&mut self, range: Range<usize>) {
        self.out.push_str(&self.json[range]);
    }

    fn put(&mut self, text: &str) {
        self.out.push_str(text);
    }
}

/// The text of a key, given with its quotes.
fn key_text(quoted: &str) -> Option<Cow<'_, str>> {
    let inner = quoted.get(1..quoted.len().checked_sub(1)?)?;
    // An escaped name is still that name: `"mod\u0065l"` must not slip past an edit of `model`.
    if inner.contains('\\') {
        serde_json::from_str(quoted).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

fn skip_space(json: &str, at: usize) -> usize {
    let rest = json.as_bytes().get(at..).unwrap_or_default();
    at + rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')).count()
}

/// The offset after the closing quote of the string that opens at `start`.
fn string_end(json: &str, start: usize) -> Option<usize> {
    let bytes = json.as_bytes();
    if bytes.get(start) != Some(&b'"') {
        return None;
    }
    let mut at = start + 1;
    loop {
        at += memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The offset after the value that starts at `start`.
fn value_end(json: &str, start: usize) -> Option<usize> {
    let bytes = json.as_bytes();
    match bytes.get(start)? {
        b'"' => string_end(json, start),
        b'{' | b'[' => nested_end(json, start),
        _ => {
            let rest = &bytes[start..];
            let is_end = |b: &u8| matches!(b, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
            let length = rest.iter().position(is_end).unwrap_or(rest.len());
            (length > 0).then_some(start + length)
        }
    }
}

/// The offset after the object or array that opens at `start`, without recursion.
fn nested_end(json: &str, start: usize) -> Option<usize> {
    let bytes = json.as_bytes();
    let mut depth = 0_usize;
    let mut at = start;
    loop {
        match bytes.get(at)? {
            b'"' => {
                at = string_end(json, at)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rewritten(json: &str) -> Option<String> {
        let edit = |key: &str, _: &str| match key {
            "gone" => Some(Edit::Remove),
            "model" => Some(Edit::Replace("\"new\"".to_owned())),
            _ => None,
        };
        Object::scan(json)?.rewrite(edit, &[])
    }

    #[test]
    fn only_what_is_named_changes_and_white_space_stays() {
        for (before, after) in [
            (r#"{"model":"old","x":1}"#, r#"{"model":"new","x":1}"#),
            (
                "{ \"x\" : 1 ,\n \"model\" : \"o\\\"ld\" }\n",
                "{ \"x\" : 1 ,\n \"model\" : \"new\" }\n",
            ),
            (r#"{"gone":[1,{"a":"]"}],"x":1}"#, r#"{"x":1}"#),
            (r#"{"x":1, "gone":null}"#, r#"{"x":1}"#),
            (r#"{"gone":1,"gone":2}"#, "{}"),
            (r#"{"mod\u0065l":null}"#, r#"{"mod\u0065l":"new"}"#),
        ] {
            assert_eq!(rewritten(before).as_deref(), Some(after), "{before}");
        }
        assert_eq!(rewritten(r#"{"x":{"model":1}}"#), None);
    }

    #[test]
    fn members_are_added_at_the_end_whatever_is_left() {
        let added = [("a", "1".to_owned()), ("b", "{}".to_owned())];
        let add = |json| Object::scan(json).unwrap().rewrite(|_, _| None, &added).unwrap();
        assert_eq!(add("{}"), r#"{"a":1,"b":{}}"#);
        assert_eq!(add(r#"{ "x": 1 }"#), r#"{ "x": 1,"a":1,"b":{} }"#);
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for json in
            ["", "[]", "1", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{a:1}", "{\"a\":}"]
        {
            assert!(Object::scan(json).is_none(), "{json}");
        }
        let endless = format!("{{{}\"z\":1}}", "\"a\":1,".repeat(MEMBERS_MAX));
        assert!(Object::scan(&endless).is_none());
    }

    proptest! {
        #[test]
        fn the_scan_never_panics(json in "[{}\\[\\]\",:\\\\a1 é]{0,40}") {
            if let Some(object) = Object::scan(&json) {
                let _ = object.rewrite(|_, _| Some(Edit::Remove), &[("k", "1".to_owned())]);
            }
        }

        #[test]
        fn an_edit_reads_back_as_json(keys in proptest::collection::vec("[a-e\\\\\"é]{0,3}", 0..6), removed in 0_usize..6) {
            let mut json = String::from("{ ");
            for (i, key) in keys.iter().enumerate() {
                if i > 0 { json.push_str(" ,"); }
                json.push_str(&format!("{}:\n[{i},\"}}\"]", serde_json::to_string(key).unwrap()));
            }
            json.push('}');
            let gone = keys.get(removed);
            let edit = |key: &str, _: &str| (Some(key) == gone.map(String::as_str)).then_some(Edit::Remove);
            let out = Object::scan(&json).unwrap().rewrite(edit, &[("added", "true".to_owned())]).unwrap();
            let value: serde_json::Value = serde_json::from_str(&out).unwrap();
            for key in &keys {
                prop_assert_eq!(value.get(key).is_none(), Some(key) == gone);
            }
            prop_assert_eq!(&value["added"], true);
        }
    }
}
