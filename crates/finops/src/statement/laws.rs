//! What must hold of every statement, whatever the usage and however hostile the names.

use proptest::prelude::*;
use units::{BillingZone, UnixMicros, Usd};

use super::*;
use crate::FinopsError;

fn scope(team: &str) -> Scope {
    let zone = BillingZone::named("Europe/Berlin").unwrap();
    Scope::new("acme".parse().unwrap(), team.parse().unwrap(), "2026-11".parse().unwrap(), &zone)
}

fn basis() -> Basis {
    Basis {
        generated_at: UnixMicros::new(1_763_800_000_000_000),
        table_version: 42,
        price_versions: vec!["pb_2".into(), "pb_1".into(), "pb_2".into()],
    }
}

fn line(feature: Option<&str>, customer: Option<&str>, cost: &str) -> UsageLine {
    let cost = cost.parse().unwrap();
    let figures =
        Figures { requests: 2, unpriced_requests: 1, input_tokens: 30, output_tokens: 4, cost };
    UsageLine { feature: feature.map(Into::into), customer: customer.map(Into::into), figures }
}

fn compiled(usage: Vec<UsageLine>) -> Statement {
    Statement::compile(scope("search"), basis(), usage).unwrap()
}

fn sum_of(amounts: impl Iterator<Item = Usd>) -> Usd {
    amounts.sum()
}

#[test]
fn lines_are_merged_sorted_and_rounded_to_the_cent() {
    let statement = compiled(vec![
        line(None, None, "0.334"),
        line(Some("search"), Some("globex"), "1.003"),
        line(Some("search"), Some(" "), "0.001"),
        line(Some("chat"), Some("initech"), "0.005"),
        line(Some("search"), Some("globex"), "1.001"),
    ]);
    let shown: Vec<_> = statement
        .lines
        .iter()
        .map(|line| {
            let names = (line.feature.as_deref(), line.customer.as_deref());
            (names, line.figures.cost.to_string(), line.cost_displayed.to_fixed(2))
        })
        .collect();
    assert_eq!(
        shown,
        [
            ((Some("chat"), Some("initech")), "0.005".into(), "0.01".into()),
            ((Some("search"), Some("globex")), "2.004".into(), "2.00".into()),
            ((Some("search"), None), "0.001".into(), "0.00".into()),
            ((None, None), "0.334".into(), "0.33".into()),
        ]
    );
    let subtotals: Vec<String> =
        statement.features.iter().map(|f| f.cost_displayed.to_fixed(2)).collect();
    assert_eq!(subtotals, ["0.01", "2.00", "0.33"]);
    assert_eq!(statement.totals.figures.cost.to_string(), "2.344");
    assert_eq!(statement.totals.cost_displayed.to_fixed(2), "2.34");
    assert_eq!(
        (statement.totals.figures.requests, statement.totals.figures.unpriced_requests),
        (10, 5)
    );
    assert_eq!(
        statement.coverage,
        Coverage {
            priced_requests_per_mille: Some(500),
            feature_cost_per_mille: Some(857),
            customer_cost_per_mille: Some(857),
        }
    );
    assert_eq!(statement.basis.price_versions, ["pb_1", "pb_2"]);
}

#[test]
fn a_month_without_usage_has_a_statement_of_nothing() {
    let statement = compiled(vec![]);
    assert_eq!(statement.totals.figures, Figures::default());
    assert_eq!(statement.coverage.priced_requests_per_mille, None);
    assert_eq!(statement.coverage.feature_cost_per_mille, None);
    assert_eq!(statement.to_csv().unwrap().lines().count(), 2);
}

#[test]
fn the_digest_changes_with_the_figures_and_not_with_the_hour() {
    let usage = vec![line(Some("a"), None, "1")];
    let first = compiled(usage.clone());
    let later = Basis { generated_at: UnixMicros::new(9), table_version: 77, ..basis() };
    let again = Statement::compile(scope("search"), later, usage.clone()).unwrap();
    assert_eq!((again.digest.as_str(), again.id), (first.digest.as_str(), first.id));
    let other_team = Statement::compile(scope("support"), basis(), usage.clone()).unwrap();
    let other_book = Basis { price_versions: vec!["pb_3".into()], ..basis() };
    let other_book = Statement::compile(scope("search"), other_book, usage).unwrap();
    let other_cost = compiled(vec![line(Some("a"), None, "1.000000000001")]);
    let other_name = compiled(vec![line(None, Some("a"), "1")]);
    for other in [&other_team, &other_book, &other_cost, &other_name] {
        assert_ne!(other.digest, first.digest);
    }
    assert_ne!(other_team.id, first.id);
    assert_eq!(other_cost.id, first.id);
    assert_eq!(first.id.to_string().parse(), Ok(first.id));
}

#[test]
fn sums_out_of_range_are_refused() {
    let mut much = line(None, None, "1");
    much.figures.input_tokens = u64::MAX;
    let error = Statement::compile(scope("a"), basis(), vec![much.clone(), much]).unwrap_err();
    assert_eq!(error, FinopsError::OutOfRange("input tokens"));
    let mut dear = line(None, None, "1");
    dear.figures.cost = Usd::MAX;
    let dear = [dear, line(Some("b"), None, "1")];
    assert!(Statement::compile(scope("a"), basis(), dear).is_err());
}

#[test]
fn the_csv_shows_exact_and_rounded_amounts_and_ends_in_the_total() {
    let statement = compiled(vec![
        line(Some("=cmd|' /C calc'!A0"), Some("a,b \"c\"\r\nd"), "-0.125"),
        line(None, Some("(untagged)"), "2"),
    ]);
    let csv = statement.to_csv().unwrap();
    let id = statement.id;
    let digest = &statement.digest;
    let scope = format!("{id},acme,search,2026-11,Europe/Berlin");
    assert_eq!(
        csv,
        format!(
            "row_type,statement_id,organisation,team,period,zone,feature,customer,requests_count,\
             unpriced_requests_count,input_tokens_count,output_tokens_count,cost_usd_exact,\
             cost_usd_cents_rounded,content_digest,model,price_version_before,price_version_after,\
             cost_usd_before,cost_usd_after\r\n\
             line,{scope},'=cmd|' /C calc'!A0,\"a,b \"\"c\"\"\r\nd\",2,1,30,4,-0.125,-0.12,{digest},,,,,\r\n\
             line,{scope},(untagged),'(untagged),2,1,30,4,2.00,2.00,{digest},,,,,\r\n\
             total,{scope},,,4,2,60,8,1.875,1.88,{digest},,,,,\r\n"
        )
    );
}

#[test]
fn what_was_recorded_and_its_adjustments_add_up_to_the_total_and_change_the_digest() {
    let plain = compiled(vec![line(Some("chat"), None, "1.000000000001")]);
    let adjustment = |before: &str, after: &str, from: Option<&str>| Adjustment {
        model: Some("=gpt".to_owned()),
        version_before: from.map(str::to_owned),
        version_after: Some("pb_2".to_owned()),
        attempts: 3,
        before: before.parse().unwrap(),
        after: after.parse().unwrap(),
    };
    let adjustments = vec![adjustment("0.4", "0.3", Some("pb_1")), adjustment("0", "0.25", None)];
    let statement = plain.clone().with_adjustments(adjustments).unwrap();
    assert_eq!(statement.recorded() + statement.adjusted(), statement.totals.figures.cost);
    assert_eq!(statement.recorded().to_string(), "0.850000000001");
    assert_ne!(statement.digest, plain.digest);
    assert_eq!(plain.clone().with_adjustments(Vec::new()).unwrap(), plain);
    let csv = statement.to_csv().unwrap();
    let digest = &statement.digest;
    assert!(csv.contains(&format!(",,,,,,,0.850000000001,,{digest},,,,,\r\n")), "{csv}");
    assert!(csv.contains(&format!(",-0.10,,{digest},'=gpt,pb_1,pb_2,0.40,0.30\r\n")), "{csv}");
    assert!(csv.contains(&format!(",0.25,,{digest},'=gpt,,pb_2,0.00,0.25\r\n")), "{csv}");
}

/// Names as clients send them, the hostile ones often.
fn name() -> impl Strategy<Value = Option<String>> {
    let hostile = prop::sample::select(vec![
        "=1+1",
        "+1",
        "-1",
        "@x",
        "\t=1",
        "'",
        "''=x",
        "(untagged)",
        "a,b",
        "\"",
        "\"\"",
        "a\r\nb",
        "line",
        "total",
        ";=1",
        "\u{feff}=1",
        "\u{202e}x",
        "é",
        " ",
        "",
    ]);
    prop_oneof![
        2 => Just(None),
        3 => hostile.prop_map(|text| Some(text.to_owned())),
        2 => "[a-c]".prop_map(Some),
        1 => any::<String>().prop_map(Some),
    ]
}

fn usage() -> impl Strategy<Value = Vec<UsageLine>> {
    let figures = (0_u64..1 << 40, 0_u64..1 << 40, -(1_i128 << 80)..(1_i128 << 80)).prop_map(
        |(requests, tokens, pico)| Figures {
            requests,
            unpriced_requests: requests / 3,
            input_tokens: tokens,
            output_tokens: tokens / 7,
            cost: Usd::from_pico(pico),
        },
    );
    let line = (name(), name(), figures).prop_map(|(feature, customer, figures)| UsageLine {
        feature,
        customer,
        figures,
    });
    prop::collection::vec(line, 0..30)
}

/// What a reader of the CSV takes a cell for.
fn read_name(cell: &str) -> Option<String> {
    (cell != UNTAGGED).then(|| cell.strip_prefix('\'').unwrap_or(cell).to_owned())
}

proptest! {
    #[test]
    fn the_exact_lines_and_subtotals_sum_to_the_exact_total(usage in usage()) {
        let given = sum_of(usage.iter().map(|line| line.figures.cost));
        let requests: u64 = usage.iter().map(|line| line.figures.requests).sum();
        let statement = compiled(usage);
        prop_assert_eq!(statement.totals.figures.cost, given);
        prop_assert_eq!(statement.totals.figures.requests, requests);
        prop_assert_eq!(sum_of(statement.lines.iter().map(|line| line.figures.cost)), given);
        prop_assert_eq!(sum_of(statement.features.iter().map(|f| f.figures.cost)), given);
    }

    #[test]
    fn the_displayed_lines_sum_to_subtotals_and_these_to_the_displayed_total(usage in usage()) {
        let statement = compiled(usage);
        let total = statement.totals;
        prop_assert_eq!(total.cost_displayed.to_fixed(2), total.figures.cost.to_fixed(2));
        prop_assert_eq!(sum_of(statement.features.iter().map(|f| f.cost_displayed)), total.cost_displayed);
        for subtotal in &statement.features {
            let lines = statement.lines.iter().filter(|line| line.feature == subtotal.feature);
            prop_assert_eq!(sum_of(lines.map(|line| line.cost_displayed)), subtotal.cost_displayed);
        }
        let cent: i128 = 10_000_000_000;
        for line in &statement.lines {
            prop_assert!((line.cost_displayed - line.figures.cost).pico().abs() < cent);
        }
    }

    #[test]
    fn usage_in_any_order_and_any_partition_gives_the_identical_statement(
        (usage, shuffled) in usage().prop_flat_map(|usage| (Just(usage.clone()), Just(usage).prop_shuffle())),
    ) {
        // Each line once more, split into a part and the rest.
        let split = shuffled.iter().flat_map(|line| {
            let (mut part, mut rest) = (line.clone(), line.clone());
            part.figures = Figures { requests: line.figures.requests / 2, ..Figures::default() };
            rest.figures.requests -= part.figures.requests;
            [part, rest]
        });
        let statement = compiled(usage);
        prop_assert_eq!(&compiled(split.collect()), &statement);
        prop_assert_eq!(compiled(shuffled).to_csv().unwrap(), statement.to_csv().unwrap());
    }

    #[test]
    fn hostile_text_survives_the_csv_and_never_starts_a_formula(usage in usage()) {
        let statement = compiled(usage);
        let csv = statement.to_csv().unwrap();
        let mut reader = csv::ReaderBuilder::new().from_reader(csv.as_bytes());
        let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
        let (total, lines) = rows.split_last().unwrap();
        prop_assert_eq!(lines.len(), statement.lines.len());
        for (row, line) in lines.iter().zip(&statement.lines) {
            prop_assert_eq!(&row[0], "line");
            prop_assert_eq!(read_name(&row[6]), line.feature.clone());
            prop_assert_eq!(read_name(&row[7]), line.customer.clone());
            prop_assert!(!row[6].starts_with(['=', '+', '-', '@']) && !row[7].starts_with(['=', '+', '-', '@']));
        }
        let column = |at: usize| sum_of(lines.iter().map(|row| row[at].parse::<Usd>().unwrap()));
        prop_assert_eq!(&total[0], "total");
        prop_assert_eq!(column(12), total[12].parse::<Usd>().unwrap());
        prop_assert_eq!(column(13), total[13].parse::<Usd>().unwrap());
    }
}
