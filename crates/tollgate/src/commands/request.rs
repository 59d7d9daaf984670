//! `tollgate request show`: one request, every attempt, what it used and what each part cost.

use std::collections::BTreeMap;
use std::path::Path;

use events::{Adjustment, Cost, UsageEvent};
use lake::RequestAttempt;
use pricing::{PriceBook, Receipt};
use units::{RequestId, Usd};

use crate::cli::{Output, RequestCommand};
use crate::commands::config::load;
use crate::commands::price::book;
use crate::commands::query::with_lake;
use crate::config::Config;
use crate::failure::CommandError;
use crate::{prices, print};

/// Runs the command.
pub fn run(command: &RequestCommand, path: &Path) -> Result<(), CommandError> {
    let RequestCommand::Show { id, output } = command;
    let config = load(path)?;
    let attempts = with_lake(&config, async |lake| Ok(lake.request(*id, None).await?))?;
    let books = Books::of(&config, &attempts)?;
    if attempts.is_empty() {
        return Err(CommandError::Usage(format!(
            "there is no request {id} in the lake (usage shows within seconds)"
        )));
    }
    let lines = attempts.iter().flat_map(|attempt| lines(attempt, &config, &books));
    match output {
        Output::Table => table(*id, &attempts, &config, &books),
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

/// The books attempts were priced by, as far as they are known, and the newest for the rest.
struct Books {
    newest: PriceBook,
    recorded: BTreeMap<String, PriceBook>,
}

impl Books {
    fn of(config: &Config, attempts: &[RequestAttempt]) -> Result<Self, CommandError> {
        book::block_on(async {
            let store = book::existing_store(config).await;
            let newest = book::of_store(config, store.as_ref(), None).await?;
            let mut recorded = BTreeMap::new();
            let versions =
                attempts.iter().filter_map(|attempt| attempt.event.cost.price_version.clone());
            let Some(store) = store else { return Ok(Self { newest, recorded }) };
            for version in versions.filter(|version| version != newest.version()) {
                if !recorded.contains_key(&version)
                    && let Some(book) = prices::at(&store, &version).await?
                {
                    recorded.insert(version, book);
                }
            }
            store.close().await;
            Ok(Self { newest, recorded })
        })
    }

    fn book(&self, attempt: &RequestAttempt) -> &PriceBook {
        let version = attempt.event.cost.price_version.as_deref();
        version.and_then(|version| self.recorded.get(version)).unwrap_or(&self.newest)
    }
}

fn table(
    id: RequestId,
    attempts: &[RequestAttempt],
    config: &Config,
    books: &Books,
) -> Result<(), CommandError> {
    print::line(&id.to_string())?;
    for attempt in attempts {
        let event = &attempt.event;
        if let Some(adjustment) = &event.cost.adjustment {
            print::text(&correction(event, adjustment))?;
            continue;
        }
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
        match books.book(attempt).receipt(event, billed_as(attempt, config)) {
            Ok(receipt) => {
                let rows: Vec<[String; 4]> = parts(&receipt);
                print::rows(["  meter", "quantity", "rate", "usd"], &rows, Output::Table)?;
            }
            Err(reason) => print::line(&format!("  no lines: {reason}"))?,
        }
    }
    if attempts.iter().any(|attempt| attempt.event.cost.is_correction()) {
        let total = Cost::total(attempts.iter().map(|attempt| &attempt.event.cost));
        let total = total.map_or_else(|| "unknown".to_owned(), |cost| cost.to_string());
        print::line(&format!("\ncost with all corrections {total} USD"))?;
    }
    Ok(())
}

/// A row that corrects what another one cost.
fn correction(event: &UsageEvent, adjustment: &Adjustment) -> String {
    format!(
        "\n{} of attempt {}: cost {} USD, prices {}\n",
        adjustment.kind,
        event.ids.attempt,
        event.cost.billed.map_or_else(|| "unknown".to_owned(), |cost| cost.to_string()),
        event.cost.price_version.as_deref().unwrap_or("-"),
    )
}

fn billed_as<'a>(attempt: &RequestAttempt, config: &'a Config) -> Option<&'a str> {
    let provider = attempt.event.model.provider.as_deref()?;
    Some(config.provider(provider)?.prices.as_str())
}

fn lines(attempt: &RequestAttempt, config: &Config, books: &Books) -> Vec<[String; 5]> {
    let number = attempt.event.ids.attempt.to_string();
    let receipt = books.book(attempt).receipt(&attempt.event, billed_as(attempt, config));
    let Ok(receipt) = receipt else {
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
                match line.factor.is_one() {
                    true => line.rate.to_string(),
                    false => format!("{} x {}", line.rate, line.factor),
                },
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
