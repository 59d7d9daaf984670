//! Coding agents, unmodified, against targets of every dialect: each reads a file with a tool of its
//! own and says something, and what it saw is what the ledger holds.

use crate::clients::{SHARED, UPSTREAMS, billed_for, setup};
use crate::harness::agents::{NOTE, Report, Task};

/// Requests of a task: one that ends in the tool's call, one with what it returned.
const REQUESTS: usize = 2;

/// Gives an agent the task on every route, and finds its requests in the lake.
fn tell(agent: &str, dialect_in: &str, work: fn(&Task<'_>) -> Report) {
    let tollgate = SHARED.get(setup);
    let client = tollgate.client("search");
    for (route, dialect_out) in UPSTREAMS {
        let customer = format!("{agent}-{route}");
        let task = Task { tollgate: &tollgate, client: &client, route, customer: &customer };
        let report = work(&task);
        assert!(report.tool_result.contains(NOTE), "{customer}: {report:?}");
        let rows = tollgate.rows_of_customer(&customer, REQUESTS);
        assert_eq!(rows.len(), REQUESTS, "{customer}: {rows:?}");
        for row in &rows {
            let dialects = (row.text("dialect_in"), row.text("dialect_out"));
            assert_eq!(dialects, (dialect_in, dialect_out), "{customer}");
            assert_eq!((row.text("usage_source"), row.text("team")), ("provider", "search"));
            assert!(row.flag("is_stream"), "{customer}: agents stream");
            let billed = billed_for(&tollgate, row);
            assert!(billed.is_some(), "{customer}: {row:?}");
            assert_eq!(row.usd("cost_usd"), billed, "{customer}");
        }
        let sum = |column| rows.iter().map(|row| row.number(column)).sum::<u64>();
        let metered = (sum("input_tokens_total"), sum("output_tokens_total"));
        assert_eq!(metered, (report.input_tokens, report.output_tokens), "{customer}: {report:?}");
        // Each of its last words is one token: none was lost or told twice. Where the provider does
        // not tell reasoning apart, that is among them.
        let (last, words) = (&rows[REQUESTS - 1], simulator::text_tokens(&report.text));
        let (text, shown) = (last.number("output_text_tokens"), last.number("reasoning_tokens"));
        assert!(words == text || (shown == 0 && (1..text).contains(&words)), "{report:?} {last:?}");
    }
}

#[test]
fn claude_code_works_against_every_dialect() {
    tell("claude-code", "anthropic_messages", |task| task.claude_code());
}

#[test]
fn codex_works_against_every_dialect() {
    tell("codex", "openai_responses", |task| task.codex());
}

#[test]
fn gemini_cli_works_against_every_dialect() {
    tell("gemini-cli", "gemini_generate", |task| task.gemini_cli());
}
