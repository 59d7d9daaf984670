//! Passing a session's frames on, in both directions, whole and unchanged. Between two of them the
//! session is accounted for, and where it may not go on it is ended with words both sides understand.

use std::time::Duration;

use bytes::Bytes;
use dialects::realtime_cancel;
use events::ErrorClass;
use pingora_core::protocols::http::ServerSession;
use pingora_core::protocols::http::client::HttpSession;
use pingora_timeout::timeout;
use policy::OnClientGone;
use tokio::time::{Instant, sleep};

use super::frames::{Cut, Frames, Lost, Told, close, text};
use super::session::Session;
use crate::call::Client;
use crate::drain::Drain;
use crate::failure::Failure;
use crate::ledger::Ledger;
use crate::telemetry;

/// Longest silence of both sides.
const IDLE_MAX: Duration = Duration::from_secs(15 * 60);
/// How often it is looked whether the gateway stops, or nobody speaks any more.
const TICK: Duration = Duration::from_secs(1);
/// Longest wait for the usage of a response that was cancelled.
const CANCEL_TIME_MAX: Duration = Duration::from_secs(5);
/// Longest wait for the end of a response whose client has left, where the route lets it finish.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(60);
/// Longest wait for the other side's word that it has heard the end.
const FAREWELL_TIME_MAX: Duration = Duration::from_secs(1);

/// How a session ends.
enum End {
    /// The client said so.
    Closed,
    /// The client's connection ended.
    ClientGone,
    /// The provider said so, and the client has heard it.
    Finished,
    /// The provider's connection ended without a word.
    ProviderGone,
    /// A side's frames cannot be followed; whether it is the provider's.
    Lost(Lost, bool),
    /// What the client asks for is not paid for.
    Refused(Failure),
    /// Nobody has spoken for long.
    Idle,
    /// The gateway stops.
    Stopping,
}

/// Both ends of a session, and what has been received from each.
pub(super) struct Relay<'a, 'c> {
    pub(super) client: &'a mut Client<'c>,
    pub(super) provider: HttpSession,
    pub(super) session: Session<'a>,
    from_client: Frames,
    from_provider: Frames,
    is_client_alive: bool,
    is_provider_alive: bool,
}

impl<'a, 'c> Relay<'a, 'c> {
    /// A session whose both sides have left HTTP.
    pub(super) fn new(
        client: &'a mut Client<'c>,
        provider: HttpSession,
        session: Session<'a>,
    ) -> Self {
        Self {
            client,
            provider,
            session,
            from_client: Frames::default(),
            from_provider: Frames::default(),
            is_client_alive: true,
            is_provider_alive: true,
        }
    }

    /// Passes frames on until the session ends, and ends it.
    pub(super) async fn run(mut self, drain: &Drain, on_client_gone: OnClientGone) {
        let end = self.pass(drain).await;
        let provider_usable = match &end {
            End::Finished | End::ProviderGone | End::Lost(_, true) => false,
            End::Closed | End::ClientGone | End::Refused(_) | End::Idle | End::Stopping => true,
            End::Lost(_, false) => true,
        };
        self.is_provider_alive = provider_usable;
        if matches!(end, End::Closed | End::ClientGone) {
            self.session.is_deserted = true;
            self.is_client_alive = matches!(end, End::Closed);
        }
        if self.is_provider_alive && !self.session.rests() {
            let is_kept = self.session.is_deserted && on_client_gone == OnClientGone::Drain;
            self.see_out(is_kept).await;
        }
        let error = error_of(&end, !self.session.rests());
        self.session.settle(self.client.ledger, error);
        self.part(&end).await;
    }

    async fn pass(&mut self, drain: &Drain) -> End {
        let mut heard_at = Instant::now();
        loop {
            if drain.is_stopping() && self.session.rests() {
                return End::Stopping;
            }
            let ended = tokio::select! { biased;
                read = self.provider.read_response_body() => match read {
                    Ok(Some(bytes)) => {
                        heard_at = Instant::now();
                        self.from_provider.push(&bytes);
                        self.pass_down().await
                    }
                    Ok(None) | Err(_) => Some(End::ProviderGone),
                },
                read = self.client.down.read_request_body() => match read {
                    Ok(Some(bytes)) => {
                        heard_at = Instant::now();
                        self.from_client.push(&bytes);
                        self.pass_up().await
                    }
                    Ok(None) | Err(_) => Some(End::ClientGone),
                },
                () = sleep(TICK) => (heard_at.elapsed() > IDLE_MAX).then_some(End::Idle),
            };
            if let Some(end) = ended {
                return end;
            }
        }
    }

    /// Passes what the provider said on to the client, once it is in the books.
    async fn pass_down(&mut self) -> Option<End> {
        loop {
            let cut = match self.from_provider.next() {
                Ok(Some(cut)) => cut,
                Ok(None) => return None,
                Err(lost) => return Some(End::Lost(lost, true)),
            };
            let Cut { raw, told } = cut;
            let accounted = self.account(&told).await;
            if self.is_client_alive {
                self.session.passed_bytes += raw.len() as u64;
                self.is_client_alive = write(self.client.down, raw).await;
            }
            match (told, accounted) {
                (Told::Close, _) => return Some(End::Finished),
                (_, Err(failure)) => return Some(End::Refused(failure)),
                _ if !self.is_client_alive && !self.session.is_deserted => {
                    return Some(End::ClientGone);
                }
                _ => {}
            }
        }
    }

    async fn account(&mut self, told: &Told) -> Result<(), Failure> {
        match told {
            Told::Message(Some(message)) => self.session.tell(self.client.ledger, message).await,
            Told::Message(None) | Told::Close | Told::Nothing => Ok(()),
        }
    }

    /// Passes what the client said on to the provider, once it is paid for.
    async fn pass_up(&mut self) -> Option<End> {
        loop {
            let Cut { raw, told } = match self.from_client.next() {
                Ok(Some(cut)) => cut,
                Ok(None) => return None,
                Err(lost) => return Some(End::Lost(lost, false)),
            };
            match told {
                // The provider is told when the response under way has told its usage.
                Told::Close => return Some(End::Closed),
                Told::Message(message) => {
                    let heard = self.session.hear(self.client.ledger, message.as_ref()).await;
                    if let Err(failure) = heard {
                        return Some(End::Refused(failure));
                    }
                }
                Told::Nothing => {}
            }
            if !send(&mut self.provider, raw).await {
                return Some(End::ProviderGone);
            }
        }
    }

    /// Waits until the responses under way have ended, so that what they used is told: those of a
    /// client that left, or may not go on, are cancelled first unless they are kept.
    async fn see_out(&mut self, is_kept: bool) {
        let limit = if is_kept { DRAIN_TIME_MAX } else { CANCEL_TIME_MAX };
        if !is_kept && !send(&mut self.provider, text(realtime_cancel(), Some(mask()))).await {
            self.is_provider_alive = false;
            return;
        }
        let ending = async {
            while !self.session.rests() {
                match self.pass_down().await {
                    Some(End::Finished | End::Lost(_, _)) => return false,
                    // Each of the others follows a frame that was passed on.
                    Some(_) => continue,
                    None => {}
                }
                if self.session.rests() {
                    break;
                }
                let Ok(Some(bytes)) = self.provider.read_response_body().await else {
                    return false;
                };
                self.from_provider.push(&bytes);
            }
            true
        };
        // Longer than this nobody waits: what is not told by then is estimated.
        self.is_provider_alive = timeout(limit, ending).await.unwrap_or(true);
    }

    /// Tells both sides that the session is over.
    async fn part(&mut self, end: &End) {
        let (code, reason, failure) = farewell(end);
        if let Some(failure) = failure {
            telemetry::refused(failure.class);
            tracing::info!(
                request_id = %self.client.ledger.request_id,
                code = failure.code.as_str(),
                "realtime session ended"
            );
            if self.is_client_alive && self.from_provider.is_between_messages() {
                let told = error_event(self.client.ledger, &failure);
                self.is_client_alive = write(self.client.down, text(told, None)).await;
            }
        }
        if self.is_provider_alive {
            let told = send(&mut self.provider, close(1000, "", Some(mask()))).await;
            tracing::debug!(told, "realtime session closed at the provider");
        }
        self.provider.shutdown().await;
        let has_heard = matches!(end, End::Finished);
        if self.is_client_alive && !has_heard {
            self.is_client_alive = write(self.client.down, close(code, &reason, None)).await;
        }
        // A connection closed over unread bytes is reset, and the reset may overtake the farewell.
        if self.is_client_alive && !matches!(end, End::Closed) {
            let rest =
                async { while let Ok(Some(_)) = self.client.down.read_request_body().await {} };
            let _ = timeout(FAREWELL_TIME_MAX, rest).await;
        }
        let _ = self.client.down.write_response_body(Bytes::new(), true).await;
    }
}

/// The error the turn that is open ends with.
fn error_of(end: &End, is_broken: bool) -> Option<ErrorClass> {
    match end {
        End::Refused(failure) => Some(failure.class),
        _ if !is_broken => None,
        End::Closed | End::ClientGone => Some(ErrorClass::ClientGone),
        End::Finished | End::ProviderGone => Some(ErrorClass::UpstreamCut),
        End::Lost(_, true) => Some(ErrorClass::UpstreamGarbage),
        End::Lost(_, false) => Some(ErrorClass::InvalidRequest),
        End::Idle => Some(ErrorClass::UpstreamTimeout),
        End::Stopping => Some(ErrorClass::Interrupted),
    }
}

/// What the client is told: code and reason of the close, and the error before it, if it is one.
fn farewell(end: &End) -> (u16, String, Option<Failure>) {
    let failed = |code: u16, failure: Failure| (code, failure.message.clone(), Some(failure));
    match end {
        End::Closed | End::ClientGone | End::Finished => (1000, String::new(), None),
        End::Idle => (1000, "nothing was said for 15 minutes".to_owned(), None),
        End::Stopping => (1001, "this gateway is stopping: connect again".to_owned(), None),
        End::Refused(failure) if failure.class == ErrorClass::BudgetExceeded => {
            failed(1008, failure.clone())
        }
        End::Refused(failure) => failed(1013, failure.clone()),
        End::ProviderGone => {
            let message = "the provider ended the session without a word";
            failed(1011, Failure::new(ErrorClass::UpstreamCut, 502, "upstream_cut", message))
        }
        End::Lost(Lost::TooLong, _) => {
            let message = "a message is longer than 16 MiB, which no session may have";
            failed(1009, Failure::new(ErrorClass::TooLarge, 413, "message_too_large", message))
        }
        End::Lost(Lost::Garbage, true) => {
            let message = "the provider sent something that is not WebSocket";
            failed(
                1011,
                Failure::new(ErrorClass::UpstreamGarbage, 502, "upstream_garbage", message),
            )
        }
        End::Lost(Lost::Garbage, false) => {
            let message =
                "a frame does not follow RFC 6455, or uses an extension that was not agreed on";
            failed(1002, Failure::new(ErrorClass::InvalidRequest, 400, "invalid_frame", message))
        }
    }
}

fn error_event(ledger: &Ledger, failure: &Failure) -> String {
    let body = failure.body(ledger.request_id.to_string());
    dialects::encode_realtime_error(&body, &format!("event_{}", ledger.request_id))
}

async fn write(down: &mut ServerSession, bytes: Bytes) -> bool {
    down.write_response_body(bytes, false).await.is_ok()
}

async fn send(provider: &mut HttpSession, bytes: Bytes) -> bool {
    // What is written after the switch is no body any more.
    if let HttpSession::H1(session) = provider {
        session.maybe_upgrade_body_writer();
    }
    provider.write_request_body(bytes, false).await.is_ok()
}

/// A key that hides a frame of ours from what lies between us and the provider.
fn mask() -> [u8; 4] {
    let mut mask = [0; 4];
    // Without randomness the frame is still correct.
    let _ = getrandom::fill(&mut mask);
    mask
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_has_a_code_of_its_own_and_a_cap_is_a_matter_of_policy() {
        let budget = Failure::new(ErrorClass::BudgetExceeded, 402, "budget_exceeded", "no room");
        for (end, code, is_error) in [
            (End::Closed, 1000, false),
            (End::Finished, 1000, false),
            (End::Idle, 1000, false),
            (End::Stopping, 1001, false),
            (End::Refused(budget), 1008, true),
            (End::Lost(Lost::TooLong, false), 1009, true),
            (End::Lost(Lost::Garbage, false), 1002, true),
            (End::ProviderGone, 1011, true),
        ] {
            let (told, _, failure) = farewell(&end);
            assert_eq!((told, failure.is_some()), (code, is_error));
        }
    }

    #[test]
    fn only_what_was_under_way_was_broken() {
        assert_eq!(error_of(&End::ClientGone, false), None);
        assert_eq!(error_of(&End::ClientGone, true), Some(ErrorClass::ClientGone));
        assert_eq!(error_of(&End::ProviderGone, true), Some(ErrorClass::UpstreamCut));
    }
}
