//! The gateway's half of the lease protocol, message by message.

use super::*;

/// $1 is a million tokens here.
const SECOND: i64 = 1_000_000;

fn later(micros: i64) -> UnixMicros {
    NOVEMBER.plus_micros(micros)
}

fn try_admit(
    treasury: &Arc<Treasury>,
    tokens: u64,
    now: UnixMicros,
) -> Result<Reservation, Refusal> {
    let (team, quote) = (slug("search"), quote(tokens));
    treasury.admit(&Admission { spender: spender(&team), at: now, quote: Some(&quote) }, now)
}

fn alone(treasury: &Arc<Treasury>, tokens: u64, now: UnixMicros) -> Result<Reservation, Refusal> {
    let (team, quote) = (slug("search"), quote(tokens));
    treasury.admit_alone(&Admission { spender: spender(&team), at: now, quote: Some(&quote) }, now)
}

fn one(limit: &str) -> Arc<Treasury> {
    treasury(&[budget("search", Scope::Team(slug("search")), limit)])
}

/// A grant of `granted` under `term`, with `remaining` left for all.
fn grant(treasury: &Treasury, term: u64, granted: &str, remaining: &str) -> Grant {
    let status = treasury.status(NOVEMBER).remove(0);
    Grant {
        budget: status.id,
        window_start: status.window_start,
        term,
        granted: usd(granted),
        settled: Usd::ZERO,
        remaining: usd(remaining),
        spent: Usd::ZERO,
        nodes: 1,
        verdict: Verdict::Held,
    }
}

fn cause(refusal: Refusal) -> DenialCause {
    match refusal {
        Refusal::Denied(denial) => denial.cause,
        Refusal::Short => unreachable!("the authority should not be asked"),
    }
}

#[test]
fn nothing_is_asked_for_requests_no_budget_covers() {
    let treasury = treasury(&[budget("other", Scope::Team(slug("other")), "1")]);
    assert!(!try_admit(&treasury, 10, NOVEMBER).unwrap().is_guarded());
    assert_eq!(treasury.report(NOVEMBER), []);
}

#[test]
fn what_requests_lack_is_summed_and_asked_for_once() {
    let treasury = one("1");
    for tokens in [1_000, 3_000] {
        assert_eq!(try_admit(&treasury, tokens, NOVEMBER).unwrap_err(), Refusal::Short);
    }
    let report = treasury.report(NOVEMBER).remove(0);
    assert_eq!((report.wanted, report.least), (usd("0.004"), usd("0.001")));
    assert_eq!((report.term, report.granted), (0, Usd::ZERO));
    assert_eq!(treasury.report(NOVEMBER), []);
}

#[test]
fn a_grant_is_spent_and_holds_are_sized_by_what_the_whole_budget_has_left() {
    let treasury = one("1");
    treasury.apply(&reply(vec![grant(&treasury, 1, "0.01", "0.99")]), NOVEMBER);
    let (team, ask) = (slug("search"), Quote { output_tokens_usual: 10, ..quote(9_000) });
    let admission = Admission { spender: spender(&team), at: NOVEMBER, quote: Some(&ask) };
    // A 64th of the dollar is more than the ceiling: a small lease does not shorten the answer.
    let held = treasury.admit(&admission, NOVEMBER).unwrap();
    assert_eq!((held.hold().amount, held.hold().output_tokens_max), (usd("0.009"), None));
    assert_eq!(treasury.admit(&admission, NOVEMBER).unwrap_err(), Refusal::Short);
    let report = treasury.report(NOVEMBER).remove(0);
    assert_eq!((report.reserved, report.wanted), (usd("0.009"), usd("0.008")));
    assert_eq!(report.least, usd("0.00001"));
}

#[test]
fn older_terms_are_ignored_and_the_same_term_never_raises_a_lease() {
    let treasury = one("1");
    for (term, granted, expected) in [
        (2, "0.5", "0.5"),
        (1, "0.9", "0.5"),
        (2, "0.9", "0.5"),
        (3, "0.1", "0.1"),
        (2, "1", "0.1"),
    ] {
        treasury.apply(&reply(vec![grant(&treasury, term, granted, "0")]), NOVEMBER);
        assert_eq!(treasury.status(NOVEMBER)[0].leased, usd(expected), "term {term}");
    }
}

#[test]
fn a_lease_ends_by_the_gateways_own_clock_and_a_repeat_does_not_prolong_it() {
    let treasury = one("1");
    let granted = reply(vec![grant(&treasury, 1, "0.5", "0.5")]);
    treasury.apply(&granted, later(5 * SECOND));
    treasury.apply(&granted, NOVEMBER);
    assert!(try_admit(&treasury, 10, later(20 * SECOND - 1)).is_ok());
    assert_eq!(try_admit(&treasury, 10, later(20 * SECOND)).unwrap_err(), Refusal::Short);
    treasury.apply(&granted, later(20 * SECOND));
    assert!(try_admit(&treasury, 10, later(20 * SECOND)).is_ok());
}

#[test]
fn a_refusal_is_remembered_for_requests_as_large_and_not_for_long() {
    let treasury = one("1");
    treasury.apply(&reply(vec![grant(&treasury, 1, "0.001", "0")]), NOVEMBER);
    let _held = try_admit(&treasury, 900, NOVEMBER).unwrap();
    assert_eq!(try_admit(&treasury, 500, NOVEMBER).unwrap_err(), Refusal::Short);
    treasury.report(NOVEMBER);
    let refused = Grant { verdict: Verdict::Refused, ..grant(&treasury, 1, "0.001", "0") };
    treasury.apply(&reply(vec![refused]), NOVEMBER);
    for tokens in [500, 800] {
        let refusal = try_admit(&treasury, tokens, later(249_999)).unwrap_err();
        assert_eq!(cause(refusal), DenialCause::Exhausted, "{tokens}");
    }
    assert_eq!(treasury.report(NOVEMBER).remove(0).wanted, Usd::ZERO);
    assert_eq!(try_admit(&treasury, 499, later(249_999)).unwrap_err(), Refusal::Short);
    assert_eq!(try_admit(&treasury, 500, later(250_000)).unwrap_err(), Refusal::Short);
    // What is still in the lease is not refused.
    assert!(try_admit(&treasury, 100, later(1)).is_ok());
}

#[test]
fn a_lease_nobody_uses_is_given_back_after_two_reports_and_two_seconds() {
    let treasury = one("1");
    treasury.apply(&reply(vec![grant(&treasury, 1, "0.5", "0.5")]), NOVEMBER);
    try_admit(&treasury, 1_000, NOVEMBER).unwrap().settle(usd("0.001"));
    for (second, granted) in [(0, "0.5"), (1, "0.5"), (2, "0.5"), (3, "0.001")] {
        let report = treasury.report(later(second * SECOND)).remove(0);
        assert_eq!(report.granted, usd(granted), "second {second}");
        let answer = grant(&treasury, 1, "0.5", "0.5");
        treasury.apply(&reply(vec![answer]), later(second * SECOND));
    }
    // A reply that was under way does not bring it back; a new term does.
    treasury.apply(&reply(vec![grant(&treasury, 1, "0.5", "0.5")]), later(3 * SECOND));
    assert_eq!(treasury.status(later(3 * SECOND))[0].leased, Usd::ZERO);
    let settled = Grant {
        settled: usd("0.001"),
        spent: usd("0.001"),
        ..grant(&treasury, 2, "0.001", "0.999")
    };
    treasury.apply(&reply(vec![settled]), later(3 * SECOND));
    assert_eq!(treasury.report(later(4 * SECOND)), [], "all is known, nothing is held");
}

#[test]
fn a_lease_nobody_uses_is_kept_while_the_authority_does_not_answer() {
    let treasury = one("1");
    treasury.apply(&reply(vec![grant(&treasury, 1, "0.5", "0.5")]), NOVEMBER);
    for second in 0..10 {
        let report = treasury.report(later(second * SECOND)).remove(0);
        assert_eq!(report.granted, usd("0.5"), "second {second}");
    }
    assert!(try_admit(&treasury, 1_000, later(10 * SECOND)).is_ok());
}

#[test]
fn without_the_authority_a_budget_refuses_or_spends_its_exposure_and_no_more() {
    let closed = one("1");
    assert_eq!(cause(alone(&closed, 1, NOVEMBER).unwrap_err()), DenialCause::AuthorityAway);
    let exposure = usd("0.003");
    let open = treasury(&[Budget {
        when_alone: WhenAlone::Spend { exposure },
        ..budget("search", Scope::Team(slug("search")), "1")
    }]);
    open.apply(&reply(vec![grant(&open, 1, "0.002", "0.5")]), NOVEMBER);
    let long_after = later(3_600 * SECOND);
    let mut spent = Usd::ZERO;
    while let Ok(held) = alone(&open, 1_000, long_after) {
        spent += held.hold().amount;
        held.settle(usd("0.001"));
    }
    assert_eq!(spent, usd("0.005"));
    let refusal = alone(&open, 1_000, long_after).unwrap_err();
    assert_eq!(cause(refusal), DenialCause::AuthorityAway);
    // Back in contact, everything is reported, and nothing is left of the lease.
    assert_eq!(open.report(long_after).remove(0).settled, usd("0.005"));
    assert_eq!(try_admit(&open, 1_000, long_after).unwrap_err(), Refusal::Short);
}

#[test]
fn a_lowered_limit_takes_effect_at_once() {
    let mut search = budget("search", Scope::Team(slug("search")), "1");
    let treasury = treasury(std::slice::from_ref(&search));
    let elsewhere = Grant { spent: usd("0.3"), ..grant(&treasury, 1, "0.5", "0") };
    treasury.apply(&reply(vec![elsewhere]), NOVEMBER);
    search.limit = usd("0.4");
    treasury.configure(&[search]);
    let status = &treasury.status(NOVEMBER)[0];
    assert_eq!((status.spent, status.leased), (usd("0.3"), usd("0.1")));
}

#[test]
fn a_holder_gives_back_what_it_can_when_more_is_granted_than_the_limit_allows() {
    let treasury = one("1");
    treasury.apply(&reply(vec![grant(&treasury, 1, "0.01", "0")]), NOVEMBER);
    let _held = try_admit(&treasury, 3_000, NOVEMBER).unwrap();
    for (excess, granted) in [("-0.004", "0.006"), ("-0.5", "0.003")] {
        treasury.apply(&reply(vec![grant(&treasury, 1, "0.01", excess)]), NOVEMBER);
        assert_eq!(treasury.report(NOVEMBER).remove(0).granted, usd(granted), "{excess}");
    }
    assert_eq!(try_admit(&treasury, 1, NOVEMBER).unwrap_err(), Refusal::Short);
}

#[test]
fn a_budget_that_comes_back_goes_on_from_what_it_had_settled() {
    let search = budget("search", Scope::Team(slug("search")), "1");
    let treasury = treasury(std::slice::from_ref(&search));
    treasury.apply(&reply(vec![grant(&treasury, 1, "0.5", "0.5")]), NOVEMBER);
    let held = try_admit(&treasury, 1_000, NOVEMBER).unwrap();
    treasury.configure(&[]);
    assert_eq!(treasury.report(NOVEMBER), []);
    held.settle(usd("0.001"));
    treasury.configure(&[search]);
    let report = treasury.report(NOVEMBER).remove(0);
    assert_eq!((report.term, report.settled), (1, usd("0.001")));
}

#[test]
fn a_change_of_the_kind_of_window_keeps_reservations_and_opens_the_new_one() {
    let mut search = budget("search", Scope::Team(slug("search")), "1");
    let treasury = treasury(std::slice::from_ref(&search));
    let month = grant(&treasury, 1, "0.5", "0.5");
    treasury.apply(&reply(vec![month.clone()]), NOVEMBER);
    let held = try_admit(&treasury, 1_000, NOVEMBER).unwrap();
    search.window = CalendarWindow::Day;
    treasury.configure(&[search]);
    assert_eq!(try_admit(&treasury, 1_000, NOVEMBER).unwrap_err(), Refusal::Short);
    held.settle(usd("0.001"));
    let reports = treasury.report(NOVEMBER);
    let starts: Vec<_> = reports.iter().map(|r| (r.window_start, r.settled)).collect();
    let (day, _) = CalendarWindow::Day.range(NOVEMBER, &BillingZone::UTC);
    assert_eq!(starts, [(month.window_start, usd("0.001")), (day, Usd::ZERO)]);
}

#[test]
fn a_lease_more_than_half_used_runs_low_until_it_is_reported() {
    let treasury = one("1");
    treasury.apply(&reply(vec![grant(&treasury, 1, "0.01", "0.9")]), NOVEMBER);
    let _first = try_admit(&treasury, 5_000, NOVEMBER).unwrap();
    assert!(!treasury.runs_low());
    let _second = try_admit(&treasury, 1, NOVEMBER).unwrap();
    assert!(treasury.runs_low());
    treasury.report(NOVEMBER);
    assert!(!treasury.runs_low());
}

#[test]
fn recent_spending_is_that_of_about_two_seconds() {
    let treasury = one("100");
    treasury.apply(&reply(vec![grant(&treasury, 1, "50", "50")]), NOVEMBER);
    let mut recent = Usd::ZERO;
    for tenth in 0..100 {
        let now = later(tenth * SECOND / 10);
        try_admit(&treasury, 1_000, now).unwrap().settle(usd("0.001"));
        recent = treasury.report(now).remove(0).recent;
    }
    assert!((usd("0.010")..=usd("0.021")).contains(&recent), "{recent}");
}

fn scope() -> impl Strategy<Value = Scope> {
    let name = || proptest::sample::select(vec!["a", "b"]);
    prop_oneof![
        Just(Scope::Organisation),
        name().prop_map(|n| Scope::Team(slug(n))),
        name().prop_map(|n| Scope::Project(slug(n))),
        (1_u128..3).prop_map(|id| Scope::Key(KeyId::from_u128(id))),
        name().prop_map(|n| Scope::User(n.into())),
        name().prop_map(|n| Scope::Customer(n.into())),
        name().prop_map(|n| Scope::Model(n.into())),
    ]
}

proptest! {
    #[test]
    fn a_request_is_charged_to_exactly_the_budgets_whose_scope_covers_it(
        scopes in proptest::collection::vec(scope(), 0..12),
        team in proptest::sample::select(vec!["a", "b"]),
        optional in proptest::collection::vec(proptest::sample::select(vec![None, Some("a"), Some("b")]), 3),
        key in 1_u128..4,
        model in proptest::sample::select(vec!["a", "b", "c"]),
    ) {
        let budgets: Vec<_> = scopes
            .into_iter()
            .enumerate()
            .map(|(i, scope)| budget(&i.to_string(), scope, "1"))
            .collect();
        let treasury = treasury(&budgets);
        let (team, project) = (slug(team), optional[0].map(slug));
        let spender = Spender {
            team: &team,
            project: project.as_ref(),
            key: KeyId::from_u128(key),
            user: optional[1],
            customer: optional[2],
            model,
        };
        let quote = quote(1_000);
        let admission = Admission { spender, at: NOVEMBER, quote: Some(&quote) };
        let reservation = loop {
            match treasury.admit(&admission, NOVEMBER) {
                Ok(reservation) => break reservation,
                Err(refusal) => {
                    prop_assert_eq!(refusal, Refusal::Short);
                    sync(&treasury, NOVEMBER);
                }
            }
        };
        let mut charged: Vec<_> =
            reservation.charges(usd("1")).into_iter().map(|charge| charge.budget_id).collect();
        let mut expected: Vec<_> = budgets
            .iter()
            .filter(|budget| budget.scope.covers(&spender))
            .map(|budget| budget.id)
            .collect();
        charged.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(charged, expected);
    }
}
