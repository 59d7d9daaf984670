//! The decoders' fuzz bodies, found by the name of the target.

#[path = "../../../crates/dialects/tests/laws/bodies.rs"]
mod bodies;

/// Runs the body of a target over some bytes; a name that no body has runs none and is told.
///
/// # Panics
/// The body found a law broken, or there is no such target.
pub fn run(target: &str, data: &[u8]) {
    let found = bodies::TARGETS.iter().find(|(name, _)| *name == target);
    assert!(found.is_some(), "there is no fuzz body named {target}");
    if let Some((_, body)) = found {
        body(data);
    }
}
