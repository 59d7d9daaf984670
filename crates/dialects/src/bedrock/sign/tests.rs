use super::*;
use proptest::prelude::*;

/// 2015-08-30T12:36:00Z, the instant of Amazon's test suite.
const THEN: UnixMicros = UnixMicros::new(1_440_938_160_000_000);

fn credentials(token: Option<&str>) -> AwsCredentials {
    AwsCredentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
        session_token: token.map(Secret::new),
    }
}

fn header<'h>(headers: &'h [(&'static str, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
}

/// Name, method, path, headers, signed headers, signature: Amazon's `aws-signing-test-suite`, version 4.
type Vector = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static str,
    &'static str,
);

const VECTORS: &[Vector] = &[
    (
        "get-vanilla",
        "GET",
        "/",
        &[],
        "host;x-amz-date",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    (
        "post-vanilla",
        "POST",
        "/",
        &[],
        "host;x-amz-date",
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    (
        "get-vanilla-query-order-key-case",
        "GET",
        "/?Param2=value2&Param1=value1",
        &[],
        "host;x-amz-date",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    (
        "get-header-value-trim",
        "GET",
        "/",
        &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")],
        "host;my-header1;my-header2;x-amz-date",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    (
        "get-vanilla-query-unreserved",
        "GET",
        "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        &[],
        "host;x-amz-date",
        "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
    ),
    (
        "get-utf8",
        "GET",
        "/\u{1234}",
        &[],
        "host;x-amz-date",
        "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
    ),
    (
        "post-header-key-sort",
        "POST",
        "/",
        &[("my-header1", "value1")],
        "host;my-header1;x-amz-date",
        "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
    ),
    (
        "get-unreserved",
        "GET",
        "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        &[],
        "host;x-amz-date",
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
];

#[test]
fn signatures_are_those_of_amazons_own_test_suite() {
    let scope = SigningScope { region: "us-east-1", service: "service" };
    for (name, method, path, headers, signed, signature) in VECTORS {
        let request =
            SignedRequest { method, host: "example.amazonaws.com", path, headers, body: b"" };
        let told = sign(&request, &credentials(None), &scope, THEN);
        let expected = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders={signed}, Signature={signature}"
        );
        assert_eq!(header(&told, "authorization"), Some(expected.as_str()), "{name}");
        assert_eq!(header(&told, "x-amz-date"), Some("20150830T123600Z"), "{name}");
    }
}

#[test]
fn a_temporary_key_is_signed_with_its_token() {
    // `get-vanilla-with-session-token` of the same suite.
    let token = "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267";
    let scope = SigningScope { region: "us-east-1", service: "service" };
    let request = SignedRequest {
        method: "GET",
        host: "example.amazonaws.com",
        path: "/",
        headers: &[],
        body: b"",
    };
    let told = sign(&request, &credentials(Some(token)), &scope, THEN);
    let authorization = header(&told, "authorization").unwrap();
    let signature = "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8";
    assert!(authorization.ends_with(signature), "{authorization}");
    assert_eq!(header(&told, "x-amz-security-token"), Some(token));
}

#[test]
fn a_model_in_the_path_and_a_body_are_signed_as_botocore_signs_them() {
    // botocore 1.44.5, `SigV4Auth`, at 2026-11-22T18:30:05Z.
    const NOVA: &str = "us.amazon.nova-micro-v1:0";
    const PROFILE: &str =
        "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-x-v1:0";
    let at = UnixMicros::new(1_795_372_205_999_999);
    let scope = SigningScope { region: "us-east-1", service: "bedrock" };
    let body = "{\"messages\":[{\"role\":\"user\",\"content\":[{\"text\":\"Hi é\"}]}]}";
    let token = "IQoJb3JpZ2luX2VjEXAMPLE//token==";
    for (model, operation, token, signature) in [
        (
            NOVA,
            "converse-stream",
            None,
            "7963cf4ad551449d176bce934662f9218179fa3057afa07936d3137561aa4b87",
        ),
        (
            PROFILE,
            "converse",
            None,
            "d81d0942ce1120aee46ed75b51360ec7bddbe2b0fbd20425406b73e4518f83a4",
        ),
        (
            NOVA,
            "converse-stream",
            Some(token),
            "ad66de50f3688a7592521fa89663a008204119eeec704ecd1d519d8d81d6446a",
        ),
        (
            PROFILE,
            "converse",
            Some(token),
            "172d5c399245ef8ff7c451ee6b00a8b309de4de0383f54a4366d3e2144802136",
        ),
    ] {
        let path = format!("/model/{}/{operation}", encoded(model, false));
        let credentials = AwsCredentials {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            session_token: token.map(Secret::new),
        };
        let request = SignedRequest {
            method: "POST",
            host: "bedrock-runtime.us-east-1.amazonaws.com",
            path: &path,
            headers: &[],
            body: body.as_bytes(),
        };
        let told = sign(&request, &credentials, &scope, at);
        assert!(header(&told, "authorization").unwrap().ends_with(signature), "{path}");
    }
}

#[test]
fn credentials_are_told_from_an_api_key() {
    let parsed = |text: &str| AwsCredentials::parse(&Secret::new(text));
    let plain = parsed("AKIAIOSFODNN7EXAMPLE:wJalr/K7+x\n").unwrap();
    assert_eq!(plain.access_key_id, "AKIAIOSFODNN7EXAMPLE");
    assert_eq!((plain.secret_access_key.expose(), plain.session_token), ("wJalr/K7+x", None));
    let temporary = parsed("ASIAIOSFODNN7EXAMPLE:key:tok//en==").unwrap();
    assert_eq!(temporary.session_token.unwrap().expose(), "tok//en==");
    for other in [
        "bedrock-api-key-YmVkcm9jaw==",
        "ABSKQmVkcm9jaw==",
        "",
        "akia:key",
        "AKIAIOSFODNN7EXAMPLE:",
        "AKIAIOSFODNN7EXAMPLE:a:",
    ] {
        assert_eq!(parsed(other), None, "{other}");
    }
}

proptest! {
    #[test]
    fn no_request_panics(path in "\\PC{0,40}", value in "\\PC{0,20}", micros in any::<i64>()) {
        let headers = [("x", value.as_str())];
        let request =
            SignedRequest { method: "POST", host: "h", path: &path, headers: &headers, body: b"" };
        let scope = SigningScope { region: "", service: "" };
        let micros = micros / 1_000;
        sign(&request, &credentials(None), &scope, UnixMicros::new(micros));
    }
}
