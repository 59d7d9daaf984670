//! What each generation of models takes: data, matched by the model's name.

use crate::chat::Effort;

/// How a model is told to reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinking {
    /// It cannot.
    Never,
    /// By a budget of tokens.
    Budget {
        /// Least budget it takes; 0 turns reasoning off.
        least: u64,
        /// Largest budget it takes.
        most: u64,
    },
    /// By a level.
    Level {
        /// Whether the lowest level is `MINIMAL`; else it is `LOW`.
        has_minimal: bool,
    },
}

/// What a generation takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Generation {
    /// Reasoning.
    pub(super) thinking: Thinking,
    /// A call in the history must carry the signature it was made with.
    pub(super) wants_signatures: bool,
    /// Pictures may stand inside the result of a tool.
    pub(super) pictures_in_results: bool,
}

const fn generation(thinking: Thinking, is_third: bool) -> Generation {
    Generation { thinking, wants_signatures: is_third, pictures_in_results: is_third }
}

/// Generations by a part of the model's name, the first match counting. Budgets and levels by vendor
/// documentation (Gemini thinking), read 2026-11-22.
const OLDER: [(&str, Generation); 7] = [
    ("gemini-2.5-pro", generation(Thinking::Budget { least: 128, most: 32_768 }, false)),
    ("gemini-2.5-flash-image", generation(Thinking::Never, false)),
    ("gemini-2.5", generation(Thinking::Budget { least: 0, most: 24_576 }, false)),
    ("gemini-2", generation(Thinking::Never, false)),
    ("gemini-1", generation(Thinking::Never, false)),
    ("gemma", generation(Thinking::Never, false)),
    ("learnlm", generation(Thinking::Never, false)),
];

/// The generation of a model, whatever stands before its name.
pub(super) fn of(model: &str) -> Generation {
    let older = OLDER.iter().find(|(name, _)| model.contains(name));
    // Of the third generation on, only the large models cannot think as little as `MINIMAL`.
    let has_minimal = !model.contains("-pro");
    older.map_or(generation(Thinking::Level { has_minimal }, true), |(_, generation)| *generation)
}

/// The budget an effort stands for; the vendor's compatible endpoint gives the same for the first three.
pub(super) fn budget(effort: Effort, least: u64, most: u64) -> u64 {
    let wanted = match effort {
        Effort::None => 0,
        Effort::Minimal | Effort::Low => 1_024,
        Effort::Medium => 8_192,
        Effort::High => 24_576,
        Effort::Xhigh | Effort::Max => most,
    };
    wanted.clamp(least, most)
}

/// The level an effort stands for. Those above `HIGH` are told as such: not every model has more.
pub(super) fn level(effort: Effort, has_minimal: bool) -> &'static str {
    match effort {
        Effort::None | Effort::Minimal if has_minimal => "MINIMAL",
        Effort::None | Effort::Minimal | Effort::Low => "LOW",
        Effort::Medium => "MEDIUM",
        Effort::High | Effort::Xhigh | Effort::Max => "HIGH",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasoning_follows_the_generation() {
        for (model, thinking) in [
            ("gemini-2.5-pro", Thinking::Budget { least: 128, most: 32_768 }),
            ("models/gemini-2.5-flash-lite", Thinking::Budget { least: 0, most: 24_576 }),
            ("gemini-2.0-flash", Thinking::Never),
            ("gemini-3-flash-preview", Thinking::Level { has_minimal: true }),
            ("gemini-3.1-pro-preview", Thinking::Level { has_minimal: false }),
            ("gemini-4-pro", Thinking::Level { has_minimal: false }),
            ("gemma-3-27b", Thinking::Never),
        ] {
            assert_eq!(of(model).thinking, thinking, "{model}");
        }
        assert_eq!(budget(Effort::None, 128, 32_768), 128);
        assert_eq!(budget(Effort::Max, 0, 24_576), 24_576);
        assert_eq!((level(Effort::None, true), level(Effort::None, false)), ("MINIMAL", "LOW"));
    }
}
