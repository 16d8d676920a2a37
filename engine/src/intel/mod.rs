//! Threat intelligence at the edge: where feeds come from, how they are kept, what a hit of theirs is worth.
//!
//! What an indicator is and how it is found stands in `noroshi_rules::indicators`; here are files, URLs, TAXII servers, and the table
//! that makes a severity of a confidence and an asset.

mod config;
mod fetch;
mod grade;
mod load;
mod poll;
mod taxii;
#[cfg(test)]
mod tests;
mod told;

pub use config::{AssetConfig, FeedConfig, IndicatorsConfig, SeverityTable};
pub use grade::{Criticality, Grading};
pub use load::{FeedSource, IntelOptions, Loaded, keep_good, load};
pub use poll::{FeedStatus, Poller};
pub use told::{techniques, told};
