//! The sentences of a Slack message. Every value from outside goes through [`code`] or [`escape`].

use finops::{Evidence, IncidentFigures, Remedy, Rule, drift_per_mille, largest_remainder};
use jiff::tz::TimeZone;
use serde_json::Value;
use units::{BillingZone, UnixMicros};

use super::mrkdwn;
use crate::notice::{span, whom};
use crate::text::{VALUE_CHARS_MAX, clean, code, dollars, escape, grouped, percent, signed};
use crate::{Links, Notice};

/// Most requests named.
const SAMPLES_MAX: usize = 3;

/// What the message is about, in a few words.
pub(super) fn title(notice: &Notice) -> String {
    match &notice.figures.evidence {
        Evidence::Budget { name, .. } => format!("budget {}", clean(name, 60)),
        Evidence::Unpriced { model, .. } => format!("no price for {}", clean(model, 60)),
        Evidence::ReportedCost { model, .. } => {
            let model = model.as_deref().unwrap_or("calls without a model");
            format!("reported cost of {}", clean(model, 60))
        }
        _ => {
            let whom = whom(&notice.subject);
            let mut letters = whom.chars();
            letters.next().map_or(String::new(), |first| {
                first.to_lowercase().collect::<String>() + letters.as_str()
            })
        }
    }
}

/// How far the actual amount lies from the typical one: `+$3.17 in 5 minutes (+10,500 %)`; or the reported
/// one from the computed one: `+$1.87 (+2.4 %)`.
pub(super) fn change(notice: &Notice) -> Option<String> {
    let IncidentFigures { evidence, actual, expected, .. } = &notice.figures;
    if let Evidence::ReportedCost { reported, computed, .. } = evidence {
        return Some(drift(*reported, *computed));
    }
    let (Evidence::Spend { window_s, .. }, Some(expected)) = (evidence, expected) else {
        return None;
    };
    let change = finops::Change::between(expected.typical, *actual);
    let share = change.per_mille.map(bracketed).unwrap_or_default();
    Some(format!("{} in {}{share}", signed(change.difference), span(*window_s)))
}

/// How far a reported cost lies from the computed one: `+$1.87 (+2.4 %)`.
fn drift(reported: units::Usd, computed: units::Usd) -> String {
    let share = drift_per_mille(reported, computed).and_then(|share| i64::try_from(share).ok());
    format!("{}{}", signed(reported - computed), share.map(bracketed).unwrap_or_default())
}

/// A change in thousandths as it follows an amount: ` (+2.4 %)`.
fn bracketed(share: i64) -> String {
    let sign = if share < 0 { "" } else { "+" };
    format!(" ({sign}{})", percent(share))
}

/// The figures side by side.
pub(super) fn fields(notice: &Notice, zone: &BillingZone) -> Vec<Value> {
    let figures = &notice.figures;
    let mut fields = Vec::new();
    let mut add = |name: &str, value: String| fields.push(mrkdwn(&format!("*{name}*\n{value}")));
    match &figures.evidence {
        Evidence::Spend { window_s, .. } => {
            add("Actual", format!("{} in {}", dollars(figures.actual), span(*window_s)));
            let expected = figures.expected.map_or_else(
                || "nothing known yet".to_owned(),
                |range| format!("{} to {}", dollars(range.low), dollars(range.high)),
            );
            add("Expected", expected);
            add("Impact so far", signed(figures.impact));
        }
        Evidence::Budget { limit, forecast, window_end, .. } => {
            add("Spent", format!("{} of {}", dollars(figures.actual), dollars(*limit)));
            let forecast = forecast.map_or_else(|| "too early to tell".to_owned(), dollars);
            add("At this rate, by the end of the window", forecast);
            add("Window ends", time(*window_end, zone));
        }
        Evidence::Unpriced { calls, tokens, .. } => {
            add("Calls", grouped(&calls.to_string()));
            add("Tokens", grouped(&tokens.to_string()));
        }
        Evidence::ReportedCost { reported, computed, calls, from, .. } => {
            add("The provider reports", dollars(*reported));
            add("By the price book", dollars(*computed));
            add("Difference", drift(*reported, *computed));
            let calls = grouped(&calls.to_string());
            add("Rests on", format!("{calls} calls since {}", time(*from, zone)));
        }
        Evidence::Stall { for_ms, limit_ms, .. } => {
            add("Standing still", format!("{} s", for_ms / 1_000));
            add("Limit", format!("{} s", limit_ms / 1_000));
        }
        Evidence::Drift { amount, limit } => {
            add("Difference", signed(*amount));
            add("Limit", dollars(*limit));
        }
    }
    if let Some(amount) = figures.projected_month_end {
        add("Projected month-end", format!("{} at this rate", dollars(amount)));
    }
    add("Since", time(figures.since, zone));
    if let Some(budget) = &figures.budget {
        let left = format!(
            "{} left of {} ({})",
            dollars(budget.remaining),
            dollars(budget.limit),
            code(&budget.name),
        );
        add("Budget", left);
    }
    fields
}

/// What drives the change.
pub(super) fn drivers(notice: &Notice) -> Option<String> {
    let drivers = &notice.figures.drivers;
    let lines: Vec<String> = drivers
        .iter()
        .map(|driver| {
            let share = percent(driver.share_per_mille);
            format!(
                "• {} {} {} ({share})",
                driver.by.as_str(),
                code(&driver.name),
                signed(driver.delta)
            )
        })
        .collect();
    (!lines.is_empty()).then(|| format!("*What drives it*\n{}", lines.join("\n")))
}

/// The change as price, volume and mix, rounded so that the parts shown sum to the whole shown.
pub(super) fn effects(notice: &Notice) -> Option<String> {
    let split = notice.figures.decomposition.as_ref()?;
    let rounded = largest_remainder(&[split.volume, split.mix, split.price], 2).ok()?;
    let [volume, mix, price] = rounded.parts[..] else { return None };
    let cents = |amount: units::Usd| {
        let sign = if amount < units::Usd::ZERO { "-" } else { "+" };
        format!("{sign}${}", amount.to_fixed(2).trim_start_matches('-'))
    };
    Some(format!(
        "*Why*\nvolume {} · mix {} · price {} = {}",
        cents(volume),
        cents(mix),
        cents(price),
        cents(rounded.total),
    ))
}

/// What the product does about it by itself.
pub(super) fn action(notice: &Notice, zone: &BillingZone) -> Option<String> {
    let Evidence::Budget { threshold_percent, window_end, .. } = &notice.figures.evidence else {
        return None;
    };
    (notice.rule == Rule::BudgetSpent && *threshold_percent >= 100).then(|| {
        format!(
            "*Action*\nrequests that do not fit the budget are refused until {}",
            time(*window_end, zone)
        )
    })
}

/// What to do about it, with the commands.
pub(super) fn remedy(notice: &Notice) -> Option<String> {
    let remedy = Remedy::of(&notice.figures)?;
    // Their words are plain, so that nothing in them is markup, and they are short.
    let commands: Vec<String> = remedy.commands.iter().map(|one| format!("`{one}`")).collect();
    Some(format!("*What to do*\n{}\n{}", remedy.advice, commands.join("\n")))
}

/// Requests that show it.
pub(super) fn samples(notice: &Notice, links: &Links) -> Option<String> {
    let samples = notice.figures.sample_requests.iter();
    let named: Vec<String> = samples
        .filter_map(|id| links.request(id).map(|url| format!("<{url}|{id}>")))
        .take(SAMPLES_MAX)
        .collect();
    (!named.is_empty()).then(|| format!("*Requests*\n{}", named.join("\n")))
}

/// What an incident that is over came to.
pub(super) fn ending(notice: &Notice, zone: &BillingZone) -> String {
    let figures = &notice.figures;
    let mut text =
        format!("From {} to {}", time(figures.since, zone), time(figures.last_seen, zone));
    if !figures.impact.is_zero() {
        text.push_str(&format!(", impact {}", signed(figures.impact)));
    }
    text
}

/// What a reader needs to find it again and to judge its figures.
pub(super) fn context(notice: &Notice, zone: &BillingZone) -> String {
    let data = notice
        .figures
        .data_as_of
        .map_or_else(|| "no usage yet".to_owned(), |at| format!("data up to {}", time(at, zone)));
    let window = escape(&clean(&notice.key, VALUE_CHARS_MAX));
    format!("{} · {} v{} · {data} · {window}", notice.id, notice.rule, notice.rule.version())
}

/// An instant in a zone, to the minute: `2026-11-22 14:05 Europe/Berlin`.
fn time(at: UnixMicros, zone: &BillingZone) -> String {
    let zone = TimeZone::get(zone.name()).unwrap_or(TimeZone::UTC);
    at.to_timestamp().to_zoned(zone).strftime("%Y-%m-%d %H:%M %Q").to_string()
}
