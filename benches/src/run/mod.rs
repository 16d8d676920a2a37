//! What is timed as a whole: a file through the pipeline, a socket through the binary.

pub mod archive;
pub mod data;
pub mod end_to_end;
pub mod latency;
