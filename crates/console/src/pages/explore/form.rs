//! The form: what was sent, kept as it was sent, and the question it asks.

use units::{BillingZone, Slug, UnixMicros};

use super::DEFAULT_RANGE;
use crate::explore::{self, By, Condition, Grain, Metric, Span};
use crate::moments::Moments;
use crate::pages::terms::{Choice, FilterField, Pick, Terms};
use crate::span::{Days, span_before};

/// Group-bys of one question.
const GROUPS: usize = 2;
/// How many series can be told apart.
const TOPS: [&str; 4] = ["5", "8", "12", "20"];
/// Series told apart when nothing is asked for: those a chart has a paint for.
const TOP_DEFAULT: &str = "8";
/// Buckets of one question: more are neither drawn nor read.
const BUCKETS_MAX: i32 = 400;
const HOURS_PER_DAY: i32 = 24;

/// The form as it was sent.
pub(super) struct Form {
    pub(super) terms: Terms,
    /// A grain's name; `auto` or nothing for the one that suits the days.
    grain: String,
    metric: String,
    pub(super) by: Vec<Pick>,
    pub(super) is_compared: bool,
    top: String,
}

/// Who asks, when and where.
pub(super) struct AskedOf<'a> {
    pub(super) now: UnixMicros,
    pub(super) zone: &'a BillingZone,
    pub(super) team: Option<&'a Slug>,
}

/// The question a form asks.
pub(super) struct Question {
    pub(super) days: Days,
    /// Links to single buckets ask for exact instants instead of whole days.
    is_exact: bool,
    /// The days to compare with.
    pub(super) before: Option<Days>,
    pub(super) before_span: Option<Span>,
    pub(super) asked: explore::Question,
}

impl Form {
    /// Takes the form out of a query.
    pub(super) fn read(pairs: &[(String, String)]) -> Self {
        let value = |name: &str| {
            let found = pairs.iter().rev().find(|(given, _)| given == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let mut by: Vec<Pick> = Vec::new();
        for (name, value) in pairs {
            if name == "by" && by.len() < GROUPS {
                by.push(Pick { word: value.clone(), tag: String::new() });
            } else if name == "by_tag"
                && let Some(pick) = by.last_mut()
            {
                pick.tag.clone_from(value);
            }
        }
        if by.is_empty() {
            by.push(Pick { word: "team".to_owned(), tag: String::new() });
        }
        by.resize_with(GROUPS, Pick::default);
        Self {
            terms: Terms::read(pairs),
            grain: value("grain"),
            metric: value("metric"),
            by,
            is_compared: !value("compare").is_empty(),
            top: value("top"),
        }
    }

    /// The same as an address carries it.
    pub(super) fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = self.terms.pairs();
        for (name, value) in [("grain", &self.grain), ("metric", &self.metric), ("top", &self.top)]
        {
            if !value.is_empty() {
                pairs.push((name, value.clone()));
            }
        }
        pairs.extend(self.by.iter().map(|pick| ("by", pick.in_address())));
        if self.is_compared {
            pairs.push(("compare", "1".to_owned()));
        }
        pairs
    }

    /// The same, with usage of one value of each group-by only.
    pub(super) fn pairs_within(
        &self,
        groups: &[By],
        key: &[Option<String>],
    ) -> Vec<(&'static str, String)> {
        let mut terms = self.terms.clone();
        let more = groups.iter().zip(key).map(|(by, value)| FilterField::of(by, value.as_deref()));
        terms.filters.extend(more);
        let others = self.pairs().into_iter().skip(self.terms.pairs().len());
        terms.pairs().into_iter().chain(others).collect()
    }

    /// The question, or everything that is wrong with it.
    pub(super) fn question(&self, of: &AskedOf<'_>) -> Result<Question, Vec<String>> {
        let mut problems = Vec::new();
        let today = of.zone.date_of(of.now);
        let days = collected(self.terms.days(today, DEFAULT_RANGE), &mut problems);
        let span = days.and_then(|days| collected(self.terms.span(days, of.zone), &mut problems));
        let metric = collected(self.metric(), &mut problems);
        let grain = days.and_then(|days| collected(self.grain_of(days), &mut problems));
        let conditions = self.terms.conditions().unwrap_or_else(|found| {
            problems.extend(found);
            Vec::new()
        });
        let group_by = self.group_by(&mut problems);
        let top = collected(self.top(), &mut problems);
        let (Some(days), Some(span), Some(metric), Some(grain), Some(top), true) =
            (days, span, metric, grain, top, problems.is_empty())
        else {
            return Err(problems);
        };
        let is_exact = !self.terms.since.is_empty();
        let before = (self.is_compared && !is_exact).then(|| days.before(today));
        let whole_before = before.and_then(|before| before.span(of.zone));
        Ok(Question {
            days,
            is_exact,
            before,
            before_span: whole_before.map(|whole| span_before((span, of.now), whole)),
            asked: explore::Question {
                span,
                team: of.team.cloned(),
                zone: of.zone.clone(),
                grain,
                metric,
                group_by,
                conditions,
                top,
            },
        })
    }

    fn metric(&self) -> Result<Metric, String> {
        if self.metric.is_empty() {
            return Ok(Metric::Cost);
        }
        self.metric.parse().map_err(|error| format!("{error}."))
    }

    fn grain_of(&self, days: Days) -> Result<Grain, String> {
        let grain = match self.grain.as_str() {
            "" | "auto" => return Ok(days.natural_grain()),
            name => name.parse().map_err(|error| format!("{error}."))?,
        };
        let buckets = match grain {
            Grain::Hour => days.count().saturating_mul(HOURS_PER_DAY),
            Grain::Day => days.count(),
            Grain::Total | Grain::Week | Grain::Month => 1,
        };
        if buckets > BUCKETS_MAX {
            let finest = if grain == Grain::Hour { "16 days" } else { "400 days" };
            let (name, most) = (grain.title().to_lowercase(), finest);
            return Err(format!("By the {name} at most {most} are shown: choose a coarser grain."));
        }
        Ok(grain)
    }

    fn group_by(&self, problems: &mut Vec<String>) -> Vec<By> {
        let picked = self.by.iter().filter_map(|pick| collected(pick.by(), problems).flatten());
        let mut groups: Vec<By> = Vec::new();
        for by in picked {
            if !groups.contains(&by) {
                groups.push(by);
            }
        }
        groups
    }

    fn top(&self) -> Result<u32, String> {
        let top = if self.top.is_empty() { TOP_DEFAULT } else { &self.top };
        let offered = TOPS.contains(&top).then(|| top.parse().ok()).flatten();
        offered.ok_or_else(|| "Choose how many series to tell apart: 5, 8, 12 or 20.".to_owned())
    }

    /// The options of the grain.
    pub(super) fn grains(&self) -> Vec<Choice> {
        let chosen = if self.grain.is_empty() { "auto" } else { &self.grain };
        let grains = Grain::ALL.iter().map(|grain| (grain.as_str(), grain.title()));
        Choice::all([("auto", "Automatic")].into_iter().chain(grains), chosen)
    }

    /// The options of the metric.
    pub(super) fn metrics(&self) -> Vec<Choice> {
        let chosen = if self.metric.is_empty() { Metric::Cost.as_str() } else { &self.metric };
        Choice::all(Metric::ALL.iter().map(|metric| (metric.as_str(), metric.title())), chosen)
    }

    /// The options of how many series are told apart.
    pub(super) fn tops(&self) -> Vec<Choice> {
        let chosen = if self.top.is_empty() { TOP_DEFAULT } else { &self.top };
        Choice::all(TOPS.map(|top| (top, top)), chosen)
    }
}

/// The value, or nothing and one more problem.
fn collected<T>(outcome: Result<T, String>, problems: &mut Vec<String>) -> Option<T> {
    outcome.map_err(|problem| problems.push(problem)).ok()
}

impl Question {
    /// `Cost by team and model`.
    pub(super) fn title(&self) -> String {
        let names: Vec<String> =
            self.asked.group_by.iter().map(|by| by.title().to_lowercase()).collect();
        let metric = self.asked.metric.title();
        if names.is_empty() {
            metric.to_owned()
        } else {
            format!("{metric} by {}", names.join(" and "))
        }
    }

    /// The days, or the exact instants.
    pub(super) fn when(&self, moments: &Moments) -> String {
        if !self.is_exact {
            return self.days.title();
        }
        let Span { from, to } = self.asked.span;
        format!("{} to {}", moments.stamp(from).shown, moments.stamp(to).shown)
    }

    /// The question about the span before: everything at once, of some keys or of all.
    pub(super) fn about_before(
        &self,
        span: Span,
        group_by: Vec<By>,
        more: Vec<Condition>,
    ) -> explore::Question {
        let conditions = self.asked.conditions.iter().cloned().chain(more).collect();
        explore::Question {
            span,
            grain: Grain::Total,
            group_by,
            conditions,
            top: KEYS_MAX,
            ..self.asked.clone()
        }
    }
}

/// Series told apart in the span before: as many as the ledger gives.
const KEYS_MAX: u32 = 50;

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(query: &str) -> Result<Question, Vec<String>> {
        let pairs: Vec<(String, String)> =
            url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let now: jiff::Timestamp = "2026-11-22T16:30:00Z".parse().unwrap();
        let of = AskedOf { now: now.into(), zone: &BillingZone::UTC, team: None };
        Form::read(&pairs).question(&of)
    }

    #[test]
    fn nothing_asked_is_this_month_s_cost_by_team() {
        let question = ask("").map_err(|problems| problems.join(" ")).unwrap();
        assert_eq!(question.title(), "Cost by team");
        assert_eq!(question.asked.span.from.to_string(), "2026-11-01T00:00:00Z");
        assert_eq!((question.asked.grain, question.asked.top), (Grain::Day, 8));
        assert!(question.before.is_none());
    }

    #[test]
    fn everything_asked_is_in_the_question() {
        let question = ask("range=last-month&grain=week&metric=cost-per-request&by=tag&by_tag=env\
             &by=model&compare=1&top=20&f=team&op=not&v=search");
        let question = question.map_err(|problems| problems.join(" ")).unwrap();
        assert_eq!(question.title(), "Cost per request by tag env and model");
        assert_eq!(
            question.before.map(|before| before.title()).as_deref(),
            Some("1 Sep 2026 to 30 Sep 2026")
        );
        assert!(question.asked.conditions[0].is_excluded);
        assert_eq!((question.asked.grain, question.asked.top), (Grain::Week, 20));
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let problems = ask("range=x&metric=spend&top=1000&by=nobody&f=team&op=like&v=x");
        assert_eq!(problems.map(|_| ()).unwrap_err().len(), 5);
        let problems = ask("range=90d&grain=hour").map(|_| ()).unwrap_err();
        assert!(problems[0].contains("coarser grain"), "{problems:?}");
    }
}
