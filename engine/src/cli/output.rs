//! Results on standard output: NDJSON for programs, JSON, or a table for people.

use std::io::{self, Write};
use std::sync::Mutex;

use serde_json::Value;

use super::Outcome;
use crate::terminal::{self, ColorChoice, OutputMode};

/// Writes JSON objects in the form asked for.
pub(crate) struct Printer {
    mode: OutputMode,
    color: bool,
    out: io::BufWriter<io::Stdout>,
    /// Objects written so far.
    count: u64,
}

impl Printer {
    pub(crate) fn new(mode: OutputMode, color: ColorChoice) -> Self {
        Printer { mode, color: color.for_stdout(), out: io::BufWriter::with_capacity(64 << 10, io::stdout()), count: 0 }
    }

    /// Objects written so far.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Writes objects that are serialised already, one a line.
    pub(crate) fn lines(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.mode == OutputMode::Ndjson {
            self.count += memchr::memchr_iter(b'\n', lines).count() as u64;
            return self.out.write_all(lines);
        }
        for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            let value: Value = serde_json::from_slice(line).expect("our own JSON");
            self.object(&value)?;
        }
        Ok(())
    }

    /// Writes one object.
    pub(crate) fn object(&mut self, value: &Value) -> io::Result<()> {
        match self.mode {
            OutputMode::Ndjson => writeln!(self.out, "{value}")?,
            OutputMode::Json => {
                self.out.write_all(if self.count == 0 { b"[\n" } else { b",\n" })?;
                serde_json::to_writer_pretty(&mut self.out, value)?;
            }
            OutputMode::Table => {
                let row = terminal::row(value, self.color, terminal::width());
                writeln!(self.out, "{row}")?;
            }
        }
        self.count += 1;
        Ok(())
    }

    /// Closes what is open and gives the stream back.
    pub(crate) fn finish(mut self) -> io::Result<impl Write> {
        if self.mode == OutputMode::Json {
            self.out.write_all(if self.count == 0 { b"[]\n" } else { b"\n]\n" })?;
        }
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Tells reading errors on standard error; any makes the outcome a usage error.
pub(crate) fn report(errors: Mutex<Vec<String>>, outcome: Outcome) -> Outcome {
    let errors = errors.into_inner().expect("no reader panics");
    for error in &errors {
        eprintln!("error: {}", terminal::escape_controls(error));
    }
    if errors.is_empty() { outcome } else { Outcome::Usage }
}
