//! What a transform costs, dialect by dialect: streams in MB and events a second of one core, a stream
//! translated against the same stream passed through, and the memory a request of 10 MB peaks at.
//!
//! Ratios are taken in one run on one machine, all sides in turn; the least of many short rounds counts,
//! which is the one that had a processor for itself: what other processes take is no cost of ours.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]
#![allow(clippy::disallowed_methods, reason = "a bench has no configuration file")]

#[path = "dialects/pictures.rs"]
mod pictures;
#[path = "dialects/streams.rs"]
mod streams;

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use dialects::{ReplyContext, StreamTranscoder};
use events::Dialect;
use peak_alloc::PeakAlloc;

/// Counts what is in use; costs two additions an allocation on either side of every ratio.
#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Rounds of each measurement, all sides in turn; the least counts.
const ROUNDS: usize = 201;
/// Streams in a round.
const STREAMS: usize = 2;
/// A stream translated costs at most this many times the CPU of passing it through.
const TRANSLATED_MAX: f64 = 1.5;
/// Peak of a request with pictures, in sizes of its body, that passes through.
const NATIVE_PEAK_MAX: f64 = 1.2;
/// The same for one that is translated.
const TRANSLATED_PEAK_MAX: f64 = 2.2;

/// The dialects clients speak.
const CLIENTS: [Dialect; 4] = [
    Dialect::OpenaiChat,
    Dialect::AnthropicMessages,
    Dialect::OpenaiResponses,
    Dialect::GeminiGenerate,
];

fn main() {
    // `cargo bench NAME` passes a filter to every bench.
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    if filter.is_some_and(|filter| !"dialects".contains(filter.as_str())) {
        return;
    }
    for stream in streams::all() {
        throughput(&stream);
    }
    peaks();
}

/// One provider's stream told to every client.
fn throughput(stream: &streams::Stream) {
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); CLIENTS.len()];
    for _ in 0..ROUNDS {
        for (client, times) in CLIENTS.into_iter().zip(&mut times) {
            let start = Instant::now();
            for _ in 0..STREAMS {
                transcode(stream, client);
            }
            times.push(start.elapsed().as_secs_f64() / STREAMS as f64);
        }
    }
    let native = CLIENTS.iter().position(|client| *client == stream.dialect);
    let passed = native.and_then(|at| times.get(at));
    let bytes: usize = stream.chunks.iter().map(Bytes::len).sum();
    for (client, taken) in CLIENTS.into_iter().zip(&times) {
        let seconds = least(taken);
        let (mb, events) = (bytes as f64 / 1e6 / seconds, stream.events as f64 / 1e6 / seconds);
        let pair = format!("{} to {client}", stream.dialect);
        let how = if client == stream.dialect { "passed" } else { "translated" };
        println!("{pair}: {how}, {mb:.0} MB/s, {events:.2} million events/s");
        if let Some(passed) = passed.filter(|_| client != stream.dialect) {
            let ratio = seconds / least(passed);
            verdict(&format!("{pair}: translated / passed"), ratio, TRANSLATED_MAX);
        }
    }
}

fn transcode(stream: &streams::Stream, client: Dialect) {
    let mut transcoder = StreamTranscoder::new(stream.dialect, client, ReplyContext::unpriced());
    for chunk in &stream.chunks {
        black_box(transcoder.push(chunk).ok());
    }
    black_box(transcoder.finish().ok());
}

/// Memory in use at most while a request is worded, its own body included.
fn peaks() {
    for client in CLIENTS {
        for provider in pictures::PROVIDERS {
            let before = ALLOCATOR.current_usage();
            ALLOCATOR.reset_peak_usage();
            let Some(size) = pictures::word(client, provider) else { continue };
            let peak = ALLOCATOR.peak_usage().saturating_sub(before) as f64 / size as f64;
            let is_native = client == provider;
            let target = if is_native { NATIVE_PEAK_MAX } else { TRANSLATED_PEAK_MAX };
            verdict(&format!("{client} to {provider}: peak / body"), peak, target);
        }
    }
}

/// Prints a ratio beside its target.
fn verdict(what: &str, ratio: f64, target: f64) {
    let word = if ratio <= target { "met" } else { "MISSED" };
    println!("{what}: {ratio:.2} (target at most {target}: {word})");
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}
