//! What a client that asks for a session says: the model in the address, the protocols, the key of the
//! handshake. It is told again to the provider, but for what is ours.

use std::borrow::Cow;

use events::ErrorClass;
use http::{HeaderMap, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::auth::KEY_PROTOCOL;
use crate::failure::Failure;

/// What of a model's name stands in an address as it is.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The only version of the protocol there is.
const VERSION: &str = "13";
/// The address of clients of Azure (openai 3.54 of PyPI, `lib/azure.py`).
const DATED: &str = "/openai/realtime";

/// A session as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ask {
    /// The model or route.
    pub(super) model: String,
    /// The other parameters of the address, as they were written.
    rest: Vec<String>,
    /// Headers of the handshake that a provider is told.
    headers: Vec<(&'static str, String)>,
}

impl Ask {
    /// Reads the request that asks for a session.
    ///
    /// # Errors
    /// 426 when it is no handshake of WebSocket, 400 when it names no model or what is not served.
    pub(super) fn read(uri: &Uri, headers: &HeaderMap, is_upgrade: bool) -> Result<Self, Failure> {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let is_websocket = text("upgrade").is_some_and(|to| to.eq_ignore_ascii_case("websocket"));
        let Some(key) = text("sec-websocket-key").filter(|_| is_upgrade && is_websocket) else {
            return Err(refusal(
                426,
                "upgrade_required",
                "a realtime session speaks WebSocket over HTTP/1.1: connect to a ws:// or wss:// URL",
            ));
        };
        if text("sec-websocket-version") != Some(VERSION) {
            let message = "header `sec-websocket-version` must be 13";
            return Err(refusal(426, "upgrade_required", message));
        }
        // Azure's older address has a version of its own, and names a deployment.
        let is_dated = uri.path().trim_end_matches('/') == DATED;
        let (mut model, mut rest) = (None, Vec::new());
        for pair in uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match name {
                "deployment" if is_dated => model = Some(decoded(value)),
                "model" | "api-version" if is_dated => {}
                "model" => model = Some(decoded(value)),
                "call_id" => return Err(unsupported("call_id")),
                _ => rest.push(pair.to_owned()),
            }
        }
        let model = model.filter(|name| !name.is_empty()).ok_or_else(|| {
            let message = "name the model in the address: /v1/realtime?model=…";
            let failure = refusal(400, "missing_required_parameter", message);
            Failure { param: Some("model".to_owned()), ..failure }
        })?;
        let mut told = vec![
            ("sec-websocket-version", VERSION.to_owned()),
            ("sec-websocket-key", key.to_owned()),
        ];
        let protocols = text("sec-websocket-protocol").map(own_protocols);
        told.extend(
            protocols.filter(|list| !list.is_empty()).map(|p| ("sec-websocket-protocol", p)),
        );
        told.extend(text("openai-beta").map(|beta| ("openai-beta", beta.to_owned())));
        Ok(Self { model, rest, headers: told })
    }

    /// Where a provider serves the session, below its base URL, with its own name of the model.
    pub(super) fn path(&self, model: &str) -> String {
        let mut path = format!("/realtime?model={}", utf8_percent_encode(model, PLAIN));
        for pair in &self.rest {
            path.push('&');
            path.push_str(pair);
        }
        path
    }

    /// The headers of the handshake. No extension is asked for: compressed, frames could not be read.
    pub(super) fn headers(&self) -> Vec<(&'static str, String)> {
        self.headers.clone()
    }
}

/// The protocols a client speaks, without those that are keys or name accounts at the provider.
fn own_protocols(offered: &str) -> String {
    let is_theirs = |name: &&str| {
        !name.is_empty()
            && !name.starts_with(KEY_PROTOCOL)
            && !name.starts_with("openai-organization.")
            && !name.starts_with("openai-project.")
    };
    offered.split(',').map(str::trim).filter(is_theirs).collect::<Vec<_>>().join(", ")
}

fn decoded(value: &str) -> String {
    let value = value.replace('+', " ");
    percent_decode_str(&value).decode_utf8().map_or_else(|_| value.clone(), Cow::into_owned)
}

fn unsupported(name: &str) -> Failure {
    let message = format!("parameter `{name}` is not served: sessions are begun here, not joined");
    let failure = refusal(400, "unsupported_parameter", &message);
    Failure { param: Some(name.to_owned()), ..failure }
}

fn refusal(status: u16, code: &str, message: &str) -> Failure {
    Failure::new(ErrorClass::InvalidRequest, status, code, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake(more: &[(&'static str, &str)]) -> HeaderMap {
        let usual = [
            ("upgrade", "websocket"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-version", "13"),
            ("sec-websocket-extensions", "permessage-deflate"),
        ];
        let mut headers = HeaderMap::new();
        for (name, value) in usual.iter().chain(more) {
            headers.insert(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn the_model_is_replaced_and_everything_else_kept() {
        let uri = "/v1/realtime?intent=x%20y&model=my%2Falias&api-version=1".parse().unwrap();
        let ask = Ask::read(&uri, &handshake(&[]), true).unwrap();
        assert_eq!(ask.model, "my/alias");
        let path = ask.path("gpt realtime/1.5");
        assert_eq!(path, "/realtime?model=gpt%20realtime%2F1.5&intent=x%20y&api-version=1");
    }

    #[test]
    fn clients_of_azure_name_a_deployment_and_a_version_that_is_not_passed_on() {
        let uri = "/openai/realtime?api-version=2025-04-01-preview&deployment=my%2Falias&x=1";
        let ask = Ask::read(&uri.parse().unwrap(), &handshake(&[]), true).unwrap();
        assert_eq!(
            (ask.model.as_str(), ask.path("m").as_str()),
            ("my/alias", "/realtime?model=m&x=1")
        );
    }

    #[test]
    fn the_provider_is_told_no_key_of_ours_and_no_extension() {
        let protocols = "realtime, openai-insecure-api-key.tg_secret, openai-project.p, openai-beta.realtime-v1";
        let headers = handshake(&[("sec-websocket-protocol", protocols), ("openai-beta", "b=1")]);
        let uri = "/v1/realtime?model=m".parse().unwrap();
        let told = Ask::read(&uri, &headers, true).unwrap().headers();
        assert!(
            told.contains(&("sec-websocket-protocol", "realtime, openai-beta.realtime-v1".into()))
        );
        assert!(told.contains(&("openai-beta", "b=1".into())));
        assert!(!format!("{told:?}").contains("tg_secret"));
        assert!(!told.iter().any(|(name, _)| *name == "sec-websocket-extensions"));
    }

    #[test]
    fn what_is_no_session_is_refused_in_words() {
        let refused = |uri: &str, headers: &HeaderMap, is_upgrade| {
            let failure = Ask::read(&uri.parse().unwrap(), headers, is_upgrade).unwrap_err();
            (failure.status, failure.code, failure.param)
        };
        let usual = handshake(&[]);
        let param = |name: &str| Some(name.to_owned());
        let code = |text: &str| text.to_owned();
        assert_eq!(
            refused("/v1/realtime?model=m", &usual, false),
            (426, code("upgrade_required"), None)
        );
        let old = handshake(&[("sec-websocket-version", "8")]);
        assert_eq!(refused("/v1/realtime?model=m", &old, true).0, 426);
        assert_eq!(refused("/v1/realtime?model=m", &handshake(&[("upgrade", "h2c")]), true).0, 426);
        assert_eq!(
            refused("/v1/realtime?model=", &usual, true),
            (400, code("missing_required_parameter"), param("model"))
        );
        assert_eq!(
            refused("/v1/realtime?model=m&call_id=c", &usual, true),
            (400, code("unsupported_parameter"), param("call_id"))
        );
    }
}
