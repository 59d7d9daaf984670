//! Why an answer ended, in this dialect's words and in the common ones.

use events::FinishReason;

use crate::reply::Facts;

/// Notes a finish reason. A model that calls tools says only that it stopped.
pub(super) fn note(facts: &mut Facts, native: &str, has_calls: bool) {
    let reason = match native {
        "STOP" if has_calls => FinishReason::ToolCalls,
        "STOP" => FinishReason::Stop,
        "MAX_TOKENS" | "CONTINUATION" => FinishReason::Length,
        "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "MODEL_ARMOR"
        | "JAILBREAK" | "NO_IMAGE" => FinishReason::ContentFilter,
        other if other.starts_with("IMAGE_") => FinishReason::ContentFilter,
        _ => FinishReason::Error,
    };
    facts.finish_reason = Some(reason);
    facts.native_finish_reason = Some(native.to_owned());
}

/// Notes that the prompt was refused before anything was said, and why.
pub(super) fn note_blocked(facts: &mut Facts, reason: &str) {
    facts.finish_reason = Some(FinishReason::ContentFilter);
    facts.native_finish_reason = Some(reason.to_owned());
}

/// A finish reason as this dialect words it.
pub(super) fn word(reason: Option<FinishReason>) -> &'static str {
    match reason {
        None | Some(FinishReason::Stop | FinishReason::ToolCalls) => "STOP",
        Some(FinishReason::Length) => "MAX_TOKENS",
        Some(FinishReason::ContentFilter) => "SAFETY",
        Some(FinishReason::Error) => "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_common_word() {
        for (native, has_calls, reason) in [
            ("STOP", false, FinishReason::Stop),
            ("STOP", true, FinishReason::ToolCalls),
            ("MAX_TOKENS", true, FinishReason::Length),
            ("CONTINUATION", false, FinishReason::Length),
            ("RECITATION", false, FinishReason::ContentFilter),
            ("MODEL_ARMOR", false, FinishReason::ContentFilter),
            ("IMAGE_PROHIBITED_CONTENT", false, FinishReason::ContentFilter),
            ("MALFORMED_FUNCTION_CALL", false, FinishReason::Error),
            ("MISSING_THOUGHT_SIGNATURE", false, FinishReason::Error),
            ("OTHER", false, FinishReason::Error),
        ] {
            let mut facts = Facts::default();
            note(&mut facts, native, has_calls);
            assert_eq!(facts.finish_reason, Some(reason), "{native}");
            assert_eq!(facts.native_finish_reason.as_deref(), Some(native));
        }
    }

    #[test]
    fn a_word_reads_back_as_the_reason_it_was_told_for() {
        for reason in [
            FinishReason::Stop,
            FinishReason::ToolCalls,
            FinishReason::Length,
            FinishReason::ContentFilter,
            FinishReason::Error,
        ] {
            let mut facts = Facts::default();
            note(&mut facts, word(Some(reason)), reason == FinishReason::ToolCalls);
            assert_eq!(facts.finish_reason, Some(reason));
        }
    }
}
