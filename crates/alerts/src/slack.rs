//! An incident as Slack's Block Kit, within Slack's limits whatever the values hold.
//!
//! Limits as of 2026-11: 50 blocks, header 150 characters, section 3,000, field 2,000, ten fields,
//! button text 75; the whole stays under about 10,000. It must never know how a message is sent.

mod lines;

use serde_json::{Value, json};
use units::BillingZone;

use crate::text::{clean, escape};
use crate::{Links, Notice, Turn};
use finops::Rule;
use store::Severity;

/// Most characters of a header.
const HEADER_CHARS_MAX: usize = 150;
/// Most characters of a section.
pub(crate) const SECTION_CHARS_MAX: usize = 3_000;

/// Renders what is told of an incident. Times are in `zone`.
pub fn render_slack(notice: &Notice, links: &Links, zone: &BillingZone) -> Value {
    let mut blocks = vec![header(notice), section(&escape(&notice.headline))];
    if notice.turn == Turn::Resolved {
        blocks.push(section(&lines::ending(notice, zone)));
    } else {
        blocks.push(json!({"type": "section", "fields": lines::fields(notice, zone)}));
        let paragraphs = [
            lines::drivers(notice),
            lines::effects(notice),
            lines::action(notice, zone),
            lines::remedy(notice),
            lines::samples(notice, links),
        ];
        blocks.extend(paragraphs.iter().flatten().map(|text| section(text)));
    }
    blocks.push(json!({"type": "actions", "elements": buttons(notice, links)}));
    blocks.push(json!({"type": "context", "elements": [mrkdwn(&lines::context(notice, zone))]}));
    // What a notification shows, and screen readers read.
    let text = format!("[{}] {}", state(notice), escape(&notice.headline));
    json!({"text": text, "blocks": blocks})
}

/// Several messages as one, for a channel that cannot keep up: their fallback texts in order.
pub fn render_slack_digest(texts: &[String], total: usize) -> Value {
    let title = format!("{total} messages waited for this channel");
    let mut list = String::new();
    let mut told = 0;
    for text in texts {
        let line = format!("• {text}\n");
        if list.chars().count() + line.chars().count() > SECTION_CHARS_MAX - 60 {
            break;
        }
        list.push_str(&line);
        told += 1;
    }
    if told < total {
        list.push_str(&format!("• and {} more, in the console", total - told));
    }
    json!({
        "text": title,
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": title}},
            section(list.trim_end()),
        ],
    })
}

fn header(notice: &Notice) -> Value {
    let mut text = format!("{}: {}", state(notice), lines::title(notice));
    if notice.turn != Turn::Resolved
        && let Some(change) = lines::change(notice)
    {
        text = format!("{text}, {change}");
    }
    json!({"type": "header", "text": {"type": "plain_text", "text": cut(&escape(&text))}})
}

/// Escaped text cut to a header's length, never within an escape.
fn cut(escaped: &str) -> String {
    let mut text = clean(escaped, HEADER_CHARS_MAX);
    let begun = text.rfind('&').filter(|start| !text[*start..].contains(';'));
    if let Some(start) = begun {
        text.truncate(start);
        text.push('…');
    }
    text
}

/// The severity, or that it is over.
fn state(notice: &Notice) -> &'static str {
    match (notice.turn, notice.severity) {
        (Turn::Resolved, _) => "Resolved",
        (_, Severity::Critical) => "Critical",
        (_, Severity::Warning) => "Warning",
        (_, Severity::Info) => "Info",
    }
}

fn buttons(notice: &Notice, links: &Links) -> Vec<Value> {
    let button = |text: &str, url: String, id: &str| {
        json!({
            "type": "button", "action_id": id, "url": url,
            "text": {"type": "plain_text", "text": text},
        })
    };
    let mut buttons = vec![button("Investigate", links.incident(notice.id), "investigate")];
    if notice.turn == Turn::Resolved {
        return buttons;
    }
    if notice.rule == Rule::CostDrift {
        buttons.push(button("Compare costs", links.drift(), "compare_costs"));
    }
    let is_spend = !matches!(notice.rule, Rule::Stalled | Rule::UnpricedModel);
    if is_spend {
        buttons.push(button("Mark expected", links.expected(notice.id), "expected"));
    }
    if is_spend && notice.figures.budget.is_some() {
        buttons.push(button("Raise budget", links.budgets(), "raise_budget"));
    }
    buttons
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": mrkdwn(text)})
}

/// Text in Slack's markup; `verbatim` keeps it from making links and mentions of what looks like one.
pub(crate) fn mrkdwn(text: &str) -> Value {
    let text: String = text.chars().take(SECTION_CHARS_MAX).collect();
    json!({"type": "mrkdwn", "text": text, "verbatim": true})
}
