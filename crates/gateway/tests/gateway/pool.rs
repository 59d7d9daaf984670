//! Connections to providers: kept, found stale, replaced, and never trusted too far.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};

use events::{ErrorClass, UsageSource};

use crate::harness::{Setup, ask, ask_stream};
use crate::raw_client::RawClient;
use crate::raw_upstream::{RawUpstream, Then, completion, respond, stream_all, until_closed};

#[test]
fn a_connection_the_provider_has_closed_is_replaced_without_an_error_or_a_second_row() {
    // Closes on the second request of each connection, as one does whose idle time is just over.
    let upstream = RawUpstream::start(|heard, stream| match heard.index {
        0 if heard.json()["stream"].as_bool() == Some(true) => stream_all(stream),
        0 => respond(stream, 200, "", &completion()),
        _ => Then::Close,
    });
    let gateway = Setup::raw(&upstream.base_url()).start();
    for _ in 0..4 {
        assert_eq!(gateway.chat(&ask("raw")).status, 200);
        assert!(gateway.chat(&ask_stream("raw")).is_done());
    }
    assert!(upstream.requests().len() > 8, "no connection was found stale");
    assert_eq!(upstream.connections(), 8);
    let events = gateway.close();
    assert_eq!(events.len(), 8);
    for event in events {
        assert_eq!((event.ids.attempt, event.outcome.error), (1, None));
        assert_eq!((event.meters.input_tokens(), event.meters.output_tokens()), (20, 10));
    }
}

#[test]
fn one_stale_connection_is_not_replaced_by_another() {
    let both = Barrier::new(2);
    let upstream = RawUpstream::start(move |heard, stream| {
        if heard.index > 0 {
            return Then::Close;
        }
        if heard.json()["user"] == "one of two" {
            both.wait();
        }
        respond(stream, 200, "", &completion())
    });
    let gateway = Setup::raw(&upstream.base_url()).start();
    let mut body = ask("raw");
    body["user"] = "one of two".into();
    for _ in 0..5 {
        let mut clients = [0, 1].map(|_| RawClient::connect(gateway.address));
        clients.iter_mut().for_each(|client| client.chat(&body));
        clients.iter_mut().for_each(|client| assert_eq!(client.read_answer().status, 200));
        assert_eq!(gateway.chat(&ask("raw")).status, 200);
    }
    gateway.close();
}

#[test]
fn a_provider_that_hangs_up_after_each_answer_is_no_trouble() {
    let upstream = RawUpstream::start(|_, stream| {
        respond(stream, 200, "", &completion());
        Then::Close
    });
    let gateway = Setup::raw(&upstream.base_url()).start();
    for _ in 0..10 {
        assert_eq!(gateway.chat(&ask("raw")).status, 200);
    }
    assert_eq!(upstream.requests().len(), 10);
    gateway.close();
}

#[test]
fn a_fresh_connection_that_ends_without_an_answer_is_not_tried_again() {
    let upstream = RawUpstream::start(|_, _| Then::Close);
    let gateway = Setup::raw(&upstream.base_url()).start();
    let answer = gateway.chat(&ask("raw"));
    assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_unreachable"));
    assert_eq!(upstream.requests().len(), 1);
    gateway.close();
}

#[test]
fn a_used_connection_that_gave_anything_back_is_not_tried_again() {
    for begun in ["HTTP/1.1 200 OK\r\ncontent-ty", "this is not HTTP\r\n\r\n"] {
        let upstream = RawUpstream::start(move |heard, stream| match heard.index {
            0 => respond(stream, 200, "", &completion()),
            _ => {
                stream.write_all(begun.as_bytes()).unwrap();
                Then::Close
            }
        });
        let gateway = Setup::raw(&upstream.base_url()).start();
        // A kept connection that is wanted at once is now and then not found.
        let answers = std::iter::repeat_with(|| gateway.chat(&ask("raw"))).take(20);
        let (good, answer) = answers.enumerate().find(|(_, answer)| answer.status != 200).unwrap();
        assert_eq!((answer.status, answer.code().as_str()), (502, "upstream_garbage"), "{begun}");
        assert_eq!(upstream.requests().len(), good + 1, "{begun}");
        let event = gateway.close().pop().unwrap();
        assert_eq!(event.outcome.error, Some(ErrorClass::UpstreamGarbage));
        assert_eq!(event.cost.usage_source, UsageSource::Estimated);
    }
}

#[test]
fn interim_answers_are_not_taken_for_the_answer() {
    let upstream = RawUpstream::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n").unwrap();
        respond(stream, 200, "", &completion())
    });
    let gateway = Setup::raw(&upstream.base_url()).start();
    for _ in 0..10 {
        assert_eq!(gateway.chat(&ask("raw")).status, 200);
    }
    assert!(upstream.connections() < 5, "{}", upstream.connections());
    gateway.close();
}

#[test]
fn an_error_whose_body_never_ends_does_not_hold_the_request_up() {
    let upstream = RawUpstream::start(|_, stream| {
        stream.write_all(b"HTTP/1.1 500 Oh\r\ncontent-length: 100000\r\n\r\n{\"er").unwrap();
        let open = AtomicBool::new(true);
        std::thread::scope(|scope| {
            // Drips, so that no single read is slow.
            let mut dripping = stream.try_clone().unwrap();
            let open = &open;
            scope.spawn(move || {
                while open.load(Ordering::Relaxed) && dripping.write_all(b" ").is_ok() {
                    std::thread::sleep(std::time::Duration::from_millis(20));
                }
            });
            until_closed(stream);
            open.store(false, Ordering::Relaxed);
        });
        Then::Close
    });
    let gateway = Setup::raw(&upstream.base_url()).start();
    let began = std::time::Instant::now();
    assert_eq!(gateway.chat(&ask("raw")).status, 502);
    assert!(began.elapsed() < std::time::Duration::from_secs(3), "{:?}", began.elapsed());
    upstream.all_closed();
    gateway.close();
}

#[test]
fn a_provider_that_answers_before_it_has_read_everything_is_heard() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::with_capacity(64, stream.unwrap());
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                reader.read_line(&mut line).unwrap();
            }
            let error = r#"{"error":{"message":"far too long","code":"too_long"}}"#;
            respond(reader.get_mut(), 413, "connection: close\r\n", error);
            // Closed over what was not read: the rest of the request is refused.
        }
    });
    let gateway = Setup::raw(&base_url).start();
    let mut body = ask("raw");
    body["messages"][0]["content"] = "sea ".repeat(2 << 20).into();
    for _ in 0..3 {
        let answer = gateway.chat(&body);
        assert_eq!((answer.status, answer.code().as_str()), (413, "too_long"), "{}", answer.text);
        assert_eq!(answer.json()["error"]["message"], "far too long");
    }
    assert_eq!(gateway.close().len(), 3);
}
