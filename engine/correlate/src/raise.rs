//! What goes up from correlations to the correlations that are made of them.

use crate::{Hit, Key, SourceId};

/// An episode whose trigger stands: one hit of every correlation above.
#[derive(Clone, Debug)]
pub struct Raised<E> {
    /// Index of its rule.
    pub rule: u32,
    /// Its key.
    pub key: Key,
    /// Time of its trigger.
    pub time_ns: i64,
    /// Its id, shared with its finding.
    pub id: [u8; 16],
    /// Source of its earliest member.
    pub source: SourceId,
    /// Evidence of its earliest member, if any was kept.
    pub evidence: Option<E>,
    /// The input must be read again from here to find it again.
    pub from_ns: i64,
}

/// What a shard sends up.
#[derive(Clone, Debug)]
pub enum Upward<E> {
    /// A hit of a rule that a correlation of correlations counts too.
    Hit(Hit<E>),
    /// An episode.
    Episode(Raised<E>),
}
