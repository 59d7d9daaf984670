//! OpenAI's realtime sessions over WebSocket: the handshake, and who speaks when. What is said and
//! what it costs is the talk's.

mod talk;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde_json::Value;

use super::OpenAi;
use crate::desk::Desk;
use crate::dialects::Wire;
use crate::rate::Allowance;
use crate::refusal::Refusal;
use crate::respond::{authorise, refuse, script_of};
use talk::Talk;

/// Longest message taken, bytes.
const MESSAGE_BYTES_MAX: usize = 16 << 20;

/// The address of a session.
#[derive(Debug, Deserialize)]
pub(crate) struct Address {
    model: Option<String>,
}

/// Begins a session, or says why not.
pub(crate) async fn serve(
    State(desk): State<Arc<Desk>>,
    Query(address): Query<Address>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let serial = desk.serial();
    let mut response = match admit(&desk, address, &headers, serial).await {
        Err(refusal) => refuse::<OpenAi>(&refusal, serial),
        Ok(talk) => match upgrade {
            Ok(upgrade) => upgrade
                .protocols(["realtime"])
                .max_message_size(MESSAGE_BYTES_MAX)
                .on_upgrade(|socket| converse(socket, talk)),
            Err(_) => {
                let refusal = Refusal::new(426, "This endpoint requires a WebSocket connection.");
                refuse::<OpenAi>(&refusal, serial)
            }
        },
    };
    let now = desk.options.clock.now();
    OpenAi::dress(response.headers_mut(), serial, &Allowance::GENEROUS, now);
    response
}

async fn admit(
    desk: &Arc<Desk>,
    address: Address,
    headers: &HeaderMap,
    serial: u64,
) -> Result<Talk, Refusal> {
    authorise::<OpenAi>(desk, headers)?;
    let name = address
        .model
        .ok_or_else(|| Refusal::invalid("Missing required parameter: 'model'.").about("model"))?;
    let (model, script) = script_of(desk, &name, headers)?;
    if !desk.pause(script.delay_ms.unwrap_or(0)).await {
        return Err(Refusal::new(503, "The simulator is stopping"));
    }
    if let Some(status) = script.status {
        let told = format!("Simulated error {status}");
        return Err(Refusal::new(status, told).retry_after(script.retry_after_s));
    }
    Ok(Talk::new(Arc::clone(desk), model, script, serial))
}

/// Hears the client and speaks, until either ends it.
async fn converse(mut socket: WebSocket, mut talk: Talk) {
    let desk = Arc::clone(talk.desk());
    let pause = Duration::from_millis(talk.chunk_ms());
    if !say(&mut socket, vec![talk.opened()]).await {
        return;
    }
    loop {
        let events = tokio::select! { biased;
            () = desk.stopped() => return,
            heard = socket.recv() => match heard {
                Some(Ok(Message::Text(text))) => talk.hear(text.as_str()),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_))) => Vec::new(),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
            () = tokio::time::sleep(pause), if talk.is_speaking() => {
                // A connection that is cut ends without a word.
                let Some(events) = talk.speak() else { return };
                events
            }
        };
        if !say(&mut socket, events).await {
            return;
        }
    }
}

async fn say(socket: &mut WebSocket, events: Vec<Value>) -> bool {
    for event in events {
        if socket.send(Message::Text(event.to_string().into())).await.is_err() {
            return false;
        }
    }
    true
}
