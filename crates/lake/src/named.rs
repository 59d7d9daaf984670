//! The query files: all analytic SQL of the product, one question each.

use crate::filter::{self, Filter, Table};

/// One file of `queries/`, with a header that states its grain, units and source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedQuery {
    /// File name without `.sql`.
    pub name: &'static str,
    /// The file: header and statement.
    pub sql: &'static str,
}

impl NamedQuery {
    /// The statement with conditions in the place of `$filters`; without any it holds for everything.
    pub(crate) fn filtered(&self, table: Table, filters: &[Filter]) -> String {
        let clauses = filter::clauses(table, filters);
        let text = if clauses.is_empty() { "TRUE".to_owned() } else { clauses.join(" AND ") };
        self.sql.replace("$filters", &text)
    }
}

macro_rules! queries {
    ($($(#[$doc:meta])* $constant:ident = $name:literal,)*) => {
        $($(#[$doc])* pub(crate) const $constant: NamedQuery = NamedQuery {
            name: $name,
            sql: include_str!(concat!("../queries/", $name, ".sql")),
        };)*

        /// Every query file.
        pub const NAMED_QUERIES: &[NamedQuery] = &[$($constant,)*];
    };
}

queries!(
    /// Totals of a window.
    TOTALS = "totals",
    /// Cost and requests by day of UTC.
    DAILY_TREND = "daily_trend",
    /// Cost and requests by quarter of an hour.
    QUARTER_TREND = "quarter_trend",
    /// The largest values of one dimension.
    TOP_BY = "top_by",
    /// The largest customers.
    TOP_BY_CUSTOMER = "top_by_customer",
    /// The largest end users.
    TOP_BY_USER = "top_by_user",
    /// A team's statement.
    STATEMENT_LINES = "statement_lines",
    /// Price books behind a team's statement.
    STATEMENT_BASIS = "statement_basis",
    /// Spend of every team.
    SPEND_BY_TEAM = "spend_by_team",
    /// How recent the table is.
    FRESHNESS = "freshness",
    /// How much of the usage is priced and attributed.
    COVERAGE = "coverage",
    /// What the values of one dimension spent by hour.
    HOURLY_SPEND = "hourly_spend",
    /// What customers spent by hour.
    HOURLY_SPEND_BY_CUSTOMER = "hourly_spend_by_customer",
    /// What end users spent by hour.
    HOURLY_SPEND_BY_USER = "hourly_spend_by_user",
    /// What the values of one dimension spent in a short window.
    RECENT_SPEND = "recent_spend",
    /// When keys were last used.
    KEYS_USED = "keys_used",
    /// Models used without a price.
    UNPRICED_MODELS = "unpriced_models",
    /// Calls without a price, by model and team.
    UNPRICED = "unpriced",
    /// Models with calls that have no price, by day.
    UNPRICED_QUEUE = "unpriced_queue",
    /// Use and cost of every model.
    MODELS_USED = "models_used",
    /// By which routes and keys models are used.
    MODEL_HOLDERS = "model_holders",
    /// What providers report beside what the book computes.
    DRIFT = "drift",
    /// The same by hour.
    REPORTED_HOURS = "reported_hours",
    /// Requests whose reported and computed cost differ most.
    DIFFERING_REQUESTS = "differing_requests",
    /// Corrections so far, by the row corrected.
    ADJUSTED_ROWS = "adjusted_rows",
    /// Corrections of a team's statement.
    STATEMENT_ADJUSTMENTS = "statement_adjustments",
    /// Traffic of a scope in groups that are priced alike.
    WHAT_IF = "what_if",
    /// The same groups' meters without a column.
    WHAT_IF_OTHER = "what_if_other",
    /// What one budget's scope spent, by process.
    BUDGET_SPEND = "budget_spend",
    /// Every attempt of one request.
    REQUEST_ATTEMPTS = "request_attempts",
    /// Every row of some days.
    EXPORT_ROWS = "export_rows",
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ROLLUP_TABLES;
    use crate::query::{plan, session_config};
    use crate::schema::usage_schema;
    use crate::window::{Lens, Window, limit, text};
    use datafusion::datasource::empty::EmptyTable;
    use datafusion::prelude::SessionContext;
    use std::sync::Arc;
    use units::UnixMicros;

    #[tokio::test]
    async fn every_query_file_is_known_headed_and_plans_against_the_schema() {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("queries");
        let mut files: Vec<String> = std::fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let mut known: Vec<String> =
            NAMED_QUERIES.iter().map(|query| format!("{}.sql", query.name)).collect();
        known.sort();
        assert_eq!(files, known);

        let context = SessionContext::new_with_config(session_config(1));
        let table = Arc::new(EmptyTable::new(usage_schema()));
        context.register_table("usage", table).unwrap();
        for rollup in ROLLUP_TABLES {
            context
                .register_table(rollup.name, Arc::new(EmptyTable::new(rollup.schema())))
                .unwrap();
        }
        let window = Window { from: UnixMicros::new(0), to: UnixMicros::new(1) };
        for query in NAMED_QUERIES {
            for header in ["-- grain: ", "-- units: ", "-- source: usage"] {
                let headed = query.sql.lines().any(|line| line.starts_with(header));
                assert!(headed, "{} lacks `{header}`", query.name);
            }
            let mut params = Lens::of_team(window, "search").rolled_params();
            params.extend([
                ("dimension", text("team")),
                ("organisation", text("acme")),
                ("scope", text("team")),
                ("value", text("search")),
                ("request_id", text("req_1")),
                ("provider", text("x-ai")),
                ("model", text("grok-4.6")),
                ("limit", limit(5)),
                ("size_1", limit(128_000)),
                ("size_2", limit(200_000)),
                ("size_3", limit(272_000)),
                ("size_4", limit(512_000)),
                ("filters", datafusion::scalar::ScalarValue::Boolean(Some(true))),
            ]);
            let frame = plan(&context, query.sql, params).await;
            let planned = frame.unwrap_or_else(|e| panic!("{}: {e}", query.name));
            planned.create_physical_plan().await.unwrap_or_else(|e| panic!("{}: {e}", query.name));
        }
    }
}
