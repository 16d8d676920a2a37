//! `noroshi parse`: one nested ECS JSON object for each line, in order, nothing skipped.

use std::io::Write as _;
use std::sync::Arc;

use noroshi_input::{Batch, RecordFlags, RecordMarks, RecordRef};
use noroshi_parsers::decode::{Decoder, SourceOptions};
use noroshi_parsers::defect::Defect;
use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::document::to_json;
use noroshi_parsers::event::{Event, EventView};
use noroshi_parsers::join::group::{Member, merge};
use noroshi_parsers::split::elements;

use super::Outcome;
use super::args::ParseArgs;
use super::explain::explain;
use super::files::{Defaults, FileBatch, InputFile, Inputs};
use super::output::{Printer, report};
use crate::ordered::ordered;
use crate::sources::ClockOffsets;
use crate::terminal::{ColorChoice, OutputMode};

pub(crate) fn parse(args: &ParseArgs, color: ColorChoice) -> anyhow::Result<Outcome> {
    let dictionary = Arc::new(Dictionary::new());
    if let Some(line) = &args.explain {
        let named = Inputs::new(&args.read, &["-".into()], &Defaults::LINES, &dictionary)?;
        return explain(line.as_bytes(), &named.files[0].options, args.output, color);
    }
    let inputs = Inputs::new(&args.read, &args.files, &Defaults::LINES, &dictionary)?;
    let mut printer = Printer::new(args.output.unwrap_or(OutputMode::Ndjson), color);
    let progress = inputs.progress();
    let errors = std::sync::Mutex::new(Vec::new());
    ordered(
        inputs.workers,
        inputs.reader(&progress, &errors),
        || (Decoder::new(Arc::clone(&dictionary)), Event::new(), Merged::default()),
        |(decoder, event, merged), FileBatch { file, batch }| {
            let InputFile { options, split, clocks, .. } = &inputs.files[file];
            let mut lines = Vec::new();
            for group in batch.groups() {
                let [record] = group else {
                    let merged = merged.group(&batch, group, decoder, (options, clocks.as_deref()));
                    serde_json::to_writer(&mut lines, &to_json(merged, &dictionary)).expect("JSON values write");
                    lines.push(b'\n');
                    continue;
                };
                // The later parts of a record over the limit belong to the line told at its first.
                if record.flags.contains(RecordFlags::PART) && record.part > 0 {
                    continue;
                }
                let bytes = batch.record(record);
                let mut print = |bytes: &[u8], defect: Option<Defect>| {
                    decoder.decode(bytes, 0, options, event);
                    clocks.iter().for_each(|clocks| clocks.correct(event, bytes));
                    defect.into_iter().for_each(|defect| event.defects.add(defect));
                    serde_json::to_writer(&mut lines, &to_json(event.view(bytes), &dictionary))
                        .expect("JSON values write");
                    lines.push(b'\n');
                };
                let cut = record.marks.contains(RecordMarks::JOIN_CUT).then_some(Defect::JoinCut);
                let oversize = record.flags.contains(RecordFlags::PART).then_some(Defect::Oversize).or(cut);
                match elements(bytes).filter(|_| *split) {
                    Some(elements) => {
                        elements.for_each(|element| print(&bytes[element.range], element.defect.or(oversize)));
                    }
                    None => print(bytes, oversize),
                }
            }
            lines
        },
        |lines| printer.lines(&lines),
    )?;
    progress.finish_and_clear();
    printer.finish()?.flush()?;
    Ok(report(errors, Outcome::Done))
}

/// The one event of a group of audit records, with the scratch of its members.
#[derive(Default)]
struct Merged {
    members: Vec<Event>,
    event: Event,
}

impl Merged {
    fn group<'a>(
        &'a mut self,
        batch: &'a Batch,
        group: &[RecordRef],
        decoder: &mut Decoder,
        (options, clocks): (&SourceOptions, Option<&ClockOffsets>),
    ) -> EventView<'a> {
        self.members.resize_with(self.members.len().max(group.len()), Event::new);
        for (record, event) in group.iter().zip(&mut self.members) {
            decoder.decode(batch.record(record), 0, options, event);
            clocks.into_iter().for_each(|clocks| clocks.correct(event, batch.record(record)));
        }
        let members: Vec<Member<'_>> = group
            .iter()
            .zip(&self.members)
            .map(|(record, event)| {
                let view = event.view(batch.record(record));
                Member { view, own: view.fields().len() }
            })
            .collect();
        let bytes = batch.group(group);
        merge(&mut self.event, bytes, &members);
        self.event.view(bytes)
    }
}
