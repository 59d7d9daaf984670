//! Answering a gateway's report.

use std::sync::Arc;

use policy::{AccountReport, Grant, LeaseReply, LeaseReport, PROTOCOL, Verdict};
use units::{UnixMicros, Usd};

use super::decide::Moment;
use super::plan::{Known, Plan};
use super::round::{Ask, Decided, Round};
use super::{Authority, AuthorityError};

impl Authority {
    /// Records what a gateway process reports and grants what it wants as far as the limits allow.
    /// What is granted is durable before this returns.
    ///
    /// An account the authority knows no open window for is refused, with the reason in the log; one
    /// whose base cannot be read from the lake just now is left out of the answer.
    ///
    /// # Errors
    /// When the gateway speaks another protocol, or the books cannot be read or written.
    pub async fn sync(&self, report: &LeaseReport) -> Result<LeaseReply, AuthorityError> {
        if report.protocol != PROTOCOL {
            return Err(AuthorityError::Protocol(report.protocol));
        }
        let now = self.clock.now();
        self.state().holders.hear(report, now);
        let plan = self.plan();
        let mut round = Round::of(report, Moment { now, expires_at: self.expiry(now) });
        let mut grants = Vec::new();
        for account in &report.accounts {
            match self.ask(&plan, account, now) {
                Ok(ask) => round.asks.push(ask),
                Err(problem) => {
                    tracing::warn!(
                        node = report.node,
                        budget = %account.budget,
                        window_start = %account.window_start,
                        problem,
                        "lease refused"
                    );
                    grants.push(refused(account));
                }
            }
        }
        let first = round.clone().run(self.leases.as_ref()).await?;
        grants.extend(first.grants);
        if !first.lacking.is_empty() {
            let second = self.ask_lake(round, first.lacking, &plan, now).await?;
            grants.extend(second.grants);
        }
        Ok(LeaseReply { protocol: PROTOCOL, now, ttl_ms: self.options.ttl_ms, grants })
    }

    /// An account ready to be decided, or why it cannot be.
    fn ask(
        &self,
        plan: &Plan,
        account: &AccountReport,
        now: UnixMicros,
    ) -> Result<Ask, &'static str> {
        let known = plan.budget(account.budget).ok_or("the budget is not configured here")?;
        let start = account.window_start;
        if !plan.accepts(known, start, now, self.options.skew_us_max) {
            return Err("the window is not open now: compare clocks and time zones");
        }
        Ok(Ask {
            account: account.clone(),
            limit: known.budget.limit,
            is_fresh: Plan::is_fresh(known, start),
            first: self.first_sums(&(account.budget, start)),
        })
    }

    /// Decides what needs to know the lake's sums, as far as they can be read.
    async fn ask_lake(
        &self,
        round: Round,
        lacking: Vec<Ask>,
        plan: &Plan,
        now: UnixMicros,
    ) -> Result<Decided, AuthorityError> {
        let mut round = Round { asks: lacking, is_last: true, ..round };
        for ask in &round.asks {
            let key = (ask.account.budget, ask.account.window_start);
            let known: &Arc<Known> = match plan.budget(key.0) {
                Some(known) if !round.sums.contains_key(&key) => known,
                _ => continue,
            };
            match self.sums(known, plan.window(known, key.1)).await {
                Ok(sums) => drop(round.sums.insert(key, sums)),
                Err(error) => {
                    tracing::warn!(budget = %key.0, %error, "spending of a window not summed");
                }
            }
        }
        // Reading took time: what is granted must not run out later for the gateway than for us.
        let moment = Moment { now, expires_at: self.expiry(self.clock.now()) };
        round.moment = moment;
        round.run(self.leases.as_ref()).await
    }
}

/// The answer for an account nothing is known of. Its term is 0, so that a holder that does have a
/// lease keeps it as it is.
fn refused(account: &AccountReport) -> Grant {
    Grant {
        budget: account.budget,
        window_start: account.window_start,
        term: 0,
        granted: Usd::ZERO,
        settled: Usd::ZERO,
        remaining: Usd::ZERO,
        spent: Usd::ZERO,
        nodes: 0,
        verdict: Verdict::Refused,
    }
}
