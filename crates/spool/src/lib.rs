//! The durable framed log that holds usage events and settlements until they are committed.
