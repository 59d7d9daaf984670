//! An orderly stop: refuse what is new, let what is under way finish, then go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use pingora_core::server::{ShutdownSignal, ShutdownSignalWatch};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

/// How long connections get to write what the last requests left them.
const FLUSH_TIME: Duration = Duration::from_millis(50);

/// Whether the gateway is stopping, and how many requests it still serves.
#[derive(Debug, Default)]
pub struct Drain {
    is_stopping: AtomicBool,
    in_flight: AtomicUsize,
    changed: Notify,
}

impl Drain {
    /// Begins the stop: new requests are refused from now on.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
        self.changed.notify_one();
    }

    /// Whether the stop has begun.
    pub fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }

    /// Requests being served.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    pub(crate) fn enter(self: &Arc<Self>) -> Serving {
        self.in_flight.fetch_add(1, Ordering::SeqCst);
        Serving(Arc::clone(self))
    }

    async fn stopped(&self) {
        while !self.is_stopping() {
            self.changed.notified().await;
        }
    }

    async fn idle(&self) {
        while self.in_flight() > 0 {
            self.changed.notified().await;
        }
    }
}

/// One request being served.
#[derive(Debug)]
pub(crate) struct Serving(Arc<Drain>);

impl Drop for Serving {
    fn drop(&mut self) {
        let was_last = self.0.in_flight.fetch_sub(1, Ordering::SeqCst) == 1;
        if was_last && self.0.is_stopping() {
            self.0.changed.notify_one();
        }
    }
}

/// Stops the server on SIGINT, SIGTERM or [`Drain::stop`], as soon as nothing is under way and at
/// the latest after the grace period.
#[derive(Debug)]
pub struct StopSignals {
    drain: Arc<Drain>,
    grace: Duration,
}

impl StopSignals {
    /// Signals that stop the server through `drain`.
    pub fn new(drain: Arc<Drain>, grace: Duration) -> Self {
        Self { drain, grace }
    }
}

#[async_trait]
impl ShutdownSignalWatch for StopSignals {
    async fn recv(&self) -> ShutdownSignal {
        let hear = |kind| async move {
            match signal(kind) {
                Ok(mut signal) => signal.recv().await.unwrap_or(()),
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = hear(SignalKind::interrupt()) => {}
            () = hear(SignalKind::terminate()) => {}
            () = self.drain.stopped() => {}
        }
        self.drain.stop();
        tracing::info!(in_flight = self.drain.in_flight(), "stopping");
        if tokio::time::timeout(self.grace, self.drain.idle()).await.is_err() {
            tracing::warn!(
                in_flight = self.drain.in_flight(),
                "grace period over, cutting what is left"
            );
        }
        // HTTP/2 frames are written by a task of the connection's own, which runs once more.
        tokio::time::sleep(FLUSH_TIME).await;
        // Not the fast one: that returns before what is cut has been dropped, and so recorded.
        ShutdownSignal::GracefulTerminate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stop_waits_for_what_is_under_way() {
        let drain = Arc::new(Drain::default());
        let serving = drain.enter();
        let signals = StopSignals::new(Arc::clone(&drain), Duration::from_secs(60));
        let stopping = tokio::spawn(async move { signals.recv().await });
        drain.stop();
        tokio::task::yield_now().await;
        assert!(!stopping.is_finished());
        drop(serving);
        assert!(matches!(stopping.await.unwrap(), ShutdownSignal::GracefulTerminate));
    }
}
