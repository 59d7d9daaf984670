//! Where a message's buttons lead: pages of the console. It must never hold a secret: whoever reads a
//! channel reads these.

use units::IncidentId;

/// Links into a console, from the URL people reach it at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Links {
    base: String,
}

impl Links {
    /// Links under a console's public URL, such as `https://tollgate.example`.
    pub fn new(console_url: &str) -> Self {
        Self { base: console_url.trim_end_matches('/').to_owned() }
    }

    /// The page of an incident.
    pub fn incident(&self, id: IncidentId) -> String {
        format!("{}/alerts/{id}", self.base)
    }

    /// Where an incident is marked as expected: a form of its page, since a link must change nothing.
    pub fn expected(&self, id: IncidentId) -> String {
        format!("{}/alerts/{id}#expected", self.base)
    }

    /// Where budgets are raised.
    pub fn budgets(&self) -> String {
        format!("{}/budgets", self.base)
    }

    /// Where reported and computed cost stand side by side.
    pub fn drift(&self) -> String {
        format!("{}/prices/drift", self.base)
    }

    /// The page of a request; `None` when the text is not an id of one.
    pub fn request(&self, id: &str) -> Option<String> {
        let id: units::RequestId = id.parse().ok()?;
        Some(format!("{}/requests/{id}", self.base))
    }
}
