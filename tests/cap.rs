//! A cap that holds: 64 clients against a small monthly budget, through a kill and a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinSet;
use units::{BillingPeriod, BillingZone, Clock, SystemClock, Usd};

use crate::harness::client::chat;
use crate::harness::{Answer, Client, Setup, Tollgate, providers, run};

/// Clients at once.
const CLIENTS: usize = 64;
/// The budget.
const CAP: Usd = Usd::from_pico(500_000_000_000);
/// Denials after which a client gives up.
const DENIALS: usize = 3;
/// Answers after which the process is killed: about half the budget.
const KILLED_AFTER: u64 = 600;

/// Asks until it has been denied often enough; gives the denials.
async fn spend(client: Client, answered: Arc<AtomicU64>) -> Vec<Answer> {
    let mut denials = Vec::new();
    while denials.len() < DENIALS {
        match client.send(client.request().json(&chat("openai/gpt-5.4-mini"))).await {
            Ok(answer) if answer.status == 402 => denials.push(answer),
            Ok(answer) if answer.status == 200 => {
                answered.fetch_add(1, Ordering::SeqCst);
            }
            // Killed or starting.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            Ok(answer) => panic!("neither answered nor denied: {answer:?}"),
        }
    }
    denials
}

#[test]
fn sixty_four_clients_never_pass_a_cap_and_nearly_all_of_it_can_be_spent() {
    let limit = CAP.to_string();
    let tollgate = Tollgate::start(&Setup::default().budget("support", &limit));
    // Every answer has nearly as many tokens as its kind usually needs.
    tollgate.providers.set_fault("gpt-5.4-mini", "words=60").unwrap();
    let client = tollgate.client("support");
    let answered = Arc::new(AtomicU64::new(0));
    let denials: Vec<Answer> = run(async {
        let mut spending = JoinSet::new();
        for _ in 0..CLIENTS {
            spending.spawn(spend(client.clone(), Arc::clone(&answered)));
        }
        while answered.load(Ordering::SeqCst) < KILLED_AFTER && spending.len() == CLIENTS {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tollgate.kill();
        tollgate.restart();
        spending.join_all().await.into_iter().flatten().collect()
    });
    for denial in &denials {
        assert_denied(denial);
    }
    let spent_at_first = denials.iter().map(|denial| usd(denial, "spent_usd")).min().unwrap();
    assert!(spent_at_first >= CAP.per_mille(900), "{spent_at_first} of {CAP} at the first denial");
    let client = client.with_key(&tollgate.key("search", &[]));
    let other = wait_until_known(&client);
    assert_eq!(other.status, 200, "another team is not concerned: {other:?}");
    assert!(tollgate.stop().success());
    let spent = tollgate.query(
        "SELECT sum(cost_usd) AS cost, count(*) AS requests FROM usage \
         WHERE team = 'support' AND attempt > 0",
    );
    let spent = spent[0].usd("cost").unwrap();
    assert!(spent <= CAP && spent >= CAP.per_mille(900), "{spent} of {CAP}");
    let bill = tollgate.providers.bill();
    let billed = providers::total(&bill.requests);
    assert!(billed <= CAP + other.cost().unwrap(), "the providers bill {billed} of {CAP}");
}

fn wait_until_known(client: &Client) -> Answer {
    crate::harness::wait_for("the new key to work", Duration::from_secs(10), || {
        Some(run(client.ask(&chat("openai/gpt-5.4-mini")))).filter(|answer| answer.status != 401)
    })
}

#[test]
fn a_spent_budget_is_still_spent_after_a_kill_and_a_restart() {
    let tollgate = Tollgate::start(&Setup::default().budget("support", "0.02"));
    let client = tollgate.client("support");
    let answered = Arc::new(AtomicU64::new(0));
    let before = run(spend(client.clone(), Arc::clone(&answered)));
    assert!(answered.load(Ordering::SeqCst) > 0, "{before:?}");
    let spent = before.iter().map(|denial| usd(denial, "spent_usd")).max().unwrap();
    for _ in 0..2 {
        tollgate.kill();
        tollgate.restart();
        let denial = run(client.ask(&chat("openai/gpt-5.4-mini")));
        assert_denied(&denial);
        assert_eq!(usd(&denial, "spent_usd"), spent, "restored to the last digit");
    }
}

/// A denial tells which budget, how it stands, and when to come again.
fn assert_denied(denial: &Answer) {
    assert_eq!(denial.status, 402, "{denial:?}");
    let error = denial.error();
    assert_eq!((&error["type"], &error["code"]), (&tell("budget_exceeded"), &tell("budget_exceeded")));
    assert_eq!(denial.header("x-should-retry"), "false");
    assert_eq!(denial.header("retry-after"), "");
    let metadata = &error["metadata"];
    assert!(metadata["budget_id"].as_str().unwrap().starts_with("bud_"), "{error}");
    assert_eq!((&metadata["scope"], &metadata["window"]), (&tell("team:support"), &tell("month")));
    let zone = BillingZone::UTC;
    let (_, end) = BillingPeriod::containing(SystemClock.now(), &zone).range(&zone);
    assert_eq!(metadata["resets_at"], tell(&end.to_string()));
    let [limit, spent, reserved] = ["limit_usd", "spent_usd", "reserved_usd"];
    assert!(usd(denial, spent) + usd(denial, reserved) <= usd(denial, limit), "{error}");
}

fn usd(denial: &Answer, name: &str) -> Usd {
    let error = denial.error();
    let text = error["metadata"][name].as_str().unwrap_or_else(|| panic!("{name}: {error}"));
    text.parse().unwrap()
}

fn tell(text: &str) -> Value {
    text.into()
}
