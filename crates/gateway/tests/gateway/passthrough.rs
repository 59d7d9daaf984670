//! What is passed on: relayed as it comes, metered by what it tells, and held for before it is sent.

use events::{ErrorClass, Frame, Meter, UsageSource};
use policy::OnUnpriced;
use serde_json::{Value, json};
use units::Usd;

use crate::harness::{Answer, Gateway, PROVIDER_SECRET, Setup, send, simulator, wait};
use crate::raw_upstream::{
    RawUpstream, Then, begin_stream, chunk, completion, end_stream, respond,
};

fn post(gateway: &Gateway, path: &str, body: &Value) -> Answer {
    wait(send(gateway.request("POST", path).json(body))).unwrap()
}

#[test]
fn pictures_and_recordings_fail_over_and_are_metered_by_what_is_told() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator)
        .provider("away", events::Dialect::OpenaiChat, "http://127.0.0.1:9/v1")
        .route("picture", &[("away", "gpt-image-1"), ("openai", "gpt-image-1")])
        .route("heard", &[("openai", "whisper-1")])
        .route("spoken", &[("openai", "tts-1")])
        .start();
    let body = json!({"model": "picture", "prompt": "a toll gate", "n": 2});
    let picture = post(&gateway, "/v1/images/generations", &body);
    assert_eq!((picture.status, picture.header("x-tollgate-attempts")), (200, "2"), "{picture:?}");
    assert_eq!(picture.json()["data"].as_array().unwrap().len(), 2);
    let form = "--b\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nheard\r\n--b\r\n\
                content-disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\nRIFF\r\n--b--\r\n";
    let request = gateway
        .request("POST", "/v1/audio/transcriptions")
        .header("content-type", "multipart/form-data; boundary=b")
        .body(form);
    let heard = wait(send(request)).unwrap();
    assert_eq!(heard.status, 200, "{heard:?}");
    let body = json!({"model": "spoken", "voice": "alloy", "input": "Hello."});
    let spoken = post(&gateway, "/v1/audio/speech", &body);
    assert_eq!((spoken.status, spoken.header("content-type")), (200, "audio/mpeg"));
    let moderated = post(
        &gateway,
        "/v1/moderations",
        &json!({"model": "openai/omni-moderation-latest", "input": "x"}),
    );
    assert_eq!(moderated.status, 200, "{moderated:?}");
    let rows = gateway.close();
    let [away, picture, heard, spoken, moderated] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(away.outcome.error, Some(ErrorClass::UpstreamConnect));
    assert_eq!(picture.meters.get(Meter::OutputImage), 2 * 272);
    assert_eq!(picture.call.endpoint, "images.generations");
    assert_eq!(
        (heard.meters.get(Meter::AudioSeconds), spoken.meters.get(Meter::Characters)),
        (9, 6)
    );
    for row in [picture, heard, spoken] {
        assert!(row.cost.billed.is_some_and(|cost| !cost.is_zero()), "{row:?}");
    }
    assert_eq!((moderated.cost.billed, moderated.cost.usage_source), (None, UsageSource::Unknown));
}

#[test]
fn legacy_completions_are_metered_and_hide_usage_nobody_asked_for() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator)
        .route("instruct", &[("openai", "gpt-3.5-turbo-instruct")])
        .budget("10")
        .start();
    let mut body = json!({"model": "instruct", "prompt": "x", "max_tokens": 5});
    let plain = post(&gateway, "/v1/completions", &body);
    assert_eq!(plain.json()["usage"]["completion_tokens"], 5, "{plain:?}");
    body["stream"] = true.into();
    let stream = post(&gateway, "/v1/completions", &body);
    assert!(stream.is_done(), "{stream:?}");
    assert!(stream.events().iter().all(|event| event.get("usage").is_none_or(Value::is_null)));
    for row in gateway.close() {
        assert_eq!((row.meters.output_tokens(), row.call.endpoint.as_str()), (5, "completions"));
        assert!(row.cost.billed.is_some(), "{row:?}");
    }
}

#[test]
fn a_chat_passed_on_is_one_row_plain_and_streamed() {
    let simulator = simulator();
    let gateway = Setup::of(&simulator).budget("100").start();
    let chat = json!({"model": "gpt-5.4", "messages": [{"role": "user", "content": "x"}],
                      "stream_options": {"include_usage": true}, "stream": true});
    let told = post(&gateway, "/passthrough/openai/chat/completions", &chat);
    assert!(told.is_done(), "{told:?}");
    let mut message = json!({"model": "claude-haiku-4-5", "max_tokens": 50,
                             "messages": [{"role": "user", "content": "x"}]});
    let plain = post(&gateway, "/passthrough/anthropic/messages", &message);
    assert_eq!(plain.status, 200, "{plain:?}");
    message["stream"] = true.into();
    let stream = post(&gateway, "/passthrough/anthropic/messages", &message);
    assert!(stream.text.contains("message_stop"), "{stream:?}");
    let rows = gateway.close();
    assert_eq!(rows.len(), 3);
    for row in &rows {
        assert_eq!(row.cost.usage_source, UsageSource::Provider, "{row:?}");
        assert!(row.cost.billed.is_some() && row.meters.output_tokens() > 0, "{row:?}");
    }
}

#[test]
fn a_provider_sees_the_gateways_credential_and_its_errors_are_told_as_they_are() {
    let upstream = RawUpstream::start(|heard, stream| {
        assert!(heard.head.contains(&format!("Bearer {PROVIDER_SECRET}")), "{}", heard.head);
        assert!(!heard.head.contains("tg_"), "{}", heard.head);
        respond(stream, 418, "x-mine: kept\r\nset-cookie: a=b\r\n", "{\"odd\":1}")
    });
    let gateway = Setup::raw(&upstream.base_url()).start();
    let request = gateway.request("DELETE", "/passthrough/raw/things/1?a=b&key=tg_x");
    let answer = wait(send(request.header("x-api-key", "tg_other"))).unwrap();
    assert_eq!((answer.status, answer.text.as_str()), (418, "{\"odd\":1}"));
    assert_eq!((answer.header("x-mine"), answer.header("set-cookie")), ("kept", ""));
    let rows = gateway.close();
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(
        (row.outcome.status, row.outcome.error),
        (Some(418), Some(ErrorClass::InvalidRequest))
    );
    assert_eq!(row.cost.billed, Some(Usd::ZERO));
}

#[test]
fn an_answer_that_breaks_off_does_not_look_complete() {
    let upstream = RawUpstream::start(|_, stream| {
        begin_stream(stream).unwrap();
        chunk(stream, "data: {\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n")
            .unwrap();
        Then::Close
    });
    let gateway = Setup::raw(&upstream.base_url()).start();
    let body = json!({"model": "gpt-5.4-mini", "stream": true});
    let request = gateway.request("POST", "/passthrough/raw/anything").json(&body);
    assert!(wait(send(request)).is_err());
    let rows = gateway.close();
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(row.outcome.error, Some(ErrorClass::UpstreamCut));
    assert_eq!((row.meters.input_tokens(), row.meters.output_tokens()), (3, 2));
}

#[test]
fn an_error_in_the_place_of_the_first_event_fails_over_or_is_recorded_as_what_it_is() {
    let upstream = RawUpstream::start(|heard, stream| {
        begin_stream(stream).unwrap();
        if heard.json()["model"] == "good" {
            chunk(stream, "data: {\"type\":\"image_generation.partial_image\"}\n\n").unwrap();
            let used = "\"usage\":{\"input_tokens\":3,\"output_tokens\":2}";
            let done = format!("data: {{\"type\":\"image_generation.completed\",{used}}}\n\n");
            chunk(stream, &done).unwrap();
        } else {
            chunk(stream, ": wait\n\ndata: {\"type\":\"error\",\"error\":").unwrap();
            let error = "{\"type\":\"rate_limit_error\",\"message\":\"slow down\"}}\n\n";
            chunk(stream, error).unwrap();
        }
        end_stream(stream).unwrap();
        Then::Keep
    });
    let gateway = Setup::raw(&upstream.base_url())
        .route("picture", &[("raw", "bad"), ("raw", "good")])
        .route("spoilt", &[("raw", "bad")])
        .start();
    let body = |model: &str| json!({"model": model, "prompt": "x", "stream": true});
    let picture = post(&gateway, "/v1/images/generations", &body("picture"));
    assert_eq!((picture.status, picture.header("x-tollgate-attempts")), (200, "2"), "{picture:?}");
    assert!(picture.text.starts_with("data: {\"type\":\"image_generation.partial_image\"}\n\n"));
    let spoilt = post(&gateway, "/v1/images/generations", &body("spoilt"));
    assert_eq!((spoilt.status, spoilt.text.contains("slow down")), (429, true), "{spoilt:?}");
    let passed = post(&gateway, "/passthrough/raw/images/generations", &body("bad"));
    assert_eq!((passed.status, passed.text.contains("slow down")), (200, true), "{passed:?}");
    let rows = gateway.close();
    let [failed, good, spoilt, passed] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((good.outcome.error, good.meters.get(Meter::OutputImage)), (None, 2), "{good:?}");
    for row in [failed, spoilt, passed] {
        assert_eq!(row.outcome.error, Some(ErrorClass::UpstreamRateLimited), "{row:?}");
        assert_eq!(row.cost.billed, Some(Usd::ZERO), "{row:?}");
    }
    assert_eq!(passed.outcome.status, Some(200));
}

#[test]
fn an_event_there_is_no_memory_for_is_passed_on_unread_and_what_it_used_unknown() {
    let picture = "x".repeat(300_000);
    let told = format!("data: {{\"usage\":{{\"input_tokens\":3}}}}\n\ndata: \"{picture}\"\n\n");
    let expected = told.clone();
    let upstream = RawUpstream::start(move |_, stream| {
        begin_stream(stream).unwrap();
        chunk(stream, &told).unwrap();
        end_stream(stream).unwrap();
        Then::Keep
    });
    let mut setup = Setup::raw(&upstream.base_url());
    setup.memory_bytes_max = 100_000;
    let gateway = setup.start();
    let body = json!({"model": "gpt-image-1", "prompt": "x", "stream": true});
    let answer = post(&gateway, "/passthrough/raw/images/generations", &body);
    assert!(answer.status == 200 && answer.text == expected, "{}", answer.text.len());
    let rows = gateway.close();
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((row.cost.billed, row.cost.usage_source), (None, UsageSource::Unknown), "{row:?}");
}

#[test]
fn what_nothing_bounds_holds_a_stated_amount_and_costs_nothing_known() {
    let upstream = RawUpstream::start(|_, stream| respond(stream, 200, "", "{\"id\":\"f\"}"));
    let setup = || Setup::raw(&upstream.base_url());
    let gateway = setup().budget("10").start();
    let refused = post(&gateway, "/passthrough/raw/fine_tuning/jobs", &json!({}));
    assert_eq!(refused.code(), "model_unpriced", "{refused:?}");
    gateway.close();
    let allow = |gateway: Setup| gateway.tune_budget(|b| b.on_unpriced = OnUnpriced::Allow);
    let gateway = allow(setup().budget("0.5")).start();
    let refused = post(&gateway, "/passthrough/raw/fine_tuning/jobs", &json!({}));
    assert_eq!(refused.code(), "request_exceeds_budget", "{refused:?}");
    gateway.close();
    let gateway = allow(setup().budget("10")).start();
    let made = post(&gateway, "/passthrough/raw/fine_tuning/jobs", &json!({}));
    assert_eq!(made.status, 200, "{made:?}");
    let frames = gateway.frames();
    let [Frame::Opened(intent), Frame::Settled(row, charges)] = &frames[..] else {
        panic!("{frames:?}")
    };
    assert_eq!((intent.event.cost.billed, row.cost.billed), (None, None));
    assert_eq!(row.cost.usage_source, UsageSource::Unknown);
    assert!(charges.iter().all(|charge| charge.amount.is_zero()));
    let left = made.header("x-tollgate-budget-remaining-usd").parse::<Usd>();
    assert_eq!(left, Ok(Usd::from_dollars(9)));
    gateway.close();
}

#[test]
fn looking_at_what_is_kept_bills_its_usage_no_second_time() {
    let upstream = RawUpstream::start(|heard, stream| {
        let told = if heard.head.contains("/told") { completion() } else { "{}".to_owned() };
        respond(stream, 200, "", &told)
    });
    let gateway = Setup::raw(&upstream.base_url()).start();
    for path in ["/passthrough/raw/told", "/passthrough/raw/untold"] {
        let answer = wait(send(gateway.request("GET", path))).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    let rows = gateway.close();
    let costs: Vec<_> = rows.iter().map(|row| (row.cost.usage_source, row.cost.billed)).collect();
    assert_eq!(costs, [(UsageSource::None, Some(Usd::ZERO)), (UsageSource::Unknown, None)]);
    assert!(rows.iter().all(|row| row.meters.output_tokens() == 0), "{rows:?}");
}
