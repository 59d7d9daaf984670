//! What each generation of models takes: data, matched by the start of the model's name.

/// API version that still takes sampling parameters.
pub(super) const VERSION_WITH_SAMPLING: &str = "2023-06-01";
/// API version that refuses sampling parameters, even at their defaults (vendor documentation, read
/// 2026-11-22); official SDKs send it since version 2.0.
const VERSION_CURRENT: &str = "2026-10-21";

/// How a model is told to reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking {
    /// It cannot.
    Never,
    /// By a budget of tokens.
    Budget,
    /// By effort; a budget is refused from 4.7 on.
    Adaptive,
}

/// What a generation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Generation {
    /// Temperature, top_p, top_k.
    pub(super) sampling: bool,
    /// Reasoning.
    pub(super) thinking: Thinking,
    /// Limit sent when nobody set one, tokens: the dialect demands a limit.
    pub(super) default_max_tokens: u64,
}

impl Generation {
    /// The API version to ask in.
    pub(super) fn version(self) -> &'static str {
        if self.sampling { VERSION_WITH_SAMPLING } else { VERSION_CURRENT }
    }
}

const fn generation(sampling: bool, thinking: Thinking, default_max_tokens: u64) -> Generation {
    Generation { sampling, thinking, default_max_tokens }
}

/// Every generation before 4.7, the first match counting. Sampling and reasoning by vendor
/// documentation, limits by the ceilings of the models; checked 2026-11-22.
const OLDER: [(&str, Generation); 14] = [
    ("claude-instant", generation(true, Thinking::Never, 4_096)),
    ("claude-2", generation(true, Thinking::Never, 4_096)),
    ("claude-3-7", generation(true, Thinking::Budget, 32_000)),
    ("claude-3-5", generation(true, Thinking::Never, 8_192)),
    ("claude-3", generation(true, Thinking::Never, 4_096)),
    ("claude-opus-4-6", generation(true, Thinking::Adaptive, 32_000)),
    ("claude-sonnet-4-6", generation(true, Thinking::Adaptive, 32_000)),
    ("claude-opus-4-5", generation(true, Thinking::Budget, 32_000)),
    ("claude-opus-4-1", generation(true, Thinking::Budget, 32_000)),
    ("claude-opus-4-0", generation(true, Thinking::Budget, 32_000)),
    ("claude-opus-4-2025", generation(true, Thinking::Budget, 32_000)),
    ("claude-sonnet-4-", generation(true, Thinking::Budget, 32_000)),
    ("claude-haiku-4-", generation(true, Thinking::Budget, 32_000)),
    ("claude-4-", generation(true, Thinking::Budget, 32_000)),
];

/// 4.7 and later.
const CURRENT: Generation = generation(false, Thinking::Adaptive, 32_000);
/// Models of others behind the same dialect: they follow its first version.
const FOREIGN: Generation = generation(true, Thinking::Budget, 8_192);

/// The generation of a model, whatever prefix a cloud puts before its name.
pub(super) fn of(model: &str) -> Generation {
    let Some(start) = model.find("claude-") else { return FOREIGN };
    let name = &model[start..];
    OLDER
        .iter()
        .find(|(prefix, _)| name.starts_with(prefix))
        .map_or(CURRENT, |(_, generation)| *generation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampling_and_reasoning_follow_the_generation() {
        for (model, sampling, thinking) in [
            ("claude-3-5-haiku-20241022", true, Thinking::Never),
            ("claude-3-7-sonnet-latest", true, Thinking::Budget),
            ("us.anthropic.claude-sonnet-4-20250514-v1:0", true, Thinking::Budget),
            ("claude-sonnet-4-5", true, Thinking::Budget),
            ("claude-opus-4-6", true, Thinking::Adaptive),
            ("claude-opus-4-7", false, Thinking::Adaptive),
            ("anthropic/claude-fable-5-2", false, Thinking::Adaptive),
            ("claude-haiku-5-5", false, Thinking::Adaptive),
            ("glm-4.7", true, Thinking::Budget),
        ] {
            let generation = of(model);
            assert_eq!((generation.sampling, generation.thinking), (sampling, thinking), "{model}");
        }
        assert_eq!(of("claude-opus-4-8").version(), "2026-10-21");
        assert_eq!(of("claude-sonnet-4-6").version(), "2023-06-01");
    }
}
