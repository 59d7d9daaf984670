//! Libraries the design has chosen and no crate uses yet: built from the first day so that the features of the whole set are fixed (ADR 002).
