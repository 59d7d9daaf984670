//! What surrounds every page: title, navigation, who is signed in, when it was made.

use crate::ConsoleState;
use crate::access::Session;
use crate::assets::AssetUrls;
use crate::markup::Stamp;

/// The part of the console a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// The overview.
    Overview,
    /// Statements.
    Statements,
    /// Pages outside the navigation.
    Elsewhere,
}

/// The frame of a page.
pub(crate) struct Layout {
    pub(crate) title: String,
    pub(crate) section: Section,
    pub(crate) account: Option<Account>,
    pub(crate) assets: AssetUrls,
    pub(crate) organisation: String,
    pub(crate) zone: String,
    pub(crate) made_at: Stamp,
    pub(crate) version: &'static str,
}

/// Who is signed in.
pub(crate) struct Account {
    pub(crate) role: String,
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
        let account = Account { role: session.role.clone(), csrf };
        Self { account: Some(account), section, ..Self::outside(state, title) }
    }

    /// The frame of a page anyone may see. It names no organisation.
    pub(crate) fn outside(state: &ConsoleState, title: String) -> Self {
        Self {
            title,
            section: Section::Elsewhere,
            account: None,
            assets: AssetUrls::current(),
            organisation: state.settings.organisation.clone(),
            zone: state.settings.zone.name().to_owned(),
            made_at: state.moments().stamp(state.now()),
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// Whether the page belongs to the overview.
    pub(crate) fn is_overview(&self) -> bool {
        self.section == Section::Overview
    }

    /// Whether the page belongs to the statements.
    pub(crate) fn is_statements(&self) -> bool {
        self.section == Section::Statements
    }
}
