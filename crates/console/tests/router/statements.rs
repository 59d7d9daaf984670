//! The statement as page and as CSV.

use axum::http::StatusCode;

use crate::browser::Browser;
use crate::sample;

const ADDRESS: &str = "/statements/team/search/2026-11";

#[tokio::test]
async fn page_and_csv_carry_the_same_digits() {
    let browser = Browser::over_sample();
    let page = browser.open(ADDRESS).await.body;
    let csv = browser.open(&format!("{ADDRESS}.csv")).await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(
        csv.header("content-disposition"),
        "attachment; filename=\"statement-search-2026-11.csv\""
    );
    let statement = sample::statement("search", "2026-11");
    assert_eq!(csv.body, statement.to_csv().unwrap());
    let totals = [(statement.totals.figures.cost, statement.totals.cost_displayed)];
    let lines = statement.lines.iter().map(|line| (line.figures.cost, line.cost_displayed));
    for (exact, rounded) in lines.chain(totals) {
        assert!(page.contains(&format!("<data value=\"{exact}\">")), "{exact}");
        assert!(page.contains(&format!("<data value=\"{rounded}\">")), "{rounded}");
        assert!(csv.body.contains(&format!(",{exact},{},", rounded.to_fixed(2))), "{exact}");
    }
    assert!(page.contains(&statement.digest) && csv.body.contains(&statement.digest));
}

#[tokio::test]
async fn the_page_says_what_it_was_made_from_and_what_it_leaves_out() {
    let page = Browser::over_sample().open(ADDRESS).await.body;
    for shown in [
        "Statement of <bdi>search</bdi>, November 2026",
        "1 Nov 2026 to 30 Nov 2026, UTC",
        "Draft",
        "12 requests without a price.",
        "rounded by largest remainder",
        "pb_5f3c1be09a77d214",
        "22 Nov 2026, 16:30 UTC",
        "(untagged)",
        "1,812.334155201",
        "scope=\"rowgroup\"",
        "<caption>Usage by feature and customer, November 2026, US dollars</caption>",
    ] {
        assert!(page.contains(shown), "{shown}\n{page}");
    }
}

#[tokio::test]
async fn a_month_that_is_over_is_no_draft() {
    let page = Browser::over_sample().open("/statements/team/search/2026-10").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("Complete") && !page.body.contains("Draft"), "{}", page.body);
}

#[tokio::test]
async fn cells_a_spreadsheet_would_run_are_neutralised() {
    let csv = Browser::over_sample().open(&format!("{ADDRESS}.csv")).await.body;
    assert!(csv.contains("'=HYPERLINK"), "{csv}");
    assert!(!csv.contains(",=HYPERLINK") && !csv.contains(",\"=HYPERLINK"), "{csv}");
}
