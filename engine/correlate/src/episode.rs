//! Episodes of a key: maximal runs of matching hits, and what is kept of members that left the window.

use std::collections::VecDeque;

use crate::distinct::Distinct;
use crate::image::{Damaged, ImageReader, ImageWriter, Saved, saved};
use crate::rule_state::Compiled;
use crate::window::Record;
use crate::{Evidence, Kind, Member, RuleSpec, SOURCES_MAX, STEPS_MAX, SourceId, Step, ValueCount};

/// An episode that is not final yet.
#[derive(Debug)]
pub(crate) struct Episode<E> {
    /// First hit at which the condition held.
    pub(crate) trigger: i64,
    /// Last hit at which it held.
    pub(crate) last: i64,
    /// Members lie after this time: trigger − W, or the end of the episode this one was cut from.
    pub(crate) floor: i64,
    /// Trigger of the first episode of the uncut run.
    pub(crate) chain: i64,
    /// Ended by `max_episode`.
    pub(crate) cut: bool,
    /// Members that left the window.
    pub(crate) folded: Option<Box<Summary<E>>>,
    /// What the kind measures, at the trigger.
    pub(crate) measured: Option<i128>,
    /// What was expected of it, where the kind says.
    pub(crate) expected: Option<i128>,
    /// The watermark has passed the trigger: it stands, was told to the correlations above, and its measure is kept.
    pub(crate) fixed: bool,
    /// Members told by the last open finding, 0 before the first.
    pub(crate) sent_count: u64,
    /// Open findings sent.
    pub(crate) updates: u32,
}

saved!(Episode<E> {
    trigger, last, floor, chain, cut, folded, measured, expected, fixed, sent_count, updates,
});

impl<E> Episode<E> {
    /// Whether a hit at this time is a member.
    pub(crate) fn holds(&self, time: i64) -> bool {
        self.floor < time && time <= self.last
    }
}

/// Adds a matching hit at the end of the runs: it extends the last episode, cuts it, or begins another.
pub(crate) fn attach<E>(episodes: &mut Vec<Episode<E>>, time: i64, measured: Option<i128>, rule: &Compiled) {
    let window = rule.spec.window();
    let mut floor = time.saturating_sub(window);
    let mut chain = time;
    if let Some(running) = episodes.last_mut()
        && time.saturating_sub(running.last) < window
    {
        if time.saturating_sub(running.trigger) < rule.spec.episode_max() {
            running.last = time.max(running.last);
            return;
        }
        running.cut = true;
        floor = floor.max(running.last);
        chain = running.chain;
    }
    episodes.push(Episode {
        trigger: time,
        last: time,
        floor,
        chain,
        cut: false,
        folded: None,
        measured,
        expected: None,
        fixed: false,
        sent_count: 0,
        updates: 0,
    });
}

/// What a finding says of its members, added up in time order.
#[derive(Clone, Debug)]
pub(crate) struct Summary<E> {
    pub(crate) count: u64,
    pub(crate) first_ns: i64,
    pub(crate) first: Vec<Member<E>>,
    pub(crate) last: VecDeque<Member<E>>,
    pub(crate) sources: Vec<SourceId>,
    pub(crate) sources_more: bool,
    pub(crate) steps: Vec<Step>,
    pub(crate) steps_more: bool,
    values: Option<Distinct>,
    /// What tells the steps apart, in their order; `None` where the kind has no steps.
    step_names: Option<Vec<(u16, [u8; 16])>>,
    /// Steps are values, not single hits.
    by_value: bool,
    evidence_bytes: usize,
}

saved!(Step { part, digest, first_ns, last_ns, count });

impl<E: Evidence> Saved<E> for Member<E> {
    fn save(&self, to: &mut ImageWriter<E>) {
        to.put(&self.time_ns);
        to.put(&self.digest);
        to.put(&self.source);
        to.put(&self.part);
        to.evidence(&self.evidence);
    }

    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        let (time_ns, digest) = (from.take()?, from.take()?);
        Ok(Member { time_ns, digest, source: from.take()?, part: from.take()?, evidence: from.evidence()? })
    }
}

impl<E: Evidence> Saved<E> for Summary<E> {
    fn save(&self, to: &mut ImageWriter<E>) {
        to.put(&self.count);
        to.put(&self.first_ns);
        to.put(&self.first);
        to.put(&self.last);
        to.put(&self.sources);
        to.put(&self.sources_more);
        to.put(&self.steps);
        to.put(&self.steps_more);
        to.put(&self.values);
        to.put(&self.step_names);
        to.put(&self.by_value);
    }

    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        let mut summary = Summary {
            count: from.take()?,
            first_ns: from.take()?,
            first: from.take()?,
            last: from.take()?,
            sources: from.take()?,
            sources_more: from.take()?,
            steps: from.take()?,
            steps_more: from.take()?,
            values: from.take()?,
            step_names: from.take()?,
            by_value: from.take()?,
            evidence_bytes: 0,
        };
        if summary.step_names.as_ref().is_some_and(|names| names.len() != summary.steps.len()) {
            return Err(Damaged("steps and their names differ in number"));
        }
        let members = summary.first.iter().chain(&summary.last);
        summary.evidence_bytes = members.map(|member| member.evidence.bytes()).sum();
        Ok(summary)
    }
}

impl<E: Evidence> Summary<E> {
    pub(crate) fn new(spec: &RuleSpec) -> Summary<E> {
        let by_value = spec.kind == Kind::Risk;
        Summary {
            count: 0,
            first_ns: i64::MAX,
            first: Vec::new(),
            last: VecDeque::new(),
            sources: Vec::new(),
            sources_more: false,
            steps: Vec::new(),
            steps_more: false,
            values: spec.kind.counts_distinct().then(Distinct::new),
            step_names: (by_value || spec.is_upper()).then(Vec::new),
            by_value,
            evidence_bytes: 0,
        }
    }

    /// Adds the next member in order.
    pub(crate) fn absorb(&mut self, hit: &Record<E>, evidence_max: usize) {
        self.count += 1;
        self.first_ns = self.first_ns.min(hit.time);
        self.name_source(hit.source);
        if let Some(values) = &mut self.values {
            values.insert(hit.value);
        }
        self.step(hit);
        let Some(evidence) = &hit.evidence else { return };
        if evidence_max == 0 {
            return;
        }
        let member = Member {
            time_ns: hit.time,
            digest: hit.digest,
            source: hit.source,
            part: hit.part,
            evidence: evidence.clone(),
        };
        self.evidence_bytes += evidence.bytes();
        if self.first.len() < evidence_max {
            self.first.push(member);
            return;
        }
        if self.last.len() == evidence_max {
            let gone = self.last.pop_front();
            self.evidence_bytes -= gone.map_or(0, |member| member.evidence.bytes());
        }
        self.last.push_back(member);
    }

    fn step(&mut self, hit: &Record<E>) {
        let Some(names) = &mut self.step_names else { return };
        let name = (hit.part, if self.by_value { hit.value } else { hit.digest });
        if let Some(at) = names.iter().position(|known| *known == name) {
            let step = &mut self.steps[at];
            (step.last_ns, step.count) = (hit.time, step.count + 1);
        } else if self.steps.len() < STEPS_MAX {
            names.push(name);
            let (digest, first_ns, last_ns) = (hit.digest, hit.time, hit.time);
            self.steps.push(Step { part: hit.part, digest, first_ns, last_ns, count: 1 });
        } else {
            self.steps_more = true;
        }
    }

    fn name_source(&mut self, source: SourceId) {
        if let Err(at) = self.sources.binary_search(&source) {
            self.sources.insert(at, source);
            if self.sources.len() > SOURCES_MAX {
                self.sources.pop();
                self.sources_more = true;
            }
        }
    }

    pub(crate) fn value_count(&self) -> Option<ValueCount> {
        self.values.as_ref().map(Distinct::count)
    }

    /// Bytes on the heap, the summary itself included.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>()
            + (self.first.capacity() + self.last.capacity()) * size_of::<Member<E>>()
            + self.sources.capacity() * size_of::<SourceId>()
            + self.steps.capacity() * (size_of::<Step>() + size_of::<(u16, [u8; 16])>())
            + self.values.as_ref().map_or(0, Distinct::bytes)
            + self.evidence_bytes
    }
}
