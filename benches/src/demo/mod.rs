//! The scenario of `make demo` and the feeder that plays it.
//!
//! One intruder works through a small enterprise while its ordinary traffic goes on: a port scan, a web scanner and
//! an SSH brute force that succeeds, sudo failures, contact with a listed domain, a new administrator, an upload of
//! gigabytes. [`scenario`] says what happens when; [`feed`] sends it over UDP, TCP and into a file.

pub mod feed;
pub mod scenario;

/// The indicator file of the demo, as checked in.
pub const INDICATORS_CSV: &str = include_str!("../../../demo/indicators.csv");
