//! The usage event: one row per (request, attempt, billed model, revision).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use units::{KeyId, RequestId, UnixMicros, Usd};

use crate::{AdjustmentKind, CacheState, Dialect, ErrorClass, FinishReason, Meters, UsageSource};

/// What one attempt to answer one request used, cost and came to.
///
/// Attempt 0 means nothing was sent to a provider (a refusal, or an answer from the cache); attempts
/// count from 1. The row with `decision.is_final` tells the outcome of the request as a whole.
/// `node_id`, `epoch` and `seq`, the dedupe key, belong to the spool that holds the event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct UsageEvent {
    /// Which request, attempt and conversation.
    pub ids: EventIds,
    /// When.
    pub times: Times,
    /// Who pays.
    pub attribution: Attribution,
    /// Why it went where it went.
    pub decision: Decision,
    /// Which provider and model.
    pub model: ModelNames,
    /// What was called, and how large it was.
    pub call: Call,
    /// How it ended.
    pub outcome: Outcome,
    /// What was used.
    pub meters: Meters,
    /// What it cost.
    pub cost: Cost,
    /// What the gateway's cache did.
    pub cache: Cache,
    /// Keyed hashes and counts that stand in for content.
    pub privacy: Privacy,
    /// The meter that reported it: `tollgate`, or the name of another gateway.
    pub source: String,
}

impl UsageEvent {
    /// The attempt this is of; records of its further models share it.
    pub const fn attempt(&self) -> (RequestId, u16) {
        (self.ids.request_id, self.ids.attempt)
    }
}

/// Identity of an event and of the conversation around it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventIds {
    /// The request.
    #[schemars(with = "String")]
    pub request_id: RequestId,
    /// 0 when nothing was sent, else 1, 2, … in the order tried.
    pub attempt: u16,
    /// 0 as first recorded; corrections count up.
    pub revision: u16,
    /// The client's trace id.
    pub trace_id: Option<String>,
    /// The client's session or conversation id.
    pub session_id: Option<String>,
    /// The client's parent request or span id.
    pub parent_id: Option<String>,
}

/// Instants, UTC, by the gateway's clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Times {
    /// The request's header had arrived; decides partition, price and budget window.
    #[schemars(with = "i64")]
    pub received_us: UnixMicros,
    /// The first byte that could be forwarded had arrived from the provider.
    #[schemars(with = "Option<i64>")]
    pub first_byte_us: Option<UnixMicros>,
    /// The attempt was over.
    #[schemars(with = "i64")]
    pub ended_us: UnixMicros,
}

/// Who pays and what for. Key policy first, then what the client said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attribution {
    /// Organisation slug. A request that cannot be authenticated has none and is not recorded, only
    /// counted in the metrics.
    pub organisation: String,
    /// Team slug.
    pub team: Option<String>,
    /// Project slug.
    pub project: Option<String>,
    /// The virtual key.
    #[schemars(with = "Option<String>")]
    pub key_id: Option<KeyId>,
    /// End user, as the client names them.
    pub user: Option<String>,
    /// Customer served.
    pub customer: Option<String>,
    /// Product feature.
    pub feature: Option<String>,
    /// Everything else the client attached, at most 32 pairs of 256 bytes.
    pub tags: BTreeMap<String, String>,
}

/// The routing decision.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Decision {
    /// Route (alias) the request matched.
    pub route: Option<String>,
    /// How targets are ordered: `ordered`.
    pub strategy: Option<String>,
    /// Why this target: `first`, or `failover:` and the class of the error before it. `caused:` and a
    /// kind for what an attempt used on another model than the one that answered, as
    /// `caused:advisor_message`.
    pub reason: Option<String>,
    /// This row tells the outcome of the request.
    pub is_final: bool,
    /// Same target tried again.
    pub is_retry: bool,
    /// Sent beside another attempt to win time.
    pub is_hedge: bool,
    /// Paid for an answer the client never received in full.
    pub is_waste: bool,
}

impl Decision {
    /// What the reason of a row begins with that another model than the one that answered was billed
    /// for; the kind of usage follows.
    pub const CAUSED: &str = "caused:";

    /// The kind of usage of a row that another model than the one that answered was billed for, as the
    /// provider names it; `None` for an attempt's own row.
    pub fn caused(&self) -> Option<&str> {
        self.reason.as_deref()?.strip_prefix(Self::CAUSED)
    }
}

/// The provider and the model under its four names.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelNames {
    /// Provider id; `None` for a refusal.
    pub provider: Option<String>,
    /// As the client wrote it.
    pub asked: String,
    /// As sent to the provider.
    pub resolved: Option<String>,
    /// As the provider's answer names it.
    pub answered: Option<String>,
    /// Id in the price book.
    pub priced: Option<String>,
}

/// The call itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Call {
    /// Operation: `chat`.
    pub endpoint: String,
    /// What the client spoke.
    pub dialect_in: Option<Dialect>,
    /// What the provider was spoken to in.
    pub dialect_out: Option<Dialect>,
    /// The client asked for a stream.
    pub is_stream: bool,
    /// Body received from the client, bytes.
    pub request_bytes: u64,
    /// Body sent to the client, bytes.
    pub response_bytes: u64,
}

/// How the attempt ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outcome {
    /// HTTP status: of the answer to the client on the final row, else of the provider's answer;
    /// `None` when there was none.
    pub status: Option<u16>,
    /// What kind of error, `None` for success.
    pub error: Option<ErrorClass>,
    /// Why the model stopped.
    pub finish_reason: Option<FinishReason>,
    /// The provider's own request id.
    pub upstream_request_id: Option<String>,
}

/// Money, USD. `None` is unknown (an unpriced model), never zero.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// At public list prices.
    #[schemars(with = "Option<String>")]
    pub list: Option<Usd>,
    /// At the organisation's negotiated prices.
    #[schemars(with = "Option<String>")]
    pub contract: Option<Usd>,
    /// What budgets and statements count: contract, corrected where the provider says so.
    #[schemars(with = "Option<String>")]
    pub billed: Option<Usd>,
    /// The cost the provider's answer itself names.
    #[schemars(with = "Option<String>")]
    pub provider_reported: Option<Usd>,
    /// Content hash of the price book used.
    pub price_version: Option<String>,
    /// Hash of the resolved rates, a key of the `rate_sets` table.
    pub rate_set: Option<String>,
    /// Where the quantities come from.
    pub usage_source: UsageSource,
    /// Service tier the provider says it served.
    pub service_tier: Option<String>,
    /// How it was processed, as `batch`; `None` is the usual way.
    pub processing: Option<String>,
    /// Speed the provider served it at, as `fast`; `None` is standard.
    pub speed: Option<String>,
    /// Region the provider says it computed in.
    pub inference_geo: Option<String>,
    /// What is corrected, when this is a correction of money and not what was metered.
    pub adjustment: Option<Adjustment>,
}

impl Cost {
    /// Whether this corrects another row's money instead of being of something that was used.
    pub const fn is_correction(&self) -> bool {
        self.adjustment.is_some()
    }

    /// What the rows of a request cost together, corrections included; `None` while the cost of one of
    /// them is unknown.
    pub fn total<'a>(costs: impl IntoIterator<Item = &'a Cost>) -> Option<Usd> {
        let (mut sum, mut unknown) = (Usd::ZERO, 0_i64);
        for cost in costs {
            sum += cost.billed.unwrap_or(Usd::ZERO);
            unknown += match cost.adjustment.as_ref().map(|adjustment| adjustment.kind) {
                Some(AdjustmentKind::Restatement) => -1,
                Some(AdjustmentKind::Retraction) => 1,
                None => i64::from(cost.billed.is_none()),
            };
        }
        (unknown <= 0).then_some(sum)
    }
}

/// Nothing used and nothing known: where every row begins.
impl Default for Cost {
    fn default() -> Self {
        Self {
            list: None,
            contract: None,
            billed: None,
            provider_reported: None,
            price_version: None,
            rate_set: None,
            usage_source: UsageSource::None,
            service_tier: None,
            processing: None,
            speed: None,
            inference_geo: None,
            adjustment: None,
        }
    }
}

/// A correction of what a row cost, made when a price changed after the fact. The row itself stays as
/// it is: a retraction takes its money away again, a restatement gives the money at other prices, and
/// the sum over all rows is right. Neither has a quantity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Adjustment {
    /// Which of the two.
    pub kind: AdjustmentKind,
    /// The row corrected, `node_id/epoch/seq`.
    pub adjusts: String,
}

/// The gateway's own cache.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cache {
    /// What it did.
    pub state: CacheState,
    /// What the answer would have cost.
    #[schemars(with = "Option<String>")]
    pub saved: Option<Usd>,
}

/// Stand-ins for content, which itself is never recorded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Privacy {
    /// Keyed blake3 of the messages, hexadecimal, 32 characters.
    pub prompt_hash: Option<String>,
    /// Keyed blake3 of the system prompt and tools, hexadecimal, 32 characters.
    pub template_hash: Option<String>,
    /// Parameters the provider cannot carry and the route agreed to drop, and `citations` where the answer
    /// told sources that the client's dialect cannot; of an answer of the cache those of the one it repeats.
    pub dropped_params: Vec<String>,
    /// Replacements made by redaction.
    pub redactions: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cost(pico: Option<i128>, kind: Option<AdjustmentKind>) -> Cost {
        let adjustment = kind.map(|kind| Adjustment { kind, adjusts: "n/e/0".to_owned() });
        Cost { billed: pico.map(Usd::from_pico), adjustment, ..Cost::default() }
    }

    #[test]
    fn a_request_costs_what_its_rows_and_their_corrections_come_to() {
        let (back, anew) = (Some(AdjustmentKind::Retraction), Some(AdjustmentKind::Restatement));
        for (rows, expected) in [
            (vec![cost(Some(5), None), cost(Some(2), None)], Some(7)),
            (vec![cost(Some(5), None), cost(None, None)], None),
            (vec![cost(Some(5), None), cost(Some(-5), back), cost(Some(9), anew)], Some(9)),
            (vec![cost(None, None), cost(Some(9), anew)], Some(9)),
            (vec![cost(None, None), cost(None, None), cost(Some(9), anew)], None),
        ] {
            assert_eq!(Cost::total(&rows), expected.map(Usd::from_pico), "{rows:?}");
        }
    }
}
