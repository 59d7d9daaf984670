//! The query files: all analytic SQL of the product, one question each.

/// One file of `queries/`, with a header that states its grain, units and source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedQuery {
    /// File name without `.sql`.
    pub name: &'static str,
    /// The file: header and statement.
    pub sql: &'static str,
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
    /// Cost and requests by day.
    DAILY_TREND = "daily_trend",
    /// The largest values of one dimension.
    TOP_BY = "top_by",
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
    /// The newest requests.
    RECENT_REQUESTS = "recent_requests",
    /// Every row of some days.
    EXPORT_ROWS = "export_rows",
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{plan, session_config};
    use crate::schema::usage_schema;
    use crate::window::{Window, instant, limit, text};
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
        let window = Window { from: UnixMicros::new(0), to: UnixMicros::new(1) };
        for query in NAMED_QUERIES {
            for header in ["-- grain: ", "-- units: ", "-- source: usage"] {
                let headed = query.sql.lines().any(|line| line.starts_with(header));
                assert!(headed, "{} lacks `{header}`", query.name);
            }
            let mut params = window.params();
            params.extend([
                ("dimension", text("team")),
                ("organisation", text("acme")),
                ("team", text("search")),
                ("limit", limit(5)),
                ("since", instant(window.from)),
            ]);
            let frame = plan(&context, query.sql, params).await;
            let planned = frame.unwrap_or_else(|e| panic!("{}: {e}", query.name));
            planned.create_physical_plan().await.unwrap_or_else(|e| panic!("{}: {e}", query.name));
        }
    }
}
