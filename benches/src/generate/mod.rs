//! The seeded generator of log streams.
//!
//! A stream is a sequence of chunks of [`LINES_PER_CHUNK`] lines; a chunk is a function of (options, index)
//! alone, so chunks are made in parallel, or one alone, and the bytes are the same. Line i has the event time
//! `start + i / events_per_s`. Of the lines, 1 % are odd (`odd`), 1 % look like contact with an indicator and
//! are not, 0.1 % must be hit by exactly one rule or indicator ([`planted`]); the [`truth::Truth`] says where.
//! Formats follow the vendors' documents; every value is invented (`world` says from which ranges).

pub(crate) mod asa;
mod auditd;
mod format;
pub(crate) mod fortigate;
pub mod indicators;
pub(crate) mod linux;
mod odd;
mod other;
pub mod planted;
pub(crate) mod put;
pub mod rng;
pub(crate) mod scene;
pub mod sigma;
mod single;
pub(crate) mod stamp;
pub(crate) mod suricata;
mod sysmon;
pub mod truth;
pub(crate) mod web;
pub(crate) mod windows;
pub(crate) mod world;

pub use format::Format;
pub use odd::Oddity;

use indicators::Indicator;
use planted::Kind;
use rayon::prelude::*;
use rng::{Rng, Zipf};
use scene::{Scene, Seen};
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use truth::Truth;

/// Lines of a chunk: about 1.5 MB of the mixed stream, so that a chunk fits in cache and a batch keeps all cores busy.
pub const LINES_PER_CHUNK: u64 = 4_096;

/// Chunks made before the oldest is written, per thread.
const CHUNKS_AHEAD: u64 = 4;

/// What stream to generate.
#[derive(Clone, Debug)]
pub struct Options {
    /// Same seed, same bytes.
    pub seed: u64,
    /// One format alone, or the mixed stream.
    pub format: Option<Format>,
    /// Event time of the first line, nanoseconds since 1970.
    pub start_ns: u64,
    /// Events in a second of event time (> 0).
    pub events_per_s: u64,
}

impl Options {
    /// The mixed stream of a seed: from 2026-03-02T00:00:00Z, 10,000 events a second.
    #[must_use]
    pub fn mixed(seed: u64) -> Self {
        Options { seed, format: None, start_ns: 1_772_409_600_000_000_000, events_per_s: 10_000 }
    }

    /// The same with one format alone.
    #[must_use]
    pub fn single(seed: u64, format: Format) -> Self {
        Options { format: Some(format), ..Self::mixed(seed) }
    }
}

/// How much to generate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Exactly so many lines.
    Lines(u64),
    /// Whole lines, at most so many bytes.
    Bytes(u64),
}

/// What a line is in the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Background.
    Plain,
    /// Spoilt background.
    Odd(Oddity),
    /// A value one step away from an indicator.
    LookAlike,
    /// Must be hit; the number is the place in [`indicators::planted`].
    Planted(Kind, Option<usize>),
}

/// One line of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Offset behind its newline in the chunk.
    pub end: u32,
    /// Its format.
    pub format: Format,
    /// What it is.
    pub class: Class,
}

/// [`LINES_PER_CHUNK`] lines.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The lines, each with its newline.
    pub bytes: Vec<u8>,
    /// Where they end and what they are.
    pub lines: Vec<Line>,
    pub(crate) seen: Seen,
}

/// Makes the chunks of a stream.
#[derive(Debug)]
pub struct Generator {
    options: Options,
    zipf: Zipf,
    indicators: Vec<Indicator>,
}

impl Generator {
    /// A generator; building its tables takes a few milliseconds.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let indicators = indicators::planted(options.seed);
        Generator { options, zipf: Zipf::new(), indicators }
    }

    /// Event time of line `index`.
    #[must_use]
    pub fn time_ns(&self, index: u64) -> u64 {
        let since = u128::from(index) * 1_000_000_000 / u128::from(self.options.events_per_s.max(1));
        self.options.start_ns.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }

    /// Chunk `index` of the stream, independent of every other.
    #[must_use]
    pub fn chunk(&self, index: u64) -> Chunk {
        let lane = self.options.format.map_or(0, |format| 1 + format as u64);
        let rng = Rng::new(self.options.seed, lane, index);
        let first = index * LINES_PER_CHUNK;
        let single = self.options.format.is_some();
        let mut scene = Scene::new(rng, &self.zipf, self.time_ns(first), single);
        let mut bytes = Vec::with_capacity(2 << 20);
        let mut lines = Vec::with_capacity(LINES_PER_CHUNK as usize);
        for serial in first..first + LINES_PER_CHUNK {
            scene.serial = serial;
            scene.stamp.set(self.time_ns(serial));
            let format = self.options.format.unwrap_or_else(|| Format::of_draw(scene.rng.below(1_000)));
            let class = self.line(&mut bytes, &mut scene, format);
            bytes.push(b'\n');
            lines.push(Line { end: bytes.len() as u32, format, class });
        }
        Chunk { bytes, lines, seen: scene.seen }
    }

    /// Writes one line without its newline.
    fn line(&self, out: &mut Vec<u8>, scene: &mut Scene<'_>, format: Format) -> Class {
        let start = out.len();
        // 11 in 10,000 and not 10: 7.5 % of the lines are of formats that carry nothing planted.
        match scene.rng.below(10_000) {
            0..11 => {
                if let Some((kind, indicator)) = planted::write(out, scene, format, &self.indicators) {
                    return Class::Planted(kind, indicator);
                }
            }
            11..111 => {
                format.write(out, scene);
                return Class::Odd(odd::spoil(out, start, &mut scene.rng));
            }
            111..211 => {
                if planted::write_look_alike(out, scene, format, &self.indicators) {
                    return Class::LookAlike;
                }
            }
            _ => {}
        }
        format.write(out, scene);
        Class::Plain
    }

    /// Writes the stream and returns its truth.
    ///
    /// # Errors
    /// What the writer returns.
    pub fn write(&self, extent: Extent, out: &mut (impl Write + Send)) -> io::Result<Truth> {
        let mut truth = Truth {
            seed: self.options.seed,
            format: self.options.format.map_or("mixed", Format::name).to_owned(),
            start_ns: self.options.start_ns,
            ..Truth::default()
        };
        let mut seen = Seen::default();
        let mut digest = Sha256::new();
        let batch = CHUNKS_AHEAD * rayon::current_num_threads() as u64;
        let make =
            |from: u64| -> Vec<Chunk> { (from..from + batch).into_par_iter().map(|index| self.chunk(index)).collect() };
        let mut next = 0;
        let mut ready = make(next);
        loop {
            next += batch;
            let last = match extent {
                Extent::Lines(lines) => truth.lines + batch * LINES_PER_CHUNK >= lines,
                Extent::Bytes(bytes) => {
                    truth.bytes + ready.iter().map(|chunk| chunk.bytes.len() as u64).sum::<u64>() >= bytes
                }
            };
            let (made, written) = rayon::join(
                || if last { Vec::new() } else { make(next) },
                || -> io::Result<()> {
                    for chunk in &ready {
                        let lines = fitting(chunk, extent, &truth);
                        let bytes = lines.checked_sub(1).map_or(0, |at| chunk.lines[at].end as usize);
                        out.write_all(&chunk.bytes[..bytes])?;
                        digest.update(&chunk.bytes[..bytes]);
                        truth.add(chunk, lines, &self.indicators);
                        seen.merge(&chunk.seen);
                        if lines < chunk.lines.len() {
                            break;
                        }
                    }
                    Ok(())
                },
            );
            written?;
            if last {
                break;
            }
            ready = made;
        }
        truth.end_ns = self.time_ns(truth.lines.saturating_sub(1));
        truth.sha256 = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        truth.finish(&seen);
        Ok(truth)
    }

    /// The stream in memory, for benches.
    ///
    /// # Panics
    /// Never: writing to memory does not fail.
    #[must_use]
    pub fn to_memory(&self, extent: Extent) -> (Vec<u8>, Truth) {
        let mut bytes = Vec::new();
        let truth = self.write(extent, &mut bytes).expect("writing to memory does not fail");
        (bytes, truth)
    }
}

/// How many lines of `chunk` still fit.
fn fitting(chunk: &Chunk, extent: Extent, truth: &Truth) -> usize {
    match extent {
        Extent::Lines(lines) => chunk.lines.len().min(usize::try_from(lines - truth.lines).unwrap_or(usize::MAX)),
        Extent::Bytes(bytes) => {
            let room = bytes - truth.bytes;
            chunk.lines.partition_point(|line| u64::from(line.end) <= room)
        }
    }
}

#[cfg(test)]
mod tests;
