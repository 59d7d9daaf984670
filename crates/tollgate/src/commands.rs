//! What each command does, one file a command.

pub mod config;
pub mod export;
pub mod init;
pub mod key;
pub mod login;
pub mod query;
pub mod serve;
