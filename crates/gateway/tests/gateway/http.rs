//! How clients may connect: HTTP/2 in the clear, many requests on a connection, requests sent
//! ahead, and protocols of the last century.

use std::sync::Mutex;
use std::sync::mpsc;

use events::ErrorClass;

use crate::harness::{
    CLIENT_SECRET, Gateway, PATIENCE, Setup, ask, ask_stream, send, simulator, wait,
};
use crate::raw_client::{RawClient, chat};
use crate::raw_upstream::{
    RawUpstream, Then, begin_stream, chunk, completion, delta, respond, stream_all, until_closed,
};

fn h2_client() -> reqwest::Client {
    let builder = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
    builder.http2_prior_knowledge().build().unwrap()
}

fn h2_chat(
    client: &reqwest::Client,
    gateway: &Gateway,
    body: &serde_json::Value,
) -> reqwest::RequestBuilder {
    client.post(gateway.url("/v1/chat/completions")).bearer_auth(CLIENT_SECRET).json(body)
}

#[test]
fn http2_in_the_clear_works_plain_and_streamed() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator).start();
    let client = h2_client();
    for _ in 0..5 {
        let plain = wait(send(h2_chat(&client, &gateway, &ask("openai")))).unwrap();
        assert_eq!(plain.status, 200);
        assert!(plain.json()["choices"][0]["message"]["content"].is_string());
        let stream = wait(send(h2_chat(&client, &gateway, &ask_stream("anthropic")))).unwrap();
        assert!(stream.is_done(), "{}", stream.text);
        let refused = wait(send(h2_chat(&client, &gateway, &ask("nowhere")))).unwrap();
        assert_eq!((refused.status, refused.code().as_str()), (404, "model_not_found"));
    }
    let health = wait(send(client.get(gateway.url("/healthz")))).unwrap();
    assert_eq!(health.status, 200);
    drop(client);
    assert_eq!(gateway.close().len(), 15);
}

#[test]
fn one_http2_stream_that_is_reset_does_not_disturb_the_others() {
    let upstream = RawUpstream::start(|heard, stream| {
        if heard.json()["messages"][0]["content"] == "forever" {
            begin_stream(stream).unwrap();
            chunk(stream, &delta("one ")).unwrap();
            until_closed(stream);
            return Then::Close;
        }
        stream_all(stream)
    });
    let gateway = Setup::raw(&upstream.base_url()).start();
    let client = h2_client();
    let mut endless = ask_stream("raw");
    endless["messages"][0]["content"] = "forever".into();
    wait(async {
        let mut hanging = h2_chat(&client, &gateway, &endless).send().await.unwrap();
        assert!(hanging.chunk().await.unwrap().is_some());
        assert!(send(h2_chat(&client, &gateway, &ask_stream("raw"))).await.unwrap().is_done());
        drop(hanging);
        assert!(send(h2_chat(&client, &gateway, &ask_stream("raw"))).await.unwrap().is_done());
    });
    gateway.idle();
    let mut events = gateway.close();
    events.sort_by_key(|event| event.times.received_us);
    let errors: Vec<_> = events.iter().map(|event| event.outcome.error).collect();
    assert_eq!(errors, [Some(ErrorClass::ClientGone), None, None]);
}

#[test]
fn many_requests_share_one_connection() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator).start();
    let mut client = RawClient::connect(gateway.address);
    for _ in 0..10 {
        client.chat(&ask("openai"));
        let plain = client.read_answer();
        assert_eq!((plain.status, plain.header("connection")), (200, Some("keep-alive")));
        client.chat(&ask_stream("openai"));
        let stream = client.read_answer();
        assert!(stream.body.ends_with("data: [DONE]\n\n"), "{}", stream.body);
        client.chat(&ask("nowhere"));
        assert_eq!(client.read_answer().status, 404);
    }
    drop(client);
    assert_eq!(gateway.close().len(), 30);
}

#[test]
fn requests_sent_ahead_are_answered_in_their_order() {
    let (go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let upstream = RawUpstream::start(move |_, stream| {
        gate.lock().unwrap().recv().unwrap();
        respond(stream, 200, "", &completion())
    });
    let gateway = Setup::raw(&upstream.base_url()).start();
    let mut client = RawClient::connect(gateway.address);
    let get = b"GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n";
    // In one write, and then while the first is being answered.
    client.send(&[&chat(&ask("raw"))[..], get].concat());
    upstream.heard(1);
    go.send(()).unwrap();
    assert!(client.read_answer().body.contains("chat.completion"));
    assert!(client.read_answer().body.contains("\"ok\""));
    client.send(&chat(&ask("raw")));
    upstream.heard(2);
    client.send(&chat(&ask("raw")));
    client.send(get);
    go.send(()).unwrap();
    assert!(client.read_answer().body.contains("chat.completion"));
    upstream.heard(3);
    go.send(()).unwrap();
    assert!(client.read_answer().body.contains("chat.completion"));
    assert!(client.read_answer().body.contains("\"ok\""));
    drop(client);
    let events = gateway.close();
    assert_eq!(events.len(), 3);
    assert!(events.iter().all(|event| event.outcome.error.is_none()));
}

#[test]
fn a_client_of_http_1_0_gets_a_stream_without_chunks() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator).start();
    for keep_alive in ["", "connection: keep-alive\r\n"] {
        let mut client = RawClient::connect(gateway.address);
        let request = String::from_utf8(chat(&ask_stream("openai"))).unwrap();
        let request = request.replace("HTTP/1.1\r\n", &format!("HTTP/1.0\r\n{keep_alive}"));
        client.send(request.as_bytes());
        let answer = client.read_answer();
        assert_eq!(answer.header("transfer-encoding"), None);
        assert!(answer.body.starts_with("data: {"), "{}", answer.body);
        assert!(answer.body.ends_with("data: [DONE]\n\n"), "{}", answer.body);
    }
    gateway.close();
}
