//! What to do about an incident, where there is a way that can be written down: advice, and the commands
//! that look and mend. It must never run one.

use units::{BillingZone, UnixMicros};

use super::{Evidence, IncidentFigures};

/// Longest name from outside that is put into a command, characters.
const NAME_CHARS_MAX: usize = 100;

/// A way out of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remedy {
    /// What to do, in a sentence or two.
    pub advice: &'static str,
    /// Commands, in the order they are of use. Names in them are plain words: they can be copied as they
    /// are, whoever made up the name of the model.
    pub commands: Vec<String>,
}

impl Remedy {
    /// The way out of what the figures tell, if one can be written down.
    pub fn of(figures: &IncidentFigures) -> Option<Self> {
        let Evidence::ReportedCost { provider, model, .. } = &figures.evidence else { return None };
        let provider = plain(provider.as_deref(), "PROVIDER");
        let model = plain(model.as_deref(), "MODEL");
        let day = |at: UnixMicros| BillingZone::UTC.date_of(at);
        let from = day(figures.since);
        let last = day(figures.last_seen);
        let to = last.tomorrow().unwrap_or(last);
        Some(Self {
            advice: "Look at the price set these calls are costed by. Correct it from the day the \
                     difference began, or import newer prices, and price what was recorded again. If \
                     the provider names list prices and you pay others, mark this as expected.",
            commands: vec![
                format!("tollgate price show {model} --provider {provider}"),
                "tollgate price import models-dev https://models.dev/api.json --dry-run".to_owned(),
                format!(
                    "tollgate price set {provider} {model} input=USD output=USD --from {from} --dry-run"
                ),
                format!(
                    "tollgate price rerate --provider {provider} --model {model} --from {from} --to {to} --dry-run"
                ),
            ],
        })
    }
}

/// A name as one word of a shell, or what stands in its place.
fn plain<'a>(name: Option<&'a str>, otherwise: &'a str) -> &'a str {
    let is_plain = |name: &&str| {
        let is_word = |c: char| c.is_ascii_alphanumeric() || "._:/@-".contains(c);
        name.len() <= NAME_CHARS_MAX
            && name.chars().all(is_word)
            && name.starts_with(|c: char| c.is_ascii_alphanumeric())
    };
    name.filter(is_plain).unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;
    use units::Usd;

    fn commands(provider: Option<&str>, model: Option<&str>) -> Vec<String> {
        let evidence = Evidence::ReportedCost {
            provider: provider.map(str::to_owned),
            model: model.map(str::to_owned),
            reported: Usd::from_dollars(2),
            computed: Usd::from_dollars(1),
            calls: 30,
            from: UnixMicros::new(0),
        };
        // 2026-11-22, and eleven days before.
        let now = UnixMicros::new(1_795_363_500_000_000);
        let mut figures = IncidentFigures::new(evidence, Usd::from_dollars(2), now);
        figures.since = now.plus_micros(-11 * 86_400_000_000);
        Remedy::of(&figures).unwrap().commands
    }

    #[test]
    fn the_commands_name_model_provider_and_the_days_it_holds() {
        let told = commands(Some("x-ai"), Some("grok-4.6"));
        assert_eq!(told[0], "tollgate price show grok-4.6 --provider x-ai");
        assert_eq!(
            told[3],
            "tollgate price rerate --provider x-ai --model grok-4.6 --from 2026-11-11 --to 2026-11-23 --dry-run"
        );
    }

    #[test]
    fn a_name_that_a_shell_would_read_otherwise_is_left_out() {
        let long = "m".repeat(NAME_CHARS_MAX + 1);
        for hostile in ["$(reboot)", "a b", "a;b", "`x`", "", "--help", "a\nb", "'", long.as_str()]
        {
            let told = commands(None, Some(hostile));
            assert_eq!(told[0], "tollgate price show MODEL --provider PROVIDER", "{hostile}");
        }
    }

    #[test]
    fn there_is_none_for_what_no_command_mends() {
        let evidence =
            Evidence::Unpriced { provider: None, model: String::new(), calls: 1, tokens: 1 };
        let figures = IncidentFigures::new(evidence, Usd::ZERO, UnixMicros::new(0));
        assert_eq!(Remedy::of(&figures), None);
    }
}
