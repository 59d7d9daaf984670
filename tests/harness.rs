//! What the stories are told with: a running Tollgate, its providers, its clients, its readers.

pub(crate) mod agents; // coding agents of npm, run without a person
pub(crate) mod apart; // a console and its gateways in processes of their own
pub(crate) mod browser; // logs in to the console, takes screenshots with chromium
pub(crate) mod client; // an application that speaks to the gateway
pub(crate) mod command; // the binary run to its end
pub(crate) mod dice; // numbers that differ from run to run
pub(crate) mod fixture; // a running Tollgate over a directory of its own
pub(crate) mod half; // one of those processes
pub(crate) mod ports; // ports nobody else takes
pub(crate) mod postgres; // a PostgreSQL server of our own
pub(crate) mod process; // one serving process: started, stopped, killed
pub(crate) mod providers; // the simulated providers and what they bill
pub(crate) mod rows; // rows of the usage table
pub(crate) mod setup; // the configuration file
pub(crate) mod stub; // a server that says the same to everybody
pub(crate) mod tools; // Python, Node and chromium
pub(crate) mod waiting; // polling with a deadline

pub(crate) use apart::Apart;
pub(crate) use client::{Answer, Client};
pub(crate) use fixture::{Shared, Tollgate};
pub(crate) use providers::run;
pub(crate) use rows::Row;
pub(crate) use setup::Setup;
pub(crate) use waiting::wait_for;
