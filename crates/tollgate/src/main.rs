//! One binary: LLM gateway and the ledger behind it.
fn main() {}
