//! A worker: decode, match, and route what was hit.
//!
//! Owns its scratch; a record that hits nothing allocates nothing.

use std::sync::Arc;

use noroshi_correlate::{Hit, ShardMessage, shard_of};
use noroshi_input::{Batch, RecordFlags, RecordRef};
use noroshi_parsers::decode::Decoder;
use noroshi_parsers::defect::{Defect, Defects};
use noroshi_parsers::event::{Event, EventView};
use noroshi_parsers::logsource::ProductId;
use noroshi_parsers::products;
use noroshi_rules::indicators::IndicatorHit;
use noroshi_rules::{RuleIndex, Scratch};

use crate::alert::Alert;
use crate::detection::{Detection, KeyScratch};
use crate::evidence::{Evidence, Shared};
use crate::pipeline::{InputSettings, ShardTask, Task};
use crate::sources::{Declared, Registry, Tracker};

/// A record that no decoder understood, on its way to the spool.
#[derive(Debug)]
pub struct Unparsed {
    /// Which record of the batch.
    pub record: RecordRef,
    /// What was odd.
    pub defects: Defects,
}

/// What became of a batch. It still holds the batch: its files' ends and its unparsed records.
pub struct BatchDone {
    /// Its place in the order of reading.
    pub sequence: u64,
    /// The batch itself.
    pub batch: Batch,
    /// Records decoded.
    pub parsed: u64,
    /// Records to be kept raw.
    pub unparsed: Vec<Unparsed>,
    /// Rule and indicator hits.
    pub hits: u64,
    /// Alerts of single-event rules and indicators.
    pub alerts: Vec<Alert>,
    /// Hits by correlations that took no part: a group-by field was missing, or beyond the key bound.
    pub keyless: u64,
    /// Greatest event time in the batch that is not future; `i64::MIN` = none.
    pub max_event_time_ns: i64,
}

/// Decodes and matches one record at a time. The shared core of `run`, `replay`, `match` and the benches.
pub struct Examiner {
    /// The rules in force.
    pub detection: Arc<Detection>,
    decoder: Decoder,
    /// The event of the last record.
    pub event: Event,
    scratch: Scratch,
    /// Rules it hit.
    pub hits: Vec<RuleIndex>,
    /// Indicators it hit.
    pub indicator_hits: Vec<IndicatorHit>,
}

impl Examiner {
    /// An examiner under `detection`.
    pub fn new(detection: Arc<Detection>) -> Self {
        Examiner {
            decoder: Decoder::new(Arc::clone(&detection.dictionary)),
            scratch: Scratch::new(),
            detection,
            event: Event::new(),
            hits: Vec::new(),
            indicator_hits: Vec::new(),
        }
    }

    /// Takes up other rules.
    pub fn switch(&mut self, detection: &Arc<Detection>) {
        if !Arc::ptr_eq(&self.detection, detection) {
            *self = Examiner::new(Arc::clone(detection));
        }
    }

    /// Decodes a record and fills `hits` and `indicator_hits`.
    #[inline]
    pub fn examine(&mut self, record: &[u8], receive_time_ns: i64, settings: &InputSettings) {
        self.decoder.decode(record, receive_time_ns, &settings.options, &mut self.event);
        self.hits.clear();
        self.indicator_hits.clear();
        let view = self.event.view(record);
        self.detection.rules.evaluate(&view, &mut self.scratch, &mut self.hits);
        self.detection.indicators.lookup(&view, &mut self.indicator_hits);
    }

    /// The event of the last record.
    #[inline]
    pub fn view<'a>(&'a self, record: &'a [u8]) -> EventView<'a> {
        self.event.view(record)
    }
}

/// Whether a decoder understood the record: anything beyond its bare bytes.
pub fn is_parsed(product: ProductId) -> bool {
    product != products::UNKNOWN
}

pub(crate) struct Worker {
    examiner: Examiner,
    inputs: Arc<[InputSettings]>,
    registry: Arc<Registry>,
    tracker: Tracker,
    shards: usize,
    keys: KeyScratch,
}

impl Worker {
    pub(crate) fn new(
        inputs: Arc<[InputSettings]>,
        registry: Arc<Registry>,
        shards: usize,
        detection: Arc<Detection>,
    ) -> Self {
        Worker {
            examiner: Examiner::new(detection),
            inputs,
            registry,
            tracker: Tracker::default(),
            shards,
            keys: KeyScratch::default(),
        }
    }

    /// Works one batch off: what each shard is told, and what became of it.
    pub(crate) fn work(&mut self, task: Task) -> (Vec<ShardTask>, BatchDone) {
        let Task { sequence, batch, detection, fresh } = task;
        self.examiner.switch(&detection);
        let at = usize::from(batch.input).min(self.inputs.len() - 1);
        let settings = self.inputs[at].clone();
        let mut hits: Vec<Vec<Hit<Shared>>> = (0..self.shards).map(|_| Vec::new()).collect();
        let mut done = BatchDone {
            sequence,
            parsed: 0,
            unparsed: Vec::new(),
            hits: 0,
            alerts: Vec::new(),
            keyless: 0,
            max_event_time_ns: i64::MIN,
            batch: Batch::default(),
        };
        for record in &batch.records {
            let bytes = batch.record(record);
            if record.flags.contains(RecordFlags::PART) && record.part > 0 {
                // Only the first part is decoded; the others are kept raw beside it.
                let mut defects = Defects::default();
                defects.add(Defect::Oversize);
                done.unparsed.push(Unparsed { record: *record, defects });
                continue;
            }
            let examiner = &mut self.examiner;
            examiner.examine(bytes, record.receive_time_ns, &settings);
            let view = examiner.event.view(bytes);
            if is_parsed(view.core().product) && !record.flags.contains(RecordFlags::PART) {
                done.parsed += 1;
            } else {
                done.unparsed.push(Unparsed { record: *record, defects: view.defects() });
            }
            let (source, future) =
                self.tracker.note(&self.registry, view, batch.input, batch.origin(record), &settings.declared);
            if !future {
                done.max_event_time_ns = done.max_event_time_ns.max(view.core().time_ns);
            }
            if examiner.hits.is_empty() && examiner.indicator_hits.is_empty() {
                continue;
            }
            done.hits += (examiner.hits.len() + examiner.indicator_hits.len()) as u64;
            let evidence = Arc::new(Evidence::of(view, &batch, record, &settings.name));
            for &rule in &examiner.hits {
                if detection.rules.rule(rule).alerts {
                    done.alerts.push(Alert::of_rule(&detection, rule, detection.explain(rule, &view), &evidence));
                }
                for &(correlation, position) in detection.referring(rule) {
                    done.keyless += detection.keys(correlation, position, &view, &mut self.keys);
                    for key in &self.keys.keys {
                        let shard = shard_of(key.partition(), self.shards);
                        for &value in &self.keys.digests {
                            hits[shard].push(Hit {
                                rule: correlation,
                                source,
                                time_ns: evidence.time_ns,
                                future,
                                key: key.clone(),
                                value,
                                digest: evidence.digest,
                                evidence: Shared(Arc::clone(&evidence)),
                            });
                        }
                    }
                }
            }
            for hit in &examiner.indicator_hits {
                let field = detection.dictionary.name(hit.field);
                let value = view.first(hit.field).unwrap_or_default();
                done.alerts.push(Alert::of_indicator(&detection, hit.indicator, field, value, &evidence));
            }
        }
        let inputs = &self.inputs;
        let sources =
            self.tracker.advances(|input| -> Declared { inputs[usize::from(input).min(inputs.len() - 1)].declared });
        let receive_time_ns = batch.receive_time_ns;
        let messages = hits
            .into_iter()
            .map(|hits| ShardTask {
                message: ShardMessage {
                    sequence,
                    hits,
                    sources: sources.clone(),
                    receive_time_ns,
                    rules: fresh.then(|| Arc::clone(&detection.specs)),
                },
                detection: fresh.then(|| Arc::clone(&detection)),
            })
            .collect();
        done.batch = batch;
        (messages, done)
    }
}
