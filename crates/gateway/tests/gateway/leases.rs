//! Leases: waiting for one, being refused one, and an authority that is slow or away.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use events::ErrorClass;
use policy::{Scope, WhenAlone};
use units::{UnixMicros, Usd};

use crate::bank::Bank;
use crate::harness::{
    ANTHROPIC_MODEL, Answer, Gateway, OPENAI_MODEL, Setup, ask, ask_stream, eventually, send,
    simulator, wait,
};
use crate::raw_upstream::{RawUpstream, completion, respond};

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn answering() -> RawUpstream {
    RawUpstream::start(|_, stream| respond(stream, 200, "", &completion()))
}

/// Says that the authority has been asked and gave nothing.
fn is_away(gateway: &Gateway) {
    eventually("the authority is known to be away", || {
        !gateway.engine.leases.status().is_connected && !wait(gateway.engine.leases.ask())
    });
}

/// Waits for the first round, so that whatever comes next is not mistaken for it.
fn is_connected(gateway: &Gateway) {
    eventually("the first round is over", || gateway.engine.leases.status().is_connected);
}

fn remaining(answer: &Answer) -> Usd {
    usd(answer.header("x-tollgate-budget-remaining-usd"))
}

#[test]
fn a_request_without_a_lease_waits_for_one_and_the_wait_is_not_the_gateways_own_time() {
    let upstream = answering();
    let setup = Setup::raw(&upstream.base_url()).budget("1000");
    let bank = Arc::clone(&setup.bank);
    let gateway = setup.start();
    is_connected(&gateway);
    let answer = wait(async {
        let closed = bank.gate.lock().await;
        let request = gateway.request("POST", "/v1/chat/completions").json(&ask("raw"));
        let asking = tokio::spawn(send(request));
        let wants = |bank: &Bank| {
            bank.reports().iter().any(|report| report.accounts.iter().any(|a| !a.wanted.is_zero()))
        };
        while !wants(&bank) && !asking.is_finished() {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        drop(closed);
        asking.await.unwrap().unwrap()
    });
    assert_eq!(answer.status, 200, "{}", answer.text);
    let overhead_us: i64 = answer.header("x-tollgate-overhead-us").parse().unwrap();
    assert!(overhead_us < 300_000, "{overhead_us}");
    let metrics = wait(send(gateway.request("GET", "/metrics"))).unwrap().text;
    assert!(metrics.contains("tollgate_lease_wait_seconds"), "{metrics}");
    gateway.close();
}

#[test]
fn whoever_needs_no_lease_is_served_while_another_waits_for_one() {
    let simulator = simulator();
    let mut setup = Setup::of(&simulator).budget("1000");
    setup = setup.tune_budget(|budget| budget.scope = Scope::Model(OPENAI_MODEL.to_owned()));
    let bank = Arc::clone(&setup.bank);
    let gateway = setup.start();
    is_connected(&gateway);
    wait(async {
        let closed = bank.gate.lock().await;
        let chat =
            |route: &str| send(gateway.request("POST", "/v1/chat/completions").json(&ask(route)));
        let waiting = tokio::spawn(chat("openai"));
        for _ in 0..5 {
            assert_eq!(chat("anthropic").await.unwrap().status, 200);
        }
        assert!(!waiting.is_finished());
        drop(closed);
        assert_eq!(waiting.await.unwrap().unwrap().status, 200);
    });
    // Only what the budget covers is charged to it.
    let budget = gateway.budget();
    let events = gateway.stop_unchecked();
    let covered = events.iter().filter(|e| e.model.resolved.as_deref() == Some(OPENAI_MODEL));
    let spent: Usd = covered.filter_map(|event| event.cost.billed).sum();
    assert_eq!((budget.spent, budget.reserved), (spent, Usd::ZERO));
}

#[test]
fn what_the_authority_refuses_is_a_402_and_does_not_hammer_it() {
    let upstream = answering();
    let setup = Setup::raw(&upstream.base_url()).budget("10");
    let (bank, budget) = (Arc::clone(&setup.bank), setup.budgets[0].clone());
    let gateway = setup.start();
    bank.spend_elsewhere(budget.id, gateway.budget().window_start, usd("10"));
    let before = bank.reports().len();
    for _ in 0..60 {
        let refused = gateway.chat(&ask("raw"));
        assert_eq!((refused.status, refused.code().as_str()), (402, "budget_exceeded"));
        let told = &refused.json()["error"]["metadata"];
        assert_eq!((&told["spent_usd"], &told["window"]), (&"10.00".into(), &"month".into()));
    }
    let rounds = bank.reports().len() - before;
    assert!(rounds < 30, "{rounds} rounds for 60 requests");
    assert_eq!(upstream.connections(), 0);
    let events = gateway.stop_unchecked();
    assert!(events.iter().all(|event| event.outcome.error == Some(ErrorClass::BudgetExceeded)));
}

#[test]
fn an_authority_that_is_away_is_a_503_that_names_the_budget_and_invites_a_retry() {
    let upstream = answering();
    let setup = Setup::raw(&upstream.base_url()).budget("1000");
    let bank = Arc::clone(&setup.bank);
    bank.is_away.store(true, Ordering::SeqCst);
    let gateway = setup.start();
    is_away(&gateway);
    for body in [ask("raw"), ask_stream("raw")] {
        let refused = gateway.chat(&body);
        assert_eq!(refused.status, 503, "{}", refused.text);
        assert_eq!(refused.code(), "budget_authority_unavailable");
        assert_eq!(refused.header("retry-after"), "1");
        assert_eq!(refused.header("x-should-retry"), "true");
        let error = &refused.json()["error"];
        assert_eq!(error["metadata"]["budget"], "monthly");
        assert!(error["message"].as_str().unwrap().contains("monthly"), "{error}");
    }
    assert_eq!(upstream.connections(), 0);
    bank.is_away.store(false, Ordering::SeqCst);
    eventually("it serves again", || gateway.chat(&ask("raw")).status == 200);
    let events = gateway.close();
    assert_eq!(events[0].outcome.error, Some(ErrorClass::Overloaded));
    assert_eq!((events[0].ids.attempt, events[0].outcome.status), (0, Some(503)));
}

#[test]
fn a_budget_that_may_spend_alone_spends_its_exposure_and_not_more() {
    let upstream = answering();
    let exposure = usd("0.02");
    let setup = Setup::raw(&upstream.base_url())
        .budget("1000")
        .tune_budget(|budget| budget.when_alone = WhenAlone::Spend { exposure });
    let bank = Arc::clone(&setup.bank);
    bank.is_away.store(true, Ordering::SeqCst);
    let gateway = setup.start();
    is_away(&gateway);
    let mut body = ask("raw");
    body["max_tokens"] = 500.into();
    let mut served = 0;
    let refused = loop {
        let answer = gateway.chat(&body);
        if answer.status != 200 {
            break answer;
        }
        served += 1;
        assert!(gateway.budget().spent <= exposure);
    };
    assert!(served > 3, "{served}");
    assert_eq!(refused.code(), "budget_authority_unavailable");
    gateway.close();
}

#[test]
fn a_slow_authority_costs_a_request_its_wait_and_serves_the_next_one() {
    let upstream = answering();
    let mut setup = Setup::raw(&upstream.base_url()).budget("1000");
    setup.lease_wait_max = Duration::from_millis(50);
    let bank = Arc::clone(&setup.bank);
    let gateway = setup.start();
    is_connected(&gateway);
    wait(async {
        let closed = bank.gate.lock().await;
        let began = Instant::now();
        let request = gateway.request("POST", "/v1/chat/completions").json(&ask("raw"));
        let refused = send(request).await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(50));
        assert_eq!(refused.code(), "budget_authority_unavailable", "{}", refused.text);
        assert!(gateway.engine.leases.status().is_connected, "slow is not away");
        drop(closed);
    });
    eventually("what was wanted is there", || gateway.chat(&ask("raw")).status == 200);
    gateway.close();
}

#[test]
fn each_attempt_is_admitted_for_its_model_its_user_and_its_customer() {
    let simulator = simulator();
    for (scope, header, route, status) in [
        (Scope::User("ada".to_owned()), ("x-tollgate-user", "ada"), "openai", 402),
        (Scope::User("ada".to_owned()), ("x-tollgate-user", "eve"), "openai", 200),
        (Scope::Customer("globex".to_owned()), ("x-tollgate-customer", "globex"), "openai", 402),
        (Scope::Customer("globex".to_owned()), ("x-tollgate-user", "globex"), "openai", 200),
        (Scope::Model(OPENAI_MODEL.to_owned()), ("x-tollgate-user", "ada"), "openai", 402),
        (Scope::Model(OPENAI_MODEL.to_owned()), ("x-tollgate-user", "ada"), "anthropic", 200),
        (Scope::Model(OPENAI_MODEL.to_owned()), ("x-tollgate-user", "ada"), "both", 200),
    ] {
        let case = format!("{scope} {header:?} {route}");
        let setup = Setup::of(&simulator).budget("0.0001").tune_budget(|b| b.scope = scope);
        let gateway = setup.start();
        let answer = gateway.chat_with(&ask(route), &[header]);
        assert_eq!(answer.status, status, "{case}: {}", answer.text);
        if route == "both" {
            assert_eq!(answer.header("x-tollgate-model"), ANTHROPIC_MODEL);
        }
        gateway.stop_unchecked();
    }
}

#[test]
fn answers_say_what_is_left_of_the_tightest_budget() {
    let simulator = simulator();
    let mut setup = Setup::of(&simulator).budget("1000").budget("5");
    setup.budgets[1].id = policy::Budget::id_of(&setup.key.organisation, "small");
    setup.budgets[1].name = "small".to_owned();
    let gateway = setup.start();
    let mut last = usd("5");
    for body in [ask("openai"), ask_stream("openai"), ask("anthropic")] {
        let answer = gateway.chat(&body);
        let left = remaining(&answer);
        assert!(left < last && left > usd("4"), "{left} after {last}");
        last = left;
    }
    gateway.close();
    let gateway = Setup::of(&simulator).start();
    assert_eq!(gateway.chat(&ask("openai")).header("x-tollgate-budget-remaining-usd"), "");
    gateway.close();
}

#[test]
fn a_report_says_whose_it_is_and_which_epochs_are_unfinished() {
    let upstream = answering();
    let setup = Setup::raw(&upstream.base_url()).budget("1000");
    let bank = Arc::clone(&setup.bank);
    let gateway = setup.start();
    let left_behind = "0123456789abcdef0123456789abcdef";
    std::fs::create_dir(gateway.dir.path().join("spool").join(left_behind)).unwrap();
    assert_eq!(gateway.chat(&ask("raw")).status, 200);
    let spool = &gateway.engine.accounting.spool;
    let (epoch, spooled) = (spool.epoch().to_owned(), spool.next_seq());
    let reported = || {
        let last = bank.reports().pop().unwrap();
        last.accounts.first().is_some_and(|account| account.next_seq >= spooled)
    };
    eventually("what happened is reported", reported);
    let last = bank.reports().pop().unwrap();
    assert_eq!((last.node.as_str(), &last.epoch), ("test", &epoch));
    assert_eq!(last.unfinished, [left_behind]);
    assert_eq!(last.accounts[0].settled, gateway.budget().spent);
    assert!(!last.is_final);
    gateway.close();
}

#[test]
fn a_stop_gives_everything_back_after_the_last_request_is_settled() {
    let upstream = answering();
    let setup = Setup::raw(&upstream.base_url()).budget("1000");
    let (bank, budget) = (Arc::clone(&setup.bank), setup.budgets[0].id);
    let gateway = setup.start();
    for _ in 0..3 {
        assert_eq!(gateway.chat(&ask("raw")).status, 200);
    }
    let events = gateway.close();
    let spent: Usd = events.iter().filter_map(|event| event.cost.billed).sum();
    let last = bank.reports().pop().unwrap();
    assert!(last.is_final);
    let account = &last.accounts[0];
    assert_eq!((account.settled, account.reserved), (spent, Usd::ZERO));
    assert_eq!(bank.committed(budget), spent);
}

#[test]
fn short_lived_leases_are_renewed_without_any_request() {
    let upstream = answering();
    let setup = Setup::raw(&upstream.base_url()).budget("1000");
    let bank = Arc::clone(&setup.bank);
    bank.ttl_ms.store(150, Ordering::SeqCst);
    let gateway = setup.start();
    eventually("it is renewed again and again", || bank.reports().len() > 4);
    gateway.close();
}

#[test]
fn readiness_does_not_depend_on_the_authority_and_tells_of_it() {
    let upstream = answering();
    let setup = Setup::raw(&upstream.base_url()).budget("1000");
    let bank = Arc::clone(&setup.bank);
    let gateway = setup.start();
    let ready = || {
        let answer = wait(send(gateway.request("GET", "/readyz"))).unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    };
    eventually("it is connected", || ready()["authority"]["connected"] == true);
    assert!(ready()["authority"]["last_round_age_s"].is_u64());
    bank.is_away.store(true, Ordering::SeqCst);
    // Something must happen for the next round to come soon.
    gateway.chat(&ask("raw"));
    eventually("it is known to be away", || ready()["authority"]["connected"] == false);
    let snapshot = &ready()["snapshot"];
    assert_eq!((&snapshot["version"], &snapshot["from_disk"]), (&1.into(), &false.into()));
    assert!(snapshot["tag"].as_str().unwrap().starts_with("snap_"), "{snapshot}");
    assert!(snapshot["age_s"].is_u64(), "{snapshot}");
    gateway.close();
}

#[test]
fn many_requests_share_a_round() {
    let upstream = answering();
    let setup = Setup::raw(&upstream.base_url()).budget("1000");
    let bank = Arc::clone(&setup.bank);
    let gateway = Arc::new(setup.start());
    is_connected(&gateway);
    let statuses: Vec<u16> = wait(async {
        let closed = bank.gate.lock().await;
        let chat = |_| {
            let request = gateway.request("POST", "/v1/chat/completions").json(&ask("raw"));
            tokio::spawn(async move { send(request).await.unwrap().status })
        };
        let all: Vec<_> = (0..32).map(chat).collect();
        let (in_flight, wanted) = (&gateway.engine.drain, 32);
        while in_flight.in_flight() < wanted {
            tokio::task::yield_now().await;
        }
        drop(closed);
        let mut statuses = Vec::new();
        for one in all {
            statuses.push(one.await.unwrap());
        }
        statuses
    });
    assert_eq!(statuses, [200; 32]);
    let rounds = bank.reports().len();
    assert!(rounds < 24, "{rounds} rounds");
    Arc::into_inner(gateway).unwrap().close();
}

#[test]
fn a_window_of_the_lease_is_the_requests_own() {
    let upstream = answering();
    let setup = Setup::raw(&upstream.base_url())
        .budget("1000")
        .tune_budget(|budget| budget.window = units::CalendarWindow::Day);
    let bank = Arc::clone(&setup.bank);
    let gateway = setup.start();
    assert_eq!(gateway.chat(&ask("raw")).status, 200);
    let day_us = 86_400_000_000;
    let starts: Vec<UnixMicros> = bank
        .reports()
        .iter()
        .flat_map(|report| report.accounts.iter().map(|account| account.window_start))
        .collect();
    assert!(!starts.is_empty() && starts.iter().all(|start| start.get() % day_us == 0));
    gateway.close();
}
