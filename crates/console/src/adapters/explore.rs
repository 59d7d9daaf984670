//! Explore over the usage table.

use async_trait::async_trait;
use lake::{ExploreQuery, Filter, GroupBy, Lake, LakeError, Lens, Source, Window};

use crate::explore::{
    Answer, By, Condition, Dimension, Explorer, Grain, Measure, Metric, Question, Series, Span,
};
use crate::ledger::LedgerError;

/// Explore over the usage table of one organisation.
#[derive(Debug, Clone)]
pub struct LakeExplorer {
    lake: Lake,
}

impl LakeExplorer {
    /// Explores this table.
    pub fn new(lake: Lake) -> Self {
        Self { lake }
    }
}

#[async_trait]
impl Explorer for LakeExplorer {
    async fn explore(&self, question: &Question) -> Result<Answer, LedgerError> {
        let query = ExploreQuery {
            lens: lens(question.span, question.team.as_ref().map(|team| team.as_str())),
            zone: question.zone.clone(),
            grain: grain(question.grain),
            metric: metric(question.metric),
            group_by: question.group_by.iter().map(group_by).collect(),
            filters: filters(&question.conditions),
            top: question.top,
        };
        let found = Box::pin(self.lake.explore(&query)).await.map_err(failed)?;
        Ok(Answer {
            buckets: found.buckets,
            series: found.series.into_iter().map(series).collect(),
            other: found.other.map(series),
            total: series(found.total),
            sql: found.sql,
            is_rolled_up: found.reads == Source::Rollup,
        })
    }
}

/// What a reader of one team, or of all, may see of a span.
pub(super) fn lens(span: Span, team: Option<&str>) -> Lens {
    Lens { window: Window { from: span.from, to: span.to }, team: team.map(str::to_owned) }
}

pub(super) fn filters(conditions: &[Condition]) -> Vec<Filter> {
    let filter = |condition: &Condition| Filter {
        by: group_by(&condition.by),
        exclude: condition.is_excluded,
        values: condition.values.clone(),
    };
    conditions.iter().map(filter).collect()
}

/// What the table refuses is told to whoever asked; what fails is not.
pub(super) fn failed(error: LakeError) -> LedgerError {
    match error {
        LakeError::TimedOut(_) => LedgerError::TooSlow,
        LakeError::Query(problem) => LedgerError::Refused(sentence(&problem)),
        error => LedgerError::Failed(error.to_string()),
    }
}

fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str())
}

fn series(series: lake::Series) -> Series {
    Series {
        key: series.key,
        points: series.points.into_iter().map(measure).collect(),
        total: measure(series.total),
        unpriced: series.unpriced,
    }
}

fn measure(measure: lake::Measure) -> Measure {
    match measure {
        lake::Measure::Money(usd) => Measure::Money(usd),
        lake::Measure::Count(count) => Measure::Count(count),
        lake::Measure::PerRequest { cost, requests } => Measure::PerRequest { cost, requests },
    }
}

fn grain(grain: Grain) -> lake::Grain {
    match grain {
        Grain::Total => lake::Grain::Total,
        Grain::Hour => lake::Grain::Hour,
        Grain::Day => lake::Grain::Day,
        Grain::Week => lake::Grain::Week,
        Grain::Month => lake::Grain::Month,
    }
}

fn metric(metric: Metric) -> lake::Metric {
    match metric {
        Metric::Cost => lake::Metric::Cost,
        Metric::ListCost => lake::Metric::ListCost,
        Metric::InputTokens => lake::Metric::InputTokens,
        Metric::OutputTokens => lake::Metric::OutputTokens,
        Metric::Requests => lake::Metric::Requests,
        Metric::CostPerRequest => lake::Metric::CostPerRequest,
        Metric::CacheSaved => lake::Metric::CacheSaved,
    }
}

fn group_by(by: &By) -> GroupBy {
    match by {
        By::Dimension(dimension) => GroupBy::Dimension(match dimension {
            Dimension::Team => lake::Dimension::Team,
            Dimension::Project => lake::Dimension::Project,
            Dimension::Feature => lake::Dimension::Feature,
            Dimension::Customer => lake::Dimension::Customer,
            Dimension::User => lake::Dimension::User,
            Dimension::Key => lake::Dimension::Key,
            Dimension::Model => lake::Dimension::Model,
            Dimension::Provider => lake::Dimension::Provider,
            Dimension::Route => lake::Dimension::Route,
        }),
        By::Tag(name) => GroupBy::Tag(name.clone()),
    }
}
