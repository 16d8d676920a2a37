//! Noroshi: log monitoring and correlation engine, the core of a SIEM.
