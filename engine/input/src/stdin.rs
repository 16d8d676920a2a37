//! Standard input of a running engine: lines until its end or the stop.

use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use crate::batch::{BATCH_BYTES, Origin};
use noroshi_parsers::charset::Charset;

use crate::counters::{InputCounters, Tally};
use crate::inputs::Start;
use crate::outlet::STOP_LOOK;
use crate::read::LineStream;
use crate::sys;

/// Reads to the end. A read that would wait for ever cannot be interrupted, so each one is
/// preceded by a wait that looks at the stop signal.
pub(crate) fn run(start: &Start, record_bytes_max: usize, charset: Charset) {
    let ready = || sys::wait_readable(io::stdin().as_raw_fd(), STOP_LOOK);
    // Not through `Stdin`'s own buffer: what it holds would be invisible to the wait.
    pump(start, LineStream::new(record_bytes_max, charset), &mut sys::RawStdin, ready);
}

/// The loop, over any reader; `ready` waits a while and tells whether a read would not block.
fn pump(start: &Start, mut lines: LineStream, reader: &mut impl Read, ready: impl Fn() -> io::Result<bool>) {
    let origin = Arc::new(Origin::Stdin);
    let counters = &start.outlet.counters;
    let mut ended = false;
    while !ended {
        let stop = start.outlet.shutdown.is_requested();
        let mut batch = start.pool.take(start.input);
        batch.origins.push(Arc::clone(&origin));
        let mut tally = Tally::default();
        let now_ns = start.clock.now_ns();
        let read = match ready() {
            Ok(true) => lines.read(reader, BATCH_BYTES, &mut batch, 0, now_ns, &mut tally).map(Some),
            Ok(false) => Ok(None),
            Err(error) => Err(error),
        };
        match read {
            Ok(Some(1..)) => {}
            // Nothing there: the end only when asked to stop, after what was written before is read.
            Ok(None) => ended = stop,
            Ok(Some(0)) => ended = true,
            Err(error) => {
                InputCounters::add(&counters.file_errors, 1);
                tracing::error!(input = %start.name, %error, "cannot read standard input; the input ends");
                ended = true;
            }
        }
        // A source that never pauses is cut off when the time for a clean stop has run out.
        ended |= start.outlet.shutdown.is_overdue();
        if ended {
            lines.finish(&mut batch, 0, now_ns, &mut tally);
        }
        tally.publish(counters, false);
        if !start.outlet.send(batch) {
            return;
        }
    }
    start.outlet.flush();
    tracing::info!(input = %start.name, "standard input has ended");
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::batch::BatchPool;
    use crate::outlet::{Outlet, Shutdown};
    use crate::testing::{Still, assert_conserved, count};

    /// Gives its pieces one a read.
    struct Pieces(Vec<io::Result<&'static [u8]>>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() {
                return Ok(0);
            }
            let piece = self.0.remove(0)?;
            buffer[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    fn start() -> (Start, crossbeam_channel::Receiver<crate::Batch>) {
        let (sender, receiver) = crossbeam_channel::bounded(100);
        let counters = Arc::<InputCounters>::default();
        let outlet = Outlet { sender, counters, shutdown: Shutdown::default(), joins: None };
        let clock = Arc::new(Still);
        (Start { name: "stdin".to_owned(), input: 0, outlet, pool: BatchPool::default(), clock }, receiver)
    }

    fn texts(batches: &crossbeam_channel::Receiver<crate::Batch>) -> Vec<String> {
        let of = |batch: crate::Batch| -> Vec<String> {
            batch.records.iter().map(|r| String::from_utf8_lossy(batch.record(r)).into_owned()).collect()
        };
        batches.try_iter().flat_map(of).collect()
    }

    #[test]
    fn lines_come_to_the_end_of_input_the_unterminated_one_too() {
        let (start, batches) = start();
        let mut pieces = Pieces(vec![Ok(b"one\ntw"), Ok(b"o\n"), Ok(b"end")]);
        pump(&start, LineStream::new(1 << 20, Charset::Auto), &mut pieces, || Ok(true));
        assert_eq!(texts(&batches), ["one", "two", "end"]);
        assert_eq!(count(&start.outlet.counters, "unterminated"), 1);
        assert_conserved(&start.outlet.counters);
    }

    #[test]
    fn a_stop_ends_a_silent_input_after_what_was_written_is_read() {
        let (start, batches) = start();
        start.outlet.shutdown.request();
        let mut pieces = Pieces(vec![Ok(b"one\n"), Ok(b"half")]);
        let looks = Mutex::new(0);
        let ready = || {
            let mut looks = looks.lock().unwrap();
            *looks += 1;
            Ok(*looks <= 2)
        };
        pump(&start, LineStream::new(1 << 20, Charset::Auto), &mut pieces, ready);
        assert_eq!(texts(&batches), ["one", "half"]);
    }

    #[test]
    fn a_failing_input_hands_over_what_came_before() {
        let (start, batches) = start();
        let mut pieces = Pieces(vec![Ok(b"half"), Err(io::Error::from_raw_os_error(libc::EIO))]);
        pump(&start, LineStream::new(1 << 20, Charset::Auto), &mut pieces, || Ok(true));
        assert_eq!(texts(&batches), ["half"]);
        assert_eq!(count(&start.outlet.counters, "file_errors"), 1);
    }
}
