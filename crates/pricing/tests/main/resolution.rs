//! From names as vendors, clouds and gateways write them to the model that is billed, or to none.

use events::Meter::InputText;
use pricing::{PriceBook, Resolution, Rewrite, Rule};

use crate::{BOOK, cost, instant, meters, usd};

const NOW: &str = "2026-11-22T12:00:00Z";

fn found<'a>(book: &'a PriceBook, provider: &str, model: &str) -> Option<(&'a str, Rule)> {
    book.resolve(provider, model).map(|Resolution { model_id, rule, .. }| (model_id, rule))
}

#[test]
fn a_name_in_any_common_way_of_writing_is_the_model_it_means() {
    use Rewrite::*;
    let by = |how| Rule::Rewritten(how);
    let sonnet = "regional.anthropic.claude-sonnet-4-5-20250929-v1:0";
    let global = "global.anthropic.claude-sonnet-4-5-20250929-v1:0";
    for (provider, model, expected, rule) in [
        ("openai", "gpt-5.4-2026-03-05", "gpt-5.4", Rule::Name),
        ("openai", "gpt-5.4-20260305", "gpt-5.4", by(Date)),
        ("openai", "openai/gpt-5.4", "gpt-5.4", by(Provider)),
        ("azure", "gpt-5.5", "gpt-5.5", Rule::Name),
        ("azure", "azure/gpt-5.5", "gpt-5.5", by(Provider)),
        ("aws", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", sonnet, Rule::Pattern),
        ("aws", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", sonnet, Rule::Pattern),
        ("bedrock", "apac.anthropic.claude-sonnet-4-5-20250929-v1:0", sonnet, Rule::Pattern),
        ("aws", global, global, Rule::Pattern),
        (
            "aws",
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            sonnet,
            by(Arn),
        ),
        (
            "aws",
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/global.anthropic.claude-sonnet-4-5-20250929-v1:0",
            global,
            by(Arn),
        ),
        (
            "aws",
            "bedrock/arn:aws:bedrock:eu-west-1::foundation-model/amazon.nova-lite-v1:0",
            "amazon.nova-lite-v1:0",
            by(Provider),
        ),
        ("aws", "us.openai.gpt-5.4", "openai.gpt-5.4", by(Profile)),
        ("google", "models/gemini-2.5-pro", "gemini-2.5-pro", by(Path)),
        ("vertex", "publishers/google/models/gemini-2.5-pro", "gemini-2.5-pro", by(Path)),
        (
            "google",
            "projects/p/locations/us-east5/publishers/anthropic/models/claude-fable-5-2@20260101",
            "claude-fable-5-2",
            by(Path),
        ),
        ("google", "claude-sonnet-4-5@20250929", "claude-sonnet-4-5", Rule::Pattern),
        ("anthropic", "claude-fable-5@20260101", "claude-fable-5", by(Version)),
        ("anthropic", "claude-fable-5@default", "claude-fable-5", by(Version)),
        ("openrouter", "anthropic/claude-opus-4.5:nitro", "anthropic/claude-opus-4.5", by(Routing)),
        ("openrouter", "deepseek/deepseek-r1:free", "deepseek/deepseek-r1:free", Rule::Name),
        ("openai", "ft:gpt-4o-mini-2024-07-18:acme::Ab12Cd", "ft:gpt-4o-mini", Rule::Pattern),
        ("openai", "ft:gpt-4o-2024-08-06:acme:moderation:Ab12", "ft:gpt-4o", Rule::Pattern),
        ("openai", "openai/ft:gpt-4o-2024-08-06:acme::Ab12", "ft:gpt-4o", by(Provider)),
    ] {
        assert_eq!(found(&BOOK, provider, model), Some((expected, rule)), "{provider} {model}");
    }
}

#[test]
fn a_resold_model_tells_whose_it_is() {
    let resolved = BOOK.resolve("Azure", "gpt-5.5").unwrap();
    assert_eq!((resolved.provider_id, resolved.owner_id), ("azure", "openai"));
    let own = BOOK.resolve("xai", "grok-4.7").unwrap();
    assert_eq!((own.provider_id, own.owner_id), ("x-ai", "x-ai"));
}

#[test]
fn a_name_is_never_taken_for_a_product_with_another_price() {
    for (provider, model) in [
        // A fine-tune has prices of its own or none, whatever words its name holds.
        ("openai", "ft:gpt-4.1-2025-04-14:acme::Ab12Cd"),
        ("openai", "ft:gpt-4.1-2025-04-14:acme:moderation:Ab12Cd"),
        ("azure", "ft:gpt-4.1-2025-04-14:acme::Ab12Cd"),
        ("aws", "arn:aws:bedrock:us-east-1:123456789012:custom-model/amazon.nova-lite-v1:0/abc"),
        ("aws", "bedrock/arn:aws:bedrock:us-east-1:1:custom-model/amazon.nova-lite-v1:0/abc"),
        ("openai", "openai/ft:gpt-4.1-2025-04-14:acme:moderation:Ab12Cd"),
        ("aws", "arn:aws:bedrock:us-east-1:123456789012:provisioned-model/amazon.nova-lite-v1:0"),
        ("aws", "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"),
        ("google", "tunedModels/gemini-2.5-pro-acme"),
        ("google", "projects/p/locations/l/endpoints/gemini-2.5-pro"),
        ("openrouter", "anthropic/claude-opus-4.5:free"),
        ("openrouter", "openai/gpt-5.4:no-such-variation"),
        ("azure", "azure/eu/gpt-5.4"),
        ("openai", "gpt-5.4-2026-09-09"),
        ("openai", "gpt-5.4-"),
        ("openai", "models/"),
        ("aws", "us."),
        ("aws", "arn:"),
    ] {
        assert_eq!(BOOK.resolve(provider, model), None, "{provider} {model}");
    }
}

#[test]
fn a_price_file_says_what_a_deployment_an_arn_or_a_fine_tune_stands_for() {
    let json = r#"{"aliases":[
        {"provider":"azure","name":"Prod-Chat","model":"gpt-5.4"},
        {"provider":"azure","name":"newest","model":"prod-chat","to":"2026-11-01"},
        {"provider":"azure","name":"newest","model":"gpt-5.5","from":"2026-11-01","source":"portal"},
        {"provider":"bedrock","name":"arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123","model":"amazon.nova-lite-v1:0"},
        {"provider":"openai","name":"ft:gpt-4.1-2025-04-14:acme::Ab12Cd","model":"gpt-4.1"},
        {"provider":"azure","name":"gpt-5","model":"gpt-5-mini"}]}"#;
    let book = BOOK.clone().with_overlay(json, "prices.json").unwrap();
    let used = meters(&[(InputText, 1_000)]);
    for (provider, name, at, model) in [
        ("azure", "prod-chat", NOW, "gpt-5.4"),
        ("azure", "PROD-CHAT", NOW, "gpt-5.4"),
        ("azure", "newest", "2026-10-31T23:59:59Z", "gpt-5.4"),
        ("azure", "newest", "2026-11-01T00:00:00Z", "gpt-5.5"),
        (
            "aws",
            "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123",
            NOW,
            "amazon.nova-lite-v1:0",
        ),
        ("openai", "ft:gpt-4.1-2025-04-14:acme::Ab12Cd", NOW, "gpt-4.1"),
        // What an operator says of a name goes before what it looks like.
        ("azure", "gpt-5", NOW, "gpt-5-mini"),
    ] {
        let resolved = book.resolve_at(provider, name, instant(at)).unwrap();
        assert_eq!((resolved.model_id, resolved.rule), (model, Rule::Alias), "{name} {at}");
        let plain = cost(&BOOK, (provider, model), at, &used);
        assert!(plain.is_some());
        assert_eq!(cost(&book, (provider, name), at, &used), plain, "{name}");
    }
    assert_eq!(book.resolve("openai", "prod-chat"), None);
    assert_ne!(book.version(), BOOK.version());
}

#[test]
fn an_alias_of_a_higher_layer_goes_before_one_of_a_lower() {
    let alias = |model: &str| {
        format!(r#"{{"aliases":[{{"provider":"azure","name":"chat","model":"{model}"}}]}}"#)
    };
    let book = BOOK.clone().with_overlay(&alias("gpt-5.4"), "a.json").unwrap();
    let book = book.with_overlay(&alias("gpt-5.5"), "b.json").unwrap();
    assert_eq!(found(&book, "azure", "chat"), Some(("gpt-5.5", Rule::Alias)));
}

#[test]
fn a_provider_may_be_given_models_of_another_and_names_of_its_own() {
    let json = r#"{"providers":[{"id":"our-proxy","fallback":["anthropic","openai"],"models":[
        {"id":"house-model","match":{"or":[{"equals":"house-model"},{"starts_with":"house-model-"}]},
         "prices":[{"rates":{"input":"1"}}]}]}]}"#;
    let book = BOOK.clone().with_overlay(json, "prices.json").unwrap();
    let used = meters(&[(InputText, 1_000_000)]);
    assert_eq!(cost(&book, ("our-proxy", "house-model-7b"), NOW, &used), usd("1"));
    assert_eq!(
        found(&book, "our-proxy", "our-proxy/house-model"),
        Some(("house-model", Rule::Rewritten(Rewrite::Provider)))
    );
    assert_eq!(found(&book, "our-proxy", "gpt-5.5"), Some(("gpt-5.5", Rule::Name)));
}
