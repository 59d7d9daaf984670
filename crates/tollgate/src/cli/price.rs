//! The command line of prices.
//!
//! Definitions only. Must never do what a command says.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use units::{Slug, UnixMicros};

use super::{Output, instant};

/// What can be asked of prices.
#[derive(Debug, Subcommand)]
pub enum PriceCommand {
    /// Cost what was used: one JSON object a line in, the same with what it cost out.
    ///
    /// A line is {"provider","model","at","usage":{the provider's own usage object},"dialect",
    /// "context":{"service_tier","processing","speed","inference_geo"}}, or "meters":{"input.text":1200}
    /// in place of "usage". Every other member is kept. "at" is RFC 3339 with a zone, a day (UTC), or a
    /// count since 1970, by its size of seconds (below 1e11), milliseconds (below 1e14) or microseconds;
    /// without it the present applies. "dialect" is openai, responses, anthropic, gemini, bedrock or
    /// cohere; without it the names in the usage object tell. The service tier a usage object names
    /// counts unless the context names another.
    ///
    /// Added are cost_usd (a decimal text, exact), list_usd (without contract prices), lines, model_id,
    /// provider_id and price_version, or error; one bad line never stops the others. Blank lines are
    /// skipped, a line has at most 32 MiB. The exit code is 0 unless the input cannot be read. Needs no
    /// configuration: without one the catalog of this release is used.
    Cost(PriceCostArgs),
    /// List what models cost.
    List(PriceListArgs),
    /// Show one model: its rates in force, where they come from, its history and its life.
    Show(PriceShowArgs),
    /// Take over prices from a public catalog, or a price file as it is.
    ///
    /// An import never changes what things cost before it: a price that changed opens at the instant of
    /// the import. A price file (format `tollgate`) is taken as it is, dates included.
    Import(PriceImportArgs),
    /// Compare two books or price files.
    Diff(PriceDiffArgs),
    /// Set the price of a model, from a day on.
    Set(PriceSetArgs),
    /// Withdraw an import or a price file: what it said is no longer in force.
    ///
    /// Nothing is deleted: an empty layer takes its place, books that had it can still be shown, and what
    /// was priced by it keeps its cost until it is priced again.
    Withdraw(PriceWithdrawArgs),
    /// Price what was recorded again, and write the difference as adjustment rows.
    ///
    /// Nothing recorded is changed: a retraction and a restatement are added beside it. Doing it again
    /// adds nothing.
    Rerate(PriceRerateArgs),
    /// Price what was recorded as if it had been asked of another model, or otherwise.
    WhatIf(PriceWhatIfArgs),
    /// List the models requests were made to that have no price.
    Unpriced(PriceUnpricedArgs),
    /// List the price books there were: what ledger rows name as their `price_version`.
    Versions(PriceVersionsArgs),
}

/// Arguments of `price cost`.
#[derive(Debug, Args)]
pub struct PriceCostArgs {
    /// File to read [default: standard input].
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Version of the book to price by, as `price versions` shows it [default: the newest].
    #[arg(long, value_name = "VERSION")]
    pub book: Option<String>,
}

/// Arguments of `price list`.
#[derive(Debug, Args)]
pub struct PriceListArgs {
    /// Provider, by any of its names [default: all].
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// Part of the model's name [default: all].
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Instant whose prices are shown: RFC 3339 or a day (UTC) [default: the present].
    #[arg(long, value_name = "INSTANT", value_parser = moment)]
    pub at: Option<UnixMicros>,
    /// How to print them.
    #[arg(long, short, visible_alias = "format", value_enum, default_value_t)]
    pub output: Output,
}

/// Arguments of `price show`.
#[derive(Debug, Args)]
pub struct PriceShowArgs {
    /// The model, as a provider or the catalog names it.
    #[arg(value_name = "MODEL")]
    pub model: String,
    /// Provider, by any of its names [default: the one whose models are called like this].
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// Instant whose prices are shown: RFC 3339 or a day (UTC) [default: the present].
    #[arg(long, value_name = "INSTANT", value_parser = moment)]
    pub at: Option<UnixMicros>,
    /// How to print it.
    #[arg(long, short, visible_alias = "format", value_enum, default_value_t)]
    pub output: Output,
}

/// What an import is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImportFormat {
    /// LiteLLM's `model_prices_and_context_window.json`.
    Litellm,
    /// The `api.json` of models.dev.
    ModelsDev,
    /// The answer of OpenRouter's `/models`.
    Openrouter,
    /// A price file of Tollgate's own, taken as it is.
    Tollgate,
}

/// Where a price file is laid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum TakenAs {
    /// Over the catalog and imports: list prices as you know them.
    #[default]
    Operator,
    /// Over everything: what you negotiated. List prices are kept beside it.
    Contract,
}

/// Arguments of `price import`.
#[derive(Debug, Args)]
pub struct PriceImportArgs {
    /// What it is written in.
    #[arg(value_enum, value_name = "FORMAT")]
    pub format: ImportFormat,
    /// File, `-` for standard input, or an https URL.
    #[arg(value_name = "FILE")]
    pub file: String,
    /// What the source calls the state it is in, such as a commit or a date; recorded with it.
    #[arg(long, value_name = "TEXT")]
    pub source_version: Option<String>,
    /// Name a price file is known by; another file of that name takes its place [default: that of the
    /// file].
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Where a price file is laid.
    #[arg(long = "as", value_enum, value_name = "LAYER", default_value_t)]
    pub taken_as: TakenAs,
    /// Say what would change, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// How to print what changed.
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Output,
}

/// Arguments of `price diff`.
#[derive(Debug, Args)]
pub struct PriceDiffArgs {
    /// Version of a book (`pb_…`), `catalog` for that of this release, `now` for the book in force, or a
    /// price file, which is laid over the catalog.
    #[arg(value_name = "A")]
    pub before: String,
    /// The same, to compare with.
    #[arg(value_name = "B")]
    pub after: String,
    /// Instant whose prices are compared: RFC 3339 or a day (UTC) [default: the present].
    #[arg(long, value_name = "INSTANT", value_parser = moment)]
    pub at: Option<UnixMicros>,
    /// How to print it.
    #[arg(long, short, visible_alias = "format", value_enum, default_value_t)]
    pub output: Output,
}

/// Arguments of `price set`.
#[derive(Debug, Args)]
pub struct PriceSetArgs {
    /// Provider, by any of its names; a new one is made.
    #[arg(value_name = "PROVIDER")]
    pub provider: String,
    /// The model.
    #[arg(value_name = "MODEL")]
    pub model: String,
    /// Prices in USD such as `input=2.50` (a million tokens) or `web_search=10/1000`; what is not named
    /// keeps the price it has.
    #[arg(value_name = "KEY=PRICE[/PER]", required = true)]
    pub rates: Vec<String>,
    /// First instant it applies: RFC 3339 or a day (UTC); may lie in the past, see `price rerate`.
    #[arg(long, value_name = "INSTANT", value_parser = moment)]
    pub from: UnixMicros,
    /// Say what would change, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Where a layer lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LaidAs {
    /// Over the catalog: taken from a public catalog.
    Imported,
    /// Over imports: a price file, or what `price set` wrote.
    Operator,
    /// Over everything: what you negotiated.
    Contract,
}

/// Arguments of `price withdraw`.
#[derive(Debug, Args)]
pub struct PriceWithdrawArgs {
    /// What it is known by, as `price versions` shows it: the catalog's name for an import, `set` for what
    /// `price set` wrote.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Where it lies, if layers of several kinds have that name.
    #[arg(long = "as", value_enum, value_name = "LAYER")]
    pub laid_as: Option<LaidAs>,
    /// Say what would change, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// How to print what changed.
    #[arg(long, short, visible_alias = "format", value_enum, default_value_t)]
    pub output: Output,
}

/// Arguments of `price rerate`.
#[derive(Debug, Args)]
pub struct PriceRerateArgs {
    /// First instant: RFC 3339 or a day (UTC).
    #[arg(long, value_name = "INSTANT", value_parser = moment)]
    pub from: UnixMicros,
    /// Instant to end before: RFC 3339 or a day (UTC).
    #[arg(long, value_name = "INSTANT", value_parser = moment)]
    pub to: UnixMicros,
    /// Requests sent to this model only.
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// Requests sent to this provider only.
    #[arg(long, value_name = "NAME")]
    pub provider: Option<String>,
    /// Requests of this team only.
    #[arg(long, value_name = "SLUG")]
    pub team: Option<Slug>,
    /// Requests whose cost is unknown only.
    #[arg(long)]
    pub unpriced: bool,
    /// Version of the book to price by, as `price versions` shows it [default: the newest].
    #[arg(long, value_name = "VERSION")]
    pub book: Option<String>,
    /// Say what would change, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// How to print what changed.
    #[arg(long, short, visible_alias = "format", value_enum, default_value_t)]
    pub output: Output,
}

/// Arguments of `price what-if`.
#[derive(Debug, Args)]
pub struct PriceWhatIfArgs {
    /// First instant: RFC 3339 or a day (UTC).
    #[arg(long, value_name = "INSTANT", value_parser = moment)]
    pub from: UnixMicros,
    /// Instant to end before: RFC 3339 or a day (UTC).
    #[arg(long, value_name = "INSTANT", value_parser = moment)]
    pub to: UnixMicros,
    /// Traffic of this team only.
    #[arg(long, value_name = "SLUG")]
    pub team: Option<Slug>,
    /// Traffic of this provider only.
    #[arg(long, value_name = "NAME")]
    pub only_provider: Option<String>,
    /// Traffic of this model only.
    #[arg(long, value_name = "NAME")]
    pub only_model: Option<String>,
    /// Model to price it on, `PROVIDER/MODEL` or a model's own name; may be repeated.
    #[arg(long = "model", value_name = "MODEL")]
    pub models: Vec<String>,
    /// Service tier to price it on, such as `flex`.
    #[arg(long, value_name = "TIER")]
    pub tier: Option<String>,
    /// Way of processing to price it as: `batch`.
    #[arg(long, value_name = "NAME")]
    pub processing: Option<String>,
    /// Share of the input to price as read from a cache, per cent.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub cached: Option<u8>,
    /// How to print it.
    #[arg(long, short, visible_alias = "format", value_enum, default_value_t)]
    pub output: Output,
}

/// Arguments of `price unpriced`.
#[derive(Debug, Args)]
pub struct PriceUnpricedArgs {
    /// How to print them.
    #[arg(long, short, visible_alias = "format", value_enum, default_value_t)]
    pub output: Output,
}

/// Arguments of `price versions`.
#[derive(Debug, Args)]
pub struct PriceVersionsArgs {
    /// How many, the newest first.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub limit: u32,
    /// How to print them.
    #[arg(long, short, visible_alias = "format", value_enum, default_value_t)]
    pub output: Output,
}

/// Reads an instant, or a day as its first instant in UTC.
fn moment(text: &str) -> Result<UnixMicros, String> {
    match text.parse::<Date>() {
        Ok(date) if text.len() == "YYYY-MM-DD".len() => date
            .to_zoned(TimeZone::UTC)
            .map(|zoned| zoned.timestamp().into())
            .map_err(|error| error.to_string()),
        _ => instant(text),
    }
}
