//! Windows event log files (EVTX): each record as the XML that the event log itself would render.
//!
//! A file is a header of 4 KiB and chunks of 64 KiB, each of which stands for itself: names and templates are
//! looked up within it. A chunk that is damaged loses at most its own records, a damaged record only itself; what was
//! skipped is counted and told at the end of the file. Blank chunks, allocated ahead, are none of either.

use std::io::{self, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use evtx::{EvtxChunkData, ParserSettings};

use crate::RecordFlags;
use crate::batch::{Batch, RecordMarks, RecordRef};
use crate::counters::Tally;

/// How an EVTX file begins.
pub(crate) const MAGIC: &[u8] = b"ElfFile\0";

/// Length of the file's header block.
const HEADER_BYTES: u64 = 4096;

/// Length of a chunk.
const CHUNK_BYTES: usize = 64 << 10;

/// Length of what stands before a record's content: magic, length, number, time.
const RECORD_HEADER_BYTES: u64 = 24;

/// Records of one EVTX file.
pub(crate) struct EventLog {
    settings: Arc<ParserSettings>,
    /// Where the next chunk begins; 0 before the header is read.
    offset: u64,
    damage: Damage,
}

/// What could not be read.
#[derive(Default)]
struct Damage {
    chunks: u64,
    records: u64,
    /// Chunks whose checksum is wrong though their records could be read.
    checksums: u64,
    /// Offset and cause of the first.
    first: Option<(u64, String)>,
}

impl Damage {
    fn note(&mut self, offset: u64, cause: impl FnOnce() -> String) {
        self.first.get_or_insert_with(|| (offset, cause()));
    }
}

impl EventLog {
    pub(crate) fn new() -> Self {
        let settings = ParserSettings::new().indent(false).num_threads(1);
        Self { settings: Arc::new(settings), offset: 0, damage: Damage::default() }
    }

    /// Reads one chunk and adds its records to `batch`; the bytes read, 0 at the end of the file.
    pub(crate) fn read(
        &mut self,
        reader: &mut (impl Read + ?Sized),
        batch: &mut Batch,
        origin: u16,
        now_ns: i64,
        tally: &mut Tally,
    ) -> io::Result<usize> {
        let mut read = 0;
        if self.offset == 0 {
            read = io::copy(&mut reader.take(HEADER_BYTES), &mut io::sink())? as usize;
            self.offset = HEADER_BYTES;
        }
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        let failed = reader.take(CHUNK_BYTES as u64).read_to_end(&mut chunk).err();
        let at = self.offset;
        self.offset += chunk.len() as u64;
        read += chunk.len();
        // What a chunk that broke off holds is read all the same.
        if chunk.iter().any(|&byte| byte != 0) {
            if chunk.len() < CHUNK_BYTES {
                self.damage.note(at, || "the file ends within a chunk".to_owned());
                self.damage.chunks += 1;
            }
            if batch.records.is_empty() {
                batch.receive_time_ns = now_ns;
            }
            // A bound of the reader that a crafted chunk breaks must cost no more than the chunk.
            let chunk_read = AssertUnwindSafe(|| self.read_chunk(chunk, at, batch, origin, now_ns, tally));
            if catch_unwind(chunk_read).is_err() {
                self.damage.note(at, || "the chunk cannot be read".to_owned());
                self.damage.chunks += 1;
            }
        }
        failed.map_or(Ok(read), Err)
    }

    fn read_chunk(&mut self, chunk: Vec<u8>, at: u64, batch: &mut Batch, origin: u16, now_ns: i64, tally: &mut Tally) {
        let damage = &mut self.damage;
        let mut data = match EvtxChunkData::new(chunk, false) {
            Ok(data) => data,
            Err(error) => {
                damage.chunks += 1;
                return damage.note(at, || error.to_string());
            }
        };
        if !data.validate_checksum() {
            damage.checksums += 1;
            damage.note(at, || "the chunk's checksum is wrong".to_owned());
        }
        let mut chunk = match data.parse(Arc::clone(&self.settings)) {
            Ok(chunk) => chunk,
            Err(error) => {
                damage.chunks += 1;
                return damage.note(at, || error.to_string());
            }
        };
        for record in chunk.iter() {
            let rendered = record.and_then(|record| {
                let offset = at + record.binxml_offset.saturating_sub(RECORD_HEADER_BYTES);
                record.into_xml_bytes().map(|xml| (offset, xml))
            });
            match rendered {
                Ok((offset, record)) => {
                    let xml = event(&record.data);
                    tally.count(xml.len(), RecordFlags::empty());
                    batch.records.push(RecordRef {
                        at: batch.bytes.len() as u32,
                        len: xml.len() as u32,
                        origin,
                        flags: RecordFlags::empty(),
                        marks: RecordMarks::default(),
                        lines: 1,
                        part: 0,
                        offset,
                        line: record.event_record_id,
                        receive_time_ns: now_ns,
                        stated_time_ns: 0,
                    });
                    batch.bytes.extend_from_slice(xml);
                }
                Err(error) => {
                    damage.records += 1;
                    damage.note(at, || error.to_string());
                }
            }
        }
    }

    /// What was skipped, in words; `None` if nothing was.
    pub(crate) fn damage(&mut self) -> Option<String> {
        let Damage { chunks, records, checksums, first } = std::mem::take(&mut self.damage);
        let (offset, cause) = first?;
        let counted = [(chunks, "chunks"), (records, "records"), (checksums, "checksums")];
        let counted: Vec<_> =
            counted.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} damaged {what}")).collect();
        Some(format!("{}; first in the chunk at offset {offset}: {cause}", counted.join(", ")))
    }
}

/// The event without the declaration before it and the newline behind it.
fn event(xml: &[u8]) -> &[u8] {
    let xml = xml.trim_ascii();
    match xml.strip_prefix(b"<?xml") {
        Some(rest) => memchr::memmem::find(rest, b"?>").map_or(xml, |end| rest[end + 2..].trim_ascii_start()),
        None => xml,
    }
}

#[cfg(test)]
#[path = "evtx_tests.rs"]
mod tests;
