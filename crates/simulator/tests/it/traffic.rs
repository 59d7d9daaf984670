//! Live traffic, sent straight to the simulator as if it were a gateway.

use std::sync::Arc;
use std::time::Duration;

use simulator::traffic::{LiveTraffic, Population, TrafficCounts};
use tokio::sync::watch;
use units::Secret;

use crate::client::start;

fn traffic(base_url: String, key: &str) -> LiveTraffic {
    let population = Arc::new(Population::seeded(1));
    let key = |slug: &String| (slug.clone(), Secret::new(key));
    LiveTraffic {
        base_url,
        keys: population.teams.iter().map(|team| key(&team.slug)).collect(),
        population,
        rate_per_s: 200,
        concurrency_max: 16,
        seed: 1,
    }
}

async fn run_for(traffic: LiveTraffic, time: Duration) -> TrafficCounts {
    let (stop, stopping) = watch::channel(false);
    let running = tokio::spawn(traffic.run(stopping));
    tokio::time::sleep(time).await;
    stop.send_replace(true);
    running.await.unwrap().unwrap()
}

#[tokio::test]
async fn every_request_sent_is_answered_or_counted_otherwise() {
    let simulator = start().await;
    let counts = run_for(traffic(simulator.base_url(), "k"), Duration::from_millis(900)).await;
    assert!(counts.answered > 20 && counts.streamed > 0, "{counts:?}");
    assert_eq!((counts.refused, counts.failed, counts.cut), (0, 0, 0), "{counts:?}");
    let billed = simulator.bill().total().requests;
    assert!(billed >= counts.answered && billed <= counts.sent(), "{billed} {counts:?}");
}

#[tokio::test]
async fn refusals_cuts_and_silence_are_told_apart() {
    let simulator = start().await;
    let time = Duration::from_millis(300);
    let refused = run_for(traffic(simulator.base_url(), "sk-bad"), time).await;
    assert!(refused.refused > 0 && refused.refused == refused.sent(), "{refused:?}");
    simulator.set_fault("", "cut_after=2").unwrap();
    let cut = run_for(traffic(simulator.base_url(), "k"), time).await;
    assert!(cut.cut > 0 && cut.failed > 0 && cut.answered == 0, "{cut:?}");
    let nowhere = traffic("http://127.0.0.1:9/v1".to_owned(), "k");
    let failed = run_for(nowhere, time).await;
    assert!(failed.failed > 0 && failed.failed == failed.sent(), "{failed:?}");
}
