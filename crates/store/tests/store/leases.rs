//! The books of budgets: what is decided in one transaction, and two processes at once.

use policy::{Lease, LeaseState, WindowBooks};
use units::{BudgetId, UnixMicros, Usd};

use crate::{Bench, Engine};

on_both_engines!(
    unknown_windows_are_created_empty_and_seen_once_in_order,
    what_was_decided_reads_back_to_the_last_digit,
    a_decision_changes_only_what_it_says,
    what_a_decision_adds_beyond_its_windows_is_not_written,
    a_decision_that_panics_changes_nothing,
    asking_for_no_window_decides_nothing,
    open_windows_are_those_that_may_still_change_or_are_new,
    of_many_deciders_in_two_processes_none_sees_a_state_another_is_changing,
    deciders_that_name_their_windows_in_any_order_all_finish,
    a_lease_edited_into_nonsense_is_reported_by_column,
);

const START: UnixMicros = UnixMicros::new(1_763_769_600_000_000);

fn budget(n: u128) -> BudgetId {
    BudgetId::from_u128(n)
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn lease(node: &str, granted: &str) -> Lease {
    Lease {
        node: node.to_owned(),
        epoch: "019a".to_owned(),
        term: 3,
        granted: usd(granted),
        settled: usd("0.000000000001"),
        before: usd("-0.5"),
        reserved: usd("12345678901234.123456789012"),
        overshoot: Usd::ZERO,
        next_seq: 7,
        expires_at: START.plus_micros(15),
        reported_at: START.plus_micros(1),
        state: LeaseState::Open,
    }
}

async fn unknown_windows_are_created_empty_and_seen_once_in_order(engine: Engine) {
    let bench = Bench::new(engine).await;
    let later = START.plus_micros(1);
    let asked = [(budget(2), START), (budget(1), later), (budget(1), START), (budget(2), START)];
    let expected = [(budget(1), START), (budget(1), later), (budget(2), START)]
        .map(|(b, s)| WindowBooks::new(b, s));
    let seen = bench.store.leases().transact(&asked, Box::new(|_| ())).await.unwrap();
    assert_eq!(seen, expected);
    assert_eq!(bench.store.leases().open_windows(START).await.unwrap(), expected);
}

async fn what_was_decided_reads_back_to_the_last_digit(engine: Engine) {
    let bench = Bench::new(engine).await;
    let key = (budget(1), START);
    let written = bench
        .store
        .leases()
        .transact(
            &[key],
            Box::new(|windows| {
                windows[0].base = Some("999999999999999999.999999999999".parse().unwrap());
                windows[0].corrections = "-0.000000000001".parse().unwrap();
                windows[0].leases = vec![lease("a", "1.10"), lease("b", "2")];
                windows[0].leases[1].state = LeaseState::Closed;
            }),
        )
        .await
        .unwrap();
    let other = bench.second().await;
    let read = other.leases().transact(&[key], Box::new(|_| ())).await.unwrap();
    assert_eq!(read, written);
    assert_eq!(read[0].leases[0], lease("a", "1.1"));
    assert_eq!(read[0].base, Some(usd("999999999999999999.999999999999")));
}

async fn a_decision_changes_only_what_it_says(engine: Engine) {
    let bench = Bench::new(engine).await;
    let leases = bench.store.leases();
    let keys = [(budget(1), START), (budget(2), START)];
    let fill = |windows: &mut Vec<WindowBooks>| {
        for books in windows {
            books.base = Some(usd("5"));
            books.leases = ["a", "b", "c"].map(|node| lease(node, "1")).into();
        }
    };
    let mut expected = leases.transact(&keys, Box::new(fill)).await.unwrap();
    let change = |windows: &mut Vec<WindowBooks>| {
        windows[1].base = None;
        windows[1].leases.remove(0);
        windows[1].leases[1].granted = usd("9");
    };
    change(&mut expected);
    assert_eq!(leases.transact(&keys, Box::new(change)).await.unwrap(), expected);
    assert_eq!(leases.open_windows(START).await.unwrap(), expected);
    // Leaving a window out of the result is not a decision about it.
    let left = leases.transact(&keys, Box::new(|windows| windows.truncate(1))).await.unwrap();
    assert_eq!(left, expected[..1]);
    assert_eq!(leases.open_windows(START).await.unwrap(), expected);
}

async fn what_a_decision_adds_beyond_its_windows_is_not_written(engine: Engine) {
    let bench = Bench::new(engine).await;
    let leases = bench.store.leases();
    let stray = |windows: &mut Vec<WindowBooks>| {
        windows.push(WindowBooks { base: Some(usd("1")), ..WindowBooks::new(budget(9), START) });
    };
    let written = leases.transact(&[(budget(1), START)], Box::new(stray)).await.unwrap();
    assert_eq!(written, [WindowBooks::new(budget(1), START)]);
    assert_eq!(leases.open_windows(START).await.unwrap(), written);
}

async fn a_decision_that_panics_changes_nothing(engine: Engine) {
    let bench = Bench::new(engine).await;
    let store = bench.store.clone();
    let decided = tokio::spawn(async move {
        let fail = |windows: &mut Vec<WindowBooks>| {
            windows[0].base = Some(Usd::ZERO);
            panic!("deciding failed");
        };
        store.leases().transact(&[(budget(1), START)], Box::new(fail)).await
    });
    assert!(decided.await.unwrap_err().is_panic());
    assert_eq!(bench.store.leases().open_windows(START).await.unwrap(), []);
    // The books are free again.
    bench.store.leases().transact(&[(budget(1), START)], Box::new(|_| ())).await.unwrap();
}

async fn asking_for_no_window_decides_nothing(engine: Engine) {
    let bench = Bench::new(engine).await;
    let never = |_: &mut Vec<WindowBooks>| panic!("there was nothing to decide");
    assert_eq!(bench.store.leases().transact(&[], Box::new(never)).await.unwrap(), []);
}

async fn open_windows_are_those_that_may_still_change_or_are_new(engine: Engine) {
    let bench = Bench::new(engine).await;
    let leases = bench.store.leases();
    let old = START.plus_micros(-1_000_000);
    let keys = [(budget(1), old), (budget(2), old), (budget(3), old), (budget(4), START)];
    let fill = |windows: &mut Vec<WindowBooks>| {
        windows[0].leases = vec![lease("a", "1"), lease("b", "1")];
        windows[0].leases[1].state = LeaseState::Closed;
        windows[1].leases = vec![lease("a", "1")];
        windows[1].leases[0].state = LeaseState::Closed;
    };
    let written = leases.transact(&keys, Box::new(fill)).await.unwrap();
    let open = leases.open_windows(START).await.unwrap();
    assert_eq!(open, [written[0].clone(), written[3].clone()]);
    assert_eq!(leases.open_windows(old).await.unwrap(), written);
}

async fn of_many_deciders_in_two_processes_none_sees_a_state_another_is_changing(engine: Engine) {
    let bench = Bench::new(engine).await;
    let stores = [bench.store.clone(), bench.second().await];
    let mut tasks = tokio::task::JoinSet::new();
    // Each grants a dollar unless ten are granted: the cap only holds if they take turns.
    for n in 0..24_usize {
        let leases = stores[n % 2].leases();
        tasks.spawn(async move {
            let grant = move |windows: &mut Vec<WindowBooks>| {
                let books = &mut windows[0];
                books.base.get_or_insert(Usd::ZERO);
                if books.committed() < "10".parse().unwrap() {
                    books.leases.push(lease(&format!("node-{n}"), "1"));
                }
            };
            leases.transact(&[(budget(1), START)], Box::new(grant)).await
        });
    }
    while let Some(decided) = tasks.join_next().await {
        decided.unwrap().unwrap();
    }
    let books = bench.store.leases().open_windows(START).await.unwrap().remove(0);
    assert_eq!((books.leases.len(), books.committed()), (10, usd("10")));
}

async fn deciders_that_name_their_windows_in_any_order_all_finish(engine: Engine) {
    let bench = Bench::new(engine).await;
    let stores = [bench.store.clone(), bench.second().await];
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..24_u128 {
        let leases = stores[usize::try_from(n).unwrap() % 2].leases();
        let mut keys: Vec<_> = (0..6).map(|k| (budget((k + n) % 9), START)).collect();
        if n % 3 == 0 {
            keys.reverse();
        }
        let count = |windows: &mut Vec<WindowBooks>| {
            for books in windows {
                books.corrections += "1".parse().unwrap();
            }
        };
        tasks.spawn(async move { leases.transact(&keys, Box::new(count)).await });
    }
    while let Some(decided) = tasks.join_next().await {
        assert_eq!(decided.unwrap().unwrap().len(), 6);
    }
    let all = bench.store.leases().open_windows(START).await.unwrap();
    assert_eq!(all.iter().map(|books| books.corrections).sum::<Usd>(), usd("144"));
}

async fn a_lease_edited_into_nonsense_is_reported_by_column(engine: Engine) {
    let bench = Bench::new(engine).await;
    let fill = |windows: &mut Vec<WindowBooks>| windows[0].leases = vec![lease("a", "1")];
    bench.store.leases().transact(&[(budget(1), START)], Box::new(fill)).await.unwrap();
    bench.raw("UPDATE leases SET term = -1").await.unwrap();
    let error = bench.store.leases().open_windows(START).await.unwrap_err();
    assert!(error.to_string().starts_with("the stored term does not read back"), "{error}");
}
