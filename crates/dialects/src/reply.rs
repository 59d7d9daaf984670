//! An answer as the gateway handles it: what it must know to transcode one, and what it learns.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use events::{Fault, FinishReason, Meter, Meters};
use units::Usd;

use crate::error::UpstreamError;
use crate::tokens::estimate_text_tokens;

/// Text of an answer kept for an estimate, in bytes; the rest is counted and scaled.
const SAMPLE_BYTES_MAX: usize = 8 * 1024;

/// Longest id and name of a model kept of a translated stream, bytes; the longest anybody documents have
/// a few dozen.
const NAME_BYTES_MAX: usize = 512;

/// Computes what a usage costs; `None` when it has no price.
pub type CostFn = Arc<dyn Fn(&Usage) -> Option<Usd> + Send + Sync>;

/// What a transcoder needs to know of the request it answers.
#[derive(Clone)]
pub struct ReplyContext {
    /// Model name to show instead of the provider's; `None` leaves the provider's.
    pub model_shown: Option<String>,
    /// Whether the client asked to be told the usage of a stream. Plain answers always tell it.
    pub wants_usage: bool,
    /// Id for answers whose provider gives none.
    pub answer_id: Option<String>,
    /// Computes `usage.cost`.
    pub cost: CostFn,
    /// Unix time for answers whose dialect has none of its own, whole seconds.
    pub created_unix_s: u64,
}

impl ReplyContext {
    /// A context that shows the provider's model, tells usage, and knows no price.
    pub fn unpriced() -> Self {
        Self {
            model_shown: None,
            wants_usage: true,
            answer_id: None,
            cost: Arc::new(|_| None),
            created_unix_s: 0,
        }
    }
}

impl fmt::Debug for ReplyContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyContext")
            .field("model_shown", &self.model_shown)
            .field("wants_usage", &self.wants_usage)
            .finish_non_exhaustive()
    }
}

/// What an answer used, by the provider's own figures.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Disjoint quantities.
    pub meters: Meters,
    /// Cost the provider itself reported.
    pub reported_cost: Option<Usd>,
    /// Tier the answer was served on, as the provider names it.
    pub service_tier: Option<String>,
    /// How it was processed, as `batch`; `None` is the usual way.
    pub processing: Option<String>,
    /// Speed it was served at, as `fast`; `None` is the standard one.
    pub speed: Option<String>,
    /// Region the provider says it computed in; `None` where it does not tell.
    pub inference_geo: Option<String>,
}

/// Usage billed beside the answer's own, possibly on another model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraUsage {
    /// What it was for, as the provider names it.
    pub kind: String,
    /// Model it is billed on; `None` for that of the answer.
    pub model: Option<String>,
    /// The usage.
    pub usage: Usage,
}

/// What is known of an answer, complete or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The provider's figures, those of the latest report; `None` when it gave none.
    pub usage: Option<Usage>,
    /// The figures are those of the start of a stream: input is final, output only begun.
    pub is_usage_partial: bool,
    /// Usage billed beside it.
    pub extra: Vec<ExtraUsage>,
    /// Why the model stopped.
    pub finish_reason: Option<FinishReason>,
    /// Why the model stopped, as the provider names it.
    pub native_finish_reason: Option<String>,
    /// Model as the provider names it.
    pub model: Option<String>,
    /// The provider's id of the answer.
    pub id: Option<String>,
    /// The text produced, for an estimate.
    pub output: OutputText,
    /// The provider told sources that the client's dialect has no words for, or more than are kept: they
    /// were left out of the answer.
    pub dropped_citations: bool,
}

impl Facts {
    /// The usage to bill, and whether any of it is an estimate: the provider's figures where they are
    /// complete, else its input (or `estimated_input_tokens`) and output by tokenizer.
    pub fn usage_to_bill(&self, estimated_input_tokens: u64) -> (Usage, bool) {
        if let Some(usage) = self.usage.as_ref().filter(|_| !self.is_usage_partial) {
            return (usage.clone(), false);
        }
        let mut usage = self.usage.clone().unwrap_or_else(|| Usage {
            meters: Meters::NONE.with(Meter::InputText, estimated_input_tokens),
            ..Usage::default()
        });
        let told = usage.meters.output_tokens();
        let missing = self.estimated_output_tokens().saturating_sub(told);
        usage.meters.add(Meter::OutputText, missing);
        (usage, true)
    }

    /// Cuts the names every event of a translated stream repeats: without a limit a provider could make
    /// a stream grow by their length with each event.
    pub(crate) fn clip_names(&mut self) {
        for name in [&mut self.id, &mut self.model].into_iter().flatten() {
            if name.len() > NAME_BYTES_MAX {
                name.truncate(name.floor_char_boundary(NAME_BYTES_MAX));
            }
        }
    }

    /// Output tokens by tokenizer, for answers whose provider told no usage (an abort, mostly).
    pub fn estimated_output_tokens(&self) -> u64 {
        self.output.estimated_tokens()
    }
}

/// How much text an answer held: counted whole, kept in part.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutputText {
    /// Text, reasoning and arguments of tool calls, bytes of UTF-8.
    pub bytes: u64,
    sample: String,
}

impl OutputText {
    pub(crate) fn push(&mut self, text: &str) {
        self.bytes = self.bytes.saturating_add(text.len() as u64);
        let room = SAMPLE_BYTES_MAX.saturating_sub(self.sample.len());
        self.sample.push_str(&text[..text.floor_char_boundary(room)]);
    }

    fn estimated_tokens(&self) -> u64 {
        let sampled = self.sample.len() as u64;
        if sampled == 0 {
            return 0;
        }
        let tokens = u128::from(estimate_text_tokens(&self.sample));
        let scaled = (tokens * u128::from(self.bytes)).div_ceil(u128::from(sampled));
        u64::try_from(scaled).unwrap_or(u64::MAX)
    }
}

/// A plain answer ready for the client.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Body to send.
    pub body: Bytes,
    /// What it said.
    pub facts: Facts,
}

/// Why a plain answer of status 200 is none. Always the upstream's fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// The body is an error in spite of its status.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The body is not an answer of its dialect.
    #[error("the provider's answer cannot be understood: {0}")]
    Garbage(String),
}

impl ReplyError {
    /// Who caused it.
    pub const fn fault(&self) -> Fault {
        Fault::Upstream
    }

    /// Whether another target may do better.
    pub fn retry_helps(&self) -> bool {
        match self {
            ReplyError::Upstream(error) => error.retry_helps(),
            ReplyError::Garbage(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_cut_short_is_billed_by_what_is_known_and_the_rest_estimated() {
        let mut facts = Facts::default();
        facts.output.push("one two three four five");
        let (usage, is_estimate) = facts.usage_to_bill(40);
        assert_eq!((usage.meters.input_tokens(), is_estimate), (40, true));
        assert_eq!(usage.meters.output_tokens(), 5);

        let begun = Meters::NONE.with(Meter::InputText, 7).with(Meter::OutputText, 1);
        facts.usage = Some(Usage { meters: begun, ..Usage::default() });
        facts.is_usage_partial = true;
        let (usage, is_estimate) = facts.usage_to_bill(40);
        assert_eq!((usage.meters.input_tokens(), usage.meters.output_tokens()), (7, 5));
        assert!(is_estimate);

        facts.is_usage_partial = false;
        assert_eq!(facts.usage_to_bill(40), (facts.usage.clone().unwrap(), false));
    }

    #[test]
    fn a_long_answer_is_sampled_and_scaled() {
        let mut output = OutputText::default();
        for _ in 0..4_000 {
            output.push("word ");
        }
        assert_eq!(output.bytes, 20_000);
        let tokens = output.estimated_tokens();
        assert!((3_900..=4_100).contains(&tokens), "{tokens}");
    }
}
