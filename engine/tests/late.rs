//! What came too late is listed, and told with the alert that it would have changed.

use noroshi_tests::process::{Engine, run, told};
use noroshi_tests::scenario as s;
use noroshi_tests::work_dir::WorkDir;
use noroshi_tests::{alerts, until};

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

const CONFIG: &str = r#"
state_dir = "state"
timezone = "UTC"
[rules]
paths = ["rules"]
[[input]]
name = "log"
type = "file"
paths = ["app.log"]
poll_interval_ms = 20
clock_offsets_s = { slow = 3600 }
[[output]]
type = "file"
path = "alerts.ndjson"
"#;

fn lines(from: u32, to: u32) -> String {
    (from..to).map(|second| s::ssh_failed(second, "bastion", "root", "203.0.113.7") + "\n").collect()
}

#[test]
fn a_late_hit_is_listed_and_explained_with_its_alert_and_a_declared_clock_is_corrected() {
    let dir = WorkDir::default();
    dir.write("noroshi.toml", CONFIG);
    dir.write("rules/e2e.yml", s::RULES);
    // A host whose clock is an hour behind, as declared: its failures are of the same minute.
    let slow: String = (0..5).map(|second| s::ssh_failed(second, "slow", "root", "203.0.113.9") + "\n").collect();
    dir.write(
        "app.log",
        lines(3600, 3606) + &slow + &s::ssh_listening(4200, "bastion") + "\n" + &s::ssh_listening(600, "slow") + "\n",
    );
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    let finals = || alerts::finals(&alerts::parse(&dir.text("alerts.ndjson")));
    let both = || (dir.join("alerts.ndjson").exists() && finals().len() == 2).then(finals);
    let found = until("both are final", both, || engine.log());
    let of = |ip: &str| found.iter().find(|alert| alert["source"]["ip"] == ip).expect("one for each address").clone();
    assert_eq!(of("203.0.113.9")["first_seen"], s::stamp(3600).as_str());
    dir.append("app.log", lines(3602, 3603));
    let listed = || std::fs::read_to_string(dir.join("state/late.ndjson")).ok().filter(|text| text.ends_with('\n'));
    let text = until("the late hit is listed", listed, || engine.log());
    assert!(text.contains("\"verdict\":\"late\"") && text.contains(s::BRUTE_FORCE), "{text}");
    engine.terminate().assert_clean();
    let id = of("203.0.113.7")["noroshi"]["id"].as_str().expect("an id").to_owned();
    let args =
        ["explain", &id, "app.log", "--rules", "rules", "--alerts", "alerts.ndjson", "--late", "state/late.ndjson"];
    let explained = run(NOROSHI, dir.path(), &[&args[..], &["--output", "table"]].concat(), b"");
    let output = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(output.contains("Late or future hits around it, in no window: 1"), "{}", told(&explained));
    let document = run(NOROSHI, dir.path(), &[&args[..], &["--output", "json"]].concat(), b"");
    let document: serde_json::Value = serde_json::from_slice(&document.stdout).expect("JSON");
    assert_eq!((&document["late_total"], &document["late"][0]["group"][0]), (&1.into(), &"203.0.113.7".into()));
}

/// Replay corrects the clocks that are declared, and with `--live` leaves out what a run would have.
#[test]
fn a_replay_with_the_configuration_corrects_clocks_and_follows_watermarks_where_it_is_told_to() {
    let dir = WorkDir::default();
    dir.write("noroshi.toml", CONFIG);
    dir.write("rules/e2e.yml", s::RULES);
    let failed = |host: &str, seconds: std::ops::Range<u32>| -> String {
        seconds.map(|second| s::ssh_failed(second, host, "root", "203.0.113.7") + "\n").collect()
    };
    // Three of one host, two of another whose clock is an hour behind, then an hour of quiet.
    dir.write(
        "app.log",
        failed("bastion", 3600..3603) + &failed("slow", 3..5) + &s::ssh_listening(7200, "bastion") + "\n",
    );
    dir.write("on.log", s::ssh_listening(9000, "bastion") + "\n");
    dir.write("behind.log", failed("bastion", 3605..3606));
    let replay = |args: &[&str]| {
        let done =
            run(NOROSHI, dir.path(), &[&["replay", "--rules", "rules", "--output", "ndjson"], args].concat(), b"");
        assert_eq!(done.status.code(), Some(0), "{}", told(&done));
        (alerts::parse(&String::from_utf8_lossy(&done.stdout)), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    assert_eq!(replay(&["app.log"]).0.len(), 0, "an hour apart");
    let (found, _) = replay(&["--config", "noroshi.toml", "app.log"]);
    assert_eq!((found.len(), &found[0]["noroshi"]["count"]), (1, &5.into()));
    assert_eq!(found[0]["last_seen"], s::stamp(3604).as_str());
    let (all, quiet) = replay(&["--config", "noroshi.toml", "app.log", "on.log", "behind.log"]);
    assert_eq!((&all[0]["noroshi"]["count"], quiet.as_str()), (&6.into(), ""));
    let (live, warned) = replay(&["--config", "noroshi.toml", "--live", "app.log", "on.log", "behind.log"]);
    assert_eq!((&live[0]["noroshi"]["id"], &live[0]["noroshi"]["count"]), (&found[0]["noroshi"]["id"], &5.into()));
    assert!(warned.contains("1 hits came later than declared"), "{warned}");
}
