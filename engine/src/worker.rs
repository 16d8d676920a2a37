//! A worker: decode, match, and route what was hit.
//!
//! Owns its scratch; a record that hits nothing allocates nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use noroshi_archive::{Appender, Entry, FrameOrigin, FrameWriter, Numbered, Told, Transport};
use noroshi_correlate::{Hit, ShardMessage, SourceId, shard_of};
use noroshi_input::{Batch, Origin, RecordFlags, RecordMarks, RecordRef, Said};
use noroshi_parsers::decode::{Decoder, Stated};
use noroshi_parsers::defect::{Defect, Defects};
use noroshi_parsers::event::{Event, EventView};
use noroshi_parsers::join::group;
use noroshi_parsers::logsource::ProductId;
use noroshi_parsers::products;
use noroshi_parsers::split::{self, Element};
use noroshi_rules::indicators::{IndicatorHit, Looks};
use noroshi_rules::{IndicatorIndex, RuleIndex, Scratch};

use crate::again::said_text;
use crate::alert::Alert;
use crate::collector::origin_text;
use crate::detection::{Detection, KeyScratch};
use crate::evidence::{Evidence, Shared};
use crate::pipeline::{InputSettings, Settings, ShardTask, Task, Watch};
use crate::sources::{Declared, Registry, Tracker};

/// A record that no decoder understood, on its way to the spool.
#[derive(Debug)]
pub struct Unparsed {
    /// Which record of the batch, or which piece of one.
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
    /// Records decoded, as many as were received: a joined one counts its lines, a split one is one.
    pub parsed: u64,
    /// Records to be kept raw.
    pub unparsed: Vec<Unparsed>,
    /// Rule and indicator hits.
    pub hits: u64,
    /// Alerts of single-event rules and indicators.
    pub alerts: Vec<Alert>,
    /// Hits by correlations that took no part: a group-by field was missing, or beyond the key bound.
    pub keyless: u64,
    /// Events that were understood and have a defect.
    pub defects: u64,
    /// Greatest event time in the batch that is not future; `i64::MIN` = none.
    pub max_event_time_ns: i64,
    /// The state behind this batch is captured.
    pub cut: bool,
    /// It comes from the archive: the run before received, counted and kept it.
    pub again: bool,
    /// Number of the archive's next record behind it; of no meaning without an archive.
    pub archived: u64,
    /// Least time from an event to its receipt, by source.
    pub delays: Vec<(SourceId, i64)>,
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
    looks: Looks,
    /// Indicators it hit.
    pub indicator_hits: Vec<IndicatorHit>,
    group: Group,
}

/// The events of one audit group, and what any of them hit.
#[derive(Default)]
struct Group {
    /// The first of them, as many as the group has records, with how many fields are of their own record.
    events: Vec<(Event, usize)>,
    /// Whose event stands in the examiner at this moment, in exchange for the examiner's.
    out: Option<usize>,
    rules: Vec<RuleIndex>,
    indicators: Vec<IndicatorIndex>,
    calendar: Option<Arc<str>>,
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
            looks: Looks::default(),
            indicator_hits: Vec::new(),
            group: Group::default(),
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
        if let Some(clocks) = &settings.clocks {
            clocks.correct(&mut self.event, record);
        }
        self.look(record, settings.options.calendar.as_deref());
    }

    /// As [`Examiner::examine`] for a record whose sender says something of it: time and host are taken from there where the
    /// record itself tells none. The defect of a missing time stays.
    pub fn examine_said(&mut self, record: &[u8], place: &RecordRef, said: Option<&Said>, settings: &InputSettings) {
        self.decoder.decode(record, place.receive_time_ns, &settings.options, &mut self.event);
        let host = said.and_then(|said| said.host.as_deref()).unwrap_or_default();
        Stated { time_ns: place.stated_time_ns, host }.complete(&mut self.event, record);
        if let Some(clocks) = &settings.clocks {
            clocks.correct(&mut self.event, record);
        }
        self.look(record, settings.options.calendar.as_deref());
    }

    /// Decodes the records of a group; then [`Examiner::examine_member`] is due for each.
    pub fn begin_group<'r>(
        &mut self,
        records: impl Iterator<Item = &'r [u8]>,
        receive_time_ns: i64,
        settings: &InputSettings,
    ) {
        self.group.rules.clear();
        self.group.indicators.clear();
        self.group.calendar.clone_from(&settings.options.calendar);
        for (at, record) in records.enumerate() {
            if self.group.events.len() == at {
                self.group.events.push((Event::new(), 0));
            }
            let (event, own) = &mut self.group.events[at];
            self.decoder.decode(record, receive_time_ns, &settings.options, event);
            if let Some(clocks) = &settings.clocks {
                clocks.correct(event, record);
            }
            *own = event.view(record).fields().len();
        }
    }

    /// As [`Examiner::examine`] for one record of the group, which also sees the fields of the others. A rule or indicator that an
    /// earlier one of the group hit is not told again.
    pub fn examine_member(&mut self, at: usize, records: &[&[u8]]) {
        self.end_member();
        std::mem::swap(&mut self.event, &mut self.group.events[at].0);
        self.group.out = Some(at);
        let events = &self.group.events;
        let others = (0..records.len()).filter(|&other| other != at).map(|other| {
            let (event, own) = &events[other];
            group::Member { view: event.view(records[other]), own: *own }
        });
        group::lend(&mut self.event, events[at].1, others);
        let calendar = self.group.calendar.clone();
        self.look(records[at], calendar.as_deref());
        let Group { rules, indicators, .. } = &mut self.group;
        self.hits.retain(|rule| !rules.contains(rule));
        rules.extend_from_slice(&self.hits);
        self.indicator_hits.retain(|hit| !indicators.contains(&hit.indicator));
        indicators.extend(self.indicator_hits.iter().map(|hit| hit.indicator));
    }

    /// Puts the event back that [`Examiner::examine_member`] took out of the group.
    fn end_member(&mut self) {
        if let Some(at) = self.group.out.take() {
            std::mem::swap(&mut self.event, &mut self.group.events[at].0);
        }
    }

    /// Fills `hits` and `indicator_hits` from the event.
    #[inline]
    fn look(&mut self, record: &[u8], calendar: Option<&str>) {
        self.hits.clear();
        self.indicator_hits.clear();
        self.detection.joins.enrich(&mut self.event, record, calendar);
        let view = self.event.view(record);
        // Memory fetches what indicators will be compared with while rules are.
        self.detection.indicators.begin(&view, &mut self.looks);
        self.detection.rules.evaluate(&view, &mut self.scratch, &mut self.hits);
        self.detection.indicators.finish(&view, &self.looks, &mut self.indicator_hits);
        if self.indicator_hits.len() > 1 {
            // An address stands in several fields of one event; the indicator is met once.
            self.indicator_hits.sort_by_key(|hit| hit.indicator);
            self.indicator_hits.dedup_by_key(|hit| hit.indicator);
        }
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
    watch: Option<Watch>,
    archive: Option<Appender>,
}

impl Worker {
    pub(crate) fn new(settings: &Settings, registry: Arc<Registry>, shards: usize, detection: Arc<Detection>) -> Self {
        Worker {
            examiner: Examiner::new(detection),
            inputs: Arc::clone(&settings.inputs),
            registry,
            tracker: Tracker::default(),
            shards,
            keys: KeyScratch::default(),
            watch: settings.watch.clone(),
            archive: settings.archive.clone(),
        }
    }

    /// Works one batch off: what each shard is told, and what became of it.
    pub(crate) fn work(&mut self, task: Task) -> (Vec<ShardTask>, BatchDone) {
        let Task { sequence, first_record, mut batch, detection, fresh, cut, again } = task;
        self.examiner.switch(&detection);
        let settings = settings_of(&self.inputs, batch.input).clone();
        if let Some(archive) = &self.archive {
            let frame = (!batch.records.is_empty() && !again).then(|| frame_of(&batch, first_record, &settings.name));
            // Kept means on disk; without an archive the collector answers once the batch is worked off.
            let told = batch.take_receipt().map(|receipt| -> Told {
                Box::new(move |kept| match kept {
                    Ok(()) => receipt.kept(),
                    Err(why) => receipt.refused(why),
                })
            });
            archive.submit(sequence, first_record, frame, told);
        }
        let mut hits: Vec<Vec<Hit<Shared>>> = (0..self.shards).map(|_| Vec::new()).collect();
        let mut done = BatchDone {
            sequence,
            parsed: 0,
            unparsed: Vec::new(),
            hits: 0,
            alerts: Vec::new(),
            keyless: 0,
            defects: 0,
            max_event_time_ns: i64::MIN,
            batch: Batch::default(),
            cut,
            again,
            archived: first_record + if again { 0 } else { batch.records.len() as u64 },
            delays: Vec::new(),
        };
        for group in batch.groups() {
            let [record] = group else {
                let worked =
                    catch_unwind(AssertUnwindSafe(|| self.group(&batch, group, &settings, &mut hits, &mut done)));
                if worked.is_err() {
                    self.faulted(&detection, &batch, group, &mut done);
                }
                continue;
            };
            if record.flags.contains(RecordFlags::PART) && record.part > 0 {
                // Only the first part is decoded; the others are kept raw beside it.
                done.keep(record, Defects::of(Defect::Oversize));
                continue;
            }
            // A fault of ours costs one record its events, never the engine: the record is kept raw, its
            // neighbours are unharmed, and the shards still get their message.
            let worked =
                catch_unwind(AssertUnwindSafe(|| self.record(&batch, record, &settings, &mut hits, &mut done)));
            if worked.is_err() {
                self.faulted(&detection, &batch, group, &mut done);
            }
        }
        let inputs = &self.inputs;
        let sources = self.tracker.advances(|input| -> Declared { settings_of(inputs, input).declared });
        done.delays = self.tracker.delays();
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
                    cut,
                },
                detection: fresh.then(|| Arc::clone(&detection)),
            })
            .collect();
        done.batch = batch;
        (messages, done)
    }

    /// After a fault of ours: the records are kept raw, and nothing of the examiner is trusted.
    fn faulted(&mut self, detection: &Arc<Detection>, batch: &Batch, records: &[RecordRef], done: &mut BatchDone) {
        let offset = records.first().map_or(0, |record| record.offset);
        tracing::error!(input = batch.input, offset, "a fault while working on a record; it is kept raw");
        self.examiner = Examiner::new(Arc::clone(detection));
        records.iter().for_each(|record| done.keep(record, Defects::of(Defect::WorkFailed)));
    }

    /// The records of one audit event: each matched by itself, in sight of the others' fields.
    fn group(
        &mut self,
        batch: &Batch,
        group: &[RecordRef],
        settings: &InputSettings,
        hits: &mut [Vec<Hit<Shared>>],
        done: &mut BatchDone,
    ) {
        let records: Vec<&[u8]> = group.iter().map(|record| batch.record(record)).collect();
        let receive_time_ns = group.first().map_or(0, |record| record.receive_time_ns);
        self.examiner.begin_group(records.iter().copied(), receive_time_ns, settings);
        let mut not_understood = Vec::new();
        for (at, record) in group.iter().enumerate() {
            self.examiner.examine_member(at, &records);
            if let Err(defects) = self.told(batch, record, None, settings, hits, done) {
                not_understood.push((record, defects));
            }
        }
        self.examiner.end_member();
        // Counted last, as for single records.
        done.parsed += (group.len() - not_understood.len()) as u64;
        not_understood.into_iter().for_each(|(record, defects)| done.keep(record, defects));
    }

    /// One record: its one event, or each that it holds.
    fn record(
        &mut self,
        batch: &Batch,
        record: &RecordRef,
        settings: &InputSettings,
        hits: &mut [Vec<Hit<Shared>>],
        done: &mut BatchDone,
    ) {
        // Counted last: a fault before must not count the record twice.
        let elements = if settings.split { split::elements(batch.record(record)) } else { None };
        let Some(elements) = elements else {
            match self.event(batch, record, None, settings, hits, done) {
                Ok(()) => done.parsed += u64::from(record.lines),
                Err(defects) => done.keep(record, defects),
            }
            return;
        };
        let kept_before = done.unparsed.len();
        let mut parsed = false;
        for Element { range, index, defect } in elements {
            let piece = record.piece(&range);
            let understood = self.event(batch, &piece, Some(index), settings, hits, done);
            parsed |= understood.is_ok();
            if understood.is_err() || defect.is_some() {
                let mut defects = understood.err().unwrap_or_default();
                defect.into_iter().for_each(|defect| defects.add(defect));
                done.keep(&piece, defects);
            }
        }
        match done.unparsed.get_mut(kept_before) {
            Some(first) if !parsed => first.record.lines = record.lines,
            _ => done.parsed += u64::from(record.lines),
        }
    }

    /// One event: decoded, matched, and its hits on their way. `Err` = no decoder understood it.
    fn event(
        &mut self,
        batch: &Batch,
        record: &RecordRef,
        element: Option<u32>,
        settings: &InputSettings,
        hits: &mut [Vec<Hit<Shared>>],
        done: &mut BatchDone,
    ) -> Result<(), Defects> {
        self.examiner.examine_said(batch.record(record), record, batch.origin(record).said(), settings);
        self.told(batch, record, element, settings, hits, done)
    }

    /// What the examiner found of an event goes on its way. `Err` = no decoder understood the record.
    fn told(
        &mut self,
        batch: &Batch,
        record: &RecordRef,
        element: Option<u32>,
        settings: &InputSettings,
        hits: &mut [Vec<Hit<Shared>>],
        done: &mut BatchDone,
    ) -> Result<(), Defects> {
        let bytes = batch.record(record);
        let examiner = &mut self.examiner;
        let view = examiner.event.view(bytes);
        let origin = batch.origin(record);
        let (source, future) = self.tracker.note(&self.registry, view, batch.input, origin, &settings.declared);
        if !future {
            done.max_event_time_ns = done.max_event_time_ns.max(view.core().time_ns);
        }
        if !examiner.hits.is_empty() || !examiner.indicator_hits.is_empty() {
            let detection = &examiner.detection;
            let evidence = Arc::new(Evidence::of(view, batch, record, element, &settings.name));
            for &rule in &examiner.hits {
                if detection.rules.rule(rule).alerts {
                    done.alerts.push(Alert::of_rule(detection, rule, detection.explain(rule, &view), &evidence));
                }
                for &(correlation, position) in detection.referring(rule) {
                    let part = detection.correlations[correlation as usize].rule.rules[position].part;
                    done.keyless += detection.keys(correlation, position, &view, &mut self.keys);
                    for key in &self.keys.keys {
                        let shard = shard_of(key.partition(), self.shards);
                        let before = hits[shard].len();
                        hits[shard].extend(self.keys.digests.iter().map(|&value| Hit {
                            rule: correlation,
                            source,
                            time_ns: evidence.time_ns,
                            future,
                            key: key.clone(),
                            part,
                            value,
                            digest: evidence.digest,
                            evidence: Shared(Arc::clone(&evidence)),
                        }));
                        if let Some(watch) = &self.watch {
                            hits[shard][before..].iter().for_each(|hit| watch(hit, settings));
                        }
                    }
                }
            }
            for hit in &examiner.indicator_hits {
                let field = detection.dictionary.name(hit.field);
                let value =
                    view.fields().get(usize::from(hit.position)).map(|field| view.value(field)).unwrap_or_default();
                done.alerts.push(Alert::of_indicator(detection, hit.indicator, field, value, &evidence));
            }
            done.hits += (examiner.hits.len() + examiner.indicator_hits.len()) as u64;
        }
        if is_parsed(view.core().product) && !record.flags.contains(RecordFlags::PART) {
            done.defects += u64::from(!view.defects().is_empty());
            return Ok(());
        }
        let mut defects = view.defects();
        if record.marks.contains(RecordMarks::JOIN_CUT) {
            defects.add(Defect::JoinCut);
        }
        Err(defects)
    }
}

/// A batch as the archive keeps it: before anything is made of it.
fn frame_of(batch: &Batch, first_record: u64, input: &str) -> FrameWriter {
    let texts = batch.origins.iter().map(|origin| (origin_text(origin), origin.said().map(said_text)));
    let texts: Vec<(String, Option<String>)> = texts.collect();
    let origins = texts.iter().zip(&batch.origins).map(|((text, said), origin)| FrameOrigin {
        text,
        host: origin.said().and_then(|said| said.host.as_deref()).unwrap_or_default(),
        said: said.as_deref().unwrap_or_default(),
    });
    let number = batch.number.as_ref();
    let numbered = number.map(|number| Numbered { producer: number.producer.to_string(), sequence: number.sequence });
    let mut frame = FrameWriter::new(first_record, input, numbered.as_ref(), origins);
    for record in &batch.records {
        let entry = Entry {
            receive_time_ns: record.receive_time_ns,
            origin: record.origin,
            flags: record.flags.bits(),
            marks: record.marks.bits(),
            transport: transport_of(batch.origin(record)),
            part: record.part,
            lines: record.lines,
            offset: record.offset,
            line: record.line,
            stated_time_ns: record.stated_time_ns,
        };
        frame.push(batch.record(record), &entry);
    }
    frame
}

fn transport_of(origin: &Origin) -> Transport {
    match origin {
        Origin::File { .. } => Transport::File,
        Origin::Stdin => Transport::Stdin,
        Origin::Udp { .. } => Transport::Udp,
        Origin::Tcp { .. } => Transport::Tcp,
        Origin::Tls { .. } => Transport::Tls,
        Origin::Relp { .. } => Transport::Relp,
        Origin::Http { .. } => Transport::Http,
    }
}

/// The settings of an input; files beyond the numbered ones share the last.
fn settings_of(inputs: &[InputSettings], input: u16) -> &InputSettings {
    &inputs[usize::from(input).min(inputs.len() - 1)]
}

impl BatchDone {
    fn keep(&mut self, record: &RecordRef, defects: Defects) {
        self.unparsed.push(Unparsed { record: *record, defects });
    }
}
