//! What a hit costs, what a key weighs, what a snapshot takes: each answer is checked, then timed.
//!
//! `cargo bench -p noroshi-correlate [-- NAME…]`. Times are of the processor, of the thread that works; wall time is told
//! where threads work together. Figures wanted are those of a 2.6 GHz Zen 4 core; the ratio says how far a figure is
//! beyond what is wanted, so that less than 1 is short of it. `NOROSHI_FIGURES=FILE` keeps them as CSV too.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use noroshi_correlate::{
    Condition, Evidence, FeedSet, Finding, Hit, Key, Kind, Op, RuleSpec, Shard, ShardConfig, ShardMessage,
    SourceAdvance, SourceId, shard_of,
};
use rustix::time::{ClockId, Timespec, clock_gettime};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const SECOND: i64 = 1_000_000_000;
const EPOCH: i64 = 1_780_000_000 * SECOND;
const KEYS: usize = 1_000_000;
const MESSAGE: usize = 200;

fn mix(mut number: u64) -> u64 {
    number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn digest(number: u64) -> [u8; 16] {
    (u128::from(mix(number)) << 64 | u128::from(number)).to_le_bytes()
}

fn spec(kind: Kind, threshold: i128, window_ns: i64) -> RuleSpec {
    RuleSpec {
        id: "bench".into(),
        definition_digest: [7; 32],
        kind,
        condition: Condition::new(vec![(Op::Gte, threshold)]),
        window_ns,
        max_episode_ns: 24 * 3600 * SECOND,
        feeds: FeedSet::new(&[1]),
        state_bytes_max: 1 << 30,
        evidence_max: 3,
        links: Vec::new(),
        risk: None,
        calendar: Arc::default(),
    }
}

fn hit<E>(key: &Key, time_ns: i64, number: u64, value: u64, evidence: E) -> Hit<E> {
    Hit {
        rule: 0,
        source: SourceId(1),
        time_ns,
        future: false,
        key: key.clone(),
        part: 0,
        value: Some(digest(value)),
        digest: digest(number),
        evidence,
    }
}

fn message<E>(sequence: u64, hits: Vec<Hit<E>>, time_ns: i64) -> ShardMessage<E> {
    let sources = vec![SourceAdvance {
        source: SourceId(1),
        class: 1,
        lateness_ns: 10 * SECOND,
        idle_timeout_ns: i64::MAX,
        min_event_time_ns: time_ns,
        max_event_time_ns: time_ns,
    }];
    ShardMessage { sequence, hits, sources, receive_time_ns: time_ns, rules: None, cut: false }
}

/// Of this thread; exact at the moment, which the counters of /proc are not.
fn cpu() -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(tv_sec as u64, tv_nsec as u32)
}

fn resident_mib() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) / 256
}

fn keys(number: usize) -> Vec<Key> {
    // 12 to 20 bytes, as addresses and users are.
    (0..number).map(|n| Key::new(&[format!("user-{:x}", mix(n as u64) >> 16).as_bytes()])).collect()
}

/// What is wanted of a figure.
#[derive(Clone, Copy)]
enum Wanted {
    AtLeast(f64),
    AtMost(f64),
}

fn tell(name: &str, figure: f64, unit: &str, wanted: Wanted, more: &str) {
    let (least_or_most, bound, ratio) = match wanted {
        Wanted::AtLeast(bound) => ("at least", bound, figure / bound),
        Wanted::AtMost(bound) => ("at most", bound, bound / figure.max(f64::MIN_POSITIVE)),
    };
    println!("{name:<52} {figure:>9.2} {unit:<9} {least_or_most} {bound:<6} {ratio:>7.2}  {more}");
    if let Some(path) = std::env::var_os("NOROSHI_FIGURES") {
        let row = format!("{name},{figure:.3},{unit},{least_or_most} {bound},{ratio:.2}\n");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        file.and_then(|mut file| file.write_all(row.as_bytes())).expect("the figures can be kept");
    }
}

const RATE: (&str, Wanted) = ("M hits/s", Wanted::AtLeast(2.0));

/// Hits in the order of their times, each round over all keys in another order: `per_key` hits of a key are in a window.
fn round(keys: &[Key], round: u64, round_ns: i64, values: u64) -> impl Iterator<Item = Hit<()>> + '_ {
    let count = keys.len() as u64;
    // A walk by a step that has no divisor with the number: another order every round.
    let step = (1..).map(|n| 7_919 * (2 * round + n) + 1).find(|step| gcd(*step, count) == 1).unwrap_or(1);
    (0..count).map(move |at| {
        let number = round * count + at;
        let time_ns = EPOCH + (i128::from(number) * i128::from(round_ns) / i128::from(count)) as i64;
        hit(&keys[(at * step % count) as usize], time_ns, number, number % values, ())
    })
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

fn feed(shard: &mut Shard<()>, sequence: &mut u64, hits: impl Iterator<Item = Hit<()>>, spent: &mut Duration) -> u64 {
    let mut found: Vec<Finding<()>> = Vec::new();
    let (mut hits, mut fed) = (hits.peekable(), 0);
    while hits.peek().is_some() {
        // Several messages as workers make them, before the shard sees the first.
        let mut messages = Vec::new();
        for _ in 0..100 {
            let hits: Vec<_> = hits.by_ref().take(MESSAGE).collect();
            let Some(time_ns) = hits.last().map(|hit| hit.time_ns) else { break };
            fed += hits.len() as u64;
            messages.push(message(*sequence, hits, time_ns));
            *sequence += 1;
        }
        let began = cpu();
        messages.into_iter().for_each(|message| shard.accept(message, &mut found));
        *spent += cpu() - began;
    }
    assert!(found.is_empty(), "no window reaches the threshold");
    fed
}

/// A million keys, each hit once a round; a window holds two or three.
fn million_keys(kind: Kind) {
    const ROUND: i64 = 60 * SECOND;
    let keys = keys(KEYS);
    let before = resident_mib();
    let mut shard = Shard::new(ShardConfig::default(), &[spec(kind, 5, ROUND * 5 / 2)]);
    let mut sequence = 0;
    let mut first = Duration::ZERO;
    feed(&mut shard, &mut sequence, round(&keys, 0, ROUND, 1 << 40), &mut first);
    let counters = shard.rule_counters()[0];
    assert_eq!((counters.keys_live, counters.evicted_keys), (KEYS as u64, 0));
    let resident = resident_mib() - before;
    let name = format!("{kind:?}: a million live keys with a hit each");
    tell(&name, resident as f64, "MiB", Wanted::AtMost(256.0), &format!("charged {}", counters.state_bytes >> 20));
    (1..5).for_each(|n| _ = feed(&mut shard, &mut sequence, round(&keys, n, ROUND, 1 << 40), &mut Duration::default()));
    let (mut spent, mut hits) = (Duration::ZERO, 0);
    for n in 5..8 {
        hits += feed(&mut shard, &mut sequence, round(&keys, n, ROUND, 1 << 40), &mut spent);
    }
    let counters = shard.rule_counters()[0];
    assert_eq!((counters.keys_live, counters.late), (KEYS as u64, 0));
    let resident = resident_mib() - before;
    let rate = hits as f64 / spent.as_secs_f64() / 1e6;
    let new = KEYS as f64 / first.as_secs_f64() / 1e6;
    let more = format!("{:.0} ns; new keys {new:.2} M/s; {resident} MiB with three hits a key", 1e3 / rate);
    tell(&format!("{kind:?}: hits at a million keys"), rate, RATE.0, RATE.1, &more);
}

/// Few keys whose windows hold so many hits, of as many distinct values.
fn distinct_values(kind: Kind, values: u64) {
    let keys = keys(4);
    let in_window = values * keys.len() as u64;
    // A window holds every value about once.
    let window_ns = in_window as i64 * 1_000_000;
    let mut shard = Shard::new(ShardConfig::default(), &[spec(kind, i128::from(values) * 2, window_ns)]);
    let all = (4 * in_window).max(2_000_000);
    let hits = |from: u64, to: u64| {
        let keys = &keys;
        (from..to).map(move |number| {
            let time_ns = EPOCH + number as i64 * 1_000_000;
            hit(&keys[(number % 4) as usize], time_ns, number, mix(number / 4 % values), ())
        })
    };
    let (mut sequence, mut spent) = (0, Duration::ZERO);
    feed(&mut shard, &mut sequence, hits(0, 2 * in_window), &mut Duration::default());
    let fed = feed(&mut shard, &mut sequence, hits(2 * in_window, 2 * in_window + all), &mut spent);
    let rate = fed as f64 / spent.as_secs_f64() / 1e6;
    let more = format!("{:.0} ns", 1e3 / rate);
    tell(&format!("{kind:?}: {values} distinct values in a window"), rate, RATE.0, RATE.1, &more);
}

/// The same hits through one shard, then through two that share them, each on a thread of its own.
fn two_shards() {
    const ROUND: i64 = 60 * SECOND;
    const ROUNDS: u64 = 4;
    let keys = keys(KEYS / 2);
    let run = |shards: usize| {
        let parts: Vec<Vec<ShardMessage<()>>> = (0..shards)
            .map(|mine| {
                let all: Vec<_> = (0..ROUNDS).flat_map(|n| round(&keys, n, ROUND, 1 << 40)).collect();
                let of = |(sequence, hits): (usize, &[Hit<()>])| {
                    let time_ns = hits.last().map_or(EPOCH, |hit| hit.time_ns);
                    let owned = hits.iter().filter(|hit| shard_of(hit.key.partition(), shards) == mine);
                    message(sequence as u64, owned.cloned().collect(), time_ns)
                };
                all.chunks(MESSAGE).enumerate().map(of).collect()
            })
            .collect();
        let began = Instant::now();
        let spent: Vec<Duration> = std::thread::scope(|scope| {
            let running: Vec<_> = parts
                .into_iter()
                .enumerate()
                .map(|(shard, messages)| {
                    scope.spawn(move || {
                        let config = ShardConfig { shard, shards, ..ShardConfig::default() };
                        let mut shard = Shard::new(config, &[spec(Kind::EventCount, 5, ROUND * 5 / 2)]);
                        let began = cpu();
                        messages.into_iter().for_each(|message| shard.accept(message, &mut Vec::new()));
                        let spent = cpu() - began;
                        assert_eq!(shard.counters().misrouted, 0);
                        spent
                    })
                })
                .collect();
            running.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
        });
        (spent.into_iter().max().unwrap_or_default(), began.elapsed())
    };
    let ((one, one_wall), (two, two_wall)) = (run(1), run(2));
    let times = |a: Duration, b: Duration| a.as_secs_f64() / b.as_secs_f64();
    let more =
        format!("by processor of the busier one, {one:.2?} / {two:.2?}; {:.2} by wall time", times(one_wall, two_wall));
    tell("EventCount: two shards beside one", times(one, two), "times", Wanted::AtLeast(1.8), &more);
}

/// A snapshot of a shard: what it costs, the longest that an event waits for it, and the way back.
fn capture(name: &str, kind: Kind, keys: usize, hits_per_key: usize) {
    let keys = self::keys(keys);
    let rules = [spec(kind, i128::from(u32::MAX), 3600 * SECOND)];
    let mut shard: Shard<Arc<[u8]>> = Shard::new(ShardConfig::default(), &rules);
    let (mut found, mut sequence) = (Vec::new(), 0);
    let all: Vec<usize> = (0..hits_per_key).flat_map(|_| 0..keys.len()).collect();
    for (at, part) in all.chunks(MESSAGE).enumerate() {
        let hits = part.iter().zip(at * MESSAGE..).map(|(&key, number)| {
            let evidence: Arc<[u8]> = Arc::from(vec![number as u8; 300]);
            let value = if kind == Kind::EventCount { 0 } else { number as u64 };
            hit(&keys[key], EPOCH + number as i64 * 1_000, number as u64, value, evidence)
        });
        shard.accept(message(sequence, hits.collect(), EPOCH), &mut found);
        sequence += 1;
    }
    // What is not decided stands beside what is remembered; here it is decided.
    shard.accept(message(sequence, Vec::new(), EPOCH + 60 * SECOND), &mut found);
    sequence += 1;
    let live = shard.rule_counters()[0];
    assert_eq!((live.keys_live, live.evicted_keys), (keys.len() as u64, 0));
    // Hits go on meanwhile: each waits for the key it changes, and for the step before it.
    let (mut spent, mut longest, mut which, mut steps, mut bytes) = (Duration::ZERO, Duration::ZERO, 0, 0, 0);
    let mut captured = None;
    while captured.is_none() {
        let began = cpu();
        if steps == 0 {
            let mut cut = message(sequence, Vec::new(), EPOCH);
            cut.cut = true;
            shard.accept(cut, &mut found);
        } else {
            captured = shard.capture(128 << 10);
        }
        let took = cpu() - began;
        if took > longest {
            (longest, which) = (took, steps);
        }
        (spent, steps) = (spent + took, steps + 1);
    }
    if let Some((_, capture)) = &captured {
        bytes = capture.len();
    }
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let more = format!("in {steps} steps, {} MiB", bytes >> 20);
    tell(&format!("capture of {name}"), ms(spent), "ms", Wanted::AtMost(200.0), &more);
    tell(
        &format!("capture of {name}: longest step"),
        ms(longest),
        "ms",
        Wanted::AtMost(20.0),
        &format!("the {which}th"),
    );
    let captures: Vec<_> = captured.map(|(_, capture)| capture).into_iter().collect();
    drop(shard);
    let began = cpu();
    let restored = Shard::restore(ShardConfig::default(), &rules, &captures).expect("it is taken up");
    tell(&format!("taking up {name} again"), ms(cpu() - began), "ms", Wanted::AtMost(1000.0), "");
    assert_eq!(restored.rule_counters()[0].keys_live, keys.len() as u64);
    assert!(captures.iter().flat_map(|capture| capture.evidence()).all(|evidence| evidence.bytes() == 300));
}

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wants = |name: &str| asked.is_empty() || asked.iter().any(|one| name.contains(one.as_str()));
    for kind in [Kind::EventCount, Kind::ValueCount] {
        if wants("keys") {
            million_keys(kind);
        }
        if wants("values") {
            [1_800, 100_000].into_iter().for_each(|values| distinct_values(kind, values));
        }
    }
    if wants("shards") {
        two_shards();
    }
    if wants("capture") {
        capture("a million keys", Kind::EventCount, KEYS, 1);
        capture("one key of a million hits", Kind::EventCount, 1, KEYS);
        // None is new before the warm-up is over, so of each nothing is left but when it came.
        let new_value = Kind::NewValue { horizon_ns: 14 * 86_400 * SECOND, warmup_ns: 7 * 86_400 * SECOND };
        capture("one key of a million values", new_value, 1, KEYS);
    }
}
