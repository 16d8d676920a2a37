//! Values known to be harmless: MISP warning lists (github.com/MISP/misp-warninglists, schema.json).
//!
//! A list says how its values compare (`string`, `substring`, `hostname`, `cidr`, `regex`) and which types of attributes it speaks of. A hit
//! whose indicator, or whose observed value, is on a list is held back and counted under the list's name. Asked only when an indicator was
//! hit, so nothing here needs to be faster than a binary search.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use regex::bytes::{Regex, RegexBuilder};
use serde_json::Value;

use super::network::{Network, Networks};
use super::{IndicatorKind, kind, value};

/// Regular expressions of all lists; the public lists have a handful.
const REGEXES_MAX: usize = 1_000;
/// Compiled size of one of them.
const REGEX_BYTES_MAX: usize = 1 << 20;
/// Substrings of all lists: each is looked for by itself.
const SUBSTRINGS_MAX: usize = 10_000;

#[derive(Debug)]
struct List {
    name: String,
    /// Bit `kind` is set where the list speaks of the kind.
    kinds: u32,
    held: AtomicU64,
}

/// Known-good lists while they are read.
#[derive(Default)]
pub(super) struct Reading {
    lists: Vec<List>,
    exact: Vec<(Box<str>, u32)>,
    hosts: Vec<(Box<str>, u32)>,
    substrings: Vec<(Box<str>, u32)>,
    regexes: Vec<(Regex, u32)>,
    v4: Vec<Network<u32>>,
    v6: Vec<Network<u128>>,
}

/// Known-good lists.
#[derive(Debug)]
pub(super) struct KnownGood {
    lists: Vec<List>,
    /// Whole values in lower case, sorted.
    exact: Vec<(Box<str>, u32)>,
    /// Names that hold what is under them, sorted.
    hosts: Vec<(Box<str>, u32)>,
    substrings: Vec<(Box<str>, u32)>,
    regexes: Vec<(Regex, u32)>,
    /// One for each list with networks, so that lists don't hide each other's.
    networks: Vec<(u32, Networks)>,
}

impl Reading {
    /// Takes a warning list up: how many values it has. `Err`: why it is none.
    pub(super) fn list(&mut self, list: &Value) -> Result<usize, String> {
        let name = list["name"].as_str().ok_or("the list has no `name`")?;
        let values = list["list"].as_array().ok_or("the list has no `list` of values")?;
        let how = list["type"].as_str().unwrap_or("string");
        let number = self.lists.len() as u32;
        let mut kinds = 0;
        let attributes = list["matching_attributes"].as_array().map(Vec::as_slice).unwrap_or_default();
        for attribute in attributes.iter().filter_map(Value::as_str) {
            // `domain|ip`: either part.
            for part in attribute.split('|') {
                let Some(known) = kind::named(part) else { continue };
                kinds |= known.map_or(0, bits_of);
            }
        }
        self.lists.push(List {
            name: name.to_owned(),
            kinds: if kinds == 0 { u32::MAX } else { kinds },
            held: AtomicU64::new(0),
        });
        let mut taken = 0;
        for text in values.iter().filter_map(Value::as_str).map(str::trim).filter(|text| !text.is_empty()) {
            match self.value(how, text, number) {
                Ok(is) => taken += usize::from(is),
                Err(cause) => {
                    self.forget(number);
                    return Err(cause);
                }
            }
        }
        if taken == 0 && !values.is_empty() {
            self.forget(number);
            return Err("none of its values could be read".into());
        }
        Ok(taken)
    }

    /// Leaves a list out that turned out to be none.
    fn forget(&mut self, number: u32) {
        self.lists.truncate(number as usize);
        for values in [&mut self.exact, &mut self.hosts, &mut self.substrings] {
            values.retain(|(_, list)| *list != number);
        }
        self.regexes.retain(|(_, list)| *list != number);
        self.v4.retain(|network| network.number != number);
        self.v6.retain(|network| network.number != number);
    }

    fn value(&mut self, how: &str, text: &str, number: u32) -> Result<bool, String> {
        let folded = || text.to_lowercase().into_boxed_str();
        match how {
            "cidr" => return Ok(self.network(text, number)),
            "hostname" => self.hosts.push((text.trim_start_matches('.').to_lowercase().into(), number)),
            // Older lists write subdomains so.
            "string" if text.starts_with('.') => {
                self.hosts.push((text.trim_start_matches('.').to_lowercase().into(), number));
            }
            "string" => self.exact.push((folded(), number)),
            "substring" if self.substrings.len() < SUBSTRINGS_MAX => self.substrings.push((folded(), number)),
            "regex" if self.regexes.len() < REGEXES_MAX => {
                // As PHP writes them, between slashes.
                let pattern =
                    text.strip_prefix('/').and_then(|rest| rest.rsplit_once('/')).map_or(text, |(inner, _)| inner);
                let built = RegexBuilder::new(pattern).case_insensitive(true).size_limit(REGEX_BYTES_MAX).build();
                match built {
                    Ok(regex) => self.regexes.push((regex, number)),
                    Err(_) => return Ok(false),
                }
            }
            "substring" | "regex" => {
                return Err(format!(
                    "the lists hold more than {SUBSTRINGS_MAX} substrings or {REGEXES_MAX} expressions"
                ));
            }
            other => {
                return Err(format!(
                    "the list's type `{other}` is none of string, substring, hostname, cidr and regex"
                ));
            }
        }
        Ok(true)
    }

    fn network(&mut self, text: &str, number: u32) -> bool {
        let (address, prefix) =
            text.split_once('/').map_or((text, None), |(address, prefix)| (address, prefix.parse().ok()));
        match noroshi_parsers::ip::parse(address.as_bytes()) {
            Some(IpAddr::V4(ip)) if prefix.unwrap_or(32) <= 32 && (prefix.is_some() || !text.contains('/')) => {
                let mask = u32::MAX.checked_shl(32 - prefix.unwrap_or(32)).unwrap_or(0);
                self.v4.push(Network { first: u32::from(ip) & mask, last: u32::from(ip) & mask | !mask, number });
                true
            }
            Some(IpAddr::V6(ip)) if prefix.unwrap_or(128) <= 128 && (prefix.is_some() || !text.contains('/')) => {
                let mask = u128::MAX.checked_shl(128 - prefix.unwrap_or(128)).unwrap_or(0);
                self.v6.push(Network { first: u128::from(ip) & mask, last: u128::from(ip) & mask | !mask, number });
                true
            }
            _ => false,
        }
    }

    pub(super) fn finish(mut self) -> KnownGood {
        for values in [&mut self.exact, &mut self.hosts] {
            values.sort_unstable();
            values.dedup();
            values.shrink_to_fit();
        }
        let mut numbers: Vec<u32> =
            self.v4.iter().map(|one| one.number).chain(self.v6.iter().map(|one| one.number)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let of = |number: u32| {
            let v4 = self.v4.iter().filter(|one| one.number == number).copied().collect();
            let v6 = self.v6.iter().filter(|one| one.number == number).copied().collect();
            (number, Networks::new(v4, v6))
        };
        let networks = numbers.into_iter().map(of).collect();
        KnownGood {
            lists: self.lists,
            exact: self.exact,
            hosts: self.hosts,
            substrings: self.substrings,
            regexes: self.regexes,
            networks,
        }
    }
}

/// The kinds a word of a list stands for: a domain is a host name here, an address may be held as a network.
fn bits_of(kind: IndicatorKind) -> u32 {
    use IndicatorKind::{Cidr, Domain, Hostname, Ip};
    let bit = |kind: IndicatorKind| 1 << kind as u32;
    match kind {
        Ip | Cidr => bit(Ip) | bit(Cidr),
        Domain | Hostname => bit(Domain) | bit(Hostname),
        other => bit(other),
    }
}

impl KnownGood {
    pub(super) fn is_empty(&self) -> bool {
        self.lists.is_empty()
    }

    /// The first list that knows a value, by number. Counts nothing.
    pub(super) fn find(&self, kind: IndicatorKind, text: &str) -> Option<u32> {
        let folded = text.to_lowercase();
        let of_kind = |list: &u32| self.lists[*list as usize].kinds & 1 << kind as u32 != 0;
        let exact = |text: &str| {
            let from = self.exact.partition_point(|(value, _)| **value < *text);
            self.exact[from..].iter().take_while(|(value, _)| **value == *text).map(|(_, list)| *list).find(of_kind)
        };
        let whole = if kind == IndicatorKind::Url { folded.strip_suffix('/').unwrap_or(&folded) } else { &folded };
        let found = exact(whole).or_else(|| (whole != folded).then(|| exact(&folded)).flatten());
        found
            .or_else(|| self.host(kind, &folded).filter(of_kind))
            .or_else(|| self.network(kind, &folded, of_kind))
            .or_else(|| {
                self.substrings
                    .iter()
                    .find(|(part, list)| of_kind(list) && folded.contains(&**part))
                    .map(|(_, list)| *list)
            })
            .or_else(|| {
                self.regexes
                    .iter()
                    .find(|(regex, list)| of_kind(list) && regex.is_match(text.as_bytes()))
                    .map(|(_, list)| *list)
            })
    }

    fn host(&self, kind: IndicatorKind, text: &str) -> Option<u32> {
        let host = match kind {
            IndicatorKind::Domain | IndicatorKind::Hostname => text,
            IndicatorKind::Url => {
                let authority = text.split_once("://").map_or(text, |(_, rest)| rest).split(['/', '?']).next()?;
                std::str::from_utf8(value::split_port(authority.as_bytes()).0).ok()?
            }
            IndicatorKind::Email => text.rsplit_once('@')?.1,
            _ => return None,
        };
        let of_kind = |list: &u32| self.lists[*list as usize].kinds & 1 << kind as u32 != 0;
        let mut rest = host;
        loop {
            let from = self.hosts.partition_point(|(value, _)| **value < *rest);
            let same = self.hosts[from..].iter().take_while(|(value, _)| **value == *rest);
            if let Some(list) = same.map(|(_, list)| *list).find(of_kind) {
                return Some(list);
            }
            rest = rest.split_once('.')?.1;
        }
    }

    /// A list one of whose networks holds the address, or the whole network.
    fn network(&self, kind: IndicatorKind, text: &str, of_kind: impl Fn(&u32) -> bool) -> Option<u32> {
        let (address, prefix) = match kind {
            IndicatorKind::Ip => (text, None),
            IndicatorKind::Cidr => {
                text.split_once('/').map(|(address, prefix)| (address, prefix.parse::<u32>().ok()))?
            }
            _ => return None,
        };
        let ip = noroshi_parsers::ip::parse(address.as_bytes())?.to_canonical();
        let holds = |networks: &Networks| match ip {
            IpAddr::V4(ip) => {
                let ip = u32::from(ip);
                let last = ip | !u32::MAX.checked_shl(32 - prefix.unwrap_or(32).min(32)).unwrap_or(0);
                networks.find_v4(ip).is_some() && networks.find_v4(last).is_some()
            }
            IpAddr::V6(ip) => {
                let ip = u128::from(ip);
                let last = ip | !u128::MAX.checked_shl(128 - prefix.unwrap_or(128).min(128)).unwrap_or(0);
                networks.find_v6(ip).is_some() && networks.find_v6(last).is_some()
            }
        };
        self.networks.iter().find(|(list, networks)| of_kind(list) && holds(networks)).map(|(list, _)| *list)
    }

    /// Counts a hit held back by a list.
    pub(super) fn count(&self, list: u32) {
        self.lists[list as usize].held.fetch_add(1, Ordering::Relaxed);
    }

    /// The name of a list.
    pub(super) fn name(&self, list: u32) -> &str {
        &self.lists[list as usize].name
    }

    /// Lists by name, with the hits they held back.
    pub(super) fn held(&self) -> impl Iterator<Item = (&str, u64)> {
        self.lists.iter().map(|list| (list.name.as_str(), list.held.load(Ordering::Relaxed)))
    }

    /// Goes on counting where `before` stood.
    pub(super) fn go_on_from(&self, before: &KnownGood) {
        for list in &self.lists {
            if let Some((_, held)) = before.held().find(|(name, _)| *name == list.name) {
                list.held.fetch_add(held, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let words = self.exact.iter().chain(&self.hosts).chain(&self.substrings);
        words.map(|(text, _)| text.len() + 24).sum::<usize>()
            + self.networks.iter().map(|(_, networks)| networks.memory_bytes()).sum::<usize>()
    }
}
