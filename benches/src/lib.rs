//! Noroshi benches: a seeded generator of log streams and the criterion benches that hold the targets.
//!
//! * [`generate`]: the mixed stream with its planted truth, single-format streams, indicator lists and
//!   Sigma rule sets. Same seed, same bytes, whatever the number of threads.
//! * [`demo`]: the bundled scenario of `make demo` and the feeder that plays it over real sockets.

pub mod demo;
pub mod generate;
