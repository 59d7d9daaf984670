//! `tollgate price`: costing on demand, and what things cost: listed, changed, compared, applied anew.
//!
//! Works on the database and the lake, beside a running product or without one.

pub(super) mod book;
mod change;
mod cost;
mod diff;
mod import;
mod list;
mod read;
mod rerate;
mod set;
mod set_rate;
mod set_text;
mod show;
mod unpriced;
mod versions;
mod what_if;
mod withdraw;

use std::path::Path;

use crate::cli::PriceCommand;
use crate::failure::CommandError;

/// Runs the command.
pub fn run(command: &PriceCommand, path: &Path) -> Result<(), CommandError> {
    match command {
        PriceCommand::Cost(arguments) => cost::run(arguments, path),
        PriceCommand::List(arguments) => list::run(arguments, path),
        PriceCommand::Show(arguments) => show::run(arguments, path),
        PriceCommand::Import(arguments) => import::run(arguments, path),
        PriceCommand::Diff(arguments) => diff::run(arguments, path),
        PriceCommand::Set(arguments) => set::run(arguments, path),
        PriceCommand::Withdraw(arguments) => withdraw::run(arguments, path),
        PriceCommand::Rerate(arguments) => rerate::run(arguments, path),
        PriceCommand::WhatIf(arguments) => what_if::run(arguments, path),
        PriceCommand::Unpriced(arguments) => unpriced::run(arguments, path),
        PriceCommand::Versions(arguments) => versions::run(arguments, path),
    }
}
