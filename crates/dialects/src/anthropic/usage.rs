//! Usage in this dialect: exclusive counts, told at the start of a stream and overwritten at its end.

use events::{Meter, Meters};

use crate::json::{Object, whole};
use crate::metered::Metered;
use crate::reply::{ExtraUsage, Facts, Usage};

/// Iterations looked at, at most.
const ITERATIONS_MAX: usize = 64;

/// Reads a `usage` object on its own.
pub(super) fn read(json: &str) -> Option<Metered> {
    let mut facts = Facts::default();
    Tally::default().report(json, &mut facts);
    let usage = facts.usage?;
    Some(Metered { usage, extra: facts.extra, model: facts.model, estimated_split: false })
}

/// What was told so far. A later report overwrites what it names and keeps what it does not: the
/// lifetimes of cache writes, the tier and the speed are told at the start only.
#[derive(Debug, Default)]
pub(super) struct Tally {
    input: u64,
    cache_read: u64,
    cache_written: Option<u64>,
    written_1h: u64,
    written_5m: u64,
    output: u64,
    thinking: u64,
    searches: u64,
    terms: Terms,
}

/// What selects prices besides the quantities.
#[derive(Debug, Clone, Default)]
struct Terms {
    tier: Option<String>,
    speed: Option<String>,
    geo: Option<String>,
}

impl Terms {
    /// Takes what is told and keeps what is not.
    fn overwrite(&mut self, usage: &Object<'_>) {
        for (key, slot) in [
            ("service_tier", &mut self.tier),
            ("speed", &mut self.speed),
            ("inference_geo", &mut self.geo),
        ] {
            *slot = usage.text(key).or_else(|| slot.take());
        }
    }
}

impl Tally {
    /// Takes a `usage` object and writes what is now known into the facts.
    pub(super) fn report(&mut self, json: &str, facts: &mut Facts) {
        let Some(usage) = Object::scan(json) else { return };
        self.overwrite(&usage);
        facts.usage = Some(self.usage());
        if let Some(iterations) = usage.get("iterations") {
            note_iterations(iterations, &self.terms, facts);
        }
    }

    fn overwrite(&mut self, usage: &Object<'_>) {
        let told = |object: &Object<'_>, key: &str| object.get(key).and_then(whole);
        let set = |slot: &mut u64, value: Option<u64>| *slot = value.unwrap_or(*slot);
        set(&mut self.input, told(usage, "input_tokens"));
        set(&mut self.cache_read, told(usage, "cache_read_input_tokens"));
        set(&mut self.output, told(usage, "output_tokens"));
        self.cache_written = told(usage, "cache_creation_input_tokens").or(self.cache_written);
        if let Some(lifetimes) = usage.child("cache_creation") {
            self.written_5m = lifetimes.count("ephemeral_5m_input_tokens");
            self.written_1h = lifetimes.count("ephemeral_1h_input_tokens");
        }
        if let Some(details) = usage.child("output_tokens_details") {
            set(&mut self.thinking, told(&details, "thinking_tokens"));
        }
        // Fetches cost their tokens alone; code runs are billed by the hour and not counted here.
        if let Some(tools) = usage.child("server_tool_use") {
            set(&mut self.searches, told(&tools, "web_search_requests"));
        }
        self.terms.overwrite(usage);
    }

    fn usage(&self) -> Usage {
        let written = self.cache_written.unwrap_or(self.written_5m.saturating_add(self.written_1h));
        // What no lifetime is told for was written for five minutes, the default.
        let written_1h = self.written_1h.min(written);
        let thinking = self.thinking.min(self.output);
        let meters = Meters::NONE
            .with(Meter::InputText, self.input)
            .with(Meter::CacheReadText, self.cache_read)
            .with(Meter::CacheWrite1h, written_1h)
            .with(Meter::CacheWrite5m, written - written_1h)
            .with(Meter::Reasoning, thinking)
            .with(Meter::OutputText, self.output - thinking)
            .with(Meter::WebSearch, self.searches);
        let Terms { tier, speed, geo } = self.terms.clone();
        Usage {
            meters,
            reported_cost: None,
            processing: tier.clone().filter(|tier| tier == "batch"),
            service_tier: tier,
            speed: speed.filter(|speed| speed != "standard"),
            inference_geo: geo.filter(|geo| geo != "not_available"),
        }
    }
}

/// Usage the top level leaves out: compactions (on the same model) and advisors (on their own). After
/// a fallback the top level is that of the model fallen back to.
///
/// They are served on the terms of the answer; only the speed is that of its model alone.
fn note_iterations(json: &str, terms: &Terms, facts: &mut Facts) {
    let Ok(iterations) = serde_json::from_str::<Vec<&serde_json::value::RawValue>>(json) else {
        return;
    };
    facts.extra.clear();
    for raw in iterations.into_iter().take(ITERATIONS_MAX) {
        let Some(iteration) = Object::scan(raw.get()) else { continue };
        match iteration.text("type").as_deref() {
            Some(kind @ ("compaction" | "advisor_message")) => {
                let model = iteration.text("model");
                let mut terms = terms.clone();
                terms.speed = terms.speed.filter(|_| model.is_none());
                let mut tally = Tally { terms, ..Tally::default() };
                tally.overwrite(&iteration);
                let usage = tally.usage();
                facts.extra.push(ExtraUsage { kind: kind.to_owned(), model, usage });
            }
            Some("fallback_message") => {
                facts.model = iteration.text("model").or_else(|| facts.model.take());
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(reports: &[&str]) -> Facts {
        let (mut tally, mut facts) = (Tally::default(), Facts::default());
        for report in reports {
            tally.report(report, &mut facts);
        }
        facts
    }

    fn meters(reports: &[&str]) -> Vec<(&'static str, u64)> {
        let facts = told(reports);
        facts.usage.unwrap().meters.iter().map(|(meter, n)| (meter.as_str(), n)).collect()
    }

    #[test]
    fn counts_are_exclusive_and_a_later_report_overwrites() {
        for (case, reports, expected) in [
            (
                "everything at once",
                &[
                    r#"{"input_tokens":10,"cache_read_input_tokens":20,"cache_creation_input_tokens":30,"cache_creation":{"ephemeral_5m_input_tokens":5,"ephemeral_1h_input_tokens":20},"output_tokens":7,"output_tokens_details":{"thinking_tokens":3},"server_tool_use":{"web_search_requests":2}}"#,
                ][..],
                vec![
                    ("input.text", 10),
                    ("cache_read.text", 20),
                    ("cache_write.5m", 10),
                    ("cache_write.1h", 20),
                    ("output.text", 4),
                    ("reasoning", 3),
                    ("web_search", 2),
                ],
            ),
            (
                "upwards",
                &[
                    r#"{"input_tokens":2037,"output_tokens":1}"#,
                    r#"{"input_tokens":15665,"output_tokens":90}"#,
                ],
                vec![("input.text", 15665), ("output.text", 90)],
            ),
            (
                "downwards",
                &[
                    r#"{"input_tokens":60385,"output_tokens":1}"#,
                    r#"{"input_tokens":612,"output_tokens":5}"#,
                ],
                vec![("input.text", 612), ("output.text", 5)],
            ),
            (
                "lifetimes survive a report without them",
                &[
                    r#"{"input_tokens":1,"cache_creation_input_tokens":50,"cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":50}}"#,
                    r#"{"cache_creation_input_tokens":50,"output_tokens":5}"#,
                ],
                vec![("input.text", 1), ("cache_write.1h", 50), ("output.text", 5)],
            ),
            (
                "nulls and nonsense",
                &[
                    r#"{"input_tokens":3,"output_tokens":null,"cache_creation":null,"server_tool_use":7}"#,
                    "[]",
                ],
                vec![("input.text", 3)],
            ),
        ] {
            assert_eq!(meters(reports), expected, "{case}");
        }
    }

    #[test]
    fn the_terms_of_an_answer_survive_a_report_without_them() {
        for (start, terms) in [
            (r#"{"service_tier":"priority"}"#, [Some("priority"), None, None, None]),
            (
                r#"{"service_tier":"standard","speed":"fast","inference_geo":"us"}"#,
                [Some("standard"), None, Some("fast"), Some("us")],
            ),
            (
                r#"{"service_tier":"batch","speed":"standard","inference_geo":"not_available"}"#,
                [Some("batch"), Some("batch"), None, None],
            ),
        ] {
            let usage = told(&[start, r#"{"output_tokens":5}"#]).usage.unwrap();
            let seen = [&usage.service_tier, &usage.processing, &usage.speed, &usage.inference_geo];
            assert_eq!(seen.map(Option::as_deref), terms, "{start}");
        }
    }

    #[test]
    fn usage_beside_the_answer_is_told_apart() {
        let facts = told(&[
            r#"{"input_tokens":1,"output_tokens":2,"speed":"fast","inference_geo":"us","iterations":[
            {"type":"message","input_tokens":1,"output_tokens":2},
            {"type":"compaction","input_tokens":60000,"output_tokens":900},
            {"type":"advisor_message","model":"claude-opus-4-8","input_tokens":5,"output_tokens":6},
            {"type":"fallback_message","model":"claude-haiku-5-5"}]}"#,
        ]);
        let extra: Vec<_> = facts
            .extra
            .iter()
            .map(|e| (e.kind.as_str(), e.model.as_deref(), e.usage.meters.input_tokens()))
            .collect();
        assert_eq!(
            extra,
            [("compaction", None, 60000), ("advisor_message", Some("claude-opus-4-8"), 5)]
        );
        let terms: Vec<_> = facts
            .extra
            .iter()
            .map(|e| (e.usage.speed.as_deref(), e.usage.inference_geo.as_deref()))
            .collect();
        assert_eq!(terms, [(Some("fast"), Some("us")), (None, Some("us"))]);
        assert_eq!(facts.model.as_deref(), Some("claude-haiku-5-5"));
    }
}
