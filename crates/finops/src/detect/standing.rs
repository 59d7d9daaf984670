//! What stands still or has no price. It must never know how either was measured.

use store::Severity;
use units::{UnixMicros, Usd};

use crate::incident::{Evidence, Finding, IncidentFigures, Level, Rule, StallKind};

/// How long after its last unpriced call a model is still told of, microseconds.
const UNPRICED_FRESH_US: i64 = 3_600_000_000;

/// Usage of one model without a price, over the last day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpriced {
    /// The provider.
    pub provider: Option<String>,
    /// The model as sent to it.
    pub model: String,
    /// Calls.
    pub calls: u64,
    /// Tokens of those calls.
    pub tokens: u64,
    /// When the first of them came.
    pub first_seen: UnixMicros,
    /// When the last of them came.
    pub last_seen: UnixMicros,
}

/// A model without a price is told of while it is used; one last used over an hour ago opens nothing.
pub fn unpriced(usage: &Unpriced, now: UnixMicros) -> Option<Finding> {
    if usage.calls == 0 {
        return None;
    }
    let is_fresh = now.micros_since(usage.last_seen) < UNPRICED_FRESH_US;
    let evidence = Evidence::Unpriced {
        provider: usage.provider.clone(),
        model: usage.model.clone(),
        calls: usage.calls,
        tokens: usage.tokens,
    };
    let mut figures = IncidentFigures::new(evidence, Usd::ZERO, now);
    figures.since = usage.first_seen;
    figures.last_seen = usage.last_seen;
    let provider = usage.provider.as_deref().unwrap_or_default();
    Some(Finding {
        rule: Rule::UnpricedModel,
        subject: format!("model:{provider}/{}", usage.model),
        window: String::new(),
        team: None,
        level: if is_fresh { Level::Alarm } else { Level::Quiet },
        severity: Severity::Warning,
        figures,
    })
}

/// A measurement of something that must move, and how far it may lag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gauge {
    /// Whose: a node's name, or a budget's.
    pub subject: String,
    /// What was measured.
    pub measured: Measured,
}

/// A measured lag or difference with its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    /// How long something has stood still.
    Lag {
        /// What.
        what: StallKind,
        /// How long, microseconds.
        lag_us: i64,
        /// How long it may, microseconds.
        limit_us: i64,
    },
    /// How far the authority's counters lie from the lake, in either direction.
    Drift {
        /// By how much.
        amount: Usd,
        /// By how much they may.
        limit: Usd,
    },
}

/// What a gauge has to tell: above its limit an alarm, above half of it what is open stays open.
pub fn stalled(gauge: &Gauge, now: UnixMicros) -> Option<Finding> {
    let level = |value: i128, limit: i128| {
        if value > limit {
            Level::Alarm
        } else if value > limit / 2 {
            Level::Holding
        } else {
            Level::Quiet
        }
    };
    let (name, level, since, evidence) = match gauge.measured {
        Measured::Lag { what, lag_us, limit_us } => {
            let milliseconds = |us: i64| u64::try_from(us / 1_000).unwrap_or(0);
            let (for_ms, limit_ms) = (milliseconds(lag_us), milliseconds(limit_us));
            let name = match what {
                StallKind::SpoolCommit => "spool",
                StallKind::Snapshot => "snapshot",
            };
            let evidence = Evidence::Stall { what, for_ms, limit_ms };
            let level = level(lag_us.into(), limit_us.into());
            (name, level, now.plus_micros(-lag_us.max(0)), evidence)
        }
        Measured::Drift { amount, limit } => {
            let size = i128::try_from(amount.pico().unsigned_abs()).unwrap_or(i128::MAX);
            ("drift", level(size, limit.pico()), now, Evidence::Drift { amount, limit })
        }
    };
    let actual = match gauge.measured {
        Measured::Drift { amount, .. } => amount,
        Measured::Lag { .. } => Usd::ZERO,
    };
    let mut figures = IncidentFigures::new(evidence, actual, now);
    figures.since = since;
    (level > Level::Quiet).then(|| Finding {
        rule: Rule::Stalled,
        subject: format!("{name}:{}", gauge.subject),
        window: String::new(),
        team: None,
        level,
        severity: Severity::Critical,
        figures,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMicros = UnixMicros::new(1_000_000_000_000);

    #[test]
    fn a_lag_alarms_above_its_limit_and_holds_above_half_of_it() {
        let found = |lag_s: i64| {
            let measured = Measured::Lag {
                what: StallKind::SpoolCommit,
                lag_us: lag_s * 1_000_000,
                limit_us: 60_000_000,
            };
            stalled(&Gauge { subject: "gw-1".to_owned(), measured }, NOW)
        };
        assert_eq!(found(61).map(|f| (f.level, f.key())).unwrap().0, Level::Alarm);
        assert_eq!(found(61).unwrap().key(), "stalled/spool:gw-1/");
        assert_eq!(found(61).unwrap().figures.since, NOW.plus_micros(-61_000_000));
        assert_eq!(found(60).unwrap().level, Level::Holding);
        assert_eq!(found(30), None);
        assert_eq!(found(-5), None, "a clock ahead of ours is no lag");
    }

    #[test]
    fn a_drift_counts_in_either_direction() {
        let found = |amount: &str| {
            let amount = amount.parse().unwrap();
            let measured = Measured::Drift { amount, limit: Usd::from_dollars(1) };
            stalled(&Gauge { subject: "bud_1".to_owned(), measured }, NOW).map(|f| f.level)
        };
        assert_eq!(found("1.01"), Some(Level::Alarm));
        assert_eq!(found("-1.01"), Some(Level::Alarm));
        assert_eq!(found("0.60"), Some(Level::Holding));
        assert_eq!(found("-0.10"), None);
    }

    #[test]
    fn a_model_without_a_price_is_told_while_it_is_used() {
        let usage = |age_s: i64, calls| Unpriced {
            provider: Some("openai".to_owned()),
            model: "aurora".to_owned(),
            calls,
            tokens: 10,
            first_seen: NOW.plus_micros(-9_000_000_000),
            last_seen: NOW.plus_micros(-age_s * 1_000_000),
        };
        let level = |age_s, calls| unpriced(&usage(age_s, calls), NOW).map(|f| f.level);
        assert_eq!(level(10, 3), Some(Level::Alarm));
        assert_eq!(level(3_600, 3), Some(Level::Quiet), "old history opens nothing");
        assert_eq!(level(10, 0), None);
        let finding = unpriced(&usage(10, 3), NOW).unwrap();
        assert_eq!(finding.key(), "unpriced_model/model:openai/aurora/");
        assert_eq!(finding.figures.last_seen, NOW.plus_micros(-10_000_000));
    }
}
