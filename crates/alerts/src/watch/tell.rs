//! Who is told of an incident: one message for each channel that takes it, once.
//!
//! It must never send one.

use store::{DeliveryKind, Incident, NewDelivery};
use units::UnixMicros;

use super::known::Remembered;
use super::{Look, Watch};
use crate::{AlertsError, Channel, Notice, Turn, render_slack, render_webhook};
use finops::Rule;

/// How long after an incident began a message about its beginning that is missing is made up for,
/// microseconds: one hour.
const CATCH_UP_US: i64 = 3_600_000_000;
/// Dedupe keys remembered by this process; the store knows all of them.
const TOLD_MAX: usize = 10_000;

impl Watch {
    /// Keeps a message for every channel that takes the incident; how many were new.
    pub(super) async fn tell(
        &mut self,
        incident: &Incident,
        turn: Turn,
    ) -> Result<usize, AlertsError> {
        if incident.is_expected(self.clock.now()) {
            return Ok(0);
        }
        let notice = Notice::of(incident, turn)?;
        let channels = self.desk.channels.clone();
        let mut kept = 0;
        for channel in channels.iter() {
            if !channel.takes(notice.severity, notice.team.as_ref()) {
                continue;
            }
            let dedupe_key = dedupe_key(&notice, channel.name());
            if self.told.contains(&dedupe_key) {
                continue;
            }
            let new = NewDelivery {
                incident: Some(notice.id),
                channel: channel.name().to_owned(),
                kind: channel.kind(),
                payload: self.payload(channel, &notice)?,
                dedupe_key: dedupe_key.clone(),
            };
            kept += usize::from(self.desk.outbox.enqueue(&new).await?.is_some());
            if self.told.len() >= TOLD_MAX {
                self.told.clear();
            }
            self.told.insert(dedupe_key);
        }
        Ok(kept)
    }

    /// Tells of incidents that were opened and not told: by a process that ended between the two.
    pub(super) async fn catch_up(
        &mut self,
        remembered: &Remembered,
        look: &mut Look,
        now: UnixMicros,
    ) -> Result<(), AlertsError> {
        for incident in &remembered.incidents {
            if incident.is_open() && now.micros_since(incident.first_seen) < CATCH_UP_US {
                look.told += self.tell(incident, Turn::Opened).await?;
            }
        }
        Ok(())
    }

    fn payload(
        &self,
        channel: &Channel,
        notice: &Notice,
    ) -> Result<serde_json::Value, AlertsError> {
        Ok(match channel.kind() {
            DeliveryKind::Slack => render_slack(notice, &self.desk.links, &self.options.zone),
            DeliveryKind::Webhook => render_webhook(notice, &self.desk.links)?,
        })
    }
}

/// What makes two messages the same. A budget's share is told once for its window and limit, which
/// are in its key; anything else once for the incident, its severity and each doubling of its cost.
fn dedupe_key(notice: &Notice, channel: &str) -> String {
    let occasion = match notice.rule {
        Rule::BudgetSpent | Rule::BudgetForecast => notice.key.clone(),
        _ => notice.id.to_string(),
    };
    match notice.turn {
        Turn::Opened | Turn::Resolved => format!("{occasion}/{}/{channel}", notice.turn),
        Turn::Updated => {
            let step = finops::impact_step(notice.figures.impact);
            format!("{occasion}/{}/{}/{step}/{channel}", notice.turn, notice.severity)
        }
    }
}
