//! The simulated providers, and what they bill at the prices the product is built with.

use std::ops::RangeInclusive;
use std::sync::LazyLock;

use events::{Meter, Meters};
use pricing::{PriceBook, PriceContext, Query};
use simulator::{BilledRequest, Quantities, Simulator, SimulatorOptions};
use tokio::runtime::{Builder, Runtime};
use units::{Clock, SystemClock, Usd};

/// Runs simulators and clients; the product runs in processes of its own.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap());

static PRICES: LazyLock<PriceBook> = LazyLock::new(|| PriceBook::embedded().unwrap());

/// Runs a client's side of a story to its end.
pub(crate) fn run<T>(story: impl Future<Output = T>) -> T {
    RUNTIME.block_on(story)
}

/// Starts providers whose answers have so many words.
pub(crate) fn start(answer_words: RangeInclusive<u64>) -> Simulator {
    let options = SimulatorOptions { answer_words, ..SimulatorOptions::default() };
    run(Simulator::start(options)).unwrap()
}

/// What one model's quantities cost at list prices; `None` when the model has no price.
pub(crate) fn cost(model: &str, used: &Quantities) -> Option<Usd> {
    cost_in(PriceContext::NONE, model, used)
}

/// The same of what was served in some other way than usual.
pub(crate) fn cost_in(context: PriceContext<'_>, model: &str, used: &Quantities) -> Option<Usd> {
    let meters = Meters::NONE
        .with(Meter::InputText, used.input_tokens)
        .with(Meter::CacheReadText, used.cache_read_tokens)
        .with(Meter::CacheWrite5m, used.cache_write_tokens - used.cache_write_1h_tokens)
        .with(Meter::CacheWrite1h, used.cache_write_1h_tokens)
        .with(Meter::OutputText, used.output_tokens - used.reasoning_tokens)
        .with(Meter::Reasoning, used.reasoning_tokens);
    price_in(context, model, &meters)
}

/// What quantities of one model cost at list prices; `None` when they have no price.
pub(crate) fn price(model: &str, meters: &Meters) -> Option<Usd> {
    price_in(PriceContext::NONE, model, meters)
}

fn price_in(context: PriceContext<'_>, model: &str, meters: &Meters) -> Option<Usd> {
    let catalogs = [
        ("claude", "anthropic"),
        ("gemini", "google"),
        ("command", "cohere"),
        ("us.anthropic", "aws"),
    ];
    let named = catalogs.into_iter().find(|(prefix, _)| model.starts_with(prefix));
    let provider = named.map_or("openai", |(_, provider)| provider);
    let at = SystemClock.now();
    let query = Query { provider, model, at, context, meters };
    PRICES.price(&query).map(|priced| priced.cost)
}

/// What a whole bill comes to, request by request as the product rounds it.
pub(crate) fn total(requests: &[BilledRequest]) -> Usd {
    requests.iter().map(|request| cost(&request.model, &request.quantities).unwrap()).sum()
}
