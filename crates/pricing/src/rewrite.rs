//! How vendors and gateways write the names of models, brought to the way catalogs write them.
//!
//! Only what leaves the product the same is left out: a region, a path, a wish about routing. What
//! changes the price (`:free`, a fine-tune, a custom model, `global.`) stays, and is found in the book
//! or not at all.

use crate::name::Name;
use crate::resolution::Rewrite;

/// Regions of Bedrock's inference profiles that are billed like the model itself. `global.` is not one:
/// such profiles have prices of their own.
const REGIONS: [&str; 7] = ["us.", "eu.", "apac.", "jp.", "au.", "ca.", "us-gov."];
/// What OpenRouter reads as a wish about routing; other suffixes name products.
const ROUTING: [&str; 3] = [":nitro", ":floor", ":exacto"];
/// Kinds of resources of Bedrock that are the model itself.
const MODEL_RESOURCES: [&str; 2] = ["inference-profile/", "foundation-model/"];
/// What paths of resources begin with, perhaps after the name of a provider.
const RESOURCES: [&str; 3] = ["arn:", "projects/", "tunedmodels/"];
/// What OpenAI's fine-tunes begin with.
const FINE_TUNE: &str = "ft:";
/// Versions after `@` that are the model as it is.
const CURRENT: [&str; 2] = ["default", "latest"];

/// What no ordinary rule may match.
#[allow(
    clippy::large_enum_variant,
    reason = "a name on the stack; a box would allocate per request"
)]
pub(crate) enum Opaque {
    /// An ordinary name.
    No,
    /// The path of some resource, which only happens to hold the name of a model.
    Resource,
    /// A fine-tune; with another prefix in place of its own.
    FineTune(Name),
}

/// Whether a name in lower case is of a kind that ordinary rules do not have in mind.
pub(crate) fn opaque(name: &str) -> Opaque {
    let after =
        |prefix: &str| name.split_once('/').is_some_and(|(_, rest)| rest.starts_with(prefix));
    let is_resource = |prefix: &str| name.starts_with(prefix) || after(prefix);
    if RESOURCES.iter().any(|prefix| is_resource(prefix)) || after(FINE_TUNE) {
        return Opaque::Resource;
    }
    match name.strip_prefix(FINE_TUNE).and_then(|rest| Name::joined(&["\u{1}\u{1}:", rest])) {
        Some(masked) => Opaque::FineTune(masked),
        None => Opaque::No,
    }
}

/// The name in another way of writing, and which; `None` when there is none left. `is_own` says whether
/// a prefix is a name of the provider itself.
pub(crate) fn rewritten(name: &str, is_own: impl Fn(&str) -> bool) -> Option<(Name, Rewrite)> {
    let as_is = |rest: &str, how| Some((Name::joined(&[rest])?, how));
    if name.starts_with("arn:") {
        return as_is(resource(name)?, Rewrite::Arn);
    }
    if let Some(model) = published(name) {
        return as_is(model, Rewrite::Path);
    }
    if let Some(model) = name.strip_prefix("models/") {
        return as_is(model, Rewrite::Path);
    }
    if let Some((model, version)) = name.split_once('@').filter(|(model, _)| !model.is_empty()) {
        if CURRENT.contains(&version) {
            return as_is(model, Rewrite::Version);
        }
        return Some((Name::joined(&[model, "-", version])?, Rewrite::Version));
    }
    if let Some((prefix, model)) = name.split_once('/')
        && !is_variation(model)
        && is_own(prefix)
    {
        return as_is(model, Rewrite::Provider);
    }
    if name.contains('/')
        && let Some(model) = ROUTING.iter().find_map(|wish| name.strip_suffix(wish))
    {
        return as_is(model, Rewrite::Routing);
    }
    let regional = REGIONS.iter().find_map(|region| name.strip_prefix(region));
    as_is(regional.filter(|model| model.contains('.'))?, Rewrite::Profile)
}

/// Whether a name ends in a word after a colon, which names another product (`:free`, `:batch`); a
/// number there is a version.
fn is_variation(name: &str) -> bool {
    let word = name.rsplit_once(':').filter(|_| !name.starts_with(FINE_TUNE));
    word.is_some_and(|(_, word)| word.bytes().any(|byte| byte.is_ascii_alphabetic()))
}

/// The model that an ARN of Bedrock names: `arn:aws:bedrock:region:account:kind/model`.
fn resource(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let service = parts.nth(2)?;
    let resource = parts.nth(2)?;
    let model = MODEL_RESOURCES.iter().find_map(|kind| resource.strip_prefix(kind))?;
    (service == "bedrock" && !model.contains('/')).then_some(model)
}

/// The model at the end of `[projects/…/locations/…/]publishers/vendor/models/model`.
fn published(path: &str) -> Option<&str> {
    let rest = match path.strip_prefix("publishers/") {
        Some(rest) => rest,
        None => path.strip_prefix("projects/")?.split_once("/publishers/")?.1,
    };
    let (_, model) = rest.split_once("/models/")?;
    (!model.contains('/')).then_some(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_rewritten_where_the_product_stays_the_same() {
        let arn = |rest: &str| format!("arn:aws:bedrock:us-east-1:123456789012:{rest}");
        for (name, expected) in [
            (&*arn("inference-profile/us.v.m-v1:0"), Some(("us.v.m-v1:0", Rewrite::Arn))),
            ("arn:aws:bedrock:eu-west-1::foundation-model/v.m", Some(("v.m", Rewrite::Arn))),
            (&*arn("custom-model/v.m/abc"), None),
            (&*arn("provisioned-model/abc"), None),
            (&*arn("application-inference-profile/abc"), None),
            ("arn:aws:sagemaker:us-east-1:1:inference-profile/v.m", None),
            ("us.v.m", Some(("v.m", Rewrite::Profile))),
            ("us-gov.v.m", Some(("v.m", Rewrite::Profile))),
            ("global.v.m", None),
            ("us.m", None),
            ("publishers/google/models/m", Some(("m", Rewrite::Path))),
            ("projects/p/locations/l/publishers/v/models/m", Some(("m", Rewrite::Path))),
            ("projects/p/locations/l/endpoints/7", None),
            ("tunedmodels/m", None),
            ("models/m", Some(("m", Rewrite::Path))),
            ("m@20250929", Some(("m-20250929", Rewrite::Version))),
            ("m@default", Some(("m", Rewrite::Version))),
            ("own/m", Some(("m", Rewrite::Provider))),
            ("own/m:0", Some(("m:0", Rewrite::Provider))),
            ("own/m:batch", None),
            ("other/m", None),
            ("v/m:nitro", Some(("v/m", Rewrite::Routing))),
            ("v/m:free", None),
            ("m:nitro", None),
            ("m", None),
        ] {
            let found = rewritten(name, |prefix| prefix == "own");
            let found = found.as_ref().map(|(name, how)| (name.as_str(), *how));
            assert_eq!(found, expected, "{name}");
        }
    }
}
