//! Noroshi benches: a seeded generator of log streams and the criterion benches that hold the targets.
