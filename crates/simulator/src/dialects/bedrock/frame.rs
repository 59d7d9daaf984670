//! Frames of a binary stream: lengths, a checksum over them, headers, a payload, a checksum over all.

/// Lengths and the first checksum.
const PRELUDE_BYTES: usize = 12;
/// Bytes of the checksum at the end.
const SUM_BYTES: usize = 4;
/// A header that holds text.
const TEXT: u8 = 7;

/// Appends a frame with these text headers.
pub(super) fn write(out: &mut Vec<u8>, headers: &[(&str, &str)], payload: &[u8]) {
    let mut head = Vec::with_capacity(96);
    for (name, value) in headers {
        // Names and values are ours and short.
        head.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        head.extend_from_slice(name.as_bytes());
        head.push(TEXT);
        head.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        head.extend_from_slice(value.as_bytes());
    }
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let start = out.len();
    out.extend_from_slice(&length(PRELUDE_BYTES + head.len() + payload.len() + SUM_BYTES));
    out.extend_from_slice(&length(head.len()));
    out.extend_from_slice(&checksum(&out[start..]).to_be_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(payload);
    out.extend_from_slice(&checksum(&out[start..]).to_be_bytes());
}

/// CRC-32 as zlib computes it.
fn checksum(bytes: &[u8]) -> u32 {
    let fold = |sum: u32, byte: &u8| {
        let [low, ..] = (sum ^ u32::from(*byte)).to_le_bytes();
        (sum >> 8) ^ TABLE[usize::from(low)]
    };
    !bytes.iter().fold(!0, fold)
}

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0_u32; 256];
    let mut byte = 0;
    let mut seed = 0_u32;
    while byte < table.len() {
        let mut rest = seed;
        let mut bit = 0;
        while bit < 8 {
            rest = (rest >> 1) ^ if rest & 1 == 1 { 0xEDB8_8320 } else { 0 };
            bit += 1;
        }
        table[byte] = rest;
        byte += 1;
        seed += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_the_one_recorded_of_the_real_service() {
        let recorded = b"\0\0\0\x83\0\0\0\x51\x8f\x08tI\x0b:event-type\x07\0\x0bmessageStop\x0d:content-type\x07\0\x10application/json\x0d:message-type\x07\0\x05event{\"p\":\"ab\",\"stopReason\":\"end_turn\"}\x90V\xe9\xa4";
        let mut out = Vec::new();
        let headers = [
            (":event-type", "messageStop"),
            (":content-type", "application/json"),
            (":message-type", "event"),
        ];
        write(&mut out, &headers, br#"{"p":"ab","stopReason":"end_turn"}"#);
        assert_eq!(out, recorded);
        assert_eq!(checksum(b"123456789"), 0xCBF4_3926);
    }
}
