//! Clients that leave: the provider is stopped or drained, as the route says, and what was used is
//! counted either way.

use std::sync::Mutex;
use std::sync::mpsc;

use events::{ErrorClass, UsageSource};
use policy::OnClientGone;
use units::Usd;

use crate::harness::{Setup, ask, ask_stream, eventually, simulator};
use crate::raw_client::RawClient;
use crate::raw_upstream::{
    RawUpstream, Then, begin_stream, chunk, closing, completion, delta, end_stream, respond,
    until_closed,
};

#[test]
fn a_client_that_leaves_before_the_head_stops_the_provider_and_is_metered() {
    let upstream = RawUpstream::start(|_, stream| {
        until_closed(stream);
        Then::Close
    });
    let gateway = Setup::raw(&upstream.base_url()).budget("1000").start();
    for (count, body) in [(1, ask("raw")), (2, ask_stream("raw"))] {
        let mut client = RawClient::connect(gateway.address);
        client.chat(&body);
        upstream.heard(count);
        assert!(!gateway.budget().reserved.is_zero());
        drop(client);
        upstream.all_closed();
    }
    for event in gateway.close() {
        assert_eq!(event.outcome.error, Some(ErrorClass::ClientGone));
        assert_eq!(event.outcome.status, None);
        assert_eq!(event.cost.usage_source, UsageSource::Estimated);
        assert!(event.cost.billed > Some(Usd::ZERO) && event.decision.is_waste);
    }
}

#[test]
fn a_client_that_leaves_in_mid_stream_stops_the_provider_at_once() {
    let upstream = RawUpstream::start(|_, stream| {
        begin_stream(stream).unwrap();
        chunk(stream, &delta("one two three")).unwrap();
        // Silent from here on: only the end of the connection can tell.
        until_closed(stream);
        Then::Close
    });
    let gateway = Setup::raw(&upstream.base_url()).budget("1000").start();
    let mut client = RawClient::connect(gateway.address);
    client.chat(&ask_stream("raw"));
    client.read_until("one two three");
    drop(client);
    upstream.all_closed();
    let event = gateway.close().remove(0);
    assert_eq!(event.outcome.error, Some(ErrorClass::ClientGone));
    assert_eq!(event.cost.usage_source, UsageSource::Estimated);
    assert_eq!(event.meters.output_tokens(), 3);
    assert!(event.decision.is_waste && event.decision.is_final);
}

#[test]
fn a_route_that_drains_reads_the_providers_own_figures_after_the_client_left() {
    let (go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let upstream = RawUpstream::start(move |_, stream| {
        begin_stream(stream).unwrap();
        chunk(stream, &delta("one ")).unwrap();
        gate.lock().unwrap().recv().unwrap();
        for word in ["two ", "three ", "four "] {
            chunk(stream, &delta(word)).unwrap();
        }
        chunk(stream, &closing()).unwrap();
        end_stream(stream).unwrap();
        Then::Keep
    });
    let setup = Setup::raw(&upstream.base_url()).budget("1000");
    let gateway = setup.tune_route(|route| route.on_client_gone = OnClientGone::Drain).start();
    let mut client = RawClient::connect(gateway.address);
    client.chat(&ask_stream("raw"));
    client.read_until("one ");
    drop(client);
    go.send(()).unwrap();
    let event = gateway.close().remove(0);
    assert_eq!(event.cost.usage_source, UsageSource::Drained);
    assert_eq!(event.outcome.error, Some(ErrorClass::ClientGone));
    assert_eq!((event.meters.input_tokens(), event.meters.output_tokens()), (20, 10));
    assert!(event.decision.is_waste);
}

#[test]
fn a_route_that_drains_reads_a_plain_answer_after_the_client_left() {
    let (go, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let upstream = RawUpstream::start(move |_, stream| {
        gate.lock().unwrap().recv().unwrap();
        respond(stream, 200, "", &completion())
    });
    let setup = Setup::raw(&upstream.base_url());
    let gateway = setup.tune_route(|route| route.on_client_gone = OnClientGone::Drain).start();
    let mut client = RawClient::connect(gateway.address);
    client.chat(&ask("raw"));
    upstream.heard(1);
    drop(client);
    go.send(()).unwrap();
    let event = gateway.close().remove(0);
    assert_eq!(event.cost.usage_source, UsageSource::Drained);
    assert_eq!(event.outcome.error, Some(ErrorClass::ClientGone));
    assert_eq!((event.meters.input_tokens(), event.call.response_bytes), (20, 0));
}

#[test]
fn clients_that_reset_in_mid_stream_leave_one_row_each_and_the_process_goes_on() {
    let simulator = simulator();
    simulator.set_fault("", "words=3000").unwrap();
    let gateway = Setup::of(&simulator).budget("1000").start();
    for _ in 0..8 {
        let mut client = RawClient::connect(gateway.address);
        client.chat(&ask_stream("openai"));
        client.read_until("\r\n\r\n");
        // Unread bytes are in the socket, so that closing it resets the connection.
        drop(client);
    }
    eventually("all are settled", || gateway.settled().len() == 8);
    simulator.clear_faults();
    assert!(gateway.chat(&ask_stream("openai")).is_done());
    assert_eq!(gateway.chat(&ask("openai")).status, 200);
    let events = gateway.close();
    assert_eq!(events.len(), 10);
    assert!(events[..8].iter().all(|e| e.outcome.error == Some(ErrorClass::ClientGone)));
}

#[test]
fn a_client_that_leaves_in_its_own_body_sends_nothing_to_anyone() {
    let upstream = RawUpstream::start(|_, stream| respond(stream, 200, "", &completion()));
    let gateway = Setup::raw(&upstream.base_url()).start();
    let mut client = RawClient::connect(gateway.address);
    client.send(crate::raw_client::chat_head().as_bytes());
    client.send(b"content-length: 100\r\n\r\n{\"model\":");
    eventually("its body is being read", || gateway.engine.memory.used() > 0);
    drop(client);
    gateway.idle();
    assert_eq!(upstream.connections(), 0);
    assert!(gateway.close().is_empty());
}
