//! Rebuilds the crate when a migration is added: the embedding macro sees edits, but not new files.
#![allow(clippy::print_stdout, reason = "a build script talks to cargo over its standard output")]

fn main() {
    println!("cargo::rerun-if-changed=../../migrations/sqlite");
    println!("cargo::rerun-if-changed=../../migrations/postgres");
}
