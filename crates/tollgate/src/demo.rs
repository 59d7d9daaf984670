//! `tollgate demo`: the whole product with simulated providers; no key, no network.

mod chaos;
mod chaos_check;
mod client;
mod digits;
mod history;
mod script;
mod spike;
mod stage;

use crate::cli::{DemoArgs, Tour};
use crate::failure::CommandError;

/// Runs the demonstration, or one of its self-checking tours.
pub fn run(arguments: &DemoArgs) -> Result<(), CommandError> {
    match arguments.tour {
        None => stage::run(arguments),
        Some(Tour::Digits) => digits::run(arguments),
        Some(Tour::Chaos) => chaos::run(arguments),
        Some(Tour::Spike) => spike::run(arguments),
    }
}
