//! Scripts: what a request asks the simulator to do wrong, slowly or at length.
//!
//! A script is written like a query string (`status=503&delay_ms=50`): after a `+` in the model's
//! name, in the header `x-simulator-script`, or given to [`crate::Simulator::set_fault`].

use std::str::FromStr;

use crate::ScriptError;

/// Most tokens an answer may be asked to have.
const TOKENS_MAX: u64 = 4_000_000;
/// Most bytes an answer may be asked to have: 64 MiB.
const BYTES_MAX: u64 = 64 << 20;
/// Longest wait, milliseconds: an hour.
const WAIT_MS_MAX: u64 = 3_600_000;

/// What to do to a request. Empty does nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Script {
    /// `status=503`: answer with this error in the dialect's own shape. Nothing is billed.
    pub status: Option<u16>,
    /// `retry_after=2`: seconds told with an error.
    pub retry_after_s: Option<u32>,
    /// `delay_ms=500`: wait before the first byte of the answer. A client that leaves meanwhile is
    /// not billed: the request was still waiting in line.
    pub delay_ms: Option<u64>,
    /// `chunk_ms=50`: wait before each further event of a stream.
    pub chunk_ms: Option<u64>,
    /// `cut_after=3`: close the connection after that many events, or half way through a plain
    /// body. What was produced is billed.
    pub cut_after: Option<u32>,
    /// `late_sse_error=3`: end a stream with an error event after that many events. What was
    /// produced is billed.
    pub late_sse_error: Option<u32>,
    /// `sse_error`, `garbage`, `html` or `hang`: something other than an answer.
    pub reply: Option<Reply>,
    /// `no_usage`: the answer does not tell its usage. It is billed.
    pub no_usage: bool,
    /// `rate=10`: answer this many requests a second for this model, then 429.
    pub rate_per_s: Option<u32>,
    /// `tokens_out=200`, `words=200` or `bytes=100000`: length of the text, within `max_tokens`.
    pub size: Option<AnswerSize>,
    /// `reasoning=64`: reasoning tokens before the text.
    pub reasoning_tokens: Option<u64>,
    /// `cites`: the text is [`crate::CITED_ANSWER`], of whatever size was asked, and names its source.
    pub cites: bool,
}

/// Something other than an answer. Nothing of it is billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Status 200 and a stream whose first event is an error; 500 when no stream was asked for.
    SseError,
    /// Status 200 (or the script's) and a body that is not JSON.
    Garbage,
    /// Status 200 (or the script's) and a page, as a proxy in between would send.
    Html,
    /// No answer until the client gives up.
    Hang,
}

/// Length of an answer's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerSize {
    /// Exactly this many words, each one token.
    Tokens(u64),
    /// Exactly this many bytes.
    Bytes(u64),
}

impl Script {
    /// Splits a model's name from the script behind its first `+`.
    pub fn split(model: &str) -> Result<(&str, Script), ScriptError> {
        match model.split_once('+') {
            Some((model, script)) => Ok((model, script.parse()?)),
            None => Ok((model, Script::default())),
        }
    }

    /// This script with everything `over` says instead.
    #[must_use]
    pub fn overlaid(&self, over: &Script) -> Script {
        Script {
            status: over.status.or(self.status),
            retry_after_s: over.retry_after_s.or(self.retry_after_s),
            delay_ms: over.delay_ms.or(self.delay_ms),
            chunk_ms: over.chunk_ms.or(self.chunk_ms),
            cut_after: over.cut_after.or(self.cut_after),
            late_sse_error: over.late_sse_error.or(self.late_sse_error),
            reply: over.reply.or(self.reply),
            no_usage: over.no_usage || self.no_usage,
            rate_per_s: over.rate_per_s.or(self.rate_per_s),
            size: over.size.or(self.size),
            reasoning_tokens: over.reasoning_tokens.or(self.reasoning_tokens),
            cites: over.cites || self.cites,
        }
    }

    fn read_word(&mut self, word: &str, value: Option<&str>) -> Result<(), ScriptError> {
        let bad = || ScriptError::BadValue {
            word: word.to_owned(),
            value: value.unwrap_or_default().to_owned(),
        };
        let number = |max: u64| {
            let parsed = value.and_then(|text| text.parse::<u64>().ok());
            parsed.filter(|number| *number <= max).ok_or_else(bad)
        };
        let small =
            || number(u64::from(u32::MAX)).and_then(|n| u32::try_from(n).map_err(|_| bad()));
        match word {
            "status" => {
                let status = small().and_then(|n| u16::try_from(n).map_err(|_| bad()))?;
                self.status =
                    Some(Some(status).filter(|s| (400..600).contains(s)).ok_or_else(bad)?);
            }
            "retry_after" => self.retry_after_s = Some(small()?),
            "delay_ms" => self.delay_ms = Some(number(WAIT_MS_MAX)?),
            "chunk_ms" => self.chunk_ms = Some(number(WAIT_MS_MAX)?),
            "cut_after" => self.cut_after = Some(small()?),
            "late_sse_error" => self.late_sse_error = Some(small()?),
            "rate" => self.rate_per_s = Some(small()?),
            "tokens_out" | "words" => self.size = Some(AnswerSize::Tokens(number(TOKENS_MAX)?)),
            "bytes" => self.size = Some(AnswerSize::Bytes(number(BYTES_MAX)?)),
            "reasoning" => self.reasoning_tokens = Some(number(TOKENS_MAX)?),
            _ if value.is_some() => return Err(ScriptError::UnknownWord(word.to_owned())),
            "sse_error" => self.reply = Some(Reply::SseError),
            "garbage" => self.reply = Some(Reply::Garbage),
            "html" => self.reply = Some(Reply::Html),
            "hang" => self.reply = Some(Reply::Hang),
            "no_usage" => self.no_usage = true,
            "cites" => self.cites = true,
            _ => return Err(ScriptError::UnknownWord(word.to_owned())),
        }
        Ok(())
    }
}

impl FromStr for Script {
    type Err = ScriptError;
    fn from_str(text: &str) -> Result<Self, ScriptError> {
        let mut script = Script::default();
        for word in text.split(['&', '+']).filter(|word| !word.is_empty()) {
            match word.split_once('=') {
                Some((word, value)) => script.read_word(word, Some(value))?,
                None => script.read_word(word, None)?,
            }
        }
        Ok(script)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_follows_the_models_name() {
        let (model, script) = Script::split("gpt-5.4+status=429&retry_after=2").unwrap();
        assert_eq!(model, "gpt-5.4");
        assert_eq!((script.status, script.retry_after_s), (Some(429), Some(2)));
        assert_eq!(Script::split("gpt-5.4"), Ok(("gpt-5.4", Script::default())));
    }

    #[test]
    fn words_nobody_knows_and_values_out_of_bounds_are_told() {
        for (text, told) in [
            ("stats=503", "`stats` is not a word"),
            ("hang=1", "`hang` is not a word"),
            ("status=200", "`status` of a simulator script cannot be `200`"),
            ("delay_ms", "`delay_ms` of a simulator script cannot be ``"),
            ("bytes=99999999999", "cannot be `99999999999`"),
        ] {
            let error = text.parse::<Script>().unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
    }

    #[test]
    fn an_overlay_replaces_only_what_it_says() {
        let base: Script = "delay_ms=5&words=9".parse().unwrap();
        let over: Script = "bytes=7&no_usage".parse().unwrap();
        assert_eq!(base.overlaid(&over), "delay_ms=5&bytes=7&no_usage".parse().unwrap());
    }
}
