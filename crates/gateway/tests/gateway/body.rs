//! Bodies of requests: asked for, bounded in size, in time and in memory.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Setup, ask, send, simulator, wait};
use crate::raw_client::{RawClient, chat, chat_head};

#[test]
fn a_client_that_expects_to_be_told_to_continue_is_told() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator).start();
    let mut client = RawClient::connect(gateway.address);
    let body = ask("openai").to_string();
    client.send(chat_head().as_bytes());
    client
        .send(format!("expect: 100-continue\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes());
    assert!(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 100 "));
    client.send(body.as_bytes());
    assert_eq!(client.read_answer().status, 200);
    gateway.close();
}

#[test]
fn a_client_that_expects_is_refused_before_it_sends_too_much() {
    let simulator = simulator();
    let mut setup = Setup::of(&simulator);
    setup.body_bytes_max = 1000;
    let gateway = setup.start();
    let mut client = RawClient::connect(gateway.address);
    client.send(chat_head().as_bytes());
    client.send(b"expect: 100-continue\r\ncontent-length: 1001\r\n\r\n");
    assert_eq!(client.read_answer().status, 413);
    drop(client);
    gateway.close();
}

#[test]
fn a_body_that_does_not_arrive_is_given_up() {
    let simulator = simulator();
    let mut setup = Setup::of(&simulator);
    setup.body_time_max = Duration::from_millis(150);
    let gateway = setup.start();
    let mut client = RawClient::connect(gateway.address);
    client.send(chat_head().as_bytes());
    client.send(b"content-length: 1000\r\n\r\n{\"model\":");
    // It is the whole body that is waited for: no single read here is late.
    while gateway.settled().is_empty() {
        client.send(b" ");
        std::thread::sleep(Duration::from_millis(10));
    }
    let answer = client.read_answer();
    assert_eq!((answer.status, answer.header("connection")), (408, Some("close")));
    assert!(answer.body.contains("\"body_timeout\""), "{}", answer.body);
    let events = gateway.close();
    assert_eq!(events[0].outcome.status, Some(408));
}

#[test]
fn a_body_too_large_is_refused_announced_or_not() {
    let simulator = simulator();
    let mut setup = Setup::of(&simulator);
    setup.body_bytes_max = 64 << 10;
    let gateway = setup.start();
    let padding = "x".repeat(1 << 20);
    let mut client = RawClient::connect(gateway.address);
    client.send(chat_head().as_bytes());
    client.send(format!("content-length: {}\r\n\r\n", 10_u64 << 30).as_bytes());
    assert_eq!(client.read_answer().status, 413);
    let mut client = RawClient::connect(gateway.address);
    client.send(chat_head().as_bytes());
    client.send(format!("transfer-encoding: chunked\r\n\r\n{:x}\r\n{padding}", 2 << 20).as_bytes());
    let answer = client.read_answer();
    assert_eq!((answer.status, answer.header("connection")), (413, Some("close")));
    assert!(answer.body.contains("\"body_too_large\""), "{}", answer.body);
    drop(client);
    // A client that sends it all before it looks still gets to see why.
    for _ in 0..5 {
        let body = json!({"model": "openai", "messages": [{"role": "user", "content": padding}]});
        let answer = gateway.chat(&body);
        assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
    }
    gateway.close();
}

#[test]
fn a_refusal_is_not_overtaken_by_a_reset_while_the_client_still_sends() {
    let simulator = simulator();
    let mut setup = Setup::of(&simulator);
    setup.body_bytes_max = 1000;
    let gateway = setup.start();
    for head in ["", "x-api-key: wrong\r\n"] {
        let mut client = RawClient::connect(gateway.address);
        let head = chat_head().replace("authorization: Bearer", "x-nothing:") + head;
        client.send(format!("{head}content-length: 200000\r\n\r\n").as_bytes());
        assert_eq!(client.read_answer().status, 401);
        for _ in 0..20 {
            // A pace at which a reset would have come back between two writes.
            std::thread::sleep(Duration::from_millis(3));
            assert!(client.send(&[b' '; 10_000]), "reset");
        }
        assert_eq!(client.read_to_end(), "");
    }
    gateway.close();
}

#[test]
fn the_memory_of_all_bodies_is_bounded_and_given_back() {
    let simulator = simulator();
    let mut setup = Setup::of(&simulator);
    setup.memory_bytes_max = 100_000;
    let gateway = setup.start();
    let mut body = ask("openai");
    body["messages"][0]["content"] = "sea ".repeat(10_000).into();
    let whole = chat(&body);
    let (most, rest) = whole.split_at(whole.len() - 100);
    let mut slow = RawClient::connect(gateway.address);
    let mut other = RawClient::connect(gateway.address);
    let mut third = RawClient::connect(gateway.address);
    slow.send(most);
    other.send(most);
    crate::harness::eventually("two bodies are held", || gateway.engine.memory.used() > 79_000);
    third.send(&whole);
    let answer = third.read_answer();
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    assert!(answer.body.contains("\"body_memory_exhausted\""), "{}", answer.body);
    drop(other);
    crate::harness::eventually("one is given back", || gateway.engine.memory.used() < 50_000);
    slow.send(rest);
    assert_eq!(slow.read_answer().status, 200);
    gateway.close();
}

#[test]
fn chunked_bodies_and_long_ones_arrive_whole() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator).start();
    let mut body = ask("openai");
    body["messages"][0]["content"] = "sea ".repeat(100_000).into();
    let text = body.to_string();
    let mut client = RawClient::connect(gateway.address);
    client.send(chat_head().as_bytes());
    client.send(b"transfer-encoding: chunked\r\n\r\n");
    for piece in text.as_bytes().chunks(7_777) {
        client.send(format!("{:x}\r\n", piece.len()).as_bytes());
        client.send(piece);
        client.send(b"\r\n");
    }
    client.send(b"0\r\n\r\n");
    assert_eq!(client.read_answer().status, 200);
    let request = gateway.request("POST", "/v1/chat/completions").json(&body);
    assert_eq!(wait(send(request)).unwrap().status, 200);
    for event in gateway.close() {
        assert_eq!(event.call.request_bytes, text.len() as u64);
        assert!(event.meters.input_tokens() > 100_000);
    }
}
