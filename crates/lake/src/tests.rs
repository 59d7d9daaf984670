//! Tests over a real table on a real disk.

mod adoption;
mod claims;
mod commits;
mod encoding;
mod evolving;
mod explore;
mod exports;
mod queries;
mod reports;
mod requests;
mod rerating;
mod rows;
mod sample;
mod upkeep;
