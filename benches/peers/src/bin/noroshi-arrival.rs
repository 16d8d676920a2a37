//! What the order of arrival does to an engine's alerts: ours and the strongest other one, over the same events.
//!
//! `noroshi-arrival [TRIALS]`
//!
//! A trial is 20 sources that each send an event every 5 to 25 s for ten minutes, and a rule that asks for five of one
//! source within 60 s. The events arrive in the order of their times, and then each up to so many seconds late; where
//! ours declares a lateness, it is 120 s. Each engine is held against its own answer to the events in order, so that what
//! the two define differently (whether a window's start belongs to it) counts for neither. Compared are stretches: times of
//! one source at which the rule held, less than 60 s apart, which are one alert of ours. What the other engine fires event
//! by event is joined to stretches the same way.
//!
//! The table is told on standard output. It ends with an error where ours differs in a single byte from the definition.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Arc;

use noroshi_correlate::{
    Condition, FeedSet, Finding, Hit, Key, Kind, Op, RuleSpec, Shard, ShardConfig, ShardMessage, SourceAdvance,
    SourceId, State, reference,
};
use rsigma_eval::{CorrelationConfig, CorrelationEngine, JsonEvent, ResultBody};
use rsigma_parser::parse_sigma_yaml;
use serde_json::{Value, json};

const SECOND: i64 = 1_000_000_000;
const EPOCH_S: i64 = 1_780_000_000;
const SOURCES: u8 = 20;
const LENGTH_S: i64 = 600;
const WINDOW_S: i64 = 60;
const LATENESS_S: i64 = 120;
const DELAYS_S: [u64; 4] = [0, 5, 30, 120];
const TRIALS: u64 = 200;

const RULES: &str = "
title: Failed
id: 5b0a3f0e-0000-4000-8000-000000000001
name: failed
logsource: {product: linux}
detection: {s: {outcome: failure}, condition: s}
---
title: Five
id: 5b0a3f0e-0000-4000-8000-000000000002
correlation:
    type: event_count
    rules: [failed]
    group-by: [user]
    timespan: 60s
    condition: {gte: 5}
level: high
";

/// Seconds since the epoch, and whose.
type Sent = (i64, u8);

/// By source, times from which to which the rule held.
type Stretches = BTreeMap<u8, Vec<(i64, i64)>>;

/// splitmix64: seeded, the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (number ^ (number >> 31)) % bound
    }
}

/// The events of a trial in the order of their times.
fn trial(random: &mut Random) -> Vec<Sent> {
    let mut sent = Vec::new();
    for source in 0..SOURCES {
        let mut time_s = EPOCH_S;
        while time_s < EPOCH_S + LENGTH_S {
            time_s += 5 + random.below(21) as i64;
            sent.push((time_s, source));
        }
    }
    sent.sort_unstable();
    sent
}

/// The same as they arrive, each up to so many seconds after its time.
fn delayed(sent: &[Sent], delay_s: u64, random: &mut Random) -> Vec<Sent> {
    let mut arriving: Vec<(i64, Sent)> =
        sent.iter().map(|&event| (event.0 * 1000 + random.below(delay_s * 1000 + 1) as i64, event)).collect();
    arriving.sort_by_key(|(arrival, _)| *arrival);
    arriving.into_iter().map(|(_, event)| event).collect()
}

/// What the other engine fires: every event at which it says that the rule holds.
fn other(sent: &[Sent]) -> Stretches {
    let rules = parse_sigma_yaml(RULES).expect("the rules are sound");
    let mut engine = CorrelationEngine::new(CorrelationConfig::default());
    engine.add_collection(&rules).expect("the rules are sound");
    let users: Vec<Value> =
        (0..SOURCES).map(|source| json!({ "user": format!("u{source}"), "outcome": "failure" })).collect();
    let mut fired: BTreeMap<u8, BTreeSet<i64>> = BTreeMap::new();
    for &(time_s, source) in sent {
        let told = engine.process_event_at(&JsonEvent::borrow(&users[usize::from(source)]), time_s);
        if told.iter().any(|result| matches!(result.body, ResultBody::Correlation(_))) {
            fired.entry(source).or_default().insert(time_s);
        }
    }
    fired.into_iter().map(|(source, times)| (source, stretches(times))).collect()
}

fn stretches(times: BTreeSet<i64>) -> Vec<(i64, i64)> {
    let mut found: Vec<(i64, i64)> = Vec::new();
    for time in times {
        match found.last_mut().filter(|(_, last)| time - *last < WINDOW_S) {
            Some((_, last)) => *last = time,
            None => found.push((time, time)),
        }
    }
    found
}

fn spec() -> RuleSpec {
    RuleSpec {
        id: "five".into(),
        definition_digest: [1; 32],
        kind: Kind::EventCount,
        condition: Condition::new(vec![(Op::Gte, 5)]),
        window_ns: WINDOW_S * SECOND,
        max_episode_ns: 24 * 3600 * SECOND,
        feeds: FeedSet::new(&[1]),
        state_bytes_max: 64 << 20,
        evidence_max: 3,
        links: Vec::new(),
        risk: None,
        calendar: Arc::default(),
    }
}

fn hit(&(time_s, source): &Sent) -> Hit<()> {
    Hit {
        rule: 0,
        source: SourceId(u32::from(source)),
        time_ns: time_s * SECOND,
        future: false,
        key: Key::new(&[&[source]]),
        part: 0,
        value: None,
        digest: [0; 16],
        evidence: (),
    }
}

/// Our final alerts, five events a message.
fn ours(sent: &[Sent]) -> Vec<Finding<()>> {
    let mut shard = Shard::new(ShardConfig::default(), &[spec()]);
    let mut found = Vec::new();
    for (sequence, events) in (0..).zip(sent.chunks(5)) {
        let hits: Vec<Hit<()>> = events.iter().map(hit).collect();
        let sources = hits.iter().map(|hit| SourceAdvance {
            source: hit.source,
            class: 1,
            lateness_ns: LATENESS_S * SECOND,
            idle_timeout_ns: i64::MAX,
            min_event_time_ns: hit.time_ns,
            max_event_time_ns: hit.time_ns,
        });
        let (sources, receive_time_ns) = (sources.collect(), EPOCH_S * SECOND);
        shard.accept(ShardMessage { sequence, hits, sources, receive_time_ns, rules: None, cut: false }, &mut found);
    }
    shard.finish(&mut found);
    found.retain(|finding| finding.state == State::Final);
    found
}

fn stretches_of(found: &[Finding<()>]) -> Stretches {
    let mut by_source = Stretches::new();
    for finding in found {
        let source = finding.key.values().next().and_then(|value| value.first().copied()).unwrap_or_default();
        by_source.entry(source).or_default().push((finding.trigger_ns / SECOND, finding.last_ns / SECOND));
    }
    by_source
}

/// What became of the stretches of one cell.
#[derive(Default)]
struct Cell {
    expected: usize,
    missed: usize,
    made_up: usize,
    /// Found, but with another begin or end, or torn.
    altered: usize,
}

impl Cell {
    fn compare(&mut self, expected: &Stretches, found: &Stretches) {
        for source in 0..SOURCES {
            let of = |all: &Stretches| all.get(&source).cloned().unwrap_or_default();
            let (expected, found) = (of(expected), of(found));
            let touch = |one: &(i64, i64), other: &(i64, i64)| one.0 <= other.1 && other.0 <= one.1;
            self.expected += expected.len();
            for stretch in &expected {
                if !found.iter().any(|other| touch(stretch, other)) {
                    self.missed += 1;
                } else if !found.contains(stretch) {
                    self.altered += 1;
                }
            }
            self.made_up += found.iter().filter(|one| !expected.iter().any(|other| touch(one, other))).count();
        }
    }

    fn row(&self, name: &str, delay_s: u64) -> String {
        let percent =
            |number: usize| format!("{number} ({:.1} %)", 100.0 * number as f64 / self.expected.max(1) as f64);
        format!(
            "| {name} | {delay_s} s | {} | {} | {} | {} |",
            self.expected,
            percent(self.missed),
            percent(self.made_up),
            percent(self.altered)
        )
    }
}

fn main() -> ExitCode {
    let trials = std::env::args().nth(1).and_then(|number| number.parse().ok()).unwrap_or(TRIALS);
    println!("| engine | arrives up to | alerts in order | missed | made up | begin or end altered |");
    println!("|---|---|---|---|---|---|");
    let mut sound = true;
    for delay_s in DELAYS_S {
        let (mut of_ours, mut of_other) = (Cell::default(), Cell::default());
        for seed in 0..trials {
            let mut random = Random(seed);
            let sent = trial(&mut random);
            let arriving = delayed(&sent, delay_s, &mut random);
            let hits: Vec<Hit<()>> = sent.iter().map(hit).collect();
            let end = hits.last().map_or(0, |hit| hit.time_ns);
            let truth = reference::evaluate(&spec(), 0, &hits, end);
            let found = ours(&arriving);
            let bytes = |all: &[Finding<()>]| all.iter().map(Finding::canonical_bytes).collect::<BTreeSet<_>>();
            sound &= bytes(&truth) == bytes(&found) && truth.len() == found.len();
            of_ours.compare(&stretches_of(&truth), &stretches_of(&found));
            of_other.compare(&other(&sent), &other(&arriving));
        }
        println!("{}", of_ours.row("ours", delay_s));
        println!("{}", of_other.row("rsigma-eval", delay_s));
    }
    if sound {
        println!("\nOurs: every final alert of all {} trials equal in each byte to the definition's.", trials * 4);
        return ExitCode::SUCCESS;
    }
    eprintln!("error: final alerts depended on the order of arrival: see tests/permute.rs of noroshi-correlate");
    ExitCode::FAILURE
}
