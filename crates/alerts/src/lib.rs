//! Messages out: what is worth one, what an incident reads like in Slack and as a webhook, and the
//! worker that delivers messages from the store's durable outbox.
//!
//! [`Watch`] looks at figures with the rules of `finops` and keeps incidents and messages; [`Worker`]
//! sends messages. Both may run in any number of processes over one store. This crate must never know
//! SQL, a template, or how an amount is computed.

mod address;
mod backoff;
mod channel;
mod error;
mod lake_inputs;
mod links;
mod notice;
mod sender;
mod slack;
mod text;
mod trial;
mod watch;
mod webhook;
mod worker;

pub use channel::{Channel, ChannelOptions, Channels};
pub use error::AlertsError;
pub use lake_inputs::{LakeInputs, Standing};
pub use links::Links;
pub use notice::{Notice, Turn, headline};
pub use slack::{render_slack, render_slack_digest};
pub use trial::test_message;
pub use watch::{
    Breakdown, Desk, Inputs, Look, ModelHour, TeamAmount, TeamHour, Watch, WatchOptions,
};
pub use webhook::{render_webhook, render_webhook_digest};
pub use worker::{Round, Worker, WorkerOptions};
