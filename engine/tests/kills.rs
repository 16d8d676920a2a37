//! Killed anywhere, started again: the final alerts are those of a run that nobody disturbed, each once and the same in every byte.
//!
//! A few kills here; `make kills` does two hundred, from the seed in `NOROSHI_KILLS_SEED`.

use std::collections::BTreeMap;
use std::time::Duration;

use noroshi_tests::process::Engine;
use noroshi_tests::rng::Rng;
use noroshi_tests::scenario as s;
use noroshi_tests::work_dir::WorkDir;
use noroshi_tests::{alerts, until};

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

/// Kinds with their state in windows, in sieves, in the tower; and a count over a file of its own.
const CORRELATIONS: &str = "---
title: Accepted
id: 22222222-0000-4000-8000-000000000001
name: accepted
logsource: {product: linux, service: sshd}
detection: {s: {event.category: authentication, event.outcome: success}, condition: s}
---
title: Failures, then a success
id: 22222222-0000-4000-8000-000000000002
level: high
correlation:
  type: temporal_ordered
  rules: [e2e_ssh_failed, accepted]
  group-by: [source.ip]
  timespan: 3m
---
title: No success after a failure
id: 22222222-0000-4000-8000-000000000003
level: low
correlation:
  type: absence
  rules: [e2e_ssh_failed, accepted]
  group-by: [source.ip]
  timespan: 2m
---
title: A user not seen before
id: 22222222-0000-4000-8000-000000000004
level: low
correlation:
  type: new_value
  rules: [accepted]
  group-by: [host.name]
  timespan: 1m
  condition: {field: user.name, horizon: 20m, warmup: 5m}
---
title: Failures in a minute
id: 22222222-0000-4000-8000-000000000005
level: low
correlation:
  type: volume
  rules: [e2e_ssh_failed]
  group-by: [host.name]
  timespan: 1m
  condition: {gte: 9}
---
title: Brute force and a new user
id: 22222222-0000-4000-8000-000000000006
level: critical
correlation:
  type: risk
  rules: [11111111-0000-4000-8000-000000000002, accepted]
  group-by: [source.ip]
  timespan: 10m
  scores: {11111111-0000-4000-8000-000000000002: 30, accepted: 5}
  condition: {gte: 35}
";

const CONFIG: &str = r#"
state_dir = "state"
timezone = "UTC"
[engine]
snapshot_interval_ms = 25
[rules]
paths = ["rules"]
[metrics]
listen = "127.0.0.1:0"
[[input]]
name = "log"
type = "file"
paths = ["hosts.log"]
poll_interval_ms = 20
[[input]]
name = "web"
type = "file"
paths = ["web.log"]
poll_interval_ms = 20
[[output]]
type = "file"
path = "alerts.ndjson"
"#;

fn ssh_accepted(second: u32, host: &str, user: &str, ip: &str) -> String {
    let time = s::stamp(second);
    format!("<86>1 {time} {host} sshd 4242 - - Accepted password for {user} from {ip} port 50022 ssh2")
}

/// A minute of the hosts' log and of the web server's.
fn minute(rng: &mut Rng, number: u32) -> (String, String) {
    let (mut hosts, mut web) = (String::new(), String::new());
    for second in number * 60..(number + 1) * 60 {
        let ip = format!("198.51.100.{}", rng.below(12));
        let host = ["bastion-1", "bastion-2"][rng.below(2)];
        let line = match rng.below(20) {
            0..=7 => s::ssh_failed(second, host, "root", &ip),
            8..=11 => s::asa_denied(second, "fw-edge", &ip, 20 + rng.below(9) as u16),
            12 => ssh_accepted(second, host, &format!("user{}", rng.below(60)), &ip),
            _ => s::ssh_listening(second, host),
        };
        hosts.push_str(&(line + "\n"));
        if rng.below(10) == 0 {
            web.push_str(&(s::nginx_get(second, &ip, &format!("/{second}/../etc/passwd")) + "\n"));
        }
    }
    // Every source moves on at the end of the minute, so that no window waits for one that had nothing to say.
    let last = number * 60 + 59;
    for line in
        [s::ssh_listening(last, "bastion-1"), s::ssh_listening(last, "bastion-2"), s::asa_command(last, "fw-edge")]
    {
        hosts.push_str(&(line + "\n"));
    }
    (hosts, web)
}

const MINUTES: u32 = 60;

fn finals(dir: &WorkDir) -> Vec<String> {
    if !dir.join("alerts.ndjson").exists() {
        return Vec::new();
    }
    alerts::canonical_finals(&alerts::parse(&dir.text("alerts.ndjson")))
}

fn kills() -> (usize, u64) {
    let number = |name: &str, default: u64| match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => default,
    };
    (number("NOROSHI_KILLS", 8) as usize, number("NOROSHI_KILLS_SEED", 1))
}

#[test]
fn kills_at_any_moment_lose_no_alert_and_invent_none() {
    let (kills, seed) = kills();
    let mut done = 0;
    // So many kills a pass over the hour; each pass from another seed.
    let passes = kills.div_ceil(25);
    for pass in 0..passes {
        let here = (kills - done).div_ceil(passes - pass);
        pass_with(here, seed + pass as u64);
        done += here;
    }
    assert_eq!(done, kills);
}

fn pass_with(kills: usize, seed: u64) {
    let mut rng = Rng::new(seed);
    let minutes: Vec<(String, String)> = (0..MINUTES).map(|number| minute(&mut rng, number)).collect();
    let dir = WorkDir::default();
    dir.write("rules/e2e.yml", format!("{}{CORRELATIONS}", s::RULES));
    // Undisturbed, from files of the same names, as the place of a record is part of its identity.
    dir.write("noroshi.toml", CONFIG);
    let (hosts, web): (Vec<&str>, Vec<&str>) = minutes.iter().map(|(hosts, web)| (&**hosts, &**web)).unzip();
    dir.write("hosts.log", hosts.concat());
    dir.write("web.log", web.concat());
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    engine.wait_received("log", hosts.concat().lines().count() as u64);
    engine.wait_received("web", web.concat().lines().count() as u64);
    // A clean stop works off what was read, and tells what became final by it.
    engine.terminate().assert_clean();
    let expected = finals(&dir);
    assert_kinds(&expected);

    // Another life begins.
    std::fs::remove_dir_all(dir.join("state")).expect("it is there");
    for file in ["hosts.log", "web.log", "alerts.ndjson"] {
        std::fs::remove_file(dir.join(file)).expect("it is there");
    }
    let mut engine = Engine::start(NOROSHI, dir.path(), &[]);
    let mut taken_up = 0;
    let mut killed = 0;
    for (number, (hosts, web)) in minutes.iter().enumerate() {
        dir.append("web.log", web);
        // In two writes whose border is inside a line.
        let (head, tail) = hosts.split_at(rng.below(hosts.len()));
        dir.append("hosts.log", head);
        let due = kills * (number + 1) / minutes.len();
        while killed < due {
            // From before it has read anything to after the next snapshots.
            std::thread::sleep(Duration::from_micros(rng.below(600_000) as u64));
            engine.kill();
            killed += 1;
            engine = Engine::start(NOROSHI, dir.path(), &[]);
            taken_up += usize::from(engine.log().contains("taken up"));
            assert!(!engine.log().contains("not taken up"), "{}", engine.log());
        }
        dir.append("hosts.log", tail);
    }
    assert_eq!(killed, kills);
    until(
        "as many finals as without kills",
        || (finals(&dir).len() >= expected.len()).then_some(()),
        || format!("{} of {}\n{}", finals(&dir).len(), expected.len(), engine.log()),
    );
    engine.terminate().assert_clean();
    alerts::assert_equal(&finals(&dir), &expected, &format!("seed {seed}, after {kills} kills"));
    // Most starts go on from a snapshot: the first kills may come before there is one.
    println!("seed {seed}: {kills} kills, {} finals, {taken_up} starts from a snapshot", expected.len());
    assert!(taken_up * 2 >= kills, "{taken_up} of {kills}");
}

/// Every correlation tells something, so that nothing is compared with nothing.
fn assert_kinds(finals: &[String]) {
    let mut by_rule: BTreeMap<String, usize> = BTreeMap::new();
    for alert in finals {
        let alert: serde_json::Value = serde_json::from_str(alert).expect("JSON");
        *by_rule.entry(alert["rule"]["name"].to_string()).or_default() += 1;
    }
    assert!(by_rule.len() >= 8, "{by_rule:#?}");
}
