//! The demonstration's configuration file: simulated providers, a route for each model, teams, caps.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

use simulator::traffic::{MODELS, ModelUse, Population, UNPRICED_MODEL};
use units::Usd;

/// What the file is made from.
pub(super) struct Script<'a> {
    pub(super) population: &'a Population,
    pub(super) gateway: SocketAddr,
    pub(super) console: SocketAddr,
    pub(super) providers: SocketAddr,
    pub(super) data_dir: &'a Path,
    /// Team and monthly limit of each budget.
    pub(super) budgets: Vec<(String, Usd)>,
    /// Level of the log.
    pub(super) log: &'a str,
    /// Whether alerts are told to the receiver whose URL lies in the data directory.
    pub(super) has_alerts: bool,
}

impl Script<'_> {
    /// The text of the file.
    pub(super) fn text(&self) -> String {
        let Script { population, gateway, console, providers, log, .. } = self;
        let data_dir = self.data_dir.display().to_string();
        let mut text = format!(
            "# Written by `tollgate demo`: providers are simulated on this machine.\n\
             [organisation]\nslug = {:?}\nname = \"Acme (demonstration)\"\n\n\
             [server]\ngateway = \"{gateway}\"\nconsole = \"{console}\"\n\n\
             [storage]\ndata_dir = {data_dir:?}\n\n\
             [telemetry]\nlog = \"{log}\"\n",
            population.organisation,
        );
        let mut add = |section: std::fmt::Arguments<'_>| {
            // Writing to a string cannot fail.
            let _ = text.write_fmt(section);
        };
        let mut providers_told = BTreeSet::new();
        for ModelUse { provider, dialect, .. } in MODELS {
            if providers_told.insert(provider) {
                add(format_args!(
                    "\n[[provider]]\nname = \"{provider}\"\ndialect = \"{dialect}\"\n\
                     base_url = \"http://{providers}/v1\"\nprices = \"{provider}\"\n\
                     api_key = \"file:{data_dir}/provider-key\"\n"
                ));
            }
        }
        for model in MODELS {
            // A small model of another provider stands in when the first fails.
            let stands_in = MODELS
                .iter()
                .rfind(|other| other.provider != model.provider && other.model != UNPRICED_MODEL);
            let Some(other) = stands_in else { continue };
            add(format_args!(
                "\n[[route]]\nname = \"{0}\"\ndrop_params = true\ntargets = [\n  \
                 {{ provider = \"{1}\", model = \"{0}\" }},\n  \
                 {{ provider = \"{2}\", model = \"{3}\" }},\n]\n",
                model.model, model.provider, other.provider, other.model,
            ));
        }
        for team in &population.teams {
            add(format_args!("\n[[team]]\nslug = \"{}\"\n", team.slug));
        }
        for (team, limit) in &self.budgets {
            add(format_args!(
                "\n[[budget]]\nname = \"{team}-monthly\"\nteam = \"{team}\"\n\
                 limit_usd = \"{limit}\"\non_unpriced = \"allow\"\n"
            ));
        }
        if self.has_alerts {
            add(format_args!(
                "\n[[alert]]\nname = \"finance\"\nkind = \"slack\"\n\
                 url = \"file:{data_dir}/slack-url\"\nallow_private = true\n"
            ));
            // The one provider that names costs is paid cents: a dollar would hide its planted drift.
            add(format_args!("\n[detection]\ndrift_usd_min = \"0.001\"\n"));
        }
        text
    }
}
