//! Holding what an attempt may cost before it is sent, on the target it goes to.
//!
//! Where the lease of a budget is too short the request waits for the next round with the authority,
//! at most 50 ms in all; no lock is held meanwhile.

use std::time::Duration;

use dialects::FurtherModel;
use policy::{Admission, Quote, Refusal, Reservation, Spender, Target};
use tokio::time::Instant;
use units::Usd;

use crate::accounting::Accounting;
use crate::call::Call;
use crate::engine::Engine;
use crate::failure::Failure;
use crate::inbound::Work;
use crate::leases::ROUNDS_MAX;
use crate::ledger::Ledger;
use crate::quote::{Ask, most_of_further, quote, quote_searches};
use crate::telemetry;
use crate::upstream::Upstream;

/// What is held for one attempt.
pub(crate) struct Held {
    pub(crate) reservation: Reservation,
    /// The output limit that must be sent for the answer to stay within the hold, where the client's
    /// own does not keep it there.
    pub(crate) output_tokens_max: Option<u64>,
    /// What is left of the tightest budget, as this gateway last knew; `None` without a budget.
    pub(crate) remaining: Option<Usd>,
    /// Most rows of further models there is to be room for.
    pub(crate) beside: u8,
}

impl Engine {
    /// Holds what the attempt may cost.
    pub(crate) async fn reserve(
        &self,
        ledger: &mut Ledger,
        call: &Call,
        (target, upstream): (&Target, &Upstream),
    ) -> Result<Held, Failure> {
        let mut quote = self.quote(ledger, call, (target, upstream));
        let further = dialects::further(upstream.provider.dialect, &call.body);
        let is_native = upstream.provider.dialect == call.dialect;
        if let Some(known) = quote.filter(|_| is_native && !further.models.is_empty()) {
            let of = (known, &further.models[..]);
            quote = Some(self.with_further(ledger, call, (target, upstream), of).await?);
        }
        let reservation = self.hold(ledger, call, target, quote.as_ref()).await?;
        let assumed = quote.map(|quote| quote.output_tokens_max);
        let unlimited = assumed.filter(|_| call.peek.max_output_tokens.is_none());
        let needed = reservation.hold().output_tokens_max.or(unlimited);
        let output_tokens_max = needed.filter(|_| reservation.is_guarded());
        let remaining = reservation.remaining();
        Ok(Held { reservation, output_tokens_max, remaining, beside: further.records })
    }

    /// A quote with what the further models may cost that the request names. Where one of them has no
    /// price, budgets that count known amounts only refuse the request, as for its own model.
    async fn with_further(
        &self,
        ledger: &mut Ledger,
        call: &Call,
        (target, upstream): (&Target, &Upstream),
        (quote, further): (Quote, &[FurtherModel]),
    ) -> Result<Quote, Failure> {
        let ask = ask(ledger, call, (target, upstream));
        let most = most_of_further(&call.in_force.prices, further, quote.output_tokens_max, &ask);
        if most.is_none() {
            self.hold(ledger, call, target, None).await?.release();
        }
        Ok(Quote { fixed: quote.fixed + most.unwrap_or(Usd::ZERO), ..quote })
    }

    /// Holds what a quote says in every budget that covers the request; without a quote the model has
    /// no price.
    pub(crate) async fn hold(
        &self,
        ledger: &mut Ledger,
        call: &Call,
        target: &Target,
        quote: Option<&Quote>,
    ) -> Result<Reservation, Failure> {
        let key = &call.who.key;
        let spender = Spender {
            team: &key.team,
            project: key.project.as_ref(),
            key: key.id,
            user: call.who.user.as_deref(),
            customer: call.who.customer.as_deref(),
            model: &target.model,
        };
        let admission = Admission { spender, at: ledger.received, quote };
        let Accounting { treasury, clock, .. } = &*self.accounting;
        let admitted = match treasury.admit(&admission, clock.now()) {
            Err(Refusal::Short) => self.wait_for_lease(ledger, call, &admission).await,
            admitted => admitted,
        };
        let denied_status = self.options.budget_denied_status;
        let reservation = admitted.map_err(|refusal| Failure::refused(&refusal, denied_status))?;
        if treasury.runs_low() {
            self.leases.hurry();
        }
        Ok(reservation)
    }

    fn quote(
        &self,
        ledger: &Ledger,
        call: &Call,
        (target, upstream): (&Target, &Upstream),
    ) -> Option<Quote> {
        let ask = ask(ledger, call, (target, upstream));
        match call.work {
            Work::Rerank { searches } => quote_searches(&call.in_force.prices, searches, &ask),
            Work::Chat | Work::Completions | Work::Embeddings { .. } => {
                quote(&call.in_force.prices, &self.accounting.outputs, &ask)
            }
        }
    }

    /// Asks for a longer lease and tries again; without an answer in time each budget decides what
    /// may be spent alone.
    async fn wait_for_lease(
        &self,
        ledger: &mut Ledger,
        call: &Call,
        admission: &Admission<'_>,
    ) -> Result<Reservation, Refusal> {
        let began = Instant::now();
        let waited = Duration::from_micros(u64::try_from(ledger.lease_us).unwrap_or_default());
        let deadline = call.at_most(began + self.leases.wait_max().saturating_sub(waited));
        let Accounting { treasury, clock, .. } = &*self.accounting;
        let mut admitted = Err(Refusal::Short);
        for _ in 0..ROUNDS_MAX {
            if !self.leases.ask_until(deadline).await {
                break;
            }
            admitted = treasury.admit(admission, clock.now());
            if !matches!(admitted, Err(Refusal::Short)) {
                break;
            }
        }
        let wait = began.elapsed();
        ledger.lease_us += i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
        let is_short = matches!(admitted, Err(Refusal::Short));
        telemetry::waited_for_lease(wait, if is_short { "alone" } else { "answered" });
        if is_short { treasury.admit_alone(admission, clock.now()) } else { admitted }
    }
}

/// What is asked of one target.
fn ask<'a>(
    ledger: &Ledger,
    call: &'a Call,
    (target, upstream): (&'a Target, &'a Upstream),
) -> Ask<'a> {
    Ask {
        prices: &upstream.provider.prices,
        model: &target.model,
        at: ledger.received,
        input_tokens_max: call.input_tokens_max,
        output_tokens_max: call.peek.max_output_tokens,
        choices: u64::from(call.peek.choices.max(1)),
        kind: (call.who.key.id, call.plan.route.name.as_str()),
    }
}
