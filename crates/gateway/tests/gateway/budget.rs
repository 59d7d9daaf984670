//! The cap holds, nearly all of it is spendable, and whoever is refused is told why.

use std::sync::Arc;

use events::ErrorClass;
use policy::OnUnpriced;
use serde_json::Value;
use units::Usd;

use crate::harness::{Answer, OPENAI_MODEL, Setup, ask, send, simulator, wait};
use crate::raw_upstream::{RawUpstream, completion, respond};

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn metadata_usd(answer: &Answer, name: &str) -> Usd {
    usd(answer.json()["error"]["metadata"][name].as_str().unwrap())
}

#[test]
fn who_is_refused_is_told_which_budget_how_it_stands_and_when_it_resets() {
    let upstream = RawUpstream::start(|_, stream| respond(stream, 200, "", &completion()));
    // Pays for one answer, not for two.
    let gateway = Setup::raw(&upstream.base_url()).budget("0.00475").start();
    let mut body = ask("raw");
    body["max_tokens"] = 1024.into();
    while gateway.chat(&body).status == 200 {}
    let mut streamed = body.clone();
    streamed["stream"] = true.into();
    for body in [body, streamed] {
        let refused = gateway.chat(&body);
        assert_eq!(refused.status, 402);
        assert_eq!(refused.header("x-should-retry"), "false");
        assert_eq!(refused.header("retry-after"), "");
        let error = &refused.json()["error"];
        assert_eq!(error["code"], "budget_exceeded");
        assert_eq!(error["type"], "budget_exceeded");
        let told = &error["metadata"];
        assert_eq!(told["budget_id"], gateway.budget().id.to_string());
        assert_eq!((&told["scope"], &told["window"]), (&"team:search".into(), &"month".into()));
        assert_eq!(metadata_usd(&refused, "limit_usd"), usd("0.00475"));
        assert_eq!(metadata_usd(&refused, "spent_usd"), gateway.budget().spent);
        assert_eq!(metadata_usd(&refused, "reserved_usd"), Usd::ZERO);
        assert!(told["resets_at"].as_str().unwrap().ends_with("-01T00:00:00Z"), "{told}");
        assert!(error["message"].as_str().unwrap().contains("monthly"), "{error}");
    }
    let event = gateway.close().pop().unwrap();
    assert_eq!((event.ids.attempt, event.outcome.status), (0, Some(402)));
    assert_eq!(event.outcome.error, Some(ErrorClass::BudgetExceeded));
    assert_eq!(event.cost.billed, Some(Usd::ZERO));
}

#[test]
fn a_request_that_can_never_fit_is_told_so() {
    let upstream = RawUpstream::start(|_, stream| respond(stream, 200, "", &completion()));
    let gateway = Setup::raw(&upstream.base_url()).budget("0.0001").start();
    let refused = gateway.chat(&ask("raw"));
    assert_eq!((refused.status, refused.code().as_str()), (402, "request_exceeds_budget"));
    assert_eq!(upstream.connections(), 0);
    gateway.close();
}

#[test]
fn a_refusal_told_as_429_does_not_invite_a_retry() {
    let upstream = RawUpstream::start(|_, stream| respond(stream, 200, "", &completion()));
    let mut setup = Setup::raw(&upstream.base_url()).budget("0.0001");
    setup.denied_status = 429;
    let gateway = setup.start();
    let refused = gateway.chat(&ask("raw"));
    assert_eq!((refused.status, refused.header("x-should-retry")), (429, "false"));
    assert_eq!(refused.header("retry-after"), "");
    gateway.close();
}

#[test]
fn near_the_limit_the_answer_is_bounded_upstream_and_the_client_is_told() {
    let upstream = RawUpstream::start(|_, stream| respond(stream, 200, "", &completion()));
    let limit =
        |heard: &Value| heard["max_completion_tokens"].as_u64().or(heard["max_tokens"].as_u64());
    let gateway = Setup::raw(&upstream.base_url()).budget("0.05").start();
    let answer = gateway.chat(&ask("raw"));
    assert_eq!((answer.status, answer.header("x-tollgate-max-tokens")), (200, "1024"));
    let mut body = ask("raw");
    body["max_tokens"] = 100_000.into();
    assert_eq!(gateway.chat(&body).header("x-tollgate-max-tokens"), "1024");
    body["max_tokens"] = 7.into();
    assert_eq!(gateway.chat(&body).header("x-tollgate-max-tokens"), "");
    let limits: Vec<_> = upstream.requests().iter().map(|heard| limit(&heard.json())).collect();
    assert_eq!(limits, [Some(1024), Some(1024), Some(7)]);
    gateway.close();
    // With room to spare the client's own limit stands.
    let gateway = Setup::raw(&upstream.base_url()).budget("1000").start();
    body["max_tokens"] = 100_000.into();
    assert_eq!(gateway.chat(&body).header("x-tollgate-max-tokens"), "");
    let last = upstream.requests().pop().unwrap();
    assert_eq!(limit(&last.json()), Some(100_000));
    gateway.close();
}

#[test]
fn each_attempt_is_admitted_on_its_own_target() {
    let upstream = RawUpstream::start(|_, stream| respond(stream, 200, "", &completion()));
    let dear_then_cheap = [("raw", "gpt-5.4-pro"), ("raw", "gpt-5.4-nano")];
    let gateway =
        Setup::raw(&upstream.base_url()).route("two", &dear_then_cheap).budget("0.01").start();
    let answer = gateway.chat(&ask("two"));
    assert_eq!((answer.status, answer.header("x-tollgate-model")), (200, "gpt-5.4-nano"));
    assert_eq!(upstream.requests().len(), 1);
    let intent = gateway.opened().remove(0);
    assert!(intent.held[0].amount < usd("0.01"));
    let event = gateway.close().remove(0);
    assert_eq!(event.decision.reason.as_deref(), Some("failover:budget_exceeded"));
}

#[test]
fn a_failed_attempt_gives_its_reservation_back_before_the_next_is_admitted() {
    let failing = RawUpstream::start(|_, stream| respond(stream, 503, "", "{}"));
    let upstream = RawUpstream::start(|_, stream| respond(stream, 200, "", &completion()));
    // Room for one reservation of 1,024 tokens, not for two.
    let gateway = Setup::raw(&upstream.base_url())
        .provider("failing", events::Dialect::OpenaiChat, &failing.base_url())
        .route("two", &[("failing", OPENAI_MODEL), ("raw", OPENAI_MODEL)])
        .budget("0.006")
        .start();
    let answer = gateway.chat(&ask("two"));
    assert_eq!(
        (answer.status, answer.header("x-tollgate-attempts")),
        (200, "2"),
        "{}",
        answer.text
    );
    gateway.close();
}

#[test]
fn a_model_without_a_price_is_refused_by_a_strict_budget_and_counted_as_unknown_without_one() {
    let simulator = simulator();
    let unpriced = |setup: Setup| setup.route("odd", &[("openai", "house-model-7b")]);
    let gateway = unpriced(Setup::of(&simulator)).budget("1000").start();
    let refused = gateway.chat(&ask("odd"));
    assert_eq!((refused.status, refused.code().as_str()), (402, "model_unpriced"));
    gateway.close();
    let mut lenient = unpriced(Setup::of(&simulator)).budget("1000");
    lenient.budgets[0].on_unpriced = OnUnpriced::Allow;
    for setup in [lenient, unpriced(Setup::of(&simulator))] {
        let gateway = setup.start();
        let answer = gateway.chat(&ask("odd"));
        assert_eq!((answer.status, answer.header("x-tollgate-cost-usd")), (200, ""));
        let event = gateway.close().remove(0);
        assert_eq!((event.cost.billed, event.cost.list), (None, None));
        assert!(event.meters.output_tokens() > 0);
    }
}

#[test]
fn sixty_four_clients_never_pass_the_cap_and_nine_tenths_are_spent_before_a_refusal() {
    let simulator = simulator();
    simulator.set_fault("", "words=60").unwrap();
    // About 1,300 answers of 0.0003 USD.
    let cap = usd("0.40");
    // Room for all of them at once: the disk may be slow to prepare more.
    let setup = Setup { ahead_bytes: 8 << 20, ..Setup::of(&simulator) };
    let gateway = Arc::new(setup.budget("0.40").start());
    let mut body = ask("openai");
    body["max_tokens"] = 64.into();
    let body = Arc::new(body);
    let refusals: Vec<Answer> = wait(async {
        let client = |_| {
            let (gateway, body) = (Arc::clone(&gateway), Arc::clone(&body));
            tokio::spawn(async move {
                loop {
                    let request = gateway.request("POST", "/v1/chat/completions").json(&*body);
                    let answer = send(request).await.unwrap();
                    assert!(gateway.budget().spent <= cap);
                    if answer.status != 200 {
                        return answer;
                    }
                }
            })
        };
        let clients: Vec<_> = (0..64).map(client).collect();
        let mut refusals = Vec::new();
        for client in clients {
            refusals.push(client.await.unwrap());
        }
        refusals
    });
    for refusal in &refusals {
        assert_eq!(refusal.status, 402, "{}", refusal.text);
        assert!(metadata_usd(refusal, "spent_usd").per_mille(1000) >= cap.per_mille(900));
    }
    let gateway = Arc::into_inner(gateway).unwrap();
    assert!(gateway.budget().spent <= cap && gateway.budget().overshoot.is_zero());
    let answered = gateway.close().iter().filter(|event| event.ids.attempt > 0).count();
    assert!(answered >= 1000, "{answered}");
}
