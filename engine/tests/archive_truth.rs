//! What the archive's columns say of an event is what rules saw of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use noroshi::config::archive_inputs;
use noroshi::detection::{Detection, LoadOptions};
use noroshi::pipeline::InputSettings;
use noroshi::sources::{ClockOffsets, Declared};
use noroshi::worker::Examiner;
use noroshi_archive::search::query::parse;
use noroshi_archive::search::{Control, Search};
use noroshi_archive::{Archive, Entry, FrameOrigin, FrameWriter, Settings, Stored, Transport};
use noroshi_input::files::RealFiles;
use noroshi_input::{RecordFlags, RecordMarks, RecordRef, Said};
use noroshi_parsers::decode::SourceOptions;
use noroshi_parsers::dictionary::{Dictionary, FieldId};
use noroshi_parsers::event::{EventView, Kind};
use noroshi_parsers::time::format_rfc3339;
use serde_json::Value;

/// 2026-03-02T10:00:00Z.
const NOON: i64 = 1_772_445_600_000_000_000;

/// Groups of records: those of one audit event together, and single ones.
const GROUPS: [&[&str]; 6] = [
    &["no time and no host, but its sender says both"],
    &["<86>Mar  2 09:58:07 web1 sshd[811]: Failed password for invalid user Admin from 203.0.113.9 port 40022 ssh2"],
    &[
        r#"node=db1 type=SYSCALL msg=audit(1772445600.125:901): arch=c000003e syscall=59 success=yes exit=0 a0=55d0 ppid=700 pid=701 auid=1000 uid=0 gid=0 tty=pts0 ses=3 comm="cat" exe="/usr/bin/cat" key="etc""#,
        r#"node=db1 type=EXECVE msg=audit(1772445600.125:901): argc=2 a0="cat" a1="/etc/shadow""#,
        r#"node=db1 type=CWD msg=audit(1772445600.125:901): cwd="/root""#,
        r#"node=db1 type=PATH msg=audit(1772445600.125:901): item=0 name="/usr/bin/cat" inode=131 dev=fd:00 mode=0100755 ouid=0 ogid=0 nametype=NORMAL"#,
    ],
    &["<86>Mar  2 09:58:09 web2 sshd[12]: Accepted publickey for deploy from 198.51.100.8 port 50500 ssh2"],
    &[
        r#"node=db1 type=SYSCALL msg=audit(1772445601.500:902): arch=c000003e syscall=2 success=no exit=-13 pid=702 auid=1001 uid=1001 comm="vi" exe="/usr/bin/vi""#,
        r#"node=db1 type=PATH msg=audit(1772445601.500:902): item=0 name="/etc/sudoers" nametype=NORMAL"#,
    ],
    &["no syslog, no JSON, and a line\njoined to it"],
];

fn place(record: &[u8]) -> RecordRef {
    RecordRef {
        at: 0,
        len: record.len() as u32,
        origin: 0,
        flags: RecordFlags::empty(),
        marks: RecordMarks::default(),
        lines: 1,
        part: 0,
        offset: 0,
        line: 0,
        receive_time_ns: NOON,
        stated_time_ns: 0,
    }
}

fn settings(all_s: Option<i64>, by_host_s: &[(&str, i64)]) -> InputSettings {
    let by_host_s = by_host_s.iter().map(|&(host, seconds)| (host.to_owned(), seconds)).collect();
    InputSettings {
        name: "sensors".into(),
        options: Arc::new(SourceOptions::default()),
        split: true,
        declared: Declared { lateness_ns: 0, allowed_skew_ns: 0, idle_timeout_ns: 0 },
        clocks: ClockOffsets::of(all_s, &by_host_s).map(Arc::new),
    }
}

/// Time and fields of an event: every own value by its ECS name. `message` stands in the record where it is a part of it, and
/// sets of related values are complete and in lower case in the archive.
type Fields = (String, BTreeMap<String, Vec<String>>);

fn fields_of(view: EventView<'_>, dictionary: &Dictionary) -> Fields {
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for field in view.fields() {
        let name = if field.id == FieldId::UNNAMED { "" } else { dictionary.name(field.id) };
        let elsewhere = name.is_empty() || name.starts_with("related.") || matches!(name, "message" | "event.original");
        if !field.vendor && !field.is_forgotten() && field.kind != Kind::Null && !elsewhere {
            let value = String::from_utf8_lossy(view.value(field)).into_owned();
            let values = fields.entry(name.to_owned()).or_default();
            if !values.contains(&value) {
                values.push(value);
            }
        }
    }
    fields.values_mut().for_each(|values| values.sort());
    (format_rfc3339(view.core().time_ns), fields)
}

/// The same of a row, for the names that the event has.
fn fields_in(row: &Value, names: &[&String]) -> Fields {
    let values = |name: &str| {
        let value = name.split('.').try_fold(row, |at, part| at.get(part));
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut values: Vec<String> = match value {
            Some(Value::Array(values)) => values.iter().map(text).collect(),
            Some(value) => vec![text(value)],
            None => Vec::new(),
        };
        values.sort();
        values.dedup();
        values
    };
    let time = row["@timestamp"].as_str().unwrap_or_default().to_owned();
    (time, names.iter().map(|name| ((*name).clone(), values(name))).collect())
}

#[test]
fn a_row_is_the_event_that_rules_saw() {
    for settings in [settings(None, &[]), settings(Some(-90), &[]), settings(Some(5), &[("web1", 3600)])] {
        let directory = tempfile::tempdir().unwrap();
        let archive = Archive::open(
            Arc::new(RealFiles),
            Settings {
                directory: directory.path().to_owned(),
                segment_bytes: 1 << 20,
                segment_age: Duration::from_secs(3600),
                inputs: archive_inputs(std::slice::from_ref(&settings)),
                node: "test".into(),
                clock: || NOON,
                uptime: || std::time::Duration::ZERO,
                retention: noroshi_archive::Retention::default(),
            },
        )
        .unwrap();
        let appender = archive.appender();
        let detection = Arc::new(Detection::load(&[], &[], &LoadOptions::default()).detection);
        let dictionary = Arc::clone(&detection.dictionary);
        let mut examiner = Examiner::new(detection);
        let mut seen = Vec::new();
        let said = Said { host: Some("web1".into()), ..Said::default() };
        let origin = FrameOrigin { text: "192.0.2.7:514", host: "web1", said: r#"{"host":"web1"}"# };
        let count = GROUPS.iter().map(|group| group.len()).sum();
        let mut frame = FrameWriter::new(appender.claim(count), "sensors", None, [origin].into_iter());
        let mut given = Vec::new();
        for group in GROUPS {
            let bytes: Vec<&[u8]> = group.iter().map(|record| record.as_bytes()).collect();
            let stated_time_ns = if given.is_empty() { NOON - 7_000_000_000 } else { 0 };
            if let [record] = bytes[..] {
                let place = RecordRef { stated_time_ns, ..place(record) };
                examiner.examine_said(record, &place, Some(&said), &settings);
                seen.push(fields_of(examiner.view(record), &dictionary));
            } else {
                examiner.begin_group(bytes.iter().copied(), NOON, &settings);
                for at in 0..bytes.len() {
                    examiner.examine_member(at, &bytes);
                    seen.push(fields_of(examiner.view(bytes[at]), &dictionary));
                }
            }
            for (at, record) in bytes.iter().enumerate() {
                let grouped = if at + 1 < bytes.len() { RecordMarks::GROUPED_WITH_NEXT.bits() } else { 0 };
                let entry = Entry {
                    receive_time_ns: NOON,
                    lines: record.iter().filter(|&&byte| byte == b'\n').count() as u32 + 1,
                    marks: grouped,
                    transport: Transport::Http,
                    stated_time_ns,
                    line: given.len() as u64 + 1,
                    offset: given.len() as u64 * 100,
                    ..Entry::default()
                };
                frame.push(record, &entry);
                given.push((entry, record.to_vec()));
            }
        }
        appender.submit(0, 0, Some(frame), None);
        assert!(appender.wait_durable(1, Duration::from_secs(20)));
        let check = || {
            let inputs = archive_inputs(std::slice::from_ref(&settings));
            let search = Search::open(Arc::new(RealFiles), directory.path(), inputs).unwrap();
            let control = Control { cancelled: &AtomicBool::new(false), progress: &|_, _| {} };
            let mut rows = search.run(&parse("").unwrap(), (i64::MIN, i64::MAX), control).rows;
            rows.sort_by_key(|row| row["noroshi"]["sequence"].as_u64());
            assert_eq!(rows.len(), seen.len());
            for (row, seen) in rows.iter().zip(&seen) {
                assert_eq!(&fields_in(row, &seen.1.keys().collect::<Vec<_>>()), seen);
            }
            assert_eq!(rows[7]["noroshi"]["group"], 7, "{}", rows[7]);
            assert_eq!((&rows[0]["noroshi"]["group"], &rows[9]["noroshi"]["lines"]), (&Value::Null, &Value::from(2)));
            assert_eq!(
                (&rows[0]["host"]["name"], &rows[0]["noroshi"]["origin"]),
                (&"web1".into(), &"192.0.2.7:514".into())
            );
            let mut back: Vec<Stored> = Vec::new();
            search
                .records_from(0, &mut |stored| {
                    back.push(stored);
                    true
                })
                .unwrap();
            let back: Vec<_> = back.into_iter().map(|stored| (stored.entry, stored.raw)).collect();
            assert_eq!(back, given, "what is given back is what was taken in");
        };
        check();
        drop(appender);
        archive.stop().unwrap();
        check();
    }
}
