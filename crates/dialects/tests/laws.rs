//! Laws that hold for every dialect at once, and for any bytes.

#[cfg(test)]
#[path = "laws/answers.rs"]
mod answers;
#[cfg(test)]
#[path = "laws/asks.rs"]
mod asks;
#[cfg(test)]
#[path = "laws/bodies.rs"]
mod bodies;
#[cfg(test)]
#[path = "laws/citations.rs"]
mod citations;
#[cfg(test)]
#[path = "laws/errors.rs"]
mod errors;
#[cfg(test)]
#[path = "laws/fixtures.rs"]
mod fixtures;
#[cfg(test)]
#[path = "laws/fuzz.rs"]
mod fuzz;
#[cfg(test)]
#[path = "laws/growth.rs"]
mod growth;
#[cfg(test)]
#[path = "laws/matrix.rs"]
mod matrix;
#[cfg(test)]
#[path = "laws/mutation.rs"]
mod mutation;
#[cfg(test)]
#[path = "laws/requests.rs"]
mod requests;
#[cfg(test)]
#[path = "laws/sources.rs"]
mod sources;
