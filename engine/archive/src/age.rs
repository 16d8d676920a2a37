//! The archive's own time, which retention counts with.
//!
//! A host's clock may be wrong: a dead battery, a mistyped date, someone who wants evidence to expire. So the age of a segment
//! is not taken from the clock, nor from the receive times that the clock wrote. The archive counts the time that an engine
//! has run, by a timer that is never set ([`Age::now`]); a segment is stamped with that count when it is sealed, and its age is
//! what was counted since. Time in which no engine ran does not count: after a standstill everything is kept the
//! longer, never the shorter. The count begins at the clock's time, so that people can read it, and that is all it takes of it.

use std::io;
use std::path::Path;
use std::time::Duration;

use noroshi_files::{Files, replace_durably};
use tracing::warn;

use crate::catalog::Catalog;

/// Where the count is kept, below the archive's directory.
pub(crate) const TIME: &str = "time";

/// How often it is, while nothing is sealed (which tells it too): what a crash takes from it at most.
const SAVED_EVERY_NS: i64 = 3600 * 1_000_000_000;

/// The count.
#[derive(Debug)]
pub(crate) struct Age {
    /// When counting began: the stamp of segments that have none.
    begun_ns: i64,
    now_ns: i64,
    saved_ns: i64,
    uptime: fn() -> Duration,
    seen: Duration,
}

impl Age {
    /// Goes on from what was kept, or begins at `clock_ns`.
    ///
    /// # Errors
    /// Those of `read`.
    pub(crate) fn open(
        files: &dyn Files,
        directory: &Path,
        catalog: &Catalog,
        clock_ns: i64,
        uptime: fn() -> Duration,
    ) -> io::Result<Self> {
        let path = directory.join(TIME);
        let kept = match files.read(&path) {
            Ok(bytes) => {
                let parsed = parse(&bytes);
                if parsed.is_none() {
                    warn!("{} is damaged; the archive counts its time from the last segment on", path.display());
                }
                parsed
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let stamped = catalog.segments().iter().filter_map(|segment| segment.kept_ns).max();
        let now_ns = stamped.max(kept.map(|(_, now)| now)).unwrap_or(clock_ns);
        let begun_ns = kept.map_or(now_ns, |(begun, _)| begun);
        let mut age = Age { begun_ns, now_ns, saved_ns: now_ns, uptime, seen: uptime() };
        if kept.is_none() {
            age.save(files, directory)?;
        }
        Ok(age)
    }

    /// The archive's time, nanoseconds. It never goes back, and goes on by no more than has passed on the timer.
    pub(crate) fn now(&mut self) -> i64 {
        let seen = (self.uptime)();
        let passed = i64::try_from(seen.saturating_sub(self.seen).as_nanos()).unwrap_or(0);
        self.seen = self.seen.max(seen);
        self.now_ns = self.now_ns.saturating_add(passed);
        self.now_ns
    }

    /// When counting began.
    pub(crate) fn begun(&self) -> i64 {
        self.begun_ns
    }

    /// Keeps the count, if it is time to.
    ///
    /// # Errors
    /// Those of the write.
    pub(crate) fn save_when_due(&mut self, files: &dyn Files, directory: &Path) -> io::Result<()> {
        if self.now().saturating_sub(self.saved_ns) < SAVED_EVERY_NS { Ok(()) } else { self.save(files, directory) }
    }

    /// Keeps the count.
    ///
    /// # Errors
    /// Those of the write.
    pub(crate) fn save(&mut self, files: &dyn Files, directory: &Path) -> io::Result<()> {
        let now = self.now();
        replace_durably(files, &directory.join(TIME), text(self.begun_ns, now).as_bytes())?;
        self.saved_ns = now;
        Ok(())
    }
}

/// `begun now checksum`: a rotten digit must not make the archive a hundred years older.
fn text(begun_ns: i64, now_ns: i64) -> String {
    let told = format!("{begun_ns} {now_ns}");
    format!("{told} {:08x}\n", crc32fast::hash(told.as_bytes()))
}

fn parse(bytes: &[u8]) -> Option<(i64, i64)> {
    let mut words = std::str::from_utf8(bytes).ok()?.split_whitespace();
    let (begun, now) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    (text(begun, now).as_bytes() == bytes).then_some((begun, now))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use noroshi_files::SimulatedDisk;

    use super::*;

    static UPTIME_S: AtomicU64 = AtomicU64::new(100);
    const DAY_NS: i64 = 86_400_000_000_000;

    fn uptime() -> Duration {
        Duration::from_secs(UPTIME_S.load(Ordering::Relaxed))
    }

    #[test]
    fn no_clock_makes_the_archive_older() {
        let disk = SimulatedDisk::new();
        let directory = Path::new("/a");
        disk.create_directory(directory).unwrap();
        let open = |clock_ns| Age::open(&disk, directory, &Catalog::default(), clock_ns, uptime).unwrap();
        let mut age = open(500 * DAY_NS);
        assert_eq!(age.now(), 500 * DAY_NS);
        UPTIME_S.fetch_add(7200, Ordering::Relaxed);
        assert_eq!(age.now(), 500 * DAY_NS + 7_200_000_000_000);
        age.save_when_due(&disk, directory).unwrap();
        for clock_ns in [0, 499 * DAY_NS, 501 * DAY_NS, 865 * DAY_NS, i64::MAX] {
            // A timer that begins anew, as after a restart of the host.
            assert_eq!(open(clock_ns).now(), 500 * DAY_NS + 7_200_000_000_000, "clock at {clock_ns}");
        }
        let path = directory.join(TIME);
        let whole = disk.read(&path).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            assert_eq!(parse(&flipped), None, "byte {at}");
        }
    }
}
