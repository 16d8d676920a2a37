//! The same events and rules by our engine and by others, in one process and in turns.
//!
//! `noroshi-peers RULES_FOLDER EVENTS_FILE [ROUNDS] [SLOW_EVENTS]`
//!
//! Each engine reads every event from its JSON text and evaluates all rules, which is what is timed: CPU time of the
//! thread, the best of the rounds, engines in turns. The peer that routes by log source is told it for nothing, as our
//! decoder says it. Then two threads share the events. Last, the hits: by event, rule ids that one engine has and the
//! other has not, counted by rule.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use noroshi_parsers::decode::{Decoder, SourceOptions};
use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::event::Event;
use noroshi_rules::{Options, RuleSet, Scratch};
use rsigma_eval::{Engine, EvaluationResult, JsonEvent};
use rsigma_parser::{LogSource, SigmaRule};
use rustix::time::{ClockId, Timespec, clock_gettime};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Hits = Vec<BTreeSet<String>>;

fn gather(path: &Path, files: &mut Vec<(PathBuf, String)>) -> std::io::Result<()> {
    if path.is_dir() {
        for entry in std::fs::read_dir(path)? {
            gather(&entry?.path(), files)?;
        }
    } else if path.extension().is_some_and(|extension| extension == "yml" || extension == "yaml") {
        files.push((path.to_path_buf(), std::fs::read_to_string(path)?));
    }
    Ok(())
}

struct Ours {
    rules: RuleSet,
    dictionary: Arc<Dictionary>,
}

impl Ours {
    fn load(files: &[(PathBuf, String)]) -> Ours {
        let mut dictionary = Dictionary::new();
        let rules = RuleSet::load(files.to_vec(), &mut dictionary, &Options::default()).rules;
        Ours { rules, dictionary: Arc::new(dictionary) }
    }

    fn run(&self, events: &[&[u8]], mut each: impl FnMut(&RuleSet, &[noroshi_rules::RuleIndex])) {
        let mut decoder = Decoder::new(Arc::clone(&self.dictionary));
        let (mut event, mut scratch, mut hits) = (Event::new(), Scratch::new(), Vec::new());
        for record in events {
            hits.clear();
            decoder.decode(record, 0, &SourceOptions::default(), &mut event);
            self.rules.evaluate(&event.view(record), &mut scratch, &mut hits);
            each(&self.rules, &hits);
        }
    }

    /// Returns how many hits there were, so that nothing is left out of what is timed.
    fn count(&self, events: &[&[u8]]) -> usize {
        let mut count = 0;
        self.run(events, |_, hits| count += hits.len());
        count
    }

    fn hits(&self, events: &[&[u8]]) -> Hits {
        let mut all = Hits::new();
        self.run(events, |rules, hits| all.push(hits.iter().map(|hit| rules.rule(*hit).id.clone()).collect()));
        all
    }

    /// Decoding alone.
    fn decode(&self, events: &[&[u8]]) -> usize {
        let mut decoder = Decoder::new(Arc::clone(&self.dictionary));
        let (mut event, mut fields) = (Event::new(), 0);
        for record in events {
            decoder.decode(record, 0, &SourceOptions::default(), &mut event);
            fields += event.view(record).fields().len();
        }
        fields
    }

    /// Takes the hits of rules out whose log source is not the event's; returns how many.
    fn drop_foreign(&self, events: &[&[u8]], hits: &mut Hits) -> usize {
        let wanted: BTreeMap<&str, _> = self.rules.rules().map(|(_, meta)| (meta.id.as_str(), &meta.source)).collect();
        let mut decoder = Decoder::new(Arc::clone(&self.dictionary));
        let (mut event, mut dropped) = (Event::new(), 0);
        for (record, hits) in events.iter().zip(hits) {
            decoder.decode(record, 0, &SourceOptions::default(), &mut event);
            let source = event.view(record).core().log_source.get();
            let before = hits.len();
            hits.retain(|id| {
                wanted.get(id.as_str()).is_none_or(|wanted| {
                    source.answers(wanted.product.as_deref(), wanted.service.as_deref(), wanted.category.as_deref())
                })
            });
            dropped += before - hits.len();
        }
        dropped
    }

    /// What our decoder says of each event's log source, in the peer's words.
    fn sources(&self, events: &[&[u8]]) -> Vec<LogSource> {
        let mut decoder = Decoder::new(Arc::clone(&self.dictionary));
        let mut event = Event::new();
        let source = |record: &&[u8]| {
            decoder.decode(record, 0, &SourceOptions::default(), &mut event);
            let source = event.view(record).core().log_source.get();
            let first = |names: &[&str]| names.first().map(|name| (*name).to_owned());
            LogSource { product: first(source.products), category: first(source.categories), ..LogSource::default() }
        };
        events.iter().map(source).collect()
    }
}

/// The peer as it can be set up.
struct Peer {
    name: &'static str,
    engine: Engine,
    by_source: bool,
}

impl Peer {
    /// With what it could not read.
    fn load(
        name: &'static str,
        rules: &[SigmaRule],
        by_source: bool,
        set_up: impl Fn(&mut Engine),
    ) -> (Peer, usize, Duration) {
        let begun = Instant::now();
        let mut engine = Engine::new();
        set_up(&mut engine);
        let refused = engine.add_rules(rules).len();
        (Peer { name, engine, by_source }, refused, begun.elapsed())
    }

    fn run(&self, events: &[&[u8]], sources: &[LogSource], mut each: impl FnMut(Vec<EvaluationResult>)) {
        for (record, source) in events.iter().zip(sources) {
            let Ok(value) = serde_json::from_slice::<serde_json::Value>(record) else {
                each(Vec::new());
                continue;
            };
            let event = JsonEvent::borrow(&value);
            each(if self.by_source {
                self.engine.evaluate_pruned(&event, source)
            } else {
                self.engine.evaluate(&event)
            });
        }
    }

    fn count(&self, events: &[&[u8]], sources: &[LogSource]) -> usize {
        let mut count = 0;
        self.run(events, sources, |hits| count += hits.len());
        count
    }

    fn hits(&self, events: &[&[u8]], sources: &[LogSource]) -> Hits {
        let mut all = Hits::new();
        let id = |hit: EvaluationResult| hit.header.rule_id.unwrap_or_default();
        self.run(events, sources, |hits| all.push(hits.into_iter().map(id).collect()));
        all
    }
}

/// CPU time of `work`, in seconds.
fn timed<T>(work: impl FnOnce() -> T) -> f64 {
    let before = clock_gettime(ClockId::ThreadCPUTime);
    std::hint::black_box(work());
    seconds(clock_gettime(ClockId::ThreadCPUTime)) - seconds(before)
}

fn seconds(time: Timespec) -> f64 {
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// How much faster two threads are than one, by wall time and as it would be on two free cores: twice the CPU time of
/// one thread over that of both. `work` takes the events from one place to another.
fn second_core(rounds: usize, events: usize, work: impl Fn(usize, usize) + Sync) -> (f64, f64) {
    let (mut one, mut two) = ((f64::INFINITY, f64::INFINITY), (f64::INFINITY, f64::INFINITY));
    let take = |best: &mut (f64, f64), both: bool| {
        let (begun, cpu) = (Instant::now(), seconds(clock_gettime(ClockId::ProcessCPUTime)));
        if both {
            std::thread::scope(|scope| {
                scope.spawn(|| work(events / 2, events));
                work(0, events / 2);
            });
        } else {
            work(0, events);
        }
        best.0 = best.0.min(begun.elapsed().as_secs_f64());
        best.1 = best.1.min(seconds(clock_gettime(ClockId::ProcessCPUTime)) - cpu);
    };
    for _ in 0..rounds {
        take(&mut one, false);
        take(&mut two, true);
    }
    (one.0 / two.0, 2.0 * one.1 / two.1)
}

fn load() -> String {
    std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned()
}

/// Which hits one has and the other has not, by rule, with the line of the first event that tells them apart.
fn differences(ours: &Hits, theirs: &Hits, titles: &BTreeMap<String, String>) {
    #[derive(Default)]
    struct Differs {
        ours: usize,
        theirs: usize,
        first: usize,
    }
    let mut by_rule: BTreeMap<&str, Differs> = BTreeMap::new();
    let mut equal = 0;
    for (at, (own, other)) in ours.iter().zip(theirs).enumerate() {
        equal += usize::from(own == other);
        for id in own.symmetric_difference(other) {
            let differs = by_rule.entry(id).or_insert_with(|| Differs { first: at + 1, ..Differs::default() });
            let side = if own.contains(id) { &mut differs.ours } else { &mut differs.theirs };
            *side += 1;
        }
    }
    println!("  equal hits on {equal} of {} events; rules that differ: {}", ours.len(), by_rule.len());
    for (id, Differs { ours, theirs, first }) in by_rule {
        let title = titles.get(id).map_or("a rule that we refuse", String::as_str);
        println!("    {id} ours alone {ours}, theirs alone {theirs}, first in line {first}: {title}");
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [rules_folder, events_file, ..] = arguments.as_slice() else {
        return Err("usage: noroshi-peers RULES_FOLDER EVENTS_FILE [ROUNDS] [SLOW_EVENTS]".into());
    };
    let number = |at: usize, default: usize| arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(default);
    let (rounds, slow_events) = (number(2, 5), number(3, 200));
    let mut files = Vec::new();
    gather(Path::new(rules_folder), &mut files)?;
    let text = std::fs::read(events_file)?;
    let events: Vec<&[u8]> = text.split(|byte| *byte == b'\n').filter(|record| !record.is_empty()).collect();
    let count = events.len() as f64;
    println!("{} events of {} B in the mean; load before {}", events.len(), text.len() / events.len().max(1), load());

    let begun = Instant::now();
    let ours = Ours::load(&files);
    println!("ours: {} rules loaded in {:?}", ours.rules.len(), begun.elapsed());
    let titles = ours.rules.rules().map(|(_, meta)| (meta.id.clone(), meta.title.clone())).collect();
    let sources = ours.sources(&events);

    if rounds == 0 {
        // To profile: ours alone, ten times over.
        let time = timed(|| (0..10).map(|_| ours.count(&events)).sum::<usize>()) / 10.0;
        let decoding = timed(|| (0..10).map(|_| ours.decode(&events)).sum::<usize>()) / 10.0;
        println!("ours {:.0} events/s a core; {:.0} decoded alone", count / time, count / decoding);
        return Ok(());
    }
    let collections: Vec<_> = files.iter().map(|(_, text)| rsigma_parser::parse_sigma_yaml(text)).collect();
    let unread = collections.iter().filter(|one| one.is_err()).count();
    let parsed: Vec<SigmaRule> = collections.into_iter().flatten().flat_map(|one| one.rules).collect();
    let nothing: fn(&mut Engine) = |_| ();
    let set_ups: [(&str, bool, fn(&mut Engine)); 4] = [
        ("rsigma", false, nothing),
        ("rsigma by log source", true, nothing),
        ("rsigma, all literals", true, |engine| engine.set_cross_rule_ac(true)),
        ("rsigma, filters", true, |engine| engine.set_bloom_prefilter(true)),
    ];
    let mut peers = Vec::new();
    for (name, by_source, set_up) in set_ups {
        let (peer, refused, took) = Peer::load(name, &parsed, by_source, set_up);
        println!("{name}: {} rules loaded in {took:?}, {} refused", peer.engine.rule_count(), refused + unread);
        peers.push(peer);
    }

    let mut times = vec![f64::INFINITY; 1 + peers.len()];
    let mut decoding = f64::INFINITY;
    for _ in 0..rounds {
        decoding = decoding.min(timed(|| ours.decode(&events)));
        times[0] = times[0].min(timed(|| ours.count(&events)));
        for (time, peer) in times[1..].iter_mut().zip(&peers) {
            *time = time.min(timed(|| peer.count(&events, &sources)));
        }
    }
    let rate = |time: f64| count / time;
    let megabytes = |time: f64| text.len() as f64 / time / 1e6;
    for (name, time) in std::iter::once("ours").chain(peers.iter().map(|peer| peer.name)).zip(&times) {
        println!("{name:22} {:9.0} events/s a core, {:6.0} MB/s", rate(*time), megabytes(*time));
    }
    println!("  of ours, decoding alone {:9.0} events/s a core", rate(decoding));
    let best = (0..peers.len()).min_by(|a, b| times[a + 1].total_cmp(&times[b + 1])).unwrap_or(0);
    println!("ours / best of rsigma ({}): {:.2}", peers[best].name, times[best + 1] / times[0]);
    let own = second_core(rounds, events.len(), |from, to| {
        std::hint::black_box(ours.count(&events[from..to]));
    });
    let other = second_core(rounds, events.len(), |from, to| {
        std::hint::black_box(peers[best].count(&events[from..to], &sources[from..to]));
    });
    println!("on the second core, by wall time: ours {:.2}, rsigma {:.2}; load {}", own.0, other.0, load());
    println!("by CPU time, as on two free cores: ours {:.2}, rsigma {:.2}", own.1, other.1);

    // The peer's hits of rules for another log source than the event's are counted apart: matching is compared, not routing.
    let (own, mut theirs) = (ours.hits(&events), peers[0].hits(&events, &sources));
    let foreign = ours.drop_foreign(&events, &mut theirs);
    let total = |hits: &Hits| hits.iter().map(BTreeSet::len).sum::<usize>();
    println!("hits: ours {}, rsigma {}, and {foreign} of rules for other log sources", total(&own), total(&theirs));
    differences(&own, &theirs, &titles);

    // An engine that asks every rule: a part of the events is enough to tell.
    let slow: Vec<sigma_rust::Rule> =
        files.iter().filter_map(|(_, text)| sigma_rust::rule_from_yaml(text).ok()).collect();
    let step = (events.len() / slow_events.max(1)).max(1);
    let some: Vec<&[u8]> = events.iter().step_by(step).copied().collect();
    let time = timed(|| {
        let hits = |record: &&[u8]| {
            let event = sigma_rust::event_from_json(&String::from_utf8_lossy(record)).ok()?;
            Some(slow.iter().filter(|rule| sigma_rust::check_rule(rule, &event)).count())
        };
        some.iter().filter_map(hits).sum::<usize>()
    });
    let slow_rate = some.len() as f64 / time;
    println!("sigma-rust             {slow_rate:9.0} events/s a core ({} rules, {} events)", slow.len(), some.len());
    println!("ours / sigma-rust: {:.0}", rate(times[0]) / slow_rate);
    Ok(())
}
