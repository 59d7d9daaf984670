//! Makes a frame fit the space its slot set aside: tags go first, then long texts are cut.
//!
//! Quantities, money and settlements are never touched.

use events::{Frame, UsageEvent};

use crate::frame::encode;

/// Most budgets one attempt may be charged to.
pub const SETTLEMENTS_MAX: usize = 64;

/// Tag that marks an event that lost something to fit: `tags` or `texts`.
pub const TRIMMED_TAG: &str = "tollgate.trimmed";

/// Every frame fits this many bytes once trimmed: about thirty texts of [`TEXT_BYTES_MAX`], the
/// meters, and [`SETTLEMENTS_MAX`] settlements of at most 48 bytes.
pub(crate) const FRAME_BYTES_MIN: u32 = 8 << 10;

const TEXT_BYTES_MAX: usize = 64;

/// A frame's bytes, and whether the event was trimmed for them.
#[derive(Debug)]
pub(crate) struct Fitted {
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_trimmed: bool,
}

/// Encodes a frame into at most `limit` bytes; gives the size it comes to if even the trimmed
/// frame is larger.
pub(crate) fn encode_within(frame: &mut Frame, limit: usize) -> Result<Fitted, String> {
    let mut trims: [fn(&mut UsageEvent); 2] = [drop_tags, cut_texts];
    let mut trims = trims.iter_mut();
    let mut is_trimmed = false;
    loop {
        let bytes = encode(frame).map_err(|error| error.to_string())?;
        if bytes.len() <= limit {
            return Ok(Fitted { bytes, is_trimmed });
        }
        let Some(trim) = trims.next() else {
            return Err(format!("{} bytes, at most {limit}", bytes.len()));
        };
        is_trimmed = true;
        match frame {
            Frame::Opened(intent) => trim(&mut intent.event),
            Frame::Settled(event, _) | Frame::Beside(event, _) => trim(event),
        }
    }
}

fn drop_tags(event: &mut UsageEvent) {
    event.attribution.tags.clear();
    event.attribution.tags.insert(TRIMMED_TAG.to_owned(), "tags".to_owned());
}

fn cut_texts(event: &mut UsageEvent) {
    event.attribution.tags.insert(TRIMMED_TAG.to_owned(), "texts".to_owned());
    event.privacy.dropped_params.clear();
    let (who, model) = (&mut event.attribution, &mut event.model);
    let required =
        [&mut who.organisation, &mut model.asked, &mut event.call.endpoint, &mut event.source];
    let optional = [
        &mut event.ids.trace_id,
        &mut event.ids.session_id,
        &mut event.ids.parent_id,
        &mut who.team,
        &mut who.project,
        &mut who.user,
        &mut who.customer,
        &mut who.feature,
        &mut event.decision.route,
        &mut event.decision.strategy,
        &mut event.decision.reason,
        &mut model.provider,
        &mut model.resolved,
        &mut model.answered,
        &mut model.priced,
        &mut event.outcome.upstream_request_id,
        &mut event.cost.price_version,
        &mut event.cost.rate_set,
        &mut event.cost.service_tier,
        &mut event.cost.processing,
        &mut event.cost.speed,
        &mut event.cost.inference_geo,
        &mut event.privacy.prompt_hash,
        &mut event.privacy.template_hash,
    ];
    for text in required.into_iter().chain(optional.into_iter().flatten()) {
        text.truncate(text.floor_char_boundary(TEXT_BYTES_MAX));
    }
}
