//! The connections to one provider that wait for their next call.
//!
//! An idle connection is watched by the reactor of the thread that made it. Where each thread has a
//! reactor of its own, a call on another thread's connection would wake that thread for every packet, so
//! there each thread keeps its own connections. This file must never know what is sent.

use std::cell::Cell;

use pingora_core::connectors::{ConnectorOptions, http::Connector};
use thread_local::ThreadLocal;

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
    shared: Connector,
    /// Those of each pinned thread.
    own: ThreadLocal<Connector>,
    /// Kept ready for each of them.
    idle_max: usize,
}

impl Connections {
    /// None yet; `idle_max` is how many are kept ready.
    pub(crate) fn new(idle_max: usize) -> Self {
        Self { shared: connector(idle_max), own: ThreadLocal::new(), idle_max }
    }

    /// The ones this thread may use.
    pub(crate) fn here(&self) -> &Connector {
        match IS_PINNED.get() {
            true => self.own.get_or(|| connector(self.idle_max)),
            false => &self.shared,
        }
    }
}

fn connector(idle_max: usize) -> Connector {
    Connector::new(Some(ConnectorOptions::new(idle_max)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pinned_thread_has_connections_of_its_own_and_the_others_share_theirs() {
        let connections = Connections::new(1);
        let address = |connector: &Connector| std::ptr::from_ref(connector) as usize;
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
