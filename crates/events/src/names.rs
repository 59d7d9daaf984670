//! The closed sets of names an event uses. Each is written to history: names are only ever added.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares an enum whose variants have one stable text form, used in JSON, in the lake and in logs.
/// Binary formats hold the variant's position, so variants are only ever appended.
macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)* }

        impl $name {
            /// Every name, in the order they were added.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The stable text form.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                $name::ALL.iter().copied().find(|name| name.as_str() == text).ok_or_else(|| {
                    let known: Vec<&str> = $name::ALL.iter().map(|name| name.as_str()).collect();
                    format!("`{text}` is not one of {}", known.join(", "))
                })
            }
        }
    };
}
pub(crate) use names;

names!(
    /// A wire format, as spoken by a client or by a provider.
    Dialect {
        /// OpenAI's `/v1/chat/completions` and everything compatible with it.
        OpenaiChat = "openai_chat",
        /// Anthropic's `/v1/messages`.
        AnthropicMessages = "anthropic_messages",
        /// OpenAI's `/v1/responses`.
        OpenaiResponses = "openai_responses",
        /// Google's `:generateContent` and `:streamGenerateContent`.
        GeminiGenerate = "gemini_generate",
        /// Amazon Bedrock's `/model/{id}/converse` and `/converse-stream`.
        BedrockConverse = "bedrock_converse",
        /// Cohere's `/v2/chat`.
        CohereChat = "cohere_chat",
    }
);

names!(
    /// Where the quantities of an event come from.
    UsageSource {
        /// The provider's own figures, complete.
        Provider = "provider",
        /// The provider's own figures, read by draining a stream whose client had left.
        Drained = "drained",
        /// A tokenizer's estimate, because the provider gave none.
        Estimated = "estimated",
        /// Nothing was sent to a provider, so nothing was used.
        None = "none",
        /// A provider was asked for what is passed on as it is, and did not tell what that used.
        Unknown = "unknown",
    }
);

names!(
    /// What a row that corrects money does.
    AdjustmentKind {
        /// Takes back what a row cost at the prices it was recorded with.
        Retraction = "retraction",
        /// Gives what it costs at other prices.
        Restatement = "restatement",
    }
);

names!(
    /// What the gateway's own cache did.
    CacheState {
        /// No cache applies to the route.
        Off = "off",
        /// Looked up and not found.
        Miss = "miss",
        /// Answered from the cache.
        Hit = "hit",
        /// The client or the policy asked to go around it.
        Bypass = "bypass",
    }
);

names!(
    /// Who caused an error.
    Fault {
        /// The request itself.
        Client = "client",
        /// The provider or the way to it.
        Upstream = "upstream",
        /// Tollgate.
        Gateway = "gateway",
        /// The organisation's own policy: a limit or a budget.
        Policy = "policy",
    }
);

names!(
    /// What kind of error ended an attempt or a request.
    ErrorClass {
        /// No key, or one that is unknown or revoked.
        Unauthenticated = "unauthenticated",
        /// The key may not use this model or route.
        Forbidden = "forbidden",
        /// No such model, route or path.
        NotFound = "not_found",
        /// The request does not parse or asks for what cannot be carried.
        InvalidRequest = "invalid_request",
        /// The body is larger than accepted.
        TooLarge = "too_large",
        /// A budget has no room.
        BudgetExceeded = "budget_exceeded",
        /// A limit on requests, tokens or concurrency.
        RateLimited = "rate_limited",
        /// No connection to the provider.
        UpstreamConnect = "upstream_connect",
        /// The provider did not answer in time.
        UpstreamTimeout = "upstream_timeout",
        /// The provider answered 429.
        UpstreamRateLimited = "upstream_rate_limited",
        /// The provider answered with another error.
        UpstreamError = "upstream_error",
        /// The provider's answer ended before it was complete.
        UpstreamCut = "upstream_cut",
        /// The provider's answer could not be understood.
        UpstreamGarbage = "upstream_garbage",
        /// The client left before the answer was complete.
        ClientGone = "client_gone",
        /// The gateway has no room to account for another request.
        Overloaded = "overloaded",
        /// The gateway stopped or failed while the request was under way.
        Interrupted = "interrupted",
    }
);

impl ErrorClass {
    /// Who caused an error of this class.
    pub const fn fault(self) -> Fault {
        match self {
            ErrorClass::Unauthenticated
            | ErrorClass::Forbidden
            | ErrorClass::NotFound
            | ErrorClass::InvalidRequest
            | ErrorClass::TooLarge
            | ErrorClass::ClientGone => Fault::Client,
            ErrorClass::BudgetExceeded | ErrorClass::RateLimited => Fault::Policy,
            ErrorClass::UpstreamConnect
            | ErrorClass::UpstreamTimeout
            | ErrorClass::UpstreamRateLimited
            | ErrorClass::UpstreamError
            | ErrorClass::UpstreamCut
            | ErrorClass::UpstreamGarbage => Fault::Upstream,
            ErrorClass::Overloaded | ErrorClass::Interrupted => Fault::Gateway,
        }
    }
}

names!(
    /// Why the model stopped, in one vocabulary for every provider.
    FinishReason {
        /// The answer is complete.
        Stop = "stop",
        /// A token limit was reached.
        Length = "length",
        /// The model asks for tools to be called.
        ToolCalls = "tool_calls",
        /// A safety system withheld or ended the answer.
        ContentFilter = "content_filter",
        /// The answer ended in an error.
        Error = "error",
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_form_is_the_same_in_json_and_in_the_lake() {
        for class in ErrorClass::ALL {
            let json = serde_json::to_string(class).unwrap();
            assert_eq!(json, format!("\"{class}\""));
            assert_eq!(class.as_str().parse(), Ok(*class));
        }
        let error = "openai".parse::<Dialect>().unwrap_err();
        assert_eq!(
            error,
            "`openai` is not one of openai_chat, anthropic_messages, openai_responses, gemini_generate, bedrock_converse, cohere_chat"
        );
    }
}
