//! Noroshi correlate: hits to findings in event time, the same for every order of arrival.
//!
//! [`Shard`] is a state machine: messages in, findings out. It promises that
//! the final findings are a function of the multiset of hits that are neither
//! late nor future, whatever the order, the batches, the number of shards and
//! the restarts on the way. [`reference::evaluate`] is that function, written
//! from the definitions; the tests hold the two equal.
//!
//! Left to the engine: threads, queues, clocks, the verdict that a hit is
//! future, and remembering which `(id, state)` were sent.

mod buckets;
mod capture;
mod chains;
mod checkpoint;
mod counters;
mod distinct;
mod episode;
mod finding;
mod history;
mod hit;
mod hits;
mod image;
mod key;
mod key_state;
mod measure;
mod near;
mod partition;
mod place;
mod raise;
mod rare;
pub mod reference;
mod remembered;
mod reorder;
mod risks;
mod rule;
mod rule_state;
mod seen;
mod shard;
mod sieve;
mod slots;
mod sorted;
mod spread;
mod timers;
mod tower;
mod watermark;
mod window;

pub use capture::Capture;
pub use checkpoint::RuleCheckpoint;
pub use counters::{RuleCounters, ShardCounters};
pub use distinct::VALUES_EXACT_MAX;
pub use finding::{Ended, Finding, Member, SOURCES_MAX, STEPS_MAX, State, Step, ValueCount, finding_id};
pub use hit::{Evidence, Hit, Refusal, Refused, ShardMessage, SourceAdvance, SourceId};
pub use image::Damaged;
pub use key::{Key, PARTITIONS, partition_of, shard_of};
pub use near::{Measure, NEAR_WORK_MAX, NearMiss, NearMisses, near_misses};
pub use place::place_value;
pub use raise::{Raised, Upward};
pub use remembered::{Depot, Laid, Row, Shelf, Unread, ValueId};
pub use rule::{
    Condition, EVIDENCE_MAX, FEED_CLASSES_MAX, FeedSet, Kind, Link, MAX_EPISODE_NS, Metric, NUMBER_MAX, NUMBER_UNIT,
    Op, PartWorth, RuleSpec, STATE_BYTES_MAX, Season, Worth, number_value, rare_value,
};
pub use shard::{REFUSED_MAX, Shard, ShardConfig};
pub use tower::{Tower, TowerMessage};
pub use watermark::{TRACKED_SOURCES_MAX, WatermarkPolicy};
