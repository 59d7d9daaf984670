//! The tour of a spike: the planted runaway agent becomes an incident, the incident a Slack message,
//! its cost price x volume x mix to the last digit, and that leads to requests one can open.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use finops::IncidentFigures;
use serde_json::Value;
use simulator::traffic::RUNAWAY_TEAM;
use simulator::{AlertSink, SinkKind};
use store::{Incident, IncidentFilter, Role, Store};
use units::Secret;

use super::client::Page;
use super::stage::Stage;
use crate::cli::DemoArgs;
use crate::failure::CommandError;
use crate::print;

/// Longest time from the start until the message has arrived: the promise is five minutes, and the
/// watch looks every fifteen seconds.
const TOLD_WITHIN: Duration = Duration::from_secs(90);
/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Runs the tour.
pub(super) fn run(arguments: &DemoArgs) -> Result<(), CommandError> {
    let stage = Stage::set(arguments)?;
    let Stage { service, sink, providers, outside, .. } = stage;
    let tour = Tour {
        console: service.config.console_url(),
        login: service.login_url(Role::Finance)?,
        store: service.store.clone(),
        sink,
    };
    let drain = service.engine().map(|engine| std::sync::Arc::clone(&engine.drain));
    let serving: JoinHandle<Result<(), CommandError>> = std::thread::spawn(|| service.serve());
    let result = outside.block_on(tour.walk());
    if let Some(drain) = drain {
        drain.stop();
    }
    let served = serving.join().unwrap_or_else(|_| Err(breach("the service panicked")));
    drop(providers);
    outside.shutdown_background();
    result.and(served)
}

struct Tour {
    console: String,
    login: Secret,
    store: Store,
    sink: AlertSink,
}

impl Tour {
    async fn walk(&self) -> Result<(), CommandError> {
        let (incident, message) = self.told().await?;
        print::line(&format!("spike: incident {} ({})", incident.id, incident.headline))?;
        print::line(&format!("spike: the Slack message, as it arrived:\n{message}"))?;
        let figures: IncidentFigures = serde_json::from_value(incident.figures.clone())
            .map_err(|error| breach(format!("figures of {}: {error}", incident.id)))?;
        self.adds_up(&figures)?;
        self.leads_to_requests(&incident, &figures).await
    }

    /// Waits for the runaway's incident and the message that tells of it.
    async fn told(&self) -> Result<(Incident, String), CommandError> {
        let started = Instant::now();
        loop {
            if let Some(found) = self.look().await? {
                let seconds = started.elapsed().as_secs();
                print::line(&format!("spike: told {seconds} s after the start"))?;
                return Ok(found);
            }
            if started.elapsed() > TOLD_WITHIN {
                return Err(breach(format!("nobody was told within {TOLD_WITHIN:?}")));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn look(&self) -> Result<Option<(Incident, String)>, CommandError> {
        let filter = IncidentFilter { open_only: true, ..IncidentFilter::default() };
        let incidents = self.store.incidents().list(&filter).await?;
        let messages = self.sink.accepted();
        let runaway = incidents.into_iter().find(|incident| {
            let is_about_spend = incident.kind.contains("burn") || incident.kind.contains("spend");
            let team = incident.team.as_ref().map(|team| team.as_str());
            is_about_spend
                && team == Some(RUNAWAY_TEAM)
                && incident.figures.get("decomposition").is_some_and(|parts| !parts.is_null())
        });
        let Some(incident) = runaway else { return Ok(None) };
        let id = incident.id.to_string();
        let message = messages
            .into_iter()
            .find(|message| message.kind == SinkKind::Slack && message.body.contains(&id));
        Ok(message.map(|message| (incident, pretty(&message.body))))
    }

    fn adds_up(&self, figures: &IncidentFigures) -> Result<(), CommandError> {
        let parts = figures.decomposition.ok_or_else(|| breach("the incident names no causes"))?;
        let sum = parts.price + parts.volume + parts.mix;
        if sum != parts.delta() {
            let delta = parts.delta();
            return Err(breach(format!(
                "price, volume and mix come to {sum}, the change is {delta}"
            )));
        }
        print::line(&format!(
            "spike: {} = price {} + volume {} + mix {}",
            parts.delta(),
            parts.price,
            parts.volume,
            parts.mix
        ))
    }

    /// The incident's page leads to requests, and each of them opens with what it cost.
    async fn leads_to_requests(
        &self,
        incident: &Incident,
        figures: &IncidentFigures,
    ) -> Result<(), CommandError> {
        if figures.sample_requests.is_empty() {
            return Err(breach("the incident names no request"));
        }
        let page = Page::log_in(&self.console, &self.login).await?;
        let html = page.get(&format!("/alerts/{}", incident.id)).await?;
        for id in &figures.sample_requests {
            if !html.contains(&format!("/requests/{id}")) {
                return Err(breach(format!("the incident's page does not lead to {id}")));
            }
            let request = page.get(&format!("/requests/{id}")).await?;
            if !request.contains(RUNAWAY_TEAM) {
                return Err(breach(format!("the page of {id} does not name its team")));
            }
        }
        let count = figures.sample_requests.len();
        print::line(&format!("spike: {count} sample requests open from the incident's page"))
    }
}

fn pretty(body: &str) -> String {
    let json: Result<Value, _> = serde_json::from_str(body);
    json.and_then(|json| serde_json::to_string_pretty(&json)).unwrap_or_else(|_| body.to_owned())
}

fn breach(message: impl Into<String>) -> CommandError {
    CommandError::Breached(format!("tour of spike: {}", message.into()))
}
