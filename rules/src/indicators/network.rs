//! Which network holds an address: the longest prefix, by one bucket and a few comparisons.
//!
//! The address space is cut where networks begin and end; each stretch knows the longest prefix that covers it. IPv4 addresses are
//! found from their first 16 bits, so a stretch costs one table access and a binary search over what lies in the same /16. Most /16
//! touch no network: a bit each says so, and those stay in the nearest cache.

/// Stretches that no network covers.
const NONE: u32 = u32::MAX;

/// A network: first and last address, and its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network<T> {
    pub(super) first: T,
    pub(super) last: T,
    pub(super) number: u32,
}

#[derive(Debug)]
pub(super) struct Networks {
    v4: Stretches<u32>,
    /// By the first 16 bits: the first stretch that begins in that /16 or behind it.
    buckets: Vec<u32>,
    /// By the first 16 bits, a bit each: whether a network touches that /16. Empty where there is none.
    touched: Vec<u64>,
    v6: Stretches<u128>,
}

#[derive(Debug)]
struct Stretches<T> {
    starts: Vec<T>,
    owners: Vec<u32>,
}

impl Networks {
    pub(super) fn new(v4_networks: Vec<Network<u32>>, v6: Vec<Network<u128>>) -> Self {
        let v6 = Stretches::new(v6, |last: u128| last.checked_add(1));
        let mut buckets = Vec::new();
        let mut touched = Vec::new();
        for network in &v4_networks {
            touched.resize(1 << 10, 0u64);
            for bucket in network.first >> 16..=network.last >> 16 {
                touched[bucket as usize / 64] |= 1 << (bucket % 64);
            }
        }
        let v4 = Stretches::new(v4_networks, |last: u32| last.checked_add(1));
        if !v4.starts.is_empty() {
            buckets.reserve_exact((1 << 16) + 1);
            let mut at = 0;
            for bucket in 0..=1u64 << 16 {
                while v4.starts.get(at).is_some_and(|&start| u64::from(start) < bucket << 16) {
                    at += 1;
                }
                buckets.push(at as u32);
            }
        }
        Networks { v4, buckets, touched, v6 }
    }

    #[inline]
    pub(super) fn find_v4(&self, address: u32) -> Option<u32> {
        let bucket = (address >> 16) as usize;
        if self.touched.get(bucket / 64)? >> (bucket % 64) & 1 == 0 {
            return None;
        }
        let (from, to) = (*self.buckets.get(bucket)? as usize, *self.buckets.get(bucket + 1)? as usize);
        let here = self.v4.starts.get(from..to)?.partition_point(|&start| start <= address);
        self.v4.owner(from + here)
    }

    #[inline]
    pub(super) fn find_v6(&self, address: u128) -> Option<u32> {
        self.v6.owner(self.v6.starts.partition_point(|&start| start <= address))
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.v4.starts.capacity() * 8
            + self.buckets.capacity() * 4
            + self.touched.capacity() * 8
            + self.v6.starts.capacity() * 20
    }
}

impl<T: Copy + Ord> Stretches<T> {
    fn new(mut networks: Vec<Network<T>>, next: impl Fn(T) -> Option<T>) -> Self {
        // Networks nest or are apart: outer ones first, so that the last one open is the longest prefix.
        networks.sort_unstable_by(|a, b| a.first.cmp(&b.first).then(b.last.cmp(&a.last)));
        let mut stretches = Stretches { starts: Vec::new(), owners: Vec::new() };
        let mut open: Vec<Network<T>> = Vec::new();
        for network in networks {
            stretches.close(&mut open, |last| last < network.first, &next);
            stretches.push(network.first, network.number);
            open.push(network);
        }
        stretches.close(&mut open, |_| true, &next);
        stretches.starts.shrink_to_fit();
        stretches.owners.shrink_to_fit();
        stretches
    }

    /// Ends the open networks that are over; behind each, the one around it goes on.
    fn close(&mut self, open: &mut Vec<Network<T>>, over: impl Fn(T) -> bool, next: &impl Fn(T) -> Option<T>) {
        while let Some(ended) = open.pop_if(|network| over(network.last)) {
            if let Some(behind) = next(ended.last) {
                self.push(behind, open.last().map_or(NONE, |around| around.number));
            }
        }
    }

    fn push(&mut self, start: T, owner: u32) {
        if self.starts.last() == Some(&start) {
            self.owners.pop();
            self.owners.push(owner);
        } else {
            self.starts.push(start);
            self.owners.push(owner);
        }
    }

    /// The owner of the stretch before number `behind`.
    #[inline]
    fn owner(&self, behind: usize) -> Option<u32> {
        let owner = *self.owners.get(behind.checked_sub(1)?)?;
        (owner != NONE).then_some(owner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn network(address: u32, prefix: u32, number: usize) -> Network<u32> {
        let mask = u32::MAX.checked_shl(32 - prefix).unwrap_or(0);
        Network { first: address & mask, last: address & mask | !mask, number: number as u32 }
    }

    proptest! {
        #[test]
        fn the_longest_prefix_is_found(
            listed in prop::collection::vec((any::<u32>(), 0u32..=32), 0..40),
            near in prop::collection::vec(any::<u32>(), 0..8),
        ) {
            // Few distinct high bits, so that networks nest and touch.
            let all: Vec<(u32, u32)> = listed.iter().map(|(address, prefix)| (address & 0x8103_0F0F, *prefix)).collect();
            let mut networks: Vec<Network<u32>> = Vec::new();
            for (number, &(address, prefix)) in all.iter().enumerate() {
                let one = network(address, prefix, number);
                // As in a set, where equal networks are one.
                if !networks.iter().any(|other| (other.first, other.last) == (one.first, one.last)) {
                    networks.push(one);
                }
            }
            let found = Networks::new(networks.clone(), Vec::new());
            let edges = networks.iter().flat_map(|one| [one.first, one.last, one.last.wrapping_add(1), one.first.wrapping_sub(1)]);
            for address in edges.chain(near.iter().copied()) {
                let holding = networks.iter().filter(|one| one.first <= address && address <= one.last);
                let longest = holding.min_by_key(|one| one.last - one.first).map(|one| one.number);
                prop_assert_eq!(found.find_v4(address), longest, "{}", address);
            }
        }
    }

    #[test]
    fn networks_of_ipv6_and_the_whole_space() {
        let whole = Network { first: 0, last: u128::MAX, number: 7 };
        let inner = Network { first: 1 << 100, last: (1 << 101) - 1, number: 8 };
        let found = Networks::new(vec![network(0, 0, 3)], vec![inner, whole]);
        assert_eq!(
            [0, 1 << 100, (1 << 101) - 1, 1 << 101].map(|address| found.find_v6(address)),
            [Some(7), Some(8), Some(8), Some(7)]
        );
        assert_eq!([0, u32::MAX].map(|address| found.find_v4(address)), [Some(3), Some(3)]);
    }
}
