//! Is what waits to be sealed what was written?
//!
//! Without the first key the frames' checksums alone speak for it, which whoever holds the disk can make anew. With it every
//! frame is held to its MAC, and their number to the saved keys.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use noroshi_files::Files;
use noroshi_tree::mac::{FirstKey, MacError, TailCheck, TailFault, TailState};

use crate::archive::WAL;
use crate::tail::{TAIL_STATE, is_held};
use crate::verify::{Fault, Verdict, below};
use crate::wal::{self, Segment};

/// Looks at what is not sealed yet: the numbers of its frames' first records. Records below `sealed` are sealed.
pub(crate) fn unsealed(
    files: &Arc<dyn Files>,
    directory: &Path,
    first: Option<&FirstKey>,
    sealed: u64,
    verdict: &mut Verdict,
) -> BTreeSet<u64> {
    // Before the segments: whatever is written meanwhile comes behind what the keys count.
    let state = first.map(|_| TailState::load(&**files, &directory.join(TAIL_STATE)));
    let segments = segments(files, directory, verdict);
    let mut open = BTreeSet::new();
    for (_, segment) in &segments {
        open.extend(segment.frames().map(|frame| frame.first_sequence));
        verdict.unsealed_bytes += segment.len() as u64;
    }
    match (first, state) {
        (Some(first), Some(Ok(state))) => held(first, &state, &segments, sealed, verdict),
        (Some(_), Some(Err(error))) => {
            for (name, segment) in &segments {
                damaged(name, segment, verdict);
            }
            let is_fault = match &error {
                MacError::State { .. } => true,
                MacError::File { source, .. } => source.kind() == io::ErrorKind::NotFound,
                MacError::FirstKey | MacError::Random => false,
            };
            let told = "the keys of the open tail are gone or changed, and this archive was given a first key";
            if is_fault {
                verdict.tampered.push(Fault { file: TAIL_STATE.into(), bytes: 0..0, kind: "state", told: told.into() });
            } else {
                verdict.undecided.push(error.to_string());
            }
        }
        _ => {
            for (name, segment) in &segments {
                damaged(name, segment, verdict);
            }
            if verdict.unsealed_bytes > 0 {
                let told = if is_held(&**files, directory) {
                    "what is not sealed yet is held to its MACs with --first-key; now its checksums alone were looked at"
                } else {
                    "what is not sealed yet has no MACs, for this archive was given no first key: its checksums alone were looked at"
                };
                verdict.notes.push(told.into());
            }
        }
    }
    open
}

fn segments(files: &Arc<dyn Files>, directory: &Path, verdict: &mut Verdict) -> Vec<(String, Segment)> {
    let found: Vec<(u64, PathBuf)> = match wal::segments(&**files, &directory.join(WAL)) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => {
            verdict.undecided.push(format!("cannot list {WAL}: {error}"));
            Vec::new()
        }
    };
    let mut segments = Vec::new();
    for (_, path) in found {
        match Segment::read(&**files, &path) {
            Ok(segment) => segments.push((below(directory, &path), segment)),
            // Sealed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => verdict.undecided.push(format!("cannot read {}: {error}", below(directory, &path))),
        }
    }
    segments
}

/// Tells what of a segment is no frame and has frames behind it.
fn damaged(name: &str, segment: &Segment, verdict: &mut Verdict) {
    for damaged in &segment.damaged {
        verdict.tampered.push(Fault {
            file: name.to_owned(),
            bytes: damaged.start as u64..damaged.end as u64,
            kind: "frame",
            told: "a frame that waits to be sealed is damaged".into(),
        });
    }
}

/// Every frame against its MAC, every count against the saved keys.
fn held(first: &FirstKey, state: &TailState, segments: &[(String, Segment)], sealed: u64, verdict: &mut Verdict) {
    let mut next_sequence = sealed;
    let mut epochs = BTreeSet::new();
    let at_last = segments.last().map(|(name, _)| name);
    for (name, segment) in segments {
        let numbers = segment.frames().next().map(|frame| frame.first_sequence).zip(segment.end_sequence());
        if numbers.is_some_and(|(_, end)| end <= sealed) {
            verdict.notes.push(format!("{name} is sealed and still there; the engine removes it"));
            epochs.extend(segment.epoch);
            continue;
        }
        let whole = 0..segment.len() as u64;
        let Some(epoch) = segment.epoch else {
            // The power may have gone while a segment was begun: the last, and nothing was counted of it.
            let is_begun = numbers.is_none() && at_last == Some(name);
            if is_begun && (state.chain.index() == 0 || epochs.contains(&state.chain.epoch())) {
                let is_sure = state.ended.iter().all(|ended| ended.frames == 0 || epochs.contains(&ended.epoch));
                let told = format!("{name} holds nothing: a crash came as it was begun");
                if is_sure {
                    verdict.notes.push(told);
                } else {
                    verdict.undecided.push(format!("{told}, or it was cut"));
                }
                continue;
            }
            let file = name.clone();
            let told = "it does not begin as a segment whose frames have MACs".to_owned();
            verdict.tampered.push(Fault { file, bytes: 0..24.min(whole.end), kind: "unheld", told });
            continue;
        };
        let mut fault = |bytes, kind, told: String| {
            verdict.tampered.push(Fault { file: name.clone(), bytes, kind, told });
        };
        if !epochs.insert(epoch) {
            fault(0..24.min(whole.end), "added", format!("another segment is of its epoch, {epoch}, too"));
            continue;
        }
        if let Some((begin, _)) = numbers
            && segment.placed().next().is_some_and(|placed| !placed.is_behind_damage)
            && wal::path_of(Path::new(WAL), begin) != Path::new(name)
        {
            fault(whole.clone(), "name", format!("it begins with record {begin}"));
        }
        let mut check = TailCheck::new(first, state, epoch);
        let mut at = 0;
        let outcome = segment.placed().try_for_each(|placed| {
            let place = placed.place.start as u64..placed.place.end as u64;
            let may_be_torn = placed.is_behind_damage && check.is_behind_counted();
            let (message, mac) = placed.held.ok_or((place.clone(), "unheld", "this frame has no MAC".to_owned()))?;
            check.frame(message, mac, placed.is_behind_damage).map_err(|error| {
                // What was there in its place begins behind the frame before.
                (at..place.end, kind_of(error), error.to_string())
            })?;
            let sequences = placed.frame.sequences();
            if sequences.start > next_sequence && !may_be_torn {
                let told = format!("records {next_sequence} to {} are missing before it", sequences.start - 1);
                return Err((place, "missing", told));
            }
            next_sequence = next_sequence.max(sequences.end);
            at = place.end;
            verdict.tail_frames += 1;
            Ok(())
        });
        if let Err((bytes, kind, told)) = outcome {
            verdict.tampered.push(Fault { file: name.clone(), bytes, kind, told });
            continue;
        }
        let is_behind_counted = check.is_behind_counted();
        if let Err(error) = check.finish() {
            let told = error.to_string();
            verdict.tampered.push(Fault { file: name.clone(), bytes: at..whole.end, kind: kind_of(error), told });
            continue;
        }
        for torn in &segment.damaged {
            verdict.undecided.push(format!(
                "{name}: bytes {}..{} are no frame: torn by a crash, or changed since the keys were last saved",
                torn.start, torn.end
            ));
        }
        if segment.torn_bytes > 0 && is_behind_counted {
            verdict.notes.push(format!(
                "{name}: the last {} bytes are no whole frame: being written now, torn by a crash, or cut since the keys were last saved",
                segment.torn_bytes
            ));
        }
    }
    if !epochs.contains(&state.chain.epoch()) {
        let told = |error: TailFault| match error {
            TailFault::State => (TAIL_STATE, "state", error.to_string()),
            _ => (WAL, "missing", format!("the segment of epoch {} is gone: {error}", state.chain.epoch())),
        };
        if let Err((file, kind, told)) = TailCheck::new(first, state, state.chain.epoch()).finish().map_err(told) {
            verdict.tampered.push(Fault { file: file.into(), bytes: 0..0, kind, told });
        }
    }
}

fn kind_of(fault: TailFault) -> &'static str {
    match fault {
        TailFault::Frame { .. } => "frame",
        TailFault::Truncated { .. } => "length",
        TailFault::Strange => "added",
        TailFault::State => "state",
    }
}
