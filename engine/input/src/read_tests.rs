//! Whole files: plain and compressed, sound and damaged.

use std::io::Write;

use super::*;
use crate::RecordFlags;

fn gz(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn zst(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, 1).unwrap()
}

/// The records of a file of these bytes, and the error that ended it.
fn read(bytes: &[u8]) -> (Vec<(Vec<u8>, RecordFlags)>, Option<ReadError>) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    std::fs::write(&path, bytes).unwrap();
    let pool = BatchPool::default();
    let mut reader = RecordReader::open(&path, 7, &pool).unwrap();
    let mut records = Vec::new();
    let mut error = None;
    let mut lines = 0;
    loop {
        match reader.next_batch(42) {
            Ok(None) => break,
            Ok(Some(batch)) => {
                assert_eq!((batch.input, batch.receive_time_ns), (7, 42));
                for record in &batch.records {
                    lines += u64::from(record.part == 0);
                    assert_eq!(record.line, lines, "all parts of a record have its number");
                    records.push((batch.record(record).to_vec(), record.flags));
                }
            }
            Err(e) => error = Some(e),
        }
    }
    assert_eq!(reader.counters().snapshot()[0], ("records", records.len() as u64));
    (records, error)
}

fn lines(n: usize) -> Vec<u8> {
    (0..n).flat_map(|i| format!("line {i} {}\n", i * 7919 % 10_007).into_bytes()).collect()
}

#[track_caller]
fn check_lines(bytes: &[u8], text: &[u8]) {
    let (records, error) = read(bytes);
    assert_eq!(error, None);
    let joined: Vec<u8> = records.iter().flat_map(|(r, _)| [r, &b"\n"[..]].concat()).collect();
    assert!(joined == text);
}

#[test]
fn plain_gzip_and_zstd_give_the_same_lines() {
    let text = lines(60_000); // several batches
    check_lines(&text, &text);
    check_lines(&gz(&text), &text);
    check_lines(&zst(&text), &text);
}

#[test]
fn concatenated_members_and_frames_are_one_stream() {
    let (a, b) = (lines(1000), b"a line cut by the mem".to_vec());
    let all = [&a[..], &b, b"ber\n"].concat();
    check_lines(&[gz(&a), gz(&b), gz(b"ber\n")].concat(), &all);
    check_lines(&[zst(&a), zst(&b), zst(b"ber\n")].concat(), &all);
}

#[test]
fn a_cut_archive_gives_what_is_readable_and_then_its_error() {
    let text = lines(60_000);
    for whole in [gz(&text), zst(&text)] {
        let (records, error) = read(&whole[..whole.len() / 2]);
        let error = error.expect("told").to_string();
        assert!(error.contains("log") && error.contains("cut off or damaged"), "{error}");
        assert!(records.len() > 1000, "{}", records.len());
        let rebuilt: Vec<u8> = records.iter().flat_map(|(r, _)| [r, &b"\n"[..]].concat()).collect();
        assert!(text.starts_with(&rebuilt[..rebuilt.len() - 1]));
    }
}

#[test]
fn garbage_behind_an_archive_is_told() {
    let (records, error) = read(&[gz(b"a\n"), b"garbage".to_vec()].concat());
    assert_eq!(records.len(), 1);
    assert!(error.is_some());
}

#[test]
fn odd_content_is_kept() {
    let (records, error) = read(b"a\0b\n\xff\xfe\n\n\r\nlast");
    assert_eq!(error, None);
    let texts: Vec<&[u8]> = records.iter().map(|(r, _)| &r[..]).collect();
    assert_eq!(texts, [&b"a\0b"[..], b"\xff\xfe", b"", b"", b"last"]);
    assert_eq!(records[4].1, RecordFlags::UNTERMINATED);
    assert_eq!(read(b"").0, []);
}

#[test]
fn a_ten_megabyte_line_comes_in_parts_and_loses_no_byte() {
    let mut text = vec![b'x'; 10 << 20];
    text.extend_from_slice(b"yz\nnext\n");
    let (records, _) = read(&text);
    assert_eq!(records.len(), 12);
    assert_eq!(records[..11].iter().map(|r| r.0.len()).sum::<usize>(), (10 << 20) + 2);
    assert!(records[10].1.contains(RecordFlags::PART | RecordFlags::PART_LAST));
    assert_eq!(records[11].0, b"next");
}

#[test]
fn a_missing_file_and_a_directory_say_the_way_out() {
    let pool = BatchPool::default();
    let missing = RecordReader::open(Path::new("/nonexistent/x.log"), 0, &pool).unwrap_err().to_string();
    assert!(missing.contains("/nonexistent/x.log") && missing.contains("check the path"), "{missing}");
    let dir = RecordReader::open(Path::new("/"), 0, &pool).unwrap_err().to_string();
    assert!(dir.contains("name its files"), "{dir}");
}

#[test]
fn a_reader_that_fails_hands_over_what_it_gave() {
    struct Fails(u8);
    impl Read for Fails {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            match self.0 {
                1 => Err(io::ErrorKind::Interrupted.into()),
                2 => {
                    buffer[..5].copy_from_slice(b"a\nb\nc");
                    Ok(5)
                }
                _ => Err(io::Error::from_raw_os_error(libc::EIO)),
            }
        }
    }
    let mut reader = RecordReader::from_reader(Box::new(Fails(0)), Origin::Stdin, 0, &BatchPool::default());
    assert_eq!(reader.next_batch(0).unwrap().unwrap().records.len(), 2);
    let last = reader.next_batch(0).unwrap().unwrap();
    assert_eq!(last.records[0].flags, RecordFlags::UNTERMINATED);
    assert!(reader.next_batch(0).unwrap_err().to_string().contains("after 5 bytes, which were kept"));
    assert!(reader.next_batch(0).unwrap().is_none());
}

#[test]
fn utf_16_is_told_by_its_mark_however_it_arrives_and_taken_up_again_in_the_middle() {
    let text = "10:00 a=《一》 b=二 c=d e=f\r\n三\n四";
    let bytes: Vec<u8> = format!("\u{FEFF}{text}").encode_utf16().flat_map(u16::to_be_bytes).collect();
    let units = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
    let (records, error) = read(&bytes);
    assert!(error.is_none());
    let lines: Vec<_> = records.iter().map(|(bytes, _)| bytes.clone()).collect();
    assert_eq!(lines, [units("\u{FEFF}10:00 a=《一》 b=二 c=d e=f"), units("三"), units("四")]);

    let mut lines = LineStream::new(1000, Charset::Auto);
    let (mut batch, mut tally) = (BatchPool::default().take(0), Tally::default());
    for byte in &bytes[..bytes.len() - 2] {
        assert_eq!(lines.read(&mut &[*byte][..], 1, &mut batch, 0, 0, &mut tally).unwrap(), 1);
    }
    let position = lines.position();
    assert_eq!((batch.records.len(), position.line), (2, 3));
    let mut resumed = LineStream::resume(1000, Charset::Auto, &bytes, position);
    let mut batch = BatchPool::default().take(0);
    resumed.read(&mut &bytes[position.offset as usize..], 1000, &mut batch, 0, 0, &mut tally).unwrap();
    resumed.finish(&mut batch, 0, 0, &mut tally);
    assert_eq!(batch.record(&batch.records[0]), units("四"));
}
