//! The signature over the reasoning behind a call, where this dialect keeps what others say of a call:
//! `extra_content.google.thought_signature`, the place one vendor's compatible endpoint documents.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::json::Text;

/// What stands beside a call.
#[derive(Serialize)]
pub(super) struct Extra<'a> {
    google: Google<'a>,
}

#[derive(Serialize)]
struct Google<'a> {
    thought_signature: &'a str,
}

impl<'a> Extra<'a> {
    /// That a call has this signature.
    pub(super) fn new(thought_signature: &'a str) -> Self {
        Self { google: Google { thought_signature } }
    }
}

#[derive(Deserialize)]
struct ExtraBody<'a> {
    #[serde(borrow)]
    google: Option<GoogleBody<'a>>,
}

#[derive(Deserialize)]
struct GoogleBody<'a> {
    #[serde(borrow)]
    thought_signature: Option<Text<'a>>,
}

/// The signature in an `extra_content`, where it holds one.
pub(super) fn signature(extra: &RawValue) -> Option<Cow<'_, str>> {
    let extra: ExtraBody<'_> = serde_json::from_str(extra.get()).ok()?;
    extra.google?.thought_signature.map(|text| text.0).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::text_of;

    #[test]
    fn a_signature_reads_back_and_anything_else_beside_a_call_is_none() {
        let read = |json: &str| {
            let raw: &RawValue = serde_json::from_str(json).unwrap();
            signature(raw).map(Cow::into_owned)
        };
        assert_eq!(read(&text_of(&Extra::new("c2ln"))).as_deref(), Some("c2ln"));
        for other in ["{}", "[]", "7", r#"{"google":{}}"#, r#"{"google":{"thought_signature":""}}"#]
        {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
