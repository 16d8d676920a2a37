//! Noroshi parsers: bytes to events; no clock, no I/O, no threads.
