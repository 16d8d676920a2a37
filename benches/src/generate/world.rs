//! Who and what appears in the stream: users, hosts, addresses, domains, all invented.
//!
//! Addresses come from ranges that belong to nobody: 10/8 (RFC 1918) inside; 198.18/16 (RFC 2544), 100.64/16
//! (RFC 6598), 2001:db8::/32 (RFC 3849) and the RFC 5737 blocks outside. Domains end in example.com, .net or
//! .org (RFC 2606). Indicators live in other ranges (see `indicators`), so that nothing here is one by chance.

use super::put::{Pad, Piece, put};
use super::rng::RANKS;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Given and family names: 64 × 64 × 32 numbers give [`RANKS`] distinct user names.
const GIVEN: [&str; 64] = [
    "aiko", "akira", "alice", "amir", "anna", "aya", "ben", "carla", "chen", "clara", "daichi", "dana", "david",
    "elena", "emi", "eric", "eva", "felix", "fumio", "gina", "goro", "hana", "hiro", "ivan", "jan", "jin", "jun",
    "kaori", "karl", "kenji", "kim", "lars", "lea", "lin", "luca", "mai", "marco", "maria", "mei", "mika", "nana",
    "naoki", "nina", "noah", "olga", "omar", "paul", "pia", "rei", "ren", "rosa", "ryo", "sara", "shin", "sofia",
    "taro", "tom", "uma", "vera", "wei", "yan", "yuki", "yuto", "zoe",
];
const FAMILY: [&str; 64] = [
    "abe", "adams", "arai", "baker", "bauer", "brown", "cho", "costa", "endo", "fischer", "fujii", "garcia", "goto",
    "hall", "hara", "hoshi", "ito", "jones", "kato", "keller", "kimura", "klein", "koch", "kondo", "lang", "lee",
    "maeda", "meyer", "mori", "nagai", "nakano", "noda", "ogawa", "okada", "ono", "park", "patel", "rossi", "saito",
    "sakai", "santos", "sasaki", "sato", "schulz", "shah", "silva", "singh", "smith", "suzuki", "takeda", "tanaka",
    "taylor", "ueda", "ueno", "wagner", "walker", "wang", "weber", "wolf", "wood", "yamada", "yang", "yoshida",
    "zhang",
];
/// Words of domain names, paths and service names.
pub(crate) const WORDS: [&str; 32] = [
    "harbor", "maple", "river", "cloud", "stone", "ember", "north", "cedar", "delta", "falcon", "garden", "island",
    "jade", "kite", "lumen", "meadow", "nova", "orbit", "prairie", "quartz", "ridge", "summit", "tundra", "union",
    "valley", "willow", "xenon", "yarrow", "zephyr", "anchor", "birch", "coral",
];

/// Scatters a rank over its population: an odd multiplication modulo a power of two has no collisions.
const fn scatter(rank: u32, odd: u32) -> u32 {
    (rank.wrapping_mul(odd) ^ 0x5A5A) % RANKS as u32
}

/// A user name such as `k.tanaka17`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User(pub(crate) u32);

impl Piece for User {
    fn put(&self, out: &mut Vec<u8>) {
        let place = scatter(self.0, 0x9E37_79B1) as usize;
        put!(out; GIVEN[place & 63], ".", FAMILY[place >> 6 & 63], (place >> 12) as u64);
    }
}

/// A workstation name such as `WS-04711`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Workstation(pub(crate) u32);

impl Piece for Workstation {
    fn put(&self, out: &mut Vec<u8>) {
        put!(out; "WS-", Pad(u64::from(self.0), 5));
    }
}

/// A server name such as `srv-web-17`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server(pub(crate) u32);

impl Piece for Server {
    fn put(&self, out: &mut Vec<u8>) {
        const ROLES: [&str; 8] = ["app", "web", "db", "mail", "file", "auth", "batch", "mon"];
        put!(out; "srv-", ROLES[self.0 as usize & 7], "-", Pad(u64::from(self.0 >> 3), 2));
    }
}

/// A domain of the background such as `cdn.harbor123.example.net`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Domain(pub(crate) u32);

impl Piece for Domain {
    fn put(&self, out: &mut Vec<u8>) {
        const HOSTS: [&str; 8] = ["www", "api", "cdn", "mail", "static", "img", "auth", "updates"];
        const ZONES: [&str; 3] = [".example.com", ".example.net", ".example.org"];
        let place = scatter(self.0, 0x85EB_CA6B);
        put!(out; HOSTS[self.0 as usize & 7], ".", WORDS[place as usize & 31], u64::from(place >> 5), ZONES[place as usize % 3]);
    }
}

/// An address inside: 10/8.
pub(crate) fn inside(rank: u32) -> IpAddr {
    let place = scatter(rank, 0xC2B2_AE35);
    // 17 bits of rank in the middle of 10/8; the last octet never 0 or 255.
    IpAddr::V4(Ipv4Addr::from(0x0A00_0000 | (place >> 7) << 8 | (1 + (place & 127) + (place >> 7 & 1))))
}

/// An address outside; every sixteenth is IPv6.
pub(crate) fn outside(rank: u32) -> IpAddr {
    let place = scatter(rank, 0x27D4_EB2F);
    if rank % 16 == 15 {
        let [.., high, low] = [place >> 8, place & 0xFF];
        return IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0x100 + high as u16, 0, 0, 0, 0, 0x10 + low as u16));
    }
    let base = if place >> 16 == 0 { 0xC612_0000 } else { 0x6440_0000 };
    IpAddr::V4(Ipv4Addr::from(base | (place & 0xFFFF)))
}

/// An outside address, never IPv6: for formats and products that log IPv4 alone.
pub(crate) fn outside_v4(rank: u32) -> IpAddr {
    outside(if rank % 16 == 15 { rank - 1 } else { rank })
}

/// One of the 254 public addresses of the invented enterprise (TEST-NET-1).
pub(crate) fn public(number: u64) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, (1 + number % 254) as u8))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn populations_have_no_collisions() {
        let text = |piece: &dyn Piece| {
            let mut out = Vec::new();
            piece.put(&mut out);
            out
        };
        let ranks = 0..RANKS as u32;
        assert_eq!(ranks.clone().map(|rank| text(&User(rank))).collect::<HashSet<_>>().len(), RANKS);
        assert_eq!(ranks.clone().map(|rank| text(&Domain(rank))).collect::<HashSet<_>>().len(), RANKS);
        assert_eq!(ranks.clone().map(inside).collect::<HashSet<_>>().len(), RANKS);
        assert_eq!(ranks.map(outside).collect::<HashSet<_>>().len(), RANKS);
    }
}
