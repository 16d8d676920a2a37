//! Another engine reads the archive as docs/ARCHIVE.md says, and counts the same.
//!
//! `NOROSHI_PYTHON` names a Python that has DuckDB (`scripts/python` makes one); without it the test says that it was skipped.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use noroshi_archive::search::query::parse;
use noroshi_archive::search::{Control, Search};
use noroshi_archive::{Archive, Entry, FrameWriter, InputOptions, Retention, Settings};
use noroshi_files::RealFiles;
use serde_json::{Value, json};

/// 2026-03-02T10:00:00Z.
const NOON: i64 = 1_772_445_600_000_000_000;
const HOUR_NS: i64 = 3_600_000_000_000;

/// Answers of each SQL: its rows, as JSON.
const PROGRAM: &str = r#"
import json, sys, duckdb
connection = duckdb.connect()
connection.execute("SET TimeZone = 'UTC'")
plain = lambda value: value if isinstance(value, (int, float, str, type(None))) else str(value)
print(json.dumps([[[plain(value) for value in row] for row in connection.execute(sql).fetchall()] for sql in json.loads(sys.argv[1])]))
"#;

fn settings(directory: &Path) -> Settings {
    Settings {
        directory: directory.to_owned(),
        segment_bytes: 1 << 20,
        segment_age: Duration::from_secs(3600),
        inputs: BTreeMap::from([("mixed".to_owned(), InputOptions { split: true, ..InputOptions::default() })]),
        node: "n".into(),
        clock: || NOON,
        uptime: || Duration::ZERO,
        retention: Retention::default(),
    }
}

fn records() -> Vec<(i64, Vec<u8>)> {
    let mut records = Vec::new();
    for number in 0..600_i64 {
        let received = NOON + number % 3 * HOUR_NS + number;
        let (address, user) = (number % 7, ["root", "Sato", "山田"][number as usize % 3]);
        let failed = if number % 2 == 0 { "Failed" } else { "Accepted" };
        let sshd = format!(
            "<86>Mar  2 10:00:07 web{address} sshd[{number}]: {failed} password for {user} from 203.0.113.{address} port 4{number:03} ssh2"
        );
        records.push((received, sshd.into_bytes()));
        if number % 10 == 0 {
            let event = |name: &str| {
                format!(
                    r#"{{"eventVersion":"1.08","eventTime":"2026-03-02T10:00:00Z","eventSource":"iam.amazonaws.com","eventName":"{name}","awsRegion":"ap-northeast-1","sourceIPAddress":"198.51.100.{address}","userIdentity":{{"type":"IAMUser","userName":"mori"}}}}"#
                )
            };
            records.push((
                received,
                format!(r#"{{"Records":[{},{}]}}"#, event("CreateUser"), event("DeleteUser")).into_bytes(),
            ));
            records.push((received, vec![0xff, 0, b'\'', number as u8]));
        }
    }
    records
}

fn make(directory: &Path) {
    let all = records();
    // Several runs, so that there are several files.
    for part in all.chunks(150) {
        let archive = Archive::open(Arc::new(RealFiles), settings(directory)).unwrap();
        let appender = archive.appender();
        let first = appender.claim(part.len());
        let mut frame = FrameWriter::new(first, "mixed", None, ["192.0.2.9:514".into()].into_iter());
        for (receive_time_ns, record) in part {
            frame.push(record, &Entry { receive_time_ns: *receive_time_ns, lines: 1, ..Entry::default() });
        }
        appender.submit(0, first, Some(frame), None);
        drop(appender);
        archive.stop().unwrap();
    }
}

/// What our own search answers: groups as rows of their values, sorted.
fn ours(directory: &Path, query: &str, columns: &[&str]) -> Vec<Value> {
    let search = Search::open(Arc::new(RealFiles), directory, settings(directory).inputs).unwrap();
    let control = Control { cancelled: &AtomicBool::new(false), progress: &|_, _| {} };
    let found = search.run(&parse(query).unwrap(), (i64::MIN, i64::MAX), control);
    assert_eq!(found.errors, Vec::<String>::new());
    let row = |row: &Value| columns.iter().map(|column| row[*column].clone()).collect::<Value>();
    let mut rows: Vec<Value> = found.rows.iter().map(row).collect();
    rows.sort_by_key(Value::to_string);
    rows
}

#[test]
fn duckdb_reads_the_archive_as_documented_and_counts_the_same() {
    let Some(python) = std::env::var_os("NOROSHI_PYTHON").filter(|python| !python.is_empty()) else {
        eprintln!(
            "skipped: NOROSHI_PYTHON names no Python with DuckDB; scripts/python makes one where PyPI can be reached"
        );
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    make(directory.path());
    let files = format!(
        "read_parquet('{}/segments/**/*.parquet', hive_partitioning = true, union_by_name = true)",
        directory.path().display()
    );
    let catalog = format!("read_json('{}/catalog.ndjson')", directory.path().display());
    let pairs: [(&str, &[&str], String); 7] = [
        ("| stats count", &["count"], format!("SELECT count(*) FROM {files}")),
        (
            "event.outcome:failure | stats count by user.name",
            &["user.name", "count"],
            format!(r#"SELECT "user.name", count(*) FROM {files} WHERE "event.outcome" = 'failure' GROUP BY 1"#),
        ),
        (
            "| stats count, min(source.port), max(source.port), distinct(source.ip) by event.action",
            &["event.action", "count", "min(source.port)", "max(source.port)", "distinct(source.ip)"],
            format!(
                r#"SELECT "event.action", count(*), min("source.port"), max("source.port"), count(DISTINCT "source.ip") FROM {files} GROUP BY 1"#
            ),
        ),
        (
            "related.ip:203.0.113.4 | stats count by host.name",
            &["host.name", "count"],
            format!(
                r#"SELECT "host.name", count(*) FROM {files} WHERE list_contains("related.ip", '203.0.113.4') GROUP BY 1"#
            ),
        ),
        (
            "source.ip:203.0.113.2 AND \"accepted\" | stats count",
            &["count"],
            format!(
                r#"SELECT count(*) FROM {files} WHERE "source.ip" = '203.0.113.2' AND decode("event.original") ILIKE '%accepted%'"#
            ),
        ),
        (
            "noroshi.element:* | stats count by noroshi.element",
            &["noroshi.element", "count"],
            format!(
                r#"SELECT "noroshi.element"::VARCHAR, count(*) FROM {files} WHERE "noroshi.element" IS NOT NULL GROUP BY 1"#
            ),
        ),
        (
            "| stats count by cloud.region",
            &["cloud.region", "count"],
            format!(r#"SELECT "cloud.region", count(*) FROM {files} GROUP BY 1"#),
        ),
    ];
    let rows = pairs.len();
    let mut queries: Vec<&str> = pairs.iter().map(|(_, _, sql)| sql.as_str()).collect();
    // Byte for byte, by the hour of receipt, and the files that the catalog names are those that are there.
    let raw = format!(
        r#"SELECT octet_length("event.original"), sha256("event.original") FROM {files} WHERE "event.original" IS NOT NULL ORDER BY "noroshi.sequence""#
    );
    let hours = format!(r#"SELECT date, hour, count("event.original") FROM {files} GROUP BY 1, 2 ORDER BY 1, 2"#);
    let named = format!("SELECT sum(rows) FROM {catalog} WHERE kind = 'sealed'");
    queries.extend([raw.as_str(), hours.as_str(), named.as_str()]);
    let output = Command::new(python).args(["-c", PROGRAM, &json!(queries).to_string()]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut answers: Vec<Vec<Value>> = serde_json::from_slice(&output.stdout).unwrap();
    for ((query, columns, sql), answer) in pairs.iter().zip(&mut answers) {
        answer.sort_by_key(Value::to_string);
        assert_eq!(*answer, ours(directory.path(), query, columns), "{query}\n{sql}");
        assert!(!answer.is_empty(), "{query}");
    }
    let all = records();
    assert_eq!(answers[rows].len(), all.len());
    for (answer, (_, record)) in answers[rows].iter().zip(&all) {
        use sha2::Digest as _;
        let digest = sha2::Sha256::digest(record).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(*answer, json!([record.len(), digest]));
    }
    let of_hour = |hour: i64| all.iter().filter(|(received, _)| (received - NOON) / HOUR_NS == hour).count();
    let told: usize = answers[rows + 1].iter().map(|hour| hour[2].as_u64().unwrap() as usize).sum();
    assert_eq!(told, (0..3).map(of_hour).sum::<usize>());
    assert_eq!(answers[rows + 1][0][0], "2026-03-02");
    let in_files = answers[0][0][0].as_f64();
    assert_eq!(answers[rows + 2][0][0].as_f64(), in_files, "the catalog's rows");
}
