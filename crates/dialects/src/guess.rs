//! Whose words a usage object is in, when nobody says: by the names it uses, else by who sent it.

use crate::json::Object;
use crate::metered::UsageDialect;

/// Names that only one dialect uses, in the order they are looked for.
const TELLING: [(&str, UsageDialect); 15] = [
    ("prompt_tokens", UsageDialect::Openai),
    ("completion_tokens", UsageDialect::Openai),
    ("promptTokenCount", UsageDialect::Gemini),
    ("candidatesTokenCount", UsageDialect::Gemini),
    ("totalTokenCount", UsageDialect::Gemini),
    ("inputTokens", UsageDialect::Bedrock),
    ("outputTokens", UsageDialect::Bedrock),
    ("billed_units", UsageDialect::Cohere),
    ("cache_read_input_tokens", UsageDialect::Anthropic),
    ("cache_creation_input_tokens", UsageDialect::Anthropic),
    ("cache_creation", UsageDialect::Anthropic),
    ("server_tool_use", UsageDialect::Anthropic),
    ("iterations", UsageDialect::Anthropic),
    ("input_tokens_details", UsageDialect::Responses),
    ("tokens", UsageDialect::Cohere),
];

/// Parts of providers' names, and the words they use by default.
const NATIVE: [(&str, UsageDialect); 8] = [
    ("anthropic", UsageDialect::Anthropic),
    ("bedrock", UsageDialect::Bedrock),
    ("amazon", UsageDialect::Bedrock),
    ("aws", UsageDialect::Bedrock),
    ("google", UsageDialect::Gemini),
    ("vertex", UsageDialect::Gemini),
    ("gemini", UsageDialect::Gemini),
    ("cohere", UsageDialect::Cohere),
];

impl UsageDialect {
    /// The dialect of a provider's usage object: that of the names it uses, else that of the provider,
    /// else the chat completions everybody is compatible with.
    pub fn guess(provider: &str, json: &str) -> Self {
        let usage = Object::scan(json);
        let uses = |name: &str| usage.as_ref().is_some_and(|usage| usage.get(name).is_some());
        if let Some((_, dialect)) = TELLING.iter().find(|(name, _)| uses(name)) {
            return *dialect;
        }
        let provider = provider.to_lowercase();
        match NATIVE.iter().find(|(part, _)| provider.contains(part)) {
            // `input_tokens` alone is neither's own word; both of its readers then agree.
            Some((_, dialect)) if *dialect == UsageDialect::Anthropic => *dialect,
            _ if uses("input_tokens") || uses("output_tokens") => UsageDialect::Responses,
            Some((_, dialect)) => *dialect,
            None => UsageDialect::Openai,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_tell_the_dialect_and_the_provider_only_where_they_do_not() {
        for (provider, json, expected) in [
            ("openai", r#"{"prompt_tokens":1}"#, "openai"),
            ("anthropic", r#"{"prompt_tokens":1}"#, "openai"),
            ("openai", r#"{"input_tokens":1,"output_tokens":2}"#, "responses"),
            ("x-ai", r#"{"input_tokens":1,"input_tokens_details":{}}"#, "responses"),
            ("anthropic", r#"{"input_tokens":1,"output_tokens":2}"#, "anthropic"),
            ("vertex", r#"{"input_tokens":1,"cache_read_input_tokens":2}"#, "anthropic"),
            ("google", r#"{"promptTokenCount":1}"#, "gemini"),
            ("aws", r#"{"inputTokens":1,"outputTokens":2}"#, "bedrock"),
            ("cohere", r#"{"billed_units":{"input_tokens":1}}"#, "cohere"),
            ("Bedrock", "{}", "bedrock"),
            ("groq", "{}", "openai"),
            ("cohere", "not even JSON", "cohere"),
        ] {
            assert_eq!(UsageDialect::guess(provider, json).as_str(), expected, "{provider} {json}");
        }
    }
}
