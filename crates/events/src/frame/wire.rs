//! The layouts frames were ever written in. Binary formats hold no names, only positions: a frame is
//! written in the newest layout and read in each.
//!
//! | number | frame | since |
//! |---|---|---|
//! | 0 | opened | layout 1: a cost ends with its service tier |
//! | 1 | settled | layout 1 |
//! | 2 | opened | layout 2: processing, speed, geography and adjustment of a cost |
//! | 3 | settled | layout 2 |
//! | 4 | beside | layout 2 |
//!
//! What is listed here never changes; a new layout gets numbers of its own.

use serde::ser::SerializeTupleVariant;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use units::Usd;

use super::{Frame, Intent, Settlement};
use crate::{
    Attribution, Cache, Call, Cost, Decision, EventIds, Meters, ModelNames, Outcome, Privacy,
    Times, UsageEvent, UsageSource,
};

/// Name of the enum, for formats that keep names.
const NAME: &str = "Frame";
/// Number of an opened frame in the newest layout.
const OPENED: u32 = 2;
/// Numbers of opened frames, in every layout: for readers that pass over them.
pub const OPENED_LAYOUTS: [u32; 2] = [0, OPENED];
/// Number of a settled frame in the newest layout.
const SETTLED: u32 = 3;
/// Number of a frame beside a settled one in the newest layout.
const BESIDE: u32 = 4;

impl Serialize for Frame {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Frame::Opened(intent) => {
                serializer.serialize_newtype_variant(NAME, OPENED, "Opened", intent)
            }
            Frame::Settled(event, settlements) => {
                pair(serializer, (SETTLED, "Settled"), event, settlements)
            }
            Frame::Beside(event, settlements) => {
                pair(serializer, (BESIDE, "Beside"), event, settlements)
            }
        }
    }
}

fn pair<S: Serializer>(
    serializer: S,
    (number, variant): (u32, &'static str),
    event: &UsageEvent,
    settlements: &[Settlement],
) -> Result<S::Ok, S::Error> {
    let mut frame = serializer.serialize_tuple_variant(NAME, number, variant, 2)?;
    frame.serialize_field(event)?;
    frame.serialize_field(settlements)?;
    frame.end()
}

impl<'de> Deserialize<'de> for Frame {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Layouts::deserialize(deserializer)? {
            Layouts::OpenedV1(intent) => {
                let IntentV1 { event, held } = *intent;
                Frame::Opened(Box::new(Intent { event: event.into(), held }))
            }
            Layouts::SettledV1(event, settlements) => {
                Frame::Settled(Box::new((*event).into()), settlements)
            }
            Layouts::Opened(intent) => Frame::Opened(intent),
            Layouts::Settled(event, settlements) => Frame::Settled(event, settlements),
            Layouts::Beside(event, settlements) => Frame::Beside(event, settlements),
        })
    }
}

/// Every layout, in the order of their numbers.
#[derive(Deserialize)]
enum Layouts {
    OpenedV1(Box<IntentV1>),
    SettledV1(Box<EventV1>, Vec<Settlement>),
    Opened(Box<Intent>),
    Settled(Box<UsageEvent>, Vec<Settlement>),
    Beside(Box<UsageEvent>, Vec<Settlement>),
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(Serialize))]
struct IntentV1 {
    event: EventV1,
    held: Vec<Settlement>,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(Serialize))]
struct EventV1 {
    ids: EventIds,
    times: Times,
    attribution: Attribution,
    decision: Decision,
    model: ModelNames,
    call: Call,
    outcome: Outcome,
    meters: Meters,
    cost: CostV1,
    cache: Cache,
    privacy: Privacy,
    source: String,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(Serialize))]
struct CostV1 {
    list: Option<Usd>,
    contract: Option<Usd>,
    billed: Option<Usd>,
    provider_reported: Option<Usd>,
    price_version: Option<String>,
    rate_set: Option<String>,
    usage_source: UsageSource,
    service_tier: Option<String>,
}

impl From<EventV1> for UsageEvent {
    fn from(old: EventV1) -> Self {
        Self {
            ids: old.ids,
            times: old.times,
            attribution: old.attribution,
            decision: old.decision,
            model: old.model,
            call: old.call,
            outcome: old.outcome,
            meters: old.meters,
            cost: old.cost.into(),
            cache: old.cache,
            privacy: old.privacy,
            source: old.source,
        }
    }
}

impl From<CostV1> for Cost {
    fn from(old: CostV1) -> Self {
        Self {
            list: old.list,
            contract: old.contract,
            billed: old.billed,
            provider_reported: old.provider_reported,
            price_version: old.price_version,
            rate_set: old.rate_set,
            usage_source: old.usage_source,
            service_tier: old.service_tier,
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Adjustment, AdjustmentKind, CacheState, Meter};
    use units::{BudgetId, RequestId, UnixMicros};

    /// The enum as an older build had it.
    #[derive(Serialize)]
    enum FrameV1 {
        Opened(IntentV1),
        Settled(EventV1, Vec<Settlement>),
    }

    fn old_cost() -> CostV1 {
        CostV1 {
            list: Some(Usd::from_pico(7)),
            contract: None,
            billed: Some(Usd::from_pico(6)),
            provider_reported: Some(Usd::from_pico(5)),
            price_version: Some("pb_0123456789abcdef".to_owned()),
            rate_set: Some("0123456789abcdef".to_owned()),
            usage_source: UsageSource::Drained,
            service_tier: Some("flex".to_owned()),
        }
    }

    fn old_event() -> EventV1 {
        EventV1 {
            ids: EventIds {
                request_id: RequestId::from_u128(9),
                attempt: 1,
                revision: 0,
                trace_id: None,
                session_id: Some("s".to_owned()),
                parent_id: None,
            },
            times: Times {
                received_us: UnixMicros::new(1),
                first_byte_us: None,
                ended_us: UnixMicros::new(2),
            },
            attribution: Attribution { organisation: "acme".to_owned(), ..Attribution::default() },
            decision: Decision::default(),
            model: ModelNames::default(),
            call: Call {
                endpoint: "chat".to_owned(),
                dialect_in: None,
                dialect_out: None,
                is_stream: true,
                request_bytes: 3,
                response_bytes: 4,
            },
            outcome: Outcome::default(),
            meters: Meters::NONE.with(Meter::InputText, 11),
            cost: old_cost(),
            cache: Cache { state: CacheState::Miss, saved: None },
            privacy: Privacy::default(),
            source: "tollgate".to_owned(),
        }
    }

    fn settlement() -> Settlement {
        Settlement {
            budget_id: BudgetId::from_u128(1),
            window_start: UnixMicros::new(0),
            amount: Usd::from_pico(6),
        }
    }

    #[test]
    fn frames_of_the_first_layout_read_as_they_were_meant() {
        let expected = UsageEvent::from(old_event());
        assert_eq!(
            (expected.cost.service_tier.as_deref(), &expected.cost.speed),
            (Some("flex"), &None)
        );
        let opened = FrameV1::Opened(IntentV1 { event: old_event(), held: vec![settlement()] });
        let bytes = postcard::to_stdvec(&opened).unwrap();
        let intent = Intent { event: expected.clone(), held: vec![settlement()] };
        assert_eq!(postcard::from_bytes::<Frame>(&bytes).unwrap(), Frame::Opened(Box::new(intent)));
        let settled = FrameV1::Settled(old_event(), vec![settlement(), settlement()]);
        let bytes = postcard::to_stdvec(&settled).unwrap();
        let frame = Frame::Settled(Box::new(expected), vec![settlement(), settlement()]);
        assert_eq!(postcard::from_bytes::<Frame>(&bytes).unwrap(), frame);
        // What is written now is told apart by its first byte.
        assert_eq!(bytes[0], 1);
        assert_eq!(postcard::to_stdvec(&frame).unwrap()[0], 3);
    }

    #[test]
    fn what_a_record_beside_an_attempt_accounts_for_is_not_held_twice() {
        let event = UsageEvent::from(old_event());
        let mut intent = Intent { event, held: vec![settlement()] };
        intent.account(Usd::from_pico(2));
        assert_eq!(intent.held[0].amount, Usd::from_pico(4));
        assert_eq!(intent.event.cost.billed, Some(Usd::from_pico(4)));
        assert_eq!(intent.event.cost.contract, None, "what is unknown stays unknown");
        intent.account(Usd::from_pico(9));
        assert_eq!((intent.held[0].amount, intent.event.cost.list), (Usd::ZERO, Some(Usd::ZERO)));
    }

    #[test]
    fn every_field_of_a_cost_reads_back() {
        let mut event = UsageEvent::from(old_event());
        event.cost.processing = Some("batch".to_owned());
        event.cost.speed = Some("fast".to_owned());
        event.cost.inference_geo = Some("us".to_owned());
        event.cost.adjustment =
            Some(Adjustment { kind: AdjustmentKind::Restatement, adjusts: "n1/e1/7".to_owned() });
        let intent = Intent { event: event.clone(), held: vec![settlement()] };
        for frame in [
            Frame::Opened(Box::new(intent)),
            Frame::Settled(Box::new(event.clone()), vec![settlement()]),
            Frame::Beside(Box::new(event), vec![settlement(), settlement()]),
        ] {
            let bytes = postcard::to_stdvec(&frame).unwrap();
            assert_eq!(postcard::from_bytes::<Frame>(&bytes).unwrap(), frame);
        }
    }
}
