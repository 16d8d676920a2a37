//! Evidence by the binary: who read it is written down in the tree, and what lies on disk is for its owner alone.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use noroshi_tests::process::{self, Engine};
use noroshi_tests::work_dir::WorkDir;
use noroshi_tests::{send, until};
use serde_json::Value;

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

const CONFIG: &str = r#"
node = "node-under-test"
state_dir = "state"
timezone = "UTC"
[rules]
paths = ["rules"]
[metrics]
listen = "127.0.0.1:0"
[archive]
[[input]]
name = "tcp"
type = "tcp"
listen = "127.0.0.1:0"
[[output]]
type = "file"
path = "alerts.ndjson"
"#;

const RULE: &str = r#"
title: Root logs in from outside
id: 5b0a8a8e-6f3e-4d3b-9a55-0a4a5d6f7a01
status: experimental
level: high
logsource:
  product: linux
  service: sshd
detection:
  accepted:
    - "Accepted password for root"
  condition: accepted
"#;

fn line(number: u32) -> String {
    let word = if number == 7 { "Accepted" } else { "Failed" };
    let address = number % 50;
    format!(
        "<86>Mar  2 10:00:07 web1 sshd[{number}]: {word} password for root from 203.0.113.{address} port 4{number:04} ssh2\n"
    )
}

fn place() -> WorkDir {
    let dir = WorkDir::default();
    dir.write("noroshi.toml", CONFIG);
    dir.write("rules/root.yml", RULE);
    dir
}

fn feed(engine: &Engine, numbers: std::ops::Range<u32>) {
    let mut connection = send::tcp(engine.address("tcp"));
    let durable = engine.metric("noroshi_archive_durable_total", "") as u64;
    let sent = u64::from(numbers.end - numbers.start);
    numbers.for_each(|number| connection.write_all(line(number).as_bytes()).unwrap());
    engine.wait_metric("noroshi_archive_durable_total", "", durable + sent);
}

/// Exit code, standard output, standard error.
fn run(dir: &WorkDir, args: &[&str]) -> (Option<i32>, String, String) {
    let output = process::run(NOROSHI, dir.path(), args, b"");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn acts(dir: &WorkDir) -> Vec<Value> {
    let (code, told, error) = run(dir, &["audit", "-c", "noroshi.toml", "--output", "ndjson"]);
    assert_eq!(code, Some(0), "{told}{error}");
    told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn wait_act(dir: &WorkDir, command: &str) -> Value {
    let taken = || acts(dir).into_iter().rev().find(|act| act["command"] == command && act["entry"].is_u64());
    until(&format!("`{command}` in the tree"), taken, || format!("{:#?}", acts(dir)))
}

#[test]
fn who_reads_evidence_or_changes_rules_stands_in_the_tree() {
    let dir = place();
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    feed(&engine, 0..100);
    let started = wait_act(&dir, "run");
    assert!(started["arguments"]["digests"]["rules"].is_string(), "{started}");
    let query = "source.ip:203.0.113.7 | sort user.name";
    let (code, rows, error) = run(&dir, &["search", "-c", "noroshi.toml", query, "--since", "2020-01-01"]);
    assert_eq!((code, rows.lines().count()), (Some(0), 2), "{error}");
    let searched = wait_act(&dir, "search");
    assert_eq!(searched["arguments"]["query"], query);
    assert_eq!((&searched["arguments"]["since"], &searched["records"]), (&"2020-01-01".into(), &2.into()));
    assert!(searched["who"]["uid"].is_u64() && searched["host"].is_string(), "{searched}");
    dir.write("rules/root.yml", RULE.replace("level: high", "level: critical"));
    engine.signal("HUP");
    let reloaded = wait_act(&dir, "reload");
    let (before, after) = (&reloaded["arguments"]["before"], &reloaded["arguments"]["after"]);
    assert!(before["rules"].is_string() && before["rules"] != after["rules"], "{reloaded}");
    assert_eq!(before, &started["arguments"]["digests"]);
    dir.write("rules/root.yml", "title: nothing\n");
    engine.signal("HUP");
    let refused = || acts(&dir).into_iter().find(|act| act["arguments"]["refused"] == true);
    until("the refused reload", refused, || engine.log());
    assert_eq!(engine.terminate().code, Some(0));
    wait_act(&dir, "stop");

    // No engine runs: the command takes its act up itself.
    let (code, hunted, _) = run(&dir, &["hunt", "-c", "noroshi.toml", "--ioc", "203.0.113.9"]);
    assert_eq!((code, hunted.lines().count()), (Some(0), 2));
    assert_eq!(wait_act(&dir, "hunt")["arguments"]["ioc"][0], "203.0.113.9");
    assert_eq!(run(&dir, &["prove", "3", "-c", "noroshi.toml"]).0, Some(0));
    assert_eq!(wait_act(&dir, "prove")["arguments"]["sequence"], 3);
    let waiting = std::fs::read_dir(dir.path().join("state/archive/audit/pending")).unwrap().count();
    assert_eq!(waiting, 0);
    let (_, table, _) = run(&dir, &["audit", "-c", "noroshi.toml", "--output", "table", "--since", "1h"]);
    assert!(table.contains("ENTRY") && table.contains("ioc=[\"203.0.113.9\"]"), "{table}");
    let (code, told, _) = run(&dir, &["verify", "-c", "noroshi.toml", "--records"]);
    assert_eq!(code, Some(0), "{told}");
    // One changed character of an act is found.
    let bundle = dir.path().join("state/archive/tree/tile/entries");
    let mut found = false;
    for file in files_below(&bundle) {
        let mut bytes = std::fs::read(&file).unwrap();
        if let Some(at) = bytes.windows(9).position(|part| part == b"203.0.113") {
            found = true;
            bytes[at] = b'9';
            std::fs::write(&file, bytes).unwrap();
        }
    }
    assert!(found);
    assert_eq!(run(&dir, &["verify", "-c", "noroshi.toml"]).0, Some(1));
    let (code, told, _) = run(&dir, &["audit", "-c", "noroshi.toml"]);
    assert!(code == Some(1) && told.starts_with("TAMPERED"), "{told}");
}

fn files_below(directory: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files_below(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn nothing_is_shown_that_cannot_be_written_down() {
    let dir = place();
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    feed(&engine, 0..10);
    assert_eq!(engine.terminate().code, Some(0));
    std::fs::remove_dir_all(dir.path().join("state/archive/audit")).unwrap();
    dir.write("state/archive/audit", "no directory");
    for args in [
        ["search", "-c", "noroshi.toml", "root"].as_slice(),
        &["search", "-c", "noroshi.toml", "root", "--unaudited"],
        &["hunt", "-c", "noroshi.toml", "--ioc", "203.0.113.9"],
        &["prove", "3", "-c", "noroshi.toml"],
    ] {
        let (code, shown, error) = run(&dir, args);
        assert_eq!((code, shown.as_str()), (Some(3), ""), "{args:?}");
        assert!(error.contains("what reads evidence is written down first"), "{error}");
    }
}

#[test]
fn what_lies_on_disk_is_for_its_owner_alone() {
    let dir = place();
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    feed(&engine, 0..100);
    assert_eq!(run(&dir, &["search", "-c", "noroshi.toml", "root"]).0, Some(0));
    assert_eq!(engine.terminate().code, Some(0));
    assert_eq!(run(&dir, &["prove", "3", "-c", "noroshi.toml", "--out", "proof.txt"]).0, Some(0));
    let mut looked = 0;
    let mut waiting = vec![dir.path().join("state"), dir.path().join("alerts.ndjson"), dir.path().join("proof.txt")];
    while let Some(path) = waiting.pop() {
        let metadata = std::fs::metadata(&path).unwrap();
        let mode = metadata.permissions().mode() & 0o777;
        if metadata.is_dir() {
            waiting.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        assert_eq!(mode, if metadata.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        looked += 1;
    }
    assert!(looked > 20, "only {looked} files");
    // A directory that others may look into is told of.
    std::fs::set_permissions(dir.path().join("state"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    engine.wait_log("is open to other users");
    assert_eq!(engine.terminate().code, Some(0));
}

fn json(told: &str) -> Value {
    serde_json::from_str(told).unwrap_or_else(|error| panic!("{error}: {told}"))
}

#[test]
fn an_alert_is_packed_verified_elsewhere_and_searched() {
    let dir = place();
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    feed(&engine, 0..100);
    let told = || dir.text("alerts.ndjson").lines().next().map(str::to_owned);
    let alert =
        json(&until("the alert", || dir.path().join("alerts.ndjson").exists().then(told).flatten(), || engine.log()));
    let id = alert["noroshi"]["id"].as_str().unwrap().to_owned();
    // Not sealed yet: packed, and told.
    let (code, _, error) = run(&dir, &["evidence", "pack", &id, "-c", "noroshi.toml", "--out", "early.tar.zst"]);
    assert!(code == Some(0) && error.contains("not sealed yet"), "{error}");
    let key = "state/archive/keys/log.pub";
    let (code, told, _) = run(&dir, &["evidence", "verify", "early.tar.zst", "--key", key]);
    assert_eq!((code, &json(&told)["verdict"]), (Some(2), &"undecidable".into()), "{told}");
    assert_eq!(engine.terminate().code, Some(0));

    let packed = ["evidence", "pack", &id, "-c", "noroshi.toml", "--out", "case.tar.zst", "--note", "seen by 佐藤"];
    let (code, told, error) = run(&dir, &packed);
    assert!(code == Some(0) && told.starts_with("case.tar.zst: 1 records, 1 events"), "{told}{error}");
    let act = wait_act(&dir, "evidence pack");
    assert_eq!((&act["arguments"]["alert"], &act["records"]), (&id.clone().into(), &1.into()), "{act}");
    assert!(told.contains(act["arguments"]["sha256"].as_str().unwrap()));
    let (code, _, error) = run(&dir, &packed);
    assert!(code == Some(3) && error.contains("is there already"), "{error}");

    // Elsewhere: nothing but the pack and the key.
    let elsewhere = WorkDir::default();
    elsewhere.write("case.tar.zst", dir.read("case.tar.zst"));
    elsewhere.write("log.pub", dir.read(key));
    let (code, told, error) = run(&elsewhere, &["evidence", "verify", "case.tar.zst", "--key", "log.pub"]);
    let verdict = json(&told);
    assert_eq!(
        (code, &verdict["verdict"], &verdict["proven"]),
        (Some(0), &"verified".into(), &1.into()),
        "{told}{error}"
    );
    assert_eq!(verdict["asked"]["alert"], id.as_str());
    let (_, table, _) = run(&elsewhere, &["evidence", "verify", "case.tar.zst", "--output", "table"]);
    assert!(table.contains("alert     Root logs in from outside") && table.contains("agrees with itself"), "{table}");
    let (code, rows, _) =
        run(&elsewhere, &["search", "--pack", "case.tar.zst", "--key", "log.pub", "source.ip:203.0.113.7"]);
    assert_eq!((code, rows.lines().count()), (Some(0), 1));
    assert_eq!(json(&rows)["event"]["original"].as_str(), Some(line(7).trim_end()));
    let members = members_of(&elsewhere.read("case.tar.zst"));
    let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "checkpoint",
            "log.pub",
            "alert.json",
            "notes.txt",
            "rules/0000-root.yml",
            "proofs/00000000000000000007.txt",
            "records.ndjson",
            "records.parquet",
            "manifest.json",
            "manifest.note",
        ]
    );
    let member =
        |name: &str| String::from_utf8(members.iter().find(|(own, _)| own == name).unwrap().1.clone()).unwrap();
    assert_eq!(json(&member("alert.json")), alert);
    assert_eq!((member("notes.txt").as_str(), member("rules/0000-root.yml").as_str()), ("seen by 佐藤\n", RULE));
    let manifest = json(&member("manifest.json"));
    assert_eq!(manifest["digests"]["rules_are_the_alerts"], true);
    assert_eq!(manifest["gathered"]["by"]["uid"], act["who"]["uid"]);
    // Its proofs are those of `prove`.
    elsewhere.write("proof.txt", member("proofs/00000000000000000007.txt"));
    assert_eq!(run(&elsewhere, &["verify-proof", "proof.txt", "--key", "log.pub"]).0, Some(0));

    // A byte in the middle.
    let mut bytes = elsewhere.read("case.tar.zst");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    elsewhere.write("changed.tar.zst", bytes);
    assert_eq!(run(&elsewhere, &["evidence", "verify", "changed.tar.zst", "--key", "log.pub"]).0, Some(1));
    let (code, rows, _) = run(&elsewhere, &["search", "--pack", "changed.tar.zst", "root"]);
    assert_eq!((code, rows.as_str()), (Some(1), ""));
    assert_eq!(run(&elsewhere, &["evidence", "verify", "absent.tar.zst"]).0, Some(2));
}

fn members_of(pack: &[u8]) -> Vec<(String, Vec<u8>)> {
    let tar = zstd::decode_all(pack).unwrap();
    let (mut at, mut members) = (0, Vec::new());
    // A header of 512 bytes: the name, and at 124 the size in octal.
    while tar[at] != 0 {
        let text = |from: usize, bytes: usize| {
            let field = &tar[at + from..at + from + bytes];
            String::from_utf8(field.iter().copied().take_while(|&byte| byte != 0).collect()).unwrap()
        };
        let size = usize::from_str_radix(text(124, 12).trim(), 8).unwrap();
        members.push((text(0, 100), tar[at + 512..at + 512 + size].to_vec()));
        at += 512 + size.div_ceil(512) * 512;
    }
    members
}

#[test]
fn the_records_of_a_query_are_packed() {
    let dir = place();
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    feed(&engine, 0..300);
    assert_eq!(engine.terminate().code, Some(0));
    let pack = |query: &str, more: &[&str]| {
        let args = [&["evidence", "pack", query, "-c", "noroshi.toml", "--out", "case.tar.zst"], more].concat();
        let (code, told, error) = run(&dir, &args);
        let _ = std::fs::remove_file(dir.path().join("kept.tar.zst"));
        let _ = std::fs::rename(dir.path().join("case.tar.zst"), dir.path().join("kept.tar.zst"));
        (code, told + &error)
    };
    let (code, told) = pack("source.ip:203.0.113.0/28 AND Failed", &["--since", "2020-01-01"]);
    assert!(code == Some(0) && told.contains(": 95 records, 95 events"), "{told}");
    let (code, told, _) = run(&dir, &["evidence", "verify", "kept.tar.zst", "--key", "state/archive/keys/log.pub"]);
    assert_eq!((code, &json(&told)["proven"]), (Some(0), &95.into()), "{told}");
    let (_, counted, _) = run(&dir, &["search", "--pack", "kept.tar.zst", "| stats count by source.ip | limit 1"]);
    assert_eq!(json(&counted)["count"], 6);
    for (query, expected) in [
        ("source.ip:198.51.100.1", "no record of the archive"),
        ("root | stats count", "leave `| stats` out"),
        ("a:(b", "in parentheses are joined by OR"),
        ("00000000000000000000000000000000", "no alert 0000"),
    ] {
        let (code, told) = pack(query, &[]);
        assert!(code == Some(3) && told.contains(expected), "{query}: {told}");
        assert!(!dir.path().join("kept.tar.zst").exists() && !dir.path().join("case.tar.zst.part").exists());
    }
}
