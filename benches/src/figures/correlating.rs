//! One shard with a million live keys, beside plain hash upserts of as many keys.

use std::collections::HashSet;

use anyhow::{Result, ensure};
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use noroshi_correlate::{
    Condition, FeedSet, Finding, Hit, Key, Kind, Op, RuleSpec, Shard, ShardConfig, ShardMessage, SourceAdvance,
    SourceId,
};

use crate::generate::rng::{Rng, mix};
use crate::measure::{Case, Stopwatch, memory};

/// Live keys.
const KEYS: usize = 1_000_000;
/// Hits of one turn: a fifth of the keys, so that a turn is short beside what else the machine does.
const TURN: usize = 200_000;
/// Hits of one message: what a batch could send if every third event hit.
const MESSAGE: usize = 100;
/// Event time of one round over all keys.
const ROUND_NS: i64 = 60_000_000_000;
/// Hits in a window that make a finding. In the rounds that are timed a key has at most four.
const THRESHOLD: u64 = 5;
/// Rounds after the first before time counts: a window spans two and a half.
const SETTLING_ROUNDS: usize = 4;
const EPOCH_NS: i64 = 1_772_409_600_000_000_000;

/// The text of a key, 12 to 20 bytes as addresses and users are.
fn text(number: usize) -> String {
    format!("user-{:x}", mix(number as u64) >> 16)
}

fn spec() -> RuleSpec {
    RuleSpec {
        id: "bench".into(),
        definition_digest: [7; 32],
        kind: Kind::EventCount,
        condition: Condition::new(vec![(Op::Gte, i128::from(THRESHOLD))]),
        // A key is hit once a round, in another order each time: it is never silent for two rounds.
        window_ns: ROUND_NS * 5 / 2,
        max_episode_ns: 24 * 3600 * 1_000_000_000,
        feeds: FeedSet::new(&[1]),
        state_bytes_max: 16 << 20,
        evidence_max: 3,
        links: Vec::new(),
        risk: None,
        calendar: std::sync::Arc::default(),
    }
}

fn hit(key: &str, time_ns: i64, number: u64) -> Hit<()> {
    let digest = (u128::from(mix(number)) << 64 | u128::from(number)).to_le_bytes();
    Hit {
        rule: 0,
        source: SourceId(1),
        time_ns,
        future: false,
        key: Key::new(&[key.as_bytes()]),
        part: 0,
        value: None,
        digest,
        evidence: (),
    }
}

/// A shuffled walk over all keys, round after round.
struct Walk {
    order: Vec<u32>,
    at: usize,
    round: u64,
}

impl Walk {
    fn new(keys: usize) -> Self {
        let mut walk = Walk { order: (0..keys as u32).collect(), at: 0, round: 0 };
        walk.shuffle();
        walk
    }

    fn shuffle(&mut self) {
        let mut rng = Rng::new(super::SEED, 0xC0, self.round);
        for at in (1..self.order.len()).rev() {
            self.order.swap(at, rng.below(at as u64 + 1) as usize);
        }
    }

    /// The next key, and its place among all steps.
    fn step(&mut self) -> (usize, u64) {
        let key = self.order[self.at] as usize;
        let place = self.round * self.order.len() as u64 + self.at as u64;
        self.at += 1;
        if self.at == self.order.len() {
            self.at = 0;
            self.round += 1;
            self.shuffle();
        }
        (key, place)
    }
}

struct Load {
    shard: Shard<()>,
    walk: Walk,
    sequence: u64,
    texts: Vec<String>,
    found: Vec<Finding<()>>,
}

impl Load {
    fn new() -> Self {
        let shard = Shard::new(ShardConfig::default(), &[spec()]);
        Load { shard, walk: Walk::new(KEYS), sequence: 0, texts: (0..KEYS).map(text).collect(), found: Vec::new() }
    }

    fn message(&mut self, hits: Vec<Hit<()>>) -> ShardMessage<()> {
        let time_ns = hits.iter().map(|hit| hit.time_ns).max().unwrap_or(EPOCH_NS);
        let sequence = self.sequence;
        self.sequence += 1;
        ShardMessage {
            sequence,
            hits,
            sources: vec![SourceAdvance {
                source: SourceId(1),
                class: 1,
                lateness_ns: 10_000_000_000,
                idle_timeout_ns: i64::MAX,
                min_event_time_ns: time_ns,
                max_event_time_ns: time_ns,
            }],
            receive_time_ns: time_ns,
            rules: None,
            cut: false,
        }
    }

    fn next(&mut self, hits: usize) -> ShardMessage<()> {
        let hits = (0..hits)
            .map(|_| {
                let (key, place) = self.walk.step();
                let time_ns = EPOCH_NS + (i128::from(place) * i128::from(ROUND_NS) / KEYS as i128) as i64;
                hit(&self.texts[key], time_ns, place)
            })
            .collect();
        self.message(hits)
    }

    fn turn(&mut self, hits: usize, watch: &mut Stopwatch) {
        // Keys are laid out as workers make them, a message after the other, before the shard sees them.
        let messages: Vec<_> = (0..hits / MESSAGE).map(|_| self.next(MESSAGE)).collect();
        watch.time(|| {
            for message in messages {
                self.shard.accept(message, &mut self.found);
            }
        });
    }
}

/// Hash upserts: one count and one time a key, no meaning.
pub(super) struct Upserts {
    map: HashMap<Box<[u8]>, (u64, i64), FixedState>,
    walk: Walk,
    texts: Vec<String>,
    /// Upserts of one pass.
    pub(super) turn: usize,
}

impl Upserts {
    pub(super) fn new(keys: usize) -> Self {
        let mut upserts = Upserts {
            map: HashMap::default(),
            walk: Walk::new(keys),
            texts: (0..keys).map(text).collect(),
            turn: keys / 5,
        };
        for _ in 0..5 {
            upserts.pass(&mut Stopwatch::new());
        }
        upserts
    }

    pub(super) fn pass(&mut self, watch: &mut Stopwatch) {
        let steps: Vec<(Box<[u8]>, i64)> = (0..self.turn)
            .map(|_| {
                let (key, place) = self.walk.step();
                (self.texts[key].as_bytes().into(), place as i64)
            })
            .collect();
        watch.time(|| {
            for (key, time) in steps {
                let (count, last) = self.map.entry(key).or_default();
                *count += 1;
                *last = time;
            }
        });
        assert_eq!(self.map.len(), self.texts.len().min(self.map.len()), "the baseline lost keys");
    }
}

pub(super) fn cases() -> Result<Vec<Case>> {
    let before = memory("VmRSS");
    let mut load = Load::new();
    let texts = memory("VmRSS").saturating_sub(before);
    for _ in 0..KEYS / TURN {
        load.turn(TURN, &mut Stopwatch::new());
    }
    let resident = memory("VmRSS").saturating_sub(before + texts);
    let counters = load.shard.rule_counters()[0];
    ensure!(counters.keys_live == KEYS as u64 && counters.evicted_keys == 0, "not all keys live: {counters:?}");
    let note = format!(
        "{} B a key charged, {} B resident",
        counters.state_bytes / counters.keys_live,
        resident / counters.keys_live
    );
    // Rounds until keys hold as many hits as they ever will: before, every hit grows a key.
    for _ in 0..SETTLING_ROUNDS * KEYS / TURN {
        load.turn(TURN, &mut Stopwatch::new());
    }
    check()?;
    let mut upserts = Upserts::new(KEYS);
    Ok(vec![Case {
        name: "correlate/1m_keys".to_owned(),
        unit: "observe",
        count: TURN as u64,
        bytes: 0,
        measured: Box::new(move |watch| {
            load.turn(TURN, watch);
            let counters = load.shard.rule_counters()[0];
            assert_eq!(
                (counters.keys_live, counters.late, counters.evicted_keys, load.found.len()),
                (KEYS as u64, 0, 0, 0),
                "the answer changed while it was timed"
            );
        }),
        without: None,
        baseline_name: "hash upserts",
        baseline_count: upserts.turn as u64,
        baseline: Box::new(move |watch| upserts.pass(watch)),
        note,
    }])
}

/// Among a million keys exactly those that reach the threshold are found, each once.
fn check() -> Result<()> {
    const REACHING: usize = 1_000;
    let mut load = Load::new();
    load.turn(KEYS, &mut Stopwatch::new());
    for repeat in 1..THRESHOLD {
        let hits = (0..REACHING)
            .map(|at| {
                let number = u64::MAX / 2 + repeat * REACHING as u64 + at as u64;
                hit(&load.texts[at * (KEYS / REACHING)], EPOCH_NS + ROUND_NS + at as i64, number)
            })
            .collect();
        let message = load.message(hits);
        load.shard.accept(message, &mut load.found);
    }
    let expected: HashSet<Vec<u8>> =
        (0..REACHING).map(|at| Key::new(&[load.texts[at * (KEYS / REACHING)].as_bytes()]).bytes().to_vec()).collect();
    let found: HashSet<Vec<u8>> = load.found.iter().map(|finding| finding.key.bytes().to_vec()).collect();
    ensure!(found == expected, "{} keys found, {} reach the threshold", found.len(), expected.len());
    load.shard.finish(&mut load.found);
    let finals = load.found.iter().filter(|finding| finding.state == noroshi_correlate::State::Final).count();
    ensure!(finals == REACHING, "{finals} final findings, expected {REACHING}");
    Ok(())
}
