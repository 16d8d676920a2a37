//! Rules and indicators change without a restart, all or nothing, and the digest in force is told.

use std::io::Write as _;

use noroshi_tests::process::Engine;
use noroshi_tests::scenario as s;
use noroshi_tests::work_dir::WorkDir;
use noroshi_tests::{alerts, send, until};

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

fn config(reload_interval_s: u32) -> String {
    format!(
        "state_dir = \"state\"\ntimezone = \"UTC\"\n[rules]\npaths = [\"rules\"]\nreload_interval_s = {reload_interval_s}\n\
         [indicators]\npaths = [\"iocs.txt\"]\n[metrics]\nlisten = \"127.0.0.1:0\"\n\
         [[input]]\nname = \"net\"\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n\
         [[output]]\ntype = \"file\"\npath = \"alerts.ndjson\"\n"
    )
}

const ROOT_ASKED: &str = "title: Root Asked For
id: 22222222-0000-4000-8000-000000000001
logsource:
    category: webserver
detection:
    selection:
        url.path|contains: /root
    condition: selection
level: high
";

const BROKEN: &str = "title: Broken
logsource:
    category: webserver
detection:
    selection:
        url.path|soundslike: /root
    condition: selection
";

fn start(reload_interval_s: u32) -> (WorkDir, Engine) {
    start_with(reload_interval_s, &[])
}

fn start_with(reload_interval_s: u32, args: &[&str]) -> (WorkDir, Engine) {
    let dir = WorkDir::default();
    dir.write("noroshi.toml", config(reload_interval_s));
    dir.write("rules/e2e.yml", s::RULES);
    dir.write("iocs.txt", s::INDICATORS);
    let engine = Engine::start(NOROSHI, dir.path(), args);
    (dir, engine)
}

/// The digest that metrics name as in force.
fn digest(engine: &Engine) -> String {
    let (_, metrics) = engine.get("/metrics");
    let line = metrics.lines().find(|line| line.starts_with("noroshi_detection_info{")).expect("the digest is told");
    line.split('"').nth(1).expect("a label").to_owned()
}

/// Sends a request line and waits until it is worked off; the titles of all alerts so far.
fn request(dir: &WorkDir, engine: &Engine, path: &str, received: u64) -> Vec<String> {
    let mut connection = send::tcp(engine.address("net"));
    let line = s::nginx_get(received as u32, "192.0.2.1", path);
    connection.write_all(format!("{line}\n").as_bytes()).expect("the engine reads");
    engine.wait_received("net", received);
    let counted = || engine.metric("noroshi_output_delivered_total", "") >= engine.metric("noroshi_alerts_total", "");
    until("every alert is in the file", || counted().then_some(()), || engine.log());
    let told = alerts::parse(&dir.text("alerts.ndjson"));
    told.iter().map(|alert| alert["rule"]["name"].as_str().unwrap_or_default().to_owned()).collect()
}

#[test]
fn a_changed_rule_file_is_in_force_without_restart_and_an_invalid_one_is_refused_whole() {
    let (dir, engine) = start(1);
    let first = digest(&engine);
    assert_eq!(request(&dir, &engine, "/root/.ssh", 1), [""; 0]);

    dir.write("rules/root.yml", ROOT_ASKED);
    let line = engine.wait_log(" reloaded ");
    let second = digest(&engine);
    assert_ne!(first, second);
    assert!(line.contains(&format!("before={first}")) && line.contains(&format!("digest={second}")), "{line}");
    assert_eq!(request(&dir, &engine, "/root/.ssh", 2), ["Root Asked For"]);
    let told = alerts::parse(&dir.text("alerts.ndjson"));
    assert!(
        told[0]["noroshi"]["digests"]["rules"].as_str().is_some_and(|digest| digest.starts_with(&second)),
        "{told:?}"
    );

    // One bad rule beside a good one: neither runs, and the old set does.
    dir.write("rules/root.yml", format!("{}---\n{BROKEN}", ROOT_ASKED.replace("/root", "/home")));
    let refused = engine.wait_log("reload refused");
    assert!(refused.contains(&second), "{refused}");
    let log = engine.log();
    assert!(log.contains("rules/root.yml:16:9") && log.contains("soundslike"), "file, line and column: {log}");
    assert_eq!(digest(&engine), second);
    assert_eq!(engine.metric("noroshi_reloads_refused_total", ""), 1.0);
    assert_eq!(request(&dir, &engine, "/home/.ssh", 3), ["Root Asked For"]);
    assert_eq!(request(&dir, &engine, "/root/.ssh", 4), ["Root Asked For"; 2]);

    // Mended, it is taken.
    dir.write("rules/root.yml", ROOT_ASKED.replace("/root", "/home"));
    engine.wait_metric("noroshi_reloads_total", "", 2);
    assert_eq!(request(&dir, &engine, "/home/.ssh", 5), ["Root Asked For"; 3]);
    engine.terminate().assert_clean();
}

const OFFICE: &str = "title: From The Office
id: 22222222-0000-4000-8000-000000000002
logsource:
    category: webserver
detection:
    selection:
        source.offices.town: tokyo
    condition: selection
level: low
";

#[test]
fn a_table_that_breaks_leaves_the_one_before_in_force() {
    let dir = WorkDir::default();
    dir.write("noroshi.toml", config(1) + "[tables]\npath = \"tables\"\n");
    dir.write("rules/office.yml", OFFICE);
    dir.write("tables/offices.csv", "cidr,town\n192.0.2.0/24,tokyo\n");
    dir.write("iocs.txt", s::INDICATORS);
    let engine = Engine::start(NOROSHI, dir.path(), &[]);
    assert_eq!(request(&dir, &engine, "/", 1), ["From The Office"]);

    dir.write("tables/offices.csv", "cidr,town\n192.0.2.0/24,tokyo\n198.51.100.0/33,osaka\n");
    engine.wait_log("reload refused");
    assert!(engine.log().contains("offices.csv:3"), "the place is told: {}", engine.log());
    assert_eq!(request(&dir, &engine, "/", 2), ["From The Office"; 2]);

    dir.write("tables/offices.csv", "cidr,town\n192.0.2.0/24,osaka\n");
    engine.wait_metric("noroshi_reloads_total", "", 1);
    assert_eq!(request(&dir, &engine, "/", 3), ["From The Office"; 2]);
    engine.terminate().assert_clean();
}

#[test]
fn told_to_go_on_a_reload_takes_what_is_sound_and_names_what_it_leaves_out() {
    let (dir, engine) = start_with(1, &["--keep-going"]);
    let first = digest(&engine);
    dir.write("rules/root.yml", format!("{ROOT_ASKED}---\n{BROKEN}"));
    engine.wait_metric("noroshi_reloads_total", "", 1);
    assert_ne!(digest(&engine), first);
    let log = engine.log();
    assert!(log.contains("rules/root.yml:16:9") && log.contains("soundslike"), "what is left out is told: {log}");
    assert!(log.contains("left out") && log.contains("refused=1"), "{log}");
    assert_eq!(engine.metric("noroshi_reloads_refused_total", ""), 0.0);
    assert_eq!(request(&dir, &engine, "/root/.ssh", 1), ["Root Asked For"]);
    engine.terminate().assert_clean();
}

#[test]
fn sighup_reloads_rules_and_indicators_when_nobody_watches() {
    let (dir, engine) = start(0);
    let before = digest(&engine);
    dir.write("iocs.txt", format!("{}192.0.2.1\n", s::INDICATORS));
    engine.signal("HUP");
    let line = engine.wait_log(" reloaded ");
    assert!(line.contains("SIGHUP") && line.contains("indicators=3"), "{line}");
    assert_eq!(digest(&engine), before, "the rules are the same");
    assert_eq!(request(&dir, &engine, "/", 1), ["Known indicator contacted (ip)"]);
    engine.terminate().assert_clean();
}

#[test]
fn an_indicator_list_that_changes_is_taken_up() {
    let (dir, engine) = start(1);
    assert_eq!(request(&dir, &engine, "/", 1), [""; 0]);
    dir.write("iocs.txt", "192.0.2.0/24\n");
    engine.wait_metric("noroshi_reloads_total", "", 1);
    assert_eq!(request(&dir, &engine, "/", 2), ["Known indicator contacted (cidr)"]);
    engine.terminate().assert_clean();
}

#[test]
fn an_unchanged_correlation_keeps_its_open_window_over_a_reload() {
    let (dir, engine) = start(0);
    let mut connection = send::tcp(engine.address("net"));
    let mut send_failures = |seconds: std::ops::Range<u32>, received: u64| {
        for second in seconds {
            let line = s::ssh_failed(second, "bastion", "root", "203.0.113.7");
            connection.write_all(format!("{line}\n").as_bytes()).expect("the engine reads");
        }
        engine.wait_received("net", received);
    };
    send_failures(0..3, 3);
    dir.write("rules/root.yml", ROOT_ASKED);
    engine.signal("HUP");
    engine.wait_log(" reloaded ");
    send_failures(3..6, 6);
    let brute =
        || alerts::parse(&dir.text("alerts.ndjson")).into_iter().find(|alert| alert["rule"]["id"] == s::BRUTE_FORCE);
    let alert = until("the brute force is told", brute, || engine.log());
    assert_eq!(alert["first_seen"], s::stamp(0).as_str());
    engine.terminate().assert_clean();
}

/// What a stream with a burst, requests and contacts raises when the set is loaded anew so many times meanwhile: the ids of all alerts.
fn told_under(reloads: u32) -> Vec<(String, String)> {
    const CHUNKS: u32 = 40;
    const LINES: u32 = 200;
    let (dir, engine) = start(0);
    let mut connection = send::tcp(engine.address("net"));
    for chunk in 0..CHUNKS {
        let mut lines = String::new();
        for at in 0..LINES {
            let second = chunk * 10 + at / 20;
            let line = match at % 50 {
                // The burst of one address spans the chunks, so that its window is open in every reload.
                7 => s::ssh_failed(second, "bastion", "root", "203.0.113.7"),
                19 => s::nginx_get(second, "192.0.2.1", &format!("/{chunk}/{at}/etc/passwd")),
                33 => s::fortigate_accepted(second, "fw1", "192.0.2.9", "203.0.113.66"),
                _ => s::nginx_get(second, "192.0.2.1", &format!("/{chunk}/{at}")),
            };
            lines.push_str(&line);
            lines.push('\n');
        }
        // A set of the same rules and indicators, that nevertheless is another.
        if chunk % (CHUNKS / reloads.max(1)) == 0 && chunk / (CHUNKS / reloads.max(1)) < reloads {
            // Put in place whole: an earlier reload may be reading.
            dir.replace("iocs.txt", format!("{}# {chunk}\n", s::INDICATORS));
            engine.signal("HUP");
        }
        connection.write_all(lines.as_bytes()).expect("the engine reads");
    }
    engine.wait_received("net", u64::from(CHUNKS * LINES));
    if reloads > 0 {
        // Signals of one moment are one.
        engine.wait_metric("noroshi_reloads_total", "", 1);
    }
    engine.terminate().assert_clean();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let told = alerts::parse(&dir.text("alerts.ndjson"));
    let mut told: Vec<_> =
        told.iter().map(|alert| (text(&alert["rule"]["name"]), text(&alert["noroshi"]["id"]))).collect();
    told.sort();
    told.dedup();
    told
}

#[test]
fn reloads_in_mid_stream_lose_no_event_and_no_alert() {
    let quiet = told_under(0);
    let of = |name: &str, told: &[(String, String)]| told.iter().filter(|(rule, _)| rule.starts_with(name)).count();
    assert_eq!(of("Password File Asked For", &quiet), 160);
    assert_eq!(of("Known indicator contacted", &quiet), 160);
    assert!(of("SSH Brute Force", &quiet) > 0, "{quiet:?}");
    assert_eq!(told_under(8), quiet);
}
