//! What it takes to remember a hundred million values: `hundred_million [MILLIONS] [DIRECTORY]`.
//!
//! A `new_value` rule over 50,000 keys sees each value once, spread over ten of the fourteen days of its horizon, then a
//! sample of the old ones and as many that never came. Prints rate, memory, disk and the cost of a hit whose value is on disk.

use std::sync::Arc;
use std::time::{Duration, Instant};

use noroshi_correlate::{
    Condition, FeedSet, Hit, Key, Kind, RuleSpec, Shard, ShardConfig, ShardMessage, SourceAdvance, SourceId,
};
use noroshi_files::RealFiles;
use noroshi_remember::ValueDepot;

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;
const EPOCH: i64 = 1_780_000_000 * SECOND;
const KEYS: u64 = 50_000;
const MESSAGE: u64 = 200;
const ASKED: u64 = 200_000;

fn spec() -> RuleSpec {
    RuleSpec {
        id: "remember".into(),
        definition_digest: [9; 32],
        kind: Kind::NewValue { horizon_ns: 14 * DAY, warmup_ns: 13 * DAY },
        condition: Condition::new(Vec::new()),
        window_ns: 3600 * SECOND,
        max_episode_ns: DAY,
        feeds: FeedSet::new(&[1]),
        // The default of a rule with group-by: 256 MiB over all partitions, of which a quarter stays in memory.
        state_bytes_max: 1 << 20,
        evidence_max: 3,
        links: Vec::new(),
        risk: None,
        calendar: Arc::default(),
    }
}

fn mix(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn hit(number: u64, time_ns: i64) -> Hit<()> {
    let value = (u128::from(mix(number)) << 64 | u128::from(mix(!number))).to_be_bytes();
    let key = format!("user-{:x}", mix(mix(number) % KEYS) >> 20);
    Hit {
        rule: 0,
        source: SourceId(1),
        time_ns,
        future: false,
        key: Key::new(&[key.as_bytes()]),
        part: 0,
        value: Some(value),
        digest: value,
        evidence: (),
    }
}

fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) >> 10
}

/// Processor time of one thread, or of all.
fn cpu(of: &str) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{of}/schedstat")).unwrap_or_default();
    Duration::from_nanos(stat.split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0))
}

struct Load {
    shard: Shard<()>,
    sequence: u64,
    found: Vec<noroshi_correlate::Finding<()>>,
}

impl Load {
    fn accept(&mut self, hits: Vec<Hit<()>>, time_ns: i64) -> Duration {
        let message = ShardMessage {
            sequence: self.sequence,
            hits,
            sources: vec![SourceAdvance {
                source: SourceId(1),
                class: 1,
                lateness_ns: 60 * SECOND,
                idle_timeout_ns: i64::MAX,
                min_event_time_ns: time_ns,
                max_event_time_ns: time_ns,
            }],
            receive_time_ns: time_ns,
            rules: None,
            cut: false,
        };
        self.sequence += 1;
        let began = cpu("thread-self");
        self.shard.accept(message, &mut self.found);
        cpu("thread-self") - began
    }

    fn ask(&mut self, what: &str, numbers: impl Iterator<Item = u64>, time_ns: i64) {
        let numbers: Vec<u64> = numbers.collect();
        let before = self.shard.rule_counters()[0];
        let spent: Duration = numbers
            .chunks(MESSAGE as usize)
            .map(|chunk| self.accept(chunk.iter().map(|&number| hit(number, time_ns)).collect(), time_ns))
            .sum();
        let after = self.shard.rule_counters()[0];
        println!(
            "{what}: {:.2} us of processor a hit, {} of {} read back",
            spent.as_secs_f64() * 1e6 / numbers.len() as f64,
            after.recalled - before.recalled,
            numbers.len()
        );
    }
}

fn main() -> std::io::Result<()> {
    let millions: u64 = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(100);
    let values = millions * 1_000_000;
    let directory = std::env::args().nth(2).map_or_else(std::env::temp_dir, Into::into).join("noroshi-values");
    std::fs::create_dir_all(&directory)?;
    let before = status("VmRSS");
    let depot = ValueDepot::open(Arc::new(RealFiles), directory.clone())?;
    let writing = depot.start()?;
    let config = ShardConfig { depot: Some(Arc::new(depot.clone())), ..ShardConfig::default() };
    let mut load = Load { shard: Shard::new(config, &[spec()]), sequence: 0, found: Vec::new() };
    let (mut spent, mut longest, wall) = (Duration::ZERO, Duration::ZERO, Instant::now());
    let at = |number: u64| EPOCH + (i128::from(number) * i128::from(10 * DAY) / i128::from(values)) as i64;
    for from in (0..values).step_by(MESSAGE as usize) {
        let time_ns = at(from);
        let took = load.accept((from..from + MESSAGE).map(|number| hit(number, time_ns)).collect(), time_ns);
        (spent, longest) = (spent + took, longest.max(took));
        if from % 10_000_000 == 0 && from > 0 {
            // Files that a merge replaced go with the next snapshot.
            depot.keep(std::iter::empty());
            let (counters, of_depot) = (load.shard.rule_counters()[0], depot.counters());
            println!(
                "{:>4} M: {:.0} k values a second of processor, {} MiB resident, {} M on disk in {} files, {} MiB charged, evicted {}",
                from / 1_000_000,
                from as f64 / spent.as_secs_f64() / 1e3,
                status("VmRSS") - before,
                of_depot.rows / 1_000_000,
                of_depot.runs,
                counters.state_bytes >> 20,
                counters.evicted_hits
            );
        }
    }
    println!(
        "took in {values} values: {spent:?} of processor in the shard, {:?} in all, longest message {longest:?}",
        wall.elapsed()
    );
    // Rounds go on while nothing comes, and merges end.
    let end = EPOCH + 10 * DAY;
    while depot.counters().waiting > 0 {
        load.accept(Vec::new(), end);
        std::thread::sleep(Duration::from_millis(20));
    }
    depot.keep(std::iter::empty());
    let bytes: u64 =
        std::fs::read_dir(&directory)?.filter_map(|entry| entry.ok()?.metadata().ok()).map(|it| it.len()).sum();
    let (counters, of_depot) = (load.shard.rule_counters()[0], depot.counters());
    println!(
        "{} MiB resident ({} MiB of filters), at most {} MiB; {} MiB on disk, {} files, {} rows; evicted {}, refused {}",
        status("VmRSS") - before,
        of_depot.resident_bytes >> 20,
        status("VmHWM"),
        bytes >> 20,
        of_depot.runs,
        of_depot.rows,
        counters.evicted_hits,
        counters.lay_refused
    );
    assert_eq!(counters.evicted_hits, 0, "nothing is given up");
    assert!(load.found.is_empty(), "nothing is new before the warm-up is over");
    // The older half, so that all of it is on disk; each once.
    let step = (values / 2 / ASKED).max(1);
    load.ask("values on disk", (0..ASKED).map(|number| number * step), end);
    load.ask("values never seen", (0..ASKED).map(|number| values + number), end);
    load.ask("values in memory", (0..ASKED).map(|number| number * step), end);
    let named: Vec<Vec<u8>> = load.shard.capture_now(0).shelves().map(<[u8]>::to_vec).collect();
    drop(load);
    drop(writing);
    let began = Instant::now();
    let depot = ValueDepot::open(Arc::new(RealFiles), directory)?;
    let mut shelf = noroshi_correlate::Depot::open(&depot, &spec(), 0, 1);
    named.iter().try_for_each(|named| shelf.take_up(named)).map_err(std::io::Error::other)?;
    println!("taken up again in {:?}: {} rows", began.elapsed(), shelf.rows());
    drop(shelf);
    depot.keep(std::iter::empty());
    Ok(())
}
