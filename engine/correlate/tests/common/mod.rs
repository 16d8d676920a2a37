//! Building hits and rules, and delivering them the way workers do.
#![allow(dead_code, unreachable_pub)] // each test file uses its part

pub mod depot;

use std::collections::HashSet;
use std::sync::Arc;

use noroshi_correlate::{
    Capture, Condition, FeedSet, Finding, Hit, Key, Kind, RuleSpec, Shard, ShardConfig, ShardMessage, SourceAdvance,
    SourceId, State, WatermarkPolicy, shard_of,
};
use proptest::test_runner::TestCaseError;

pub const SECOND: i64 = 1_000_000_000;
/// Some instant in 2026, so that times look like times.
pub const EPOCH: i64 = 1_780_000_000 * SECOND;

/// xorshift64*: seeded, the same on every machine.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 11) % bound.max(1)
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at as u64 + 1) as usize);
        }
    }
}

pub fn rule(kind: Kind, condition: Condition, window_s: i64) -> RuleSpec {
    RuleSpec {
        id: "brute-force".into(),
        definition_digest: [7; 32],
        kind,
        condition,
        window_ns: window_s * SECOND,
        max_episode_ns: 24 * 3600 * SECOND,
        feeds: FeedSet::new(&[1]),
        state_bytes_max: 64 << 20,
        evidence_max: 3,
        links: Vec::new(),
        risk: None,
        calendar: Arc::default(),
    }
}

/// A hit whose content follows from its parts, so that equal parts make equal hits. Value 0 is a missing value.
pub fn hit(time_s: i64, key: u8, value: u8, source: u8) -> Hit<()> {
    hit_ns(EPOCH + time_s * SECOND, &[key], value, source)
}

pub fn hit_ns(time_ns: i64, key: &[u8], value: u8, source: u8) -> Hit<()> {
    let mut digest = [0u8; 16];
    digest[..2].copy_from_slice(&[value.wrapping_mul(151), source.wrapping_mul(77)]);
    Hit {
        rule: 0,
        source: SourceId(u32::from(source)),
        time_ns,
        future: false,
        key: Key::new(&[key]),
        part: u16::from(value % 3),
        value: (value > 0).then_some([value; 16]),
        digest,
        evidence: (),
    }
}

/// Advances of sources by (source, time in seconds).
pub fn source_rows(rows: &[(u8, i64)], lateness_s: i64) -> Vec<SourceAdvance> {
    let rows = rows.iter().map(|&(source, time_s)| SourceAdvance {
        source: SourceId(u32::from(source)),
        class: 1,
        lateness_ns: lateness_s * SECOND,
        idle_timeout_ns: i64::MAX,
        min_event_time_ns: EPOCH + time_s * SECOND,
        max_event_time_ns: EPOCH + time_s * SECOND,
    });
    rows.collect()
}

pub fn message_with(sequence: usize, hits: Vec<Hit<()>>, sources: Vec<SourceAdvance>) -> ShardMessage<()> {
    ShardMessage { sequence: sequence as u64, hits, sources, receive_time_ns: EPOCH, rules: None, cut: false }
}

/// A batch as one message: its hits, and its sources moved to their greatest time in it.
pub fn message(sequence: usize, batch: &[Hit<()>], lateness_s: i64) -> ShardMessage<()> {
    let sources = batch.iter().filter(|hit| !hit.future).map(|hit| SourceAdvance {
        source: hit.source,
        class: 1,
        lateness_ns: lateness_s * SECOND,
        idle_timeout_ns: i64::MAX,
        min_event_time_ns: hit.time_ns,
        max_event_time_ns: hit.time_ns,
    });
    message_with(sequence, batch.to_vec(), sources.collect())
}

/// Hits in an order of arrival that keeps within the lateness.
pub struct Feed {
    pub hits: Vec<Hit<()>>,
}

impl Feed {
    /// Each hit arrives up to `lateness_s` after its time; whole seconds, so that some stand at the watermark itself.
    pub fn shuffled(mut hits: Vec<Hit<()>>, lateness_s: i64, random: &mut Random) -> Feed {
        random.shuffle(&mut hits);
        let mut arriving: Vec<_> = hits
            .into_iter()
            .map(|hit| (hit.time_ns + random.below(lateness_s as u64 + 1) as i64 * SECOND, hit))
            .collect();
        arriving.sort_by_key(|(arrival, _)| *arrival);
        Feed { hits: arriving.into_iter().map(|(_, hit)| hit).collect() }
    }

    pub fn batches(&self, random: &mut Random) -> Vec<Vec<Hit<()>>> {
        let mut batches = Vec::new();
        let mut rest = &self.hits[..];
        let longest = 1 + random.below(12);
        while !rest.is_empty() {
            let length = (random.below(longest + 1) as usize).min(rest.len());
            batches.push(rest[..length].to_vec());
            rest = &rest[length..];
        }
        batches
    }
}

/// How the hits travel.
pub struct Delivery {
    pub shards: usize,
    pub policy: WatermarkPolicy,
    pub lateness_s: i64,
}

impl Delivery {
    /// Cuts the feed into batches, lets workers overtake each other, and collects what all shards tell.
    pub fn run(&self, rules: &[RuleSpec], feed: &Feed, random: &mut Random) -> Vec<Finding<()>> {
        let batches = feed.batches(random);
        let mut found = Vec::new();
        for shard_index in 0..self.shards {
            let config =
                ShardConfig { shard: shard_index, shards: self.shards, policy: self.policy, ..ShardConfig::default() };
            let mut shard = Shard::new(config, rules);
            // Each message is delivered up to a few places late.
            let mut order: Vec<(u64, usize)> = (0..batches.len()).map(|at| (at as u64 + random.below(5), at)).collect();
            order.sort_unstable();
            for (_, at) in order {
                let mut message = message(at, &batches[at], self.lateness_s);
                message.hits.retain(|hit| shard_of(hit.key.partition(), self.shards) == shard_index);
                // Receive time moves on, so that updates become due.
                message.receive_time_ns += at as i64 * (SECOND / 3);
                shard.accept(message, &mut found);
            }
            shard.finish(&mut found);
            let mut refused = Vec::new();
            shard.drain_refused(&mut refused);
            assert!(refused.is_empty(), "the feed keeps within the lateness: {refused:?}");
            assert_eq!((shard.counters().missing, shard.counters().misrouted), (0, 0));
            assert!(shard.rule_counters().iter().all(|rule| rule.keys_live == 0 && rule.state_bytes == 0));
        }
        found
    }
}

/// A capture as it comes back from a disk.
pub fn stored(capture: &Capture<()>) -> Capture<()> {
    let mut bytes = Vec::new();
    capture.write(&mut bytes, |()| 0).expect("a vector takes bytes");
    let mut rest = &bytes[..];
    let capture = Capture::read(&mut rest, &[()]).expect("what was written is read");
    assert!(rest.is_empty(), "and nothing else");
    capture
}

/// Canonical bytes of the finals, in canonical order.
pub fn finals<E>(found: &[Finding<E>]) -> Vec<Vec<u8>> {
    let mut finals: Vec<_> = found.iter().filter(|finding| finding.state == State::Final).collect();
    finals.sort_by(|a, b| a.canonical_order(b));
    finals.into_iter().map(Finding::canonical_bytes).collect()
}

/// An open finding shares its id with a later final, or a later final supersedes it.
pub fn opens_are_answered(found: &[Finding<()>]) -> Result<(), TestCaseError> {
    let mut answered = HashSet::new();
    for finding in found.iter().rev() {
        match finding.state {
            State::Final => {
                answered.insert(finding.id);
                answered.extend(finding.supersedes.iter().copied());
            }
            State::Open if !answered.contains(&finding.id) => {
                return Err(TestCaseError::fail(format!("open without a final: {finding:?}")));
            }
            State::Open => {}
        }
    }
    Ok(())
}
