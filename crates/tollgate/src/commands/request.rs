//! `tollgate request show`: one request, every attempt, what it used and what each part cost.

use std::path::Path;

use lake::RequestAttempt;
use pricing::{PriceBook, Receipt};
use units::{RequestId, Usd};

use crate::cli::{Output, RequestCommand};
use crate::commands::config::load;
use crate::commands::query::with_lake;
use crate::config::Config;
use crate::failure::CommandError;
use crate::{print, service};

/// Runs the command.
pub fn run(command: &RequestCommand, path: &Path) -> Result<(), CommandError> {
    let RequestCommand::Show { id, output } = command;
    let config = load(path)?;
    let book = service::prices(&config)?;
    let attempts = with_lake(&config, async |lake| Ok(lake.request(*id, None).await?))?;
    if attempts.is_empty() {
        return Err(CommandError::Usage(format!(
            "there is no request {id} in the lake (usage shows within seconds)"
        )));
    }
    let lines = attempts.iter().flat_map(|attempt| lines(attempt, &config, &book));
    match output {
        Output::Table => table(*id, &attempts, &config, &book),
        Output::Json => {
            let events: Vec<_> = attempts.iter().map(|attempt| &attempt.event).collect();
            let lines: Vec<[String; 5]> = lines.collect();
            let json = serde_json::json!({ "request_id": id, "attempts": events, "lines": lines });
            print::line(&serde_json::to_string_pretty(&json).unwrap_or_default())
        }
        Output::Csv => {
            let lines: Vec<[String; 5]> = lines.collect();
            print::rows(["attempt", "meter", "quantity", "rate", "usd"], &lines, Output::Csv)
        }
    }
}

fn table(
    id: RequestId,
    attempts: &[RequestAttempt],
    config: &Config,
    book: &PriceBook,
) -> Result<(), CommandError> {
    print::line(&id.to_string())?;
    for attempt in attempts {
        let event = &attempt.event;
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let status = or_dash(event.outcome.status.map(|status| status.to_string()));
        print::text(&format!(
            "\nattempt {}: {} {} ({}), status {status}{}\n  received {}, took {} ms\n  team {}, \
             feature {}, customer {}, user {}\n  cost {} USD, {}, prices {}\n",
            event.ids.attempt,
            or_dash(event.model.provider.clone()),
            event.model.resolved.as_deref().unwrap_or(&event.model.asked),
            or_dash(event.decision.reason.clone()),
            event.outcome.error.map_or_else(String::new, |error| format!(", {error}")),
            event.times.received_us,
            event.times.ended_us.micros_since(event.times.received_us) / 1_000,
            or_dash(event.attribution.team.as_ref().map(ToString::to_string)),
            or_dash(event.attribution.feature.clone()),
            or_dash(event.attribution.customer.clone()),
            or_dash(event.attribution.user.clone()),
            event.cost.billed.map_or_else(|| "unknown".to_owned(), |cost| cost.to_string()),
            event.cost.usage_source,
            or_dash(event.cost.price_version.clone()),
        ))?;
        match book.receipt(event, billed_as(attempt, config)) {
            Ok(receipt) => {
                let rows: Vec<[String; 4]> = parts(&receipt);
                print::rows(["  meter", "quantity", "rate", "usd"], &rows, Output::Table)?;
            }
            Err(reason) => print::line(&format!("  no lines: {reason}"))?,
        }
    }
    Ok(())
}

fn billed_as<'a>(attempt: &RequestAttempt, config: &'a Config) -> Option<&'a str> {
    let provider = attempt.event.model.provider.as_deref()?;
    Some(config.provider(provider)?.prices.as_str())
}

fn lines(attempt: &RequestAttempt, config: &Config, book: &PriceBook) -> Vec<[String; 5]> {
    let number = attempt.event.ids.attempt.to_string();
    let Ok(receipt) = book.receipt(&attempt.event, billed_as(attempt, config)) else {
        return Vec::new();
    };
    let numbered = |[meter, quantity, rate, usd]: [String; 4]| {
        [number.clone(), meter.trim().to_owned(), quantity, rate, usd]
    };
    parts(&receipt).into_iter().map(numbered).collect()
}

/// Meter, quantity, rate and amount of each line; what rounding added is a line of its own.
fn parts(receipt: &Receipt) -> Vec<[String; 4]> {
    let mut rows: Vec<[String; 4]> = receipt
        .lines
        .iter()
        .map(|line| {
            [
                format!("  {}", line.meter),
                line.quantity.to_string(),
                line.rate.to_string(),
                atto(line.amount_atto),
            ]
        })
        .collect();
    if receipt.rounding_atto != 0 {
        let amount = atto(receipt.rounding_atto);
        rows.push(["  rounding".to_owned(), String::new(), String::new(), amount]);
    }
    rows
}

/// An amount of 1e-18 USD in dollars, exactly.
fn atto(amount: i128) -> String {
    let (whole, rest) = (amount.div_euclid(1_000_000), amount.rem_euclid(1_000_000));
    let dollars = Usd::from_pico(whole).to_fixed(12);
    if rest == 0 { dollars } else { format!("{dollars}{rest:06}") }
}
