use proptest::prelude::*;
use units::BudgetId;

use super::*;

const NOW: UnixMicros = UnixMicros::new(1_795_350_896_000_000);

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn moment(seconds: i64) -> Moment {
    let now = NOW.plus_micros(seconds * 1_000_000);
    Moment { now, expires_at: now.plus_micros(15_000_000) }
}

fn books(base: &str) -> WindowBooks {
    WindowBooks { base: Some(usd(base)), ..WindowBooks::new(BudgetId::from_u128(1), NOW) }
}

fn holder<'a>(node: &'a str, epoch: &'a str) -> Holder<'a> {
    Holder { node, epoch, is_final: false, before: Usd::ZERO }
}

/// A report of a lease under a term that wants some room.
fn report(term: u64, granted: &str, wanted: &str) -> AccountReport {
    AccountReport {
        budget: BudgetId::from_u128(1),
        window_start: NOW,
        term,
        granted: usd(granted),
        settled: Usd::ZERO,
        reserved: Usd::ZERO,
        overshoot: Usd::ZERO,
        wanted: usd(wanted),
        least: usd(wanted),
        recent: Usd::ZERO,
        next_seq: 0,
    }
}

fn ask(books: &mut WindowBooks, node: &str, asked: &AccountReport) -> Grant {
    decide(books, usd("1"), &holder(node, "e1"), asked, moment(0))
}

#[test]
fn a_first_request_is_granted_a_share_worth_having() {
    let mut books = books("0.36");
    let grant = ask(&mut books, "a", &report(0, "0", "0.001"));
    // 0.64 / 64, since 2 seconds of spending are not known yet.
    assert_eq!((grant.term, grant.granted, grant.remaining), (1, usd("0.01"), usd("0.63")));
    assert_eq!((grant.spent, grant.nodes, grant.verdict), (usd("0.36"), 1, Verdict::Held));
}

#[test]
fn a_fast_spender_gets_two_seconds_worth_but_not_more_than_a_quarter_share() {
    for (recent, granted) in [("0.02", "0.04"), ("0.4", "0.25")] {
        let mut books = books("0");
        let asked = AccountReport { recent: usd(recent), ..report(0, "0", "0.001") };
        assert_eq!(ask(&mut books, "a", &asked).granted, usd(granted), "{recent}");
    }
}

#[test]
fn a_lease_half_used_is_filled_before_anyone_waits_and_a_full_one_is_left() {
    let mut books = books("0");
    let asked = AccountReport { recent: usd("0.02"), ..report(0, "0", "0.01") };
    assert_eq!(ask(&mut books, "a", &asked).granted, usd("0.04"));
    for (settled, granted) in [("0.01", "0.04"), ("0.03", "0.07")] {
        let settled = usd(settled);
        let asked = AccountReport { settled, recent: usd("0.02"), ..report(1, "0.04", "0") };
        assert_eq!(ask(&mut books, "a", &asked).granted, usd(granted), "{settled}");
    }
}

#[test]
fn what_is_left_is_granted_whole_when_one_request_fits_and_refused_when_none_does() {
    let mut books = books("0.95");
    let asked = AccountReport { least: usd("0.02"), ..report(0, "0", "0.10") };
    let grant = ask(&mut books, "a", &asked);
    assert_eq!((grant.granted, grant.verdict), (usd("0.05"), Verdict::Held));
    let grant = ask(&mut books, "b", &report(0, "0", "0.01"));
    assert_eq!((grant.granted, grant.verdict), (Usd::ZERO, Verdict::Refused));
    // The room of its own lease counts for the one that has it.
    let asked = AccountReport { least: usd("0.05"), ..report(1, "0.05", "0.01") };
    assert_eq!(ask(&mut books, "a", &asked).verdict, Verdict::Held);
}

#[test]
fn a_repeated_report_is_granted_once_and_a_late_one_not_at_all() {
    let mut books = books("0");
    let first = report(0, "0", "0.2");
    let told = ask(&mut books, "a", &first);
    assert_eq!(ask(&mut books, "a", &first), told);
    let given_back = AccountReport { settled: usd("0.05"), ..report(1, "0.05", "0") };
    assert_eq!(ask(&mut books, "a", &given_back).granted, usd("0.05"));
    let late = AccountReport { settled: usd("0.01"), ..report(1, "0.2", "0.3") };
    let told = ask(&mut books, "a", &late);
    assert_eq!((told.granted, told.settled), (usd("0.05"), usd("0.05")));
}

#[test]
fn a_clean_stop_gives_everything_back_and_ends_the_lease_for_what_is_still_on_the_way() {
    let mut books = books("0");
    ask(&mut books, "a", &report(0, "0", "0.2"));
    let last = AccountReport { settled: usd("0.07"), ..report(1, "0.2", "0") };
    let stop = Holder { is_final: true, ..holder("a", "e1") };
    let told = decide(&mut books, usd("1"), &stop, &last, moment(0));
    assert_eq!((told.granted, told.remaining), (usd("0.07"), usd("0.93")));
    assert_eq!(ask(&mut books, "a", &report(1, "0.2", "0.3")).granted, usd("0.07"));
}

#[test]
fn nothing_is_granted_before_the_base_is_known() {
    let mut unopened = WindowBooks { base: None, ..books("0") };
    let told = ask(&mut unopened, "a", &report(0, "0", "0.1"));
    assert_eq!((told.granted, told.verdict), (Usd::ZERO, Verdict::Held));
}

#[test]
fn a_lowered_limit_shows_as_negative_room_until_holders_gave_back() {
    let mut books = books("0");
    ask(&mut books, "a", &report(0, "0", "0.2"));
    ask(&mut books, "b", &report(0, "0", "0.2"));
    let asked = report(1, "0.2", "0");
    let told = decide(&mut books, usd("0.3"), &holder("a", "e1"), &asked, moment(1));
    assert_eq!((told.granted, told.remaining), (usd("0.2"), usd("-0.1")));
    let told =
        decide(&mut books, usd("0.3"), &holder("a", "e1"), &report(1, "0.1", "0"), moment(1));
    assert_eq!((told.granted, told.remaining), (usd("0.1"), Usd::ZERO));
}

#[test]
fn books_older_than_what_was_promised_keep_the_promise() {
    let mut books = books("0");
    let told = ask(&mut books, "a", &report(7, "0.4", "0"));
    assert_eq!((told.term, told.granted), (7, usd("0.4")));
}

#[test]
fn spending_beyond_the_lease_is_covered_before_there_is_room() {
    let mut books = books("0");
    ask(&mut books, "a", &report(0, "0", "0.1"));
    let asked =
        AccountReport { settled: usd("0.15"), reserved: usd("0.05"), ..report(1, "0.1", "0.1") };
    assert_eq!(ask(&mut books, "a", &asked).granted, usd("0.3"));
}

#[test]
fn a_closed_lease_whose_holder_is_alive_is_opened_again_without_any_room() {
    let mut books = books("0");
    ask(&mut books, "a", &report(0, "0", "0.2"));
    close(&mut books.leases[0], usd("0.03"));
    let asked = AccountReport { settled: usd("0.05"), ..report(1, "0.2", "0.1") };
    let told = ask(&mut books, "a", &asked);
    assert_eq!((told.granted, told.settled), (usd("0.05"), usd("0.05")));
    assert!(told.term > 1 && books.leases[0].is_open());
}

proptest! {
    #[test]
    fn whatever_is_reported_no_grant_passes_the_limit_and_amounts_never_fall(
        reports in proptest::collection::vec(
            (0_usize..3, 0_u64..6, 0_i128..500, 0_i128..300, 0_i128..100, (0_i128..400, 0_i128..300)),
            1..60,
        ),
        base in 0_i128..900,
    ) {
        let limit = Usd::from_pico(1_000);
        let mut books = WindowBooks { base: Some(Usd::from_pico(base)), ..books("0") };
        for (node, term, granted, settled, reserved, (wanted, recent)) in reports {
            let holder = holder(["a", "b", "c"][node], "e1");
            let asked = AccountReport {
                granted: Usd::from_pico(granted),
                settled: Usd::from_pico(settled),
                reserved: Usd::from_pico(reserved),
                recent: Usd::from_pico(recent),
                wanted: Usd::from_pico(wanted),
                least: Usd::from_pico(wanted / 2),
                ..report(term, "0", "0")
            };
            let before = books.clone();
            let known = before.lease(holder.node, holder.epoch).cloned();
            let told = decide(&mut books, limit, &holder, &asked, moment(0));
            prop_assert_eq!(told.remaining, limit - books.committed());
            prop_assert_eq!(told.spent, books.spent());
            // What was promised before, by these books or by those they are a copy of.
            let (own_term, own) =
                known.as_ref().map_or((0, Usd::ZERO), |lease| (lease.term, lease.granted));
            let promised = if term > own_term { own.max(asked.granted) } else { own };
            if told.granted > promised {
                prop_assert!(books.committed() <= limit, "{:?}", books);
            }
            if let Some(lease) = known {
                prop_assert!(told.term >= lease.term && told.settled >= lease.settled);
            }
            prop_assert!(books.spent() >= before.spent());
        }
    }
}
