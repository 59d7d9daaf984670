//! What an attempt may cost at most: the quote a reservation is taken for.

use dialects::FurtherModel;
use events::{Meter, Meters};
use memchr::memmem;
use policy::{OutputHistory, Quote};
use pricing::{ModelLimits, PriceBook, PriceContext, Query};
use units::{KeyId, UnixMicros, Usd};

/// Output assumed possible where neither the client nor the catalog names a limit. Lower than any
/// current model's own limit, so that sending it upstream is accepted.
const OUTPUT_TOKENS_UNKNOWN: u64 = 16_384;
/// Tokens reserved for each inlined image.
const TOKENS_PER_IMAGE: u64 = 3_000;
/// Tokens reserved for what a provider adds to a prompt.
const TOKENS_ADDED: u64 = 64;

/// What is asked of one target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// Provider id in the price book.
    pub(crate) prices: &'a str,
    /// Model at the provider.
    pub(crate) model: &'a str,
    /// Request start.
    pub(crate) at: UnixMicros,
    /// Upper bound of the input, tokens.
    pub(crate) input_tokens_max: u64,
    /// The client's own output limit.
    pub(crate) output_tokens_max: Option<u64>,
    /// Answers asked for.
    pub(crate) choices: u64,
    /// Whose history tells how long answers are.
    pub(crate) kind: (KeyId, &'a str),
}

/// The quote for one target; `None` when its model has no price.
pub(crate) fn quote(prices: &PriceBook, outputs: &OutputHistory, ask: &Ask<'_>) -> Option<Quote> {
    let input = Meters::NONE.with(Meter::InputText, ask.input_tokens_max);
    let tariff = prices.tariff(ask.prices, ask.model, ask.at)?;
    let cost = |meters: &Meters| Some(tariff.price(PriceContext::NONE, meters)?.cost);
    let fixed = cost(&input)?;
    let with_output = cost(&input.with(Meter::OutputText, 1_000_000))?;
    let ceiling = ceiling(tariff.limits());
    let usual = outputs.usual((ask.kind, ask.model));
    Some(Quote {
        fixed,
        output_per_million: Usd::from_pico((with_output - fixed).pico()).times(ask.choices),
        output_tokens_max: ask.output_tokens_max.unwrap_or(ceiling),
        output_tokens_usual: usual,
    })
}

/// Most tokens a model can be made to say.
fn ceiling(limits: ModelLimits) -> u64 {
    let of_context = limits.context_tokens.map_or(u64::MAX, |tokens| tokens / 2);
    limits.output_tokens.unwrap_or(OUTPUT_TOKENS_UNKNOWN.min(of_context))
}

/// The most that the further models a request names may cost beside an answer of at most
/// `output_tokens_max`; `None` when one of them has no price. Where nothing limits how often one is
/// asked, once is taken.
pub(crate) fn most_of_further(
    prices: &PriceBook,
    further: &[FurtherModel],
    output_tokens_max: u64,
    ask: &Ask<'_>,
) -> Option<Usd> {
    let most = |asked: &FurtherModel| {
        let uses = asked.uses_max.unwrap_or(1);
        let said = asked.output_tokens_max;
        let said = said.unwrap_or_else(|| ceiling(prices.limits(ask.prices, &asked.model)));
        // It reads the conversation, what the answer says, and what it has said before itself.
        let read = said.saturating_mul(uses.saturating_sub(1));
        let read = read.saturating_add(ask.input_tokens_max).saturating_add(output_tokens_max);
        let cost = |meter: Meter| {
            let meters = Meters::NONE.with(meter, read).with(Meter::OutputText, said);
            let (provider, model, at) = (ask.prices, asked.model.as_str(), ask.at);
            let query = Query { provider, model, at, context: PriceContext::NONE, meters: &meters };
            prices.price(&query).map(|priced| priced.cost)
        };
        let written = asked.writes_cache.then(|| cost(Meter::CacheWrite1h)).flatten();
        Some(cost(Meter::InputText)?.max(written.unwrap_or(Usd::ZERO)).times(uses))
    };
    further.iter().map(most).try_fold(Usd::ZERO, |sum, most| Some(sum + most?))
}

/// The quote for ranking texts, billed by the search or by the token; `None` when its model has no
/// price for either.
pub(crate) fn quote_searches(prices: &PriceBook, searches: u64, ask: &Ask<'_>) -> Option<Quote> {
    let Ask { prices: provider, model, at, .. } = *ask;
    let cost = |meters: &Meters| {
        let query = Query { provider, model, at, context: PriceContext::NONE, meters };
        let priced = prices.price(&query)?;
        let is_whole = priced.unpriced().next().is_none();
        is_whole.then_some(priced.cost)
    };
    let by_search = cost(&Meters::NONE.with(Meter::RerankSearch, searches));
    let by_token = cost(&Meters::NONE.with(Meter::InputText, ask.input_tokens_max));
    // Of a model that has both prices the dearer bill is held.
    let fixed = by_search.max(by_token)?;
    let output_per_million = Usd::ZERO;
    Some(Quote { fixed, output_per_million, output_tokens_max: 0, output_tokens_usual: 0 })
}

/// An upper bound of the tokens of a request's body: half a token a byte (text in any script stays
/// below that but for the rarest), with inlined base64 data counted as images instead of text.
pub(crate) fn input_tokens_max(body: &[u8]) -> u64 {
    const INLINED: &[u8] = b";base64,";
    let (mut text, mut images, mut rest) = (0, 0, body);
    while let Some(start) = memmem::find(rest, INLINED) {
        let data = start + INLINED.len();
        let length = memchr::memchr(b'"', &rest[data..]).unwrap_or(rest.len() - data);
        text += data as u64;
        images += 1;
        rest = &rest[data + length..];
    }
    (text + rest.len() as u64) / 2 + images * TOKENS_PER_IMAGE + TOKENS_ADDED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inlined_images_are_not_counted_as_text() {
        let image = format!(r#"{{"url":"data:image/png;base64,{}"}}"#, "A".repeat(1_000_000));
        let tokens = input_tokens_max(image.as_bytes());
        assert!((TOKENS_PER_IMAGE..TOKENS_PER_IMAGE + 200).contains(&tokens), "{tokens}");
        assert_eq!(input_tokens_max(&[b'x'; 1_000]), 500 + TOKENS_ADDED);
        assert_eq!(input_tokens_max(b"x;base64,"), 4 + TOKENS_PER_IMAGE + TOKENS_ADDED);
    }
}
