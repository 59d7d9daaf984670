//! The developer's commands: `cargo xtask demo|test|lint|tidy|bench|fixtures`.
//!
//! Each does all the set-up it needs: system packages, Python and npm clients, the build itself.

mod bench;
mod demo;
mod fixtures;
mod lint;
mod run;
mod setup;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Tollgate's developer commands")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build, then run `tollgate demo`; arguments are passed on (`--seed 7`, `--tour digits`).
    Demo {
        /// Arguments of `tollgate demo`.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Everything continuous integration runs: lint, tidy, all tests, both tours of the demo.
    Test {
        /// Also run what takes long: kill storms, soaks.
        #[arg(long)]
        long: bool,
        /// Only tests whose name contains this.
        filter: Option<String>,
    },
    /// Formatting, clippy, and the dependency policy.
    Lint,
    /// The rules no compiler checks: crate edges, file sizes, log style, schemas.
    Tidy,
    /// The benches: ratios against something measured in the same run.
    Bench {
        /// Only benches whose name contains this.
        filter: Option<String>,
    },
    /// Rebuild what is checked in but made by a program.
    Fixtures {
        /// What to rebuild.
        what: fixtures::Fixture,
        /// Only compare it with what is checked in.
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Demo { arguments } => demo::run(&arguments),
        Command::Test { long, filter } => test::run(long, filter.as_deref()),
        Command::Lint => lint::run(),
        Command::Tidy => tidy::run(),
        Command::Bench { filter } => bench::run(filter.as_deref()),
        Command::Fixtures { what, check } => fixtures::run(what, check),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
