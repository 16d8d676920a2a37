//! What the format writers draw from: the chunk's random numbers, its populations and its clock.

use super::rng::{RANKS, Rng, Zipf};
use super::stamp::Stamp;
use super::world::{self, User};
use std::net::IpAddr;

/// The state of one chunk (or of the demo) while its lines are written.
#[derive(Debug)]
pub(crate) struct Scene<'z> {
    pub(crate) rng: Rng,
    pub(crate) stamp: Stamp,
    /// Unique per line over the whole stream: base of record, session and connection numbers.
    pub(crate) serial: u64,
    /// Set for a single-format stream: only the variant whose size the figures name.
    pub(crate) plain_variant: bool,
    /// Which users and addresses were drawn, one bit a rank.
    pub(crate) seen: Seen,
    /// The auditd event being written: its remaining records share one serial.
    pub(crate) audit: Option<super::auditd::Pending>,
    zipf: &'z Zipf,
}

impl<'z> Scene<'z> {
    pub(crate) fn new(rng: Rng, zipf: &'z Zipf, ns: u64, plain_variant: bool) -> Self {
        Scene { rng, stamp: Stamp::at(ns), serial: 0, plain_variant, seen: Seen::default(), audit: None, zipf }
    }

    pub(crate) fn user(&mut self) -> User {
        let rank = self.zipf.rank(&mut self.rng);
        self.seen.users.mark(rank);
        User(rank)
    }

    /// A workstation; a user mostly works at one, so both follow the same law.
    pub(crate) fn workstation(&mut self) -> world::Workstation {
        world::Workstation(self.zipf.rank(&mut self.rng))
    }

    pub(crate) fn server(&mut self) -> world::Server {
        world::Server(self.rng.below(400) as u32)
    }

    pub(crate) fn domain(&mut self) -> world::Domain {
        world::Domain(self.zipf.rank(&mut self.rng))
    }

    pub(crate) fn inside(&mut self) -> IpAddr {
        let rank = self.zipf.rank(&mut self.rng);
        self.seen.inside.mark(rank);
        world::inside(rank)
    }

    pub(crate) fn outside(&mut self) -> IpAddr {
        let rank = self.zipf.rank(&mut self.rng);
        self.seen.outside.mark(rank);
        world::outside(rank)
    }

    pub(crate) fn outside_v4(&mut self) -> IpAddr {
        let rank = self.zipf.rank(&mut self.rng);
        let rank = if rank % 16 == 15 { rank - 1 } else { rank };
        self.seen.outside.mark(rank);
        world::outside_v4(rank)
    }

    /// An outside IPv4 address, all equally likely: what is denied or fails in the background comes from many
    /// places a little, so that no threshold rule fires on it.
    pub(crate) fn stranger(&mut self) -> IpAddr {
        let rank = self.rng.below(RANKS as u64) as u32 & !1;
        self.seen.outside.mark(rank);
        world::outside_v4(rank)
    }

    /// An inside address, all equally likely, for the same reason.
    pub(crate) fn anywhere_inside(&mut self) -> IpAddr {
        let rank = self.rng.below(RANKS as u64) as u32;
        self.seen.inside.mark(rank);
        world::inside(rank)
    }

    /// A user, all equally likely, for the same reason.
    pub(crate) fn anyone(&mut self) -> User {
        let rank = self.rng.below(RANKS as u64) as u32;
        self.seen.users.mark(rank);
        User(rank)
    }

    pub(crate) fn port(&mut self) -> u64 {
        self.rng.range(1_024, 65_535)
    }
}

/// One bit for each rank of a population.
#[derive(Clone, Debug)]
pub(crate) struct Ranks(Vec<u64>);

impl Default for Ranks {
    fn default() -> Self {
        Ranks(vec![0; RANKS / 64])
    }
}

impl Ranks {
    fn mark(&mut self, rank: u32) {
        self.0[rank as usize / 64] |= 1 << (rank % 64);
    }

    fn merge(&mut self, other: &Ranks) {
        for (into, from) in self.0.iter_mut().zip(&other.0) {
            *into |= from;
        }
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }
}

/// The members of each population that were drawn.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) users: Ranks,
    pub(crate) inside: Ranks,
    pub(crate) outside: Ranks,
}

impl Seen {
    pub(crate) fn merge(&mut self, other: &Seen) {
        self.users.merge(&other.users);
        self.inside.merge(&other.inside);
        self.outside.merge(&other.outside);
    }
}
