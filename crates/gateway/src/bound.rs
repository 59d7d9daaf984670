//! How long a client is willing to wait for the first byte, as it says in a header.

use std::time::Duration;

use events::ErrorClass;
use http::HeaderMap;

use crate::failure::Failure;

/// Longest wait that can be asked for; a longer one has the effect of this one.
const WAIT_MAX: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Clone, Copy)]
enum Unit {
    Milliseconds,
    Seconds,
}

/// Our header, and what other gateways call it; the first that is there counts.
const HEADERS: [(&str, Unit); 3] = [
    ("x-tollgate-timeout-ms", Unit::Milliseconds),
    ("x-litellm-timeout", Unit::Seconds),
    ("x-portkey-request-timeout", Unit::Milliseconds),
];

/// The longest wait the client asks for, over all targets together. A value that is none is an
/// error even where another header would do.
pub(crate) fn asked(headers: &HeaderMap) -> Result<Option<Duration>, Failure> {
    let mut asked = None;
    for (name, unit) in HEADERS {
        let Some(value) = headers.get(name) else { continue };
        let wait = value.to_str().ok().and_then(|text| parse(text.trim(), unit));
        let wait = wait.ok_or_else(|| bad(name, unit))?;
        asked = asked.or(Some(wait));
    }
    Ok(asked)
}

fn parse(text: &str, unit: Unit) -> Option<Duration> {
    // The standard parsers also take signs, exponents and words.
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if text.is_empty() || !plain {
        return None;
    }
    let wait = match unit {
        Unit::Milliseconds => {
            let whole = text.bytes().all(|byte| byte.is_ascii_digit());
            // More digits than a number holds is still a wait, and the longest.
            whole.then(|| text.parse().map_or(WAIT_MAX, Duration::from_millis))?
        }
        Unit::Seconds => {
            let seconds = text.parse::<f64>().ok()?;
            Duration::try_from_secs_f64(seconds).unwrap_or(WAIT_MAX)
        }
    };
    (!wait.is_zero()).then_some(wait.min(WAIT_MAX))
}

fn bad(name: &str, unit: Unit) -> Failure {
    let unit = match unit {
        Unit::Milliseconds => "a whole number of milliseconds",
        Unit::Seconds => "a number of seconds",
    };
    let message = format!("header `{name}` must be {unit} above zero");
    Failure {
        param: Some(name.to_owned()),
        ..Failure::new(ErrorClass::InvalidRequest, 400, "invalid_timeout", message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked_with(pairs: &[(&'static str, &str)]) -> Result<Option<Duration>, Failure> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        asked(&headers)
    }

    #[test]
    fn each_gateways_header_is_read_in_its_own_unit_and_ours_comes_first() {
        let ms = Duration::from_millis;
        for (pairs, expected) in [
            (&[][..], None),
            (&[("x-tollgate-timeout-ms", "1500")][..], Some(ms(1500))),
            (&[("x-portkey-request-timeout", " 20 ")], Some(ms(20))),
            (&[("x-litellm-timeout", "2.5")], Some(ms(2500))),
            (&[("x-litellm-timeout", "600")], Some(ms(600_000))),
            (&[("x-litellm-timeout", "1"), ("x-tollgate-timeout-ms", "7")], Some(ms(7))),
            (&[("x-tollgate-timeout-ms", "99999999999999999999999")], Some(WAIT_MAX)),
            (&[("x-litellm-timeout", "99999999999999999999999")], Some(WAIT_MAX)),
        ] {
            assert_eq!(asked_with(pairs).unwrap(), expected, "{pairs:?}");
        }
    }

    #[test]
    fn what_is_no_wait_is_refused_and_the_header_named() {
        for (name, value) in [
            ("x-tollgate-timeout-ms", "0"),
            ("x-tollgate-timeout-ms", "-5"),
            ("x-tollgate-timeout-ms", "1.5"),
            ("x-tollgate-timeout-ms", ""),
            ("x-tollgate-timeout-ms", "10s"),
            ("x-litellm-timeout", "0.0"),
            ("x-litellm-timeout", "1e3"),
            ("x-litellm-timeout", "inf"),
            ("x-litellm-timeout", "NaN"),
            ("x-litellm-timeout", "1.2.3"),
            ("x-portkey-request-timeout", "+1"),
        ] {
            let failure = asked_with(&[("x-tollgate-timeout-ms", "9"), (name, value)]).unwrap_err();
            assert_eq!((failure.status, failure.param.as_deref()), (400, Some(name)), "{value}");
            assert!(failure.message.contains(name), "{}", failure.message);
        }
    }
}
