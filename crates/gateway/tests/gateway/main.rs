//! The gateway as its clients and its providers see it: a real listener, a real spool, real prices,
//! simulated providers over HTTP, and raw sockets wherever a peer must misbehave.

mod attribution;
mod body;
mod budget;
mod cut;
mod errors;
mod failover;
mod gone;
mod harness;
mod http;
mod metering;
mod names;
mod pool;
mod raw_client;
mod raw_upstream;
mod shutdown;
mod surface;
