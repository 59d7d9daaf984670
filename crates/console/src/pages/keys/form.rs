//! The form a key is asked for with, empty or with what is wrong about it.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use jiff::civil::Date;
use serde::Deserialize;
use store::ClientField;
use units::{BillingZone, SessionId, UnixMicros};

use crate::ConsoleState;
use crate::access::Session;
use crate::draft::KeyDraft;
use crate::error::ConsoleError;
use crate::pages::layout::{Layout, Section};
use crate::pages::rendered;
use crate::permission::Permission;
use crate::problem::FieldError;
use crate::session::SignedIn;

/// What the form sends.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct KeyForm {
    /// What makes sending the form twice one change.
    pub(crate) once: String,
    name: String,
    team: String,
    project: String,
    user: String,
    feature: String,
    /// Separated by commas or lines.
    models: String,
    /// The last day it works, in the billing zone.
    last_day: String,
    /// Present means yes, each.
    trust_customer: Option<String>,
    trust_user: Option<String>,
    trust_feature: Option<String>,
    trust_session: Option<String>,
    trust_tags: Option<String>,
}

#[derive(Template)]
#[template(path = "key_new.html")]
struct NewKeyPage {
    layout: Layout,
    csrf: String,
    form: KeyForm,
    errors: Errors,
    /// The only team there is to choose.
    own_team: Option<String>,
    teams: Vec<String>,
    routes: Vec<String>,
    trust: Vec<TrustBox>,
}

/// What the client may say about itself.
struct TrustBox {
    name: &'static str,
    title: &'static str,
    is_checked: bool,
}

/// What is wrong, field by field.
struct Errors(Vec<FieldError>);

impl Errors {
    fn of(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|error| error.field == field).map(|error| error.detail.as_str())
    }
}

/// Shows the empty form.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
) -> Result<Html<String>, ConsoleError> {
    session.demand(Permission::WriteKeys)?;
    page(&state, &session, &KeyForm::blank(), Vec::new())
}

/// The form once more, with what is wrong.
pub(super) fn again(
    state: &ConsoleState,
    session: &Session,
    form: &KeyForm,
    errors: Vec<FieldError>,
) -> Result<Response, ConsoleError> {
    let page = page(state, session, form, errors)?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

fn page(
    state: &ConsoleState,
    session: &Session,
    form: &KeyForm,
    errors: Vec<FieldError>,
) -> Result<Html<String>, ConsoleError> {
    let declared = state.desk()?.declared();
    let title = if errors.is_empty() { "Make a key" } else { "Error: make a key" };
    rendered(&NewKeyPage {
        layout: Layout::new(state, session, Section::Keys, title.to_owned()),
        csrf: session.csrf.expose().to_owned(),
        form: form.clone(),
        errors: Errors(errors),
        own_team: session.team().map(ToString::to_string),
        teams: declared.teams.iter().map(ToString::to_string).collect(),
        routes: declared.routes.clone(),
        trust: form.trust_boxes(),
    })
}

impl KeyForm {
    /// What the form starts with: clients may say everything about themselves but who pays.
    fn blank() -> Self {
        let yes = || Some("yes".to_owned());
        Self {
            // Unique is enough: within its session it is no secret.
            once: SessionId::generate().to_string(),
            trust_customer: yes(),
            trust_user: yes(),
            trust_feature: yes(),
            trust_session: yes(),
            trust_tags: yes(),
            ..Self::default()
        }
    }

    fn trusted(&self) -> [(ClientField, &'static str, &'static str, bool); 5] {
        [
            (ClientField::Customer, "trust_customer", "customer", self.trust_customer.is_some()),
            (ClientField::User, "trust_user", "user", self.trust_user.is_some()),
            (ClientField::Feature, "trust_feature", "feature", self.trust_feature.is_some()),
            (ClientField::Session, "trust_session", "session", self.trust_session.is_some()),
            (ClientField::Tags, "trust_tags", "tags", self.trust_tags.is_some()),
        ]
    }

    fn trust_boxes(&self) -> Vec<TrustBox> {
        let boxed = |(_, name, title, is_checked)| TrustBox { name, title, is_checked };
        self.trusted().into_iter().map(boxed).collect()
    }

    /// The key that is asked for, or what cannot be read. A session of one team asks for that team.
    pub(super) fn draft(
        &self,
        session: &Session,
        zone: &BillingZone,
    ) -> Result<KeyDraft, FieldError> {
        let own = session.team().filter(|_| self.team.trim().is_empty());
        let chosen = self.trusted().into_iter().filter(|(.., is_checked)| *is_checked);
        Ok(KeyDraft {
            name: self.name.clone(),
            team: own.map_or_else(|| self.team.clone(), ToString::to_string),
            project: self.project.clone(),
            user: self.user.clone(),
            feature: self.feature.clone(),
            allowed_models: self.models.split([',', '\n']).map(str::to_owned).collect(),
            trust: chosen.map(|(field, ..)| field).collect::<BTreeSet<_>>(),
            expires_at: end_of(&self.last_day, zone)?,
        })
    }
}

/// The first instant after a day of the billing zone; `None` for no day.
fn end_of(day: &str, zone: &BillingZone) -> Result<Option<UnixMicros>, FieldError> {
    let day = day.trim();
    if day.is_empty() {
        return Ok(None);
    }
    let date = day.parse::<Date>().ok().and_then(|date| date.tomorrow().ok());
    let instant = date.and_then(|date| zone.start_of(date));
    let wrong = || FieldError::new("expires_at", "write a day such as 2027-01-31");
    instant.map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_works_through_the_whole_of_its_last_day_where_it_is_billed() {
        let zone = BillingZone::named("Asia/Kolkata").unwrap();
        let end = end_of(" 2027-01-31 ", &zone).unwrap().unwrap();
        assert_eq!(end.to_string(), "2027-01-31T18:30:00Z");
        assert_eq!(end_of("", &zone).unwrap(), None);
        for bad in ["2027-02-30", "tomorrow", "9999-12-31", "2027-01-31T00:00:00Z x"] {
            assert!(end_of(bad, &zone).is_err(), "{bad}");
        }
    }
}
