//! Whom public catalogs mean by the names they give providers.
//!
//! A name the shipped catalog has as an id means that provider, and one that nobody claims is a new
//! provider. Only the others are in the table below.

use crate::import::coverage::Below;

/// A provider of public catalogs under its id in ours.
struct Row {
    /// What catalogs call it.
    name: &'static str,
    /// Our id; or why its models are left out.
    id: Result<&'static str, &'static str>,
    /// What stands before its models' ids.
    prefix: &'static str,
    /// Of two prices for one id the one of the lower rank keeps the short name.
    rank: u8,
}

const fn row(name: &'static str, id: &'static str, prefix: &'static str, rank: u8) -> Row {
    Row { name, id: Ok(id), prefix, rank }
}

const fn out(name: &'static str, why: &'static str) -> Row {
    Row { name, id: Err(why), prefix: "", rank: 0 }
}

const RESOLD: &str = "it resells other providers' models, and its name is taken for one of theirs";
const PLAN: &str = "it is paid by the month, not by use";

/// The rank says which door of a provider is its plain one: AI Studio before Vertex, Azure OpenAI before
/// Foundry, Bedrock's own endpoint before those that speak like other vendors.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    // LiteLLM's `litellm_provider`.
    row("text-completion-openai", "openai", "text-completion-openai", 1),
    row("azure_ai", "azure", "azure_ai", 1),
    row("azure_text", "azure", "azure", 1),
    row("bedrock", "aws", "bedrock", 0),
    row("bedrock_converse", "aws", "bedrock", 0),
    row("bedrock_mantle", "aws", "bedrock_mantle", 1),
    row("cohere_chat", "cohere", "cohere_chat", 0),
    row("fireworks_ai", "fireworks", "fireworks_ai", 0),
    row("fireworks_ai-embedding-models", "fireworks", "fireworks_ai", 0),
    row("gemini", "google", "gemini", 0),
    row("vertex_ai", "google", "vertex_ai", 1),
    row("vertex_ai-ai21_models", "google", "vertex_ai", 1),
    row("vertex_ai-anthropic_models", "google", "vertex_ai", 1),
    row("vertex_ai-deepseek_models", "google", "vertex_ai", 1),
    row("vertex_ai-embedding-models", "google", "vertex_ai", 1),
    row("vertex_ai-language-models", "google", "vertex_ai", 1),
    row("vertex_ai-llama_models", "google", "vertex_ai", 1),
    row("vertex_ai-minimax_models", "google", "vertex_ai", 1),
    row("vertex_ai-mistral_models", "google", "vertex_ai", 1),
    row("vertex_ai-moonshot_models", "google", "vertex_ai", 1),
    row("vertex_ai-openai_models", "google", "vertex_ai", 1),
    row("vertex_ai-qwen_models", "google", "vertex_ai", 1),
    row("vertex_ai-text-models", "google", "vertex_ai", 1),
    row("vertex_ai-video-models", "google", "vertex_ai", 1),
    row("vertex_ai-zai_models", "google", "vertex_ai", 1),
    row("github_copilot", "github-copilot", "github_copilot", 0),
    row("moonshot", "moonshotai", "moonshot", 0),
    row("ovhcloud", "ovhcloud", "ovhcloud", 0),
    row("together_ai", "together", "together_ai", 0),
    row("voyage", "voyageai", "voyage", 0),
    row("xai", "x-ai", "xai", 0),
    out("chatgpt", PLAN),
    out("microsoft_365_copilot", PLAN),
    out("amazon_nova", "it is another door than Bedrock, and its name is taken for Bedrock's"),
    out("text-completion-codestral", "it is the completion door of codestral at the same prices"),
    out("text-completion-inception", "it is the completion door of inception at the same prices"),
    // models.dev's ids.
    row("amazon-bedrock", "aws", "amazon-bedrock", 0),
    row("azure-cognitive-services", "azure", "azure-cognitive-services", 1),
    row("cloudflare-workers-ai", "cloudflare", "cloudflare-workers-ai", 0),
    row("fireworks-ai", "fireworks", "fireworks-ai", 0),
    row("google-vertex", "google", "google-vertex", 1),
    row("google-vertex-anthropic", "google", "google-vertex-anthropic", 1),
    row("novita-ai", "novita", "novita-ai", 0),
    row("togetherai", "together", "togetherai", 0),
    out("cloudflare-ai-gateway", RESOLD),
    out("alibaba-cn", "its prices are in yuan, converted at an unknown rate"),
    out("moonshotai-cn", "its prices are in yuan, converted at an unknown rate"),
    out("siliconflow-cn", "its prices are in yuan, converted at an unknown rate"),
    out("zai-coding-plan", PLAN),
    out("zhipuai-coding-plan", PLAN),
    out("kimi-for-coding", PLAN),
    // What else people write.
    row("vertex", "google", "vertex", 1),
    row("azure_openai", "azure", "azure", 0),
    row("azure-openai", "azure", "azure", 0),
    row("together-ai", "together", "together-ai", 0),
];

fn listed(name: &str) -> Option<&'static Row> {
    TABLE.iter().find(|row| row.name == name)
}

/// The id of a provider in our catalog by any name of the table, else the name itself.
pub(crate) fn catalog_id(name: &str) -> &str {
    listed(name).and_then(|row| row.id.ok()).unwrap_or(name)
}

/// A provider of a catalog, as it is known to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seller {
    /// Our id.
    pub(super) provider: String,
    /// Of two sellers of one provider the one whose prices keep the short name has the lower one.
    pub(super) rank: u8,
    /// What may stand before a model's id.
    prefixes: Vec<String>,
}

impl Seller {
    /// Whom a name means; why its models are left out otherwise.
    pub(super) fn of(name: &str, below: &Below) -> Result<Self, String> {
        let lower = name.trim().to_lowercase();
        if lower.is_empty() {
            return Err("its provider has no name".to_owned());
        }
        let seller = |provider: &str, rank, prefix: &str| Seller {
            provider: provider.to_owned(),
            rank,
            prefixes: vec![format!("{prefix}/"), format!("{lower}/")],
        };
        if let Some(row) = listed(&lower) {
            return row.id.map(|id| seller(id, row.rank, row.prefix)).map_err(str::to_owned);
        }
        match below.provider_called(&lower) {
            None => Ok(seller(&lower, 0, &lower)),
            Some(id) if id == lower => Ok(seller(&lower, 0, &lower)),
            Some(id) => Err(format!(
                "`{lower}` would be taken for `{id}`, and whether it is it is not known"
            )),
        }
    }

    /// A model's id without the provider before it.
    pub(super) fn strip<'k>(&self, key: &'k str) -> &'k str {
        let stripped = |prefix: &String| {
            let head = key.get(..prefix.len())?;
            head.eq_ignore_ascii_case(prefix).then(|| key.get(prefix.len()..)).flatten()
        };
        self.prefixes.iter().find_map(stripped).unwrap_or(key)
    }

    /// A model's id with the provider before it.
    pub(super) fn prefixed(&self, id: &str) -> String {
        format!("{}{id}", self.prefixes.first().map_or("", String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_leads_to_a_provider_of_the_catalog_and_stands_once() {
        let book = crate::PriceBook::embedded().unwrap();
        let below = Below::of(&book, units::UnixMicros::new(0)).unwrap();
        for (position, row) in TABLE.iter().enumerate() {
            assert!(
                TABLE.iter().take(position).all(|other| other.name != row.name),
                "{}",
                row.name
            );
            if let Ok(id) = row.id {
                assert_eq!(below.provider_called(id).as_deref(), Some(id), "{}", row.name);
            }
        }
    }

    #[test]
    fn a_name_means_the_provider_it_is_or_nobody_but_never_a_similar_one() {
        let book = crate::PriceBook::embedded().unwrap();
        let below = Below::of(&book, units::UnixMicros::new(0)).unwrap();
        let of = |name: &str| Seller::of(name, &below).map(|seller| seller.provider);
        assert_eq!(of("groq").as_deref(), Ok("groq"));
        assert_eq!(of("vertex_ai-anthropic_models").as_deref(), Ok("google"));
        assert_eq!(of("Deepinfra").as_deref(), Ok("deepinfra"));
        assert!(of("openai-lookalike").unwrap_err().contains("would be taken for `openai`"));
        assert!(of("chatgpt").is_err() && of(" ").is_err());
        let xai = Seller::of("xai", &below).unwrap();
        assert_eq!((xai.strip("xai/grok-4.7"), xai.strip("grok-4.7")), ("grok-4.7", "grok-4.7"));
        assert_eq!(xai.prefixed("grok-4.7"), "xai/grok-4.7");
    }
}
