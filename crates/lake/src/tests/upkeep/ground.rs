//! Random usage, and the sums of it worked out without roll-ups.

use events::{Adjustment, AdjustmentKind, CacheState, ErrorClass, Meter, Meters, UsageSource};
use units::Usd;

use crate::rollup::schema::{BUCKET, BUCKET_DATE, DAY};
use crate::tests::rows::{DAY_US, NOON, priced_event, row};
use crate::{Lake, LakeRow, ROLLUP_TABLES, Rendering, RollupGrain, RollupTable};

/// A small generator, so that a failing run can be repeated from its seed.
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % sides
    }

    fn name(&mut self, prefix: &str) -> Option<String> {
        let n = self.roll(4);
        (n > 0).then(|| format!("{prefix}{n}"))
    }
}

/// Random rows of a writer from a sequence on: three days in two months, anything optional missing at
/// times, amounts from one unit to more than any float holds.
pub(crate) fn random_rows(dice: &mut Dice, app: &str, first_seq: u64, count: u64) -> Vec<LakeRow> {
    (first_seq..first_seq + count).map(|seq| random_row(dice, app, seq)).collect()
}

fn random_row(dice: &mut Dice, app: &str, seq: u64) -> LakeRow {
    let mut event = priced_event(seq + 1);
    let days_ago = [0, 1, 25][usize::try_from(dice.roll(3)).unwrap()];
    let within = i64::try_from(dice.roll(40_000_000_000)).unwrap();
    event.times.received_us = NOON.plus_micros(-days_ago * DAY_US - within);
    event.attribution.team = dice.name("team");
    event.attribution.project = dice.name("project");
    event.attribution.feature = dice.name("feature");
    event.attribution.customer = dice.name("customer");
    event.attribution.user = dice.name("user");
    event.decision.route = dice.name("route");
    event.model.resolved = dice.name("model");
    event.model.provider = dice.name("provider");
    event.decision.is_final = dice.roll(3) > 0;
    event.ids.revision = u16::from(dice.roll(9) == 0);
    event.outcome.error = (dice.roll(5) == 0).then_some(ErrorClass::BudgetExceeded);
    event.meters = Meters::NONE
        .with(Meter::InputText, dice.roll(1_000))
        .with(Meter::CacheReadText, dice.roll(100))
        .with(Meter::OutputText, dice.roll(1_000));
    let amount = i128::from(dice.roll(u64::MAX)) * i128::from(dice.roll(1_000) + 1);
    event.cost.billed = (dice.roll(5) > 0).then(|| Usd::from_pico(amount));
    event.cost.list = (dice.roll(2) > 0).then(|| Usd::from_pico(amount + 1));
    event.cost.usage_source = match dice.roll(4) {
        0 => UsageSource::None,
        1 => UsageSource::Estimated,
        2 => UsageSource::Drained,
        _ => UsageSource::Provider,
    };
    if dice.roll(7) == 0 {
        let kind = AdjustmentKind::ALL[usize::try_from(dice.roll(2)).unwrap()];
        event.cost.adjustment = Some(Adjustment { kind, adjusts: "n1/e1/0".to_owned() });
    }
    if dice.roll(6) == 0 {
        event.cache.state = CacheState::Hit;
        event.cache.saved = Some(Usd::from_pico(amount));
    }
    row(app, seq, event)
}

/// Holds every roll-up table against the same sums over usage.
pub(crate) async fn assert_exact(lake: &Lake, when: &str) {
    assert_tables_exact(lake, when, ROLLUP_TABLES).await;
}

/// Holds two roll-up tables, one of each grain, against the same sums over usage: in a loop, the
/// `turn` decides which.
pub(crate) async fn assert_some_exact(lake: &Lake, when: &str, turn: usize) {
    for grain in [RollupGrain::Quarter, RollupGrain::Day] {
        let mut tables = ROLLUP_TABLES.iter().filter(|table| table.grain == grain).cycle();
        let table = tables.nth(turn % 3).unwrap();
        assert_tables_exact(lake, when, std::slice::from_ref(table)).await;
    }
}

async fn assert_tables_exact(lake: &Lake, when: &str, tables: &[RollupTable]) {
    for table in tables {
        let (rolled, direct) = (rolled_sql(table), direct_sql(table));
        // Both from one session, so that a commit between them cannot matter.
        let sql = format!(
            "SELECT 'rolled' AS side, * FROM ({rolled}) UNION ALL SELECT 'direct', * FROM ({direct})"
        );
        let result = lake.sql(&sql).await.unwrap_or_else(|e| panic!("{when}: {}: {e}", table.name));
        assert!(!result.is_truncated);
        let csv = result.render(Rendering::Csv).unwrap();
        let side = |name: &str| {
            let mut rows: Vec<&str> =
                csv.lines().filter_map(|line| line.strip_prefix(name)).collect();
            rows.sort_unstable();
            rows
        };
        assert_eq!(side("rolled,"), side("direct,"), "{when}: {}", table.name);
    }
}

/// Every row of every roll-up table, folded, in order.
pub(crate) async fn sums(lake: &Lake) -> Vec<String> {
    let mut all = Vec::new();
    for table in ROLLUP_TABLES {
        let sql = format!("{} ORDER BY {}", rolled_sql(table), keys(table));
        all.push(lake.sql(&sql).await.unwrap().render(Rendering::Csv).unwrap());
    }
    all
}

fn keys(table: &RollupTable) -> String {
    let times = table.time_columns().iter().map(|(name, _)| *name);
    times.chain(table.dimensions.iter().copied()).collect::<Vec<_>>().join(", ")
}

fn rolled_sql(table: &RollupTable) -> String {
    let sums: Vec<String> =
        crate::MEASURES.iter().map(|m| format!("SUM({0}) AS {0}", m.name)).collect();
    let (keys, sums) = (keys(table), sums.join(", "));
    format!("SELECT {keys}, {sums} FROM {} GROUP BY {keys}", table.name)
}

/// The same, in the words of the queries that pages asked before there were roll-ups.
fn direct_sql(table: &RollupTable) -> String {
    let keys = keys(table);
    let times = table.time_columns().iter().map(|(name, _)| match *name {
        BUCKET => "date_bin(INTERVAL '15 minutes', received_at) AS bucket",
        BUCKET_DATE => "event_date AS bucket_date",
        DAY => "event_date AS day",
        name => panic!("no source of {name}"),
    });
    let dimensions = table.dimensions.iter().map(|name| match *name {
        "model" => "COALESCE(model_resolved, model_asked) AS model",
        name => name,
    });
    let columns: Vec<&str> = times.chain(dimensions).collect();
    format!(
        "SELECT {keys},
            COUNT(*) FILTER (WHERE is_final AND revision = 0) AS requests,
            COUNT(*) FILTER (WHERE usage_source <> 'none' AND adjustment IS NULL) AS calls,
            COUNT(cost_usd) FILTER (WHERE usage_source <> 'none' AND adjustment IS NULL)
                + COUNT(*) FILTER (WHERE usage_source <> 'none' AND adjustment = 'restatement')
                - COUNT(*) FILTER (WHERE usage_source <> 'none' AND adjustment = 'retraction')
                AS priced,
            COUNT(*) FILTER (
                WHERE usage_source IN ('provider', 'drained') AND adjustment IS NULL
            ) AS metered,
            COUNT(*) FILTER (WHERE is_final AND revision = 0 AND error_class IS NOT NULL) AS errors,
            COUNT(*) FILTER (
                WHERE cost_usd IS NULL AND usage_source <> 'none' AND adjustment IS NULL
            )
                - COUNT(*) FILTER (WHERE usage_source <> 'none' AND adjustment = 'restatement')
                + COUNT(*) FILTER (WHERE usage_source <> 'none' AND adjustment = 'retraction')
                AS unpriced,
            SUM(input_tokens_total) AS input_tokens,
            SUM(cache_read_text_tokens) AS cached_input_tokens,
            SUM(output_tokens_total) AS output_tokens,
            SUM(cost_usd) AS cost_usd,
            SUM(cost_list_usd) AS list_cost_usd,
            SUM(cache_saved_usd) AS saved_usd
         FROM (SELECT {}, is_final, revision, usage_source, error_class, cost_usd, cost_list_usd, adjustment,
                cache_saved_usd, input_tokens_total, cache_read_text_tokens, output_tokens_total
               FROM usage)
         GROUP BY {keys}",
        columns.join(", ")
    )
}
