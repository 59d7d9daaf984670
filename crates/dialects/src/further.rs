//! What a request says of further models that its answer may be billed on: tools of the provider that
//! are models themselves. Read from the client's own bytes, which are mostly scanned and not parsed.

use events::Dialect;
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::{Object, whole};

/// Most further models looked at in one request.
const MODELS_MAX: usize = 16;
/// Records kept of further models where a request names none of the tools that are billed so.
const RECORDS_USUAL: u8 = 1;
/// Records kept where it names one.
const RECORDS_ASKED: u8 = 3;

/// What a request may use beside the model that answers it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Further {
    /// Most records of usage on further models that are to be expected; 0 where answers of the dialect
    /// cannot tell any.
    pub records: u8,
    /// The models it names whose cost its own words bound.
    pub models: Vec<FurtherModel>,
}

/// A model that the answering one may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FurtherModel {
    /// Name at the provider.
    pub model: String,
    /// Most times it may be asked; `None` when nothing limits it.
    pub uses_max: Option<u64>,
    /// Most tokens of one answer of it; `None` is its own limit.
    pub output_tokens_max: Option<u64>,
    /// Its input is written to a cache, which costs more than reading it.
    pub writes_cache: bool,
}

/// Reads what a request to a provider of this dialect says of further models. What cannot be read
/// names none: it is the provider's to refuse.
pub fn further(dialect: Dialect, body: &[u8]) -> Further {
    let names = |what: &str| memmem::find(body, what.as_bytes()).is_some();
    match dialect {
        // The advisor's tool (Anthropic's Python SDK, `BetaAdvisorTool20260301Param`, read 2026-11-23).
        Dialect::AnthropicMessages if names("\"advisor_") => {
            Further { records: RECORDS_ASKED, models: advisors(body) }
        }
        // Pictures are billed on a model of their own, by what they turn out to be.
        Dialect::OpenaiResponses if names("\"image_generation\"") => {
            Further { records: RECORDS_ASKED, models: Vec::new() }
        }
        Dialect::AnthropicMessages | Dialect::OpenaiResponses => {
            Further { records: RECORDS_USUAL, models: Vec::new() }
        }
        Dialect::OpenaiChat
        | Dialect::GeminiGenerate
        | Dialect::BedrockConverse
        | Dialect::CohereChat => Further::default(),
    }
}

#[derive(Deserialize)]
struct Tools<'a> {
    #[serde(default, borrow)]
    tools: Vec<&'a RawValue>,
}

fn advisors(body: &[u8]) -> Vec<FurtherModel> {
    let Ok(Tools { tools }) = serde_json::from_slice(body) else { return Vec::new() };
    let advisor = |raw: &RawValue| {
        let tool = Object::scan(raw.get())?;
        tool.text("type").filter(|kind| kind.starts_with("advisor_"))?;
        let number = |name: &str| tool.get(name).and_then(whole);
        Some(FurtherModel {
            model: tool.text("model").filter(|model| !model.is_empty())?,
            uses_max: number("max_uses"),
            output_tokens_max: number("max_tokens"),
            writes_cache: tool.child("caching").is_some(),
        })
    };
    tools.into_iter().filter_map(advisor).take(MODELS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_advisor_is_read_with_what_bounds_it() {
        let body = br#"{"model":"m","tools":[{"name":"f","input_schema":{}},
            {"type":"advisor_20260301","name":"advisor","model":"big","max_uses":3,"max_tokens":500},
            {"type":"advisor_20260301","name":"advisor","model":"other","caching":{"type":"ephemeral"}},
            {"type":"advisor_20260301","name":"advisor"}]}"#;
        let told = further(Dialect::AnthropicMessages, body);
        let model = |model: &str, uses_max, output_tokens_max, writes_cache| FurtherModel {
            model: model.to_owned(),
            uses_max,
            output_tokens_max,
            writes_cache,
        };
        let expected =
            vec![model("big", Some(3), Some(500), false), model("other", None, None, true)];
        assert_eq!(told, Further { records: RECORDS_ASKED, models: expected });
    }

    #[test]
    fn room_is_kept_where_answers_can_tell_other_models() {
        let plain = br#"{"model":"m","messages":[{"role":"user","content":"Is advisor_20260301 a tool?"}]}"#;
        let draws = br#"{"model":"m","tools":[{"type":"image_generation"}]}"#;
        for (dialect, body, records) in [
            (Dialect::AnthropicMessages, &plain[..], RECORDS_USUAL),
            (Dialect::OpenaiResponses, &plain[..], RECORDS_USUAL),
            (Dialect::OpenaiResponses, &draws[..], RECORDS_ASKED),
            (Dialect::OpenaiChat, &draws[..], 0),
            (Dialect::GeminiGenerate, &plain[..], 0),
        ] {
            assert_eq!(further(dialect, body), Further { records, models: Vec::new() });
        }
    }

    proptest! {
        #[test]
        fn no_body_panics(body in "[{}\\[\\]\",:a-z_0-9 ]{0,60}") {
            let body = format!("{{\"tools\":[{{\"type\":\"advisor_1\",{body}}}]}}");
            let _ = further(Dialect::AnthropicMessages, body.as_bytes());
        }
    }
}
