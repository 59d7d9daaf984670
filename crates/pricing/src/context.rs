//! What of a request, besides its time and its size, selects prices and multipliers.
//!
//! It must never know which prices there are.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// Request facts that select variants of a price and multipliers of it; never meters. What no price
/// asks for is ignored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PriceContext<'a> {
    /// The tier the provider says it served, never the one that was asked for. `standard`,
    /// `on_demand` and `default` are the base price.
    pub service_tier: Option<&'a str>,
    /// How it was processed: `batch`.
    pub processing: Option<&'a str>,
    /// The speed bought: `fast`.
    pub speed: Option<&'a str>,
    /// Where inference was made to run: `us`, `eu`.
    pub inference_geo: Option<&'a str>,
    /// The kind of deployment: `data_zone`, `provisioned`.
    pub deployment_type: Option<&'a str>,
    /// The kind of search: `fast`.
    pub search_type: Option<&'a str>,
    /// The provider and region a reseller chose: `mistral/eu`.
    pub route: Option<&'a str>,
    /// How long the request kept the machine, microseconds, from its arrival to its end: what models
    /// priced by the hour of a GPU are billed for.
    pub duration_us: Option<u64>,
}

/// One of the facts of a [`PriceContext`] that a `when` can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ContextKey {
    DeploymentType,
    InferenceGeo,
    Processing,
    Route,
    SearchType,
    ServiceTier,
    Speed,
}

impl ContextKey {
    const ALL: [ContextKey; 7] = [
        ContextKey::DeploymentType,
        ContextKey::InferenceGeo,
        ContextKey::Processing,
        ContextKey::Route,
        ContextKey::SearchType,
        ContextKey::ServiceTier,
        ContextKey::Speed,
    ];

    /// The name in price files.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            ContextKey::DeploymentType => "deployment_type",
            ContextKey::InferenceGeo => "inference_geo",
            ContextKey::Processing => "processing",
            ContextKey::Route => "route",
            ContextKey::SearchType => "search_type",
            ContextKey::ServiceTier => "service_tier",
            ContextKey::Speed => "speed",
        }
    }
}

impl fmt::Display for ContextKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ContextKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|key| key.as_str() == text).ok_or_else(|| {
            let known = Self::ALL.map(ContextKey::as_str).join("`, `");
            format!("`{text}` is nothing a price can depend on: write one of `{known}`")
        })
    }
}

impl<'a> PriceContext<'a> {
    /// Nothing told.
    pub const NONE: PriceContext<'static> = PriceContext {
        service_tier: None,
        processing: None,
        speed: None,
        inference_geo: None,
        deployment_type: None,
        search_type: None,
        route: None,
        duration_us: None,
    };

    pub(crate) fn get(&self, key: ContextKey) -> Option<&'a str> {
        match key {
            ContextKey::DeploymentType => self.deployment_type,
            ContextKey::InferenceGeo => self.inference_geo,
            // Some providers report a batch as a service tier, the catalog as a way of processing.
            ContextKey::Processing => {
                self.processing.or(self.service_tier.filter(|tier| *tier == "batch"))
            }
            ContextKey::Route => self.route,
            ContextKey::SearchType => self.search_type,
            ContextKey::ServiceTier => self.service_tier.map(tier_name),
            ContextKey::Speed => self.speed,
        }
    }
}

/// The one name of the tier that is billed at the base price.
pub(crate) fn tier_name(tier: &str) -> &str {
    match tier {
        "standard" | "on_demand" => "default",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_base_tier_is_one_and_a_batch_is_a_batch_however_it_is_told() {
        let tier = |tier| PriceContext { service_tier: Some(tier), ..PriceContext::NONE };
        for name in ["standard", "on_demand", "default"] {
            assert_eq!(tier(name).get(ContextKey::ServiceTier), Some("default"), "{name}");
            assert_eq!(tier(name).get(ContextKey::Processing), None, "{name}");
        }
        assert_eq!(tier("batch").get(ContextKey::Processing), Some("batch"));
        assert_eq!(tier("flex").get(ContextKey::ServiceTier), Some("flex"));
    }

    #[test]
    fn what_no_price_can_depend_on_is_refused_by_name() {
        assert_eq!("speed".parse(), Ok(ContextKey::Speed));
        let error = "tier".parse::<ContextKey>().unwrap_err();
        assert!(
            error.contains("`tier` is nothing a price can depend on") && error.contains("speed")
        );
    }
}
