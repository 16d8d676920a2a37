//! Order does not matter: permutations, workers and shards change no byte of the finals.

use std::io::Write as _;

use noroshi_tests::process::{Engine, metric, run, told};
use noroshi_tests::rng::Rng;
use noroshi_tests::scenario as s;
use noroshi_tests::work_dir::WorkDir;
use noroshi_tests::{alerts, send, until};
use serde_json::Value;

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

const LINES: usize = 1500;

/// Two hours of lateness: any order of the hour is within.
fn config(shards: usize) -> String {
    format!(
        "state_dir = \"state\"\ntimezone = \"UTC\"\n[rules]\npaths = [\"rules\"]\n[indicators]\npaths = [\"iocs.txt\"]\n\
         [correlation]\nlateness_s = 7200\n[metrics]\nlisten = \"127.0.0.1:0\"\n\
         [[input]]\nname = \"net\"\ntype = \"tcp\"\nlisten = \"127.0.0.1:0\"\n\
         [[output]]\ntype = \"file\"\npath = \"alerts.ndjson\"\n[engine]\nshards = {shards}\n"
    )
}

fn prepared(config: &str) -> WorkDir {
    let dir = WorkDir::default();
    dir.write("noroshi.toml", config);
    dir.write("rules/e2e.yml", s::RULES);
    dir.write("iocs.txt", s::INDICATORS);
    dir
}

/// The alerts of the lines sent in the order of `seed` over three connections.
fn live(lines: &[String], seed: u64, workers: usize, shards: usize) -> Vec<Value> {
    let dir = prepared(&config(shards));
    let engine = Engine::start(NOROSHI, dir.path(), &["--workers", &workers.to_string()]);
    let mut rng = Rng::new(seed);
    let mut permuted = lines.to_vec();
    rng.shuffle(&mut permuted);
    let mut connections: Vec<_> = (0..3).map(|_| send::tcp(engine.address("net"))).collect();
    for chunk in permuted.chunks(37) {
        let to = &mut connections[rng.below(3)];
        to.write_all(&send::mixed_framing(chunk)).expect("the engine reads");
    }
    engine.wait_received("net", lines.len() as u64);
    let closing = s::closing(4 * 3600);
    connections[0].write_all(&send::mixed_framing(&closing)).expect("the engine reads");
    let received = (lines.len() + closing.len()) as u64;
    engine.wait_received("net", received);
    // Keys are forgotten once their episodes are told as final. Both figures are of one moment.
    let quiet = || {
        let (_, metrics) = engine.get("/metrics");
        let sum = |name| metric(&metrics, name, "");
        (sum("noroshi_correlation_hits_total") > 0.0 && sum("noroshi_correlation_keys") == 0.0).then_some(())
    };
    until("all windows are over", quiet, || engine.get("/metrics").1);
    drop(connections);
    let rows = engine.terminate().assert_clean();
    assert_eq!(rows["net"].received, received);
    alerts::parse(&dir.text("alerts.ndjson"))
}

/// The canonical finals without the digest of the configuration, which names the number of shards.
fn comparable(told: &[Value]) -> Vec<String> {
    let mut told = told.to_vec();
    for alert in &mut told {
        if let Some(digests) = alert["noroshi"]["digests"].as_object_mut() {
            digests.remove("config");
        }
    }
    alerts::canonical_finals(&told)
}

/// What a correlation's final says beside its evidence, whose places differ between file and socket.
fn essence(told: &[Value]) -> Vec<String> {
    let mut rows: Vec<String> = alerts::finals(told)
        .iter()
        .map(|alert| {
            let is_correlation = [s::BRUTE_FORCE, s::PORT_SCAN].contains(&alert["rule"]["id"].as_str().unwrap_or(""));
            let id = if is_correlation { &alert["noroshi"]["id"] } else { &Value::Null };
            format!(
                "{} {} {} {id} {}",
                alert["rule"]["id"], alert["first_seen"], alert["last_seen"], alert["noroshi"]["count"]
            )
        })
        .collect();
    rows.sort();
    rows
}

fn replay(dir: &WorkDir, workers: &str, files: &[&str]) -> Vec<u8> {
    let mut args = vec!["replay", "--rules", "rules", "--indicators", "iocs.txt", "--workers", workers];
    args.extend(files);
    let output = run(NOROSHI, dir.path(), &args, b"");
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    output.stdout
}

#[test]
fn finals_are_equal_for_every_order_workers_and_shards_and_equal_to_replay() {
    // Lines equal in every byte make one single-event alert on a socket but two in a file; none are wanted here.
    let mut lines = s::busy_hour(20, LINES);
    let mut seen = std::collections::HashSet::new();
    lines.retain(|line| line.contains("sshd") || line.contains("ASA") || seen.insert(line.clone()));

    let runs: Vec<(usize, usize)> = [1, 2, 4].iter().flat_map(|&w| [1, 2, 4].map(|s| (w, s))).collect();
    let results: Vec<Vec<Value>> = std::thread::scope(|scope| {
        let started: Vec<_> = runs
            .iter()
            .enumerate()
            .map(|(seed, &(workers, shards))| {
                let lines = &lines;
                scope.spawn(move || live(lines, seed as u64, workers, shards))
            })
            .collect();
        started.into_iter().map(|one| one.join().expect("no run panics")).collect()
    });
    let first = comparable(&results[0]);
    for rule in [s::BRUTE_FORCE, s::PORT_SCAN, s::PASSWORD_FILE, "noroshi.indicator.domain"] {
        let found = first.iter().filter(|alert| alert.contains(rule)).count();
        assert!(found > 5, "{found} alerts of {rule}");
    }
    for (result, (workers, shards)) in results.iter().zip(&runs).skip(1) {
        alerts::assert_equal(&comparable(result), &first, &format!("{workers} workers, {shards} shards"));
    }

    // A file of the same lines, in time or not, gives the same finals.
    let dir = prepared(&config(1));
    Rng::new(99).shuffle(&mut lines);
    lines.extend(s::closing(4 * 3600));
    dir.write("all.log", lines.join("\n") + "\n");
    let replayed = replay(&dir, "1", &["all.log"]);
    let parsed = alerts::parse(&String::from_utf8_lossy(&replayed));
    assert!(parsed.iter().all(|alert| alert["noroshi"]["provenance"].is_null()));
    assert_eq!(essence(&parsed), essence(&results[0]));

    // The same input gives the same bytes, whatever the workers.
    for workers in ["1", "2", "4"] {
        assert!(replay(&dir, workers, &["all.log"]) == replayed, "{workers} workers");
    }
}

#[test]
fn replay_of_files_cut_in_two_gives_the_same_correlations() {
    let dir = prepared(&config(1));
    let lines = s::busy_hour(21, LINES);
    dir.write("all.log", lines.join("\n") + "\n");
    dir.write("a.log", lines[..LINES / 3].join("\n") + "\n");
    dir.write("b.log", lines[LINES / 3..].join("\n") + "\n");
    let parse = |bytes: Vec<u8>| alerts::parse(&String::from_utf8_lossy(&bytes));
    let whole = parse(replay(&dir, "2", &["all.log"]));
    let halves = parse(replay(&dir, "2", &["b.log", "a.log"]));
    assert!(whole.len() > 10);
    assert_eq!(essence(&whole), essence(&halves));
}
