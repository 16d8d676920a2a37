//! `noroshi query`: SQL answers what searches answer, changes nothing, and keeps within its bounds.
//!
//! `NOROSHI_SQL` names a binary with the feature `sql` (`make sql` builds one and runs this); without it the tests say that they were
//! skipped. So DataFusion is compiled once, and not again with what only tests need.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::Output;

use noroshi_tests::process::{Engine, run, told};
use noroshi_tests::send;
use noroshi_tests::work_dir::WorkDir;
use serde_json::Value;

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

const CONFIG: &str = "node = \"siem\"\nstate_dir = \"state\"\ntimezone = \"UTC\"\n[rules]\npaths = []\n[metrics]\n\
    listen = \"127.0.0.1:0\"\n[archive]\n[[input]]\nname = \"tcp\"\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n\
    [[output]]\ntype = \"file\"\npath = \"alerts.ndjson\"\n";

/// Values that a spreadsheet or a terminal would obey.
const HOSTILE: [&str; 2] = ["=cmd|x", "\u{1b}[2Jsato"];

fn line(number: u64) -> String {
    let user = ["root", "mori", HOSTILE[0], HOSTILE[1]][number as usize % 4];
    let how = if number.is_multiple_of(3) { "Accepted" } else { "Failed" };
    format!(
        "<86>1 2026-03-02T10:{:02}:07Z web{} sshd {number} - - {how} password for {user} from 203.0.113.{} port 4{number:03} ssh2",
        number % 60,
        number % 5,
        number % 7
    )
}

fn binary() -> Option<OsString> {
    std::env::var_os("NOROSHI_SQL").filter(|binary| !binary.is_empty())
}

/// Two sealed segments and records that are not sealed yet: 400 in all. `None` = there is nobody to ask them.
fn archive() -> Option<WorkDir> {
    if binary().is_none() {
        eprintln!("skipped: NOROSHI_SQL names no binary with the feature `sql`; `make sql` builds one");
        return None;
    }
    let dir = WorkDir::default();
    dir.write("noroshi.toml", CONFIG);
    for (from, to) in [(0, 150), (150, 300), (300, 400)] {
        let engine = Engine::start(NOROSHI, dir.path(), &[]);
        let mut connection = send::tcp(engine.address("tcp"));
        (from..to).for_each(|n| writeln!(connection, "{}", line(n)).unwrap());
        engine.wait_metric("noroshi_archive_durable_total", "", to - from);
        if to == 400 {
            engine.kill();
        } else {
            engine.terminate().assert_clean();
        }
    }
    Some(dir)
}

fn query(dir: &WorkDir, args: &[&str]) -> Output {
    let binary = binary().expect("the archive was made for it").into_string().expect("a path in UTF-8");
    run(&binary, dir.path(), &[&["query"], args].concat(), b"")
}

#[track_caller]
fn rows(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", told(output));
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn refused(output: &Output, expected: &[&str]) {
    let text = told(output);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{text}");
    expected.iter().for_each(|expected| assert!(text.contains(expected), "{expected}: {text}"));
}

#[test]
fn a_build_without_sql_says_what_has_it() {
    let output = run(NOROSHI, WorkDir::default().path(), &["query", "SELECT 1", "--archive", "none"], b"");
    let text = told(&output);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains(if cfg!(feature = "sql") { "there is no archive" } else { "--features sql" }), "{text}");
}

#[test]
fn sql_answers_what_searches_answer() {
    let Some(dir) = archive() else { return };
    let pairs: [(&str, &[&str], &str); 4] = [
        ("| stats count", &["count"], "SELECT count(*) FROM events"),
        (
            "event.outcome:failure | stats count, distinct(source.ip) by user.name",
            &["user.name", "count", "distinct(source.ip)"],
            r#"SELECT "user.name", count(*), count(DISTINCT "source.ip") FROM events WHERE "event.outcome" = 'failure' GROUP BY 1"#,
        ),
        (
            "source.ip:203.0.113.4 | stats min(source.port), max(source.port) by host.name",
            &["host.name", "min(source.port)", "max(source.port)"],
            r#"SELECT "host.name", min("source.port"), max("source.port") FROM events WHERE "source.ip" = '203.0.113.4' GROUP BY 1"#,
        ),
        (
            "\"port 4399\" | stats count by user.name",
            &["user.name", "count"],
            r#"SELECT "user.name", count(*) FROM events WHERE position('port 4399' IN CAST("event.original" AS TEXT)) > 0 GROUP BY 1"#,
        ),
    ];
    let values = |row: &Value, names: &[&str]| names.iter().map(|name| row[*name].clone()).collect::<Value>();
    for (search, names, sql) in pairs {
        let searched = run(NOROSHI, dir.path(), &["search", search, "--output", "ndjson"], b"");
        let mut expected: Vec<Value> = rows(&searched).iter().map(|row| values(row, names)).collect();
        let answer = rows(&query(&dir, &[sql, "--output", "ndjson"]));
        let all = |row: &Value| row.as_object().unwrap().values().cloned().collect::<Value>();
        let mut answered: Vec<Value> = answer.iter().map(all).collect();
        expected.sort_by_key(Value::to_string);
        answered.sort_by_key(Value::to_string);
        // A search's figures are whole numbers or not, SQL's are typed: 4001 and 4001.0 are one.
        let plain = |rows: &[Value]| serde_json::to_string(rows).unwrap().replace(".0", "");
        assert_eq!(plain(&answered), plain(&expected), "{sql}");
        assert!(!answered.is_empty(), "{sql}");
    }
    // The columns that the directories give, over what is sealed and what is not.
    let sql = r#"SELECT count(*) AS n FROM events WHERE date = CAST("event.created" AS DATE)
                 AND hour = date_part('hour', "event.created")"#;
    assert_eq!(rows(&query(&dir, &[sql]))[0]["n"], 400);
    assert_eq!(rows(&query(&dir, &["SELECT count(*) AS n FROM events WHERE date < '2026-01-01'"]))[0]["n"], 0);
    let within =
        ["SELECT count(*) AS n FROM events", "--since", "2026-03-02T10:59:00Z", "--until", "2026-03-02T11:00:00Z"];
    assert_eq!(rows(&query(&dir, &within))[0]["n"], 6);
    // Joins, windows, sub-queries; names that come twice are told apart.
    let sql = r#"WITH failed AS (SELECT "host.name" AS host, count(*) AS n FROM events WHERE "event.outcome" = 'failure' GROUP BY 1)
                 SELECT a.host, b.host, a.n, rank() OVER (ORDER BY a.n DESC, a.host) AS place FROM failed a JOIN failed b ON a.host = b.host"#;
    let answer = rows(&query(&dir, &[sql]));
    assert_eq!(answer.len(), 5);
    assert!(answer.iter().all(|row| row["host"] == row["host_2"] && row["place"].is_number()), "{answer:?}");
    let described = rows(&query(&dir, &["DESCRIBE events"]));
    assert!(described.iter().any(|row| row["column_name"] == "source.ip"), "{described:?}");
    // Who asked what is in the tree.
    let acts = told(&run(NOROSHI, dir.path(), &["audit", "--output", "ndjson"], b""));
    assert!(acts.contains("\"query\"") && acts.contains("SELECT count(*) FROM events"), "{acts}");
}

#[test]
fn hostile_values_are_shown_and_not_obeyed() {
    let Some(dir) = archive() else { return };
    let sql = r#"SELECT "user.name", count(*) AS "=n" FROM events GROUP BY 1 ORDER BY 1"#;
    let csv = query(&dir, &[sql, "--output", "csv"]);
    let text = String::from_utf8(csv.stdout).unwrap();
    assert!(text.starts_with("user.name,'=n\n") && text.contains("\n'=cmd|x,100\n"), "{text}");
    let table = String::from_utf8(query(&dir, &[sql, "--output", "table"]).stdout).unwrap();
    assert!(table.contains("=cmd|x") && table.contains("sato") && !table.contains('\u{1b}'), "{table:?}");
    let answer = rows(&query(&dir, &[sql, "--output", "ndjson"]));
    assert!(answer.iter().any(|row| row["user.name"] == HOSTILE[1] && row["=n"] == 100), "{answer:?}");
    // In the statement as well: its text comes back in the error.
    let output = query(&dir, &["SELECT \"\u{1b}[2J\" FROM events"]);
    refused(&output, &["help"]);
    assert!(!told(&output).contains('\u{1b}'), "{:?}", told(&output));
}

#[test]
fn nothing_is_changed_and_no_other_file_is_read() {
    let Some(dir) = archive() else { return };
    dir.write("other.csv", "a\n1\n");
    for (sql, name) in [
        ("CREATE TABLE t AS SELECT 1", "CreateMemoryTable"),
        ("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 'other.csv'", "CreateExternalTable"),
        ("CREATE VIEW v AS SELECT 1", "CreateView"),
        ("DROP TABLE events", "DropTable"),
        ("INSERT INTO events SELECT * FROM events", "Insert Into"),
        ("DELETE FROM events", "Delete"),
        ("EXPLAIN ANALYZE INSERT INTO events SELECT * FROM events", "Insert Into"),
        ("COPY (SELECT 1) TO 'out.csv'", "COPY"),
        ("SET datafusion.execution.batch_size = 1", "SetVariable"),
    ] {
        refused(&query(&dir, &[sql]), &[name, "the archive is read, never changed"]);
    }
    assert!(!dir.join("out.csv").exists());
    refused(&query(&dir, &["SELECT * FROM 'other.csv'"]), &["other.csv", "help"]);
    refused(&query(&dir, &["SELECT 1; SELECT 2"]), &["single SQL statement"]);
    refused(&query(&dir, &["SELEKT 1"]), &["SELEKT", "help"]);
    refused(&query(&dir, &["SELECT user.name FROM events"]), &["\"user.name\""]);
    let unknown = query(&dir, &["SELECT nosuch FROM events"]);
    refused(&unknown, &["No field named nosuch", "DESCRIBE events"]);
    assert!(told(&unknown).len() < 400, "not all columns are listed: {}", told(&unknown));
    refused(&query(&dir, &["SELECT 1", "--memory", "0"]), &["512M"]);
    assert_eq!(rows(&query(&dir, &["SELECT count(*) AS n FROM events"]))[0]["n"], 400);
}

#[test]
fn a_query_over_its_memory_is_refused_cleanly_or_spills() {
    let Some(dir) = archive() else { return };
    let sql = r#"SELECT a."event.original" FROM events a CROSS JOIN events b ORDER BY a."event.original", b."noroshi.sequence" DESC LIMIT 100000"#;
    refused(&query(&dir, &[sql, "--memory", "2M"]), &["needs more than 2097152 bytes", "--memory", "--spill DIR"]);
    let all = "SELECT * FROM events a CROSS JOIN events b";
    refused(&query(&dir, &[all, "--memory", "2M", "--output", "ndjson"]), &["needs more than 2097152 bytes"]);
    let counted = r#"SELECT count(*) AS n FROM (SELECT DISTINCT a."noroshi.sequence", b."noroshi.sequence" FROM events a CROSS JOIN events b)"#;
    refused(&query(&dir, &[counted, "--memory", "4M"]), &["needs more than 4194304 bytes"]);
    let spilled = query(&dir, &[counted, "--memory", "4M", "--spill", "spill"]);
    assert_eq!(rows(&spilled)[0]["n"], 160_000);
    assert_eq!(std::fs::read_dir(dir.join("spill")).unwrap().count(), 0, "what was spilled is removed");
}

#[test]
fn only_what_the_catalog_tells_counts() {
    let Some(dir) = archive() else { return };
    let files = |end: &str| {
        let mut found = Vec::new();
        let mut waiting = vec![dir.join("state/archive/segments")];
        while let Some(at) = waiting.pop() {
            for entry in std::fs::read_dir(at).unwrap().flatten() {
                match entry.path() {
                    path if path.is_dir() => waiting.push(path),
                    path if path.to_string_lossy().ends_with(end) => found.push(path),
                    _ => {}
                }
            }
        }
        found.sort();
        found
    };
    let sealed = files(".parquet");
    assert_eq!(sealed.len(), 2);
    // A file that was replaced and not removed yet, or laid there by someone.
    std::fs::copy(&sealed[0], sealed[0].with_file_name("99999999999999999999.parquet")).unwrap();
    let count = "SELECT count(*) AS n, count(\"user.name\") AS named FROM events";
    assert_eq!(rows(&query(&dir, &[count]))[0]["n"], 400);
    // One that was cut is left out and told.
    let bytes = std::fs::read(&sealed[0]).unwrap();
    std::fs::write(&sealed[0], &bytes[..bytes.len() / 2]).unwrap();
    let output = query(&dir, &[count]);
    assert_eq!(rows(&output)[0]["n"], 250);
    assert!(told(&output).contains("is not as long as it was sealed and is left out"), "{}", told(&output));
    // One whose bytes are others ends the query: a sum without it would look like one with it.
    let mut changed = bytes;
    let end = changed.len();
    changed[end - 200..end - 100].fill(0xff);
    std::fs::write(&sealed[0], &changed).unwrap();
    refused(&query(&dir, &[r#"SELECT max("user.name") FROM events"#]), &["noroshi verify"]);
}
