//! One file a wire format: bytes to fields under the names the wire gives.

pub mod cef;
pub(crate) mod csv;
pub mod flow;
pub mod json;
pub mod kv;
pub(crate) mod leef;
pub(crate) mod successors;
pub mod syslog;
#[cfg(test)]
mod syslog_tests;
pub(crate) mod xml;
