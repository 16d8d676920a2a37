//! State of one key: a lone hit, or a window with its episodes.

use std::sync::Arc;

use crate::buckets::read_bucket;
use crate::chains::Chains;
use crate::episode::{Episode, Summary, attach};
use crate::image::{Damaged, ImageReader, ImageWriter, Saved};
use crate::measure::Slide;
use crate::partition::{Held, Rest};
use crate::rule_state::Compiled;
use crate::window::{Record, Window};
use crate::{Ended, Evidence, Finding, Key, Kind, NUMBER_UNIT, Raised, SourceId, State, finding_id};

/// Hits held without a window. A condition that needs more of them gets its window here: beyond, putting a hit in its
/// place costs more than the window saves.
const FEW_MAX: usize = 64;

/// State of one key. Most keys of most rules see a single hit, and most others fewer than the condition needs, so those
/// cases carry nothing else.
#[derive(Debug)]
pub(crate) enum KeyState<E> {
    One(Record<E>),
    /// In order, fewer than can satisfy the condition of any window.
    Few(Vec<Record<E>>),
    Many(Box<Many<E>>),
}

/// A window and the episodes that are not final.
#[derive(Debug)]
pub(crate) struct Many<E> {
    window: Window<E>,
    episodes: Vec<Episode<E>>,
    /// Triggers of the open findings sent and not yet replaced by a final.
    opened: Vec<i64>,
    /// The window of the last hit judged, where the kind measures.
    slide: Option<Box<Slide>>,
    /// Hits before this time are judged (rules decided at the watermark).
    judged_to: i64,
    /// No open finding before this receive time.
    pub(crate) emit_from: i64,
    /// An open finding is due.
    pub(crate) due: bool,
}

/// What a finding needs from outside the key.
pub(crate) struct Frame<'a> {
    pub(crate) rule_index: u32,
    pub(crate) rule: &'a Compiled,
    pub(crate) key: &'a Key,
    pub(crate) complete_since: i64,
    /// Greatest time of a hit the partition gave up, and its completeness in percent.
    pub(crate) evicted: Option<(i64, u8)>,
}

impl<E: Evidence> Saved<E> for KeyState<E> {
    fn save(&self, to: &mut ImageWriter<E>) {
        match self {
            KeyState::One(hit) => {
                to.bytes.push(0);
                to.put(hit);
            }
            KeyState::Few(hits) => {
                to.bytes.push(1);
                to.put(hits);
            }
            KeyState::Many(many) => {
                many.begin_save(to);
                to.put(&many.window);
            }
        }
    }

    fn load(from: &mut ImageReader<'_, E>) -> Result<Self, Damaged> {
        Ok(match from.take::<u8>()? {
            0 => KeyState::One(from.take()?),
            1 => KeyState::Few(from.take()?),
            2 => KeyState::Many(Box::new(Many {
                episodes: from.take()?,
                opened: from.take()?,
                slide: from.take()?,
                judged_to: from.take()?,
                emit_from: from.take()?,
                due: from.take()?,
                window: from.take()?,
            })),
            _ => return Err(Damaged("a key's state is of another kind")),
        })
    }
}

impl<E: Evidence> KeyState<E> {
    /// After loading: what the rule's kind looks up, and whether what was loaded can be of that kind.
    pub(crate) fn relink(&mut self, kind: Kind) -> Result<(), Damaged> {
        let KeyState::Many(many) = self else { return Ok(()) };
        if many.slide.as_ref().is_some_and(|slide| !slide.fits(kind, many.window.len())) {
            return Err(Damaged("a measure is not of the rule's kind"));
        }
        many.window.relink(kind);
        Ok(())
    }

    /// The state of a key without hits.
    pub(crate) fn empty() -> KeyState<E> {
        KeyState::Many(Box::new(Many::new()))
    }

    /// Makes room for more than a lone hit.
    pub(crate) fn grow(&mut self, rule: &Compiled) -> &mut Many<E> {
        if !matches!(self, KeyState::Many(_)) {
            let hits = match std::mem::replace(self, KeyState::empty()) {
                KeyState::One(hit) => vec![hit],
                KeyState::Few(hits) => hits,
                KeyState::Many(_) => Vec::new(),
            };
            if let KeyState::Many(many) = self {
                hits.into_iter().for_each(|hit| _ = many.insert(hit, rule, i64::MIN));
            }
        }
        match self {
            KeyState::Many(many) => many,
            _ => unreachable!("replaced above"),
        }
    }

    /// Takes a hit in where even with it there are too few for any window to satisfy the condition; else gives it back.
    pub(crate) fn hold(&mut self, hit: Record<E>, rule: &Compiled, decided: i64) -> Option<Record<E>> {
        if !rule.monotone || matches!(self, KeyState::Many(_)) {
            return Some(hit);
        }
        let expired = decided.saturating_sub(rule.spec.window());
        if let KeyState::Few(hits) = self
            && decided != i64::MIN
        {
            let gone = hits.partition_point(|known| known.time <= expired);
            hits.drain(..gone);
        }
        let held = self.hits();
        if held + 1 >= FEW_MAX || held as i128 + 1 >= rule.need {
            return Some(hit);
        }
        if let KeyState::One(_) = self
            && let KeyState::One(first) = std::mem::replace(self, KeyState::Few(Vec::with_capacity(2)))
            && let KeyState::Few(hits) = self
        {
            hits.push(first);
        }
        let KeyState::Few(hits) = self else { return Some(hit) };
        if hits.len() == hits.capacity() {
            // Doubling would leave a third of a million windows empty.
            hits.reserve_exact(hits.len() / 4 + 1);
        }
        let at = match hits.last() {
            Some(last) if last.order() > hit.order() => hits.partition_point(|known| known.order() <= hit.order()),
            _ => hits.len(),
        };
        hits.insert(at, hit);
        None
    }

    /// Reads what an insertion will read, so that it is in the cache by then.
    pub(crate) fn touch(&self) -> i64 {
        match self {
            KeyState::One(_) => 0,
            KeyState::Few(hits) => hits.last().map_or(0, |last| last.time),
            KeyState::Many(many) => many.last_time().wrapping_add(many.window.first_time().unwrap_or(0)),
        }
    }

    /// The watermark at which the key must be looked at again: the rule is passed it when its watermark reaches this.
    pub(crate) fn deadline(&self, rule: &Compiled) -> i64 {
        let window = rule.spec.window();
        match self {
            KeyState::One(hit) if rule.monotone => hit.time.saturating_add(window),
            KeyState::One(hit) => hit.time.saturating_add(1),
            KeyState::Few(hits) => hits.last().map_or(i64::MIN, |last| last.time.saturating_add(window)),
            KeyState::Many(many) => many.deadline(rule),
        }
    }
}

impl<E: Evidence> Held<E> for KeyState<E> {
    fn bytes(&self) -> usize {
        match self {
            KeyState::One(hit) => hit.evidence.as_ref().map_or(0, Evidence::bytes),
            KeyState::Few(hits) => {
                let evidence = hits.iter().filter_map(|hit| hit.evidence.as_ref()).map(Evidence::bytes);
                hits.capacity() * size_of::<Record<E>>() + evidence.sum::<usize>()
            }
            KeyState::Many(many) => many.bytes(),
        }
    }

    fn hits(&self) -> usize {
        match self {
            KeyState::One(_) => 1,
            KeyState::Few(hits) => hits.len(),
            KeyState::Many(many) => many.window.len(),
        }
    }

    fn last_time(&self) -> i64 {
        match self {
            KeyState::One(hit) => hit.time,
            KeyState::Few(hits) => hits.last().map_or(i64::MIN, |last| last.time),
            KeyState::Many(many) => many.last_time(),
        }
    }

    fn warm(&self) -> usize {
        match self {
            KeyState::One(hit) => hit.evidence.as_ref().map_or(0, Evidence::touch),
            KeyState::Few(hits) => {
                hits.iter().filter_map(|hit| hit.evidence.as_ref()).fold(0, |sum, one| sum ^ one.touch())
            }
            KeyState::Many(many) => many.last_time() as usize,
        }
    }

    fn has_episode(&self) -> bool {
        matches!(self, KeyState::Many(many) if !many.episodes.is_empty())
    }

    fn hold(&mut self) -> Option<(ImageWriter<E>, Rest<E>)> {
        let KeyState::Many(many) = self else { return None };
        let held = many.window.hold()?;
        let mut to = ImageWriter::default();
        many.begin_save(&mut to);
        many.window.begin_save(&mut to);
        Some((to, Rest::Hits(held)))
    }
}

impl<E: Evidence> Many<E> {
    /// What stands before the window in an image.
    fn begin_save(&self, to: &mut ImageWriter<E>) {
        to.bytes.push(2);
        to.put(&self.episodes);
        to.put(&self.opened);
        to.put(&self.slide);
        to.put(&self.judged_to);
        to.put(&self.emit_from);
        to.put(&self.due);
    }

    fn new() -> Many<E> {
        Many {
            window: Window::new(),
            episodes: Vec::new(),
            opened: Vec::new(),
            slide: None,
            judged_to: i64::MIN,
            emit_from: i64::MIN,
            due: false,
        }
    }

    fn last_time(&self) -> i64 {
        let episode = self.episodes.last().map_or(i64::MIN, |episode| episode.last);
        self.window.last_time().unwrap_or(i64::MIN).max(episode)
    }

    pub(crate) fn episodes(&self) -> &[Episode<E>] {
        &self.episodes
    }

    pub(crate) fn is_spent(&self) -> bool {
        self.window.is_empty() && self.episodes.is_empty()
    }

    fn bytes(&self) -> usize {
        let folded = self.episodes.iter().filter_map(|episode| episode.folded.as_ref());
        size_of::<Self>()
            + self.window.bytes()
            + self.episodes.capacity() * size_of::<Episode<E>>()
            + self.opened.capacity() * size_of::<i64>()
            + self.slide.as_ref().map_or(0, |slide| slide.bytes())
            + folded.map(|summary| summary.bytes()).sum::<usize>()
    }

    fn deadline(&self, rule: &Compiled) -> i64 {
        let window = rule.spec.window();
        let mut deadline = i64::MAX;
        if let Some(episode) = self.episodes.first() {
            deadline = episode.last.saturating_add(window).saturating_add(1);
        } else if let Some(last) = self.window.last_time() {
            deadline = last.saturating_add(window);
        }
        if let Some(episode) = self.episodes.iter().find(|episode| !episode.fixed && rule.fixes()) {
            deadline = deadline.min(episode.trigger.saturating_add(1));
        }
        if !rule.monotone {
            let next = self.window.after(self.judged_to.saturating_sub(1));
            if next < self.window.len() {
                deadline = deadline.min(self.window.get(next).time.saturating_add(1));
            }
        }
        deadline
    }

    /// Takes a hit in; true if an open finding has something new to say.
    pub(crate) fn insert(&mut self, hit: Record<E>, rule: &Compiled, watermark: i64) -> bool {
        let time = hit.time;
        if rule.monotone {
            self.trim(rule, watermark);
        }
        let mut unchanged_from = i64::MAX;
        let placed = match rule.spec.kind {
            Kind::ValueCount | Kind::Temporal => self.window.insert_counting(hit, rule.spec.window()),
            Kind::TemporalOrdered { parts } => {
                self.window.chains.get_or_insert_with(|| Box::new(Chains::new(parts))).insert(hit.part, time);
                self.window.insert(hit)
            }
            Kind::Risk => {
                let risks = self.window.risks.get_or_insert_default();
                unchanged_from = risks.insert(hit.value, hit.part, time).unwrap_or(i64::MAX);
                self.window.insert(hit)
            }
            _ => self.window.insert(hit),
        };
        if !rule.monotone {
            return false;
        }
        let before = self.episodes.last().map(|episode| episode.last);
        let structure_changed = match self.mark_matches(placed.last, unchanged_from, rule) {
            Some((from, to)) => self.rebuild(from, to, rule),
            None => false,
        };
        let member_of = self.episodes.partition_point(|episode| episode.last < time);
        let joined = self.episodes.get(member_of).is_some_and(|episode| episode.holds(time));
        if joined {
            self.thin_evidence(placed.at, member_of, before, rule, watermark);
        }
        structure_changed || joined
    }

    /// Judges the windows that the hit at `at` is in, up to those that it changes nothing of; returns the first and last
    /// time that came to match.
    fn mark_matches(&mut self, at: usize, unchanged_from: i64, rule: &Compiled) -> Option<(i64, i64)> {
        let span = rule.spec.window();
        let until = self.window.get(at).time.saturating_add(span).min(unchanged_from.max(self.window.get(at).time + 1));
        let mut changed: Option<(i64, i64)> = None;
        let mut at = at;
        while at < self.window.len() {
            let hit = self.window.get(at);
            let time = hit.time;
            if time >= until {
                break;
            }
            if time >= rule.judge_from && self.window.is_last_of_time(at) {
                let matches = match rule.spec.kind {
                    Kind::ValueCount | Kind::Temporal => i128::from(hit.distinct) >= rule.need,
                    Kind::TemporalOrdered { .. } => {
                        !hit.matched && self.window.chains.as_ref().is_some_and(|chains| chains.end_at(time, span))
                    }
                    Kind::Risk => !hit.matched && self.worth(time, rule).is_some(),
                    // The n-th hit from here backwards lies in the window.
                    _ => usize::try_from(at as i128 + 1 - rule.need)
                        .is_ok_and(|nth| self.window.get(nth).time > time.saturating_sub(span)),
                };
                if matches && !hit.matched {
                    self.window.set_matched(at);
                    changed = Some((changed.map_or(time, |(from, _)| from), time));
                }
            }
            at += 1;
        }
        changed
    }

    /// What the kind measures at the trigger, and what it expected; `None` for kinds that measure otherwise.
    #[allow(clippy::type_complexity)] // two numbers, either of which may not be there
    fn at_trigger(&self, trigger: i64, rule: &Compiled) -> Option<(Option<i128>, Option<i128>)> {
        let kind = rule.spec.kind;
        if kind == Kind::Risk {
            return Some((self.worth(trigger, rule).map(|sum| sum * NUMBER_UNIT), None));
        }
        kind.bucket()?;
        let at = self.window.after(trigger).checked_sub(1)?;
        let (observed, expected) = read_bucket(self.window.get(at).value);
        Some((Some(observed), matches!(kind, Kind::Baseline { .. }).then_some(expected)))
    }

    /// The sum of the scores in the window that ends here, if that is enough.
    fn worth(&self, time: i64, rule: &Compiled) -> Option<i128> {
        let (risks, worth) = (self.window.risks.as_ref()?, rule.spec.risk.as_ref()?);
        risks.judge(time, rule.spec.window(), worth, &rule.spec.condition)
    }

    /// Draws the episodes anew from the first time that came to match; false if they already covered it.
    fn rebuild(&mut self, from: i64, to: i64, rule: &Compiled) -> bool {
        let kept = self.episodes.partition_point(|episode| episode.trigger <= from);
        if kept > 0 && to <= self.episodes[kept - 1].last {
            return false;
        }
        let kept = self.episodes.partition_point(|episode| episode.trigger < from);
        let start = self.window.after(from.saturating_sub(1));
        let dropped: Vec<Episode<E>> = self.episodes.drain(kept..).collect();
        if let Some(running) = self.episodes.last_mut() {
            if running.last >= from {
                // The matching hit before `from` is within W of one that is not settled, so it is still in the window.
                let before = (0..start).rev().map(|at| self.window.get(at));
                let matching = before.take_while(|hit| hit.time >= running.trigger).find(|hit| hit.matched);
                running.last = matching.map_or(running.trigger, |hit| hit.time);
            }
        }
        for at in start..self.window.len() {
            if self.window.get(at).matched && self.window.is_last_of_time(at) {
                attach(&mut self.episodes, self.window.get(at).time, None, rule);
            }
        }
        for old in dropped {
            let same = self.episodes[kept..].binary_search_by_key(&old.trigger, |episode| episode.trigger);
            if let Ok(at) = same {
                let episode = &mut self.episodes[kept + at];
                episode.sent_count = old.sent_count;
                episode.updates = old.updates;
                episode.folded = old.folded;
                episode.fixed = old.fixed;
                (episode.measured, episode.expected) = (old.measured, old.expected);
            }
        }
        true
    }

    /// Gives up evidence that can be neither among the first nor among the last members any more.
    ///
    /// A monotone episode only grows, so a member with enough members on both sides stays inside; unless a cut
    /// by `max_episode` could come to lie between them, which is excluded by the earliest trigger still possible.
    fn thin_evidence(&mut self, at: usize, episode: usize, before: Option<i64>, rule: &Compiled, watermark: i64) {
        let keep = rule.spec.evidence_max;
        let episode = &self.episodes[episode];
        // A trigger before the watermark stands; any other could move to the watermark, or to the first episode running.
        let trigger = match episode.trigger < watermark {
            true => episode.trigger,
            false => watermark.min(self.episodes[0].trigger),
        };
        let uncuttable = rule.spec.max_episode_ns == i64::MAX;
        if !uncuttable && episode.last >= trigger.saturating_add(rule.spec.episode_max()) {
            return;
        }
        let folded = episode.folded.as_ref().map_or(0, |summary| summary.count.min(keep as u64) as usize);
        let start = self.window.after(episode.floor) + keep.saturating_sub(folded);
        let end = self.window.after(episode.last);
        // Appending moves the end by what the last matching hit took in; an insertion moves it by one.
        let grown = before.map_or(end, |last| self.window.after(last.min(episode.last)));
        let inside = grown.saturating_sub(keep + 1).max(start)..end.saturating_sub(keep);
        let end = inside.end;
        for index in inside {
            self.window.drop_evidence(index);
        }
        if (start..end).contains(&at) {
            self.window.drop_evidence(at);
        }
    }

    /// Removes hits that are in no window still to come, keeping what running episodes need of them.
    fn trim(&mut self, rule: &Compiled, watermark: i64) {
        let Some(tail) = self.window.last_time() else { return };
        let span = rule.spec.window();
        let mut limit = watermark.saturating_sub(span);
        if tail > limit {
            // The last window's distinct values, or its measure, are counted on from it.
            if rule.spec.kind.counts_distinct() {
                limit = limit.min(tail.saturating_sub(span));
            } else if let Some(slide) = &self.slide {
                limit = limit.min(slide.end.saturating_sub(span));
            }
        } else {
            self.slide = None;
        }
        while watermark != i64::MIN && self.window.first_time().is_some_and(|time| time <= limit) {
            let Some(hit) = self.window.pop_front() else { break };
            let at = self.episodes.partition_point(|episode| episode.last < hit.time);
            if let Some(episode) = self.episodes.get_mut(at).filter(|episode| episode.holds(hit.time)) {
                let folded = episode.folded.get_or_insert_with(|| Box::new(Summary::new(&rule.spec)));
                folded.absorb(&hit, rule.spec.evidence_max);
            }
        }
    }

    /// Judges the hits before `to` of a rule whose condition more hits could undo; true if an episode began or grew.
    fn judge(&mut self, to: i64, inclusive: bool, rule: &Compiled) -> bool {
        let span = rule.spec.window();
        let mut changed = false;
        for at in self.window.after(self.judged_to.saturating_sub(1))..self.window.len() {
            let hit = self.window.get(at);
            if hit.time > to || (hit.time == to && !inclusive) {
                break;
            }
            if hit.time < rule.judge_from || !self.window.is_last_of_time(at) {
                continue;
            }
            let condition = &rule.spec.condition;
            let (holds, measured) = match rule.spec.kind {
                Kind::ValueCount | Kind::Temporal => (condition.holds(hit.distinct.into()), None),
                kind if kind.slides() => {
                    let slide = self.slide.get_or_insert_with(|| Box::new(Slide::new(kind)));
                    slide.advance(&self.window, hit.time, &rule.spec);
                    let measured = slide.judge(&rule.spec);
                    (measured.is_some(), measured)
                }
                _ => {
                    let count = at + 1 - self.window.after(hit.time.saturating_sub(span));
                    (condition.holds(count as i128), None)
                }
            };
            if holds {
                attach(&mut self.episodes, hit.time, measured, rule);
                changed = true;
            }
        }
        self.judged_to = self.judged_to.max(to);
        changed
    }

    /// Follows the watermark: judges, trims, and tells the finals; true if an open finding has something new to say.
    pub(crate) fn settle(
        &mut self,
        watermark: i64,
        frame: &Frame<'_>,
        out: &mut Vec<Finding<E>>,
        raised: &mut Vec<Raised<E>>,
    ) -> bool {
        let rule = frame.rule;
        let changed = !rule.monotone && self.judge(watermark, false, rule);
        self.fix(watermark, frame, raised);
        self.trim(rule, watermark);
        let span = rule.spec.window();
        let settled = self.episodes.iter().take_while(|episode| watermark > episode.last.saturating_add(span)).count();
        for at in 0..settled {
            self.tell_final(at, Ended::Watermark, frame, out);
        }
        self.episodes.drain(..settled);
        changed
    }

    /// Keeps what stands of episodes whose trigger the watermark has passed, and raises them where a correlation is made
    /// of them.
    fn fix(&mut self, watermark: i64, frame: &Frame<'_>, raised: &mut Vec<Raised<E>>) {
        let rule = frame.rule;
        if !rule.fixes() {
            return;
        }
        for at in 0..self.episodes.len() {
            let episode = &self.episodes[at];
            if episode.fixed || episode.trigger >= watermark {
                continue;
            }
            if rule.raises && rule.is_whole(episode.chain) {
                raised.push(self.raised(episode, frame));
            }
            let told = self.at_trigger(self.episodes[at].trigger, rule);
            let episode = &mut self.episodes[at];
            if let Some(told) = told {
                (episode.measured, episode.expected) = told;
            }
            episode.fixed = true;
        }
    }

    fn raised(&self, episode: &Episode<E>, frame: &Frame<'_>) -> Raised<E> {
        let spec = &frame.rule.spec;
        let folded = episode.folded.as_ref().and_then(|summary| summary.first.first());
        let folded = folded.map(|member| (member.source, Some(member.evidence.clone())));
        let first = self.window.after(episode.floor);
        let (source, evidence) = folded.unwrap_or_else(|| match first < self.window.len() {
            true => (self.window.get(first).source, self.window.get(first).evidence.clone()),
            false => (SourceId(0), None),
        });
        Raised {
            rule: frame.rule_index,
            key: frame.key.clone(),
            time_ns: episode.trigger,
            id: finding_id(&spec.id, &spec.definition_digest, frame.key, episode.trigger),
            source,
            evidence,
            from_ns: frame.rule.reread_from(episode.chain),
        }
    }

    /// Tells every running episode as final: the input ended, or the state is given up.
    pub(crate) fn end(
        &mut self,
        ended: Ended,
        frame: &Frame<'_>,
        out: &mut Vec<Finding<E>>,
        raised: &mut Vec<Raised<E>>,
    ) {
        if !frame.rule.monotone && ended == Ended::Input {
            self.judge(i64::MAX, true, frame.rule);
        }
        self.fix(i64::MAX, frame, raised);
        for at in 0..self.episodes.len() {
            self.tell_final(at, ended, frame, out);
        }
        self.episodes.clear();
    }

    fn tell_final(&mut self, at: usize, ended: Ended, frame: &Frame<'_>, out: &mut Vec<Finding<E>>) {
        if frame.rule.was_settled(self.episodes[at].last) {
            return;
        }
        let mut finding = self.finding(at, frame);
        let cut = self.episodes[at].cut && ended != Ended::Evicted;
        finding.state = State::Final;
        finding.ended = Some(if cut { Ended::MaxEpisode } else { ended });
        self.opened.retain(|&trigger| trigger < finding.trigger_ns || trigger > finding.last_ns);
        out.push(finding);
    }

    /// Tells the open findings that have something new to say.
    pub(crate) fn tell_open(&mut self, frame: &Frame<'_>, out: &mut Vec<Finding<E>>) {
        for at in 0..self.episodes.len() {
            if frame.rule.was_settled(self.episodes[at].last) {
                continue;
            }
            let finding = self.finding(at, frame);
            let episode = &mut self.episodes[at];
            if episode.sent_count == finding.count {
                continue;
            }
            episode.sent_count = finding.count;
            episode.updates += 1;
            if let Err(place) = self.opened.binary_search(&finding.trigger_ns) {
                self.opened.insert(place, finding.trigger_ns);
            }
            out.push(finding);
        }
    }

    fn finding(&self, at: usize, frame: &Frame<'_>) -> Finding<E> {
        let (rule, episode) = (frame.rule, &self.episodes[at]);
        let folded = episode.folded.as_deref().cloned();
        let mut summary = folded.unwrap_or_else(|| Summary::new(&rule.spec));
        for hit in self.window.range(self.window.after(episode.floor), self.window.after(episode.last)) {
            summary.absorb(hit, rule.spec.evidence_max);
        }
        let id_at = |trigger| finding_id(&rule.spec.id, &rule.spec.definition_digest, frame.key, trigger);
        let replaced = self.opened.iter().copied();
        let replaced = replaced.filter(|open| (episode.trigger + 1..=episode.last).contains(open));
        let (measured, expected) = match episode.fixed || !rule.fixes() {
            true => (episode.measured, episode.expected),
            false => self.at_trigger(episode.trigger, rule).unwrap_or((episode.measured, None)),
        };
        // What was given up after trigger − W of the run may have moved the trigger or been a member; of kinds that look farther
        // back, it may have been what the hit was compared with.
        let touched = frame.evicted.filter(|(to, _)| *to > episode.chain.saturating_sub(rule.spec.reach()));
        Finding {
            rule: frame.rule_index,
            spec: Arc::clone(&rule.spec),
            key: frame.key.clone(),
            state: State::Open,
            id: id_at(episode.trigger),
            supersedes: replaced.map(id_at).collect(),
            first_ns: summary.first_ns,
            trigger_ns: episode.trigger,
            last_ns: episode.last,
            count: summary.count,
            value_count: summary.value_count(),
            measured,
            expected,
            steps: summary.steps,
            steps_more: summary.steps_more,
            evidence_first: summary.first,
            evidence_last: summary.last.into(),
            sources: summary.sources,
            sources_more: summary.sources_more,
            ended: None,
            incomplete: touched.map(|(_, percent)| percent),
            updates: episode.updates,
            complete_since_ns: frame.complete_since,
        }
    }
}
