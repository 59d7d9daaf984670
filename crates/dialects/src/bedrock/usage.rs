//! Usage in this dialect: exclusive counts, the whole told once.

use events::{Meter, Meters};
use serde_json::value::RawValue;

use crate::json::{List, Object, whole};
use crate::reply::Usage;

/// The members of an answer that say what it is billed by.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Terms<'a> {
    /// The `usage` object.
    pub(super) usage: Option<&'a str>,
    /// The `serviceTier` object.
    pub(super) tier: Option<&'a str>,
    /// The `performanceConfig` object.
    pub(super) performance: Option<&'a str>,
}

impl Terms<'_> {
    /// What was used; `None` when nothing was told.
    pub(super) fn read(&self) -> Option<Usage> {
        let mut usage = read(self.usage?)?;
        let tier = self.tier.and_then(Object::scan).and_then(|tier| tier.text("type"));
        usage.service_tier = tier.or(usage.service_tier);
        let latency = self.performance.and_then(Object::scan).and_then(|p| p.text("latency"));
        usage.speed = latency.filter(|latency| latency != "standard");
        Some(usage)
    }
}

/// Reads a `usage` object on its own; a tier is taken where a log put it inside.
pub(super) fn read(json: &str) -> Option<Usage> {
    let usage = Object::scan(json)?;
    let tier = usage.child("serviceTier").and_then(|tier| tier.text("type"));
    Some(Usage {
        meters: meters(&usage),
        service_tier: tier.or_else(|| usage.text("serviceTier").filter(|t| !t.starts_with('{'))),
        ..Usage::default()
    })
}

fn meters(usage: &Object<'_>) -> Meters {
    // Older answers tell the cache under longer names, some under both.
    let either = |short: &str, long: &str| usage.count(short).max(usage.count(long));
    let lifetimes = Lifetimes::read(usage);
    let told = ["cacheWriteInputTokens", "cacheWriteInputTokenCount"]
        .into_iter()
        .filter_map(|key| usage.get(key).and_then(whole))
        .max();
    let written = told.unwrap_or_else(|| lifetimes.hour.saturating_add(lifetimes.minutes));
    // What no lifetime is told for was written for five minutes, the default.
    let written_1h = lifetimes.hour.min(written);
    Meters::NONE
        .with(Meter::InputText, usage.count("inputTokens"))
        .with(Meter::CacheReadText, either("cacheReadInputTokens", "cacheReadInputTokenCount"))
        .with(Meter::CacheWrite1h, written_1h)
        .with(Meter::CacheWrite5m, written - written_1h)
        .with(Meter::OutputText, usage.count("outputTokens"))
}

/// Tokens written to the cache, by lifetime.
#[derive(Default)]
struct Lifetimes {
    minutes: u64,
    hour: u64,
}

impl Lifetimes {
    fn read(usage: &Object<'_>) -> Self {
        let mut lifetimes = Self::default();
        let details = usage.get("cacheDetails").unwrap_or("[]");
        let details = serde_json::from_str::<List<&RawValue>>(details).unwrap_or_default();
        for detail in details.0.iter().filter_map(|raw| Object::scan(raw.get())) {
            let slot = match detail.text("ttl").as_deref() {
                Some("1h") => &mut lifetimes.hour,
                _ => &mut lifetimes.minutes,
            };
            *slot = slot.saturating_add(detail.count("inputTokens"));
        }
        lifetimes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(json: &str) -> Vec<(&'static str, u64)> {
        read(json).unwrap().meters.iter().map(|(meter, n)| (meter.as_str(), n)).collect()
    }

    #[test]
    fn counts_exclude_each_other_and_writes_are_told_by_lifetime() {
        for (case, json, expected) in [
            (
                "plain",
                r#"{"inputTokens":471,"outputTokens":91,"totalTokens":562,"serverToolUsage":{}}"#,
                vec![("input.text", 471), ("output.text", 91)],
            ),
            (
                "read from a cache",
                r#"{"inputTokens":433,"outputTokens":16,"cacheReadInputTokens":2752,"cacheReadInputTokenCount":2752,"totalTokens":3201}"#,
                vec![("input.text", 433), ("cache_read.text", 2752), ("output.text", 16)],
            ),
            (
                "written for both lifetimes, some of it unsaid",
                r#"{"inputTokens":1,"outputTokens":2,"cacheWriteInputTokens":100,"cacheDetails":[{"ttl":"1h","inputTokens":60},{"ttl":"5m","inputTokens":30}]}"#,
                vec![
                    ("input.text", 1),
                    ("cache_write.5m", 40),
                    ("cache_write.1h", 60),
                    ("output.text", 2),
                ],
            ),
            (
                "lifetimes alone",
                r#"{"cacheDetails":[{"ttl":"1h","inputTokens":6},{"ttl":"5m","inputTokens":3},7]}"#,
                vec![("cache_write.5m", 3), ("cache_write.1h", 6)],
            ),
        ] {
            assert_eq!(told(json), expected, "{case}");
        }
    }

    #[test]
    fn the_tier_and_the_speed_served_are_told_beside_the_usage() {
        let terms = Terms {
            usage: Some(r#"{"inputTokens":1}"#),
            tier: Some(r#"{"type":"flex"}"#),
            performance: Some(r#"{"latency":"optimized"}"#),
        };
        let usage = terms.read().unwrap();
        assert_eq!(
            (usage.service_tier.as_deref(), usage.speed.as_deref()),
            (Some("flex"), Some("optimized"))
        );
        let standard = Terms { performance: Some(r#"{"latency":"standard"}"#), ..terms };
        assert_eq!(standard.read().unwrap().speed, None);
        assert_eq!(Terms::default().read(), None);
        let inside = read(r#"{"inputTokens":1,"serviceTier":{"type":"priority"}}"#).unwrap();
        assert_eq!(inside.service_tier.as_deref(), Some("priority"));
    }
}
