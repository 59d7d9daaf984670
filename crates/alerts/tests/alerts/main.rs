//! Alerts against a real store, a real lake and a receiver over real HTTP.
//!
//! `delivery` covers the worker, `watching` incidents and who is told of them, `reported` those of costs a
//! provider names, `slack` the message,
//! `demonstration` the planted runaway of the demonstration's history.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]
#![allow(clippy::panic, reason = "a test that cannot go on has failed")]

mod delivery;
mod demonstration;
mod past;
mod reported;
mod setting;
mod slack;
mod watching;
