//! Whether each provider can be reached and takes its key: its list of models is asked for, which
//! costs nothing.

use reqwest::{Client, StatusCode};

use super::Finding;
use crate::config::{Config, Environment, Provider};

/// What a server said the time was, as its `Date` header, and who it was.
pub(super) type Dates = Vec<(String, jiff::Timestamp)>;

/// Asks every provider.
pub(super) async fn check(
    config: &Config,
    environment: &Environment,
    client: &Client,
) -> (Vec<Finding>, Dates) {
    let (mut findings, mut dates) = (Vec::new(), Vec::new());
    if config.providers.is_empty() {
        let remedy = "add a [[provider]] and a [[route]]: `tollgate init` writes an example";
        findings.push(Finding::warning("providers", "none is configured", remedy));
    }
    for provider in &config.providers {
        findings.push(ask(provider, environment, client, &mut dates).await);
    }
    (findings, dates)
}

async fn ask(
    provider: &Provider,
    environment: &Environment,
    client: &Client,
    dates: &mut Dates,
) -> Finding {
    let what = format!("provider {}", provider.name);
    let mut request = client.get(format!("{}/models", provider.base_url));
    match provider.api_key.as_ref().map(|reference| (reference, reference.resolve(environment))) {
        None => {}
        Some((reference, Err(error))) => {
            let remedy = format!("put the provider's key where `{reference}` says");
            return Finding::failed(what, error.to_string(), remedy);
        }
        Some((_, Ok(secret))) => {
            let (dialect, url) = (provider.dialect, provider.base_url.as_str());
            let auth = dialects::auth_of(provider.name.as_str(), dialect, url);
            for (name, value) in dialects::credential_headers(dialect, auth, &secret) {
                request = request.header(name, value);
            }
        }
    }
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) => {
            let remedy = "check base_url, name resolution, firewall and proxy of this machine";
            return Finding::failed(what, cause(&error), remedy);
        }
    };
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    dates.extend(date.map(|date| (provider.name.to_string(), date.timestamp())));
    judge(what, answer.status(), provider)
}

fn judge(what: String, status: StatusCode, provider: &Provider) -> Finding {
    match status.as_u16() {
        200..300 => Finding::fine(what, format!("{} takes the key", provider.base_url)),
        401 | 403 => {
            let remedy = match &provider.api_key {
                Some(reference) => format!("replace the key `{reference}` refers to"),
                None => "it wants a key: add `api_key = \"env:NAME\"`".to_owned(),
            };
            Finding::failed(what, format!("it answers {status}"), remedy)
        }
        404 | 405 => Finding::warning(
            what,
            format!("it is there, but has no list of models ({status}): the key was not tested"),
            "send one small request through the gateway to be sure",
        ),
        429 => Finding::warning(what, "its rate limit is reached (429)", "try again later"),
        _ => Finding::failed(what, format!("it answers {status}"), "look at its status page"),
    }
}

/// The innermost reason, without the URL.
pub(super) fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    if error.is_timeout() { "no answer in time".to_owned() } else { innermost.to_string() }
}
