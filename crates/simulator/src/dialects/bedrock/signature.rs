//! Signatures of requests (version 4 of Amazon's scheme), checked as the service checks them: with the
//! key the caller should have, over the request as it arrived, and only for a few minutes.

use std::time::SystemTime;

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use axum::http::header;
use axum::http::request::Parts;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use crate::desk::{Account, Desk};
use crate::refusal::Refusal;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The name the service signs under.
const SERVICE: &str = "bedrock";
/// How far the caller's clock may be off, seconds.
const SKEW_S_MAX: i64 = 300;

/// What an `authorization` header says.
struct Claim<'a> {
    id: &'a str,
    day: &'a str,
    region: &'a str,
    service: &'a str,
    signed: &'a str,
    signature: &'a str,
}

impl<'a> Claim<'a> {
    fn parse(told: &'a str) -> Option<Self> {
        let rest = told.strip_prefix(ALGORITHM)?.trim_start();
        let member = |name: &str| rest.split(',').find_map(|part| part.trim().strip_prefix(name));
        let mut credential = member("Credential=")?.split('/');
        let claim = Self {
            id: credential.next()?,
            day: credential.next()?,
            region: credential.next()?,
            service: credential.next()?,
            signed: member("SignedHeaders=")?,
            signature: member("Signature=")?,
        };
        (credential.next()? == "aws4_request").then_some(claim)
    }
}

/// The id of the access key a header names.
pub(super) fn access_key_id(authorization: &str) -> Option<&str> {
    Claim::parse(authorization).map(|claim| claim.id)
}

/// Whether a credential is the id of an access key.
pub(super) fn is_access_key_id(key: &str) -> bool {
    (key.starts_with("AKIA") || key.starts_with("ASIA")) && key.len() >= 16
}

/// Checks the signature of a request that has one.
pub(super) fn verify(desk: &Desk, parts: &Parts, body: &[u8]) -> Result<(), Refusal> {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let told = text(header::AUTHORIZATION.as_str()).unwrap_or_default();
    if !told.starts_with(ALGORITHM) {
        return Ok(());
    }
    let invalid =
        |message: &'static str| Refusal::new(403, message).coded("InvalidSignatureException");
    let claim = Claim::parse(told).ok_or_else(|| {
        Refusal::new(403, "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.")
            .coded("IncompleteSignatureException")
    })?;
    let Some(Account { secret, token, .. }) = desk.account(claim.id) else {
        return Err(<super::Bedrock as crate::dialects::Wire>::unauthorised(Some(claim.id)));
    };
    if token != text("x-amz-security-token").unwrap_or_default() {
        return Err(Refusal::new(403, "The security token included in the request is invalid.")
            .coded("UnrecognizedClientException"));
    }
    if claim.service != SERVICE {
        return Err(invalid("Credential should be scoped to correct service: 'bedrock'."));
    }
    let date = text("x-amz-date").unwrap_or_default();
    let then = instant(date).filter(|_| date.starts_with(claim.day));
    let then = then.ok_or_else(|| {
        invalid("Date in Credential scope does not match the date of the request.")
    })?;
    let now_s = desk.options.clock.now().get().div_euclid(1_000_000);
    if (now_s - then.as_second()).abs() > SKEW_S_MAX {
        return Err(invalid(
            "Signature expired: the request is not within 5 minutes of the service's clock.",
        ));
    }
    let is_signed = |name: &str| claim.signed.split(';').any(|signed| signed == name);
    if !is_signed("host") || !is_signed("x-amz-date") {
        return Err(invalid("'Host' and 'X-Amz-Date' must be signed."));
    }
    let canonical = canonical(parts, claim.signed, body);
    let place = format!("{}/{}/{}/aws4_request", claim.day, claim.region, claim.service);
    let hash = hex(&Sha256::digest(canonical));
    let signed = format!("{ALGORITHM}\n{date}\n{place}\n{hash}");
    let key = generate_signing_key(secret, SystemTime::from(then), claim.region, claim.service);
    if calculate_signature(key, signed.as_bytes()) == claim.signature {
        return Ok(());
    }
    Err(invalid(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.",
    ))
}

fn instant(date: &str) -> Option<Timestamp> {
    let told = DateTime::strptime("%Y%m%dT%H%M%SZ", date).ok()?;
    Some(told.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

/// The request in the one form both sides sign.
fn canonical(parts: &Parts, signed: &str, body: &[u8]) -> String {
    let mut out = format!("{}\n", parts.method);
    // What arrived encoded is encoded once more.
    for byte in parts.uri.path().bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    let mut pairs: Vec<&str> = parts.uri.query().unwrap_or_default().split('&').collect();
    pairs.sort_unstable();
    out.push('\n');
    out.push_str(&pairs.join("&"));
    out.push('\n');
    for name in signed.split(';') {
        let values = parts.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        let values: Vec<String> =
            values.map(|value| value.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        out.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    out.push_str(&format!("\n{signed}\n{}", hex(&Sha256::digest(body))));
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::http::Request;
    use units::{Clock, UnixMicros};

    use super::*;
    use crate::SimulatorOptions;

    /// 2026-11-18T11:06:40Z.
    const THEN: i64 = 1_795_000_000_000_000;
    const BODY: &[u8] = br#"{"messages":[{"role":"user","content":[{"text":"Hi"}]}]}"#;

    const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 Credential=AKIASIMULATED0000000/20261118/us-east-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=a3a10e0efd47682d2095efb93a377f86d73fd8ab90f2b3a458c4adb45159d074";

    #[derive(Debug)]
    struct At(i64);

    impl Clock for At {
        fn now(&self) -> UnixMicros {
            UnixMicros::new(self.0)
        }
    }

    fn desk(now: i64) -> Desk {
        let (_, stopping) = tokio::sync::watch::channel(false);
        let options = SimulatorOptions { clock: Arc::new(At(now)), ..SimulatorOptions::default() };
        Desk::new(options, stopping)
    }

    /// A request as botocore 1.44.5 signs it.
    fn signed() -> Parts {
        let request = Request::post("/model/us.amazon.nova-micro-v1%3A0/converse")
            .header("host", "bedrock-runtime.us-east-1.amazonaws.com")
            .header("content-type", "application/json")
            .header("x-amz-date", "20261118T110640Z")
            .header("authorization", AUTHORIZATION);
        request.body(()).unwrap().into_parts().0
    }

    fn name(result: Result<(), Refusal>) -> Option<&'static str> {
        result.err().and_then(|refusal| refusal.code)
    }

    #[test]
    fn a_request_as_the_official_client_signs_it_is_let_in() {
        assert_eq!(verify(&desk(THEN), &signed(), BODY), Ok(()));
        assert_eq!(access_key_id("Bearer x"), None);
    }

    #[test]
    fn whatever_was_changed_or_comes_late_is_refused() {
        let told = Some("InvalidSignatureException");
        assert_eq!(name(verify(&desk(THEN), &signed(), b"{}")), told);
        assert_eq!(name(verify(&desk(THEN + 301_000_000), &signed(), BODY)), told);
        let mut moved = signed();
        moved.uri = "/model/another/converse".parse().unwrap();
        assert_eq!(name(verify(&desk(THEN), &moved, BODY)), told);
        let mut renamed = signed();
        let text = renamed.headers["authorization"].to_str().unwrap().replace("AKIAS", "AKIAX");
        renamed.headers.insert("authorization", text.parse().unwrap());
        let refused = verify(&desk(THEN), &renamed, BODY);
        assert_eq!(name(refused), Some("UnrecognizedClientException"));
    }
}
