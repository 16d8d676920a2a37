//! Noroshi end-to-end tests: what they share.
//!
//! The tests themselves stand in `engine/tests`, where cargo builds the binary for them. Here is what they
//! drive it with: the process and its log, senders, a receiver of webhooks, and scenarios with the alerts
//! expected of them. Nothing here sleeps to hope: everything waits for a fact, with a deadline.

pub mod alerts;
pub mod process;
pub mod rng;
pub mod scenario;
pub mod send;
pub mod webhook;
pub mod work_dir;

use std::time::{Duration, Instant};

/// How long a fact may take to come true. Generous: a loaded machine must not fail a test.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(10);

/// Looks until `probe` answers.
///
/// # Panics
/// When it has not within [`DEADLINE`]; `state` then tells how things stand.
#[track_caller]
pub fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>, state: impl FnOnce() -> String) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(Instant::now() < deadline, "{what} did not come true in {DEADLINE:?}; {}", state());
        std::thread::sleep(LOOK);
    }
}
