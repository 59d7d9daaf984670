//! A connection that sends a request's head and body together.
//!
//! Pingora writes to a plain connection without a buffer, and flushes after the head and again after the
//! body: two system calls, two packets, and a provider woken twice for every small request. Writes are
//! gathered here, and the flush after the head is held back until something more is written or an answer
//! is waited for. This file must never know what is written.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use pingora_core::protocols::tls::{SslDigest, TlsRef};
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl,
    Stream, TimingDigest, UniqueID, UniqueIDType, raw_connect::ProxyDigest,
};
use tokio::io::{AsyncRead, AsyncWrite, BufWriter, ReadBuf};

/// Most that is gathered, bytes: a head with a small body. What is larger goes through as it comes.
const GATHERED_BYTES_MAX: usize = 4 << 10;

/// Where a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing was flushed since the last answer: the next flush is that of a head.
    Head,
    /// A head waits for its body.
    Held,
    /// Flushes go through.
    Open,
}

/// The connection.
#[derive(Debug)]
pub(crate) struct Corked {
    stream: BufWriter<Stream>,
    phase: Phase,
}

impl Corked {
    /// A connection nothing was sent on yet.
    pub(crate) fn new(stream: Stream) -> Self {
        let stream = BufWriter::with_capacity(GATHERED_BYTES_MAX, stream);
        Self { stream, phase: Phase::Head }
    }
}

impl AsyncWrite for Corked {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        if self.phase == Phase::Held {
            self.phase = Phase::Open;
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.phase == Phase::Head {
            self.phase = Phase::Held;
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[std::io::IoSlice<'_>],
    ) -> Poll<std::io::Result<usize>> {
        if self.phase == Phase::Held {
            self.phase = Phase::Open;
        }
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

impl AsyncRead for Corked {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if self.phase == Phase::Held {
            // Whoever waits for an answer has sent all there is.
            match Pin::new(&mut self.stream).poll_flush(context) {
                Poll::Ready(Ok(())) => self.phase = Phase::Open,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if matches!(read, Poll::Ready(Ok(()))) && buffer.filled().len() > before {
            self.phase = Phase::Head;
        }
        read
    }
}

#[async_trait]
impl Shutdown for Corked {
    async fn shutdown(&mut self) {
        self.stream.get_mut().shutdown().await;
    }
}

impl UniqueID for Corked {
    fn id(&self) -> UniqueIDType {
        self.stream.get_ref().id()
    }
}

impl Ssl for Corked {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.stream.get_ref().get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.stream.get_ref().get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.stream.get_ref().selected_alpn_proto()
    }
}

impl GetTimingDigest for Corked {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.stream.get_ref().get_timing_digest()
    }

    fn get_read_pending_time(&self) -> std::time::Duration {
        self.stream.get_ref().get_read_pending_time()
    }

    fn get_write_pending_time(&self) -> std::time::Duration {
        self.stream.get_ref().get_write_pending_time()
    }
}

impl GetProxyDigest for Corked {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.stream.get_ref().get_proxy_digest()
    }

    fn set_proxy_digest(&mut self, digest: ProxyDigest) {
        self.stream.get_mut().set_proxy_digest(digest);
    }
}

impl GetSocketDigest for Corked {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream.get_ref().get_socket_digest()
    }

    fn set_socket_digest(&mut self, digest: SocketDigest) {
        self.stream.get_mut().set_socket_digest(digest);
    }
}

#[async_trait]
impl Peek for Corked {
    async fn try_peek(&mut self, buffer: &mut [u8]) -> std::io::Result<bool> {
        self.stream.get_mut().try_peek(buffer).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    /// What the other end has received so far, without waiting.
    async fn received(other: &mut tokio::io::DuplexStream) -> String {
        let mut buffer = [0; 64];
        let read = tokio::time::timeout(std::time::Duration::ZERO, other.read(&mut buffer));
        let length = read.await.map_or(0, Result::unwrap);
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    /// A connection that sends each write at once, as Pingora's plain ones do.
    fn connection() -> (Corked, tokio::io::DuplexStream) {
        let (near, far) = duplex(256);
        (Corked::new(Box::new(Direct(near))), far)
    }

    #[derive(Debug)]
    struct Direct(tokio::io::DuplexStream);

    impl AsyncWrite for Direct {
        fn poll_write(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<std::io::Result<usize>> {
            Pin::new(&mut self.0).poll_write(context, bytes)
        }

        fn poll_flush(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<std::io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(context)
        }

        fn poll_shutdown(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<std::io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(context)
        }
    }

    impl AsyncRead for Direct {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<std::io::Result<()>> {
            Pin::new(&mut self.0).poll_read(context, buffer)
        }
    }

    #[async_trait]
    impl Shutdown for Direct {
        async fn shutdown(&mut self) {}
    }
    impl UniqueID for Direct {
        fn id(&self) -> UniqueIDType {
            0
        }
    }
    impl Ssl for Direct {}
    impl GetTimingDigest for Direct {
        fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
            Vec::new()
        }
    }
    impl GetProxyDigest for Direct {
        fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
            None
        }
    }
    impl GetSocketDigest for Direct {
        fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
            None
        }
    }
    impl Peek for Direct {}

    #[tokio::test]
    async fn a_head_leaves_together_with_its_body_on_every_call_of_a_connection() {
        let (mut corked, mut far) = connection();
        for call in ["one", "two"] {
            corked.write_all(b"head ").await.unwrap();
            corked.flush().await.unwrap();
            assert_eq!(received(&mut far).await, "", "{call}");
            corked.write_all(call.as_bytes()).await.unwrap();
            corked.flush().await.unwrap();
            assert_eq!(received(&mut far).await, format!("head {call}"));
            far.write_all(b"answer").await.unwrap();
            let mut answer = [0; 6];
            corked.read_exact(&mut answer).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_head_without_a_body_leaves_when_an_answer_is_waited_for() {
        let (mut corked, mut far) = connection();
        corked.write_all(b"head").await.unwrap();
        corked.flush().await.unwrap();
        let (_, answered) = tokio::join!(
            async {
                let mut head = [0; 4];
                far.read_exact(&mut head).await.unwrap();
                far.write_all(b"!").await.unwrap();
            },
            corked.read_u8()
        );
        assert_eq!(answered.unwrap(), b'!');
    }
}
