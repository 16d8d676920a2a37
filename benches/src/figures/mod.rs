//! What is timed on one core. Each group builds its cases, and a case is built only if its answer is right.

mod correlating;
mod decoding;
mod framing;
mod indicating;
mod matching;
mod proving;

use std::sync::Arc;

use anyhow::Result;

use crate::measure::{Case, Pass};
use crate::stream::{Stream, split};

/// Seed of every stream that is timed.
pub const SEED: u64 = 1;

/// Bytes of a stream that is timed: within a core's share of the last-level cache, beyond its second-level cache, as
/// batches are when they come from another thread.
pub const STREAM_BYTES: usize = 4 << 20;

/// Builds cases, one group after the other, so that the data of one is gone before the next is timed.
type Group = fn() -> Result<Vec<Case>>;

/// All groups by name.
pub const GROUPS: [(&str, Group); 7] = [
    // First, on a heap that holds nothing yet: the memory of a key is told by what the process grew.
    ("correlate", correlating::cases),
    ("framing", framing::cases),
    ("decode", decoding::cases),
    ("match", matching::cases),
    ("indicators", indicating::cases),
    ("together", indicating::together_cases),
    ("tree", proving::cases),
];

fn split_pass(stream: &Arc<Stream>) -> Pass {
    let stream = Arc::clone(stream);
    Box::new(move |watch| {
        let (lines, _) = watch.time(|| split(std::hint::black_box(&stream.bytes)));
        assert_eq!(lines, stream.lines.len(), "the baseline lost lines");
    })
}
