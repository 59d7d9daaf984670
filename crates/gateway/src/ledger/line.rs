//! A line of a batch's results in the books: a request of its own, answered long ago.
//!
//! This file must never know budgets or the spool.

use dialects::{BatchAnswer, BatchLine, Facts};
use events::{BATCH_LINE, ErrorClass, Outcome, UsageEvent, UsageSource, batch_name};
use units::{RequestId, UnixMicros};

use super::beside;
use super::price::{Pricing, price};

/// How every line was processed, whatever it says.
const PROCESSING: &str = "batch";
/// Most rows of other models beside a line's own.
const BESIDE_MAX: usize = 8;

/// What the lines of one download have in common.
pub(crate) struct LineDraft {
    /// The row of the download as far as it is known.
    event: UsageEvent,
    pricing: Pricing,
}

impl LineDraft {
    /// Lines of the file or batch of this name, downloaded from `provider` by whoever the draft of the
    /// download's own row names.
    pub(crate) fn new(
        mut event: UsageEvent,
        pricing: Pricing,
        (provider, batch): (&str, &str),
    ) -> Self {
        event.ids.attempt = 1;
        event.ids.session_id = Some(batch_name(batch));
        event.decision.reason = Some(PROCESSING.to_owned());
        event.model.provider = Some(provider.to_owned());
        event.call.endpoint = BATCH_LINE.to_owned();
        event.call.is_stream = false;
        event.call.request_bytes = 0;
        event.times.first_byte_us = None;
        Self { event, pricing }
    }

    /// The rows of a line: its own, then those of other models it was billed on.
    pub(crate) fn rows(&self, line: &BatchLine, now: UnixMicros) -> Vec<UsageEvent> {
        let mut event = self.event.clone();
        event.ids.request_id = RequestId::generate();
        event.ids.parent_id = Some(batch_name(&line.custom_id));
        event.times.ended_us = now;
        event.decision.is_final = true;
        event.model.resolved.clone_from(&line.model);
        event.model.answered.clone_from(&line.model);
        event.model.asked = line.model.clone().unwrap_or_default();
        let (status, error) = outcome(line.answer);
        let id = line.id.as_deref().map(batch_name);
        event.outcome = Outcome { status, error, upstream_request_id: id, ..Outcome::default() };
        let source = match (line.answer, &line.usage) {
            (BatchAnswer::Failed(_), None) => UsageSource::None,
            (_, Some(_)) => UsageSource::Provider,
            (BatchAnswer::Given | BatchAnswer::Unread, None) => UsageSource::Unknown,
        };
        let mut usage = line.usage.clone().unwrap_or_default();
        usage.processing = Some(PROCESSING.to_owned());
        event.meters = usage.meters;
        price(&mut event, &self.pricing, &usage, source);
        let facts =
            Facts { model: line.model.clone(), extra: line.extra.clone(), ..Facts::default() };
        let mut rows = beside::rows(&event, &facts, &self.pricing, BESIDE_MAX);
        // Each is accounted for once by a name of its own.
        for (number, row) in rows.iter_mut().enumerate() {
            let id = line.id.as_deref().unwrap_or(&line.custom_id);
            row.outcome.upstream_request_id = Some(batch_name(&format!("{id}/{number}")));
        }
        rows.insert(0, event);
        rows
    }
}

/// Status and error of a line's request.
fn outcome(answer: BatchAnswer) -> (Option<u16>, Option<ErrorClass>) {
    match answer {
        BatchAnswer::Given => (Some(200), None),
        BatchAnswer::Failed(status @ Some(400..=499)) => (status, Some(ErrorClass::InvalidRequest)),
        BatchAnswer::Failed(status) => (status, Some(ErrorClass::UpstreamError)),
        BatchAnswer::Unread => (None, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::draft;
    use dialects::BatchLines;
    use events::{Attribution, Dialect};
    use pricing::PriceBook;
    use std::sync::Arc;
    use units::Usd;

    const NOW: UnixMicros = UnixMicros::new(1_795_350_896_000_000);

    fn rows(line: &str) -> Vec<UsageEvent> {
        let book = Arc::new(PriceBook::embedded().unwrap());
        let pricing = Pricing::new(&book, "openai");
        let draft = draft(RequestId::generate(), NOW, Attribution::default());
        let lines = BatchLines::new(Dialect::OpenaiChat).push(line.as_bytes());
        LineDraft::new(draft, pricing, ("mine", "file-1")).rows(&lines[0], NOW)
    }

    #[test]
    fn a_line_is_a_row_at_the_price_of_batches() {
        // gpt-5.4 in batches: 1.25 USD a million of input (catalog of 2026-11).
        let line = r#"{"id":"batch_req_1","custom_id":"a","response":{"status_code":200,"body":{"model":"gpt-5.4","usage":{"prompt_tokens":100000,"completion_tokens":0}}},"error":null}"#;
        let [row] = &rows(&format!("{line}\n"))[..] else { panic!("one row") };
        let list = Usd::from_pico(125_000_000_000);
        assert_eq!((row.cost.billed, row.cost.processing.as_deref()), (Some(list), Some("batch")));
        assert_eq!(row.cost.usage_source, UsageSource::Provider);
        assert_eq!((row.outcome.status, row.decision.is_final), (Some(200), true));
        assert_eq!(row.batch_line().unwrap().batch, "file-1");
        assert_eq!(row.ids.parent_id.as_deref(), Some("a"));
        assert_eq!(row.model.provider.as_deref(), Some("mine"));
    }

    #[test]
    fn what_failed_costs_nothing_and_what_is_not_told_is_unknown() {
        for (line, source, cost, status, error) in [
            (
                r#"{"id":"r","custom_id":"a","response":null,"error":{"code":"batch_expired"}}"#,
                UsageSource::None,
                Some(Usd::ZERO),
                None,
                Some(ErrorClass::UpstreamError),
            ),
            (
                r#"{"id":"r","custom_id":"a","response":{"status_code":404,"body":{}},"error":null}"#,
                UsageSource::None,
                Some(Usd::ZERO),
                Some(404),
                Some(ErrorClass::InvalidRequest),
            ),
            (
                r#"{"id":"r","custom_id":"a","response":{"status_code":200,"body":{"model":"gpt-5.4"}},"error":null}"#,
                UsageSource::Unknown,
                None,
                Some(200),
                None,
            ),
        ] {
            let row = rows(&format!("{line}\n")).remove(0);
            assert_eq!((row.cost.usage_source, row.cost.billed), (source, cost), "{line}");
            assert_eq!((row.outcome.status, row.outcome.error), (status, error), "{line}");
        }
    }
}
