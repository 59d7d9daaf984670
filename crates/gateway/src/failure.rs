//! Everything that can go wrong with a request, and what the client is told of it.

use dialects::{ErrorBody, RequestError, UpstreamError};
use events::ErrorClass;
use policy::{Denial, DenialCause, Refusal, RouteError};
use serde_json::{Value, json};

/// Longest message of a provider passed on, characters.
const MESSAGE_CHARS_MAX: usize = 2_000;

/// Why an attempt or a request ended without an answer.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// What kind of error, as recorded.
    pub(crate) class: ErrorClass,
    /// HTTP status of the answer, should this failure be the last word.
    pub(crate) status: u16,
    /// Stable code, for programs.
    pub(crate) code: String,
    /// What happened and what to do, for people.
    pub(crate) message: String,
    /// The parameter at fault.
    pub(crate) param: Option<String>,
    /// Seconds after which to try again.
    pub(crate) retry_after_s: Option<u32>,
    /// Details for programs.
    pub(crate) metadata: Option<Box<Value>>,
    /// Status the provider answered with.
    pub(crate) upstream_status: Option<u16>,
    /// Whether another target may do better.
    pub(crate) may_fail_over: bool,
}

impl Failure {
    /// A failure that no other target would mend.
    pub(crate) fn new(
        class: ErrorClass,
        status: u16,
        code: &str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            class,
            status,
            code: code.to_owned(),
            message: message.into(),
            param: None,
            retry_after_s: None,
            metadata: None,
            upstream_status: None,
            may_fail_over: false,
        }
    }

    /// No usable answer came from a provider.
    pub(crate) fn upstream(
        class: ErrorClass,
        status: u16,
        code: &str,
        message: impl Into<String>,
    ) -> Self {
        Self { may_fail_over: true, ..Self::new(class, status, code, message) }
    }

    /// The request body does not parse, or asks for what cannot be carried. What one target cannot
    /// carry another may.
    pub(crate) fn request(error: &RequestError) -> Self {
        let failure = Self::new(ErrorClass::InvalidRequest, 400, error.code(), error.to_string());
        let may_fail_over =
            matches!(error, RequestError::Unsupported { .. } | RequestError::NoTranslation { .. });
        Self { param: error.param().map(str::to_owned), may_fail_over, ..failure }
    }

    /// No route.
    pub(crate) fn route(error: &RouteError) -> Self {
        let (class, status, code) = match error {
            RouteError::Unknown(_) => (ErrorClass::NotFound, 404, "model_not_found"),
            RouteError::Forbidden(_) => (ErrorClass::Forbidden, 403, "model_not_allowed"),
            RouteError::UnknownProvider(_) => (ErrorClass::NotFound, 404, "provider_not_found"),
            RouteError::ForbiddenProvider(_) => {
                (ErrorClass::Forbidden, 403, "provider_not_allowed")
            }
        };
        let failure = Self::new(class, status, code, error.to_string());
        Self { param: Some("model".to_owned()), ..failure }
    }

    /// A budget refused, or nobody could say whether it would. Another target may be cheaper, so the
    /// next one is still asked. `status` is told for a refusal.
    pub(crate) fn refused(refusal: &Refusal, status: u16) -> Self {
        match refusal {
            Refusal::Denied(denial) => Self::denied(denial, status),
            Refusal::Short => Self::authority_away("the budgets of this request are not known yet"),
        }
    }

    fn denied(denial: &Denial, status: u16) -> Self {
        let budget = &denial.budget;
        let metadata = json!({
            "budget_id": budget.id, "budget": budget.name, "scope": budget.scope,
            "window": budget.window, "limit_usd": budget.limit, "spent_usd": budget.spent,
            "reserved_usd": budget.reserved, "resets_at": budget.resets_at.to_string(),
        });
        let (code, why) = match denial.cause {
            DenialCause::Exhausted => ("budget_exceeded", "has no room left for this request"),
            DenialCause::NeverFits => {
                ("request_exceeds_budget", "is smaller than what this request may cost")
            }
            DenialCause::Unpriced => {
                ("model_unpriced", "counts known amounts only and this model has no price")
            }
            // Not a refusal: there may well be money, only nobody who may promise it.
            DenialCause::AuthorityAway => {
                let which = format!("budget `{}` of {}", budget.name, budget.scope);
                let failure = Self::authority_away(&which);
                return Self { metadata: Some(Box::new(metadata)), ..failure };
            }
        };
        let message = format!(
            "budget `{}` of {} {why}: {} of {} USD spent, {} reserved; it resets at {}",
            budget.name,
            budget.scope,
            budget.spent,
            budget.limit,
            budget.reserved,
            budget.resets_at,
        );
        let failure = Self::upstream(ErrorClass::BudgetExceeded, status, code, message);
        Self { metadata: Some(Box::new(metadata)), ..failure }
    }

    fn authority_away(which: &str) -> Self {
        let message = format!(
            "the budget authority did not answer in time and this gateway holds too little of {which}: try again in a second"
        );
        Self {
            retry_after_s: Some(1),
            ..Self::upstream(ErrorClass::Overloaded, 503, "budget_authority_unavailable", message)
        }
    }

    /// A provider answered with an error. Its own status is kept where the request is at fault;
    /// a refused credential is ours to mend, not the client's.
    pub(crate) fn answered(error: &UpstreamError, retry_after_s: Option<u32>) -> Self {
        let status = error.status;
        let (class, told, may_fail_over) = match status {
            429 => (ErrorClass::UpstreamRateLimited, 429, true),
            401..=403 => (ErrorClass::UpstreamError, 502, true),
            400..=499 if status != 408 => (ErrorClass::InvalidRequest, status, false),
            408 | 504 => (ErrorClass::UpstreamTimeout, 504, true),
            503 | 529 => (ErrorClass::UpstreamError, 503, true),
            _ => (ErrorClass::UpstreamError, 502, true),
        };
        let is_ours = matches!(status, 401..=403);
        // A provider that refuses a credential likes to quote it: its words stay here.
        let message = match is_ours {
            true => format!("the provider refused the gateway's own account: it answered {status}"),
            false => error.message.chars().take(MESSAGE_CHARS_MAX).collect(),
        };
        let code = error.code.clone().filter(|_| !is_ours);
        Self {
            class,
            status: told,
            code: code.unwrap_or_else(|| "upstream_error".to_owned()),
            message,
            param: error.param.clone().filter(|_| !is_ours),
            retry_after_s,
            metadata: None,
            upstream_status: Some(status),
            may_fail_over,
        }
    }

    /// Whether sending the same request again soon may succeed. A budget stays spent whatever status
    /// it is told with.
    pub(crate) fn retry_helps(&self) -> bool {
        self.class != ErrorClass::BudgetExceeded && (self.status == 429 || self.status >= 500)
    }

    /// The word for the error in OpenAI's and Anthropic's vocabularies alike.
    fn kind(&self) -> &'static str {
        match self.class {
            ErrorClass::Unauthenticated => "authentication_error",
            ErrorClass::Forbidden => "permission_error",
            ErrorClass::NotFound => "not_found_error",
            ErrorClass::InvalidRequest | ErrorClass::TooLarge => "invalid_request_error",
            ErrorClass::BudgetExceeded => "budget_exceeded",
            ErrorClass::RateLimited | ErrorClass::UpstreamRateLimited => "rate_limit_error",
            ErrorClass::UpstreamTimeout => "timeout_error",
            ErrorClass::Overloaded => "overloaded_error",
            _ => "api_error",
        }
    }

    /// The failure in the neutral form dialects encode.
    pub(crate) fn body(&self, request_id: String) -> ErrorBody {
        ErrorBody {
            kind: self.kind().to_owned(),
            code: Some(self.code.clone()),
            message: self.message.clone(),
            param: self.param.clone(),
            metadata: self.metadata.as_deref().cloned(),
            request_id: Some(request_id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upstream_error(status: u16) -> UpstreamError {
        UpstreamError { status, message: "no".repeat(5_000), kind: None, code: None, param: None }
    }

    #[test]
    fn the_clients_own_mistakes_keep_their_status_and_all_others_fail_over() {
        for (status, told, fails_over) in [
            (400, 400, false),
            (404, 404, false),
            (422, 422, false),
            (401, 502, true),
            (403, 502, true),
            (408, 504, true),
            (429, 429, true),
            (500, 502, true),
            (503, 503, true),
            (504, 504, true),
            (529, 503, true),
        ] {
            let failure = Failure::answered(&upstream_error(status), None);
            assert_eq!((failure.status, failure.may_fail_over), (told, fails_over), "{status}");
            assert!(failure.message.chars().count() <= MESSAGE_CHARS_MAX);
        }
    }

    #[test]
    fn what_a_provider_says_of_our_credential_is_not_passed_on() {
        for status in [401, 402, 403] {
            let error = UpstreamError {
                message: "Incorrect API key provided: sk-ours".to_owned(),
                code: Some("invalid_api_key".to_owned()),
                param: Some("sk-ours".to_owned()),
                ..upstream_error(status)
            };
            let told = format!("{:?}", Failure::answered(&error, None));
            assert!(!told.contains("sk-ours") && !told.contains("invalid_api_key"), "{told}");
        }
    }

    #[test]
    fn a_refusal_by_a_budget_never_invites_a_retry() {
        for status in [402, 403, 429, 503] {
            let failure = Failure::new(ErrorClass::BudgetExceeded, status, "c", "m");
            assert!(!failure.retry_helps(), "{status}");
        }
        assert!(Failure::answered(&upstream_error(429), None).retry_helps());
        assert!(!Failure::answered(&upstream_error(400), None).retry_helps());
    }
}
