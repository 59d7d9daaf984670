//! Who is who: the teams, their features and the models they use. Data only.

use events::Dialect;

/// A model in use and where it is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelUse {
    /// Provider id.
    pub provider: &'static str,
    /// What the provider speaks.
    pub dialect: Dialect,
    /// The model's id at the provider.
    pub model: &'static str,
    /// Output speed, tokens a second.
    pub tokens_per_s: u64,
}

/// The model no price book knows.
pub const UNPRICED_MODEL: &str = "aurora-1-preview";

const fn openai(model: &'static str, tokens_per_s: u64) -> ModelUse {
    ModelUse { provider: "openai", dialect: Dialect::OpenaiChat, model, tokens_per_s }
}

const fn grok(model: &'static str, tokens_per_s: u64) -> ModelUse {
    ModelUse { provider: "x-ai", dialect: Dialect::OpenaiChat, model, tokens_per_s }
}

const fn claude(model: &'static str, tokens_per_s: u64) -> ModelUse {
    ModelUse { provider: "anthropic", dialect: Dialect::AnthropicMessages, model, tokens_per_s }
}

const GPT: ModelUse = openai("gpt-5.4", 70);
const GPT_MINI: ModelUse = openai("gpt-5.4-mini", 130);
const GPT_NANO: ModelUse = openai("gpt-5.4-nano", 180);
/// Old: its provider has told when it ends.
const GPT_OLD: ModelUse = openai("gpt-4.1-mini", 110);
/// Its provider says in each answer what it cost.
const GROK: ModelUse = grok("grok-4.7", 85);
/// The same.
const GROK_OLDER: ModelUse = grok("grok-4.6", 120);
const OPUS: ModelUse = claude("claude-opus-5-5", 45);
const SONNET: ModelUse = claude("claude-sonnet-5-5", 75);
const HAIKU: ModelUse = claude("claude-haiku-5-5", 140);
const AURORA: ModelUse = openai(UNPRICED_MODEL, 90);

/// Every model the population uses.
pub const MODELS: [ModelUse; 10] =
    [GPT, OPUS, SONNET, GROK, GROK_OLDER, GPT_OLD, GPT_MINI, GPT_NANO, HAIKU, AURORA];

/// A team as cast.
pub(super) struct TeamRow {
    pub(super) slug: &'static str,
    pub(super) project: &'static str,
    pub(super) weight: u64,
    pub(super) serves_customers: bool,
    pub(super) features: &'static [FeatureRow],
}

/// A feature as cast: models with weights, medians of input and output in tokens, then percentages
/// of input read from a cache, of output that is reasoning, and of requests that stream.
pub(super) struct FeatureRow {
    pub(super) slug: &'static str,
    pub(super) weight: u64,
    pub(super) models: &'static [(ModelUse, u64)],
    pub(super) tokens: (u64, u64),
    pub(super) percents: (u64, u64, u64),
}

const fn feature(
    slug: &'static str,
    weight: u64,
    models: &'static [(ModelUse, u64)],
    tokens: (u64, u64),
    percents: (u64, u64, u64),
) -> FeatureRow {
    FeatureRow { slug, weight, models, tokens, percents }
}

/// The teams. `agent-loop` is rare here: its excess is planted by the runaway.
pub(super) const TEAMS: [TeamRow; 6] = [
    TeamRow {
        slug: "search",
        project: "search-quality",
        weight: 26,
        serves_customers: true,
        features: &[
            feature("query-rewrite", 50, &[(GPT_NANO, 7), (GPT_MINI, 3)], (420, 45), (10, 0, 0)),
            feature("answer-snippets", 35, &[(GPT_MINI, 6), (HAIKU, 4)], (2_600, 220), (25, 0, 90)),
            feature("ranking-eval", 8, &[(GPT, 1)], (3_800, 140), (40, 20, 0)),
            feature("semantic-filters", 7, &[(HAIKU, 1)], (900, 60), (0, 0, 0)),
        ],
    },
    TeamRow {
        slug: "support",
        project: "helpdesk",
        weight: 24,
        serves_customers: true,
        features: &[
            // The large shared system prompt makes this the cache-heavy feature.
            feature("agent-assist", 55, &[(SONNET, 8), (GPT, 2)], (14_000, 380), (88, 0, 95)),
            feature("ticket-summary", 25, &[(HAIKU, 6), (GPT_MINI, 4)], (3_200, 180), (20, 0, 0)),
            feature("triage", 15, &[(GPT_NANO, 1)], (700, 12), (15, 0, 0)),
            feature("macro-drafts", 5, &[(SONNET, 1)], (1_800, 420), (30, 0, 60)),
        ],
    },
    TeamRow {
        slug: "growth",
        project: "campaigns",
        weight: 12,
        serves_customers: false,
        features: &[
            feature("ad-copy", 40, &[(GPT, 6), (SONNET, 4)], (900, 520), (0, 0, 40)),
            feature("email-subjects", 45, &[(GPT_MINI, 1), (GROK_OLDER, 1)], (350, 90), (0, 0, 0)),
            feature("seo-pages", 15, &[(SONNET, 1)], (2_400, 1_900), (20, 0, 0)),
        ],
    },
    TeamRow {
        slug: "platform",
        project: "developer-tools",
        weight: 16,
        serves_customers: false,
        features: &[
            feature(
                "code-review",
                45,
                &[(SONNET, 6), (OPUS, 2), (GPT, 2)],
                (9_500, 900),
                (55, 15, 80),
            ),
            feature("incident-summary", 10, &[(GPT, 1), (GROK, 3)], (6_000, 450), (10, 10, 0)),
            feature("log-explain", 30, &[(GPT_MINI, 3), (GPT_OLD, 2)], (2_800, 210), (0, 0, 30)),
            feature("docs-bot", 15, &[(HAIKU, 1)], (3_600, 260), (45, 0, 90)),
        ],
    },
    TeamRow {
        slug: "research",
        project: "lab",
        weight: 9,
        serves_customers: false,
        features: &[
            feature("paper-digest", 45, &[(SONNET, 5), (GPT, 5)], (18_000, 800), (5, 20, 0)),
            feature(
                "benchmark-runs",
                50,
                &[(OPUS, 3), (GPT, 4), (SONNET, 3)],
                (1_500, 700),
                (0, 35, 0),
            ),
            feature("agent-loop", 5, &[(OPUS, 1)], (11_000, 600), (60, 25, 50)),
        ],
    },
    TeamRow {
        slug: "mobile",
        project: "app",
        weight: 13,
        serves_customers: true,
        features: &[
            feature("chat", 60, &[(GPT_MINI, 5), (HAIKU, 4), (GPT, 1)], (1_700, 240), (30, 0, 98)),
            feature("photo-captions", 20, &[(GPT_NANO, 1)], (1_100, 35), (0, 0, 0)),
            feature("voice-notes", 15, &[(GPT_MINI, 2), (GPT_OLD, 1)], (1_300, 160), (0, 0, 0)),
            feature("assistant-trial", 5, &[(AURORA, 1)], (1_500, 300), (0, 0, 80)),
        ],
    },
];

/// Customers' names, from the largest down before the seed shuffles them.
pub(super) const CUSTOMERS: [&str; 40] = [
    "harbor-bank",
    "northline-air",
    "kestrel-retail",
    "meridian-health",
    "oakfield-foods",
    "summit-media",
    "tidewater-energy",
    "juniper-hotels",
    "granite-works",
    "lumen-telecom",
    "crestview-labs",
    "pinewood-homes",
    "saffron-travel",
    "ironbridge-rail",
    "bluefin-seafood",
    "cobalt-motors",
    "willow-learning",
    "redstone-mining",
    "fernhill-care",
    "orchard-insurance",
    "quarry-tools",
    "seagrass-spa",
    "beacon-security",
    "maple-logistics",
    "ember-kitchens",
    "violet-fashion",
    "stonegate-legal",
    "clearwater-utilities",
    "falcon-couriers",
    "amber-optics",
    "thistle-games",
    "driftwood-cafe",
    "larkspur-events",
    "copperfield-books",
    "hazel-pets",
    "wren-audio",
    "basalt-fitness",
    "sorrel-gardens",
    "plover-charter",
    "tansy-bakery",
];
