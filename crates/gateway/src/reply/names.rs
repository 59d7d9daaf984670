//! Names of the headers in which answers tell of the gateway itself, and those it words itself.

use http::HeaderName;

/// Id of the request.
pub(crate) static REQUEST_ID: HeaderName = HeaderName::from_static("x-tollgate-request-id");
/// Attempts sent.
pub(crate) static ATTEMPTS: HeaderName = HeaderName::from_static("x-tollgate-attempts");
/// What the cache did.
pub(crate) static CACHE: HeaderName = HeaderName::from_static("x-tollgate-cache");
/// Who answered.
pub(crate) static PROVIDER: HeaderName = HeaderName::from_static("x-tollgate-provider");
/// Model asked of it.
pub(crate) static MODEL: HeaderName = HeaderName::from_static("x-tollgate-model");
/// Limit the answer was given, tokens.
pub(crate) static MAX_TOKENS: HeaderName = HeaderName::from_static("x-tollgate-max-tokens");
/// What was dropped on the way, separated by commas: parameters of the request that the provider's
/// dialect cannot carry, and of a plain answer the citations the client's cannot.
pub(crate) static DROPPED_PARAMS: HeaderName = HeaderName::from_static("x-tollgate-dropped-params");
/// What is left of the tightest budget, USD.
pub(crate) static BUDGET_REMAINING: HeaderName =
    HeaderName::from_static("x-tollgate-budget-remaining-usd");
/// Time the gateway itself took, microseconds.
pub(crate) static OVERHEAD: HeaderName = HeaderName::from_static("x-tollgate-overhead-us");
/// What the answer cost, USD.
pub(crate) static COST: HeaderName = HeaderName::from_static("x-tollgate-cost-usd");
/// Who counted tokens.
pub(crate) static COUNT_SOURCE: HeaderName = HeaderName::from_static("x-tollgate-count-source");
/// Id of the request, where LiteLLM's clients look for it.
pub(crate) static LITELLM_CALL_ID: HeaderName = HeaderName::from_static("x-litellm-call-id");
/// Model asked, where they look for it.
pub(crate) static LITELLM_MODEL_ID: HeaderName = HeaderName::from_static("x-litellm-model-id");
/// What the answer cost, where they look for it.
pub(crate) static LITELLM_COST: HeaderName = HeaderName::from_static("x-litellm-response-cost");
/// Whether to try again is of any use; SDKs of several vendors obey.
pub(crate) static SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
