//! Ports for servers that are killed and started again on the same address.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// First port and number of ports: below what the system gives to outgoing connections, so that
/// none takes a port while its server is down.
const PORTS: (u16, u16) = (15_000, 16_000);

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A loopback address nobody listens on and that is given out once by this process.
pub(crate) fn free() -> SocketAddr {
    // Test processes that run side by side start at different places.
    let start = u16::try_from(std::process::id() % u32::from(PORTS.1)).unwrap();
    loop {
        let offset = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(start) % PORTS.1;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, PORTS.0 + offset));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
