//! The figures of an incident, in words and tables. Those of another release that this one cannot read
//! are shown as they are.

use finops::{Decomposition, Driver, Evidence, IncidentFigures, Remedy, drift_per_mille};
use store::Incident;
use units::{UnixMicros, Usd};

use crate::amount::{Aligned, Amount, Unit};
use crate::figures::{count, duration, exact_usd, signed_percent, usd};
use crate::moments::Moments;

/// The figures, as far as they can be read.
pub(super) enum Told {
    /// Read.
    Figures(Box<IncidentFigures>),
    /// As they are stored.
    Raw(String),
}

/// One effect on the cost; all of them add up to the cost after.
pub(super) struct EffectRow {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) amount: Option<Aligned>,
    pub(super) is_sum: bool,
}

/// One driver.
pub(super) struct DriverRow {
    pub(super) by: &'static str,
    pub(super) name: String,
    pub(super) change: crate::amount::Difference,
    pub(super) share: String,
    /// Its usage, in explore.
    pub(super) link: String,
}

impl Told {
    pub(super) fn of(incident: &Incident) -> Self {
        match serde_json::from_value(incident.figures.clone()) {
            Ok(figures) => Self::Figures(Box::new(figures)),
            Err(_) => {
                Self::Raw(serde_json::to_string_pretty(&incident.figures).unwrap_or_default())
            }
        }
    }

    /// What it has cost beyond the expected; `None` where that is no amount.
    pub(super) fn impact(&self) -> Option<Usd> {
        match self {
            Self::Figures(figures) => Some(figures.impact).filter(|impact| !impact.is_zero()),
            Self::Raw(_) => None,
        }
    }

    /// Name and value, those that say something.
    pub(super) fn facts(&self, moments: &Moments) -> Vec<(&'static str, String)> {
        let Self::Figures(figures) = self else { return Vec::new() };
        let mut facts = evidence(&figures.evidence, moments);
        if tells_money(&figures.evidence) {
            facts.push(("Spent in the window looked at", usd(figures.actual)));
        }
        if let Some(range) = &figures.expected {
            let typical = usd(range.typical);
            let words = format!("{typical}, usually {} to {}", usd(range.low), usd(range.high));
            facts.push(("Expected", words));
        }
        if let Some(projected) = figures.projected_month_end {
            facts.push(("The month, at this rate", usd(projected)));
        }
        if let Some(budget) = &figures.budget {
            let (left, limit) = (usd(budget.remaining), usd(budget.limit));
            facts.push(("Tightest budget", format!("{}: {left} left of {limit}", budget.name)));
        }
        if let Some(at) = figures.data_as_of {
            facts.push(("Newest usage in these figures", moments.stamp(at).shown));
        }
        facts
    }

    /// Price, volume and mix.
    pub(super) fn effects(&self) -> Vec<EffectRow> {
        match self {
            Self::Figures(figures) => figures.decomposition.iter().flat_map(effects).collect(),
            Self::Raw(_) => Vec::new(),
        }
    }

    /// The strongest first.
    pub(super) fn drivers(&self, link: impl Fn(&Driver) -> String) -> Vec<DriverRow> {
        let Self::Figures(figures) = self else { return Vec::new() };
        let row = |driver: &Driver| DriverRow {
            by: driver.by.as_str(),
            name: driver.name.clone(),
            change: crate::amount::Difference(dollars(driver.delta)),
            share: signed_percent(driver.share_per_mille.into()),
            link: link(driver),
        };
        figures.drivers.iter().map(row).collect()
    }

    /// What to do about it.
    pub(super) fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Figures(figures) => Remedy::of(figures),
            Self::Raw(_) => None,
        }
    }

    /// Provider and model it is about, as explore filters by them.
    pub(super) fn usage(&self) -> Vec<(&'static str, String)> {
        let Self::Figures(figures) = self else { return Vec::new() };
        let Evidence::ReportedCost { provider, model, .. } = &figures.evidence else {
            return Vec::new();
        };
        let provider = provider.clone().map(|provider| ("provider", provider));
        provider.into_iter().chain(model.clone().map(|model| ("model", model))).collect()
    }

    /// When what it tells of began: what costs money may have begun long before it was first seen.
    pub(super) fn since(&self, incident: &Incident) -> UnixMicros {
        match self {
            Self::Figures(figures) if has_begun(&figures.evidence) => {
                figures.since.min(incident.first_seen)
            }
            Self::Figures(_) | Self::Raw(_) => incident.first_seen,
        }
    }

    /// Ids of requests that show it.
    pub(super) fn samples(&self) -> Vec<String> {
        match self {
            Self::Figures(figures) => figures.sample_requests.clone(),
            Self::Raw(_) => Vec::new(),
        }
    }

    /// What could not be read.
    pub(super) fn raw(&self) -> Option<&str> {
        match self {
            Self::Figures(_) => None,
            Self::Raw(text) => Some(text),
        }
    }
}

fn dollars(amount: Usd) -> Amount {
    Amount { digits: amount.pico(), unit: Unit::Usd }
}

/// Whether its figures say when it began; others say from when on they were looked at.
fn has_begun(evidence: &Evidence) -> bool {
    matches!(evidence, Evidence::Spend { .. } | Evidence::ReportedCost { .. })
}

/// Stalls are told in time, not in money.
fn tells_money(evidence: &Evidence) -> bool {
    matches!(evidence, Evidence::Budget { .. } | Evidence::Spend { .. })
}

fn evidence(evidence: &Evidence, moments: &Moments) -> Vec<(&'static str, String)> {
    match evidence {
        Evidence::Budget { name, limit, threshold_percent, forecast, window_end } => {
            let mut facts = vec![
                ("Budget", name.clone()),
                ("Limit", usd(*limit)),
                ("Threshold", format!("{threshold_percent}%")),
            ];
            facts.extend(forecast.map(|forecast| ("Forecast for its window", usd(forecast))));
            facts.push(("Its window ends", moments.stamp(*window_end).shown));
            facts
        }
        Evidence::Spend { window_s, score_tenths, .. } => {
            let window = duration(u64::from(*window_s).saturating_mul(1_000_000));
            let mut facts = vec![("Window looked at", window)];
            facts.extend(score_tenths.map(|score| {
                let sign = if score < 0 { "\u{2212}" } else { "" };
                let size = score.unsigned_abs();
                let words = format!("{sign}{}.{} robust standard deviations", size / 10, size % 10);
                ("How unusual", words)
            }));
            facts
        }
        Evidence::Unpriced { provider, model, calls, tokens } => {
            let mut facts = vec![("Model", model.clone())];
            facts.extend(provider.clone().map(|provider| ("Provider", provider)));
            facts.push(("Calls without a price", count(*calls)));
            facts.push(("Their tokens", count(*tokens)));
            facts
        }
        Evidence::ReportedCost { provider, model, reported, computed, calls, from } => {
            let model = model.clone().unwrap_or_else(|| "no model".to_owned());
            let mut facts = vec![("Model", model)];
            facts.extend(provider.clone().map(|provider| ("Provider", provider)));
            facts.push(("The provider reports", exact_usd(*reported)));
            facts.push(("By the price book", exact_usd(*computed)));
            let share = drift_per_mille(*reported, *computed).map(signed_percent);
            let share = share.map(|share| format!(" ({share})")).unwrap_or_default();
            let difference = exact_usd(*reported - *computed);
            facts.push(("Difference", format!("{difference}{share}")));
            let from = moments.stamp(*from).shown;
            facts.push(("Calls compared", format!("{} since {from}", count(*calls))));
            facts
        }
        Evidence::Stall { for_ms, limit_ms, .. } => vec![
            ("For", duration(for_ms.saturating_mul(1_000))),
            ("Allowed", duration(limit_ms.saturating_mul(1_000))),
        ],
        Evidence::Drift { amount, limit } => vec![
            ("Counters and ledger differ by", exact_usd(*amount)),
            ("Allowed", exact_usd(*limit)),
        ],
    }
}

fn effects(change: &Decomposition) -> Vec<EffectRow> {
    let rows = [
        ("Before", "the same quarter hours a week before", change.before, true),
        ("Volume", "more or fewer tokens, at the earlier average price", change.volume, false),
        ("Mix", "tokens that went to dearer or cheaper models", change.mix, false),
        ("Price", "models that cost more or less per token", change.price, false),
        ("After", "the quarter hours since it began", change.after, true),
        ("Change", "volume, mix and price together", change.delta(), true),
    ];
    let amounts: Vec<Option<Amount>> =
        rows.iter().map(|(_, _, amount, _)| Some(dollars(*amount))).collect();
    let aligned = Aligned::column(&amounts);
    let row = |((name, what, _, is_sum), amount)| EffectRow { name, what, amount, is_sum };
    rows.into_iter().zip(aligned).map(row).collect()
}
