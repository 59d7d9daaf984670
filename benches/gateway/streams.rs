//! Memory of many open streams: what each costs, and whether it grows while they run.

use std::time::Duration;

use super::servers::Servers;
use super::{Result, verdict};

/// Most memory a stream may cost, KiB.
const KIB_MAX: f64 = 150.0;

/// Opens `count` streams that say a word every 200 ms, and looks twice at what the gateway holds.
pub(super) fn measure(servers: &Servers, count: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let target = &servers.gateway;
        let client = reqwest::Client::builder().pool_max_idle_per_host(0).build()?;
        let before = target.process.resident_bytes();
        let body = serde_json::json!({
            "model": "openai/gpt-5.4-mini+chunk_ms=200&tokens_out=400", "stream": true, "max_tokens": 400,
            "messages": [{"role": "user", "content": "Count slowly."}],
        });
        let mut streams = tokio::task::JoinSet::new();
        for _ in 0..count {
            let request = client
                .post(format!("http://{}/v1/chat/completions", target.address))
                .bearer_auth(&target.key)
                .json(&body);
            streams.spawn(async move {
                let mut answer = request.send().await?.error_for_status()?;
                while answer.chunk().await?.is_some() {}
                Ok::<(), reqwest::Error>(())
            });
        }
        tokio::time::sleep(Duration::from_secs(8)).await;
        let early = target.process.resident_bytes() - before;
        tokio::time::sleep(Duration::from_secs(12)).await;
        let late = target.process.resident_bytes() - before;
        while let Some(ended) = streams.try_join_next() {
            ended??;
        }
        let open = streams.len();
        streams.abort_all();
        #[allow(clippy::cast_precision_loss, reason = "a count of streams is small")]
        let kib = |bytes: f64| bytes / 1024.0 / open.max(1) as f64;
        println!("{open} streams: {:.0} KiB each after 8 s, {:.0} KiB after 20 s", kib(early), kib(late));
        verdict("KiB per stream", kib(late), KIB_MAX, false);
        verdict("growth over 12 s", late / early, 1.1, false);
        Ok(())
    })
}
