//! Indicator files, by their content: plain lists and CSV by line, MISP and STIX as JSON.

mod csv;
mod document;
mod misp;
mod pattern;
mod stix;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde_json::Value;

use super::builder::{Builder, Summary};
use super::context::Feed;
use super::known_good;
use crate::diagnostic::{Diagnostic, Place};

/// Bad entries told one by one for each file; the rest are counted in one more.
pub(super) const TOLD_MAX: usize = 50;
/// Bytes read at once.
const BUFFER_BYTES: usize = 1 << 18;
/// Longest line of a list or CSV file; a feed's own are under a kilobyte.
const LINE_BYTES_MAX: usize = 1 << 16;
/// Longest known-good list; the public ones stay under 20 MB.
const KNOWN_GOOD_BYTES_MAX: u64 = 256 << 20;

/// Tells what is wrong with a file, up to a bound.
pub(super) struct Teller<'a> {
    file: &'a Path,
    told: usize,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Teller<'_> {
    pub(super) fn tell(&mut self, line: usize, message: impl Into<String>, help: Option<String>) {
        self.told += 1;
        if self.told <= TOLD_MAX {
            let mut told = Diagnostic::warning(self.file, Place { line: line as u32, column: 1 }, message);
            told.help = help;
            self.diagnostics.push(told);
        }
    }

    /// Tells that the file as a whole is refused.
    pub(super) fn refuse(&mut self, line: usize, message: impl Into<String>, help: &str) {
        let place = Place { line: line as u32, column: 1 };
        self.diagnostics.push(Diagnostic::error(self.file, place, message).help(help));
    }

    /// Tells a number of entries left out, by reason.
    pub(super) fn note(&mut self, message: String) {
        self.diagnostics.push(Diagnostic::warning(self.file, Place { line: 1, column: 1 }, message));
    }

    fn finish(self) -> usize {
        if self.told > TOLD_MAX {
            let message = format!("{} more entries are no indicators and were skipped", self.told - TOLD_MAX);
            self.diagnostics.push(Diagnostic::warning(self.file, Place { line: 1, column: 1 }, message));
        }
        self.told
    }
}

pub(super) fn file(
    path: &Path,
    feed: &Feed,
    input: &mut dyn Read,
    builder: &mut Builder,
    diagnostics: &mut Vec<Diagnostic>,
) -> Summary {
    let mut input = BufReader::with_capacity(BUFFER_BYTES, input);
    let mut teller = Teller { file: path, told: 0, diagnostics };
    let mut summary = Summary::default();
    let begin = match begin(&mut input) {
        Ok(begin) => begin,
        Err(cause) => {
            teller.refuse(1, format!("cannot read the file: {cause}"), "check the file");
            return summary;
        }
    };
    let read = match begin {
        // A bracket also begins a defanged address, but no list begins with one before a quote or brace.
        Some(b'{' | b'[') => document::read(feed, input, builder, &mut teller, &mut summary),
        _ => csv::read(path, feed, input, builder, &mut teller),
    };
    summary.whole = read.is_ok();
    if let Err(Refused { line, message, help }) = read {
        teller.refuse(line, message, help);
    }
    summary.refused += teller.finish();
    summary
}

/// Why a whole file gave nothing.
pub(super) struct Refused {
    line: usize,
    message: String,
    help: &'static str,
}

/// The first byte that is no blank, with a byte order mark read over.
fn begin(input: &mut impl BufRead) -> std::io::Result<Option<u8>> {
    if input.fill_buf()?.starts_with("\u{feff}".as_bytes()) {
        input.consume(3);
    }
    // Only in the first buffer: a file of so many blanks is no document.
    Ok(input.fill_buf()?.iter().copied().find(|byte| !byte.is_ascii_whitespace()))
}

/// The next line without its end. `Ok(false)` at the end; a line beyond the bound is cut, and `too_long` is set.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>, too_long: &mut bool) -> std::io::Result<bool> {
    line.clear();
    *too_long = false;
    let mut any = false;
    loop {
        let buffer = input.fill_buf()?;
        if buffer.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = memchr::memchr(b'\n', buffer);
        let piece = &buffer[..end.unwrap_or(buffer.len())];
        let room = LINE_BYTES_MAX - line.len();
        *too_long |= piece.len() > room;
        line.extend_from_slice(&piece[..piece.len().min(room)]);
        let used = piece.len() + usize::from(end.is_some());
        input.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

/// Reads a MISP warning list, or a plain list named after its file.
pub(super) fn known_good(path: &Path, input: &mut dyn Read, lists: &mut known_good::Reading) -> Result<(), String> {
    let mut text = Vec::new();
    input.take(KNOWN_GOOD_BYTES_MAX + 1).read_to_end(&mut text).map_err(|cause| cause.to_string())?;
    if text.len() as u64 > KNOWN_GOOD_BYTES_MAX {
        return Err(format!("it is over {KNOWN_GOOD_BYTES_MAX} bytes long"));
    }
    let text =
        String::from_utf8(text).map_err(|cause| format!("not UTF-8 at byte {}", cause.utf8_error().valid_up_to()))?;
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.starts_with('{') {
        let list: Value = serde_json::from_str(text).map_err(|cause| cause.to_string())?;
        return lists.list(&list).map(drop);
    }
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let (mut networks, mut hosts, mut others) = (Vec::new(), Vec::new(), Vec::new());
    for line in text.lines().map(csv::plain).filter(|line| !line.is_empty() && !line.starts_with(['#', ';'])) {
        let address = line.split('/').next().unwrap_or(line);
        if noroshi_parsers::ip::parse(address.as_bytes()).is_some() {
            networks.push(line);
        } else if super::value::is_domain(line.trim_start_matches('.').as_bytes()) {
            hosts.push(line);
        } else {
            others.push(line);
        }
    }
    for (how, values) in [("cidr", networks), ("hostname", hosts), ("string", others)] {
        if !values.is_empty() {
            lists.list(&serde_json::json!({ "name": name, "type": how, "list": values }))?;
        }
    }
    Ok(())
}
