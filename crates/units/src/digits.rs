//! Digits of an amount, written from the last to the first into a buffer of fixed size.

/// The longest amount: a sign, 27 digits of dollars, a point, twelve decimals; with room to spare.
const BYTES: usize = 48;

/// A text that grows at its front.
pub(crate) struct Digits {
    bytes: [u8; BYTES],
    start: usize,
}

impl Digits {
    pub(crate) fn new() -> Self {
        Self { bytes: [0; BYTES], start: BYTES }
    }

    /// Puts an ASCII character before what there is; beyond the room there is it is left out.
    pub(crate) fn prepend(&mut self, ascii: u8) {
        if let Some(start) = self.start.checked_sub(1) {
            self.bytes[start] = ascii;
            self.start = start;
        }
    }

    /// Puts the last `count` digits of a number before what there is.
    pub(crate) fn prepend_digits(&mut self, mut number: u64, count: u32) {
        for _ in 0..count {
            self.prepend(digit(number % 10));
            number /= 10;
        }
    }

    /// Puts a number before what there is.
    pub(crate) fn prepend_number(&mut self, number: u128) {
        let mut rest = number;
        // Almost every amount takes the short way: division of 128 bits is slow.
        while u64::try_from(rest).is_err() {
            self.prepend(digit(u64::try_from(rest % 10).unwrap_or_default()));
            rest /= 10;
        }
        let mut rest = u64::try_from(rest).unwrap_or_default();
        loop {
            self.prepend(digit(rest % 10));
            rest /= 10;
            if rest == 0 {
                return;
            }
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[self.start..]).unwrap_or_default()
    }
}

fn digit(value: u64) -> u8 {
    b'0' + u8::try_from(value).unwrap_or_default()
}
