//! Group keys and counted values of a hit, normalised so that equal things are equal.
//!
//! Addresses are canonical, host names and MACs lower-case, user names lower-case where
//! the system that wrote them does not tell case apart. A field that is missing, null or
//! empty takes the hit out of the correlation. An array gives one key per distinct element.

use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::ecs;
use noroshi_parsers::event::EventView;

use crate::compile::{Candidates, fields};
use crate::correlated::{CorrelatedRule, KeyPart, Normal};

/// Most keys of one hit. A record that names a dozen addresses is real; a product of
/// arrays beyond this is noise or an attack on the state, and is counted.
pub const KEYS_MAX: usize = 16;

/// Most distinct values one hit brings to a value_count.
pub const VALUES_MAX: usize = 64;

/// The key of whoever an event names by address, if need be in its text alone: daemons write `from 192.0.2.1` in a hundred ways.
pub const ADDRESS: &str = "noroshi.address";

/// A group key in its canonical form: each part as its length (4 bytes, little endian) and
/// its bytes. No `group-by` is the empty key.
pub type Key = Vec<u8>;

/// What became of a hit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Outcome {
    /// Keys or values that were left out because there were too many.
    pub excess: usize,
    /// The part that was missing, null or empty: the hit takes no part. The number of parts
    /// stands for the counted field.
    pub missing: Option<usize>,
}

/// The parts of a key.
pub fn parts(key: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = key;
    std::iter::from_fn(move || {
        let (len, after) = rest.split_first_chunk::<4>()?;
        let part = after.get(..u32::from_le_bytes(*len) as usize)?;
        rest = &after[part.len()..];
        Some(part)
    })
}

/// Appends a part to a key.
pub fn push_part(key: &mut Key, part: &[u8]) {
    key.extend_from_slice(&(part.len() as u32).to_le_bytes());
    key.extend_from_slice(part);
}

/// Replaces `out` by the keys of a hit of `rule`, distinct and sorted. Empty if a part is missing.
pub fn extract(rule: &CorrelatedRule, event: &EventView<'_>, out: &mut Vec<Key>) -> Outcome {
    out.clear();
    let mut outcome = Outcome::default();
    out.push(Key::new());
    for (number, part) in rule.key.iter().enumerate() {
        let (values, more) = values_of(part, event, KEYS_MAX);
        if values.is_empty() {
            out.clear();
            return Outcome { missing: Some(number), ..outcome };
        }
        outcome.excess += more * out.len();
        let product = out.len() * values.len();
        let mut made = Vec::with_capacity(product.min(KEYS_MAX));
        for value in &values {
            for key in out.iter() {
                if made.len() < KEYS_MAX {
                    let mut key = key.clone();
                    push_part(&mut key, value);
                    made.push(key);
                }
            }
        }
        outcome.excess += product - made.len();
        *out = made;
    }
    out.sort_unstable();
    outcome
}

/// Replaces `out` by the distinct values a hit of `rule` brings to a value_count.
pub fn extract_values(rule: &CorrelatedRule, event: &EventView<'_>, out: &mut Vec<Vec<u8>>) -> Outcome {
    out.clear();
    let Some(part) = &rule.value else { return Outcome::default() };
    let (values, excess) = values_of(part, event, VALUES_MAX);
    let missing = values.is_empty().then_some(rule.key.len());
    *out = values;
    Outcome { excess, missing }
}

/// Replaces `out` by the distinct entities of a hit of `rule`, those who have its values.
pub fn extract_entities(rule: &CorrelatedRule, event: &EventView<'_>, out: &mut Vec<Vec<u8>>) {
    out.clear();
    if let Some(part) = &rule.entity {
        *out = values_of(part, event, KEYS_MAX).0;
    }
}

/// The distinct normalised values of a part, sorted, and how many more there were.
fn values_of(part: &KeyPart, event: &EventView<'_>, most: usize) -> (Vec<Vec<u8>>, usize) {
    let mut values: Vec<Vec<u8>> = fields(&part.candidates, event)
        .map(|field| event.value(field))
        .filter(|value| !value.is_empty())
        .map(|value| normalise(value, part.normal, event))
        .collect();
    if part.written && values.is_empty() {
        values = written(event);
    }
    values.sort_unstable();
    values.dedup();
    let more = values.len().saturating_sub(most);
    values.truncate(most);
    (values, more)
}

/// The addresses that an event's text writes: its message's, or else the whole record's. The record's own host is none of them.
pub fn written(event: &EventView<'_>) -> Vec<Vec<u8>> {
    let message = event.first(ecs::MESSAGE).map(noroshi_parsers::ip::written);
    let found =
        message.filter(|found| !found.is_empty()).unwrap_or_else(|| noroshi_parsers::ip::written(event.original()));
    let of_host = [ecs::HOST_NAME, ecs::HOST_IP, ecs::OBSERVER_IP, ecs::LOG_SYSLOG_HOSTNAME];
    let is_own = |address: &std::net::IpAddr| {
        let own = |id| event.values(id).any(|value| noroshi_parsers::ip::parse(value) == Some(*address));
        of_host.into_iter().any(own)
    };
    found
        .iter()
        .filter(|address| !is_own(address))
        .map(|address| address.to_canonical().to_string().into_bytes())
        .collect()
}

fn normalise(value: &[u8], normal: Normal, event: &EventView<'_>) -> Vec<u8> {
    if let Some(ip) = noroshi_parsers::ip::parse(value) {
        return ip.to_canonical().to_string().into_bytes();
    }
    let lower = match normal {
        Normal::Exact => false,
        Normal::Lower => true,
        Normal::User => {
            const CASELESS: [&str; 8] =
                ["windows", "azure", "m365", "aws", "gcp", "okta", "onelogin", "google_workspace"];
            event.core().log_source.get().products.iter().any(|product| CASELESS.contains(product))
        }
    };
    if !lower {
        return value.to_vec();
    }
    match std::str::from_utf8(value) {
        Ok(text) => text.to_lowercase().into_bytes(),
        Err(_) => value.to_ascii_lowercase(),
    }
}

/// How values of a field named `name`, or of any of its candidates, compare.
pub(crate) fn normal_of(name: &str, candidates: &Candidates, dictionary: &Dictionary) -> Normal {
    let names = || std::iter::once(name).chain(candidates.iter().map(|id| dictionary.name(*id)));
    let is_any =
        |tests: &[fn(&str) -> bool]| names().any(|name| tests.iter().any(|test| test(&name.to_ascii_lowercase())));
    if is_any(&[
        |name| name.ends_with(".mac") || name == "mac" || name.ends_with("_mac"),
        |name| name.starts_with("host.") && name.ends_with("name"),
        |name| name.ends_with("hostname") || name.ends_with(".domain") || name == "computer" || name == "computername",
        |name| name.starts_with("dns.question.") || name.ends_with("workstationname") || name == "winlog.computer_name",
        |name| name == "observer.name" || name == "related.hosts",
        // A column of an inventory.
        |name| name.ends_with(".host"),
    ]) {
        return Normal::Lower;
    }
    if is_any(&[|name| {
        name.starts_with("user.")
            || name.contains(".user.")
            || name == "related.user"
            || name.ends_with("username")
            || name == "user"
    }]) {
        return Normal::User;
    }
    Normal::Exact
}
