//! Noroshi input: sockets, files and standard input to batches of framed records.
