//! A batch of rows, as far as their price goes: columns as they lie, a row only where it is asked for.

use arrow::array::{Int64Array, RecordBatch, TimestampMicrosecondArray};
use events::{Meters, UsageSource};
use units::UnixMicros;

use super::RerateRow;
use super::prior::Prior;
use super::read::{self, MeterColumns, Money, Texts};
use crate::LakeError;

/// Columns of texts that select a price.
const KIND: [&str; 6] =
    ["provider", "model_resolved", "service_tier", "processing", "speed", "inference_geo"];

/// The columns of a batch to price.
pub(super) struct PricedRows<'a> {
    received: &'a TimestampMicrosecondArray,
    /// Those of [`KIND`], and of each how far apart its values lie in the number of a kind.
    terms: [Texts<'a>; 6],
    strides: [usize; 6],
    /// How many kinds there may be; `None` when that is no number.
    kinds: Option<usize>,
    meters: MeterColumns<'a>,
    durations: Option<&'a Int64Array>,
    revisions: Option<&'a Int64Array>,
    /// List, contract and billed.
    costs: [Money<'a>; 3],
    /// What must hold of a row to be priced at all.
    conditions: Vec<Condition<'a>>,
    /// Node, epoch and sequence, where they are read.
    place: (Texts<'a>, Texts<'a>, Option<&'a Int64Array>),
}

/// The values of a column that pass.
struct Condition<'a> {
    column: Texts<'a>,
    passes: Vec<bool>,
}

impl<'a> Condition<'a> {
    /// `None` when every value passes.
    fn new(column: Texts<'a>, passes: impl Fn(Option<&str>) -> bool) -> Option<Self> {
        let passes: Vec<bool> =
            (0..column.codes()).map(|code| passes(column.text_of(code))).collect();
        passes.contains(&false).then_some(Self { column, passes })
    }

    fn holds(&self, row: usize) -> bool {
        self.passes.get(self.column.code(row)).copied().unwrap_or(false)
    }
}

impl<'a> PricedRows<'a> {
    pub(super) fn of(
        batch: &'a RecordBatch,
        filters: &[(&'static str, String)],
    ) -> Result<Self, LakeError> {
        let texts = |name: &str| Texts::of(batch, name);
        let terms = KIND.map(texts);
        let (mut strides, mut kinds) = ([0; 6], Some(1_usize));
        for (stride, column) in strides.iter_mut().zip(&terms) {
            *stride = kinds.unwrap_or(0);
            kinds = kinds.and_then(|kinds| kinds.checked_mul(column.codes()));
        }
        // A row that used something, and is no correction itself.
        let is_used =
            |source: Option<&str>| source.is_some_and(|s| s != UsageSource::None.as_str());
        let own = [
            Condition::new(texts("usage_source"), is_used),
            Condition::new(texts("adjustment"), |adjustment| adjustment.is_none()),
        ];
        let asked = filters
            .iter()
            .map(|(name, value)| Condition::new(texts(name), |text| text == Some(value.as_str())));
        Ok(Self {
            received: read::received(batch)?,
            terms,
            strides,
            kinds,
            meters: MeterColumns::of(batch),
            durations: read::integers(batch, "duration_us"),
            revisions: read::integers(batch, "revision"),
            costs: ["cost_list_usd", "cost_contract_usd", "cost_usd"]
                .map(|name| read::money(batch, name)),
            conditions: own.into_iter().chain(asked).flatten().collect(),
            place: (texts("node_id"), texts("epoch"), read::integers(batch, "seq")),
        })
    }

    pub(super) fn received_at(&self, row: usize) -> UnixMicros {
        UnixMicros::new(self.received.value(row))
    }

    /// Whether a row used something, is no correction itself, and passes the filters.
    pub(super) fn is_wanted(&self, row: usize) -> bool {
        self.conditions.iter().all(|condition| condition.holds(row))
    }

    /// The row's key, where there is something to look up.
    pub(super) fn key(&self, row: usize, prior: &Prior) -> Option<String> {
        if prior.is_empty() {
            return None;
        }
        let (node, epoch, seq) = self.place;
        Some(format!("{}/{}/{}", node.get(row)?, epoch.get(row)?, seq?.value(row)))
    }

    /// List, contract and billed cost, 1e-12 USD.
    pub(super) fn costs(&self, row: usize) -> [Option<i128>; 3] {
        self.costs.map(|column| read::amount(column, row))
    }

    pub(super) fn revision(&self, row: usize) -> i64 {
        self.revisions.map_or(0, |column| column.value(row))
    }

    /// Microseconds.
    pub(super) fn duration(&self, row: usize) -> u64 {
        let duration = self.durations.map_or(0, |column| column.value(row));
        u64::try_from(duration).unwrap_or(0)
    }

    pub(super) fn meters(&self, row: usize) -> Result<Meters, LakeError> {
        self.meters.get(row)
    }

    /// How many kinds of rows there may be, if that is a number.
    pub(super) fn kinds(&self) -> Option<usize> {
        self.kinds
    }

    /// The number of a row's kind, below [`PricedRows::kinds`]: rows of the same number differ in
    /// nothing that selects a price but their time and what they used.
    pub(super) fn kind(&self, row: usize) -> usize {
        let codes = self.terms.iter().zip(&self.strides);
        codes.fold(0, |kind, (column, stride)| {
            kind.wrapping_add(column.code(row).wrapping_mul(*stride))
        })
    }

    pub(super) fn row<'m>(
        &'m self,
        row: usize,
        received_at: UnixMicros,
        meters: &'m Meters,
    ) -> RerateRow<'m> {
        let [provider, model, service_tier, processing, speed, inference_geo] =
            self.terms.map(|column| column.get(row));
        RerateRow {
            provider: provider.unwrap_or_default(),
            model: model.unwrap_or_default(),
            received_at,
            service_tier,
            processing,
            speed,
            inference_geo,
            meters,
            duration_us: self.duration(row),
        }
    }
}
