//! Inputs nobody wrote, made of those we did: the kinds of damage that decoders must survive.

use proptest::prelude::*;

/// One kind of damage. Places are read modulo the length of what is damaged.
#[derive(Debug, Clone)]
pub(crate) enum Damage {
    /// One bit is another.
    Flip(usize, u8),
    /// The end is missing.
    Truncate(usize),
    /// A stretch is missing.
    Cut(usize, usize),
    /// A stretch stands elsewhere as well.
    Splice(usize, usize, usize),
    /// A stretch of another input stands in the middle.
    Graft(usize, Vec<u8>),
    /// A member is told twice.
    Repeat(usize),
    /// A value lies this deep in lists or objects.
    Nest(usize, usize, bool),
    /// A number is one of those below.
    Number(usize, usize),
    /// A value is one of those below.
    Value(usize, usize),
    /// Bytes that are no UTF-8.
    Foul(usize, usize),
}

const NUMBERS: [&str; 10] = [
    "18446744073709551615",
    "18446744073709551616",
    "-1",
    "1e999",
    "1E-999",
    "0.1e2147483648",
    "9223372036854775808",
    "340282366920938463463374607431768211456",
    "-0",
    "4.9e-324",
];
const VALUES: [&str; 10] = [
    "null",
    "true",
    "[]",
    "{}",
    "\"\"",
    "[[]]",
    "\"\\ud83d\"",
    "\"\\u0000\\u001f\\n\"",
    "[null]",
    "\"data:;base64,\"",
];
const FOUL: [&[u8]; 5] = [b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xef\xbb\xbf"];

/// Any damage.
pub(crate) fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<usize>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(a, b)| Damage::Flip(a, b)),
        at().prop_map(Damage::Truncate),
        (at(), 0_usize..200).prop_map(|(a, b)| Damage::Cut(a, b)),
        (at(), at(), 0_usize..400).prop_map(|(a, b, c)| Damage::Splice(a, b, c)),
        (at(), proptest::collection::vec(any::<u8>(), 0..30))
            .prop_map(|(a, b)| Damage::Graft(a, b)),
        at().prop_map(Damage::Repeat),
        (at(), prop_oneof![1_usize..200, Just(20_000)], any::<bool>())
            .prop_map(|(a, b, c)| Damage::Nest(a, b, c)),
        (at(), at()).prop_map(|(a, b)| Damage::Number(a, b)),
        (at(), at()).prop_map(|(a, b)| Damage::Value(a, b)),
        (at(), at()).prop_map(|(a, b)| Damage::Foul(a, b)),
    ]
}

impl Damage {
    /// Does it.
    pub(crate) fn to(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        if length == 0 {
            return;
        }
        match self {
            Damage::Flip(at, bit) => bytes[at % length] ^= 1 << (bit % 8),
            Damage::Truncate(at) => bytes.truncate(at % length),
            Damage::Cut(at, count) => {
                let at = at % length;
                bytes.drain(at..(at + count).min(length));
            }
            Damage::Splice(from, to, count) => {
                let from = from % length;
                let piece = bytes[from..(from + count).min(length)].to_vec();
                let to = to % length;
                bytes.splice(to..to, piece);
            }
            Damage::Graft(at, piece) => {
                let at = at % length;
                bytes.splice(at..at, piece.iter().copied());
            }
            Damage::Repeat(at) => {
                // From one comma or brace to the next, which is a member more often than not.
                let is_end = |byte: &u8| matches!(byte, b',' | b'{' | b'}');
                let Some(start) = after(bytes, at % length, is_end) else { return };
                let end = after(bytes, start, is_end).unwrap_or(length);
                let mut piece = bytes[start..end].to_vec();
                if piece.last() != Some(&b',') {
                    piece.pop();
                    piece.push(b',');
                }
                bytes.splice(start..start, piece);
            }
            Damage::Nest(at, depth, is_list) => {
                let Some(range) = value(bytes, at % length) else { return };
                let (open, close): (&[u8], &[u8]) =
                    if *is_list { (b"[", b"]") } else { (b"{\"content\":", b"}") };
                let inner = bytes[range.clone()].to_vec();
                let nested = [open.repeat(*depth), inner, close.repeat(*depth)].concat();
                bytes.splice(range, nested);
            }
            Damage::Number(at, which) => put(bytes, *at, NUMBERS[which % NUMBERS.len()]),
            Damage::Value(at, which) => put(bytes, *at, VALUES[which % VALUES.len()]),
            Damage::Foul(at, which) => {
                let at = at % length;
                bytes.splice(at..at, FOUL[which % FOUL.len()].iter().copied());
            }
        }
    }
}

fn put(bytes: &mut Vec<u8>, at: usize, json: &str) {
    if let Some(range) = value(bytes, at % bytes.len()) {
        bytes.splice(range, json.bytes());
    }
}

/// Behind the first byte from `at` on that `is` one looked for.
fn after(bytes: &[u8], at: usize, is: impl Fn(&u8) -> bool) -> Option<usize> {
    bytes[at..].iter().position(is).map(|found| at + found + 1)
}

/// The value of the first member from `at` on that is no list or object: behind its colon, up to the
/// comma or brace.
fn value(bytes: &[u8], at: usize) -> Option<std::ops::Range<usize>> {
    let start = after(bytes, at, |byte| *byte == b':')?;
    let end = after(bytes, start, |byte| matches!(byte, b',' | b'}' | b']'))? - 1;
    Some(start..end)
}
