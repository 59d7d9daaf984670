//! Routing, admission and the reservation ledger: pure decisions over a snapshot and a clock.
