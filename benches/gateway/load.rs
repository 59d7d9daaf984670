//! Load by `wrk`, and what the server used under it.

use std::io::Write;
use std::process::Command;

use super::Result;
use super::servers::Target;

/// How much to ask for.
pub(super) struct Load {
    /// The route asked for.
    pub(super) model: &'static str,
    pub(super) connections: usize,
    pub(super) seconds: u32,
}

/// What came of it.
pub(super) struct Measured {
    pub(super) requests_per_s: f64,
    pub(super) cpu_us_per_request: f64,
    pub(super) median_us: f64,
}

/// Posts a small chat request over and over. An answer other than 200 fails the bench.
pub(super) fn run(target: &Target, load: &Load) -> Result<Measured> {
    let mut script = tempfile::NamedTempFile::new()?;
    write!(
        script,
        "wrk.method = \"POST\"\n\
         wrk.body = '{{\"model\":\"{}\",\"max_tokens\":32,\"messages\":[{{\"role\":\"user\",\"content\":\"Say hello to the world.\"}}]}}'\n\
         wrk.headers[\"Content-Type\"] = \"application/json\"\n\
         wrk.headers[\"Authorization\"] = \"Bearer {}\"\n\
         done = function(summary, latency)\n\
         io.write(string.format(\"RESULT %d %d %d %d\\n\", summary.requests, summary.duration,\n\
         latency:percentile(50), summary.errors.status + summary.errors.read + summary.errors.timeout))\nend\n",
        load.model, target.key
    )?;
    let before = target.process.cpu_s();
    let threads = if load.connections > 1 { "-t2" } else { "-t1" };
    let output = Command::new("wrk")
        .args([threads, &format!("-c{}", load.connections), &format!("-d{}s", load.seconds)])
        .arg("-s")
        .arg(script.path())
        .arg(format!("http://{}/v1/chat/completions", target.address))
        .output()?;
    let used_s = target.process.cpu_s() - before;
    let text = String::from_utf8_lossy(&output.stdout);
    let result = text.lines().find_map(|line| line.strip_prefix("RESULT "));
    let result = result
        .ok_or_else(|| format!("wrk failed: {text}{}", String::from_utf8_lossy(&output.stderr)))?;
    let figures: Vec<f64> = result.split(' ').filter_map(|figure| figure.parse().ok()).collect();
    let [requests, duration_us, median_us, errors] = figures[..] else {
        return Err(format!("wrk printed `{result}`").into());
    };
    if errors > 0.0 {
        return Err(format!("{errors} of {requests} requests failed").into());
    }
    Ok(Measured {
        requests_per_s: requests / duration_us * 1e6,
        cpu_us_per_request: used_s * 1e6 / requests,
        median_us,
    })
}
