//! What each command does, one file a command.

pub mod budget;
pub mod config;
pub mod console;
pub mod doctor;
pub mod export;
pub mod gateway;
pub mod init;
pub mod key;
pub mod login;
pub mod price;
pub mod query;
pub mod request;
pub mod serve;
