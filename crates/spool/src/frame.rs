//! A frame's bytes: `[u32 length][u32 crc32c][postcard]`, little-endian. Length 0 is the end.
//!
//! A frame's number is not in it: it is the segment's first number plus its place.

use events::{ErrorClass, UsageSource};
use events::{Frame, Intent, OPENED_LAYOUTS, Settlement, UsageEvent};
use serde::Serialize;

/// Bytes before a frame's content.
pub(crate) const PREFIX_BYTES: usize = 8;

/// The bytes of one value as a frame.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, postcard::Error> {
    let mut bytes = Vec::with_capacity(1024);
    bytes.extend_from_slice(&[0; PREFIX_BYTES]);
    let mut bytes = postcard::to_extend(value, bytes)?;
    let content = &bytes[PREFIX_BYTES..];
    let length = u32::try_from(content.len()).map_err(|_| postcard::Error::SerializeBufferFull)?;
    let crc = crc32c::crc32c(content);
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes[4..8].copy_from_slice(&crc.to_le_bytes());
    Ok(bytes)
}

/// The value of a frame's content, whose checksum is known to be right.
pub(crate) fn decode(content: &[u8]) -> Result<Frame, postcard::Error> {
    postcard::from_bytes(content)
}

/// Whether it is a frame that opens an attempt, as far as its first bytes tell.
pub(crate) fn is_opened(content: &[u8]) -> bool {
    postcard::take_from_bytes::<u32>(content)
        .is_ok_and(|(layout, _)| OPENED_LAYOUTS.contains(&layout))
}

/// Length and checksum from a frame's first eight bytes.
pub(crate) fn prefix(bytes: [u8; PREFIX_BYTES]) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = bytes;
    (u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h]))
}

/// How an attempt reads of which nothing is known but that it began: interrupted, at what it held.
pub(crate) fn interrupted(intent: Intent) -> (UsageEvent, Vec<Settlement>) {
    let Intent { mut event, held } = intent;
    event.outcome.error = Some(ErrorClass::Interrupted);
    // What was held is an estimate, unless it was not even that.
    if event.cost.usage_source != UsageSource::Unknown {
        event.cost.usage_source = UsageSource::Estimated;
    }
    event.decision.is_final = true;
    event.decision.is_waste = true;
    event.times.ended_us = event.times.ended_us.max(event.times.received_us);
    (event, held)
}
