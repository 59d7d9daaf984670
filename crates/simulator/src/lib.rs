//! Simulated providers over real HTTP and a seeded traffic generator, for demo, tests and benches.
//!
//! [`Simulator`] answers on one loopback port as the providers' own services would: the same paths,
//! headers, bodies, streams, errors and usage figures, and it keeps the bill a provider would send.
//! Faults are scripted by the model's name, a header, or at run time ([`Script`]). [`traffic`] makes
//! a made-up company whose usage has a daily rhythm, as events of the past or as live requests.
//! [`AlertSink`] receives alerts as Slack and other receivers do.
//!
//! It is a client and a provider, so it must never know the gateway, its store or its prices.
//!
//! # How tokens are counted
//! Text: one token per word, and one more for each further 16 bytes of a long word. JSON the model
//! writes (tool arguments, structured output): one token per started 4 bytes. Messages and tools
//! cost 4 tokens each beside their text, images 85. The rule is cheap and lies at or below
//! what a real tokenizer says of English, so that an estimate made before sending holds.

mod answer;
mod ask;
mod beats;
mod bill;
mod cited;
mod control;
mod desk;
mod dialects;
mod dice;
mod error;
mod fault;
mod instance;
mod kept;
mod options;
mod prefix;
mod prompt;
mod prose;
mod rate;
mod refusal;
mod respond;
mod script;
mod server;
mod sink;
mod stream;
mod tokens;
pub mod traffic;
mod whole;

pub use bill::{Bill, BilledRequest, Quantities};
pub use cited::{CITED_ANSWER, CITED_PASSAGE, CITED_TITLE, CITED_URL, CITED_WORDS};
pub use error::{ScriptError, SimulatorError};
pub use options::{AWS_CREDENTIALS, SimulatorOptions};
pub use script::{AnswerSize, Reply, Script};
pub use server::Simulator;
pub use sink::{AlertSink, Received, SinkAct, SinkKind, SinkOptions};
pub use tokens::{json_tokens, text_tokens};
