//! What a request that is passed on holds of the budgets that cover it.
//!
//! Its body is not ours to change, so nothing can be lowered to what is left: it holds all it may
//! cost, or is refused. Where its model's price and its own words bound that, it holds the bound; else
//! a stated amount, so that a hard budget is never passed by more than such calls in flight.

use dialects::{OpenaiOperation, further};
use events::Meters;
use policy::{Quote, Reservation, Target};
use pricing::{PriceContext, Query};
use units::Usd;

use super::{Passing, unbounded};
use crate::engine::Engine;
use crate::failure::Failure;
use crate::ledger::{Ledger, Metering};
use crate::quote::{Ask, most_of_further, quote};
use crate::upstream::Upstream;

/// Held for each answer asked for of which nothing bounds the cost beforehand, USD. Above what one
/// picture, minute of speech or page costs with any model of the catalog.
const UNKNOWN_USD: i64 = 1;

/// What an attempt is quoted.
struct Offer {
    quote: Quote,
    metering: Metering,
    /// Whether the model has any price.
    is_priced: bool,
}

impl Engine {
    /// Holds what one attempt may cost, and says how it will be known what it did cost.
    pub(super) async fn hold_passing(
        &self,
        ledger: &mut Ledger,
        passing: &Passing,
        (target, upstream): (&Target, &Upstream),
    ) -> Result<(Reservation, Metering), Failure> {
        if passing.makes_batch() {
            // Nothing bounds what it will have cost when its results are downloaded.
            let allowed = self.hold(ledger, &passing.call, target, None).await;
            allowed.map_err(unbounded)?.release();
        }
        let Offer { quote, metering, is_priced } = self.offer(ledger, passing, (target, upstream));
        if !is_priced {
            // Budgets that count known amounts only refuse what has no price; the others let it hold
            // the stated amount.
            self.hold(ledger, &passing.call, target, None).await?.release();
        }
        let reservation = self.hold(ledger, &passing.call, target, Some(&quote)).await?;
        Ok((reservation, metering))
    }

    fn offer(
        &self,
        ledger: &Ledger,
        passing: &Passing,
        (target, upstream): (&Target, &Upstream),
    ) -> Offer {
        if passing.stored.is_some() {
            return Offer { quote: fixed(Usd::ZERO), metering: Metering::Free, is_priced: true };
        }
        if passing.only_looks() {
            return Offer { quote: fixed(Usd::ZERO), metering: Metering::Looked, is_priced: true };
        }
        let prices = &passing.in_force().prices;
        let query = |meters| Query {
            provider: &upstream.provider.prices,
            model: &target.model,
            at: ledger.received,
            context: PriceContext::NONE,
            meters,
        };
        let known = prices.price(&query(&passing.expected));
        let is_whole = known.as_ref().is_some_and(|priced| priced.unpriced().next().is_none());
        if let Some(priced) = known.filter(|_| is_whole && !passing.expected.is_empty()) {
            return Offer { quote: fixed(priced.cost), metering: Metering::Told, is_priced: true };
        }
        let choices = u64::from(passing.call.peek.choices.max(1));
        let is_chat = passing.operation.is_none() && passing.content_type.contains("json");
        let ask = Ask {
            prices: &upstream.provider.prices,
            model: &target.model,
            at: ledger.received,
            input_tokens_max: passing.call.input_tokens_max,
            output_tokens_max: passing.call.peek.max_output_tokens,
            choices,
            kind: (passing.call.who.key.id, passing.call.plan.route.name.as_str()),
        };
        if let Some(of_tokens) = quote(prices, &self.accounting.outputs, &ask).filter(|_| is_chat) {
            let answer = of_tokens.cost(of_tokens.output_tokens_max);
            let named = further(upstream.provider.dialect, &passing.call.body).models;
            let beside = most_of_further(prices, &named, of_tokens.output_tokens_max, &ask);
            let whole = fixed(answer + beside.unwrap_or(Usd::ZERO));
            let is_priced = beside.is_some();
            return Offer { quote: whole, metering: Metering::Told, is_priced };
        }
        let is_free = passing.operation == Some(OpenaiOperation::Moderations);
        Offer {
            quote: fixed(Usd::from_dollars(UNKNOWN_USD).times(choices)),
            metering: Metering::Blind,
            is_priced: is_free || prices.price(&query(&Meters::NONE)).is_some(),
        }
    }
}

/// A quote of which no part can be lowered.
const fn fixed(amount: Usd) -> Quote {
    Quote {
        fixed: amount,
        output_per_million: Usd::ZERO,
        output_tokens_max: 0,
        output_tokens_usual: 0,
    }
}
