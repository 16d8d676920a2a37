//! Framing alone: newline, and octet counting mixed with newline.

use std::sync::Arc;

use anyhow::{Result, ensure};
use noroshi_parsers::frame::{FrameFlags, Framer, Framing};

use super::{SEED, STREAM_BYTES, split_pass};
use crate::measure::Case;
use crate::stream::Stream;

struct Counts {
    records: usize,
    bytes: usize,
    octet_counted: usize,
}

fn frame(bytes: &[u8], framing: Framing) -> Counts {
    let mut framer = Framer::new(framing);
    let mut counts = Counts { records: 0, bytes: 0, octet_counted: 0 };
    let consumed = framer.frame(bytes, false, |frame| {
        counts.records += 1;
        counts.bytes += std::hint::black_box(&bytes[frame.start..frame.end]).len();
        counts.octet_counted += usize::from(frame.flags.contains(FrameFlags::OCTET_COUNTED));
    });
    assert_eq!(consumed, bytes.len(), "framing left bytes behind");
    counts
}

pub(super) fn cases() -> Result<Vec<Case>> {
    let stream = Arc::new(Stream::mixed(SEED, STREAM_BYTES));
    let content: usize = stream.records().map(|(record, _)| record.len()).sum();
    let newline = frame(&stream.bytes, Framing::NEWLINE);
    ensure!(
        newline.records == stream.lines.len() && newline.bytes == content && newline.octet_counted == 0,
        "framing by newline: {} records of {} bytes, expected {} of {content}",
        newline.records,
        newline.bytes,
        stream.lines.len()
    );
    // Every second record that can be octet-counted is: it begins with a priority.
    let (mut mixed, mut counted) = (Vec::with_capacity(stream.bytes.len() + (1 << 18)), 0);
    for (number, (record, _)) in stream.records().enumerate() {
        if number % 2 == 0 && record.starts_with(b"<") {
            mixed.extend_from_slice(format!("{} ", record.len()).as_bytes());
            mixed.extend_from_slice(record);
            counted += 1;
        } else {
            mixed.extend_from_slice(record);
            mixed.push(b'\n');
        }
    }
    let found = frame(&mixed, Framing::MIXED);
    // An empty line behind an octet-counted record is its sender's trailer and no record of its own.
    let swallowed = stream
        .records()
        .enumerate()
        .zip(stream.records().skip(1))
        .filter(|((number, (record, _)), (next, _))| number % 2 == 0 && record.starts_with(b"<") && next.is_empty())
        .count();
    ensure!(
        found.records + swallowed == stream.lines.len() && found.bytes == content && found.octet_counted == counted,
        "framing by both: {} records of {} bytes, {} octet-counted; expected {} of {content}, {counted}",
        found.records,
        found.bytes,
        found.octet_counted,
        stream.lines.len() - swallowed
    );
    ensure!(counted * 10 > stream.lines.len(), "too few octet-counted records to tell anything: {counted}");

    let case = |name: &str, bytes: Vec<u8>, framing: Framing, count: usize| Case {
        name: format!("framing/{name}"),
        unit: "line",
        count: count as u64,
        bytes: bytes.len() as u64,
        measured: Box::new(move |watch| {
            let counts = watch.time(|| frame(std::hint::black_box(&bytes), framing));
            assert_eq!(counts.records, count, "framing lost records");
        }),
        without: None,
        baseline_name: "memchr split",
        baseline_count: stream.lines.len() as u64,
        baseline: split_pass(&stream),
        note: String::new(),
    };
    Ok(vec![
        case("newline", stream.bytes.clone(), Framing::NEWLINE, newline.records),
        case("octet_mixed", mixed, Framing::MIXED, found.records),
    ])
}
