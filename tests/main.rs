//! End-to-end stories: the real binary, real clients, and providers simulated over real HTTP.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod agents; // Claude Code, Codex and Gemini CLI, unmodified: what they did is what the ledger holds
mod bad_input; // every kind of bad input: a clear error, and nothing lost
mod batches; // each line of a batch's results once, whatever happens
mod cap; // a monthly budget under 64 clients and a kill
mod clients; // the SDKs of PyPI and npm, unmodified
mod command_line; // init, config, key, query, export, and their exit codes
mod console; // login, statement, export and screenshots
mod demonstration; // `tollgate demo` as a newcomer sees it
mod durability; // kill -9, damaged spools, orderly stops
mod further; // models that answer beside the one that was asked, through a kill
mod halves; // console and gateways apart: one ledger, one cap, and each without the other
mod hardship; // large, slow and late requests, stale connections, limits of providers
mod harness; // what the stories are told with
mod metering; // one row for every outcome, with the provider's own figures
mod pages; // the console in a real browser
mod passthrough; // files, pictures, speech, and whatever else a provider offers
mod prices; // costing on demand, imports, prices set late and applied again
mod realtime; // sessions over WebSocket: metered by the response, ended at the cap
mod vectors; // vectors and ranks of any provider in any client's words
