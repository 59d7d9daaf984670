//! The gateway as its clients and its providers see it: a real listener, a real spool, real prices,
//! simulated providers over HTTP, and raw sockets wherever a peer must misbehave.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test stops where its premise fails, also in what the tests share"
)]

mod attribution; // whom a row names
mod bank; // a budget authority in memory
mod body; // reading requests: bounded in size, time and memory
mod budget; // admission, clamping, the cap under load
mod cache; // answers shared by equal requests
mod console; // a console of a test
mod cut; // streams that end early
mod dropped; // what the client's dialect has no words for
mod errors; // what is told when somebody is wrong
mod failover; // whatever goes wrong before the first byte
mod further; // models that answer beside the one that was asked
mod gone; // clients that leave
mod harness; // a gateway in this process, and the laws checked whenever one ends
mod http; // HTTP/2, keep-alive, requests sent ahead, HTTP/1.0
mod leases; // waiting for one, being refused one, an authority that is away
mod link; // the console over HTTP, behaving and misbehaving
mod metering; // what is recorded, and when
mod mispricings; // from the bytes of an answer to its price, as others got it wrong
mod names; // providers by name
mod passthrough; // what is passed on as it is
mod patience; // the client's own bound on its wait
mod pool; // connections to providers
mod raw_client;
mod raw_upstream;
mod setup; // what a gateway of a test is started with
mod shutdown; // stops that lose nothing
mod snapshot_file; // the last good snapshot on disk
mod surface; // probes, models, headers
mod swap; // another snapshot in force while requests are under way
