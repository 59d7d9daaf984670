use proptest::prelude::*;
use units::{CalendarWindow, KeyId, Slug};

use super::*;
use crate::link::{Grant, PROTOCOL, Verdict};
use crate::{OnTight, OnUnpriced, Scope, WhenAlone};

#[path = "treasury_lease_tests.rs"]
mod leases;

const NOVEMBER: UnixMicros = UnixMicros::new(1_793_800_000_000_000);
const DECEMBER: UnixMicros = UnixMicros::new(1_796_200_000_000_000);

fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn budget(name: &str, scope: Scope, limit: &str) -> Budget {
    Budget {
        id: Budget::id_of(&slug("acme"), name),
        name: name.into(),
        organisation: slug("acme"),
        scope,
        window: CalendarWindow::Month,
        limit: usd(limit),
        on_tight: OnTight::Clamp,
        on_unpriced: OnUnpriced::Deny,
        when_alone: WhenAlone::Refuse,
    }
}

fn treasury(budgets: &[Budget]) -> Arc<Treasury> {
    let treasury = Arc::new(Treasury::new(BillingZone::UTC));
    treasury.configure(budgets);
    treasury
}

/// A request that costs at most `max` tokens of $1 a million each.
fn quote(max: u64) -> Quote {
    Quote {
        fixed: Usd::ZERO,
        output_per_million: Usd::from_dollars(1),
        output_tokens_max: max,
        output_tokens_usual: max,
    }
}

fn spender(team: &Slug) -> Spender<'_> {
    Spender {
        team,
        project: None,
        key: KeyId::from_u128(7),
        user: None,
        customer: None,
        model: "gpt-5.4",
    }
}

/// What one lease is told by an authority that gives a lone gateway the whole limit.
fn whole_limit(limit: Usd, report: &AccountReport) -> Grant {
    let is_new = report.term == 0;
    let is_wanted = !report.wanted.is_zero();
    Grant {
        budget: report.budget,
        window_start: report.window_start,
        term: report.term + u64::from(is_new || report.granted < limit),
        granted: limit,
        settled: report.settled,
        remaining: Usd::ZERO,
        spent: report.settled,
        nodes: 1,
        verdict: if is_wanted && !is_new { Verdict::Refused } else { Verdict::Held },
    }
}

fn reply(grants: Vec<Grant>) -> LeaseReply {
    LeaseReply { protocol: PROTOCOL, now: NOVEMBER, ttl_ms: 15_000, grants }
}

/// One exchange with that authority.
fn sync(treasury: &Treasury, now: UnixMicros) {
    let limits: HashMap<_, _> =
        treasury.status(now).into_iter().map(|budget| (budget.id, budget.limit)).collect();
    let reports = treasury.report(now);
    let grants = reports.iter().map(|report| whole_limit(limits[&report.budget], report)).collect();
    treasury.apply(&reply(grants), now);
}

/// Admits as a gateway does: a lease that is too small is asked for.
fn admit(
    treasury: &Arc<Treasury>,
    team: &str,
    at: UnixMicros,
    quote: Option<&Quote>,
) -> Result<Reservation, Box<Denial>> {
    let team = slug(team);
    loop {
        match treasury.admit(&Admission { spender: spender(&team), at, quote }, at) {
            Ok(reservation) => return Ok(reservation),
            Err(Refusal::Denied(denial)) => return Err(denial),
            Err(Refusal::Short) => sync(treasury, at),
        }
    }
}

#[test]
fn every_budget_that_covers_a_request_must_have_room_and_all_are_charged() {
    let treasury = treasury(&[
        budget("all", Scope::Organisation, "0.000010"),
        budget("search", Scope::Team(slug("search")), "0.000006"),
    ]);
    let first = admit(&treasury, "search", NOVEMBER, Some(&quote(6))).unwrap();
    first.settle("0.000006".parse().unwrap());
    let denial = admit(&treasury, "search", NOVEMBER, Some(&quote(1))).unwrap_err();
    assert_eq!((denial.cause, denial.budget.name.as_str()), (DenialCause::Exhausted, "search"));
    assert_eq!(denial.budget.scope, "team:search");
    assert_eq!(denial.budget.resets_at.to_string(), "2026-12-01T00:00:00Z");
    // Another team still has the four that are left of the organisation's ten.
    admit(&treasury, "support", NOVEMBER, Some(&quote(4))).unwrap().release();
    let denial = admit(&treasury, "support", NOVEMBER, Some(&quote(5))).unwrap_err();
    assert_eq!(denial.budget.name, "all");
}

#[test]
fn a_guard_lost_before_sending_releases_and_after_sending_settles_in_full() {
    let treasury = treasury(&[budget("all", Scope::Organisation, "1")]);
    drop(admit(&treasury, "a", NOVEMBER, Some(&quote(10))).unwrap());
    assert_eq!(treasury.status(NOVEMBER)[0].spent, Usd::ZERO);
    let mut sent = admit(&treasury, "a", NOVEMBER, Some(&quote(10))).unwrap();
    sent.mark_sent();
    drop(sent);
    let status = &treasury.status(NOVEMBER)[0];
    assert_eq!((status.spent, status.reserved), ("0.00001".parse().unwrap(), Usd::ZERO));
}

#[test]
fn a_reservation_grows_within_every_budget_or_not_at_all_and_is_closed_as_one() {
    let treasury = treasury(&[
        budget("all", Scope::Organisation, "0.000010"),
        budget("search", Scope::Team(slug("search")), "0.000006"),
    ]);
    let mut reservation = admit(&treasury, "search", NOVEMBER, Some(&quote(3))).unwrap();
    let reserved = || -> Vec<Usd> {
        treasury.status(NOVEMBER).into_iter().map(|budget| budget.reserved).collect()
    };
    reservation.extend(usd("0.000002"), NOVEMBER).unwrap();
    assert_eq!(reservation.hold().amount, usd("0.000005"));
    assert_eq!(reserved(), [usd("0.000005"), usd("0.000005")]);
    assert_eq!(reservation.extend(usd("0.000002"), NOVEMBER), Err(Refusal::Short));
    sync(&treasury, NOVEMBER);
    let refused = reservation.extend(usd("0.000002"), NOVEMBER).unwrap_err();
    let Refusal::Denied(denial) = refused else { panic!("the authority has no more to give") };
    assert_eq!((denial.cause, denial.budget.name.as_str()), (DenialCause::Exhausted, "search"));
    assert_eq!(reserved(), [usd("0.000005"), usd("0.000005")], "a refusal holds nothing");
    let large = reservation.extend_alone(usd("0.000007"), NOVEMBER).unwrap_err();
    assert!(matches!(large, Refusal::Denied(_)));
    reservation.settle(usd("0.000004"));
    assert_eq!(reserved(), [Usd::ZERO, Usd::ZERO]);
    let spent: Vec<Usd> =
        treasury.status(NOVEMBER).into_iter().map(|budget| budget.spent).collect();
    assert_eq!(spent, [usd("0.000004"), usd("0.000004")]);
    // A budget that is gone no longer refuses, and its account still adds up.
    let mut last = admit(&treasury, "search", NOVEMBER, Some(&quote(2))).unwrap();
    treasury.configure(&[budget("all", Scope::Organisation, "0.000010")]);
    last.extend(usd("0.000003"), NOVEMBER).unwrap();
    last.release();
    assert_eq!(reserved(), [Usd::ZERO]);
}

#[test]
fn a_new_month_starts_empty_and_late_settlements_stay_with_the_old_one() {
    let treasury = treasury(&[budget("all", Scope::Organisation, "0.00001")]);
    let old = admit(&treasury, "a", NOVEMBER, Some(&quote(10))).unwrap();
    assert!(admit(&treasury, "a", NOVEMBER, Some(&quote(1))).is_err());
    let new = admit(&treasury, "a", DECEMBER, Some(&quote(10))).unwrap();
    old.settle(usd("0.000007"));
    let status = &treasury.status(DECEMBER)[0];
    assert_eq!((status.spent, status.reserved), (Usd::ZERO, usd("0.00001")));
    // The old window's lease says what it came to, and goes back, until the authority knows.
    let old = treasury.report(DECEMBER).into_iter().find(|r| r.window_start < NOVEMBER).unwrap();
    assert_eq!((old.settled, old.granted, old.reserved), (usd("0.000007"), old.settled, Usd::ZERO));
    new.release();
}

#[test]
fn a_model_without_a_price_is_refused_only_where_a_budget_says_so() {
    let strict = budget("strict", Scope::Team(slug("a")), "1");
    let lax = Budget { on_unpriced: OnUnpriced::Allow, ..budget("lax", Scope::Organisation, "1") };
    let treasury = treasury(&[strict, lax]);
    let denial = admit(&treasury, "a", NOVEMBER, None).unwrap_err();
    assert_eq!(denial.cause, DenialCause::Unpriced);
    assert!(admit(&treasury, "b", NOVEMBER, None).is_ok());
}

#[test]
fn a_request_no_window_could_pay_for_is_told_so() {
    let treasury = treasury(&[budget("all", Scope::Organisation, "0.000001")]);
    let denial = admit(&treasury, "a", NOVEMBER, Some(&quote(2))).unwrap_err();
    assert_eq!(denial.cause, DenialCause::NeverFits);
}

#[test]
fn in_another_zone_a_window_starts_where_that_zone_says_and_late_settlements_stay_in_the_old_one() {
    let all = budget("all", Scope::Organisation, "1");
    let treasury = treasury(std::slice::from_ref(&all));
    let held = admit(&treasury, "a", NOVEMBER, Some(&quote(10))).unwrap();
    let utc = treasury.status(NOVEMBER)[0].window_start;
    let berlin = BillingZone::named("Europe/Berlin").unwrap();
    treasury.configure_in(&berlin, std::slice::from_ref(&all));
    held.settle("0.00001".parse().unwrap());
    let status = &treasury.status(NOVEMBER)[0];
    assert_eq!(utc.micros_since(status.window_start), 3_600_000_000);
    assert_eq!((status.spent, status.reserved), (Usd::ZERO, Usd::ZERO));
    treasury.configure_in(&BillingZone::UTC, &[all]);
    let status = &treasury.status(NOVEMBER)[0];
    assert_eq!((status.window_start, status.spent), (utc, "0.00001".parse().unwrap()));
}

#[test]
fn reconfiguring_keeps_what_was_spent() {
    let mut search = budget("search", Scope::Team(slug("search")), "1");
    let treasury = treasury(std::slice::from_ref(&search));
    admit(&treasury, "search", NOVEMBER, Some(&quote(5))).unwrap().settle(Usd::from_pico(9));
    search.limit = Usd::from_dollars(2);
    treasury.configure(&[search]);
    let status = &treasury.status(NOVEMBER)[0];
    assert_eq!((status.spent, status.limit), (Usd::from_pico(9), Usd::from_dollars(2)));
}

#[test]
fn concurrent_clients_spend_most_of_a_cap_and_never_pass_it() {
    // 64 clients, answers of 50 tokens where the client allows 400: the cap is 20,000 answers' worth.
    let treasury = treasury(&[budget("all", Scope::Organisation, "1")]);
    let ask = Quote { output_tokens_usual: 64, ..quote(400) };
    let first_denial: Vec<Usd> = std::thread::scope(|scope| {
        let client = || {
            loop {
                match admit(&treasury, "a", NOVEMBER, Some(&ask)) {
                    Ok(reservation) => {
                        std::thread::yield_now();
                        reservation.settle(Usd::from_pico(50_000_000));
                    }
                    Err(denial) => return denial.budget.spent,
                }
            }
        };
        let clients: Vec<_> = (0..64).map(|_| scope.spawn(client)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let status = &treasury.status(NOVEMBER)[0];
    assert!(status.spent <= status.limit, "{status:?}");
    assert_eq!((status.reserved, status.overshoot), (Usd::ZERO, Usd::ZERO));
    let least = first_denial.into_iter().min().unwrap();
    assert!(least >= "0.90".parse().unwrap(), "first denial at {least}");
}

proptest! {
    #[test]
    fn counters_equal_settled_plus_live_reservations(
        steps in proptest::collection::vec((0_u8..4, 1_u64..200, 0_i128..300_000_000), 1..200),
    ) {
        let treasury = treasury(&[budget("all", Scope::Organisation, "0.005")]);
        let mut live: Vec<Reservation> = Vec::new();
        let mut settled = Usd::ZERO;
        let mut excess = Usd::ZERO;
        for (step, tokens, cost) in steps {
            match (step, live.pop()) {
                (0, reservation) => {
                    live.extend(reservation);
                    live.extend(admit(&treasury, "a", NOVEMBER, Some(&quote(tokens))).ok());
                }
                (1, Some(reservation)) => {
                    let cost = Usd::from_pico(cost);
                    excess += cost.saturating_sub_to_zero(reservation.hold().amount);
                    settled += cost;
                    reservation.settle(cost);
                }
                (2, Some(reservation)) => reservation.release(),
                (_, reservation) => drop(reservation),
            }
            let status = &treasury.status(NOVEMBER)[0];
            let held: Usd = live.iter().map(|reservation| reservation.hold().amount).sum();
            prop_assert_eq!((status.spent, status.reserved), (settled, held));
            prop_assert_eq!(status.overshoot, excess);
            prop_assert!(status.spent + status.reserved <= status.limit + excess);
        }
    }
}
