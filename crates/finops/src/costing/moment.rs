//! Instants as logs and bills write them: RFC 3339, a day, or a count since 1970.
//!
//! It must never know the present.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use units::UnixMicros;

/// Counts below this are seconds, below a thousand times this milliseconds, below a million times this
/// microseconds: each then lies between 1973 and 5138, and no count has two readings.
const SECONDS_MAX: u64 = 100_000_000_000;
/// Microseconds in a second, in digits.
const MICRO_DIGITS: usize = 6;

/// What is asked for in place of what was written.
const REMEDY: &str = "write RFC 3339 with a zone such as \"2026-11-22T09:00:00Z\", a day such as \
                      \"2026-11-22\" (UTC), or seconds, milliseconds or microseconds since 1970";

/// The instant of a JSON text: a string or a number. A day is its first instant in UTC.
pub(super) fn instant(json: &str) -> Result<UnixMicros, String> {
    let text = match serde_json::from_str::<String>(json) {
        Ok(text) => text,
        Err(_) => json.to_owned(),
    };
    let text = text.trim();
    count(text).or_else(|| written(text)).ok_or_else(|| {
        let shown: String = text.chars().take(64).collect();
        format!("`at` is `{shown}`: {REMEDY}")
    })
}

fn written(text: &str) -> Option<UnixMicros> {
    if let Ok(date) = text.parse::<Date>()
        && text.len() == "YYYY-MM-DD".len()
    {
        return Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp().into());
    }
    text.parse::<Timestamp>().ok().map(UnixMicros::from)
}

/// A whole count by its size; with a fraction it is seconds.
fn count(text: &str) -> Option<UnixMicros> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((whole, part)) = text.split_once('.') {
        let part = part.get(..MICRO_DIGITS).unwrap_or(part);
        if !digits(whole) || !digits(part) {
            return None;
        }
        let seconds: u64 = whole.parse().ok().filter(|seconds| *seconds < SECONDS_MAX)?;
        let micros: u64 = format!("{part:0<MICRO_DIGITS$}").parse().ok()?;
        return micros_of(seconds.checked_mul(1_000_000)?.checked_add(micros)?);
    }
    if !digits(text) {
        return None;
    }
    let count: u64 = text.parse().ok()?;
    if count < SECONDS_MAX {
        micros_of(count * 1_000_000)
    } else if count < SECONDS_MAX * 1_000 {
        micros_of(count * 1_000)
    } else if count < SECONDS_MAX * 1_000_000 {
        micros_of(count)
    } else {
        None
    }
}

fn micros_of(micros: u64) -> Option<UnixMicros> {
    i64::try_from(micros).ok().map(UnixMicros::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_read_however_logs_write_it() {
        let at = "2026-11-22T09:00:00Z".parse::<Timestamp>().unwrap();
        let nine = UnixMicros::from(at);
        for (json, expected) in [
            (r#""2026-11-22T09:00:00Z""#, nine),
            (r#""2026-11-22T10:00:00+01:00""#, nine),
            (r#"" 2026-11-22T09:00:00.000Z ""#, nine),
            (r#""2026-11-22""#, nine.plus_micros(-9 * 3_600_000_000)),
            ("1795338000", nine),
            ("1795338000000", nine),
            ("1795338000000000", nine),
            (r#""1795338000""#, nine),
            ("1795338000.25", nine.plus_micros(250_000)),
            ("1795338000.1234567", nine.plus_micros(123_456)),
            ("0", UnixMicros::new(0)),
        ] {
            assert_eq!(instant(json), Ok(expected), "{json}");
        }
    }

    #[test]
    fn what_is_no_instant_is_refused_with_what_to_write() {
        for json in [
            r#""2026-11-22T09:00:00""#,
            r#""yesterday""#,
            r#""2026-13-01""#,
            "-5",
            "1e9",
            "1795338000000000000",
            "99999999999999999999999",
            "true",
            "null",
            "[]",
            r#""""#,
        ] {
            let error = instant(json).unwrap_err();
            assert!(error.contains("write RFC 3339 with a zone"), "{json}: {error}");
        }
    }
}
