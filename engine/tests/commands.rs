//! Every command: what it prints, in which order, and with which exit code.

use std::io::Write as _;
use std::process::Output;

use noroshi_tests::process::{run, told};
use noroshi_tests::rng::Rng;
use noroshi_tests::scenario as s;
use noroshi_tests::work_dir::WorkDir;
use serde_json::Value;

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

fn noroshi(dir: &WorkDir, args: &[&str]) -> Output {
    run(NOROSHI, dir.path(), args, b"")
}

#[track_caller]
fn check_code(dir: &WorkDir, args: &[&str], code: i32) -> (String, String) {
    let output = noroshi(dir, args);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {}", told(&output));
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (text(output.stdout), text(output.stderr))
}

fn ndjson(bytes: &[u8]) -> Vec<Value> {
    bytes
        .split_inclusive(|&byte| byte == b'\n')
        .map(|line| {
            serde_json::from_slice(line).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(line)))
        })
        .collect()
}

fn prepared() -> WorkDir {
    let dir = WorkDir::default();
    dir.write("rules/e2e.yml", s::RULES);
    dir.write("iocs.txt", s::INDICATORS);
    dir
}

/// Lines with empty, blank, broken and undecodable ones between.
fn odd_file() -> Vec<Vec<u8>> {
    let mut rng = Rng::new(7);
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for (number, line) in (0..).zip(s::busy_hour(7, 3000)) {
        lines.push(line.into_bytes());
        match number % 50 {
            0 => lines.push(Vec::new()),
            10 => lines.push(b"   ".to_vec()),
            20 => lines.push(b"\xff\xfe\x00 no text".to_vec()),
            30 => lines.push(rng.bytes(200).into_iter().filter(|byte| !matches!(byte, b'\n' | b'\r')).collect()),
            40 => lines.push(br#"{"timestamp":"2026-03-02T10:00:0"#.to_vec()),
            _ => {}
        }
    }
    lines
}

#[test]
fn parse_prints_one_object_for_each_line_in_order_whatever_the_line() {
    let dir = WorkDir::default();
    let lines = odd_file();
    let bytes = [lines.join(&b'\n'), b"\nlast line without newline".to_vec()].concat();
    dir.write("odd.log", &bytes);
    let output = noroshi(&dir, &["parse", "--reference-time", "2026-03-02T12:00:00Z", "odd.log"]);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    let events = ndjson(&output.stdout);
    assert_eq!(events.len(), lines.len() + 1);
    for (event, line) in events.iter().zip(&lines) {
        let original = event["event"]["original"].as_str().expect("event.original is text");
        assert_eq!(original, String::from_utf8_lossy(line), "in order, nothing skipped");
        assert_eq!(event["ecs"]["version"], "8.11.0");
    }

    // Workers change nothing; nor does how the bytes come.
    let args = |workers| ["parse", "--reference-time", "2026-03-02T12:00:00Z", "--workers", workers];
    for workers in ["1", "4"] {
        let again = noroshi(&dir, &[&args(workers)[..], &["odd.log"]].concat());
        assert!(again.stdout == output.stdout, "{workers} workers");
    }
    let piped = run(NOROSHI, dir.path(), &[&args("2")[..], &["-"]].concat(), &bytes);
    assert!(piped.stdout == output.stdout, "standard input: {}", String::from_utf8_lossy(&piped.stderr));
    let unnamed = run(NOROSHI, dir.path(), &args("2"), &bytes);
    assert!(unnamed.stdout == output.stdout, "standard input without its name");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(&bytes).expect("memory takes it");
    dir.write("odd.log.gz", gz.finish().expect("memory takes it"));
    dir.write("odd.log.zst", zstd::encode_all(&bytes[..], 1).expect("memory takes it"));
    for name in ["odd.log.gz", "odd.log.zst"] {
        let unpacked = noroshi(&dir, &[&args("2")[..], &[name]].concat());
        assert!(unpacked.stdout == output.stdout, "{name}: {}", String::from_utf8_lossy(&unpacked.stderr));
    }
    let both = noroshi(&dir, &[&args("2")[..], &["odd.log", "odd.log.gz"]].concat());
    assert!(both.stdout == [&output.stdout[..], &output.stdout[..]].concat(), "files in the order given");
}

#[test]
fn parse_reads_a_pipe_once_and_whole() {
    let dir = WorkDir::default();
    dir.write("lines.log", s::busy_hour(8, 200).join("\n") + "\n");
    let piped = std::process::Command::new("bash")
        .args(["-c", &format!("'{NOROSHI}' parse <(cat lines.log)")])
        .current_dir(dir.path())
        .output();
    let Ok(piped) = piped else {
        eprintln!("skipped: no bash to make a named pipe");
        return;
    };
    assert_eq!(ndjson(&piped.stdout).len(), 200, "{}", told(&piped));
}

#[test]
fn parse_keeps_a_line_over_the_limit_as_one_object() {
    let dir = WorkDir::default();
    dir.write("long.log", [&b"first\n"[..], &vec![b'x'; 10_000_000], b"\nlast\n"].concat());
    let events = ndjson(&noroshi(&dir, &["parse", "long.log"]).stdout);
    assert_eq!(events.len(), 3);
    assert!(events[1]["noroshi"]["defects"].as_array().expect("defects").contains(&"oversize".into()));
    assert_eq!(events[2]["event"]["original"], "last");
}

#[test]
fn parse_takes_formats_and_zones_by_file() {
    let dir = WorkDir::default();
    dir.write("a.log", "Mar  2 10:00:00 web sshd[1]: Server listening on 0.0.0.0 port 22.\n");
    dir.write("b.log", "Mar  2 10:00:00 web sshd[1]: Server listening on 0.0.0.0 port 22.\n");
    let args = [
        "parse",
        "--reference-time",
        "2026-03-02T12:00:00Z",
        "--timezone",
        "UTC",
        "--source",
        "b.log=,Asia/Tokyo",
        "a.log",
        "b.log",
    ];
    let (out, _) = check_code(&dir, &args, 0);
    let stamps: Vec<_> = ndjson(out.as_bytes()).iter().map(|event| event["@timestamp"].clone()).collect();
    assert_eq!(stamps, ["2026-03-02T10:00:00Z", "2026-03-02T01:00:00Z"]);
    check_code(&dir, &["parse", "--format", "no-such", "a.log"], 3);
    check_code(&dir, &["parse", "--timezone", "Mars/Olympus", "a.log"], 3);
    check_code(&dir, &["parse", "--charset", "ebcdic", "a.log"], 3);
    check_code(&dir, &["parse", "--reference-time", "yesterday", "a.log"], 3);
}

#[test]
fn records_can_be_kept_as_they_are_written() {
    let dir = WorkDir::default();
    dir.write("a.log", "<38>Mar  2 10:00:00 web sshd[1]: Accepted password for kim from 192.0.2.7 port 50000 ssh2\n");
    dir.write("n.toml", "[[input]]\nname = \"a\"\ntype = \"file\"\npaths = [\"a.log\"]\nas_written = true\n");
    let args = ["parse", "--timezone", "UTC", "--reference-time", "2026-03-02T12:00:00Z", "a.log"];
    let (full, _) = check_code(&dir, &args, 0);
    let (written, _) = check_code(&dir, &[&args[..], &["--as-written"]].concat(), 0);
    let (full, written) = (&ndjson(full.as_bytes())[0], &ndjson(written.as_bytes())[0]);
    assert_eq!(full["source"]["ip"], "192.0.2.7");
    assert_eq!(written["source"], serde_json::Value::Null);
    assert_eq!(written["@timestamp"], full["@timestamp"]);
    assert_eq!(written["event"]["original"], full["event"]["original"]);
    assert_eq!(written["log"]["syslog"]["appname"], "sshd");
    assert_eq!(written["message"], "Accepted password for kim from 192.0.2.7 port 50000 ssh2");
    let (configured, _) = check_code(&dir, &["parse", "--config", "n.toml", "a.log"], 0);
    assert_eq!(ndjson(configured.as_bytes())[0]["related"], serde_json::Value::Null);
}

#[test]
fn character_sets_are_read_and_the_raw_bytes_kept() {
    use base64::Engine as _;
    let dir = WorkDir::default();
    // 表 and ソ end in the byte of the backslash.
    let line: &[u8] =
        b"<13>Mar  2 10:00:00 web01 app: user=\"\x95\x5C\x8C\x76\x89\xDB\" dir=\"C:\\\x83\x5C\x83\x74\x83\x67\" n=1";
    let text = "<13>Mar  2 10:00:00 web01 app: user=\"表計課\" dir=\"C:\\ソフト\" n=1";
    dir.write("sjis.log", [line, b"\n", line, b"\n"].concat());
    dir.write(
        "wide.log",
        format!("\u{FEFF}{text}\r\n{text}\n").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>(),
    );
    for args in
        [["--charset", "cp932", "sjis.log"], ["--charset", "auto", "sjis.log"], ["--charset", "auto", "wide.log"]]
    {
        let (out, _) = check_code(&dir, &[&["parse"][..], &args].concat(), 0);
        let events = ndjson(out.as_bytes());
        assert_eq!(events.len(), 2, "{args:?}");
        for event in &events {
            assert_eq!(event["event"]["original"].as_str(), Some(text), "{args:?}");
            assert_eq!(event["host"]["name"], "web01", "{event}");
            let kept = event["noroshi"]["original_base64"].as_str().expect("the raw record is kept");
            let kept = base64::engine::general_purpose::STANDARD.decode(kept).expect("it is base64");
            assert!(args[2] != "sjis.log" || kept == line);
        }
    }
    // A rule that names the text finds it, and the alert shows it.
    dir.write("r.yml", "title: t\nid: 5e7c9a52-2f0e-4b1f-8d8e-0c1d2e3f4a5b\nlogsource: {product: linux}\ndetection: {k: ['C:\\ソフト'], condition: k}\n");
    for file in ["sjis.log", "wide.log"] {
        let (out, _) = check_code(&dir, &["match", "--rules", "r.yml", "--ignore-logsource", file], 0);
        assert_eq!(ndjson(out.as_bytes()).len(), 2, "{file}: {out}");
    }
}

#[test]
fn unreadable_files_are_told_and_the_others_are_read() {
    let dir = WorkDir::default();
    dir.write("good.log", "one\n");
    dir.write("torn.gz", [0x1f, 0x8b, 8, 0, 0]);
    for bad in ["gone.log", "torn.gz", "."] {
        let (out, err) = check_code(&dir, &["parse", bad, "good.log"], 3);
        assert_eq!(ndjson(out.as_bytes()).len(), 1, "{bad}");
        assert!(err.starts_with("error: ") && err.contains(bad), "{err}");
    }
}

#[test]
fn match_tells_file_line_and_rule() {
    let dir = prepared();
    dir.write(
        "access.log",
        [s::nginx_get(1, "192.0.2.1", "/"), s::nginx_get(2, "192.0.2.1", "/../etc/passwd")].join("\n"),
    );
    dir.write("eve.json", s::eve_dns(3, "10.0.0.8", "cdn.bad-domain.example") + "\n");
    let base = ["match", "--rules", "rules", "--indicators", "iocs.txt", "--"];
    let (out, _) = check_code(&dir, &[&base[..], &["access.log", "eve.json"]].concat(), 0);
    let hits = ndjson(out.as_bytes());
    let rows: Vec<_> =
        hits.iter().map(|hit| (hit["file"].as_str(), hit["line"].as_u64(), hit["rule"]["id"].as_str())).collect();
    assert_eq!(
        rows,
        [
            (Some("access.log"), Some(2), Some(s::PASSWORD_FILE)),
            (Some("eve.json"), Some(1), Some("noroshi.indicator.domain"))
        ]
    );
    let (piped, _) = {
        let output = run(NOROSHI, dir.path(), &[&base[..], &["-"]].concat(), &dir.read("access.log"));
        (ndjson(&output.stdout), output)
    };
    assert_eq!((piped[0]["file"].as_str(), piped[0]["line"].as_u64()), (Some("-"), Some(2)));
}

#[test]
fn exit_codes_follow_hits_refusals_and_usage() {
    let dir = prepared();
    dir.write("hit.log", s::nginx_get(2, "192.0.2.1", "/../etc/passwd") + "\n");
    dir.write("none.log", s::nginx_get(2, "192.0.2.1", "/") + "\n");
    dir.write("bad/bad.yml", "title: Bad\nlogsource:\n    product: linux\ndetection:\n    selection:\n        a|soundslike: b\n    condition: selection\n");
    for command in ["match", "replay"] {
        let with = |args: &[&str], code| check_code(&dir, &[&[command][..], args].concat(), code);
        with(&["--rules", "rules", "--", "hit.log"], 0);
        with(&["--rules", "rules", "--fail-on-hit", "hit.log"], 1);
        with(&["--rules", "rules", "--fail-on-hit", "none.log"], 0);
        let (out, err) = with(&["--rules", "rules", "bad", "--", "hit.log"], 2);
        assert!(out.is_empty() && err.contains("bad/bad.yml:6:9") && err.contains("soundslike"), "{err}");
        let (out, err) = with(&["--rules", "rules", "bad", "--keep-going", "--", "hit.log"], 1);
        assert!(ndjson(out.as_bytes()).len() == 1 && err.contains("soundslike"), "{err}");
        with(&["hit.log"], 3);
        with(&["--rules", "rules", "--", "gone.log"], 3);
        with(&["--rules", "no-such-dir", "--", "hit.log"], 2);
        with(&["--no-such-flag"], 3);
    }
    check_code(&dir, &["check", "--rules", "rules"], 0);
    check_code(&dir, &["check", "--rules", "rules", "bad"], 2);
    let (sound, _) = check_code(&dir, &["check", "--rules", "rules", "--output", "table"], 0);
    let (told, _) = check_code(&dir, &["check", "--rules", "rules", "bad", "--keep-going", "--output", "table"], 1);
    let summary = sound.lines().last().expect("a summary").split_once("; rule set").expect("with the set").0;
    assert!(told.contains("bad/bad.yml:6:9") && told.contains("soundslike"), "{told}");
    assert!(told.contains(&summary.replace("0 errors", "1 errors")), "what is sound is all there: {told}");
    check_code(&dir, &["check"], 3);
    check_code(&dir, &["no-such-command"], 3);
    check_code(&dir, &["run", "--config", "gone.toml"], 3);
    check_code(&dir, &["--help"], 0);
    check_code(&dir, &["--version"], 0);
}

#[test]
fn check_tells_every_error_at_once_as_ndjson_with_its_place() {
    let dir = prepared();
    dir.write("rules/bad.yml", "title: Bad\nlogsource:\n    product: linux\ndetection:\n    selection:\n        a|soundslike: b\n    condition: selection\n---\ntitle: Worse\nlogsource:\n    product: linux\ndetection:\n    selection:\n        a: b\n    condition: selection and\n");
    dir.write("iocs.txt", "203.0.113.66\nthis is no indicator\n");
    dir.write("noroshi.toml", "timezone = \"Mars/Olympus\"\n[rules]\npaths = [\"rules\"]\n[indicators]\npaths = [\"iocs.txt\"]\n[[input]]\nname = \"a\"\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\nformat = \"asa9\"\n");
    let (out, _) = check_code(&dir, &["check", "--output", "ndjson", "--config", "noroshi.toml"], 3);
    let mut errors = ndjson(out.as_bytes());
    assert!(
        errors.len() >= 2
            && errors.iter().all(|error| error["file"].as_str().is_some_and(|file| file.ends_with("noroshi.toml")))
    );
    let (out, _) =
        check_code(&dir, &["check", "--output", "ndjson", "--rules", "rules", "--indicators", "iocs.txt"], 2);
    errors.extend(ndjson(out.as_bytes()));
    for error in &errors {
        for name in ["severity", "file", "message"] {
            assert!(error[name].is_string(), "{name} of {error}");
        }
        assert!(error["line"].as_u64() >= Some(1) && error["column"].as_u64() >= Some(1), "{error}");
    }
    let place = |file: &str, line: u64| {
        errors.iter().any(|error| error["file"].as_str().is_some_and(|f| f.ends_with(file)) && error["line"] == line)
    };
    assert!(place("noroshi.toml", 1) && place("noroshi.toml", 10), "{errors:#?}");
    assert!(place("bad.yml", 6) && place("bad.yml", 15) && place("iocs.txt", 2), "{errors:#?}");
    // An indicator line that is none is a warning.
    let (out, _) = check_code(&dir, &["check", "--output", "ndjson", "--indicators", "iocs.txt"], 1);
    assert_eq!(ndjson(out.as_bytes())[0]["severity"], "warning");
}

#[test]
fn init_writes_a_config_that_check_accepts_and_overwrites_nothing() {
    let dir = prepared();
    check_code(&dir, &["init"], 0);
    let text = dir.text("noroshi.toml");
    assert!(text.contains("[[input]]") && text.contains("# "), "commented");
    check_code(&dir, &["check", "--config", "noroshi.toml"], 0);
    dir.write("noroshi.toml", "node = \"mine\"\n");
    let (_, err) = check_code(&dir, &["init"], 3);
    assert!(err.contains("--force"), "{err}");
    assert_eq!(dir.text("noroshi.toml"), "node = \"mine\"\n");
    check_code(&dir, &["init", "--force"], 0);
    assert_eq!(dir.text("noroshi.toml"), text);
}

#[test]
fn completions_and_the_manual_page_are_printed() {
    let dir = WorkDir::default();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (out, _) = check_code(&dir, &["completions", shell], 0);
        assert!(out.contains("noroshi") && out.contains("replay"), "{shell}");
    }
    let (man, _) = check_code(&dir, &["man"], 0);
    assert!(man.contains(".TH noroshi") && man.contains("replay"), "{man}");
    check_code(&dir, &["completions", "tcsh"], 3);
}

#[test]
fn tables_show_terminal_sequences_of_log_text_and_obey_none() {
    let dir = prepared();
    let evil = "/../etc/passwd\x1b[2J\x1b]52;c;cm0gLXJm\x07\u{202e}txt.exe\u{9b}31m";
    dir.write("evil.log", s::nginx_get(1, "192.0.2.1", evil) + "\n");
    for args in [
        &["parse", "--output", "table", "evil.log"][..],
        &["match", "--output", "table", "--rules", "rules", "--", "evil.log"],
        &["replay", "--output", "table", "--rules", "rules", "--", "evil.log"],
    ] {
        let (out, err) = check_code(&dir, args, 0);
        assert!(out.to_lowercase().contains("passw"), "{args:?}: {out:?}");
        for text in [&out, &err] {
            let acts = |character: char| (character.is_control() && character != '\n') || character == '\u{202e}';
            assert!(!text.contains(acts), "{args:?}: {text:?}");
        }
    }
    // A rule file's own text is no better.
    dir.write("evil.yml", "title: \"\\e]52;c;AAAA\\a\"\nlogsource:\n    product: linux\ndetection:\n    selection:\n        \"a|\\e[2J\": b\n    condition: selection\n");
    let (out, err) = check_code(&dir, &["check", "--output", "table", "--rules", "evil.yml"], 2);
    assert!(!out.contains('\x1b') && !err.contains('\x1b'), "{out:?} {err:?}");
}

#[test]
fn json_output_is_one_array() {
    let dir = prepared();
    dir.write("hit.log", s::nginx_get(2, "192.0.2.1", "/../etc/passwd") + "\n");
    dir.write("none.log", s::nginx_get(2, "192.0.2.1", "/") + "\n");
    for (file, count) in [("hit.log", 1), ("none.log", 0)] {
        let (out, _) = check_code(&dir, &["match", "--output", "json", "--rules", "rules", "--", file], 0);
        let hits: Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!(hits.as_array().map(Vec::len), Some(count));
    }
}

#[test]
fn a_reader_that_goes_away_is_no_fault() {
    let dir = WorkDir::default();
    dir.write("lines.log", s::busy_hour(9, 5000).join("\n") + "\n");
    let script = format!("set -o pipefail; '{NOROSHI}' parse lines.log | head -n 1");
    let Ok(output) = std::process::Command::new("bash").args(["-c", &script]).current_dir(dir.path()).output() else {
        eprintln!("skipped: no bash to build a pipe");
        return;
    };
    assert_eq!((output.status.code(), output.stderr.is_empty()), (Some(0), true), "{}", told(&output));
}

#[test]
fn explain_tells_every_part_for_hits_and_misses() {
    let dir = prepared();
    dir.write("rule.yml", "title: Copy Out\nid: copy-out\nlogsource:\n    product: windows\n    category: process_creation\ndetection:\n    s:\n        Image|endswith: \\robocopy.exe\n        CommandLine|contains: [' /mir', ' /e']\n    f:\n        User: backup\n    condition: s and not f\n");
    let event = |user: &str| {
        format!(
            r#"{{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"Image":"C:\\Windows\\robocopy.exe","CommandLine":"robocopy a b /e","User":"{user}"}}"#
        )
    };
    dir.write("events.json", format!("{}\n{}\n", event("alice"), event("backup")));
    let told =
        |args: &[&str]| ndjson(check_code(&dir, &[&["explain", "--output", "ndjson"], args].concat(), 0).0.as_bytes());
    let hit = told(&["--rule", "rule.yml", "--event", "events.json"]);
    assert_eq!((&hit[0]["matches"], &hit[0]["rule"]["id"]), (&true.into(), &"copy-out".into()));
    let image = &hit[0]["condition"]["parts"][0]["parts"][0];
    assert_eq!((&image["part"], &image["values"][0]), (&"Image|endswith".into(), &"C:\\Windows\\robocopy.exe".into()));
    let miss = told(&["--rules", ".", "--rule", "copy-out", "--event", "events.json", "--line", "2"]);
    assert_eq!((&miss[0]["matches"], &miss[0]["condition"]["parts"][1]["holds"]), (&false.into(), &false.into()));
    assert_eq!(told(&["--rule", "rule.yml", "--event", &event("x")])[0]["matches"], true);
    let (out, _) =
        check_code(&dir, &["explain", "--output", "table", "--rule", "rule.yml", "--event", "events.json"], 0);
    assert!(out.contains("the rule matches") && out.contains("User: backup   [User = \"alice\"]"), "{out}");
    check_code(&dir, &["explain", "--rule", "rule.yml", "--event", "events.json", "--line", "3"], 3);
    check_code(&dir, &["explain", "--rules", ".", "--rule", "no-such-rule", "--event", "x"], 3);
}

#[test]
fn a_checkout_of_public_rules_is_read_without_what_is_set_aside() {
    let dir = WorkDir::default();
    let rule = |id: &str| {
        format!("title: T\nid: {id}\nlogsource:\n    product: linux\ndetection:\n    s: [x]\n    condition: s\n")
    };
    for folder in ["rules", "rules-threat-hunting", "rules-placeholder", "unsupported", "deprecated", "tests"] {
        dir.write(&format!("sigma/{folder}/a.yml"), rule(folder));
    }
    let (out, _) = check_code(&dir, &["check", "--output", "table", "--rules", "sigma"], 0);
    assert!(out.contains("2 rules,"), "{out}");
    let (out, _) = check_code(&dir, &["check", "--output", "table", "--rules", "sigma", "sigma/unsupported"], 0);
    assert!(out.contains("3 rules,"), "{out}");
}

#[test]
fn coverage_names_the_rules_that_can_never_match_and_lists_feed_placeholders() {
    let dir = prepared();
    dir.write(
        "cover/slip.yml",
        "title: Slip\nid: slip\nlogsource:\n    product: windos\ndetection:\n    s: [x]\n    condition: s\n",
    );
    dir.write("cover/web.yml", "title: Web\nid: web\nlogsource:\n    category: webserver\ndetection:\n    s:\n        cs-host|expand: '%Servers%'\n    condition: s\n");
    dir.write("lists/Servers.txt", "srv*\n");
    dir.write("hit.log", s::nginx_get(2, "192.0.2.1", "/") + "\n");
    check_code(&dir, &["check", "--rules", "cover"], 2);
    check_code(&dir, &["check", "--rules", "cover", "--lists", "lists"], 0);
    dir.write("noroshi.toml", "[rules]\npaths = [\"cover\"]\nlists = [\"lists\"]\n[[input]]\nname = \"a\"\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\nformat = \"cisco_asa\"\n");
    let blind = |args: &[&str]| {
        let args = [&["rules", "coverage", "--output", "ndjson"], args].concat();
        let found = ndjson(check_code(&dir, &args, 1).0.as_bytes());
        found.iter().map(|one| format!("{} {}", one["rule"]["id"], one["reason"]).replace('"', "")).collect::<Vec<_>>()
    };
    assert_eq!(blind(&["--config", "noroshi.toml"]), ["slip unknown_name", "web not_there"]);
    assert_eq!(blind(&["--config", "noroshi.toml", "--", "hit.log"]), ["slip unknown_name", "web no_field"]);
    check_code(&dir, &["rules", "coverage"], 3);
}
