//! Invoice drift: what providers report that calls cost against what they come to by the price book.

use askama::Template;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{Html, IntoResponse, Response};
use finops::{CostDrift, DriftVerdict, cost_drift, cost_drift_by_model};
use lake::{ReportedCost, Sheet, SheetColumn, SheetValues};
use units::Usd;

use super::parts::{self, Part, PartLink};
use crate::ConsoleState;
use crate::access::Session;
use crate::amount::{Amount, Difference, Unit};
use crate::error::ConsoleError;
use crate::figures::signed_percent;
use crate::ledger::LedgerError;
use crate::markup::{Count, Money};
use crate::moments::day_title;
use crate::pages::layout::{Layout, Section};
use crate::pages::terms::{Choice, Terms, address};
use crate::pages::{Asked, rendered};
use crate::permission::Permission;
use crate::session::SignedIn;
use crate::sheet;
use crate::span::{Days, Preset};

/// The days shown when none are asked for.
const DEFAULT_RANGE: Preset = Preset::ThirtyDays;
/// Most days of models shown; the file has all.
const ROWS_MAX: usize = 500;

#[derive(Template)]
#[template(path = "drift.html")]
struct DriftPage {
    layout: Layout,
    form: Form,
    days: String,
    models: Vec<DriftRow>,
    by_day: Vec<DriftRow>,
    /// How many days of models there are, shown or not.
    found: Count,
    has_more: bool,
    total: Option<Total>,
    /// Models that differ.
    differing: usize,
    csv: String,
    may_export: bool,
    rows_max: usize,
}

/// The form as it was sent.
struct Form {
    terms: Terms,
}

/// One model, on one day or on all.
struct DriftRow {
    /// As programs read it, and as people do.
    day: (String, String),
    provider: Option<String>,
    model: Option<String>,
    requests: Count,
    reported: Money,
    computed: Money,
    difference: Difference,
    percent: Option<String>,
    verdict: Verdict,
}

/// What a comparison comes to, in words and as a badge.
struct Verdict {
    title: &'static str,
    class: &'static str,
}

/// Everything together.
struct Total {
    reported: Money,
    computed: Money,
    difference: Difference,
    requests: Count,
}

/// Shows the comparison.
pub(crate) async fn show(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Asked(pairs): Asked<Vec<(String, String)>>,
) -> Result<Html<String>, ConsoleError> {
    session.demand(Permission::ReadCosts)?;
    let terms = Terms::read(&pairs);
    let (days, costs) = read(&state, &session, &terms).await?;
    let mut models = cost_drift_by_model(costs.clone());
    // What is furthest off stands first.
    models.sort_by_key(|drift| {
        (std::cmp::Reverse(drift.verdict), std::cmp::Reverse(drift.delta.pico().abs()))
    });
    let total = (!costs.is_empty()).then(|| Total::of(&costs));
    let mut by_day = cost_drift(costs);
    by_day.reverse();
    rendered(&DriftPage {
        layout: Layout::new(&state, &session, Section::Prices, "Invoice drift".to_owned()),
        csv: address("/prices/drift.csv", &terms.pairs()),
        form: Form { terms },
        days: days.title(),
        differing: models.iter().filter(|d| d.verdict == DriftVerdict::Differs).count(),
        models: models.iter().map(DriftRow::of).collect(),
        found: super::count(by_day.len()),
        has_more: by_day.len() > ROWS_MAX,
        by_day: by_day.iter().take(ROWS_MAX).map(DriftRow::of).collect(),
        total,
        may_export: session.may(Permission::Export),
        rows_max: ROWS_MAX,
    })
}

/// The days of models as CSV.
pub(crate) async fn download(
    State(state): State<ConsoleState>,
    SignedIn(session): SignedIn,
    Asked(pairs): Asked<Vec<(String, String)>>,
) -> Result<Response, ConsoleError> {
    session.demand(Permission::Export)?;
    let (_, costs) = read(&state, &session, &Terms::read(&pairs)).await?;
    let failed = |reason: String| ConsoleError::Ledger(LedgerError::Failed(reason));
    let text = sheet::to_csv(&sheet_of(&cost_drift(costs))).map_err(failed)?;
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"invoice-drift.csv\""),
    ];
    Ok((headers, text).into_response())
}

/// The days asked for, and the costs reported in them.
pub(crate) async fn read(
    state: &ConsoleState,
    session: &Session,
    terms: &Terms,
) -> Result<(Days, Vec<ReportedCost>), ConsoleError> {
    let wrong = ConsoleError::Malformed;
    let zone = &state.settings.zone;
    let days = terms.days(zone.date_of(state.now()), DEFAULT_RANGE).map_err(wrong)?;
    let span = terms.span(days, zone).map_err(wrong)?;
    let costs = state.prices()?.reported_costs(span, session.team());
    Ok((days, state.read(costs).await?))
}

/// What a verdict is called by programs.
pub(crate) const fn verdict_word(verdict: DriftVerdict) -> &'static str {
    match verdict {
        DriftVerdict::Agrees => "agrees",
        DriftVerdict::Unpriced => "unpriced",
        DriftVerdict::Differs => "differs",
    }
}

fn usd(amount: Usd) -> Amount {
    Amount { digits: amount.pico(), unit: Unit::Usd }
}

impl DriftRow {
    fn of(drift: &CostDrift) -> Self {
        let cost = &drift.cost;
        Self {
            day: (cost.day.to_string(), format!("{} {}", day_title(cost.day), cost.day.year())),
            provider: cost.provider.clone(),
            model: cost.model.clone(),
            requests: Count(cost.requests),
            reported: Money(cost.reported),
            computed: Money(cost.computed),
            difference: Difference(usd(drift.delta)),
            percent: drift.per_mille().map(signed_percent),
            verdict: Verdict::of(drift.verdict),
        }
    }
}

impl Verdict {
    fn of(verdict: DriftVerdict) -> Self {
        let (title, class) = match verdict {
            DriftVerdict::Agrees => ("Agrees", "within"),
            DriftVerdict::Unpriced => ("No price of ours", "near"),
            DriftVerdict::Differs => ("Differs", "over"),
        };
        Self { title, class }
    }
}

impl Total {
    fn of(costs: &[ReportedCost]) -> Self {
        let reported: Usd = costs.iter().map(|cost| cost.reported).sum();
        let computed: Usd = costs.iter().map(|cost| cost.computed).sum();
        let requests = costs.iter().map(|cost| cost.requests).fold(0, u64::saturating_add);
        Self {
            reported: Money(reported),
            computed: Money(computed),
            difference: Difference(usd(reported - computed)),
            requests: Count(requests),
        }
    }
}

fn sheet_of(drifts: &[CostDrift]) -> Sheet {
    let column = |name: &str, values| SheetColumn { name: name.to_owned(), values };
    let text = |name: &str, value: fn(&CostDrift) -> Option<String>| {
        column(name, SheetValues::Text(drifts.iter().map(value).collect()))
    };
    let money = |name: &str, value: fn(&CostDrift) -> Usd| {
        let digits = drifts.iter().map(|drift| Some(value(drift).pico())).collect();
        column(name, SheetValues::Decimal { digits, scale: 12 })
    };
    let number = |name: &str, value: fn(&CostDrift) -> u64| {
        let counts = drifts.iter().map(|drift| i64::try_from(value(drift)).ok()).collect();
        column(name, SheetValues::Count(counts))
    };
    Sheet {
        columns: vec![
            text("day_utc", |drift| Some(drift.cost.day.to_string())),
            text("provider", |drift| drift.cost.provider.clone()),
            text("model", |drift| drift.cost.model.clone()),
            number("calls", |drift| drift.cost.requests),
            number("calls_without_price", |drift| drift.cost.unpriced),
            money("reported_usd", |drift| drift.cost.reported),
            money("computed_usd", |drift| drift.cost.computed),
            money("difference_usd", |drift| drift.delta),
            text("verdict", |drift| Some(verdict_word(drift.verdict).to_owned())),
        ],
    }
}

impl DriftPage {
    fn ranges(&self) -> Vec<Choice> {
        self.form.terms.ranges(DEFAULT_RANGE)
    }

    fn parts(&self) -> [PartLink; 4] {
        parts::links(Part::Drift)
    }
}
