//! What the client's dialect has no words for: named in the header of a plain answer, and in the row of either.

use events::Dialect;
use policy::CachePolicy;
use serde_json::{Value, json};

use crate::harness::{ANTHROPIC_MODEL, Setup, ask, ask_stream, send, wait};
use crate::raw_upstream::{RawUpstream, Then, begin_stream, chunk, end_stream, respond};

/// A passage of a document of the request, which has a number and no name, or a page of the web.
fn citation(is_page: bool) -> Value {
    if is_page {
        return json!({"type": "web_search_result_location", "cited_text": "c", "title": "t",
            "url": "https://example.com", "encrypted_index": "x"});
    }
    json!({"type": "char_location", "cited_text": "c", "document_index": 0,
        "start_char_index": 0, "end_char_index": 1})
}

fn answer(is_page: bool) -> String {
    json!({"id": "msg_1", "type": "message", "role": "assistant", "model": ANTHROPIC_MODEL,
        "stop_reason": "end_turn", "usage": {"input_tokens": 20, "output_tokens": 10},
        "content": [{"type": "text", "text": "one two", "citations": [citation(is_page)]}]})
    .to_string()
}

fn stream(is_page: bool) -> String {
    let events = [
        json!({"type": "message_start", "message": {"id": "msg_1", "model": ANTHROPIC_MODEL,
            "usage": {"input_tokens": 20, "output_tokens": 1}}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0,
            "delta": {"type": "citations_delta", "citation": citation(is_page)}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "one two"}}),
        json!({"type": "content_block_stop", "index": 0}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 10}}),
        json!({"type": "message_stop"}),
    ];
    let frame =
        |event: &Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
    events.iter().map(frame).collect()
}

/// A provider whose answers cite a page where they are asked for a page, else a document.
fn provider() -> RawUpstream {
    RawUpstream::start(|heard, socket| {
        let asked = heard.json();
        let is_page = asked["messages"].to_string().contains("page");
        if asked["stream"] != true {
            return respond(socket, 200, "", &answer(is_page));
        }
        let told = begin_stream(socket)
            .and_then(|()| chunk(socket, &stream(is_page)))
            .and_then(|()| end_stream(socket));
        if told.is_ok() { Then::Keep } else { Then::Close }
    })
}

#[test]
fn a_citation_without_words_is_named_beside_the_parameters_that_were_dropped() {
    let upstream = provider();
    let gateway = Setup::new()
        .provider("anthropic", Dialect::AnthropicMessages, &upstream.base_url())
        .route("anthropic", &[("anthropic", ANTHROPIC_MODEL)])
        .tune_route(|route| {
            route.drop_params = true;
            route.cache = Some(CachePolicy { ttl_ms: 3_600_000 });
        })
        .budget("10")
        .start();
    let seeded = |mut body: Value| {
        body["seed"] = 7.into();
        body
    };
    let of_a_page = |mut body: Value| {
        body["messages"][0]["content"] = "A page, please.".into();
        body
    };
    let cases = [
        (ask("anthropic"), "citations", "citations"),
        (seeded(ask("anthropic")), "seed,citations", "seed,citations"),
        (of_a_page(ask("anthropic")), "", ""),
        // The head of a stream has left before anything is known of its sources.
        (ask_stream("anthropic"), "", "citations"),
        (seeded(ask_stream("anthropic")), "seed", "seed,citations"),
        (of_a_page(ask_stream("anthropic")), "", ""),
    ];
    for (body, header, _) in &cases {
        let answer = gateway.chat(body);
        assert_eq!(
            (answer.status, answer.header("x-tollgate-dropped-params")),
            (200, *header),
            "{body}"
        );
    }
    // An answer of the cache was made without them, too; by now its sources are known.
    for (body, _, row) in &cases {
        let answer = gateway.chat(body);
        let told =
            ["x-tollgate-cache", "x-tollgate-dropped-params"].map(|name| answer.header(name));
        assert_eq!(told, ["HIT", *row], "{body}");
    }
    // A client that has the words hears all of it.
    let mut native = ask("anthropic");
    native["max_tokens"] = 9.into();
    let request = gateway.request("POST", "/v1/messages").json(&native);
    let heard = wait(send(request)).unwrap();
    assert_eq!(heard.header("x-tollgate-dropped-params"), "");
    assert_eq!(heard.json()["content"][0]["citations"][0]["type"], "char_location");
    let rows = gateway.close();
    let dropped: Vec<String> =
        rows.iter().map(|row| row.privacy.dropped_params.join(",")).collect();
    let twice = cases.iter().chain(&cases);
    let wanted: Vec<&str> = twice.map(|(_, _, row)| *row).chain([""]).collect();
    assert_eq!(dropped, wanted);
}
