//! Noroshi rules: rule files to an immutable compiled rule set; event to hits.
//!
//! The way of a rule: [`yaml`] reads files into trees that know their places, [`rule`] and
//! [`correlation`] turn documents into checked definitions. Whatever can't be understood or
//! kept is refused by name as a [`diagnostic::Diagnostic`]. No clock, no I/O, no mutable state.

pub mod condition;
pub mod correlation;
pub mod diagnostic;
pub mod dialect;
pub mod modifier;
pub mod number;
pub mod pattern;
pub mod rule;
#[cfg(test)]
mod rule_tests;
mod suggest;
pub mod yaml;
