//! One small cap shared by two gateways with many clients, while any process is killed at any moment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;
use units::Usd;

use super::SETTLED_WITHIN;
use crate::harness::client::chat;
use crate::harness::dice::Dice;
use crate::harness::{Answer, Apart, Client, Row, Setup, providers, run, tools, wait_for};

/// How much of everything.
struct Size {
    /// Clients of each gateway.
    clients: usize,
    kills: u32,
    cap: Usd,
}

impl Size {
    fn of_this_run() -> Self {
        let (clients, kills, cap) = match tools::is_long() {
            false => (8, 12, "0.40"),
            true => (64, 100, "8.00"),
        };
        Self { clients, kills, cap: cap.parse().unwrap() }
    }
}

/// Complete answers: what they told they cost, by request id.
type Told = BTreeMap<String, Usd>;

/// Asks until told to stop; nothing but an answer, a denial or a call to wait may come back.
async fn ask_until(stop: Arc<AtomicBool>, client: Client) -> Told {
    let mut told = Told::new();
    let body = chat("openai/gpt-5.4-mini");
    while !stop.load(Ordering::SeqCst) {
        let answer = client.send(client.request().json(&body)).await;
        if !keep(answer, &mut told) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    told
}

/// Spends until it has been denied often enough.
async fn spend(client: Client) -> Told {
    let (mut told, mut denials) = (Told::new(), 0);
    let body = chat("openai/gpt-5.4");
    while denials < 3 {
        let answer = client.send(client.request().json(&body)).await;
        denials += u32::from(answer.as_ref().is_ok_and(|answer| answer.status == 402));
        if !keep(answer, &mut told) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    told
}

fn keep(answer: reqwest::Result<Answer>, told: &mut Told) -> bool {
    let Ok(answer) = answer else { return false };
    assert!([200, 402, 503].contains(&answer.status), "{answer:?}");
    let is_answered = answer.status == 200;
    if is_answered {
        told.insert(answer.request_id(), answer.cost().expect("a price"));
    }
    is_answered
}

/// Runs `size.clients` tasks on each gateway, and something meanwhile.
fn with_clients<F: Future<Output = Told> + Send + 'static>(
    apart: &Apart,
    size: &Size,
    key: &str,
    task: impl Fn(Client) -> F,
    meanwhile: impl AsyncFnOnce(),
) -> Told {
    run(async {
        let mut tasks = JoinSet::new();
        for gateway in &apart.gateways {
            // Connections of one gateway are shared by its clients, as in an application.
            let client = gateway.client(key);
            (0..size.clients).for_each(|_| drop(tasks.spawn(task(client.clone()))));
        }
        meanwhile().await;
        tasks.join_all().await.into_iter().flatten().collect()
    })
}

/// Kills one process after the other, each at a moment of its own.
fn storm(apart: &Apart, size: &Size, key: &str) -> Told {
    let stop: Arc<AtomicBool> = Arc::default();
    let asking = |client| ask_until(Arc::clone(&stop), client);
    with_clients(apart, size, key, asking, async || {
        let mut dice = Dice::new();
        for kill in 0..size.kills {
            tokio::time::sleep(Duration::from_millis(dice.between(300, 1_400))).await;
            match dice.between(0, 3) {
                0 => apart.console.relaunch(),
                other => apart.gateways[usize::try_from(other).unwrap() - 1].relaunch(),
            }
            if kill % 6 == 5 {
                assert_within(apart, size.cap);
            }
        }
        apart.console.ready();
        apart.gateways.iter().for_each(crate::harness::half::Half::ready);
        stop.store(true, Ordering::SeqCst);
    })
}

/// What the lake holds of the team.
fn spent(apart: &Apart) -> Usd {
    let sql = "SELECT sum(cost_usd) AS cost FROM usage WHERE team = 'support'";
    apart.query(sql).first().and_then(|row| row.usd("cost")).unwrap_or(Usd::ZERO)
}

fn assert_within(apart: &Apart, cap: Usd) {
    let spent = spent(apart);
    assert!(spent <= cap, "{spent} of {cap}");
}

/// Every node has at most one lease, its present process's.
fn only_the_living_hold_leases(apart: &Apart) -> bool {
    let leases = apart.leases("support-monthly");
    let present: BTreeSet<(String, String)> = apart
        .gateways
        .iter()
        .enumerate()
        .flat_map(|(number, gateway)| {
            gateway.epochs().into_iter().map(move |epoch| (format!("gw-{number}"), epoch))
        })
        .collect();
    let is_present = |lease: &Row| {
        present.contains(&(lease.text("node").to_owned(), lease.text("epoch").to_owned()))
    };
    present.len() == apart.gateways.len() && leases.iter().all(is_present)
}

#[test]
fn a_cap_shared_by_two_gateways_holds_through_kills_of_every_process_and_is_still_spent() {
    let size = Size::of_this_run();
    let apart = Apart::start(&Setup::default().budget("support", &size.cap.to_string()), 2);
    let key = apart.key("support");
    // Requests are under way when a process is killed.
    apart.providers.set_fault("gpt-5.4-mini", "words=20&delay_ms=100").unwrap();
    let mut told = storm(&apart, &size, &key);
    assert!(!told.is_empty(), "nothing was answered");
    wait_for("the leases of dead processes to be closed", SETTLED_WITHIN, || {
        only_the_living_hold_leases(&apart).then_some(())
    });
    assert_within(&apart, size.cap);
    eprintln!("{} of {} spent by {} answers in the storm", spent(&apart), size.cap, told.len());

    apart.providers.set_fault("gpt-5.4", "words=60").unwrap();
    told.extend(with_clients(&apart, &size, &key, spend, async || {}));
    let rows = recorded(&apart, &told);
    let sum: Usd = rows.iter().filter_map(|row| row.usd("cost_usd")).sum();
    assert!(sum <= size.cap, "{sum} of {}", size.cap);
    assert!(sum >= size.cap.per_mille(900), "{sum} of {}", size.cap);
    let billed = providers::total(&apart.providers.bill().requests);
    assert!(billed <= sum, "the providers bill {billed}, the lake holds {sum}");
    wait_for("the books to agree with the lake", SETTLED_WITHIN, || {
        let budgets = apart.console.rows(&["budget", "list"]);
        (budgets.first()?.usd("spent") == Some(sum)).then_some(())
    });
}

/// All rows of the team once every answer is among them: each once, and at the cost that was told.
fn recorded(apart: &Apart, told: &Told) -> Vec<Row> {
    let sql = "SELECT request_id, attempt, is_final, cost_usd FROM usage WHERE team = 'support'";
    let rows = wait_for("every answer to be in the lake", SETTLED_WITHIN, || {
        let rows = apart.query(sql);
        let held: BTreeSet<&str> = rows.iter().map(|row| row.text("request_id")).collect();
        told.keys().all(|id| held.contains(id.as_str())).then_some(rows)
    });
    let distinct: BTreeSet<(&str, u64)> =
        rows.iter().map(|row| (row.text("request_id"), row.number("attempt"))).collect();
    assert_eq!(distinct.len(), rows.len(), "nothing twice");
    for row in rows.iter().filter(|row| row.flag("is_final")) {
        let id = row.text("request_id");
        if let Some(cost) = told.get(id) {
            assert_eq!(row.usd("cost_usd"), Some(*cost), "{id}: {row:?}");
        }
    }
    rows
}
