//! Tests over a real table on a real disk.

mod adoption;
mod commits;
mod encoding;
mod exports;
mod queries;
mod rows;
