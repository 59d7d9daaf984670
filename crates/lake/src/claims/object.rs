//! One object of claims: a line of text that says whose they are, then 24 bytes for each line claimed,
//! the sequence (big-endian) and the key.

use std::sync::Arc;

use events::LineKey;

/// What every object begins with: format and version.
const MARK: &str = "tollgate claims 1 ";
const RECORD_BYTES: usize = 24;

/// Lines that one spool claims together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    /// The spool's application id, `node/epoch`.
    pub(super) app: Arc<str>,
    /// Sequence of the row, and the line.
    pub(super) lines: Vec<(u64, LineKey)>,
}

impl Claim {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = format!("{MARK}{}\n", self.app).into_bytes();
        out.reserve(self.lines.len().saturating_mul(RECORD_BYTES));
        for (seq, key) in &self.lines {
            out.extend_from_slice(&seq.to_be_bytes());
            out.extend_from_slice(&key.bytes());
        }
        out
    }

    /// `None` for what is no object of claims.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let (head, records) = (bytes.get(..end)?, bytes.get(end + 1..)?);
        let app = std::str::from_utf8(head).ok()?.strip_prefix(MARK)?;
        if !records.len().is_multiple_of(RECORD_BYTES) {
            return None;
        }
        let record = |record: &[u8]| {
            let (seq, key) = record.split_first_chunk::<8>()?;
            let key: [u8; 16] = key.try_into().ok()?;
            Some((u64::from_be_bytes(*seq), LineKey::from_bytes(key)))
        };
        let lines: Option<Vec<_>> = records.chunks_exact(RECORD_BYTES).map(record).collect();
        Some(Self { app: app.into(), lines: lines? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_reads_back_and_anything_else_is_refused() {
        let key = LineKey::from_bytes([10; 16]);
        let claim = Claim { app: "n1/e1".into(), lines: vec![(7, key), (u64::MAX, key)] };
        let bytes = claim.encode();
        assert_eq!(Claim::decode(&bytes), Some(claim));
        assert_eq!(Claim::decode(&bytes[..bytes.len() - 1]), None);
        assert_eq!(Claim::decode(b"tollgate claims 2 n1/e1\n"), None);
        assert_eq!(Claim::decode(b""), None);
    }
}
