//! The gateway as its clients and its providers see it: a real listener, a real spool, real prices,
//! simulated providers over HTTP, and raw sockets wherever a peer must misbehave.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops where its premise fails, also in what the tests share"
)]

mod attribution; // whom a row names
mod body; // reading requests: bounded in size, time and memory
mod budget; // admission, clamping, the cap under load
mod cut; // streams that end early
mod errors; // what is told when somebody is wrong
mod failover; // whatever goes wrong before the first byte
mod gone; // clients that leave
mod harness; // a gateway in this process, and the laws checked whenever one ends
mod http; // HTTP/2, keep-alive, requests sent ahead, HTTP/1.0
mod metering; // what is recorded, and when
mod names; // providers by name
mod pool; // connections to providers
mod raw_client;
mod raw_upstream;
mod shutdown; // stops that lose nothing
mod surface; // probes, models, headers
