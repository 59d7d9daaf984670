//! Models that answer beside the one that was asked: held for beforehand, billed in rows of their own,
//! settled against the same budget.

use dialects::{Usage, cost_of_header};
use events::{Meter, Meters, UsageEvent};
use pricing::{PriceContext, Query};
use serde_json::{Value, json};
use units::Usd;

use crate::harness::{
    ANTHROPIC_MODEL, Answer, Gateway, PROVIDER_SECRET, Setup, send, simulator, wait,
};
use crate::raw_upstream::{RawUpstream, respond};
use crate::setup::PRICES;

/// A model that costs more than the one that answers.
const ADVISOR: &str = "claude-opus-5-5";

fn body(advisor: Value) -> Value {
    json!({
        "model": "anthropic", "max_tokens": 200,
        "messages": [{"role": "user", "content": "Tell me of the sea."}],
        "tools": [advisor],
    })
}

fn advisor(model: &str) -> Value {
    json!({"type": "advisor_20260301", "name": "advisor", "model": model, "max_uses": 3, "max_tokens": 100})
}

fn ask(gateway: &Gateway, path: &str, body: &Value) -> Answer {
    let request = gateway.request("POST", path).header("anthropic-version", "2023-06-01");
    wait(send(request.json(body))).unwrap()
}

fn cost(model: &str, usage: &Usage) -> Usd {
    let (provider, context) = ("anthropic", PriceContext::NONE);
    let at = units::Clock::now(&units::SystemClock);
    let query = Query { provider, model, at, context, meters: &usage.meters };
    PRICES.price(&query).unwrap().cost
}

/// What a row used, as the simulator counts it.
fn tokens(event: &UsageEvent) -> (u64, u64) {
    (event.meters.input_tokens(), event.meters.output_tokens())
}

#[test]
fn what_an_advisor_used_is_a_row_of_its_own_with_the_providers_own_figures() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator).budget("100").start();
    let mut asked = body(advisor(ADVISOR));
    let plain = ask(&gateway, "/v1/messages", &asked);
    asked["stream"] = true.into();
    let streamed = ask(&gateway, "/v1/messages", &asked);
    assert_eq!((plain.status, streamed.status), (200, 200), "{}", plain.text);
    assert!(streamed.text.contains("advisor_tool_result"), "{}", streamed.text);
    gateway.idle();
    let beside = gateway.beside();
    let bill = simulator.bill();
    let header = plain.header("x-tollgate-cost-usd").to_owned();
    let own = gateway.close();
    assert_eq!((own.len(), beside.len()), (2, 2));
    for (own, beside) in own.iter().zip(&beside) {
        assert_eq!(beside.attempt(), own.attempt());
        assert_eq!(beside.model.resolved.as_deref(), Some(ADVISOR));
        assert_eq!(beside.decision.caused(), Some("advisor_message"));
        assert_eq!(beside.attribution, own.attribution);
        assert!(own.decision.is_final && !beside.decision.is_final);
        let id = own.outcome.upstream_request_id.as_deref().unwrap();
        assert_eq!(beside.outcome.upstream_request_id.as_deref(), Some(id));
        let advice = bill.requests.iter().filter(|it| it.request_id == id && it.model == ADVISOR);
        let advice: simulator::Quantities = advice.map(|it| it.quantities).sum();
        assert_eq!(tokens(beside), (advice.prompt_tokens(), advice.output_tokens));
        let billed = bill.request(id).unwrap().quantities;
        assert_eq!(tokens(own), (billed.prompt_tokens(), billed.output_tokens));
        let meters = Meters::NONE
            .with(Meter::InputText, advice.prompt_tokens())
            .with(Meter::OutputText, advice.output_tokens);
        let expected = cost(ADVISOR, &Usage { meters, ..Usage::default() });
        assert_eq!(beside.cost.billed, Some(expected));
        assert!(beside.cost.price_version.is_some());
    }
    let both = own[0].cost.billed.unwrap() + beside[0].cost.billed.unwrap();
    assert_eq!(cost_of_header(&header), Some(both), "the client is told all of it");
}

#[test]
fn the_worst_an_advisor_can_cost_is_held_before_anything_is_sent() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator).budget("100").start();
    let mut without = body(advisor(ADVISOR));
    without["tools"][0]["type"] = "other_20260301".into();
    without["tools"][0]["name"] = "padding".into();
    for body in [&without, &body(advisor(ADVISOR))] {
        ask(&gateway, "/v1/messages", body);
    }
    gateway.idle();
    let held: Vec<Usd> = gateway.opened().iter().map(|intent| intent.held[0].amount).collect();
    let beside: Usd = gateway.beside().iter().filter_map(|event| event.cost.billed).sum();
    // Three answers of 100 tokens alone, with nothing read.
    let meters = Meters::NONE.with(Meter::OutputText, 100);
    let said = cost(ADVISOR, &Usage { meters, ..Usage::default() }).times(3);
    assert!(held[1] - held[0] > said && held[1] - held[0] > beside, "{held:?} {beside}");
    gateway.close();
}

#[test]
fn a_call_whose_advisor_does_not_fit_the_cap_is_never_sent() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator).budget("0.01").start();
    let refused = ask(&gateway, "/v1/messages", &body(advisor(ADVISOR)));
    assert_eq!(refused.status, 402, "{}", refused.text);
    let mut alone = body(advisor(ADVISOR));
    alone["tools"] = json!([]);
    assert_eq!(ask(&gateway, "/v1/messages", &alone).status, 200, "the same without it fits");
    assert!(simulator.bill().requests.iter().all(|billed| billed.model == ANTHROPIC_MODEL));
    gateway.close();
}

#[test]
fn an_advisor_without_a_price_is_refused_where_only_known_amounts_are_spent() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator).budget("100").start();
    let refused = ask(&gateway, "/v1/messages", &body(advisor("no-such-model")));
    assert_eq!(refused.status, 402, "{}", refused.text);
    gateway.close();
    let lax = Setup::of(&simulator)
        .budget("100")
        .tune_budget(|budget| budget.on_unpriced = policy::OnUnpriced::Allow)
        .start();
    assert_eq!(ask(&lax, "/v1/messages", &body(advisor("no-such-model"))).status, 200);
    lax.idle();
    let beside = lax.beside();
    assert_eq!((beside.len(), beside[0].cost.billed), (1, None), "told, and of unknown cost");
    lax.close();
}

#[test]
fn usage_nobody_announced_is_billed_all_the_same_and_the_next_call_is_refused() {
    let iteration = json!({"type": "advisor_message", "model": ADVISOR, "input_tokens": 9_000_000,
        "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0, "output_tokens": 90});
    let answer = json!({"id": "msg_1", "type": "message", "role": "assistant",
        "model": ANTHROPIC_MODEL, "content": [{"type": "text", "text": "Yes."}],
        "stop_reason": "end_turn", "stop_sequence": null,
        "usage": {"input_tokens": 20, "output_tokens": 2, "iterations": [iteration]}});
    let answer = answer.to_string();
    let upstream = RawUpstream::start(move |_, stream| respond(stream, 200, "", &answer));
    let gateway = Setup::new()
        .provider("raw", events::Dialect::AnthropicMessages, &upstream.base_url())
        .route("anthropic", &[("raw", ANTHROPIC_MODEL)])
        .budget("10")
        .start();
    let mut silent = body(json!({}));
    silent["tools"] = json!([]);
    for path in ["/v1/messages", "/passthrough/raw/messages"] {
        let answered = ask(&gateway, path, &silent);
        let is_first = path == "/v1/messages";
        assert_eq!(answered.status, if is_first { 200 } else { 402 }, "{}", answered.text);
    }
    assert!(gateway.budget().spent > "10".parse().unwrap(), "{:?}", gateway.budget());
    assert_eq!(gateway.beside().len(), 1);
    assert!(!format!("{:?}", gateway.beside()).contains(PROVIDER_SECRET));
    let settled = gateway.close();
    assert_eq!(settled[0].outcome.upstream_request_id.as_deref(), Some("msg_1"));
}

#[test]
fn what_is_passed_on_as_it_is_has_rows_of_further_models_too() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator).budget("100").start();
    let mut asked = body(advisor(ADVISOR));
    asked["model"] = ANTHROPIC_MODEL.into();
    for is_stream in [false, true] {
        asked["stream"] = is_stream.into();
        let answer = ask(&gateway, "/passthrough/anthropic/messages", &asked);
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    gateway.idle();
    let advised: Vec<_> = gateway.beside().iter().map(tokens).collect();
    let bill = simulator.bill().models[ADVISOR];
    assert_eq!(advised.len(), 2);
    assert_eq!(advised.iter().map(|used| used.0).sum::<u64>(), bill.prompt_tokens());
    assert_eq!(advised.iter().map(|used| used.1).sum::<u64>(), bill.output_tokens);
    gateway.close();
}

#[test]
fn an_answer_names_its_request_where_no_header_does() {
    let simulator = simulator();
    let gateway = Setup::new()
        .provider("google", events::Dialect::GeminiGenerate, &simulator.base_url())
        .route("google", &[("google", "gemini-2.5-flash")])
        .start();
    let chat = crate::harness::ask;
    let native = json!({"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]});
    for path in ["generateContent", "streamGenerateContent?alt=sse"] {
        let answer = ask(&gateway, &format!("/v1beta/models/google:{path}"), &native);
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert!(answer.text.contains("responseId"), "{}", answer.text);
    }
    assert_eq!(gateway.chat(&chat("google")).status, 200);
    assert_eq!(gateway.chat(&crate::harness::ask_stream("google")).status, 200);
    let bill = simulator.bill();
    let rows = gateway.close();
    assert_eq!(rows.len(), 4);
    for row in &rows {
        let id = row.outcome.upstream_request_id.as_deref().unwrap();
        let billed = bill.request(id).unwrap_or_else(|| panic!("{id} was not billed"));
        assert_eq!(row.meters.output_tokens(), billed.quantities.output_tokens);
    }
}
