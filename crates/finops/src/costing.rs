//! Costing on demand: a line of JSON that says what was used comes back with what it cost.
//!
//! A line is `{"provider", "model", "at", "usage": {the provider's own usage object}, "dialect",
//! "context": {..}}`, or `"meters": {"input.text": 1200, ..}` in place of `usage`. Everything else in it
//! is kept as it is. `dialect` is told by the names the usage object uses where it is not given, and
//! `provider` by the model's name. `at` is the start of the request: RFC 3339 with a zone, a day (its
//! first instant in UTC), or a count since 1970, by its size of seconds (below 1e11), milliseconds
//! (below 1e14) or microseconds; without it the present applies, and is written as `at`.
//!
//! This must never know a file or a store: the book and the present are given.

mod line;
mod moment;
mod shown;
#[cfg(test)]
mod tests;

use dialects::Usage;
use pricing::{PriceBook, Priced, Query};
use units::UnixMicros;

use line::{Ask, Members, ToldContext};

/// Costs one line.
///
/// The answer is the same object, in one line, with `cost_usd` (a decimal text, exact), `list_usd` (the
/// same without contract prices), `lines` (each with meter, quantity, key, rate, per, amount, source and,
/// where one applied, factor), `model_id`, `provider_id` and `price_version`; `factors` where a price was multiplied, and by whose
/// word; `reported_cost_usd` where the usage names a cost itself, `unpriced` where something used has no price and adds nothing. What
/// cannot be costed comes back with `error` in place of a cost, never with zero.
pub fn cost_line(book: &PriceBook, line: &str, now: UnixMicros) -> String {
    let members: Members<'_> = match serde_json::from_str(line) {
        Ok(members) => members,
        Err(error) => return shown::not_an_object(book, line, &error),
    };
    let answer = Ask::read(&members).and_then(|ask| {
        let at = ask.at.unwrap_or(now);
        let provider = provider(book, &ask)?;
        let parts = parts(book, &ask, provider, at)?;
        shown::Answer { at: ask.at.is_none().then_some(at), parts, used: &ask.used }.members()
    });
    shown::line(book, &members, answer)
}

/// What one usage of a line came to.
struct Part<'a> {
    /// What it was for; `None` for the answer itself.
    kind: Option<&'a str>,
    priced: Priced<'a>,
}

fn provider<'a>(book: &'a PriceBook, ask: &'a Ask) -> Result<&'a str, String> {
    ask.provider.as_deref().or_else(|| book.provider_of(&ask.model)).ok_or_else(|| {
        format!("`provider` is missing, and no provider is known by the model `{}`", ask.model)
    })
}

/// The answer's own usage and those told beside it, each on its own model.
fn parts<'a>(
    book: &'a PriceBook,
    ask: &'a Ask,
    provider: &'a str,
    at: UnixMicros,
) -> Result<Vec<Part<'a>>, String> {
    let price = |model: &str, usage: &Usage, context: &ToldContext| {
        let query =
            Query { provider, model, at, context: context.of(usage), meters: &usage.meters };
        book.price(&query).ok_or_else(|| unknown(book, &query))
    };
    let own = Part { kind: None, priced: price(&ask.model, &ask.used.usage, &ask.context)? };
    let mut parts = vec![own];
    for extra in &ask.used.extra {
        let model = extra.model.as_deref().unwrap_or(&ask.model);
        let priced = price(model, &extra.usage, &beside(ask, &extra.usage))
            .map_err(|error| format!("{} beside the answer: {error}", extra.kind))?;
        parts.push(Part { kind: Some(&extra.kind), priced });
    }
    Ok(parts)
}

/// What selects the prices of a usage told beside the answer: what the line says, what that usage says,
/// what the answer's own says.
fn beside(ask: &Ask, usage: &Usage) -> ToldContext {
    ask.context.clone().or_of(usage).or_of(&ask.used.usage)
}

/// Why there is no price.
fn unknown(book: &PriceBook, query: &Query<'_>) -> String {
    let Query { provider, model, at, .. } = query;
    match book.resolve(provider, model) {
        None => format!("no model `{model}` of provider `{provider}` is known to the price book"),
        Some(found) => format!(
            "`{}` of `{}` has no price for what was used at {at}",
            found.model_id, found.provider_id
        ),
    }
}
