//! A provider's usage object read on its own, without the answer it came with: for logs, results of
//! batches and bills brought along.

use std::str::FromStr;

use crate::json::Object;
use crate::reply::{ExtraUsage, Usage};
use crate::{anthropic, bedrock, cohere, gemini, openai, responses};

/// Whose words a usage object is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsageDialect {
    /// OpenAI's chat completions and everything compatible (`prompt_tokens`).
    Openai,
    /// OpenAI's responses (`input_tokens`, cache included).
    Responses,
    /// Anthropic's messages (`input_tokens`, cache excluded).
    Anthropic,
    /// Google's `usageMetadata`.
    Gemini,
    /// Amazon Bedrock's `usage` of Converse.
    Bedrock,
    /// Cohere's `usage` of v2.
    Cohere,
}

impl UsageDialect {
    /// All of them.
    pub const ALL: [UsageDialect; 6] = [
        UsageDialect::Openai,
        UsageDialect::Responses,
        UsageDialect::Anthropic,
        UsageDialect::Gemini,
        UsageDialect::Bedrock,
        UsageDialect::Cohere,
    ];

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            UsageDialect::Openai => "openai",
            UsageDialect::Responses => "responses",
            UsageDialect::Anthropic => "anthropic",
            UsageDialect::Gemini => "gemini",
            UsageDialect::Bedrock => "bedrock",
            UsageDialect::Cohere => "cohere",
        }
    }
}

impl FromStr for UsageDialect {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|dialect| dialect.as_str() == name);
        named.ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|dialect| dialect.as_str()).collect();
            format!("`{name}` is not one of {}", names.join(", "))
        })
    }
}

/// What a usage object says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metered {
    /// The disjoint quantities and what prices depend on.
    pub usage: Usage,
    /// Usage billed beside it, possibly on another model.
    pub extra: Vec<ExtraUsage>,
    /// Model the usage itself says was used.
    pub model: Option<String>,
    /// Some quantity was divided by an assumption because the provider told only its sum.
    pub estimated_split: bool,
}

impl From<Usage> for Metered {
    fn from(usage: Usage) -> Self {
        Self { usage, ..Self::default() }
    }
}

/// Reads the JSON of a provider's usage object.
///
/// # Errors
/// The text is not a JSON object, or the dialect has no reader; the message says which.
pub fn read_usage(dialect: UsageDialect, json: &str) -> Result<Metered, String> {
    serde_json::from_str::<serde::de::IgnoredAny>(json)
        .map_err(|e| format!("the usage is not valid JSON: {e}"))?;
    if Object::scan(json).is_none() {
        return Err("the usage must be one JSON object".to_owned());
    }
    let metered = match dialect {
        UsageDialect::Openai => openai::read_usage(json).map(Metered::from),
        UsageDialect::Responses => responses::read_usage(json),
        UsageDialect::Anthropic => anthropic::read_usage(json),
        UsageDialect::Gemini => gemini::read_usage(json),
        UsageDialect::Bedrock => bedrock::read_usage(json).map(Metered::from),
        UsageDialect::Cohere => cohere::read_usage(json).map(Metered::from),
    };
    metered.ok_or_else(|| format!("usage in the words of {} cannot be read", dialect.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Dialect, usage as told, meters.
    type Case = (&'static str, &'static str, &'static [(&'static str, u64)]);

    const CASES: &[Case] = &[
        (
            "openai",
            r#"{"prompt_tokens":12,"completion_tokens":4,"total_tokens":16,"prompt_tokens_details":{"cached_tokens":5}}"#,
            &[("input.text", 7), ("cache_read.text", 5), ("output.text", 4)],
        ),
        (
            "responses",
            r#"{"input_tokens":158,"input_tokens_details":{"cache_write_tokens":43,"cached_tokens":15},"output_tokens":32,"output_tokens_details":{"reasoning_tokens":10},"total_tokens":190}"#,
            &[
                ("input.text", 100),
                ("cache_read.text", 15),
                ("cache_write.5m", 43),
                ("output.text", 22),
                ("reasoning", 10),
            ],
        ),
        (
            "anthropic",
            r#"{"input_tokens":4,"cache_read_input_tokens":15,"cache_creation_input_tokens":9,"cache_creation":{"ephemeral_1h_input_tokens":7},"output_tokens":32,"server_tool_use":{"web_search_requests":2,"web_fetch_requests":1}}"#,
            &[
                ("input.text", 4),
                ("cache_read.text", 15),
                ("cache_write.5m", 2),
                ("cache_write.1h", 7),
                ("output.text", 32),
                ("web_search", 2),
            ],
        ),
        (
            "gemini",
            r#"{"promptTokenCount":12,"cachedContentTokenCount":5,"candidatesTokenCount":4,"thoughtsTokenCount":3,"totalTokenCount":19}"#,
            &[("input.text", 7), ("cache_read.text", 5), ("output.text", 4), ("reasoning", 3)],
        ),
        (
            "bedrock",
            r#"{"inputTokens":433,"outputTokens":16,"cacheReadInputTokens":2752,"cacheWriteInputTokens":9,"cacheDetails":[{"ttl":"1h","inputTokens":7}],"totalTokens":3210}"#,
            &[
                ("input.text", 433),
                ("cache_read.text", 2752),
                ("cache_write.5m", 2),
                ("cache_write.1h", 7),
                ("output.text", 16),
            ],
        ),
        (
            "cohere",
            r#"{"billed_units":{"input_tokens":41,"output_tokens":28},"cached_tokens":1040,"tokens":{"input_tokens":1442,"output_tokens":29}}"#,
            &[("input.text", 41), ("output.text", 28)],
        ),
    ];

    #[test]
    fn usage_beside_the_answer_is_told_with_its_model() {
        let json = r#"{"input_tokens":3,"output_tokens":4,"service_tier":"batch","iterations":[{"type":"advisor_message","model":"claude-opus-4-8","input_tokens":5,"output_tokens":6}]}"#;
        let metered = read_usage(UsageDialect::Anthropic, json).unwrap();
        assert_eq!(metered.usage.processing.as_deref(), Some("batch"));
        assert_eq!(metered.extra[0].model.as_deref(), Some("claude-opus-4-8"));
        assert_eq!(metered.extra[0].usage.meters.output_tokens(), 6);
    }

    #[test]
    fn usage_is_read_in_the_words_of_every_dialect() {
        for (dialect, json, expected) in CASES {
            let metered = read_usage(dialect.parse().unwrap(), json).unwrap();
            let meters: Vec<_> =
                metered.usage.meters.iter().map(|(meter, n)| (meter.as_str(), n)).collect();
            assert_eq!(meters, *expected, "{dialect}");
        }
    }

    #[test]
    fn what_is_no_usage_is_refused_in_words() {
        let told = |json| read_usage(UsageDialect::Openai, json).unwrap_err();
        assert!(told("{").starts_with("the usage is not valid JSON: "));
        assert_eq!(told("[1]"), "the usage must be one JSON object");
        let unknown = "gopher".parse::<UsageDialect>().unwrap_err();
        assert_eq!(
            unknown,
            "`gopher` is not one of openai, responses, anthropic, gemini, bedrock, cohere"
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(json in "[{}\\[\\]\",:a-z_0-9 ]{0,60}") {
            for dialect in UsageDialect::ALL {
                let _ = read_usage(dialect, &json);
            }
        }
    }
}
