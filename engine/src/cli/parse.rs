//! `noroshi parse`: one nested ECS JSON object for each line, in order, nothing skipped.

use std::io::Write as _;
use std::sync::Arc;

use noroshi_input::{RecordFlags, RecordMarks};
use noroshi_parsers::decode::Decoder;
use noroshi_parsers::defect::Defect;
use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::document::to_json;
use noroshi_parsers::event::Event;
use noroshi_parsers::split::elements;

use super::Outcome;
use super::args::ParseArgs;
use super::explain::explain;
use super::files::{Defaults, FileBatch, InputFile, Inputs};
use super::output::{Printer, report};
use crate::ordered::ordered;
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
        || (Decoder::new(Arc::clone(&dictionary)), Event::new()),
        |(decoder, event), FileBatch { file, batch }| {
            let InputFile { options, split, .. } = &inputs.files[file];
            let mut lines = Vec::new();
            for record in &batch.records {
                // The later parts of a record over the limit belong to the line told at its first.
                if record.flags.contains(RecordFlags::PART) && record.part > 0 {
                    continue;
                }
                let bytes = batch.record(record);
                let mut print = |bytes: &[u8], defect: Option<Defect>| {
                    decoder.decode(bytes, 0, options, event);
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
