//! What is explored against a straightforward computation over the rows, in every zone, grain, metric,
//! grouping and filter; and values that try to break out.

use std::collections::BTreeMap;

use events::UsageSource;
use units::{BillingZone, UnixMicros, Usd};

use super::rows::{amount, number, open, priced_event, row};
use super::sample::{Dice, HOSTILE, usage};
use crate::rows::Rows;
use crate::{
    Dimension, ExploreQuery, Explored, Filter, Grain, GroupBy, Lake, LakeRow, Lens, Measure,
    Metric, Series, Source, Window, literal,
};

const QUARTER_US: i64 = 900_000_000;

fn at(text: &str) -> UnixMicros {
    text.parse::<jiff::Timestamp>().unwrap().into()
}

fn by(dimension: Dimension) -> GroupBy {
    GroupBy::Dimension(dimension)
}

fn tag(name: &str) -> GroupBy {
    GroupBy::Tag(name.to_owned())
}

/// October 2026, when clocks change in Berlin and on Lord Howe.
fn rows() -> Vec<LakeRow> {
    usage(7, 700, at("2026-09-20T00:00:00Z"), at("2026-11-10T00:00:00Z"))
}

async fn lake_of(dir: &tempfile::TempDir, rows: &[LakeRow]) -> Lake {
    let lake = open(dir).await;
    let (older, newer) = rows.split_at(rows.len() / 2);
    lake.commit("n1/e1", older, older.last().unwrap().seq).await.unwrap();
    // Half is rolled up, the other half is read as it was committed.
    lake.roll_up().await.unwrap();
    lake.commit("n1/e1", newer, newer.last().unwrap().seq).await.unwrap();
    lake
}

fn value(row: &LakeRow, by: &GroupBy) -> Option<String> {
    let (who, model) = (&row.event.attribution, &row.event.model);
    match by {
        GroupBy::Tag(name) => who.tags.get(name).cloned(),
        GroupBy::Dimension(dimension) => match dimension {
            Dimension::Team => who.team.clone(),
            Dimension::Project => who.project.clone(),
            Dimension::Feature => who.feature.clone(),
            Dimension::Customer => who.customer.clone(),
            Dimension::User => who.user.clone(),
            Dimension::Key => who.key_id.map(|id| id.to_string()),
            Dimension::Model => model.resolved.clone().or(Some(model.asked.clone())),
            Dimension::Provider => model.provider.clone(),
            Dimension::Route => row.event.decision.route.clone(),
        },
    }
}

fn measure(row: &LakeRow, metric: Metric) -> Measure {
    let cost = |amount: Option<Usd>| Measure::Money(amount.unwrap_or(Usd::ZERO));
    let requests = u64::from(row.event.decision.is_final && row.event.ids.revision == 0);
    match metric {
        Metric::Cost => cost(row.event.cost.billed),
        Metric::ListCost => cost(row.event.cost.list),
        Metric::CacheSaved => cost(row.event.cache.saved),
        Metric::InputTokens => Measure::Count(row.event.meters.input_tokens()),
        Metric::OutputTokens => Measure::Count(row.event.meters.output_tokens()),
        Metric::Requests => Measure::Count(requests),
        Metric::CostPerRequest => {
            Measure::PerRequest { cost: row.event.cost.billed.unwrap_or(Usd::ZERO), requests }
        }
    }
}

fn is_unpriced(row: &LakeRow) -> bool {
    row.event.cost.billed.is_none() && row.event.cost.usage_source != UsageSource::None
}

fn passes(row: &LakeRow, query: &ExploreQuery) -> bool {
    let received = row.event.times.received_us;
    let window = query.lens.window;
    let is_theirs = query.lens.team.is_none() || row.event.attribution.team == query.lens.team;
    received >= window.from
        && received < window.to
        && is_theirs
        && query
            .filters
            .iter()
            .all(|filter| filter.values.contains(&value(row, &filter.by)) != filter.exclude)
}

/// What the wall clock shows, as far as a grain tells it apart.
fn shown(at: UnixMicros, grain: Grain, zone: &BillingZone) -> String {
    let local = at.to_timestamp().in_tz(zone.name()).unwrap();
    match grain {
        Grain::Total => String::new(),
        Grain::Hour => format!("{} {} {}", local.date(), local.hour(), local.offset()),
        Grain::Day => local.date().to_string(),
        Grain::Week => local.date().iso_week_date().first_of_week().unwrap().date().to_string(),
        Grain::Month => local.strftime("%Y-%m").to_string(),
    }
}

/// The bucket of every quarter of an hour, by what the wall clock shows.
fn buckets(query: &ExploreQuery) -> BTreeMap<i64, usize> {
    let window = query.lens.window;
    let mut buckets = BTreeMap::new();
    let mut position = 0;
    let mut last = None;
    let mut quarter = window.from;
    while quarter < window.to {
        let now = shown(quarter, query.grain, &query.zone);
        if last.as_ref().is_some_and(|last| *last != now) {
            position += 1;
        }
        last = Some(now);
        buckets.insert(quarter.get() / QUARTER_US, position);
        quarter = quarter.plus_micros(QUARTER_US);
    }
    buckets
}

type Totals = (Vec<Measure>, Measure, u64);

fn expected(
    rows: &[LakeRow],
    query: &ExploreQuery,
) -> (Totals, BTreeMap<Vec<Option<String>>, Totals>) {
    let buckets = buckets(query);
    let count = buckets.values().max().unwrap() + 1;
    let zero = query.metric.zero();
    let empty = || (vec![zero; count], zero, 0);
    let mut total = empty();
    let mut groups: BTreeMap<Vec<Option<String>>, Totals> = BTreeMap::new();
    for row in rows.iter().filter(|row| passes(row, query)) {
        let bucket = buckets[&(row.event.times.received_us.get() / QUARTER_US)];
        let key = query.group_by.iter().map(|by| value(row, by)).collect();
        for sums in [&mut total, groups.entry(key).or_insert_with(empty)] {
            let measure = measure(row, query.metric);
            sums.0[bucket] = sums.0[bucket].plus(measure);
            sums.1 = sums.1.plus(measure);
            sums.2 += u64::from(is_unpriced(row));
        }
    }
    (total, groups)
}

fn rank(measure: Measure) -> i128 {
    match measure {
        Measure::Money(cost) | Measure::PerRequest { cost, .. } => cost.pico(),
        Measure::Count(count) => count.into(),
    }
}

/// Text sorts by its bytes, and what has none comes last.
fn order(key: &[Option<String>]) -> Vec<(bool, Option<String>)> {
    key.iter().map(|part| (part.is_none(), part.clone())).collect()
}

fn same(series: &Series, expected: &Totals, what: &str) {
    assert_eq!(series.points, expected.0, "{what}");
    assert_eq!((series.total, series.unpriced), (expected.1, expected.2), "{what}");
}

fn check(rows: &[LakeRow], query: &ExploreQuery, explored: &Explored) {
    let what = format!("{query:?}\n{}", explored.sql);
    let (total, groups) = expected(rows, query);
    assert_eq!(explored.buckets.len(), total.0.len(), "{what}");
    assert!(explored.buckets.is_sorted(), "{what}");
    same(&explored.total, &total, &what);
    // In every bucket, the series and the rest are the total.
    for (position, point) in explored.total.points.iter().enumerate() {
        let parts =
            explored.series.iter().chain(&explored.other).map(|series| series.points[position]);
        let sum = parts.fold(query.metric.zero(), Measure::plus);
        assert!(query.group_by.is_empty() || sum == *point, "bucket {position} of {what}");
    }
    if query.group_by.is_empty() {
        assert!(explored.series.is_empty() && explored.other.is_none(), "{what}");
        return;
    }
    let mut ranked: Vec<_> = groups.iter().collect();
    ranked.sort_by_key(|(key, sums)| (-rank(sums.1), order(key)));
    let top = usize::try_from(query.top).unwrap();
    let has_any = |sums: &Totals| sums.2 > 0 || sums.0.iter().any(|point| !point.is_zero());
    let largest = ranked.iter().take(top).filter(|(_, sums)| has_any(sums));
    let found: Vec<_> = explored.series.iter().map(|series| series.key.clone()).collect();
    assert_eq!(found, largest.clone().map(|(key, _)| (*key).clone()).collect::<Vec<_>>(), "{what}");
    for (series, (_, sums)) in explored.series.iter().zip(largest) {
        same(series, sums, &what);
    }
    let has_rest = ranked.iter().skip(top).any(|(_, sums)| has_any(sums));
    assert_eq!(explored.other.is_some(), has_rest, "{what}");
}

fn a_question(dice: &mut Dice) -> ExploreQuery {
    let zone = dice.one_of(&[
        "UTC",
        "Europe/Berlin",
        "Asia/Kolkata",
        "Asia/Kathmandu",
        "Australia/Lord_Howe",
    ]);
    let zone = BillingZone::named(zone).unwrap();
    let grain = dice.one_of(Grain::ALL);
    let date = |text: &str| zone.start_of(text.parse().unwrap()).unwrap();
    let (from, to) = match (grain, dice.below(3)) {
        (Grain::Hour, _) => (date("2026-10-02"), date("2026-10-28")),
        (_, 0) => (at("2026-09-23T05:15:00Z"), at("2026-11-03T17:45:00Z")),
        _ => (date("2026-10-01"), date("2026-11-01")),
    };
    let things = [
        by(Dimension::Team),
        by(Dimension::Project),
        by(Dimension::Feature),
        by(Dimension::Customer),
        by(Dimension::User),
        by(Dimension::Key),
        by(Dimension::Model),
        by(Dimension::Provider),
        by(Dimension::Route),
        tag("env"),
        tag("it's"),
    ];
    let thing = |dice: &mut Dice| things[usize::try_from(dice.below(11)).unwrap()].clone();
    let mut group_by: Vec<GroupBy> = (0..dice.below(3)).map(|_| thing(dice)).collect();
    group_by.dedup();
    let names = [
        "search", "ads", "chat", "globex", "ada", "big", "openai", "fast", "prod", HOSTILE[0],
        HOSTILE[1], HOSTILE[4], HOSTILE[6],
    ];
    let filters = (0..dice.below(3))
        .map(|_| Filter {
            by: thing(dice),
            exclude: dice.is_lucky(60),
            values: (0..dice.below(6))
                .map(|_| dice.is_lucky(80).then(|| dice.one_of(&names).to_owned()))
                .collect(),
        })
        .collect();
    let team = dice.is_lucky(25).then(|| dice.one_of(&["search", HOSTILE[0], "nobody"]).to_owned());
    ExploreQuery {
        lens: Lens { window: Window { from, to }, team },
        zone,
        grain,
        metric: dice.one_of(Metric::ALL),
        group_by,
        filters,
        top: u32::try_from(dice.below(6) + 1).unwrap(),
    }
}

#[tokio::test]
async fn any_question_is_answered_as_adding_up_the_rows_answers_it() {
    let dir = tempfile::tempdir().unwrap();
    let rows = rows();
    let lake = lake_of(&dir, &rows).await;
    let mut dice = Dice(2026);
    let mut reads = [0, 0];
    for _ in 0..60 {
        let query = a_question(&mut dice);
        let explored = lake.explore(&query).await.unwrap_or_else(|e| panic!("{e}: {query:?}"));
        check(&rows, &query, &explored);
        reads[usize::from(explored.reads == Source::Rollup)] += 1;
    }
    assert!(reads.iter().all(|count| *count > 10), "{reads:?}");
}

#[tokio::test]
async fn every_metric_and_grain_is_exact_in_every_zone() {
    let dir = tempfile::tempdir().unwrap();
    let rows = rows();
    let lake = lake_of(&dir, &rows).await;
    for (n, zone) in
        ["Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"]
            .into_iter()
            .enumerate()
    {
        let zone = BillingZone::named(zone).unwrap();
        for (m, grain) in Grain::ALL.iter().enumerate() {
            let window = Window {
                from: zone.start_of("2026-10-02".parse().unwrap()).unwrap(),
                to: zone.start_of("2026-10-29".parse().unwrap()).unwrap(),
            };
            // A window cut at microseconds is widened to quarters of an hour.
            let ragged = Window { from: window.from.plus_micros(1), to: window.to.plus_micros(-1) };
            let group_by = if m % 2 == 0 { vec![by(Dimension::Team)] } else { Vec::new() };
            let mut query = ExploreQuery {
                lens: Lens::everything(ragged),
                zone: zone.clone(),
                grain: *grain,
                metric: Metric::ALL[(n * 5 + m) % Metric::ALL.len()],
                group_by,
                filters: Vec::new(),
                top: 2,
            };
            let explored = lake.explore(&query).await.unwrap();
            assert_eq!((explored.window, explored.reads), (window, Source::Rollup));
            query.lens.window = window;
            check(&rows, &query, &explored);
        }
    }
}

#[tokio::test]
async fn the_statement_shown_gives_the_figures_shown() {
    let dir = tempfile::tempdir().unwrap();
    let rows = rows();
    let lake = lake_of(&dir, &rows).await;
    for group_by in [vec![tag("it's"), by(Dimension::Team)], vec![by(Dimension::Customer)]] {
        let query = ExploreQuery {
            lens: Lens::everything(Window {
                from: at("2026-10-01T00:00:00Z"),
                to: at("2026-11-01T00:00:00Z"),
            }),
            zone: BillingZone::named("Asia/Kathmandu").unwrap(),
            grain: Grain::Week,
            metric: Metric::Cost,
            group_by,
            filters: vec![Filter {
                by: by(Dimension::Feature),
                exclude: true,
                values: HOSTILE.iter().map(|value| Some((*value).to_owned())).collect(),
            }],
            top: 3,
        };
        let explored = lake.explore(&query).await.unwrap();
        let sum = format!("SELECT SUM(cost_usd) FROM ({})", explored.sql);
        assert_eq!(Measure::Money(amount(&lake, &sum).await), explored.total.total);
        let shown = Rows::read(&lake.sql(&explored.sql).await.unwrap()).unwrap();
        let order = shown.map(|rows, row| {
            Ok((rows.integer(row, "place")?.unwrap_or(i64::MAX), rows.day(row, "bucket")?))
        });
        let order = order.unwrap();
        assert!(order.len() > 4 && order.is_sorted(), "{order:?}");
        let first = format!("SELECT SUM(cost_usd) FROM ({}) WHERE place = 1", explored.sql);
        assert_eq!(Measure::Money(amount(&lake, &first).await), explored.series[0].total);
    }
}

#[tokio::test]
async fn no_value_becomes_part_of_a_statement() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    let long = "x'".repeat(1 << 19);
    let controls: String = (1..=0x20).filter_map(char::from_u32).collect();
    let values: Vec<&str> = HOSTILE
        .iter()
        .copied()
        .chain([long.as_str(), controls.as_str(), "\0nul", "\u{feff}", "\\", "'"])
        .collect();
    for value in &values {
        let same = lake
            .sql(&format!("SELECT CASE WHEN {} = 'x' THEN 1 END, {0} AS v", literal::text(value)))
            .await
            .unwrap();
        use arrow::array::AsArray;
        assert_eq!(same.batches[0].column(1).as_string::<i32>().value(0), *value, "{value:.40?}");
    }
    let rows: Vec<LakeRow> = (0_u64..)
        .zip(&values)
        .map(|(n, value)| {
            let mut event = priced_event(n + 1);
            event.attribution.team = Some((*value).to_owned());
            event.attribution.tags.insert((*value).to_owned(), "y".to_owned());
            row("n1", n, event)
        })
        .collect();
    lake.commit("n1/e1", &rows, rows.last().unwrap().seq).await.unwrap();
    for (n, value) in values.iter().enumerate() {
        for lens_team in [None, Some((*value).to_owned())] {
            let query = ExploreQuery {
                lens: Lens {
                    window: Window {
                        from: at("2026-11-22T00:00:00Z"),
                        to: at("2026-11-23T00:00:00Z"),
                    },
                    team: lens_team,
                },
                zone: BillingZone::UTC,
                grain: Grain::Total,
                metric: Metric::Requests,
                group_by: vec![by(Dimension::Team), tag(value)],
                filters: vec![
                    Filter { by: tag(value), exclude: false, values: vec![Some("y".into())] },
                    Filter {
                        by: by(Dimension::Team),
                        exclude: false,
                        values: vec![Some((*value).into())],
                    },
                ],
                top: 5,
            };
            let explored = lake.explore(&query).await.unwrap();
            assert_eq!(explored.series.len(), 1, "{n}");
            assert_eq!(explored.series[0].key, [Some((*value).to_owned()), Some("y".to_owned())]);
            assert_eq!(explored.total.total, Measure::Count(1));
        }
    }
    assert_eq!(
        number(&lake, "SELECT COUNT(*) FROM usage").await,
        i64::try_from(rows.len()).unwrap()
    );
}

#[tokio::test]
async fn a_question_that_asks_too_much_is_refused_in_plain_words() {
    let dir = tempfile::tempdir().unwrap();
    let lake = open(&dir).await;
    let from = at("2026-01-01T00:00:00Z");
    let days =
        |days: i64| Lens::everything(Window { from, to: from.plus_micros(days * 86_400_000_000) });
    let fine = ExploreQuery {
        lens: days(400),
        zone: BillingZone::named("Europe/Berlin").unwrap(),
        grain: Grain::Day,
        metric: Metric::Cost,
        group_by: vec![by(Dimension::Team)],
        filters: Vec::new(),
        top: 50,
    };
    let answered = lake.explore(&fine).await.unwrap();
    assert_eq!((answered.buckets.len(), answered.total.total), (401, Measure::Money(Usd::ZERO)));
    let hours = ExploreQuery { lens: days(31), grain: Grain::Hour, ..fine.clone() };
    assert_eq!(lake.explore(&hours).await.unwrap().buckets.len(), 744);
    for (bad, word) in [
        (ExploreQuery { lens: days(401), ..fine.clone() }, "400 days"),
        (ExploreQuery { lens: days(32), grain: Grain::Hour, ..fine.clone() }, "31 days"),
        (ExploreQuery { lens: days(0), ..fine.clone() }, "before it begins"),
        (ExploreQuery { lens: days(-1), ..fine.clone() }, "before it begins"),
        (ExploreQuery { top: 51, ..fine.clone() }, "1 and 50"),
        (ExploreQuery { top: 0, ..fine.clone() }, "1 and 50"),
        (ExploreQuery { group_by: vec![tag("a"), tag("a")], ..fine.clone() }, "twice"),
        (ExploreQuery { group_by: vec![tag("a"), tag("b"), tag("c")], ..fine.clone() }, "at most"),
        (
            ExploreQuery {
                lens: Lens::everything(Window { from: UnixMicros::new(i64::MIN), to: from }),
                ..fine.clone()
            },
            "1970",
        ),
    ] {
        let error = lake.explore(&bad).await.unwrap_err();
        assert!(error.is_callers_fault() && error.to_string().contains(word), "{error}");
    }
}
