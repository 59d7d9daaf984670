//! The provider's prompt cache: which beginnings of prompts were seen, and until when they serve.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use units::UnixMicros;

use crate::bill::Quantities;
use crate::dice::mix_text;
use crate::prompt::{CACHEABLE_TOKENS_MIN, Lifetime, Prompt};

/// Most prefixes remembered; when full, the stale ones go, then all.
const PREFIXES_MAX: usize = 65_536;
const MINUTE_US: i64 = 60_000_000;

/// How a dialect's cache is told what to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CacheStyle {
    /// Long prompts are cached on their own.
    Automatic {
        /// What is written to the cache is billed as such.
        bills_writes: bool,
    },
    /// Only what the client marks is cached.
    Marked,
}

/// Prefixes by hash, with the instant each ends to serve.
#[derive(Debug, Default)]
pub(crate) struct PrefixCache(Mutex<HashMap<u64, UnixMicros>>);

impl PrefixCache {
    /// Splits a prompt's tokens into uncached, read and written, and remembers what was written.
    pub(crate) fn serve(
        &self,
        style: CacheStyle,
        model: &str,
        prompt: &Prompt,
        now: UnixMicros,
    ) -> Quantities {
        let plain = Quantities { input_tokens: prompt.tokens(), ..Quantities::default() };
        match style {
            CacheStyle::Automatic { .. } if prompt.steps().is_empty() => plain,
            CacheStyle::Marked if prompt.marks().is_empty() => plain,
            CacheStyle::Automatic { bills_writes } => {
                self.serve_steps(bills_writes, model, prompt, now)
            }
            CacheStyle::Marked => self.serve_marks(model, prompt, now),
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn serve_steps(
        &self,
        bills_writes: bool,
        model: &str,
        prompt: &Prompt,
        now: UnixMicros,
    ) -> Quantities {
        let salt = mix_text(0, model);
        let mut known = self.room(now);
        let served = |hash: u64| known.get(&(hash ^ salt)).is_some_and(|ends| *ends > now);
        let longest = prompt.steps().iter().rev().find(|step| served(step.hash));
        let read = longest.map_or(0, |step| step.tokens);
        let kept = prompt.steps().last().map_or(0, |step| step.tokens);
        for step in prompt.steps() {
            known.insert(step.hash ^ salt, now.plus_micros(30 * MINUTE_US));
        }
        let written = if bills_writes { kept.saturating_sub(read) } else { 0 };
        Quantities {
            input_tokens: prompt.tokens().saturating_sub(read).saturating_sub(written),
            cache_read_tokens: read,
            cache_write_tokens: written,
            ..Quantities::default()
        }
    }

    fn serve_marks(&self, model: &str, prompt: &Prompt, now: UnixMicros) -> Quantities {
        let salt = mix_text(1, model);
        let mut known = self.room(now);
        let long = |tokens: u64| tokens >= CACHEABLE_TOKENS_MIN;
        let mut quantities = Quantities::default();
        let mut covered = 0;
        for (prefix, lifetime) in prompt.marks().iter().rev() {
            let served = known.get(&(prefix.hash ^ salt)).is_some_and(|ends| *ends > now);
            if long(prefix.tokens) && served {
                quantities.cache_read_tokens = prefix.tokens;
                covered = prefix.tokens;
                known.insert(prefix.hash ^ salt, now.plus_micros(lifetime_us(*lifetime)));
                break;
            }
        }
        for (prefix, lifetime) in prompt.marks() {
            if !long(prefix.tokens) || prefix.tokens <= covered {
                continue;
            }
            let written = prefix.tokens - covered;
            quantities.cache_write_tokens += written;
            if *lifetime == Lifetime::OneHour {
                quantities.cache_write_1h_tokens += written;
            }
            covered = prefix.tokens;
            known.insert(prefix.hash ^ salt, now.plus_micros(lifetime_us(*lifetime)));
        }
        quantities.input_tokens = prompt.tokens().saturating_sub(covered);
        quantities
    }

    fn room(&self, now: UnixMicros) -> std::sync::MutexGuard<'_, HashMap<u64, UnixMicros>> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= PREFIXES_MAX {
            known.retain(|_, ends| *ends > now);
        }
        if known.len() >= PREFIXES_MAX {
            known.clear();
        }
        known
    }
}

fn lifetime_us(lifetime: Lifetime) -> i64 {
    match lifetime {
        Lifetime::FiveMinutes => 5 * MINUTE_US,
        Lifetime::OneHour => 60 * MINUTE_US,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMicros = UnixMicros::new(1_790_000_000_000_000);

    fn prompt(words: usize, mark: Option<Lifetime>, rest: &str) -> Prompt {
        let mut prompt = Prompt::new();
        prompt.text(&"word ".repeat(words));
        if let Some(lifetime) = mark {
            prompt.mark(lifetime);
        }
        prompt.text(rest);
        prompt
    }

    #[test]
    fn a_long_beginning_is_read_from_the_cache_the_second_time() {
        let cache = PrefixCache::default();
        let style = CacheStyle::Automatic { bills_writes: false };
        let first = cache.serve(style, "m", &prompt(1500, None, "one two"), NOW);
        assert_eq!((first.input_tokens, first.cache_read_tokens), (1502, 0));
        let second = cache.serve(style, "m", &prompt(1500, None, "three four five"), NOW);
        assert_eq!((second.input_tokens, second.cache_read_tokens), (1503 - 1408, 1408));
        let other = cache.serve(style, "n", &prompt(1500, None, "one two"), NOW);
        assert_eq!(other.cache_read_tokens, 0);
    }

    #[test]
    fn a_marked_prefix_is_written_then_read_until_its_lifetime_ends() {
        let cache = PrefixCache::default();
        let asked = prompt(2000, Some(Lifetime::FiveMinutes), "what now");
        let serve = |at| {
            let q = cache.serve(CacheStyle::Marked, "m", &asked, at);
            (q.input_tokens, q.cache_read_tokens, q.cache_write_tokens, q.cache_write_1h_tokens)
        };
        assert_eq!(serve(NOW), (2, 0, 2000, 0));
        assert_eq!(serve(NOW.plus_micros(4 * MINUTE_US)), (2, 2000, 0, 0));
        assert_eq!(serve(NOW.plus_micros(8 * MINUTE_US)), (2, 2000, 0, 0));
        assert_eq!(serve(NOW.plus_micros(14 * MINUTE_US)), (2, 0, 2000, 0));
    }

    #[test]
    fn a_marked_prefix_below_the_minimum_is_not_cached() {
        let cache = PrefixCache::default();
        let asked = prompt(1000, Some(Lifetime::OneHour), "what now");
        for _ in 0..2 {
            let q = cache.serve(CacheStyle::Marked, "m", &asked, NOW);
            assert_eq!((q.input_tokens, q.cache_write_tokens, q.cache_read_tokens), (1002, 0, 0));
        }
    }
}
