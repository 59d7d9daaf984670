//! Statements and allocation: what finance reads, computed in integers.
