//! What a catalog says and what becomes of it.

use events::Meter::{
    AudioSeconds, CacheReadText, CacheWrite1h, CacheWrite5m, Images, InputAudio, InputText,
    OutputText, Pages, Reasoning, Request, RerankSearch, WebSearch,
};
use events::{Meter, Meters};
use pricing::import::CatalogFormat::{Litellm, ModelsDev, Openrouter, Tollgate};
use pricing::life::Lifecycle;
use pricing::{PriceBook, PriceContext};

use super::{FIRST, SECOND, litellm, priced, take, under, why};
use crate::{instant, meters, usd};

fn costs(book: &PriceBook, model: (&str, &str), used: &[(Meter, u64)], cost: &str) {
    told(book, model, PriceContext::NONE, &meters(used), cost);
}

fn told(
    book: &PriceBook,
    model: (&str, &str),
    context: PriceContext<'_>,
    used: &Meters,
    cost: &str,
) {
    let found = priced(book, model, instant(SECOND), (context, used));
    assert_eq!(found, usd(cost), "{model:?} {used:?}");
}

/// A model with every kind of price of tokens, at rounded prices of our own.
const TOKENS: &str = r#"{
  "sample_spec": {"input_cost_per_token": 0.0, "litellm_provider": "one of many"},
  "acme-1": {"litellm_provider": "openai", "mode": "chat",
    "max_input_tokens": 400000, "max_output_tokens": "8192", "deprecation_date": "2027-05-01",
    "input_cost_per_token": 1e-06, "output_cost_per_token": 4e-6, "cache_read_input_token_cost": 1e-7,
    "cache_creation_input_token_cost": 1.25e-06, "cache_creation_input_token_cost_above_1hr": 2e-06,
    "output_cost_per_reasoning_token": 5e-06, "input_cost_per_audio_token": 3e-06,
    "input_cost_per_token_above_200k_tokens": 2e-06, "output_cost_per_token_above_200k_tokens": 6e-06,
    "input_cost_per_token_batches": 5e-07, "output_cost_per_token_batches": 2e-06,
    "input_cost_per_token_above_200k_tokens_batches": 1e-06,
    "input_cost_per_token_flex": 6e-07, "input_cost_per_token_priority": 2e-06,
    "search_context_cost_per_query": {"search_context_size_low": 0.01, "search_context_size_medium": 0.01},
    "regional_processing_uplift_multiplier_eu": 1.1, "provider_specific_entry": {"us": 1.2, "fast": 2.0},
    "output_cost_per_pixel": 1e-9, "supports_vision": true, "cost_of_a_thing_to_come": 3},
  "groq/acme-ranges": {"litellm_provider": "groq", "mode": "chat", "tiered_pricing": [
    {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06, "range": [0, 32000.0]},
    {"input_cost_per_token": 3e-06, "output_cost_per_token": 6e-06, "range": [32000.0, 128000.0]},
    {"input_cost_per_token": 5e-06, "output_cost_per_token": 9e-06, "range": [128000.0, 1000000.0]}]}
}"#;

#[test]
fn every_price_of_tokens_is_carried_and_what_cannot_be_is_told() {
    let imported = litellm(TOKENS);
    let book = under(&imported);
    assert_eq!((imported.added, imported.changed, imported.unchanged), (2, 0, 0));
    let acme = ("openai", "acme-1");
    let long = 200_001;
    costs(&book, acme, &[(InputText, 1_000_000), (OutputText, 0)], "2");
    costs(&book, acme, &[(InputText, 200_000), (OutputText, 1_000)], "0.204");
    costs(&book, acme, &[(InputText, long), (OutputText, 1_000)], "0.406002");
    costs(&book, acme, &[(CacheReadText, 100_000), (CacheWrite5m, 1_000)], "0.01125");
    costs(&book, acme, &[(CacheWrite1h, 1_000), (Reasoning, 1_000)], "0.007");
    costs(&book, acme, &[(InputAudio, 1_000), (WebSearch, 3)], "0.033");
    costs(&book, ("openai", "openai/ACME-1"), &[(InputText, 1_000)], "0.001");

    let with = |context| {
        move |used: &[(Meter, u64)], cost: &str| {
            told(&book, acme, context, &meters(used), cost);
        }
    };
    let none = PriceContext::NONE;
    let batch = with(PriceContext { processing: Some("batch"), ..none });
    batch(&[(InputText, 1_000), (OutputText, 1_000)], "0.0025");
    batch(&[(InputText, long)], "0.200001");
    let book = under(&imported);
    let flex = PriceContext { service_tier: Some("flex"), ..none };
    told(&book, acme, flex, &meters(&[(InputText, 1_000), (OutputText, 1_000)]), "0.0046");
    let europe = PriceContext { inference_geo: Some("eu"), ..none };
    told(&book, acme, europe, &meters(&[(InputText, 1_000), (WebSearch, 1)]), "0.0111");
    let america = PriceContext { inference_geo: Some("us"), ..none };
    told(&book, acme, america, &meters(&[(InputText, 1_000)]), "0.0012");
    let fast = PriceContext { speed: Some("fast"), ..none };
    told(&book, acme, fast, &meters(&[(InputText, 1_000), (CacheReadText, 1_000)]), "0.0022");

    let limits = book.limits("openai", "acme-1");
    assert_eq!((limits.context_tokens, limits.output_tokens), (Some(400_000), None));
    let life = Lifecycle::of_book(&book).unwrap();
    assert_eq!(life.of("openai", "acme-1").unwrap().retires_on.unwrap().to_string(), "2027-05-01");

    assert!(why(&imported, "sample_spec").contains("is no model"));
    assert!(why(&imported, "acme-1: output_cost_per_pixel").contains("pixels have no meter"));
    assert!(why(&imported, "acme-1: cost_of_a_thing_to_come").contains("does not know"));
    assert_eq!(imported.skipped.len(), 3, "{:?}", imported.skipped);
}

#[test]
fn ranges_of_the_prompt_are_tiers_that_begin_above_their_lower_end() {
    let book = under(&litellm(TOKENS));
    let model = ("groq", "acme-ranges");
    costs(&book, model, &[(InputText, 32_000)], "0.032");
    costs(&book, model, &[(InputText, 32_001)], "0.096003");
    costs(&book, model, &[(InputText, 128_001), (OutputText, 1)], "0.640014");
    costs(&book, model, &[(InputText, 2_000_000)], "10");
}

#[test]
fn whole_things_are_priced_by_the_unit_their_meter_counts() {
    let imported = litellm(
        r#"{
  "whisper-acme": {"litellm_provider": "openai", "mode": "audio_transcription",
    "input_cost_per_second": 0.0001, "output_cost_per_second": 0.0},
  "image-acme": {"litellm_provider": "openai", "mode": "image_generation",
    "input_cost_per_image": 0.001, "output_cost_per_image": 0.04},
  "rerank-acme": {"litellm_provider": "cohere", "mode": "rerank", "input_cost_per_query": 0.002},
  "perplexity/ask-acme": {"litellm_provider": "perplexity", "mode": "chat",
    "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6, "input_cost_per_request": 0.005,
    "search_context_cost_per_query": {"search_context_size_low": 0.005, "search_context_size_high": 0.012}},
  "mistral/ocr-acme": {"litellm_provider": "mistral", "mode": "ocr", "ocr_cost_per_page": 0.004,
    "ocr_cost_per_page_batches": 0.002}
}"#,
    );
    let book = under(&imported);
    costs(&book, ("openai", "whisper-acme"), &[(AudioSeconds, 7)], "0.0007");
    costs(&book, ("openai", "image-acme"), &[(Images, 2)], "0.08");
    costs(&book, ("cohere", "rerank-acme"), &[(RerankSearch, 3)], "0.006");
    costs(&book, ("perplexity", "ask-acme"), &[(InputText, 1_000), (Request, 1)], "0.006");
    costs(&book, ("mistral", "ocr-acme"), &[(Pages, 10)], "0.04");
    let batch = PriceContext { processing: Some("batch"), ..PriceContext::NONE };
    told(&book, ("mistral", "ocr-acme"), batch, &meters(&[(Pages, 10)]), "0.02");
    let field = "perplexity/ask-acme: search_context_cost_per_query";
    assert!(why(&imported, field).contains("size of the search context"));
    assert!(why(&imported, "image-acme: input_cost_per_image").contains("that are read"));
}

#[test]
fn a_provider_is_the_one_that_is_meant_and_its_second_door_keeps_its_own_prices() {
    let imported = litellm(
        r#"{
  "gemini/acme-g": {"litellm_provider": "gemini", "mode": "chat", "input_cost_per_token": 1e-6},
  "acme-g": {"litellm_provider": "vertex_ai-language-models", "mode": "chat", "input_cost_per_token": 3e-6},
  "bedrock/us-gov-west-1/acme.b": {"litellm_provider": "bedrock", "mode": "chat", "input_cost_per_token": 2e-6},
  "deepinfra/Acme/D": {"litellm_provider": "deepinfra", "mode": "chat", "input_cost_per_token": 4e-6},
  "chatgpt/gpt-5.4": {"litellm_provider": "chatgpt", "mode": "chat", "input_cost_per_token": 4e-6},
  "ollama/llama": {"litellm_provider": "ollama", "mode": "chat", "input_cost_per_token": 0, "output_cost_per_token": 0.0}
}"#,
    );
    let book = under(&imported);
    let million = [(InputText, 1_000_000)];
    costs(&book, ("vertex_ai", "acme-g"), &million, "1");
    costs(&book, ("gemini", "gemini/acme-g"), &million, "1");
    costs(&book, ("google", "vertex_ai/acme-g"), &million, "3");
    costs(&book, ("bedrock", "us-gov-west-1/acme.b"), &million, "2");
    costs(&book, ("deepinfra", "acme/d"), &million, "4");
    assert!(why(&imported, "chatgpt/gpt-5.4").contains("by the month"));
    assert!(why(&imported, "ollama/llama").contains("every price is zero"));
    assert_eq!(imported.added, 4);
}

#[test]
fn what_the_shipped_catalog_says_already_is_not_said_again() {
    let imported = litellm(
        r#"{
  "o3": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2e-06,
    "output_cost_per_token": 8e-06, "cache_read_input_token_cost": 5e-07, "deprecation_date": "2026-12-11"},
  "o3-pro": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2e-05},
  "o3-2025-04-16": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 2e-06,
    "deprecation_date": "2026-12-11"},
  "acme": {"litellm_provider": "openai", "mode": "chat", "input_cost_per_token": 1e-06}
}"#,
    );
    assert_eq!((imported.added, imported.unchanged), (3, 1));
    assert!(!imported.layer_json.contains("o3-pro"));
    let dated = r#"{"id":"o3-2025-04-16","match":{"or":[{"equals":"o3-2025-04-16"},{"equals":"openai/o3-2025-04-16"}]},"retires":"2026-12-11"}"#;
    assert!(imported.layer_json.contains(dated), "{}", imported.layer_json);
    assert!(imported.layer_json.contains(r#"{"id":"o3","retires":"2026-12-11"}"#));
    let book = under(&imported);
    costs(&book, ("openai", "o3"), &[(InputText, 1_000_000)], "2");
    costs(&book, ("openai", "o3-2025-04-16"), &[(InputText, 1_000_000)], "2");
    let life = Lifecycle::of_book(&book).unwrap();
    assert_eq!(life.of("openai", "o3-2025-04-16").unwrap().source, "the price book");
}

#[test]
fn models_dev_is_priced_by_the_million_with_its_tiers() {
    let text = r#"{
  "openai": {"id": "openai", "env": ["OPENAI_API_KEY"], "npm": "@ai-sdk/openai", "name": "OpenAI", "models": {
    "acme-1": {"id": "acme-1", "name": "Acme 1", "reasoning": true, "release_date": "2026-10-01",
      "limit": {"context": 400000, "output": 128000},
      "cost": {"input": 1.25, "output": 10, "reasoning": 12, "cache_read": 0.125, "cache_write": 1.5625,
        "input_audio": 3, "tiers": [{"input": 2.5, "output": 15, "tier": {"type": "context", "size": 272000}}],
        "context_over_200k": {"input": 2.5, "output": 15}}},
    "acme-old": {"id": "acme-old", "cost": {"input": 1, "output": 2, "context_over_200k": {"input": 2}}},
    "acme-free": {"id": "acme-free", "cost": {"input": 0, "output": 0}},
    "acme-open": {"id": "acme-open", "limit": {"context": 1, "output": 1}}}},
  "amazon-bedrock": {"id": "amazon-bedrock", "models": {"acme.b": {"cost": {"input": 4, "output": 5}}}},
  "zai-coding-plan": {"id": "zai-coding-plan", "models": {"glm": {"cost": {"input": 1, "output": 1}}}}
}"#;
    let imported = take(ModelsDev, text, None, FIRST).unwrap();
    let book = under(&imported);
    let acme = ("openai", "acme-1");
    costs(&book, acme, &[(InputText, 272_000), (OutputText, 1_000)], "0.35");
    costs(&book, acme, &[(InputText, 272_001)], "0.6800025");
    costs(
        &book,
        acme,
        &[(Reasoning, 1_000), (CacheReadText, 1_000), (InputAudio, 1_000)],
        "0.015125",
    );
    costs(&book, ("openai", "acme-old"), &[(InputText, 200_001)], "0.400002");
    costs(&book, ("bedrock", "acme.b"), &[(InputText, 1_000)], "0.004");
    assert_eq!(book.limits("openai", "acme-1").output_tokens, Some(128_000));
    assert!(why(&imported, "acme-free").contains("every price is zero"));
    assert!(why(&imported, "acme-open").contains("no price"));
    assert!(why(&imported, "zai-coding-plan").contains("by the month"));
}

#[test]
fn openrouter_is_priced_by_the_token_and_a_router_is_not() {
    let text = r#"{"data": [
  {"id": "acme/one", "canonical_slug": "acme/one-20261001", "context_length": 262144, "name": "Acme: One",
   "expiration_date": "2027-02-01", "top_provider": {"max_completion_tokens": 32768},
   "pricing": {"prompt": "0.0000003", "completion": "0.0000012", "request": "0.002", "image": "0",
     "web_search": "0.01", "internal_reasoning": "0", "input_cache_read": "0.00000003",
     "input_cache_write_1h": "0.0000006", "discount": 0, "overrides": [
       {"min_prompt_tokens": 100000, "prompt": "0.0000006"},
       {"utc_days": ["sunday"], "prompt": "0.0000001"}]}},
  {"id": "acme/night", "pricing": {"prompt": "0.000001", "completion": "0.000002",
     "overrides": [{"utc_start": 1630, "utc_end": 30, "prompt": "0.0000005"}]}},
  {"id": "acme/given", "pricing": {"prompt": "0", "completion": "0"}},
  {"id": "openrouter/auto", "pricing": {"prompt": "-1", "completion": "-1"}}
]}"#;
    let imported = take(Openrouter, text, None, FIRST).unwrap();
    let book = under(&imported);
    let one = ("openrouter", "acme/one");
    costs(&book, one, &[(InputText, 99_999), (Request, 1)], "0.0319997");
    costs(&book, one, &[(InputText, 100_000)], "0.062");
    costs(&book, ("openrouter", "acme/one-20261001"), &[(OutputText, 1_000)], "0.0032");
    costs(&book, one, &[(CacheWrite1h, 1_000), (WebSearch, 1)], "0.0126");
    let night = |at: &str| {
        let used =
            (PriceContext::NONE, &meters(&[(InputText, 1_000_000), (OutputText, 1_000_000)]));
        priced(&book, ("openrouter", "acme/night"), instant(at), used)
    };
    assert_eq!(night("2026-11-24T12:00:00Z"), usd("3"));
    assert_eq!(night("2026-11-24T16:30:00Z"), usd("2.5"));
    assert_eq!(night("2026-11-25T00:30:00Z"), usd("3"));
    costs(&book, ("openrouter", "acme/given"), &[(InputText, 1_000)], "0");
    assert!(why(&imported, "openrouter/auto").contains("fixed per request"));
    assert!(why(&imported, "acme/one: overrides").contains("day of the week"));
    assert_eq!(book.limits("openrouter", "acme/one").output_tokens, Some(32_768));
}

#[test]
fn a_price_file_of_ours_is_taken_as_it_is() {
    let file = |price: &str| {
        format!(
            r#"{{"providers":[{{"id":"openai","models":[
                {{"id":"a","prices":[{{"rates":{{"input":"1"}}}}]}},
                {{"id":"b","prices":[{{"rates":{{"input":"{price}"}}}}]}}]}}]}}"#
        )
    };
    let first = take(Tollgate, &file("1"), None, FIRST).unwrap();
    assert_eq!((first.added, first.layer_json.as_str()), (2, file("1").as_str()));
    let second = take(Tollgate, &file("2"), Some(&first), SECOND).unwrap();
    assert_eq!((second.added, second.changed, second.unchanged), (0, 1, 1));
}

#[test]
fn an_import_of_token_prices_keeps_the_price_of_a_search_until_it_names_one() {
    let model = ("anthropic", "claude-haiku-4-5");
    let catalog = |more: &str| {
        format!(
            r#"{{"claude-haiku-4-5": {{"litellm_provider": "anthropic", "mode": "chat",
              "input_cost_per_token": 7e-06, "output_cost_per_token": 8e-06{more}}}}}"#
        )
    };
    let search = [(InputText, 1_000_000), (WebSearch, 1_000)];
    let book = under(&litellm(&catalog("")));
    costs(&book, model, &search, "17");
    let priced_too = catalog(
        r#", "search_context_cost_per_query": {"search_context_size_low": 0.02,
              "search_context_size_medium": 0.02, "search_context_size_high": 0.02}"#,
    );
    costs(&under(&litellm(&priced_too)), model, &search, "27");
    // A name with a price of its own takes along what it cost besides.
    let dated = catalog("").replace("claude-haiku-4-5", "claude-haiku-4-5-20251001");
    let imported = litellm(&dated);
    costs(&under(&imported), ("anthropic", "claude-haiku-4-5-20251001"), &search, "17");
    let again = take(Litellm, &dated, Some(&imported), SECOND).unwrap();
    assert_eq!((again.added, again.changed, again.unchanged), (0, 0, 1));
}
