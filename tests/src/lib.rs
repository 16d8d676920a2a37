//! Noroshi end-to-end tests: the binary against real sockets and files.
