//! Every attempt of one request, with everything the table knows of it, corrections of its cost included.

use events::{
    Adjustment, Attribution, Cache, CacheState, Call, Cost, Decision, EventIds, Meter, Meters,
    ModelNames, Outcome, Privacy, Times, UsageEvent, UsageSource,
};
use jiff::civil::Date;
use units::{BillingZone, KeyId, RequestId, UnixMicros};

use crate::rows::Rows;
use crate::window::{DAY_US, Lens, Window, text};
use crate::{Lake, LakeError, columns, named};

/// Days looked in on either side of the day a request is thought to have arrived on.
const MARGIN_DAYS: i64 = 1;
/// The version of ids that begin with their time.
const TIMED_VERSION: u128 = 7;

/// One attempt as recorded, and where it was.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestAttempt {
    /// What happened.
    pub event: UsageEvent,
    /// The gateway node that recorded it.
    pub node_id: String,
    /// The process start of that node.
    pub epoch: String,
    /// Position in the spool of that epoch, from 0.
    pub seq: u64,
    /// When the row was encoded for the table, by the committer's clock.
    pub ingested_at: UnixMicros,
}

impl Lake {
    /// Every row of one request, in the order the attempts were made; empty when there is no such
    /// request. Whether a reader may see it is for the caller to decide, by its attribution.
    ///
    /// `hint` is the UTC day it arrived on. Ids begin with their time, which serves where there is no
    /// hint; other ids are looked for everywhere.
    ///
    /// # Errors
    /// When the query fails or takes too long, or a newer version wrote names this one does not know.
    pub async fn request(
        &self,
        id: RequestId,
        hint: Option<Date>,
    ) -> Result<Vec<RequestAttempt>, LakeError> {
        let day = hint.and_then(|date| BillingZone::UTC.start_of(date)).or_else(|| made_at(id));
        let window =
            day.map_or(Window { from: UnixMicros::new(0), to: UnixMicros::new(i64::MAX) }, |day| {
                Window {
                    from: day.plus_micros(-MARGIN_DAYS * DAY_US),
                    to: day.plus_micros((MARGIN_DAYS + 1) * DAY_US),
                }
            });
        let mut params = Lens::everything(window).params();
        params.push(("request_id", text(&id.to_string())));
        self.ask(named::REQUEST_ATTEMPTS, params).await?.map(read)
    }
}

/// The midnight before an id was made, where the id tells.
fn made_at(id: RequestId) -> Option<UnixMicros> {
    let bits = id.as_u128();
    let is_timed = bits >> 76 & 0xf == TIMED_VERSION;
    let ms = i64::try_from(bits >> 80).ok()?;
    let day = ms.saturating_mul(1_000).div_euclid(DAY_US).saturating_mul(DAY_US);
    is_timed.then_some(UnixMicros::new(day))
}

fn read(rows: &Rows, row: usize) -> Result<RequestAttempt, LakeError> {
    Ok(RequestAttempt {
        event: UsageEvent {
            ids: ids(rows, row)?,
            times: Times {
                received_us: rows.instant(row, "received_at")?.unwrap_or_default(),
                first_byte_us: rows.instant(row, "first_byte_at")?,
                ended_us: rows.instant(row, "ended_at")?.unwrap_or_default(),
            },
            attribution: attribution(rows, row)?,
            decision: decision(rows, row)?,
            model: ModelNames {
                provider: rows.text(row, "provider")?,
                asked: rows.name(row, "model_asked")?,
                resolved: rows.text(row, "model_resolved")?,
                answered: rows.text(row, "model_answered")?,
                priced: rows.text(row, "model_priced")?,
            },
            call: Call {
                endpoint: rows.name(row, "endpoint")?,
                dialect_in: rows.parsed(row, "dialect_in")?,
                dialect_out: rows.parsed(row, "dialect_out")?,
                is_stream: rows.flag(row, "is_stream")?,
                request_bytes: rows.count(row, "request_bytes")?,
                response_bytes: rows.count(row, "response_bytes")?,
            },
            outcome: Outcome {
                status: small(rows, row, "status")?,
                error: rows.parsed(row, "error_class")?,
                finish_reason: rows.parsed(row, "finish_reason")?,
                upstream_request_id: rows.text(row, "upstream_request_id")?,
            },
            meters: meters(rows, row)?,
            cost: cost(rows, row)?,
            cache: Cache {
                state: rows.parsed(row, "cache_state")?.unwrap_or(CacheState::Off),
                saved: rows.money(row, "cache_saved_usd")?,
            },
            privacy: privacy(rows, row)?,
            source: rows.name(row, "source")?,
        },
        node_id: rows.name(row, "node_id")?,
        epoch: rows.name(row, "epoch")?,
        seq: rows.count(row, "seq")?,
        ingested_at: rows.instant(row, "ingested_at")?.unwrap_or_default(),
    })
}

fn ids(rows: &Rows, row: usize) -> Result<EventIds, LakeError> {
    let request_id: Option<RequestId> = rows.parsed(row, "request_id")?;
    Ok(EventIds {
        request_id: request_id.ok_or_else(|| LakeError::columnar("a row has no request id"))?,
        attempt: small(rows, row, "attempt")?.unwrap_or_default(),
        revision: small(rows, row, "revision")?.unwrap_or_default(),
        trace_id: rows.text(row, "trace_id")?,
        session_id: rows.text(row, "session_id")?,
        parent_id: rows.text(row, "parent_id")?,
    })
}

fn attribution(rows: &Rows, row: usize) -> Result<Attribution, LakeError> {
    Ok(Attribution {
        organisation: rows.name(row, "organisation")?,
        team: rows.text(row, "team")?,
        project: rows.text(row, "project")?,
        key_id: rows.parsed::<KeyId>(row, "key_id")?,
        user: rows.text(row, "user_id")?,
        customer: rows.text(row, "customer")?,
        feature: rows.text(row, "feature")?,
        tags: rows.texts(row, "tags")?,
    })
}

fn decision(rows: &Rows, row: usize) -> Result<Decision, LakeError> {
    Ok(Decision {
        route: rows.text(row, "route")?,
        strategy: rows.text(row, "strategy")?,
        reason: rows.text(row, "reason")?,
        is_final: rows.flag(row, "is_final")?,
        is_retry: rows.flag(row, "is_retry")?,
        is_hedge: rows.flag(row, "is_hedge")?,
        is_waste: rows.flag(row, "is_waste")?,
    })
}

fn meters(rows: &Rows, row: usize) -> Result<Meters, LakeError> {
    let mut meters = Meters::NONE;
    for (column, meter) in columns::METERS {
        meters.set(*meter, rows.count(row, column)?);
    }
    for (name, quantity) in rows.counts(row, "meters_other")? {
        let meter: Meter = name.parse().map_err(LakeError::columnar)?;
        meters.add(meter, quantity);
    }
    Ok(meters)
}

fn cost(rows: &Rows, row: usize) -> Result<Cost, LakeError> {
    Ok(Cost {
        list: rows.money(row, "cost_list_usd")?,
        contract: rows.money(row, "cost_contract_usd")?,
        billed: rows.money(row, "cost_usd")?,
        provider_reported: rows.money(row, "cost_reported_usd")?,
        price_version: rows.text(row, "price_version")?,
        rate_set: rows.text(row, "rate_set")?,
        usage_source: rows.parsed(row, "usage_source")?.unwrap_or(UsageSource::None),
        service_tier: rows.text(row, "service_tier")?,
        processing: rows.text(row, "processing")?,
        speed: rows.text(row, "speed")?,
        inference_geo: rows.text(row, "inference_geo")?,
        adjustment: match (rows.parsed(row, "adjustment")?, rows.text(row, "adjusts")?) {
            (Some(kind), Some(adjusts)) => Some(Adjustment { kind, adjusts }),
            _ => None,
        },
    })
}

fn privacy(rows: &Rows, row: usize) -> Result<Privacy, LakeError> {
    let dropped = rows.text(row, "dropped_params")?.unwrap_or_default();
    Ok(Privacy {
        prompt_hash: rows.text(row, "prompt_hash")?,
        template_hash: rows.text(row, "template_hash")?,
        dropped_params: dropped.split_terminator(',').map(str::to_owned).collect(),
        redactions: u32::try_from(rows.count(row, "redactions")?).unwrap_or(u32::MAX),
    })
}

/// A number of 16 bits, `None` for NULL.
fn small(rows: &Rows, row: usize, name: &str) -> Result<Option<u16>, LakeError> {
    let number = rows.integer(row, name)?;
    Ok(number.map(|number| u16::try_from(number).unwrap_or(u16::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_tells_its_day_only_where_it_begins_with_its_time() {
        let before = UnixMicros::new(1_795_350_896_000_000);
        let id: RequestId =
            "req_01a20481-8580-7000-8000-000000000000".replace('-', "").parse().unwrap();
        assert!(made_at(id).is_some());
        assert_eq!(made_at(RequestId::from_u128(1)), None);
        let timed = u128::from(before.get().unsigned_abs() / 1_000) << 80 | 7 << 76;
        let midnight = made_at(RequestId::from_u128(timed)).unwrap();
        assert!((0..DAY_US).contains(&before.micros_since(midnight)));
    }
}
