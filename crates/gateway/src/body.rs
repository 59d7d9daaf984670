//! Reading a request's body: bounded in size, in time, and over all requests in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use events::ErrorClass;
use pingora_core::protocols::http::ServerSession;
use pingora_timeout::timeout;

use crate::failure::Failure;

/// The memory all bodies of all requests may take together, bytes. When it is full a request is
/// refused with 503 instead of waiting.
#[derive(Debug)]
pub struct BodyMemory {
    used: AtomicU64,
    bytes_max: u64,
}

impl BodyMemory {
    /// A memory of at most `bytes_max`.
    pub fn new(bytes_max: u64) -> Arc<Self> {
        Arc::new(Self { used: AtomicU64::new(0), bytes_max })
    }

    /// Bytes in use.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    pub(crate) fn share(self: &Arc<Self>) -> MemoryShare {
        MemoryShare { memory: Arc::clone(self), bytes: 0 }
    }

    fn take(&self, bytes: u64) -> bool {
        let grow = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.bytes_max);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grow).is_ok()
    }
}

/// What one request has taken of the memory; given back when dropped.
#[derive(Debug)]
pub(crate) struct MemoryShare {
    memory: Arc<BodyMemory>,
    bytes: u64,
}

impl MemoryShare {
    /// Takes more, or says that there is none.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Failure> {
        let bytes = bytes as u64;
        if !self.memory.take(bytes) {
            return Err(Failure {
                retry_after_s: Some(1),
                ..Failure::new(
                    ErrorClass::Overloaded,
                    503,
                    "body_memory_exhausted",
                    "the gateway holds as many request bodies as it may: try again in a second",
                )
            });
        }
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        self.memory.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Limits on one body.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyLimits {
    /// Largest body, bytes.
    pub(crate) bytes_max: usize,
    /// Longest time for the whole of it.
    pub(crate) time_max: Duration,
}

/// Reads the whole body. `Ok(None)` means that the client left or sent nonsense framing.
pub(crate) async fn read(
    down: &mut ServerSession,
    limits: BodyLimits,
    share: &mut MemoryShare,
) -> Result<Option<Bytes>, Failure> {
    let announced = down
        .get_header("content-length")
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<usize>().ok());
    if announced.is_some_and(|length| length > limits.bytes_max) {
        return Err(too_large(limits.bytes_max));
    }
    let expects = down
        .get_header("expect")
        .is_some_and(|v| v.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    if expects && down.write_continue_response().await.is_err() {
        return Ok(None);
    }
    match timeout(limits.time_max, collect(down, limits.bytes_max, announced, share)).await {
        Ok(result) => result,
        Err(_) => Err(Failure::new(
            ErrorClass::InvalidRequest,
            408,
            "body_timeout",
            format!("the request's body did not arrive within {} ms", limits.time_max.as_millis()),
        )),
    }
}

async fn collect(
    down: &mut ServerSession,
    bytes_max: usize,
    announced: Option<usize>,
    share: &mut MemoryShare,
) -> Result<Option<Bytes>, Failure> {
    let Ok(first) = down.read_request_body().await else { return Ok(None) };
    let Some(first) = first else { return Ok(Some(Bytes::new())) };
    share.grow(first.len())?;
    // The common case, one read, needs no copy.
    if down.is_body_done() && first.len() <= bytes_max {
        return Ok(Some(first));
    }
    let mut body = BytesMut::with_capacity(announced.unwrap_or(first.len() * 2).min(1 << 20));
    body.extend_from_slice(&first);
    loop {
        if body.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        match down.read_request_body().await {
            Ok(Some(more)) => {
                share.grow(more.len())?;
                body.extend_from_slice(&more);
            }
            Ok(None) => return Ok(Some(body.freeze())),
            Err(_) => return Ok(None),
        }
    }
}

fn too_large(bytes_max: usize) -> Failure {
    Failure::new(
        ErrorClass::TooLarge,
        413,
        "body_too_large",
        format!("the request's body is larger than {bytes_max} bytes (server.body_bytes_max)"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn body_memory_is_taken_given_back_and_never_exceeded() {
        let memory = BodyMemory::new(100);
        let mut first = memory.share();
        first.grow(60).unwrap();
        let mut second = memory.share();
        assert_eq!(second.grow(41).unwrap_err().status, 503);
        second.grow(40).unwrap();
        drop(first);
        assert_eq!(memory.used(), 40);
        drop(second);
        assert_eq!(memory.used(), 0);
    }
}
