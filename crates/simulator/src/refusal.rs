//! An error a provider answers with, before it takes a dialect's shape.

use std::borrow::Cow;

/// Why a request gets no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// HTTP status.
    pub(crate) status: u16,
    /// For people.
    pub(crate) message: Cow<'static, str>,
    /// The parameter at fault.
    pub(crate) param: Option<Cow<'static, str>>,
    /// For programs, where the dialect has one.
    pub(crate) code: Option<&'static str>,
    /// When to come again, seconds.
    pub(crate) retry_after_s: Option<u32>,
}

impl Refusal {
    /// An error of this status.
    pub(crate) fn new(status: u16, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, message: message.into(), param: None, code: None, retry_after_s: None }
    }

    /// A request that cannot be understood.
    pub(crate) fn invalid(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, message)
    }

    /// The same, naming the parameter at fault.
    #[must_use]
    pub(crate) fn about(mut self, param: impl Into<Cow<'static, str>>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// The same with a code.
    #[must_use]
    pub(crate) fn coded(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    /// The same, saying when to come again.
    #[must_use]
    pub(crate) fn retry_after(mut self, seconds: Option<u32>) -> Self {
        self.retry_after_s = seconds;
        self
    }
}
