//! The configuration a story runs with.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::Path;

/// The teams every story has.
const TEAMS: [&str; 3] = ["search", "support", "tiny"];

/// What a story needs beyond the usual.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// Lines of `[server]`.
    pub(crate) server: String,
    /// Lines of `[storage]`.
    pub(crate) storage: String,
    /// How soon rows are in the lake, milliseconds; the product's own default is 2,000.
    pub(crate) commit_interval_ms: u32,
    /// Whole sections, after all others.
    pub(crate) sections: String,
    /// Words of the providers' answers.
    pub(crate) answer_words: RangeInclusive<u64>,
    /// Whether there is a provider of every dialect, beyond the usual two.
    pub(crate) speaks_every_dialect: bool,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            server: String::new(),
            storage: String::new(),
            commit_interval_ms: 200,
            sections: String::new(),
            answer_words: 12..=36,
            speaks_every_dialect: false,
        }
    }
}

/// Where a cloud serves its models, below its host.
const CLOUD: &str = "v1/projects/acme/locations/europe-west4/publishers/google";

impl Setup {
    /// Adds sections: routes, budgets, whatever the story is about.
    #[must_use]
    pub(crate) fn with(mut self, sections: &str) -> Self {
        self.sections.push_str(sections);
        self
    }

    /// Adds a route by name and `provider/model` of its targets in order.
    #[must_use]
    pub(crate) fn route(self, name: &str, targets: &[&str], more: &str) -> Self {
        let target = |target: &&str| {
            let (provider, model) = target.split_once('/').unwrap();
            format!("{{ provider = \"{provider}\", model = \"{model}\" }}")
        };
        let targets: Vec<String> = targets.iter().map(target).collect();
        let targets = targets.join(", ");
        self.with(&format!("\n[[route]]\nname = \"{name}\"\ntargets = [{targets}]\n{more}\n"))
    }

    /// Adds a monthly budget of a team.
    #[must_use]
    pub(crate) fn budget(self, team: &str, limit_usd: &str) -> Self {
        self.with(&format!(
            "\n[[budget]]\nname = \"{team}-monthly\"\nteam = \"{team}\"\nlimit_usd = \"{limit_usd}\"\n"
        ))
    }

    /// The file's text.
    pub(crate) fn text(&self, directory: &Path, addresses: &Addresses) -> String {
        let Addresses { gateway, console, providers, nobody } = addresses;
        let directory = directory.display();
        let provider_at = |name: &str, dialect: &str, prices: &str, base: &str| {
            format!(
                "[[provider]]\nname = \"{name}\"\ndialect = \"{dialect}\"\nprices = \"{prices}\"\n\
                 base_url = \"http://{base}\"\napi_key = \"file:{directory}/provider-key\"\n\n"
            )
        };
        let provider = |name: &str, dialect: &str, prices: &str, address: &SocketAddr| {
            format!(
                "[[provider]]\nname = \"{name}\"\ndialect = \"{dialect}\"\nprices = \"{prices}\"\n\
                 base_url = \"http://{address}/v1\"\napi_key = \"file:{directory}/provider-key\"\n\n"
            )
        };
        let others = [
            provider("responses", "openai_responses", "openai", providers),
            provider_at("cohere", "cohere_chat", "cohere", &format!("{providers}/v2")),
            provider_at("bedrock", "bedrock_converse", "aws", &providers.to_string())
                .replace("provider-key", "aws-key"),
            provider_at("google", "gemini_generate", "google", &format!("{providers}/v1beta")),
            provider_at("vertex", "gemini_generate", "google", &format!("{providers}/{CLOUD}")),
        ];
        let others = if self.speaks_every_dialect { others.concat() } else { String::new() };
        let providers = [
            provider("openai", "openai_chat", "openai", providers),
            provider("anthropic", "anthropic_messages", "anthropic", providers),
            provider("unreachable", "openai_chat", "openai", nobody),
        ];
        let teams = TEAMS.map(|team| format!("[[team]]\nslug = \"{team}\"\n\n"));
        format!(
            "[organisation]\nslug = \"acme\"\nname = \"Acme\"\n\n\
             [server]\ngateway = \"{gateway}\"\nconsole = \"{console}\"\n{}\n\n\
             [telemetry]\nlog = \"info,buoyant_kernel=warn\"\n\n\
             [storage]\ndata_dir = \"{directory}/data\"\ncommit_interval_ms = {}\n{}\n\n\
             {}{}{}",
            self.server,
            self.commit_interval_ms,
            self.storage,
            providers.concat() + &others,
            teams.concat(),
            self.sections,
        )
    }
}

/// Who listens where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    /// The gateway.
    pub(crate) gateway: SocketAddr,
    /// The console.
    pub(crate) console: SocketAddr,
    /// The simulated providers.
    pub(crate) providers: SocketAddr,
    /// Nobody listens there.
    pub(crate) nobody: SocketAddr,
}
