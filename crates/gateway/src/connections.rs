//! The connections to one provider that wait for their next call.
//!
//! An idle connection is watched by the reactor of the thread that made it. Where each thread has a
//! reactor of its own, a call on another thread's connection would wake that thread for every packet, so
//! there each thread keeps its own connections. This file must never know what is sent.

use std::cell::Cell;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use pingora_core::connectors::{ConnectorOptions, http::Connector};
use pingora_core::protocols::Stream;
use thread_local::ThreadLocal;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;

/// How long a connection waits for its next call: most providers close them after 60 s or more.
pub(crate) const IDLE_TIME_MAX: Duration = Duration::from_secs(60);

thread_local! {
    static IS_PINNED: Cell<bool> = const { Cell::new(false) };
}

/// Says that the tasks of this thread never leave it.
pub(crate) fn pin_thread() {
    IS_PINNED.set(true);
}

/// Connections to one provider.
pub(crate) struct Connections {
    /// Those of threads whose tasks may move.
    shared: Share,
    /// Those of each pinned thread.
    own: ThreadLocal<Share>,
    /// Most that wait in each of them; the one that has waited longest makes room.
    idle_max: usize,
}

/// What one thread, or all of them together, may use.
pub(crate) struct Share {
    /// Makes connections, and keeps those of HTTP/2.
    pub(crate) connector: Connector,
    /// Those of HTTP/1, the longest waiting first.
    idle: Mutex<VecDeque<Idle>>,
}

struct Idle {
    stream: Stream,
    address: SocketAddr,
    until: Instant,
}

impl Connections {
    /// None yet.
    pub(crate) fn new(idle_max: usize) -> Self {
        Self { shared: Share::new(idle_max), own: ThreadLocal::new(), idle_max }
    }

    /// The ones this thread may use.
    pub(crate) fn here(&self) -> &Share {
        match IS_PINNED.get() {
            true => self.own.get_or(|| Share::new(self.idle_max)),
            false => &self.shared,
        }
    }

    /// Keeps a connection of HTTP/1 for its next call.
    pub(crate) fn keep(&self, stream: Stream, address: SocketAddr) {
        let until = Instant::now() + IDLE_TIME_MAX;
        let mut idle = self.here().idle();
        let oldest = if idle.len() >= self.idle_max { idle.pop_front() } else { None };
        idle.push_back(Idle { stream, address, until });
        // Closing one takes a while: not while others wait for theirs.
        drop(idle);
        drop(oldest);
    }

    /// Closes those that have waited too long.
    pub(crate) fn close_idle(&self) {
        let now = Instant::now();
        for share in self.own.iter().chain([&self.shared]) {
            let mut idle = share.idle();
            let expired = idle.iter().take_while(|one| one.until <= now).count();
            let expired: Vec<Idle> = idle.drain(..expired).collect();
            drop(idle);
            drop(expired);
        }
    }
}

impl Share {
    fn new(idle_max: usize) -> Self {
        let connector = Connector::new(Some(ConnectorOptions::new(idle_max)));
        Self { connector, idle: Mutex::default() }
    }

    /// The connection to an address that was used last, if the provider has not closed it meanwhile.
    pub(crate) fn take(&self, address: SocketAddr) -> Option<Stream> {
        loop {
            let mut idle = self.idle();
            let index = idle.iter().rposition(|one| one.address == address)?;
            let mut one = idle.remove(index)?;
            drop(idle);
            if Instant::now() < one.until && is_quiet(&mut one.stream) {
                return Some(one.stream);
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<Idle>> {
        // Whoever panicked while holding it had taken one out or put one in: it is whole.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether nothing has arrived on a connection that waits, and neither its end.
fn is_quiet(stream: &mut Stream) -> bool {
    let mut byte = [0];
    let mut context = Context::from_waker(Waker::noop());
    Pin::new(stream).poll_read(&mut context, &mut ReadBuf::new(&mut byte)).is_pending()
}

#[cfg(test)]
mod tests {
    use super::*;
    use pingora_core::protocols::l4::stream::Stream as Plain;
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    /// A connection, the provider's end of it, and the provider's address.
    async fn connected(listener: &TcpListener) -> (Stream, TcpStream, SocketAddr) {
        let address = listener.local_addr().unwrap();
        let near = TcpStream::connect(address).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        (Box::new(Plain::from(near)), far, address)
    }

    async fn listener() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").await.unwrap()
    }

    #[tokio::test]
    async fn the_connection_used_last_is_taken_first_and_only_for_its_own_address() {
        let (connections, one, other) = (Connections::new(8), listener().await, listener().await);
        let (first, _far, address) = connected(&one).await;
        let (second, _far, _) = connected(&one).await;
        let (elsewhere, _far, other) = connected(&other).await;
        let (first_id, second_id) = (first.id(), second.id());
        for (stream, address) in [(first, address), (second, address), (elsewhere, other)] {
            connections.keep(stream, address);
        }
        let taken = |address| connections.here().take(address).map(|stream| stream.id());
        assert_eq!(taken(address), Some(second_id));
        assert_eq!(taken(address), Some(first_id));
        assert_eq!(taken(address), None);
        assert!(taken(other).is_some());
    }

    #[tokio::test]
    async fn one_the_provider_has_closed_or_written_to_is_not_taken() {
        let (connections, listener) = (Connections::new(8), listener().await);
        for says in [&b""[..], b"HTTP/1.1 408 Request Timeout\r\n\r\n"] {
            let (stream, mut far, address) = connected(&listener).await;
            connections.keep(stream, address);
            far.write_all(says).await.unwrap();
            drop(far);
            tokio::time::sleep(Duration::from_millis(50)).await;
            assert!(connections.here().take(address).is_none(), "{says:?}");
        }
    }

    #[tokio::test]
    async fn what_is_too_many_or_waits_too_long_is_closed() {
        let (connections, listener) = (Connections::new(2), listener().await);
        let mut far_ends = Vec::new();
        for _ in 0..3 {
            let (stream, far, address) = connected(&listener).await;
            connections.keep(stream, address);
            far_ends.push(far);
        }
        let end = async |far: &TcpStream| {
            tokio::time::sleep(Duration::from_millis(50)).await;
            matches!(far.try_read(&mut [0]), Ok(0))
        };
        assert!(end(&far_ends[0]).await, "the oldest made room");
        assert!(!end(&far_ends[1]).await);
        for one in connections.here().idle().iter_mut() {
            one.until = Instant::now();
        }
        connections.close_idle();
        assert!(end(&far_ends[1]).await && end(&far_ends[2]).await);
        let (stream, _far, address) = connected(&listener).await;
        connections.keep(stream, address);
        connections.here().idle()[0].until = Instant::now();
        assert!(connections.here().take(address).is_none());
    }

    #[test]
    fn a_pinned_thread_has_connections_of_its_own_and_the_others_share_theirs() {
        let connections = Connections::new(1);
        let address = |share: &Share| std::ptr::from_ref(share) as usize;
        let shared = address(connections.here());
        std::thread::scope(|scope| {
            let other = scope.spawn(|| address(connections.here())).join().unwrap();
            assert_eq!(other, shared);
            let pinned = || {
                pin_thread();
                assert_eq!(address(connections.here()), address(connections.here()));
                address(connections.here())
            };
            let (one, two) = (scope.spawn(pinned), scope.spawn(pinned));
            let (one, two) = (one.join().unwrap(), two.join().unwrap());
            assert!(one != two && one != shared && two != shared);
        });
    }
}
