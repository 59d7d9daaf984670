//! Pricing recorded usage anew against adding it up, in the same run, on the same rows and threads.
//!
//! `cargo bench -p lake --bench rerate -- 10` takes another size, in millions of rows. "Adding up" is one
//! query that sums every quantity and cost a price is made of, by what selects the price; the plain sum
//! of one column is printed beside it.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]
#![allow(clippy::float_arithmetic, reason = "times are divided, never money")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use events::{
    Attribution, Cache, CacheState, Call, Cost, Decision, EventIds, Meter, Meters, ModelNames,
    Outcome, Privacy, Times, UsageEvent, UsageSource,
};
use lake::{
    Amounts, Lake, LakeOptions, LakeRow, PriceBasis, QueryLimits, Reprice, RerateFilter,
    RerateOptions, RerateRow, Rerated, RowPrices, Window,
};
use pricing::{PriceBook, PriceContext, PricePlan, Query};
use units::{RequestId, SystemClock, UnixMicros};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Rows where no size is given, millions.
const MILLIONS: u64 = 1;
/// Rows of one commit.
const COMMIT_ROWS: u64 = 100_000;
/// 2026-10-23T00:00:00Z, the first of [`DAYS`].
const START: UnixMicros = UnixMicros::new(1_792_713_600_000_000);
const DAYS: u64 = 30;
const DAY_US: u64 = 86_400_000_000;
/// Runs of each measurement; the fastest counts.
const RUNS: usize = 3;
/// Most that pricing anew may take, in times of adding up.
const TARGET: f64 = 1.5;

const MODELS: &[(&str, &str)] = &[
    ("openai", "gpt-5.4"),
    ("openai", "gpt-4o"),
    ("openai", "gpt-4o-mini"),
    ("openai", "o3"),
    ("anthropic", "claude-sonnet-4-5"),
    ("anthropic", "claude-opus-4-5"),
    ("anthropic", "claude-haiku-4-5"),
    ("google", "gemini-2.5-pro"),
    ("google", "gemini-2.5-flash"),
    ("deepseek", "deepseek-chat"),
    ("mistral", "mistral-large-latest"),
    ("x-ai", "grok-4"),
];

/// Every figure a price is made of, by what selects the price.
const ADDED_UP: &str = "SELECT provider, model_resolved, service_tier, processing, speed, inference_geo,
    COUNT(*), SUM(duration_us), SUM(cost_list_usd), SUM(cost_contract_usd), SUM(cost_usd),
    SUM(input_text_tokens), SUM(input_audio_tokens), SUM(input_image_tokens), SUM(input_tool_tokens),
    SUM(cache_read_text_tokens), SUM(cache_write_5m_tokens), SUM(cache_write_1h_tokens),
    SUM(output_text_tokens), SUM(output_audio_tokens), SUM(output_image_tokens),
    SUM(reasoning_tokens), SUM(web_search_calls), COUNT(meters_other), MIN(received_at), MAX(revision)
FROM usage
WHERE usage_source <> 'none' AND adjustment IS NULL
GROUP BY 1, 2, 3, 4, 5, 6";

/// A book, and one model whose price is thought to have been wrong.
struct Prices {
    book: PriceBook,
    wrong: Option<&'static str>,
}

impl Prices {
    fn query<'q>(row: &RerateRow<'q>) -> Query<'q> {
        let context = PriceContext {
            service_tier: row.service_tier,
            processing: row.processing,
            speed: row.speed,
            inference_geo: row.inference_geo,
            duration_us: Some(row.duration_us),
            ..PriceContext::default()
        };
        Query {
            provider: row.provider,
            model: row.model,
            at: row.received_at,
            context,
            meters: row.meters,
        }
    }
}

/// The price of rows that are priced alike, and how many times over.
struct Planned<'a>(PricePlan<'a>, bool);

impl RowPrices for Planned<'_> {
    fn holds_at(&self, at: UnixMicros) -> bool {
        self.0.holds_at(at)
    }

    fn amounts(&self, meters: &Meters, duration_us: u64) -> Option<Amounts> {
        let cost = self.0.cost(meters, Some(duration_us))?.cost;
        let billed = if self.1 { cost + cost } else { cost };
        Some(Amounts { list: billed, contract: Some(billed), billed })
    }
}

impl Reprice for Prices {
    fn amounts(&self, row: &RerateRow<'_>) -> Option<Amounts> {
        let priced = self.book.price(&Self::query(row))?;
        let billed =
            if self.wrong == Some(row.model) { priced.cost + priced.cost } else { priced.cost };
        Some(Amounts { list: billed, contract: Some(billed), billed })
    }

    fn plan(&self, like: &RerateRow<'_>) -> Option<Box<dyn RowPrices + '_>> {
        let is_wrong = self.wrong == Some(like.model);
        Some(Box::new(Planned(self.book.plan(&Self::query(like)), is_wrong)))
    }

    fn basis(&self, row: &RerateRow<'_>) -> Option<PriceBasis> {
        let priced = self.book.price(&Self::query(row))?;
        Some(PriceBasis {
            model_priced: priced.model_id.to_owned(),
            price_version: self.book.version().to_owned(),
            rate_set: priced.rate_set.to_string(),
        })
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // `cargo bench NAME` passes a filter to every bench.
    let is_name = |text: &&String| !text.starts_with("--") && text.parse::<u64>().is_err();
    if arguments.iter().find(is_name).is_some_and(|name| !"rerate".contains(name.as_str())) {
        return Ok(());
    }
    let millions = arguments.iter().find_map(|text| text.parse().ok()).unwrap_or(MILLIONS);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure(millions * 1_000_000))
}

async fn measure(rows: u64) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let limits = QueryLimits { timeout: Duration::from_secs(600), ..QueryLimits::default() };
    let options = LakeOptions { limits, ..LakeOptions::new(dir.path()) };
    let lake = Lake::open(options, Arc::new(SystemClock)).await?;
    fill(&lake, rows).await?;
    while !lake.roll_up().await?.is_complete {}
    while lake.compact().await?.files > 0 {}

    let right = || -> Result<Arc<Prices>> {
        Ok(Arc::new(Prices { book: PriceBook::embedded()?, wrong: None }))
    };
    let (mut plain, mut added, mut priced) = (Duration::MAX, Duration::MAX, Duration::MAX);
    for _ in 0..RUNS {
        let started = Instant::now();
        lake.sql("SELECT SUM(cost_usd) FROM usage").await?;
        plain = plain.min(started.elapsed());
        let started = Instant::now();
        lake.sql(ADDED_UP).await?;
        added = added.min(started.elapsed());
        let started = Instant::now();
        let done = rerate(&lake, "same", right()?).await?;
        priced = priced.min(started.elapsed());
        if (done.rows_seen, done.restated) != (rows, 0) {
            return Err(format!("not all rows were priced as before: {done:?}").into());
        }
    }
    let each = |time: Duration| time.as_nanos() as f64 / rows as f64;
    println!(
        "{rows} rows: sum of one column {plain:?}, adding up {added:?}, pricing anew {priced:?}"
    );
    println!("a row: adding up {:.0} ns, pricing anew {:.0} ns", each(added), each(priced));
    let ratio = priced.as_secs_f64() / added.as_secs_f64();
    let word = if ratio <= TARGET { "met" } else { "MISSED" };
    println!("pricing anew over adding up: {ratio:.2} (target at most {TARGET}: {word})");

    let wrong = Arc::new(Prices { book: PriceBook::embedded()?, wrong: Some(MODELS[0].1) });
    let started = Instant::now();
    let done = rerate(&lake, "wrong", wrong).await?;
    let took = started.elapsed();
    let rate = done.restated as f64 / took.as_secs_f64();
    println!(
        "one model of {}: {} rows restated in {} commits, {took:?}, {rate:.0} rows a second",
        MODELS.len(),
        done.restated,
        done.commits,
    );
    Ok(())
}

async fn rerate(lake: &Lake, run: &str, prices: Arc<Prices>) -> Result<Rerated> {
    let options = RerateOptions {
        run: run.to_owned(),
        window: Window { from: UnixMicros::new(0), to: UnixMicros::new(i64::MAX) },
        filter: RerateFilter::default(),
        is_dry_run: false,
    };
    Ok(lake.rerate(options, prices).await?)
}

/// Appends rows that cost what the book says, spread over the days.
async fn fill(lake: &Lake, rows: u64) -> Result<()> {
    let book = PriceBook::embedded()?;
    let models: Vec<(&str, &str)> = MODELS
        .iter()
        .copied()
        .filter(|(provider, model)| book.is_priced(provider, model, START))
        .collect();
    println!("{} of {} models are in the catalog", models.len(), MODELS.len());
    let (node_id, epoch): (Arc<str>, Arc<str>) = ("bench".into(), "history".into());
    let commits = (0..rows).step_by(usize::try_from(COMMIT_ROWS)?);
    let batches = commits.map(|first| {
        let last = rows.min(first + COMMIT_ROWS);
        let row = |seq: u64| LakeRow {
            event: event(&book, &models, seq, rows),
            node_id: Arc::clone(&node_id),
            epoch: Arc::clone(&epoch),
            seq,
        };
        (first..last).map(row).collect::<Vec<LakeRow>>()
    });
    lake.append_history("bench/history", batches).await?;
    Ok(())
}

fn event(book: &PriceBook, models: &[(&str, &str)], n: u64, rows: u64) -> UsageEvent {
    // The steps of splitmix64.
    let mut chance = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    chance = (chance ^ (chance >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    chance ^= chance >> 27;
    let pick = |shift: u32, below: u64| (chance >> shift) % below;
    let (provider, model) = models[usize::try_from(pick(3, models.len() as u64)).unwrap_or(0)];
    let past = u128::from(n) * u128::from(DAYS * DAY_US) / u128::from(rows);
    let at = START.plus_micros(i64::try_from(past).unwrap_or(0));
    let cached = if pick(7, 3) == 0 { pick(9, 4_000) } else { 0 };
    let meters = Meters::NONE
        .with(Meter::InputText, 50 + pick(11, 6_000))
        .with(Meter::CacheReadText, cached)
        .with(Meter::OutputText, 10 + pick(13, 900));
    let duration = 200_000 + pick(15, 9_000_000);
    let context = PriceContext { duration_us: Some(duration), ..PriceContext::default() };
    let query = Query { provider, model, at, context, meters: &meters };
    let priced = book.price(&query);
    let amount = priced.as_ref().map(|priced| priced.cost);
    let named = |kind: &str, of: u64| Some(format!("{kind}-{of}"));
    UsageEvent {
        ids: EventIds {
            request_id: RequestId::from_u128(u128::from(n) + 1),
            attempt: 1,
            revision: 0,
            trace_id: None,
            session_id: None,
            parent_id: None,
        },
        times: Times {
            received_us: at,
            first_byte_us: None,
            ended_us: at.plus_micros(i64::try_from(duration).unwrap_or(0)),
        },
        attribution: Attribution {
            organisation: "acme".to_owned(),
            team: named("team", pick(17, 12)),
            feature: named("feature", pick(19, 30)),
            customer: named("customer", pick(21, 500)),
            user: named("user", pick(23, 5_000)),
            ..Attribution::default()
        },
        decision: Decision { is_final: true, ..Decision::default() },
        model: ModelNames {
            provider: Some(provider.to_owned()),
            asked: model.to_owned(),
            resolved: Some(model.to_owned()),
            answered: Some(model.to_owned()),
            priced: priced.as_ref().map(|priced| priced.model_id.to_owned()),
        },
        call: Call {
            endpoint: "chat".to_owned(),
            dialect_in: None,
            dialect_out: None,
            is_stream: false,
            request_bytes: 4_000,
            response_bytes: 2_000,
        },
        outcome: Outcome { status: Some(200), ..Outcome::default() },
        meters,
        cost: Cost {
            list: amount,
            contract: amount,
            billed: amount,
            price_version: Some(book.version().to_owned()),
            rate_set: priced.as_ref().map(|priced| priced.rate_set.to_string()),
            usage_source: UsageSource::Provider,
            ..Cost::default()
        },
        cache: Cache { state: CacheState::Off, saved: None },
        privacy: Privacy::default(),
        source: "tollgate".to_owned(),
    }
}
