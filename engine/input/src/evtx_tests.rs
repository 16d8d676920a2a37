//! EVTX files made by hand, sound and damaged.
//!
//! Written as the format is documented (Windows XML Event Log, chunk and record headers; \[MS-EVEN6\] §2.2.12
//! for binary XML): names stand in place at their first and only use, values are strings.

use std::io::Write as _;

use super::*;
use crate::read::{ReadError, RecordReader};
use crate::{BatchPool, Origin};

/// Binary XML of one record, to stand at `at` of its chunk.
struct Fragment {
    at: usize,
    bytes: Vec<u8>,
}

impl Fragment {
    fn new(at: usize) -> Self {
        // Fragment header: version 1.1, no flags.
        Self { at, bytes: vec![0x0f, 1, 1, 0] }
    }

    fn name(&mut self, name: &str) {
        let here = (self.at + self.bytes.len() + 4) as u32;
        self.bytes.extend(here.to_le_bytes());
        // The next of the same hash, and the hash, which nobody looks up.
        self.bytes.extend([0; 6]);
        self.bytes.extend((name.encode_utf16().count() as u16).to_le_bytes());
        self.bytes.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
        self.bytes.extend([0; 2]);
    }

    fn value(&mut self, value: &str) {
        self.bytes.extend([0x05, 0x01]);
        self.bytes.extend((value.encode_utf16().count() as u16).to_le_bytes());
        self.bytes.extend(value.encode_utf16().flat_map(u16::to_le_bytes));
    }

    fn element(&mut self, name: &str, attributes: &[(&str, &str)], content: impl FnOnce(&mut Self)) {
        self.bytes.push(if attributes.is_empty() { 0x01 } else { 0x41 });
        // Lengths that readers skip by; ours goes through.
        self.bytes.extend([0; 4]);
        self.name(name);
        if !attributes.is_empty() {
            self.bytes.extend([0; 4]);
            for (at, (name, value)) in attributes.iter().enumerate() {
                self.bytes.push(if at + 1 < attributes.len() { 0x46 } else { 0x06 });
                self.name(name);
                self.value(value);
            }
        }
        self.bytes.push(0x02);
        content(self);
        self.bytes.push(0x04);
    }
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

/// A chunk of these records: number and the name of a user.
fn chunk(records: &[(u64, &str)]) -> Vec<u8> {
    let mut bytes = vec![0; CHUNK_BYTES];
    let mut at = 512;
    let mut last_at = at;
    for &(id, user) in records {
        let mut fragment = Fragment::new(at + RECORD_HEADER_BYTES as usize);
        fragment.element("Event", &[("xmlns", "http://schemas.microsoft.com/win/2004/08/events/event")], |event| {
            event.element("System", &[], |system| {
                system.element("Provider", &[("Name", "Microsoft-Windows-Security-Auditing")], |_| {});
                system.element("EventID", &[], |element| element.value("4624"));
                system.element("Channel", &[], |element| element.value("Security"));
            });
            event.element("EventData", &[], |data| {
                data.element("Data", &[("Name", "TargetUserName")], |element| element.value(user));
            });
        });
        fragment.bytes.push(0);
        let size = (24 + fragment.bytes.len() + 4) as u32;
        put(&mut bytes, at, b"**\0\0");
        put(&mut bytes, at + 4, &size.to_le_bytes());
        put(&mut bytes, at + 8, &id.to_le_bytes());
        // 2026-03-01 in units of 100 ns since 1601.
        put(&mut bytes, at + 16, &134_168_832_000_000_000_u64.to_le_bytes());
        put(&mut bytes, at + 24, &fragment.bytes);
        last_at = at;
        at += size as usize;
        put(&mut bytes, at - 4, &size.to_le_bytes());
    }
    put(&mut bytes, 0, b"ElfChnk\0");
    let (first, last) = (records[0].0, records[records.len() - 1].0);
    for (at, value) in [(8, first), (16, last), (24, first), (32, last)] {
        put(&mut bytes, at, &value.to_le_bytes());
    }
    put(&mut bytes, 40, &128_u32.to_le_bytes());
    put(&mut bytes, 44, &(last_at as u32).to_le_bytes());
    put(&mut bytes, 48, &(at as u32).to_le_bytes());
    // No checksums.
    put(&mut bytes, 120, &4_u32.to_le_bytes());
    bytes
}

fn file(chunks: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = vec![0; HEADER_BYTES as usize];
    put(&mut bytes, 0, MAGIC);
    put(&mut bytes, 32, &128_u32.to_le_bytes());
    put(&mut bytes, 36, &[1, 0, 3, 0]);
    put(&mut bytes, 40, &4096_u16.to_le_bytes());
    put(&mut bytes, 42, &(chunks.len() as u16).to_le_bytes());
    put(&mut bytes, 120, &4_u32.to_le_bytes());
    bytes.extend(chunks.concat());
    bytes
}

/// Number, offset and text of each record, and the error that ended the file.
fn read(bytes: &[u8]) -> (Vec<(u64, u64, String)>, Option<ReadError>) {
    let mut path = tempfile::NamedTempFile::new().unwrap();
    path.write_all(bytes).unwrap();
    let mut reader = RecordReader::open(path.path(), 0, &BatchPool::default()).unwrap();
    let (mut records, mut error) = (Vec::new(), None);
    loop {
        match reader.next_batch(7) {
            Ok(None) => return (records, error),
            Ok(Some(batch)) => {
                for record in &batch.records {
                    assert!(matches!(&**batch.origin(record), Origin::File { .. }));
                    let text = String::from_utf8(batch.record(record).to_vec()).unwrap();
                    records.push((record.line, record.offset, text));
                }
            }
            Err(told) => error = Some(told),
        }
    }
}

const FIRST_AT: u64 = HEADER_BYTES + 512;

#[test]
fn each_record_is_the_xml_of_its_event() {
    let (records, error) = read(&file(&[chunk(&[(7, "aoki"), (8, "R&D <x>")]), vec![0; CHUNK_BYTES]]));
    assert_eq!(error, None);
    assert_eq!(records.len(), 2);
    assert_eq!((records[0].0, records[0].1), (7, FIRST_AT));
    assert!(records[1].1 > FIRST_AT && records[1].0 == 8);
    let text = &records[0].2;
    assert!(text.starts_with("<Event xmlns=") && text.ends_with("</Event>"), "{text}");
    assert!(text.contains(r#"<Provider Name="Microsoft-Windows-Security-Auditing"#), "{text}");
    assert!(text.contains(r#"<Data Name="TargetUserName">aoki</Data>"#), "{text}");
    assert!(records[1].2.contains("R&amp;D &lt;x&gt;"), "{}", records[1].2);
}

#[test]
fn a_damaged_chunk_loses_its_own_records_alone() {
    let mut broken = chunk(&[(2, "lost")]);
    broken[..8].copy_from_slice(b"ElfXhnk\0");
    let (records, error) = read(&file(&[chunk(&[(1, "a")]), broken, chunk(&[(3, "c")])]));
    assert_eq!(records.iter().map(|(id, ..)| *id).collect::<Vec<_>>(), [1, 3]);
    let error = error.expect("it is told").to_string();
    assert!(error.contains("1 damaged chunks") && error.contains("offset 69632"), "{error}");
}

#[test]
fn a_damaged_record_loses_itself_alone() {
    let mut damaged = chunk(&[(1, "a"), (2, "b"), (3, "c")]);
    // The second record's fragment begins with a token that is none.
    let size = u32::from_le_bytes(damaged[516..520].try_into().unwrap()) as usize;
    damaged[512 + size + 24 + 4] = 0x3f;
    let (records, error) = read(&file(&[damaged]));
    assert_eq!(records.iter().map(|(id, ..)| *id).collect::<Vec<_>>(), [1, 3]);
    assert!(error.expect("it is told").to_string().contains("1 damaged records"));
}

#[test]
fn a_file_cut_off_keeps_what_is_whole() {
    let whole = file(&[chunk(&[(1, "a"), (2, "b")])]);
    for (len, expected) in [(whole.len() - 1000, 2), (FIRST_AT as usize + 100, 0), (HEADER_BYTES as usize, 0), (9, 0)] {
        let (records, error) = read(&whole[..len]);
        assert_eq!(records.len(), expected, "{len}");
        assert_eq!(error.is_some(), len > HEADER_BYTES as usize, "{len}: {error:?}");
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    #[test]
    fn damage_is_survived(flips in proptest::collection::vec((0usize..2000, proptest::num::u8::ANY), 1..20)) {
        let mut bytes = file(&[chunk(&[(1, "a"), (2, "b"), (3, "c")])]);
        for (at, byte) in flips {
            bytes[HEADER_BYTES as usize + at] = byte;
        }
        let (records, _) = read(&bytes);
        proptest::prop_assert!(records.len() <= 3);
    }
}
