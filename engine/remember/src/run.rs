//! One file of rows, sorted by id, written once and never changed.
//!
//! ```text
//! blocks of 4,096 bytes: 170 rows (id, time little-endian), zeroes, CRC-32 of the block and its number
//! tail: the first 8 bytes of each block's first id; the filter's words
//! footer: magic, rule digest, rows, blocks, filter words, oldest, newest, CRC-32 of tail and footer
//! ```
//!
//! Tail and footer are read when the file is opened and stay in memory: some 14 bits a row. Whether a value is in the
//! file is answered from there but for one in two hundred; else one block is read.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use noroshi_correlate::{Row, ValueId};
use noroshi_files::{Files, ReadFile, WriteFile};

/// What is read at once: a page of the disk.
const BLOCK_BYTES: usize = 4096;
const ROW_BYTES: usize = 24;
/// Rows of a full block.
pub(crate) const BLOCK_ROWS: usize = 170;
const CRC_AT: usize = BLOCK_BYTES - 4;
const MAGIC: [u8; 16] = *b"noroshi values 1";
const FOOTER_BYTES: usize = 16 + 32 + 5 * 8 + 4;
/// Blocks read ahead where a file is read from begin to end.
const AHEAD_BLOCKS: usize = 64;

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn prefix(id: &ValueId) -> u64 {
    id.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// Which ids may be there: a Bloom filter in blocks of a cache line, so that a look costs one miss (Putze, Sanders and
/// Singler, "Cache-, hash- and space-efficient Bloom filters", 2007).
#[derive(Debug)]
struct Filter {
    lines: Vec<[u64; 8]>,
}

impl Filter {
    /// Bits a row: one look in some two hundred is in vain.
    const BITS: usize = 12;
    const PROBES: u32 = 6;

    fn new(rows: usize) -> Filter {
        Filter { lines: vec![[0; 8]; (rows * Self::BITS).div_ceil(512).max(1)] }
    }

    /// The line of an id, and six bits in it: ids are digests, so their bytes are as good as any hash of them.
    fn place(&self, id: &ValueId) -> (usize, u64) {
        let word = |from: usize| id[from..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let line = (u128::from(word(8)) * self.lines.len() as u128) >> 64;
        (line as usize, word(1))
    }

    fn add(&mut self, id: &ValueId) {
        let (line, mut bits) = self.place(id);
        for _ in 0..Self::PROBES {
            self.lines[line][(bits as usize >> 6) & 7] |= 1 << (bits & 63);
            bits >>= 9;
        }
    }

    fn may_hold(&self, id: &ValueId) -> bool {
        let (line, mut bits) = self.place(id);
        (0..Self::PROBES).all(|_| {
            let set = self.lines[line][(bits as usize >> 6) & 7] >> (bits & 63) & 1 == 1;
            bits >>= 9;
            set
        })
    }
}

/// What a run is, beside its rows.
#[derive(Clone, Copy, Debug)]
struct Footer {
    rule: [u8; 32],
    rows: u64,
    blocks: u64,
    lines: u64,
    oldest: i64,
    newest: i64,
}

impl Footer {
    fn bytes(&self, tail_crc: crc32fast::Hasher) -> [u8; FOOTER_BYTES] {
        let mut crc = tail_crc;
        let mut bytes = [0; FOOTER_BYTES];
        let numbers = [self.rows, self.blocks, self.lines, self.oldest as u64, self.newest as u64];
        let parts = MAGIC.into_iter().chain(self.rule).chain(numbers.into_iter().flat_map(u64::to_le_bytes));
        bytes.iter_mut().zip(parts).for_each(|(to, byte)| *to = byte);
        crc.update(&bytes[..FOOTER_BYTES - 4]);
        bytes[FOOTER_BYTES - 4..].copy_from_slice(&crc.finalize().to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8; FOOTER_BYTES]) -> io::Result<Footer> {
        if bytes[..16] != MAGIC {
            return Err(damaged("it is no file of values, or was not written to its end"));
        }
        let number = |at: usize| bytes[48 + at * 8..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let mut rule = [0; 32];
        rule.copy_from_slice(&bytes[16..48]);
        let (oldest, newest) = (number(3) as i64, number(4) as i64);
        Ok(Footer { rule, rows: number(0), blocks: number(1), lines: number(2), oldest, newest })
    }
}

/// Writes a run, row after row.
pub(crate) struct RunWriter {
    out: BufWriter<Box<dyn WriteFile>>,
    block: Vec<u8>,
    fences: Vec<u64>,
    filter: Filter,
    footer: Footer,
    last: Option<ValueId>,
}

impl RunWriter {
    /// A file for at most so many rows.
    pub(crate) fn create(files: &dyn Files, path: &Path, rule: [u8; 32], rows_max: usize) -> io::Result<RunWriter> {
        Ok(RunWriter {
            out: BufWriter::with_capacity(AHEAD_BLOCKS * BLOCK_BYTES, files.create(path)?),
            block: Vec::with_capacity(BLOCK_BYTES),
            fences: Vec::with_capacity(rows_max.div_ceil(BLOCK_ROWS)),
            filter: Filter::new(rows_max),
            footer: Footer { rule, rows: 0, blocks: 0, lines: 0, oldest: i64::MAX, newest: i64::MIN },
            last: None,
        })
    }

    /// Adds a row; ids ascend.
    pub(crate) fn push(&mut self, (id, time): Row) -> io::Result<()> {
        debug_assert!(self.last.is_none_or(|last| last < id), "rows are sorted, each id once");
        self.last = Some(id);
        if self.block.is_empty() {
            self.fences.push(prefix(&id));
        }
        self.filter.add(&id);
        self.block.extend_from_slice(&id);
        self.block.extend_from_slice(&time.to_le_bytes());
        self.footer.rows += 1;
        self.footer.oldest = self.footer.oldest.min(time);
        self.footer.newest = self.footer.newest.max(time);
        if self.block.len() == BLOCK_ROWS * ROW_BYTES { self.end_block() } else { Ok(()) }
    }

    fn end_block(&mut self) -> io::Result<()> {
        self.block.resize(CRC_AT, 0);
        let crc = block_crc(&self.block, self.footer.blocks);
        self.block.extend_from_slice(&crc.to_le_bytes());
        self.out.write_all(&self.block)?;
        self.block.clear();
        self.footer.blocks += 1;
        Ok(())
    }

    /// Writes tail and footer and syncs the file; gives what [`Run::open`] would read. The name is not synced.
    pub(crate) fn end(mut self, files: &dyn Files, path: &Path, number: u64) -> io::Result<Run> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        let RunWriter { mut out, fences, filter, mut footer, .. } = self;
        footer.lines = filter.lines.len() as u64;
        let mut crc = crc32fast::Hasher::new();
        for fence in &fences {
            crc.update(&fence.to_le_bytes());
            out.write_all(&fence.to_le_bytes())?;
        }
        for line in &filter.lines {
            let mut bytes = [0; 64];
            line.iter().zip(bytes.chunks_mut(8)).for_each(|(word, to)| to.copy_from_slice(&word.to_le_bytes()));
            crc.update(&bytes);
            out.write_all(&bytes)?;
        }
        out.write_all(&footer.bytes(crc))?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync()?;
        Ok(Run { number, file: files.open(path)?, fences, filter, footer })
    }
}

fn block_crc(block: &[u8], number: u64) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&block[..CRC_AT]);
    // A block in another's place is damage too.
    crc.update(&number.to_le_bytes());
    crc.finalize()
}

/// A run that can be read.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) number: u64,
    file: Box<dyn ReadFile>,
    fences: Vec<u64>,
    filter: Filter,
    footer: Footer,
}

impl Run {
    /// Opens a run of a rule. What is in memory of it is checked now, its blocks when they are read.
    pub(crate) fn open(files: &dyn Files, path: &Path, number: u64, rule: &[u8; 32]) -> io::Result<Run> {
        let file = files.open(path)?;
        let len = file.metadata()?.len;
        let footer_at = len.checked_sub(FOOTER_BYTES as u64).ok_or_else(|| damaged("it ends too early"))?;
        let mut end = [0; FOOTER_BYTES];
        read_exact_at(&*file, &mut end, footer_at)?;
        let footer = Footer::read(&end)?;
        if footer.rule != *rule {
            return Err(damaged("it holds the values of another rule"));
        }
        let tail_bytes = footer.blocks.checked_mul(8).zip(footer.lines.checked_mul(64));
        let tail_bytes = tail_bytes.and_then(|(fences, filter)| fences.checked_add(filter));
        let told = tail_bytes.zip(footer.blocks.checked_mul(BLOCK_BYTES as u64));
        let told = told.filter(|(tail, blocks)| blocks.checked_add(*tail) == Some(footer_at));
        let in_blocks = footer.rows.div_ceil(BLOCK_ROWS as u64) == footer.blocks;
        let Some((tail_bytes, tail_at)) = told.filter(|_| in_blocks && footer.lines > 0) else {
            return Err(damaged("its length is not what it says"));
        };
        // No longer than the file, as was just compared.
        let mut tail = vec![0; tail_bytes as usize];
        read_exact_at(&*file, &mut tail, tail_at)?;
        let mut crc = crc32fast::Hasher::new();
        crc.update(&tail);
        if footer.bytes(crc) != end {
            return Err(damaged("its tail is damaged"));
        }
        let mut words = tail.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
        let fences = words.by_ref().take(footer.blocks as usize).collect();
        let words: Vec<u64> = words.collect();
        let filter = Filter { lines: words.as_chunks::<8>().0.to_vec() };
        Ok(Run { number, file, fences, filter, footer })
    }

    pub(crate) fn rows(&self) -> u64 {
        self.footer.rows
    }

    /// Greatest time of a row.
    pub(crate) fn newest(&self) -> i64 {
        self.footer.newest
    }

    /// Bytes in memory.
    pub(crate) fn resident_bytes(&self) -> u64 {
        self.footer.blocks * 8 + self.footer.lines * 64
    }

    /// The time of an id.
    pub(crate) fn find(&self, id: &ValueId) -> io::Result<Option<i64>> {
        if !self.filter.may_hold(id) {
            return Ok(None);
        }
        let wanted = prefix(id);
        let mut at = self.fences.partition_point(|&fence| fence <= wanted);
        let mut block = [0; BLOCK_BYTES];
        // Ids that begin alike may stand on both sides of a border.
        while let Some(before) = at.checked_sub(1) {
            at = before;
            self.read_blocks(at, &mut block)?;
            let rows = self.rows_of(&block, at);
            if let Ok(found) = rows.binary_search_by(|row| row[..16].cmp(id)) {
                return Ok(Some(row_of(&rows[found]).1));
            }
            if self.fences[at] != wanted {
                break;
            }
        }
        Ok(None)
    }

    fn rows_of<'a>(&self, block: &'a [u8], at: usize) -> &'a [[u8; ROW_BYTES]] {
        let count = (self.footer.rows as usize - at * BLOCK_ROWS).min(BLOCK_ROWS);
        &block.as_chunks::<ROW_BYTES>().0[..count]
    }

    /// Reads whole blocks from one on.
    fn read_blocks(&self, at: usize, buffer: &mut [u8]) -> io::Result<()> {
        read_exact_at(&*self.file, buffer, (at * BLOCK_BYTES) as u64)?;
        for (block, number) in buffer.chunks(BLOCK_BYTES).zip(at as u64..) {
            let crc = block.last_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes));
            if block_crc(block, number) != crc {
                return Err(damaged("a block is damaged"));
            }
        }
        Ok(())
    }

    /// All rows in order.
    pub(crate) fn scan(&self) -> Scan<'_> {
        Scan { run: self, buffer: Vec::new(), rows: 0, at: 0, next_block: 0 }
    }
}

/// Reads a run from begin to end.
pub(crate) struct Scan<'a> {
    run: &'a Run,
    buffer: Vec<u8>,
    /// Rows in the buffer, and which is next.
    rows: usize,
    at: usize,
    next_block: usize,
}

impl Scan<'_> {
    pub(crate) fn next(&mut self) -> io::Result<Option<Row>> {
        if self.at == self.rows {
            let blocks = self.run.fences.len().saturating_sub(self.next_block).min(AHEAD_BLOCKS);
            if blocks == 0 {
                return Ok(None);
            }
            self.buffer.resize(blocks * BLOCK_BYTES, 0);
            self.run.read_blocks(self.next_block, &mut self.buffer)?;
            let before = self.next_block * BLOCK_ROWS;
            (self.rows, self.at) = ((self.run.footer.rows as usize - before).min(blocks * BLOCK_ROWS), 0);
            self.next_block += blocks;
        }
        let from = self.at / BLOCK_ROWS * BLOCK_BYTES + self.at % BLOCK_ROWS * ROW_BYTES;
        self.at += 1;
        Ok(self.buffer[from..].first_chunk().map(row_of))
    }
}

fn row_of(row: &[u8; ROW_BYTES]) -> Row {
    let (mut id, mut time) = ([0; 16], [0; 8]);
    id.copy_from_slice(&row[..16]);
    time.copy_from_slice(&row[16..]);
    (id, i64::from_le_bytes(time))
}

fn read_exact_at(file: &dyn ReadFile, mut buffer: &mut [u8], mut at: u64) -> io::Result<()> {
    while !buffer.is_empty() {
        match file.read_at(buffer, at) {
            Ok(0) => return Err(damaged("it ends too early")),
            Ok(read) => {
                at += read as u64;
                buffer = &mut buffer[read..];
            }
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use noroshi_files::{RealFiles, SimulatedDisk};

    use super::*;

    fn id(number: u64) -> ValueId {
        // As even as a digest.
        let mixed = (u128::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        (mixed ^ (mixed >> 61)).to_be_bytes()
    }

    fn write(files: &dyn Files, path: &Path, mut rows: Vec<Row>) -> io::Result<Run> {
        rows.sort_unstable();
        let mut writer = RunWriter::create(files, path, [3; 32], rows.len())?;
        rows.into_iter().try_for_each(|row| writer.push(row))?;
        writer.end(files, path, 9)
    }

    #[test]
    fn every_row_is_found_and_hardly_any_other_is_looked_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        for number in [1, 169, 170, 171, 20_000] {
            let written = write(&RealFiles, &path, (0..number).map(|n| (id(n), n as i64 - 5)).collect()).unwrap();
            let opened = Run::open(&RealFiles, &path, 9, &[3; 32]).unwrap();
            for run in [&written, &opened] {
                assert_eq!((run.rows(), run.footer.oldest, run.newest()), (number, -5, number as i64 - 6));
                assert!((0..number).all(|n| run.find(&id(n)).unwrap() == Some(n as i64 - 5)));
                assert!((number..2 * number).all(|n| run.find(&id(n)).unwrap().is_none()));
                let vain = (number..number + 20_000).filter(|&n| run.filter.may_hold(&id(n))).count();
                assert!(vain < 400, "{vain} of 20000 looks are in vain");
                let mut scan = run.scan();
                let mut seen = 0;
                let mut last = None;
                while let Some((id, _)) = scan.next().unwrap() {
                    assert!(last.replace(id).is_none_or(|last| last < id));
                    seen += 1;
                }
                assert_eq!(seen, number);
            }
        }
        assert!(Run::open(&RealFiles, &path, 9, &[4; 32]).is_err(), "another rule's");
    }

    #[test]
    fn ids_that_begin_alike_are_found_across_a_border() {
        let disk = SimulatedDisk::new();
        let alike = |number: u64| {
            let mut id = [7; 16];
            id[8..].copy_from_slice(&number.to_be_bytes());
            id
        };
        let run = write(&disk, Path::new("/a"), (0..1000).map(|n| (alike(n), n as i64)).collect()).unwrap();
        assert!((0..1000).all(|n| run.find(&alike(n)).unwrap() == Some(n as i64)));
        assert_eq!(run.find(&alike(1000)).unwrap(), None);
    }

    #[test]
    fn damage_is_told_and_never_taken_for_a_row() {
        let disk = SimulatedDisk::new();
        let (path, other) = (Path::new("/a"), Path::new("/b"));
        let rows: Vec<Row> = (0..400).map(|n| (id(n), n as i64)).collect();
        drop(write(&disk, path, rows.clone()).unwrap());
        let whole = disk.read(path).unwrap();
        let put = |bytes: &[u8]| disk.create(other).unwrap().write_all(bytes).unwrap();
        for cut in (0..whole.len()).step_by(37) {
            put(&whole[..cut]);
            assert!(Run::open(&disk, other, 9, &[3; 32]).is_err(), "cut at {cut}");
        }
        for at in (0..whole.len()).step_by(61).chain(whole.len() - FOOTER_BYTES..whole.len()) {
            let mut damaged = whole.clone();
            damaged[at] ^= 0x20;
            put(&damaged);
            let Ok(run) = Run::open(&disk, other, 9, &[3; 32]) else { continue };
            assert!(at < 3 * BLOCK_BYTES, "byte {at} is in the tail");
            let found = rows.iter().map(|(id, time)| run.find(id).map(|found| assert_eq!(found, Some(*time))));
            assert!(found.filter(Result::is_err).count() > 0, "byte {at}");
        }
    }
}
