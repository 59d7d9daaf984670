//! The totals: one row for each series, what is left, and the whole.

use lake::{Sheet, SheetColumn, SheetValues};

use super::findings::Findings;
use super::form::{Form, Question};
use crate::amount::{Aligned, Amount, Difference, Unit};
use crate::chart::{PAINTS, Swatch};
use crate::explore::{Grain, Metric, Series};
use crate::figures::{counted, percent, signed_percent};
use crate::markup::ShareBar;
use crate::pages::terms::address;

/// The table.
pub(super) struct Totals {
    /// The names of what it is grouped by.
    pub(super) heads: Vec<String>,
    pub(super) metric: &'static str,
    pub(super) unit: &'static str,
    pub(super) is_compared: bool,
    /// Shares of an average mean nothing.
    pub(super) has_shares: bool,
    pub(super) rows: Vec<TotalRow>,
    pub(super) total: TotalRow,
}

/// One row of it.
pub(super) struct TotalRow {
    pub(super) kind: RowKind,
    pub(super) swatch: Option<Swatch>,
    /// A value per group-by; `None` where usage has none.
    pub(super) key: Vec<Option<String>>,
    /// The same question within this row; `None` where there is nothing narrower.
    pub(super) link: Option<String>,
    /// Calls whose cost is unknown, where that matters.
    pub(super) unpriced: Option<String>,
    amount: Option<Amount>,
    pub(super) shown: Option<Aligned>,
    pub(super) share: Option<String>,
    pub(super) bar: Option<ShareBar>,
    before: Option<Amount>,
    pub(super) shown_before: Option<Aligned>,
    pub(super) change: Option<Difference>,
    change_per_mille: Option<i128>,
}

/// What a row stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowKind {
    Series,
    Other,
    Total,
}

impl RowKind {
    /// Its name in files.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            RowKind::Series => "series",
            RowKind::Other => "other",
            RowKind::Total => "total",
        }
    }
}

impl Totals {
    /// The totals of what was found.
    pub(super) fn of(form: &Form, question: &Question, findings: &Findings) -> Self {
        let groups = &question.asked.group_by;
        let metric = question.asked.metric;
        let has_shares = metric != Metric::CostPerRequest;
        let total = Amount::of(findings.answer.total.total);
        let whole = total.filter(|_| has_shares);
        let is_line = has_lines(question);
        let mut rows: Vec<TotalRow> = Vec::new();
        if !groups.is_empty() {
            for (i, series) in findings.answer.series.iter().enumerate() {
                let amounts = (Amount::of(series.total), findings.before(series));
                let mut row = TotalRow::of((RowKind::Series, whole), &series.key, amounts);
                row.swatch = Some(Swatch { paint: i.min(PAINTS), is_line });
                row.link = Some(address("/explore", &form.pairs_within(groups, &series.key)));
                row.told_unpriced(series.unpriced, metric);
                rows.push(row);
            }
            if let Some(other) = &findings.answer.other {
                let amounts = (Amount::of(other.total), findings.others_before());
                let mut row = TotalRow::of((RowKind::Other, whole), &[], amounts);
                row.swatch = Some(Swatch { paint: PAINTS, is_line });
                row.told_unpriced(other.unpriced, metric);
                rows.push(row);
            }
        }
        let amounts = (total, findings.total_before());
        let mut total = TotalRow::of((RowKind::Total, None), &[], amounts);
        total.told_unpriced(findings.answer.total.unpriced, metric);
        let mut totals = Self {
            heads: groups.iter().map(|by| by.title()).collect(),
            metric: metric.title(),
            unit: unit_words(metric),
            is_compared: question.before.is_some(),
            has_shares,
            rows,
            total,
        };
        totals.align();
        totals
    }

    fn align(&mut self) {
        let mut all: Vec<&mut TotalRow> =
            self.rows.iter_mut().chain(std::iter::once(&mut self.total)).collect();
        let now: Vec<Option<Amount>> = all.iter().map(|row| row.amount).collect();
        let before: Vec<Option<Amount>> = all.iter().map(|row| row.before).collect();
        let aligned = Aligned::column(&now).into_iter().zip(Aligned::column(&before));
        for (row, (now, before)) in all.iter_mut().zip(aligned) {
            row.shown = now;
            row.shown_before = before;
        }
    }

    /// The same figures as a sheet: the whole is a row of its own, told by `row_type`.
    pub(super) fn sheet(&self, question: &Question) -> Sheet {
        let rows: Vec<&TotalRow> = self.rows.iter().chain([&self.total]).collect();
        let mut columns = vec![SheetColumn {
            name: "row_type".to_owned(),
            values: texts(rows.iter().map(|row| Some(row.kind.as_str().to_owned()))),
        }];
        for (i, by) in question.asked.group_by.iter().enumerate() {
            let values = texts(rows.iter().map(|row| row.key.get(i).cloned().flatten()));
            columns.push(SheetColumn { name: by.to_string(), values });
        }
        let metric = question.asked.metric;
        let name = column_name(metric);
        columns.push(amounts(name.clone(), metric, rows.iter().map(|row| row.amount)));
        if self.is_compared {
            let before = rows.iter().map(|row| row.before);
            columns.push(amounts(format!("{name}_before"), metric, before));
            let change = rows.iter().map(|row| row.change.map(|change| change.0));
            columns.push(amounts(format!("{name}_change"), metric, change));
            let digits = rows.iter().map(|row| row.change_per_mille).collect();
            let values = SheetValues::Decimal { digits, scale: 1 };
            columns.push(SheetColumn { name: "change_percent".to_owned(), values });
        }
        Sheet { columns }
    }
}

impl TotalRow {
    fn of(
        (kind, whole): (RowKind, Option<Amount>),
        key: &[Option<String>],
        (amount, before): (Option<Amount>, Option<Amount>),
    ) -> Self {
        let share = amount.zip(whole).and_then(|(part, whole)| part.share_per_mille(whole));
        let change = amount.zip(before).map(|(now, before)| Difference(now.less(before)));
        Self {
            kind,
            swatch: None,
            key: key.to_vec(),
            link: None,
            unpriced: None,
            amount,
            shown: None,
            share: share.map(percent),
            bar: share.map(ShareBar),
            before,
            shown_before: None,
            change,
            change_per_mille: amount.zip(before).and_then(|(now, then)| now.change_per_mille(then)),
        }
    }

    /// Tells calls without a price. An amount made of nothing else is unknown, not nothing.
    fn told_unpriced(&mut self, calls: u64, metric: Metric) {
        if calls == 0 || !is_of_prices(metric) {
            return;
        }
        self.unpriced = Some(counted(calls, "call"));
        self.amount = self.amount.filter(|amount| amount.digits != 0);
        self.change = self.change.filter(|_| self.amount.is_some());
        self.change_per_mille = self.change_per_mille.filter(|_| self.amount.is_some());
        if self.amount.is_none() {
            self.share = None;
        }
    }

    /// `+12.3%`, where there was something before.
    pub(super) fn change_percent(&self) -> Option<String> {
        self.change_per_mille.map(signed_percent)
    }

    /// Whether it is all that is not told apart.
    pub(super) fn is_other(&self) -> bool {
        self.kind == RowKind::Other
    }
}

/// Whether the chart draws lines: averages over time must not be stacked.
pub(super) fn has_lines(question: &Question) -> bool {
    question.asked.metric == Metric::CostPerRequest && question.asked.grain != Grain::Total
}

/// Whether a metric is made of prices, and unknown without them.
fn is_of_prices(metric: Metric) -> bool {
    matches!(metric, Metric::Cost | Metric::ListCost | Metric::CostPerRequest)
}

/// The values of a series over time; all `None` where its cost is unknown as a whole, since what has
/// no price is not free.
pub(super) fn points_of(series: &Series, metric: Metric) -> Vec<Option<Amount>> {
    let is_unknown = series.unpriced > 0
        && is_of_prices(metric)
        && Amount::of(series.total).is_none_or(|total| total.digits == 0);
    let points = series.points.iter();
    points.map(|point| Amount::of(*point).filter(|_| !is_unknown)).collect()
}

/// What a series is called in charts.
pub(super) fn series_name(series: &Series, metric: Metric) -> String {
    if series.key.is_empty() {
        return metric.title().to_owned();
    }
    let names: Vec<&str> = series.key.iter().map(|v| v.as_deref().unwrap_or("(none)")).collect();
    names.join(" · ")
}

/// The unit of a metric in words.
pub(super) fn unit_words(metric: Metric) -> &'static str {
    match (Unit::of(metric), metric) {
        (Unit::Usd, _) => "US dollars",
        (Unit::Count, Metric::Requests) => "requests",
        (Unit::Count, _) => "tokens",
    }
}

/// The name of a metric's column: `cost_usd`.
pub(super) fn column_name(metric: Metric) -> String {
    let name = metric.as_str().replace('-', "_");
    match Unit::of(metric) {
        Unit::Usd => format!("{name}_usd"),
        Unit::Count => name,
    }
}

pub(super) fn texts(values: impl Iterator<Item = Option<String>>) -> SheetValues {
    SheetValues::Text(values.collect())
}

pub(super) fn amounts(
    name: String,
    metric: Metric,
    values: impl Iterator<Item = Option<Amount>>,
) -> SheetColumn {
    let digits = values.map(|amount| amount.map(|amount| amount.digits));
    let values = match Unit::of(metric) {
        Unit::Usd => SheetValues::Decimal { digits: digits.collect(), scale: 12 },
        Unit::Count => {
            let count = |digits: i128| i64::try_from(digits).ok();
            SheetValues::Count(digits.map(|digits| digits.and_then(count)).collect())
        }
    };
    SheetColumn { name, values }
}
