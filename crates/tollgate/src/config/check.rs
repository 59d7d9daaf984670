//! Checks each value by itself against the schema: unknown and missing keys, kinds, bounds, forms.
//!
//! Must never stop at the first problem, and never know a key by name.

use super::finding::{Finding, Findings, Place};
use super::formats::{Format, format};
use super::nearest::nearest;
use super::schema::{Kind, Rule};
use super::tree::{Node, Table, Value};

/// Checks a whole file.
pub(super) fn check(root: Rule<'_>, tree: &Node, findings: &mut Findings) {
    Checker { root, findings }.value(root, tree, &Name::default());
}

/// What a value is called in messages: the keys that lead to it.
#[derive(Debug, Clone, Default)]
struct Name {
    dotted: String,
    /// It is one of a list.
    repeated: bool,
}

impl Name {
    fn key(&self, key: &str) -> Self {
        let dot = if self.dotted.is_empty() { "" } else { "." };
        Self { dotted: format!("{}{dot}{key}", self.dotted), repeated: false }
    }

    fn item(&self) -> Self {
        Self { dotted: self.dotted.clone(), repeated: true }
    }

    /// The last key alone.
    fn last(&self) -> &str {
        self.dotted.rsplit('.').next().unwrap_or_default()
    }

    /// As the header of a section.
    fn section(&self) -> String {
        match (self.dotted.is_empty(), self.repeated) {
            (true, _) => "the file".to_owned(),
            (false, false) => format!("`[{}]`", self.dotted),
            (false, true) => format!("`[[{}]]`", self.dotted),
        }
    }
}

struct Checker<'a> {
    root: Rule<'a>,
    findings: &'a mut Findings,
}

impl Checker<'_> {
    fn value(&mut self, rule: Rule<'_>, node: &Node, name: &Name) {
        match (rule.kind(), &node.value) {
            (Kind::Table, Value::Table(table)) => self.table(rule, &node.place, table, name),
            (Kind::List, Value::List(nodes)) => self.list(rule, node, nodes, name),
            (Kind::Text, Value::Text(text)) => self.text(rule, node, text, name),
            (Kind::Text, Value::Date(text)) if rule.format() == Some("instant") => {
                self.text(rule, node, text, name);
            }
            (Kind::Integer, Value::Integer(number)) => self.integer(rule, node, *number, name),
            (Kind::Boolean, Value::Boolean(_)) => {}
            (expected, _) => self.wrong_kind(rule, expected, node, name),
        }
    }

    fn table(&mut self, rule: Rule<'_>, place: &Place, table: &Table, name: &Name) {
        for (key, entry) in table {
            match rule.property(key) {
                Some(rule) => self.value(rule, &entry.node, &name.key(key)),
                None => {
                    let meant = nearest(key, rule.keys());
                    if meant.and_then(|meant| rule.property(meant)).is_none_or(may_hold_secret) {
                        self.findings.mask(&entry.node);
                    }
                    let message = format!("unknown key `{key}` in {}", name.section());
                    let finding = Finding::at(&entry.key, message).label("unknown key");
                    self.findings.add(finding.help(self.instead_of(rule, key, meant)));
                }
            }
        }
        self.missing_keys(rule, place, table, name);
    }

    fn missing_keys(&mut self, rule: Rule<'_>, place: &Place, table: &Table, name: &Name) {
        for key in rule.required().filter(|key| !table.contains_key(*key)) {
            let wanted = rule.property(key);
            let about = wanted.and_then(Rule::summary).unwrap_or_default();
            let header = wanted.is_some_and(|rule| rule.kind() == Kind::Table);
            let (what, add) = if header {
                (format!("`[{key}]`"), format!("add `[{key}]`"))
            } else {
                (format!("`{key}`"), format!("add `{key} = …`"))
            };
            let message = format!("{what} is missing from {}", name.section());
            let finding = Finding::at(place, message).label(format!("{what} belongs here"));
            self.findings.add(finding.help(format!("{add}: {about}")));
        }
    }

    /// What may have been meant by an unknown key.
    fn instead_of(&self, rule: Rule<'_>, key: &str, meant: Option<&str>) -> String {
        if let Some(known) = meant {
            format!("did you mean `{known}`?")
        } else if let Some(section) = self.section_with(key) {
            format!("`{key}` belongs to {section}")
        } else {
            format!("known keys: {}", rule.keys().collect::<Vec<_>>().join(", "))
        }
    }

    /// The section that does have a key.
    fn section_with(&self, key: &str) -> Option<String> {
        self.root.keys().find_map(|section| {
            let rule = self.root.property(section)?;
            if let Some(item) = rule.items() {
                return item.property(key).map(|_| format!("`[[{section}]]`"));
            }
            rule.property(key).map(|_| format!("`[{section}]`"))
        })
    }

    fn list(&mut self, rule: Rule<'_>, node: &Node, nodes: &[Node], name: &Name) {
        let count = i64::try_from(nodes.len()).unwrap_or(i64::MAX);
        if rule.bound("minItems").is_some_and(|min| count < min) {
            let message = format!("`{}` must not be empty", name.last());
            let about = rule.summary().unwrap_or_default();
            self.findings.add(Finding::at(&node.place, message).label("empty").help(about));
        }
        if let Some(max) = rule.bound("maxItems").filter(|max| count > *max) {
            let message = format!("`{}` must not have more than {max} values", name.last());
            self.findings.add(Finding::at(&node.place, message).label(format!("{count} values")));
        }
        if let Some(rule) = rule.items() {
            nodes.iter().for_each(|node| self.value(rule, node, &name.item()));
        }
    }

    fn text(&mut self, rule: Rule<'_>, node: &Node, text: &str, name: &Name) {
        let choices = rule.choices();
        if !choices.is_empty() {
            if !choices.iter().any(|choice| choice == text) {
                self.not_a_choice(&choices, node, text, name);
            }
            return;
        }
        let format = rule.format().and_then(format);
        if let Some((format, Err(why))) = format.map(|format| (format, (format.check)(text))) {
            self.bad_form(format, node, &why, name);
        } else if text.is_empty() && rule.bound("minLength").is_some() {
            let message = format!("`{}` must not be empty", name.last());
            let about = rule.summary().unwrap_or_default();
            self.findings.add(Finding::at(&node.place, message).label("empty").help(about));
        }
    }

    fn bad_form(&mut self, format: &Format, node: &Node, why: &str, name: &Name) {
        if format.sensitive {
            self.findings.mask(node);
        }
        let message = format!("`{}`: {why}", name.last());
        self.findings.add(Finding::at(&node.place, message).label(format.label).help(format.help));
    }

    fn not_a_choice(&mut self, choices: &[String], node: &Node, written: &str, name: &Name) {
        let listed: Vec<String> = choices.iter().map(|choice| format!("`{choice}`")).collect();
        let one_of = if choices.len() == 1 { "" } else { "one of " };
        let message = format!("`{}` must be {one_of}{}", name.last(), listed.join(", "));
        let mut finding = Finding::at(&node.place, message).label("not one of them");
        if let Some(meant) = nearest(written, choices.iter().map(String::as_str)) {
            finding = finding.help(format!("did you mean `{meant}`?"));
        }
        self.findings.add(finding);
    }

    fn integer(&mut self, rule: Rule<'_>, node: &Node, number: i64, name: &Name) {
        let choices = rule.choices();
        if !choices.is_empty() {
            let written = number.to_string();
            if !choices.contains(&written) {
                self.not_a_choice(&choices, node, &written, name);
            }
            return;
        }
        let (min, max) = (rule.bound("minimum"), rule.bound("maximum"));
        if min.is_none_or(|min| number >= min) && max.is_none_or(|max| number <= max) {
            return;
        }
        let range = match (min, max) {
            (Some(min), Some(max)) => format!("between {min} and {max}"),
            (Some(min), None) => format!("at least {min}"),
            (None, max) => format!("at most {}", max.unwrap_or(i64::MAX)),
        };
        let message = format!("`{}` must be {range}", name.last());
        let about = rule.summary().unwrap_or_default();
        self.findings.add(Finding::at(&node.place, message).label("out of range").help(about));
    }

    fn wrong_kind(&mut self, rule: Rule<'_>, expected: Kind, node: &Node, name: &Name) {
        if may_hold_secret(rule) {
            self.findings.mask(node);
        }
        let (wanted, written) = (expected.words(), node.kind());
        let message = format!("`{}` must be {wanted}, not {written}", name.last());
        let mut finding = Finding::at(&node.place, message).label(format!("this is {written}"));
        if let Some(help) = kind_remedy(rule, expected, node, name) {
            finding = finding.help(help);
        }
        self.findings.add(finding);
    }
}

/// Whether what is written where this rule holds, or below it, may be a secret.
fn may_hold_secret(rule: Rule<'_>) -> bool {
    rule.format().and_then(format).is_some_and(|format| format.sensitive)
        || rule.items().is_some_and(may_hold_secret)
        || rule.keys().filter_map(|key| rule.property(key)).any(may_hold_secret)
}

/// How to write a value that was written as another kind.
fn kind_remedy(rule: Rule<'_>, expected: Kind, node: &Node, name: &Name) -> Option<String> {
    let key = name.last();
    match (expected, &node.value) {
        (Kind::Text, Value::Integer(_) | Value::Number(_)) if rule.format() == Some("usd") => {
            Some(format!(
                "write the amount as text, `{key} = \"100.00\"`: a floating-point number cannot \
                 hold every cent exactly"
            ))
        }
        (Kind::Text, Value::Integer(number)) => Some(format!("write it in quotes: \"{number}\"")),
        (Kind::Integer, Value::Text(text)) if text.parse::<i64>().is_ok() => {
            Some(format!("write it without quotes: {text}"))
        }
        (Kind::Boolean, Value::Text(text)) if matches!(text.as_str(), "true" | "false") => {
            Some(format!("write it without quotes: {text}"))
        }
        (Kind::Table, Value::List(_)) => Some(format!("there is only one: write `[{key}]`")),
        (Kind::List, Value::Table(_)) => {
            Some(format!("there may be several: write `[[{}]]`", name.dotted))
        }
        _ => rule.summary().map(|about| format!("{key}: {about}")),
    }
}
