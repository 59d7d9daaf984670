//! What surrounds every page: title, navigation, who is signed in, when it was made.

use store::Role;

use crate::ConsoleState;
use crate::access::Session;
use crate::assets::AssetUrls;
use crate::markup::Stamp;
use crate::permission::Permission;

/// The part of the console a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// The overview.
    Overview,
    /// Explore.
    Explore,
    /// Requests.
    Requests,
    /// Statements.
    Statements,
    /// Budgets.
    Budgets,
    /// Prices.
    Prices,
    /// Keys.
    Keys,
    /// Alerts.
    Alerts,
    /// Pages outside the navigation.
    Elsewhere,
}

/// The navigation: where each entry leads, and what it takes to be shown.
const NAVIGATION: [(Section, &str, &str, Permission); 8] = [
    (Section::Overview, "Overview", "/", Permission::ReadCosts),
    (Section::Explore, "Explore", "/explore", Permission::ReadCosts),
    (Section::Requests, "Requests", "/requests", Permission::ReadRequests),
    (Section::Statements, "Statements", "/statements", Permission::ReadCosts),
    (Section::Budgets, "Budgets", "/budgets", Permission::ReadBudgets),
    (Section::Prices, "Prices", "/prices", Permission::ReadCosts),
    (Section::Keys, "Keys", "/keys", Permission::ReadKeys),
    (Section::Alerts, "Alerts", "/alerts", Permission::ReadAlerts),
];

/// An entry of the navigation.
pub(crate) struct NavLink {
    pub(crate) title: &'static str,
    pub(crate) address: &'static str,
    pub(crate) is_here: bool,
}

/// The frame of a page.
pub(crate) struct Layout {
    pub(crate) title: String,
    /// What the session may open; empty for strangers.
    pub(crate) navigation: Vec<NavLink>,
    pub(crate) account: Option<Account>,
    pub(crate) assets: AssetUrls,
    pub(crate) organisation: String,
    pub(crate) zone: String,
    pub(crate) made_at: Stamp,
    pub(crate) version: &'static str,
}

/// Who is signed in.
pub(crate) struct Account {
    pub(crate) role: Role,
    pub(crate) team: Option<String>,
    pub(crate) csrf: String,
}

impl Layout {
    /// The frame of a page for someone signed in.
    pub(crate) fn new(
        state: &ConsoleState,
        session: &Session,
        section: Section,
        title: String,
    ) -> Self {
        let csrf = session.csrf.expose().to_owned();
        let team = session.team().map(ToString::to_string);
        let account = Account { role: session.role, team, csrf };
        let navigation = navigation(session, section);
        Self { account: Some(account), navigation, ..Self::outside(state, title) }
    }

    /// The frame of a page anyone may see. It names no organisation.
    pub(crate) fn outside(state: &ConsoleState, title: String) -> Self {
        Self {
            title,
            navigation: Vec::new(),
            account: None,
            assets: AssetUrls::current(),
            organisation: state.settings.organisation.clone(),
            zone: state.settings.zone.name().to_owned(),
            made_at: state.moments().stamp(state.now()),
            version: env!("CARGO_PKG_VERSION"),
        }
    }
}

fn navigation(session: &Session, here: Section) -> Vec<NavLink> {
    NAVIGATION
        .into_iter()
        .filter(|(.., permission)| session.may(*permission))
        .map(|(section, title, address, _)| NavLink { title, address, is_here: section == here })
        .collect()
}
