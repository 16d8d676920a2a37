//! Noroshi rules: rule files to an immutable compiled rule set; event to hits.
//!
//! The way of a rule: [`yaml`] reads files into trees that know their places, [`rule`] and
//! [`correlation`] turn documents into checked definitions, [`set::RuleSet`] compiles them:
//! names to field ids ([`taxonomy`]), literals to automata per log source. Whatever can't be
//! understood or kept is refused by name as a [`diagnostic::Diagnostic`].
//!
//! The way of an event: its log source names a route, its fields' literals name the rules it
//! could match, and those are evaluated. [`full_scan`] is the slow twin that tests hold it to.
//! No clock, no I/O, no mutable state: a thread brings its own scratch.

pub mod case;
mod compile;
pub mod condition;
pub mod correlated;
pub mod correlation;
pub mod coverage;
pub mod diagnostic;
pub mod dialect;
pub mod explain;
mod expression;
mod fold;
pub mod full_scan;
pub mod indicators;
pub mod key;
mod legacy;
mod lint;
mod lists;
mod literals;
mod load;
pub mod modifier;
mod need;
pub mod number;
pub mod part;
pub mod pattern;
mod resolve;
mod route;
mod router;
pub mod rule;
#[cfg(test)]
mod rule_tests;
pub mod set;
#[cfg(test)]
mod set_tests;
mod suggest;
pub mod taxonomy;
mod text;
pub mod tree;
mod value;
pub mod yaml;

pub use compile::Candidates;
pub use correlated::CorrelationRule;
pub use diagnostic::{Diagnostic, Severity};
pub use explain::Explain;
pub use indicators::{IndicatorHit, IndicatorIndex, IndicatorKind, Indicators};
pub use set::{Loaded, Options, RuleIndex, RuleMeta, RuleSet, Scratch};
