//! What is shipped beside the binary: the systemd unit and the container's configuration.

use std::path::{Path, PathBuf};
use std::process::Command;

use noroshi_tests::process::{run, told};
use noroshi_tests::work_dir::WorkDir;

const NOROSHI: &str = env!("CARGO_BIN_EXE_noroshi");

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docker").join(name)
}

#[test]
fn systemd_finds_no_fault_in_the_unit() {
    let unit = std::fs::read_to_string(shipped("systemd/noroshi.service")).expect("the unit is shipped");
    assert!(unit.contains("/usr/bin/noroshi run "), "the binary's place in a package");
    let dir = WorkDir::default();
    // The package's path may be empty here; the unit is otherwise the one that is shipped.
    let path = dir.write("noroshi.service", unit.replace("/usr/bin/noroshi", NOROSHI));
    let Ok(output) = Command::new("systemd-analyze").arg("verify").arg("--man=no").arg(&path).output() else {
        eprintln!("skipped: no systemd-analyze on this system");
        return;
    };
    let text = String::from_utf8_lossy(&output.stderr);
    // Faults of other units on this system are not ours.
    let ours: Vec<&str> = text.lines().filter(|line| line.contains("noroshi.service")).collect();
    assert!(ours.is_empty(), "{}", told(&output));
}

#[test]
fn the_configuration_of_the_image_is_sound() {
    let text = std::fs::read_to_string(shipped("noroshi.toml")).expect("it is shipped");
    let dir = WorkDir::default();
    dir.write("noroshi.toml", text);
    let output = run(NOROSHI, dir.path(), &["check", "--output", "ndjson", "--config", "noroshi.toml"], b"");
    let text = String::from_utf8_lossy(&output.stdout);
    // Rules and certificates of the image are not here; keys and values are.
    let faults: Vec<&str> =
        text.lines().filter(|line| line.contains("noroshi.toml") && !line.contains("cannot be read")).collect();
    assert!(faults.is_empty(), "{}", told(&output));
}
