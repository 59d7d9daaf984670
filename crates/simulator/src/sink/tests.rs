//! The sink refuses what the real receivers refuse, and fails on command.

use reqwest::Client;
use serde_json::json;
use standardwebhooks::Webhook;

use super::*;

const SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

async fn sink(secrets: &[&str]) -> AlertSink {
    let secrets = secrets.iter().map(|text| Secret::new(*text)).collect();
    AlertSink::start(SinkOptions { secrets, ..SinkOptions::default() }).await.unwrap()
}

async fn post_slack(sink: &AlertSink, body: serde_json::Value) -> (u16, String) {
    let url = sink.slack_url();
    let answer = Client::new().post(url.expose()).json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn a_slack_message_is_refused_in_slacks_words_and_remembered_as_it_came() {
    let sink = sink(&[]).await;
    let section = |length: usize| json!({"type": "section", "text": {"type": "mrkdwn", "text": "x".repeat(length)}});
    for (body, expected) in [
        (json!({"text": "hello"}), (200, "ok")),
        (json!({}), (400, "no_text")),
        (json!({"text": "a", "blocks": [section(3_000)]}), (200, "ok")),
        (json!({"text": "a", "blocks": [section(3_001)]}), (400, "invalid_blocks")),
        (json!({"text": "a", "blocks": vec![section(1); 51]}), (400, "invalid_blocks")),
        (json!({"text": "a", "blocks": [{"type": "poem"}]}), (400, "invalid_blocks")),
    ] {
        let (status, text) = post_slack(&sink, body).await;
        assert_eq!((status, text.as_str()), expected);
    }
    let received = sink.received();
    assert_eq!((received.len(), sink.accepted().len()), (6, 2));
    assert_eq!(received[0].body, r#"{"text":"hello"}"#);
    assert_eq!(received[3].problem, Some("invalid_blocks"));
}

#[tokio::test]
async fn a_webhook_must_be_signed_with_one_of_the_secrets_and_be_fresh() {
    let sink = sink(&["whsec_bm90IHRoaXMgb25lIGF0IGFsbCE=", SECRET]).await;
    let now_s = SystemClock.now().get() / 1_000_000;
    let body = r#"{"type":"incident.opened"}"#;
    let signed = |at| Webhook::new(SECRET).unwrap().sign("dlv_1", at, body.as_bytes()).unwrap();
    for (at, signature, expected) in [
        (now_s, signed(now_s), 200),
        (now_s, format!("v1,AAAA {}", signed(now_s)), 200),
        (now_s, signed(now_s - 1), 401),
        (now_s - 301, signed(now_s - 301), 401),
        (now_s, String::new(), 401),
    ] {
        let request = Client::new().post(sink.webhook_url().expose()).body(body);
        let request = request
            .header("webhook-id", "dlv_1")
            .header("webhook-timestamp", at.to_string())
            .header("webhook-signature", signature);
        assert_eq!(request.send().await.unwrap().status().as_u16(), expected);
    }
    assert_eq!(sink.accepted()[0].webhook_id.as_deref(), Some("dlv_1"));
}

#[tokio::test]
async fn acts_are_played_once_each_and_then_what_it_otherwise_does() {
    let sink = sink(&[]).await;
    sink.play([SinkAct::Answer(503), SinkAct::TooMany { retry_after: "7".to_owned() }]);
    sink.otherwise(SinkAct::Answer(410));
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(post_slack(&sink, json!({"text": "a"})).await.0);
    }
    assert_eq!(statuses, [503, 429, 410, 410]);
    sink.otherwise(SinkAct::Accept);
    assert_eq!(post_slack(&sink, json!({"text": "a"})).await.0, 200);
}

#[tokio::test]
async fn a_sink_that_hangs_answers_when_it_stops() {
    let sink = sink(&[]).await;
    sink.otherwise(SinkAct::Hang);
    let url = sink.slack_url();
    let posted = tokio::spawn(async move {
        Client::new().post(url.expose()).json(&json!({"text": "a"})).send().await
    });
    while sink.received().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(!posted.is_finished());
    sink.stop().await;
    assert!(posted.await.unwrap().is_ok_and(|answer| answer.status() == 503));
}
