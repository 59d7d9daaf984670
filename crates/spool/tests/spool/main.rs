//! Tests of the spool through its public interface, one module per promise.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accounting; // slots, quota, what is refused and when
mod committing; // reading, the low-water mark, deletion, carrying open attempts
mod epochs; // one directory per process start, on a real file system
mod failing_disk; // full, failing and lying disks
mod further; // records of further models beside an attempt's own
mod memory_disk; // a disk in memory that can be filled, failed, killed and cut from power
mod recovering; // kills, power losses, cut and damaged segments
mod sample; // events and spools to test with
mod trimming; // events too large for a frame
