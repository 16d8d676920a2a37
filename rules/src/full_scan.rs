//! The slow twin of the matcher: a rule, read straight from its definition, against one event.
//!
//! Nothing here is compiled, routed or filtered, and nothing is shared with the fast path
//! but the definitions: it is the oracle that differential tests hold the fast path to.

use std::net::IpAddr;

use ipnet::IpNet;
use noroshi_parsers::dictionary::{Dictionary, FieldId};
use noroshi_parsers::event::{EventView, Kind};

use crate::compile::EVENT_TIME;
use crate::condition::Condition;
use crate::fold::fold;
use crate::number::Number;
use crate::pattern::{DASHES, Pattern, Piece};
use crate::rule::{Item, Rule, RuleSource, Search, Test};
use crate::taxonomy;

/// Whether `rule` matches `event`, its log source aside.
pub fn matches(rule: &Rule, event: &EventView<'_>, dictionary: &Dictionary) -> bool {
    let scan = Scan { event, dictionary, source: &rule.source };
    let selected: Vec<bool> = rule.selections.iter().map(|selection| scan.search(&selection.search)).collect();
    condition(&rule.condition, &selected)
}

fn condition(node: &Condition, selected: &[bool]) -> bool {
    match node {
        Condition::Selection(at) => selected[*at],
        Condition::And(all) => all.iter().all(|one| condition(one, selected)),
        Condition::Or(any) => any.iter().any(|one| condition(one, selected)),
        Condition::Not(inner) => !condition(inner, selected),
        Condition::Of { count, selections } => selections.iter().filter(|at| selected[**at]).count() >= *count,
    }
}

struct Scan<'a> {
    event: &'a EventView<'a>,
    dictionary: &'a Dictionary,
    source: &'a RuleSource,
}

impl Scan<'_> {
    fn search(&self, search: &Search) -> bool {
        match search {
            Search::Item(item) => self.item(item) != item.negated,
            Search::All(all) => all.iter().all(|one| self.search(one)),
            Search::Any(any) => any.iter().any(|one| self.search(one)),
        }
    }

    fn item(&self, item: &Item) -> bool {
        let holds =
            |value: &crate::rule::Value| value.alternatives.iter().any(|test| self.test(item.field.as_deref(), test));
        if item.all { item.values.iter().all(holds) } else { item.values.iter().any(holds) }
    }

    /// The field of the event that `name` means, if there is one.
    fn resolve(&self, name: &str) -> Option<FieldId> {
        taxonomy::candidates(name, self.source)
            .iter()
            .filter_map(|name| self.dictionary.find(name.as_bytes()))
            .find(|id| self.event.fields().iter().any(|field| field.id == *id))
    }

    fn values(&self, name: &str) -> Vec<&[u8]> {
        let Some(id) = self.resolve(name) else { return Vec::new() };
        let fields = self.event.fields().iter().filter(|field| field.id == id && field.kind != Kind::Null);
        fields.map(|field| self.event.value(field)).collect()
    }

    fn test(&self, field: Option<&str>, test: &Test) -> bool {
        let values = match field {
            Some(name) => self.values(name),
            None => {
                let fields = self.event.fields().iter().filter(|field| field.kind != Kind::Null);
                fields.map(|field| self.event.value(field)).chain([self.event.text()]).collect()
            }
        };
        match test {
            Test::Text(pattern) => values.iter().any(|value| fits(pattern, value)),
            Test::Null => match field.and_then(|name| self.resolve(name)) {
                None => true,
                Some(id) => self.event.fields().iter().any(|field| field.id == id && field.kind == Kind::Null),
            },
            Test::Exists(wanted) => field.and_then(|name| self.resolve(name)).is_some() == *wanted,
            Test::Regex { expression, .. } => values.iter().any(|value| expression.is_match(value)),
            Test::Cidr(net) => values.iter().any(|value| holds(net, value)),
            Test::Part(part, comparison, bound) => {
                let time = |value: i128| comparison.holds(Number::Integer(value).order(*bound));
                let named = field.and_then(|name| self.resolve(name)).is_some();
                if field == Some(EVENT_TIME) && !named {
                    return part.of_time(self.event.core().time_ns).is_some_and(time);
                }
                values.iter().any(|value| part.read(value).is_some_and(time))
            }
            Test::Compare(comparison, bound) => values
                .iter()
                .any(|value| Number::parse(value).is_some_and(|number| comparison.holds(number.order(*bound)))),
            Test::FieldRef { field, open_start, open_end, cased } => {
                let others = self.values(field);
                values.iter().any(|value| {
                    others.iter().any(|other| {
                        let mut pattern = Pattern::literal(*other);
                        pattern.cased = *cased;
                        if *open_start {
                            pattern.open_start();
                        }
                        if *open_end {
                            pattern.open_end();
                        }
                        fits(&pattern, value)
                    })
                })
            }
        }
    }
}

/// Whether an address lies in a network, bit by bit. IPv4 inside IPv6 is IPv4.
fn holds(net: &IpNet, value: &[u8]) -> bool {
    let bits = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => (4, u128::from(u32::from(ip)) << 96),
        IpAddr::V6(ip) => (6, u128::from(ip)),
    };
    let Some(ip) = noroshi_parsers::ip::parse(value) else { return false };
    let (wanted_family, wanted) = bits(net.addr());
    [ip, ip.to_canonical()].into_iter().any(|ip| {
        let (family, found) = bits(ip);
        family == wanted_family && (0..u32::from(net.prefix_len())).all(|bit| (found ^ wanted) >> (127 - bit) & 1 == 0)
    })
}

/// Characters of a value, or bytes that are none, as text that compares.
fn units(bytes: &[u8], cased: bool) -> Vec<String> {
    let mut made = Vec::new();
    for chunk in bytes.utf8_chunks() {
        let letters = chunk.valid().chars();
        made.extend(letters.map(|letter| if cased { letter } else { fold(letter) }.to_string()));
        made.extend(chunk.invalid().iter().map(|byte| format!("byte {byte}")));
    }
    made
}

/// Whether a value fits a pattern, character by character.
fn fits(pattern: &Pattern, value: &[u8]) -> bool {
    let mut wanted: Vec<Option<Vec<String>>> = Vec::new();
    for piece in &pattern.pieces {
        match piece {
            Piece::Literal(bytes) => {
                wanted.extend(units(bytes, pattern.cased).into_iter().map(|unit| Some(vec![unit])));
            }
            Piece::One => wanted.push(Some(Vec::new())),
            Piece::Dash => wanted.push(Some(DASHES.iter().map(char::to_string).collect())),
            Piece::Any => wanted.push(None),
        }
    }
    let value = units(value, pattern.cased);
    // reach[n]: the pattern so far can end after n characters of the value.
    let mut reach = vec![false; value.len() + 1];
    reach[0] = true;
    for want in wanted {
        let mut next = vec![false; value.len() + 1];
        match want {
            None => {
                let mut open = false;
                for at in 0..=value.len() {
                    open |= reach[at];
                    next[at] = open;
                }
            }
            Some(any_of) => {
                for at in 0..value.len() {
                    next[at + 1] = reach[at] && (any_of.is_empty() || any_of.contains(&value[at]));
                }
            }
        }
        reach = next;
    }
    reach[value.len()]
}
