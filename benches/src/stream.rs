//! Streams in memory with the truth of each line, for figures.

use crate::generate::{Class, Format, Generator, Options};

/// A line's truth.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Offset behind its newline.
    pub end: usize,
    /// Its format.
    pub format: Format,
    /// What it is.
    pub class: Class,
    /// When its event took place, nanoseconds since 1970.
    pub time_ns: i64,
}

/// Lines and what is true of each.
#[derive(Clone, Debug)]
pub struct Stream {
    /// The lines, each with its newline.
    pub bytes: Vec<u8>,
    /// Where they end and what they are.
    pub lines: Vec<Line>,
    /// The seed.
    pub seed: u64,
}

impl Stream {
    /// The mixed stream, odd lines and all.
    #[must_use]
    pub fn mixed(seed: u64, bytes: usize) -> Self {
        Self::of(Options::mixed(seed), bytes, |_| true)
    }

    /// One format without odd lines: what the figures name is the cost of a sound record.
    #[must_use]
    pub fn single(seed: u64, format: Format, bytes: usize) -> Self {
        Self::of(Options::single(seed, format), bytes, |class| !matches!(class, Class::Odd(_)))
    }

    fn of(options: Options, bytes: usize, wanted: impl Fn(Class) -> bool) -> Self {
        let seed = options.seed;
        let generator = Generator::new(options);
        let mut stream = Stream { bytes: Vec::with_capacity(bytes + (1 << 20)), lines: Vec::new(), seed };
        let mut serial = 0;
        for index in 0.. {
            let chunk = generator.chunk(index);
            let mut at = 0;
            for line in &chunk.lines {
                let end = line.end as usize;
                if wanted(line.class) {
                    stream.bytes.extend_from_slice(&chunk.bytes[at..end]);
                    stream.lines.push(Line {
                        end: stream.bytes.len(),
                        format: line.format,
                        class: line.class,
                        time_ns: generator.time_ns(serial) as i64,
                    });
                }
                at = end;
                serial += 1;
                if stream.bytes.len() >= bytes {
                    return stream;
                }
            }
        }
        stream
    }

    /// The records, without their newlines, and their truth.
    pub fn records(&self) -> impl Iterator<Item = (&[u8], &Line)> {
        let mut at = 0;
        self.lines.iter().map(move |line| {
            let record = &self.bytes[at..line.end - 1];
            at = line.end;
            (record, line)
        })
    }

    /// Event time of the last line.
    #[must_use]
    pub fn end_ns(&self) -> i64 {
        self.lines.last().map_or(0, |line| line.time_ns)
    }
}

/// The baseline of everything that reads records: the number of lines and a sum of their lengths, by memchr.
#[must_use]
pub fn split(bytes: &[u8]) -> (usize, usize) {
    let (mut lines, mut lengths, mut at) = (0, 0, 0);
    for newline in memchr::memchr_iter(b'\n', bytes) {
        lengths += std::hint::black_box(&bytes[at..newline]).len();
        lines += 1;
        at = newline + 1;
    }
    (lines, lengths)
}
