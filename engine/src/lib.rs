//! Noroshi: log monitoring and correlation engine, the core of a SIEM.
//!
//! The way of a record: inputs frame it ([`noroshi_input`]), a [`worker`] decodes and matches it,
//! shards correlate its hits ([`noroshi_correlate`]), the collector writes what came of it.
//! [`pipeline`] wires the threads; [`cli`] is what can be typed. See `docs/ARCHITECTURE.md`.

mod again;
pub mod alert;
pub mod audit;
pub mod cli;
mod collector;
pub mod config;
pub mod copy;
mod cosign;
mod delivery;
pub mod detection;
mod durable;
pub mod evidence;
pub mod intel;
pub mod keeping;
mod late;
pub mod ledger;
pub mod lists;
pub mod metrics;
pub mod ordered;
pub mod pipeline;
pub mod reload;
mod resume;
mod retro;
pub mod sent;
pub mod severity;
pub mod sink;
mod skew;
pub mod snapshot;
pub mod sources;
pub mod spool;
#[cfg(feature = "sql")]
mod sql;
pub mod standing;
pub mod tables;
pub mod terminal;
pub mod witness;
pub mod worker;
