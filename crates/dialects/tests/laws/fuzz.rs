//! Every decoder against any bytes, and against the kept corpus, as it is and damaged.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};

use crate::bodies::TARGETS;
use crate::mutation::damage;

/// The inputs kept for a target, by name.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus").join(target);
    let mut files: Vec<(String, Vec<u8>)> = fs::read_dir(&folder)
        .unwrap_or_else(|e| panic!("{}: {e}", folder.display()))
        .map(|entry| entry.unwrap())
        .map(|entry| {
            (entry.file_name().to_string_lossy().into_owned(), fs::read(entry.path()).unwrap())
        })
        .collect();
    files.sort_unstable();
    files
}

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// Runs `body` over what `strategy` gives; the smallest input that panics is named.
fn hold<S: Strategy>(cases: u32, strategy: &S, body: impl Fn(S::Value)) {
    let mut runner = TestRunner::new(config(cases));
    let held = runner.run(strategy, |input| {
        body(input);
        Ok::<(), TestCaseError>(())
    });
    held.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn no_bytes_panic() {
    for (name, body) in TARGETS {
        let any = proptest::collection::vec(any::<u8>(), 0..300);
        hold(48, &any, |bytes| body(&bytes));
        let json = "[{}\\[\\]\",:a-z0-9 \\\\é\n]{0,120}";
        hold(48, &json, |text: String| body(text.as_bytes()));
        assert!(!name.is_empty());
    }
}

#[test]
fn every_target_keeps_a_corpus_and_survives_it() {
    for (name, body) in TARGETS {
        let files = corpus(name);
        assert!(!files.is_empty(), "{name} has no corpus");
        for (_, bytes) in files {
            body(&bytes);
        }
    }
}

/// Damaged inputs are where decoders break: each is nearly right.
fn damaged(part: usize, parts: usize) {
    for (name, body) in TARGETS.into_iter().skip(part).step_by(parts) {
        let files = corpus(name);
        let damages = proptest::collection::vec(damage(), 1..6);
        hold(96, &(any::<prop::sample::Index>(), damages), |(which, damages)| {
            let mut bytes = which.get(&files).1.clone();
            for damage in damages {
                damage.to(&mut bytes);
            }
            body(&bytes);
        });
    }
}

#[test]
fn no_damage_panics_in_one_half_of_the_decoders() {
    damaged(0, 2);
}

#[test]
fn no_damage_panics_in_the_other_half_of_the_decoders() {
    damaged(1, 2);
}
