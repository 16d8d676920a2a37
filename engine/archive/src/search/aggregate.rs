//! Rows counted in groups.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use arrow_array::RecordBatch;
use serde_json::{Map, Number, Value, json};

use super::query::{Call, Stats};
use super::rows::Values;

/// Groups held at most; rows of others are counted in one group without values.
pub const GROUPS_MAX: usize = 1_000_000;

/// Distinct values held at most, over all groups; beyond, a figure is a least one and the answer says it is cut.
pub const VALUES_MAX: usize = 5_000_000;

enum Figure {
    Count(u64),
    Least(Option<f64>),
    Greatest(Option<f64>),
    Sum {
        sum: f64,
        numbers: u64,
    },
    /// Digests of the values: 64 bits, so that among a million two are equal once in 37 million runs.
    Distinct(HashSet<u64>),
}

/// Figures by group.
pub(crate) struct Groups {
    stats: Stats,
    /// By the values of the group, one behind the other as [`put`] writes them.
    groups: HashMap<Vec<u8>, Vec<Figure>>,
    hasher: RandomState,
    values: usize,
    is_cut: bool,
}

impl Groups {
    pub(crate) fn new(stats: Stats) -> Self {
        Groups { stats, groups: HashMap::new(), hasher: RandomState::new(), values: 0, is_cut: false }
    }

    fn begin(stats: &Stats) -> Vec<Figure> {
        let figure = |call: &Call| match call {
            Call::Count => Figure::Count(0),
            Call::Min(_) => Figure::Least(None),
            Call::Max(_) => Figure::Greatest(None),
            Call::Sum(_) | Call::Average(_) => Figure::Sum { sum: 0.0, numbers: 0 },
            Call::Distinct(_) => Figure::Distinct(HashSet::new()),
        };
        stats.calls.iter().map(figure).collect()
    }

    pub(crate) fn take(&mut self, batch: &RecordBatch) {
        let by: Vec<Values<'_>> = self.stats.by.iter().map(|field| Values::of(batch, field)).collect();
        let of: Vec<Option<Values<'_>>> =
            self.stats.calls.iter().map(|call| call.field().map(|field| Values::of(batch, field))).collect();
        let mut key = Vec::new();
        for row in 0..batch.num_rows() {
            key.clear();
            by.iter().for_each(|values| put(&mut key, values, row));
            if self.groups.len() >= GROUPS_MAX && !self.groups.contains_key(&key) {
                self.is_cut = true;
                key.clear();
                key.resize(by.len(), ABSENT);
            }
            // Most rows are of a group that is known: nothing is allocated for them.
            if !self.groups.contains_key(&key) {
                self.groups.insert(key.clone(), Self::begin(&self.stats));
            }
            let Some(figures) = self.groups.get_mut(&key) else { continue };
            for (figure, values) in figures.iter_mut().zip(&of) {
                let number = || values.as_ref().and_then(|values| values.number(row));
                match figure {
                    Figure::Count(count) => *count += 1,
                    Figure::Least(least) => *least = number().into_iter().chain(*least).reduce(f64::min),
                    Figure::Greatest(greatest) => *greatest = number().into_iter().chain(*greatest).reduce(f64::max),
                    Figure::Sum { sum, numbers } => {
                        if let Some(number) = number() {
                            *sum += number;
                            *numbers += 1;
                        }
                    }
                    Figure::Distinct(known) => {
                        let Some(values) = values else { continue };
                        values.any(row, |value| {
                            if self.values < VALUES_MAX {
                                self.values += usize::from(known.insert(self.hasher.hash_one(value)));
                            } else {
                                self.is_cut = true;
                            }
                            false
                        });
                    }
                }
            }
        }
    }

    /// A flat object a group, the largest first figure first; whether a bound was met.
    pub(crate) fn finish(self) -> (Vec<Value>, bool) {
        let Groups { stats, groups, is_cut, .. } = self;
        let mut groups: BTreeMap<Vec<Option<String>>, _> =
            groups.into_iter().map(|(key, figures)| (values_of(&key), figures)).collect();
        if groups.is_empty() && stats.by.is_empty() {
            groups.insert(Vec::new(), Self::begin(&stats));
        }
        let mut rows: Vec<Value> = groups
            .into_iter()
            .map(|(key, figures)| {
                let mut row = Map::new();
                for (name, value) in stats.by.iter().zip(key) {
                    row.insert(name.clone(), value.map_or(Value::Null, Value::String));
                }
                for (call, figure) in stats.calls.iter().zip(figures) {
                    let value = match figure {
                        Figure::Count(count) => count.into(),
                        Figure::Least(number) | Figure::Greatest(number) => number.map_or(Value::Null, number_of),
                        Figure::Sum { numbers: 0, .. } => Value::Null,
                        Figure::Sum { sum, numbers } if matches!(call, Call::Average(_)) => {
                            number_of(sum / numbers as f64)
                        }
                        Figure::Sum { sum, .. } => number_of(sum),
                        Figure::Distinct(known) => known.len().into(),
                    };
                    row.insert(call.to_string(), value);
                }
                Value::Object(row)
            })
            .collect();
        if let Some(first) = stats.calls.first() {
            sort(&mut rows, &first.to_string(), true, true);
        }
        (rows, is_cut)
    }
}

/// What a group's value begins with: there is none, or its length and text follow.
const ABSENT: u8 = 0;
const PRESENT: u8 = 1;

/// Appends the first value of a row.
fn put(key: &mut Vec<u8>, values: &Values<'_>, row: usize) {
    let any = values.any(row, |value| {
        key.push(PRESENT);
        key.extend_from_slice(&(value.len() as u64).to_le_bytes());
        key.extend_from_slice(value);
        true
    });
    if !any {
        key.push(ABSENT);
    }
}

/// The values that [`put`] wrote.
fn values_of(mut key: &[u8]) -> Vec<Option<String>> {
    let mut values = Vec::new();
    while let Some((&mark, rest)) = key.split_first() {
        let (value, behind) = match rest.split_first_chunk::<8>().filter(|_| mark == PRESENT) {
            Some((len, text)) => {
                let (value, behind) = text.split_at((u64::from_le_bytes(*len) as usize).min(text.len()));
                (Some(String::from_utf8_lossy(value).into_owned()), behind)
            }
            None => (None, rest),
        };
        values.push(value);
        key = behind;
    }
    values
}

/// A number without a fraction is written as one.
fn number_of(number: f64) -> Value {
    if number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0 {
        return json!(number as i64);
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

/// Sorts objects by a member, `flat` or nested; those without it come last. Equal ones keep their order.
pub(crate) fn sort(rows: &mut [Value], field: &str, descending: bool, flat: bool) {
    let of = |row: &Value| -> Option<Value> {
        if flat {
            return row.get(field).filter(|value| !value.is_null()).cloned();
        }
        row.pointer(&format!("/{}", field.replace('.', "/"))).or_else(|| row.get(field)).cloned()
    };
    rows.sort_by_cached_key(|row| Key { value: of(row), descending });
}

struct Key {
    value: Option<Value>,
    descending: bool,
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let ordered = match (&self.value, &other.value) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Greater,
            (Some(_), None) => return Ordering::Less,
            (Some(Value::Number(one)), Some(Value::Number(two))) => {
                one.as_f64().unwrap_or(0.0).total_cmp(&two.as_f64().unwrap_or(0.0))
            }
            (Some(Value::String(one)), Some(Value::String(two))) => one.cmp(two),
            (Some(one), Some(two)) => one.to_string().cmp(&two.to_string()),
        };
        if self.descending { ordered.reverse() } else { ordered }
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}
