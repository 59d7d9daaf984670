//! A small thread pool of the lake's own, so that analytic work never takes a thread of the proxy.
//!
//! It must never know what it runs.

use std::future::Future;

use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinSet;

use crate::LakeError;

/// A tokio runtime of a fixed number of threads.
#[derive(Debug)]
pub(crate) struct Pool {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Pool {
    /// Starts `threads` threads named `name`.
    pub(crate) fn start(name: &'static str, threads: usize) -> Result<Self, LakeError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(threads.max(1))
            .thread_name(name)
            .enable_all()
            .build()
            .map_err(|source| LakeError::io(name, source))?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Runs a future to its end here, even if the caller stops waiting: a commit that was half
    /// abandoned would leave its writer in doubt about what it had done.
    pub(crate) async fn finish<T, F>(&self, future: F) -> Result<T, LakeError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, LakeError>> + Send + 'static,
    {
        self.handle.spawn(future).await.map_err(|_| LakeError::Stopped)?
    }

    /// Runs a future here and stops it when the caller stops waiting.
    pub(crate) async fn cancellable<T, F>(&self, future: F) -> Result<T, LakeError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, LakeError>> + Send + 'static,
    {
        let mut tasks = JoinSet::new();
        tasks.spawn_on(future, &self.handle);
        match tasks.join_next().await {
            Some(Ok(outcome)) => outcome,
            _ => Err(LakeError::Stopped),
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        // Dropping a runtime blocks, which async contexts forbid.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
