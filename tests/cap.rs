//! A cap that holds: 64 clients against a small monthly budget, through a kill and a restart.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::task::JoinSet;
use units::{BillingPeriod, BillingZone, Clock, SystemClock, Usd};

use crate::harness::client::chat;
use crate::harness::{Answer, Client, Setup, Tollgate, providers, run};

/// Clients at once.
const CLIENTS: usize = 64;
/// The budget of the storm.
const CAP: Usd = Usd::from_pico(500_000_000_000);
/// Longest wait for an answer that is a decision.
const DECIDED_WITHIN: Duration = Duration::from_secs(20);
/// Denials after which a client gives up.
const DENIALS: usize = 3;

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
            Ok(answer) if answer.is_lease_late() => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(answer) => panic!("neither answered nor denied: {answer:?}"),
        }
    }
    denials
}

/// Asks until the answer is a decision, which a lease that was late is not.
async fn decided(client: &Client) -> Answer {
    let deadline = Instant::now() + DECIDED_WITHIN;
    loop {
        let answer = client.ask(&chat("openai/gpt-5.4-mini")).await;
        if !answer.is_lease_late() || Instant::now() > deadline {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Spends with so many clients while `meanwhile` runs; gives all denials.
fn spend_all(
    client: &Client,
    clients: usize,
    answered: &Arc<AtomicU64>,
    meanwhile: impl AsyncFnOnce(),
) -> Vec<Answer> {
    run(async {
        let mut spending = JoinSet::new();
        for _ in 0..clients {
            spending.spawn(spend(client.clone(), Arc::clone(answered)));
        }
        meanwhile().await;
        spending.join_all().await.into_iter().flatten().collect()
    })
}

/// What the ledger holds of the team and what the providers bill, both within the cap.
fn assert_within(tollgate: &Tollgate, cap: Usd) -> Usd {
    let sql = "SELECT sum(cost_usd) AS cost FROM usage WHERE team = 'support'";
    let spent = tollgate.query(sql)[0].usd("cost").unwrap();
    assert!(spent <= cap, "{spent} of {cap}");
    let billed = providers::total(&tollgate.providers.bill().requests);
    assert!(billed <= spent, "the providers bill {billed}, the ledger holds {spent}");
    spent
}

#[test]
fn sixty_four_clients_never_pass_a_cap_and_nearly_all_of_it_can_be_spent() {
    let tollgate = Tollgate::start(&Setup::default().budget("support", &CAP.to_string()));
    // Every answer has nearly as many tokens as its kind usually needs.
    tollgate.providers.set_fault("gpt-5.4-mini", "words=60").unwrap();
    let client = tollgate.client("support");
    let denials = spend_all(&client, CLIENTS, &Arc::default(), async || {});
    for denial in &denials {
        assert_denied(denial);
    }
    let spent_at_first = denials.iter().map(|denial| usd(denial, "spent_usd")).min().unwrap();
    assert!(spent_at_first >= CAP.per_mille(900), "{spent_at_first} of {CAP} at the first denial");
    assert!(tollgate.stop().success());
    let spent = assert_within(&tollgate, CAP);
    assert!(spent >= CAP.per_mille(900), "{spent} of {CAP}");
}

#[test]
fn a_cap_holds_through_kills_and_is_still_spent_after_them() {
    let cap: Usd = "0.15".parse().unwrap();
    let tollgate = Tollgate::start(&Setup::default().budget("support", &cap.to_string()));
    let client = tollgate.client("support");
    let answered: Arc<AtomicU64> = Arc::default();
    spend_all(&client, 16, &answered, async || {
        for kill in 1..=2 {
            while answered.load(Ordering::SeqCst) < kill * 80 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            tollgate.kill();
            tollgate.restart();
        }
    });
    let before = run(decided(&client));
    assert_denied(&before);
    for _ in 0..2 {
        tollgate.kill();
        tollgate.restart();
        let after = run(decided(&client));
        assert_denied(&after);
        assert_eq!(usd(&after, "spent_usd"), usd(&before, "spent_usd"), "to the last digit");
    }
    assert_eq!(usd(&before, "spent_usd"), assert_within(&tollgate, cap));
}

#[test]
fn a_spent_budget_concerns_no_other_team() {
    let tollgate = Tollgate::start(&Setup::default().budget("tiny", "0.000001"));
    let denial = run(tollgate.client("tiny").ask(&chat("openai/gpt-5.4")));
    assert_eq!((denial.status, &denial.error()["code"]), (402, &tell("request_exceeds_budget")));
    assert_eq!(run(tollgate.client("search").ask(&chat("openai/gpt-5.4"))).status, 200);
}

/// A denial tells which budget, how it stands, and when to come again.
fn assert_denied(denial: &Answer) {
    assert_eq!(denial.status, 402, "{denial:?}");
    let error = denial.error();
    assert_eq!(
        (&error["type"], &error["code"]),
        (&tell("budget_exceeded"), &tell("budget_exceeded"))
    );
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
