//! Whether channels for incidents can be reached, without posting anything, and the console of a
//! gateway that runs apart.

use reqwest::Client;

use super::Finding;
use super::providers::cause;
use crate::config::{Alert, ChannelKind, Config, Environment};

/// Asks every channel.
pub(super) async fn check(
    config: &Config,
    environment: &Environment,
    client: &Client,
) -> Vec<Finding> {
    if config.alerts.is_empty() {
        return vec![Finding::skipped("alerts", "no [[alert]] is configured")];
    }
    let mut findings = Vec::new();
    for alert in &config.alerts {
        findings.push(ask(alert, environment, client).await);
    }
    findings
}

async fn ask(alert: &Alert, environment: &Environment, client: &Client) -> Finding {
    let what = format!("alert {}", alert.name);
    let url = match alert.url.resolve(environment) {
        Ok(url) => url,
        Err(error) => {
            let remedy = format!("put the channel's URL where `{}` says", alert.url);
            return Finding::failed(what, error.to_string(), remedy);
        }
    };
    // Slack refuses a message without text, and says whether it knows the URL, without posting.
    let request = match alert.kind {
        ChannelKind::Slack => client.post(url.expose()).json(&serde_json::json!({})),
        ChannelKind::Webhook => client.head(url.expose()),
    };
    match (alert.kind, request.send().await.map(|answer| answer.status().as_u16())) {
        (_, Err(error)) => {
            Finding::failed(what, cause(&error), "check the URL, and what this machine may reach")
        }
        (ChannelKind::Slack, Ok(200..300 | 400)) => {
            Finding::fine(what, "Slack knows the URL; nothing was posted")
        }
        (ChannelKind::Slack, Ok(status)) => Finding::failed(
            what,
            format!("Slack answers {status}"),
            "make a new incoming webhook in Slack and replace the URL",
        ),
        (ChannelKind::Webhook, Ok(status @ 500..)) => {
            Finding::failed(what, format!("it answers {status}"), "look at the receiver's log")
        }
        (ChannelKind::Webhook, Ok(status)) => {
            Finding::fine(what, format!("the receiver is there (it answers HEAD with {status})"))
        }
    }
}

/// The console a gateway gets its snapshot from.
pub(super) async fn console(
    config: &Config,
    environment: &Environment,
    client: &Client,
) -> Option<Finding> {
    let url = config.link.console_url.as_ref()?;
    let what = "console";
    let Some(reference) = &config.link.secret else {
        let remedy = "add `secret = \"env:NAME\"` to [link], the same as the console's";
        return Some(Finding::failed(what, "link.secret is missing", remedy));
    };
    let secret = match reference.resolve(environment) {
        Ok(secret) => secret,
        Err(error) => {
            let remedy = format!("put the shared secret where `{reference}` says");
            return Some(Finding::failed(what, error.to_string(), remedy));
        }
    };
    let request = client
        .get(format!("{url}/gateway/v1/snapshot?wait_ms=0&node=doctor"))
        .bearer_auth(secret.expose())
        .header("x-tollgate-protocol", policy::PROTOCOL.to_string());
    Some(match request.send().await.map(|answer| answer.status().as_u16()) {
        Ok(200 | 204) => Finding::fine(what, format!("{url} gives snapshots to this gateway")),
        Ok(401 | 403) => Finding::failed(
            what,
            format!("{url} does not know this secret"),
            "give both halves the same link.secret",
        ),
        Ok(426) => Finding::failed(
            what,
            format!("{url} speaks another version of the protocol"),
            "update the older of the two halves",
        ),
        Ok(404) => Finding::failed(
            what,
            format!("{url} serves no gateways"),
            "configure link.secret on the console, and check the URL",
        ),
        Ok(status) => {
            Finding::failed(what, format!("{url} answers {status}"), "look at the console's log")
        }
        Err(error) => Finding::failed(
            what,
            format!("{url}: {}", cause(&error)),
            "check that it runs, link.console_url and link.ca_file",
        ),
    })
}
