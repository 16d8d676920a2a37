//! Alerts on standard output: one JSON object a line, or rows of a table.

use std::io::{ErrorKind, Write};
use std::time::Duration;

use super::{Queued, Sink, SinkOptions};
use crate::delivery::Failure;
use crate::terminal::{self, OutputMode};

pub(super) struct StdoutSink<W> {
    out: W,
    table: bool,
    color: bool,
    width: Option<usize>,
    header_due: bool,
    /// The batch as text, while it is being written; a retry goes on where the last try stopped.
    pending: Vec<u8>,
    written: usize,
}

impl<W: Write + Send + 'static> StdoutSink<W> {
    pub(super) fn new(out: W, options: &SinkOptions) -> Self {
        let table = options.stdout_mode == OutputMode::Table;
        let (color, width) = (options.color, options.width);
        Self { out, table, color, width, header_due: table, pending: Vec::new(), written: 0 }
    }

    fn compose(&mut self, lines: &[Queued]) {
        let width = self.width.unwrap_or_else(terminal::width);
        if std::mem::take(&mut self.header_due) {
            self.pending.extend_from_slice(terminal::alert_header(self.color, width).as_bytes());
            self.pending.push(b'\n');
        }
        for line in lines {
            // Our own JSON reads back; should it not, the text itself is shown, escaped.
            match serde_json::from_str(&line.json) {
                Ok(value) if self.table => {
                    self.pending.extend_from_slice(terminal::row(&value, self.color, width).as_bytes());
                }
                Err(_) if self.table => {
                    self.pending.extend_from_slice(terminal::escape_controls(&line.json).as_bytes());
                }
                _ => self.pending.extend_from_slice(line.json.as_bytes()),
            }
            self.pending.push(b'\n');
        }
    }
}

impl<W: Write + Send + 'static> Sink for StdoutSink<W> {
    fn deliver(&mut self, lines: &[Queued]) -> Result<(), Failure> {
        if self.pending.is_empty() {
            self.compose(lines);
        }
        while self.written < self.pending.len() {
            match self.out.write(&self.pending[self.written..]) {
                Ok(0) => return Err(failure(&ErrorKind::WriteZero.into())),
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(failure(&error)),
            }
        }
        self.out.flush().map_err(|error| failure(&error))?;
        self.pending.clear();
        self.written = 0;
        Ok(())
    }
}

fn failure(error: &std::io::Error) -> Failure {
    if error.kind() == ErrorKind::BrokenPipe {
        return Failure::Closed { error: "nobody reads standard output any more".to_owned() };
    }
    let help = "correct the cause; it is tried again each second";
    Failure::Retry {
        error: format!("cannot write alerts to standard output: {error}\n   = help: {help}"),
        after: Duration::ZERO,
    }
}
