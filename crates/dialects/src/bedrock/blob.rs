//! Hidden reasoning, which this dialect tells as bytes: base64 around what the model's vendor itself
//! tells as text. The text is what other dialects carry, so that a conversation may change provider.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Before bytes that are no text.
const BYTES: &str = "tollgate.bytes:";

/// What the bytes say.
pub(super) fn opened(base64: Cow<'_, str>) -> Cow<'_, str> {
    let text =
        STANDARD.decode(base64.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match text.filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic())) {
        Some(text) => Cow::Owned(text),
        None => Cow::Owned(format!("{BYTES}{base64}")),
    }
}

/// The bytes that say it, as base64.
pub(super) fn sealed(said: &str) -> Cow<'_, str> {
    match said.strip_prefix(BYTES) {
        Some(base64) => Cow::Borrowed(base64),
        None => Cow::Owned(STANDARD.encode(said)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_told_as_text() {
        assert_eq!(opened("RXRrRUNr".into()), "EtkECk");
        assert_eq!(opened("/////w==".into()), "tollgate.bytes://///w==");
        assert_eq!(opened("no base64".into()), "tollgate.bytes:no base64");
    }

    proptest! {
        #[test]
        fn bytes_survive(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let base64 = STANDARD.encode(&bytes);
            let said = opened(Cow::Borrowed(&base64));
            prop_assert_eq!(sealed(&said), base64.as_str());
        }
    }
}
