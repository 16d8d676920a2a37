//! Noroshi benches: a seeded generator of log streams and the benches that hold the targets.
//!
//! * [`generate`]: the mixed stream with its planted truth, single-format streams, indicator lists and
//!   Sigma rule sets. Same seed, same bytes, whatever the number of threads.
//! * [`figures`]: what is timed on one core, each beside a baseline of the same run. The criterion bench
//!   (`benches/figures.rs`) and the gate time the same list.
//! * [`run`]: what is timed as a whole: a file through the pipeline, a socket through the binary.
//! * [`targets`] and [`report`]: measured against target.
//! * [`demo`]: the bundled scenario of `make demo` and the feeder that plays it over real sockets.

pub mod demo;
pub mod figures;
pub mod generate;
pub mod measure;
pub mod report;
pub mod run;
pub mod stream;
pub mod targets;
