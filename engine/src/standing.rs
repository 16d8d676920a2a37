//! How a running engine stands, told in a small file every few seconds: what `noroshi stats` and `noroshi ledger` read.
//!
//! The file needs no port and outlives its engine; after a power cut it may be old or gone, and costs no more than that.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use noroshi_archive::Watcher;
use noroshi_input::files::Files;
use noroshi_parsers::time::format_rfc3339;
use serde_json::{Value, json};
use tracing::warn;

use crate::detection::Detection;
use crate::ledger::{Ledger, minutes};
use crate::sink::Sinks;
use crate::spool::Spool;

/// The file's name in the state directory.
pub const FILE_NAME: &str = "standing.json";

/// How often it is written.
pub const EVERY: Duration = Duration::from_secs(5);

/// What is told of, and where.
pub(crate) struct Standing {
    pub(crate) files: Arc<dyn Files>,
    pub(crate) path: PathBuf,
    pub(crate) node: String,
    pub(crate) run_ns: i64,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) sinks: Arc<Sinks>,
    pub(crate) spool: Arc<Spool>,
    pub(crate) archive: Option<Watcher>,
    pub(crate) detection: Arc<ArcSwap<Detection>>,
    /// When it was written last, and what each input had received by then.
    pub(crate) last: (i64, Vec<u64>),
    pub(crate) failing: bool,
}

impl Standing {
    /// Writes how it stands. A failure is told once, and changes nothing else.
    pub(crate) fn write(&mut self, now_ns: i64, ended: bool) {
        let text = format!("{}\n", self.told(now_ns, ended));
        let written = replace(&*self.files, &self.path, text.as_bytes());
        if let (Err(cause), false) = (&written, self.failing) {
            warn!("cannot write {}: {cause}; `noroshi stats` shows an older state", self.path.display());
        }
        self.failing = written.is_err();
    }

    fn told(&mut self, now_ns: i64, ended: bool) -> Value {
        let (before_ns, before) = std::mem::take(&mut self.last);
        let seconds = now_ns.saturating_sub(before_ns) as f64 / 1e9;
        let mut received_now = Vec::new();
        let mut inputs = Vec::new();
        for (at, input) in self.ledger.inputs().iter().enumerate() {
            let (counts, balance) = (input.counts(), input.balance());
            received_now.push(counts.received);
            let fresh = before.get(at).map(|before| counts.received.saturating_sub(*before));
            let rate = fresh.filter(|_| seconds > 0.1).map(|fresh| (fresh as f64 / seconds).round() as u64);
            inputs.push(json!({
                "name": input.name(), "received": counts.received, "received_per_s": rate,
                "parsed": counts.parsed, "unparsed_kept": counts.unparsed_kept, "defects": counts.defects,
                "dropped": balance.dropped, "in_flight": balance.in_flight, "late": counts.late, "future": counts.future,
                "hits": counts.hits, "unsynced": input.unsynced_now(),
            }));
        }
        self.last = (now_ns, received_now);
        let detection = self.detection.load();
        let archive = self.archive.as_ref().map(|watcher| {
            let status = watcher.status();
            json!({
                "taken": status.records_taken, "durable": status.records_durable, "sealed": status.records_sealed,
                "segments_sealed": status.segments_sealed, "segments_waiting": status.segments_waiting,
                "failures": status.failures, "damaged_bytes": status.damaged_bytes, "ailments": status.ailments,
            })
        });
        let output = |status: crate::sink::DeliveryStatus| {
            json!({
                "name": status.name, "delivered": status.delivered, "queued": status.queued,
                "dropped": status.dropped_total(), "retries": status.retries,
            })
        };
        let spool = self.spool.status();
        let open: Vec<Value> = self.ledger.unfinished().iter().map(|row| minutes::document(row, self.run_ns)).collect();
        json!({
            "time": format_rfc3339(now_ns), "started": format_rfc3339(self.run_ns), "ended": ended, "pid": std::process::id(),
            "node": self.node, "version": env!("CARGO_PKG_VERSION"),
            "rules": detection.rules.len(), "correlations": detection.correlations.len(),
            "indicators": detection.indicators.len(), "digests": detection.digests,
            "inputs": inputs, "alerts": self.ledger.alerts_total(), "archive": archive,
            "spool": {"queued": spool.queued, "dropped": spool.dropped_total()},
            "outputs": self.sinks.status().into_iter().map(output).collect::<Vec<_>>(),
            "ailments": self.sinks.ailments().into_iter().chain(self.spool.ailment()).collect::<Vec<_>>(),
            "minutes": open,
        })
    }
}

/// Replaces a file whole, without waiting for the disk.
fn replace(files: &dyn Files, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let beside = path.with_extension("json.new");
    files.create(&beside)?.write_all(bytes)?;
    files.rename(&beside, path)
}

/// Reads how an engine stands or stood; `Null` where none has run here.
///
/// # Errors
/// A file that cannot be read, or is not whole.
pub fn read(state_dir: &Path) -> io::Result<Value> {
    match std::fs::read(state_dir.join(FILE_NAME)) {
        Ok(text) => serde_json::from_slice(&text).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Value::Null),
        Err(error) => Err(error),
    }
}
