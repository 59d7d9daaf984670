//! One binary: LLM gateway and the ledger behind it.

pub mod cli;
pub mod commands;
pub mod compile;
pub mod config;
pub mod demo;
pub mod failure;
pub mod memory;
pub mod prices;
pub mod print;
pub mod schemas;
pub mod service;
pub mod telemetry;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command, Exit};
use crate::failure::CommandError;

fn main() -> ExitCode {
    memory::use_small_pages();
    // The proxy links one TLS provider and the database client another: the first installed is used.
    let _already_installed = rustls::crypto::ring::default_provider().install_default();
    let cli = Cli::parse();
    match run(&cli) {
        Ok(()) => Exit::Done.into(),
        Err(error) => {
            eprintln!("tollgate: {error}");
            error.exit().into()
        }
    }
}

fn run(cli: &Cli) -> Result<(), CommandError> {
    match &cli.command {
        Command::Serve => commands::serve::run(&cli.config),
        Command::Gateway => commands::gateway::run(&cli.config),
        Command::Console => commands::console::run(&cli.config),
        Command::Doctor(arguments) => commands::doctor::run(arguments, &cli.config),
        Command::Budget(command) => commands::budget::run(command, &cli.config),
        Command::Price(command) => commands::price::run(command, &cli.config),
        Command::Request(command) => commands::request::run(command, &cli.config),
        Command::Demo(arguments) => demo::run(arguments),
        Command::Init(arguments) => commands::init::run(arguments, &cli.config),
        Command::Config(command) => commands::config::run(command, &cli.config),
        Command::Key(command) => commands::key::run(command, &cli.config),
        Command::Login(arguments) => commands::login::run(arguments, &cli.config),
        Command::Query(arguments) => commands::query::run(arguments, &cli.config),
        Command::Export(command) => commands::export::run(command, &cli.config),
    }
}
