//! Filters over batches of rows, and what of a file they need not look at.

use std::collections::BTreeSet;
use std::net::IpAddr;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{Array as _, BinaryArray, BooleanArray, RecordBatch};
use arrow_schema::DataType;

use super::query::{Bound, Filter, Pattern, Test};
use super::rows::Values;
use crate::schema::{self, name};

/// Which rows of a batch pass.
pub(crate) fn evaluate(filter: &Filter, batch: &RecordBatch) -> BooleanArray {
    BooleanArray::from(passes(filter, batch))
}

fn passes(filter: &Filter, batch: &RecordBatch) -> Vec<bool> {
    let rows = batch.num_rows();
    match filter {
        Filter::All(parts) => {
            let mut all = vec![true; rows];
            for part in parts {
                all.iter_mut().zip(passes(part, batch)).for_each(|(all, one)| *all &= one);
            }
            all
        }
        Filter::Any(parts) => {
            let mut any = vec![false; rows];
            for part in parts {
                any.iter_mut().zip(passes(part, batch)).for_each(|(any, one)| *any |= one);
            }
            any
        }
        Filter::Not(part) => passes(part, batch).into_iter().map(|one| !one).collect(),
        Filter::Text(pattern) => {
            match batch.column_by_name(name::RAW).and_then(|column| column.as_binary_opt::<i32>()) {
                Some(raw) if pattern.exact.as_ref().is_some_and(|exact| !exact.is_empty()) => have_text(pattern, raw),
                _ => {
                    let raw = Values::of(batch, name::RAW);
                    (0..rows).map(|row| raw.any(row, |value| pattern.is_match(value))).collect()
                }
            }
        }
        Filter::Field(field, test) => {
            let values = Values::of(batch, field);
            if let (Values::Column(column), Test::Between(low, high)) = (&values, test)
                && column.data_type() == &DataType::Int64
            {
                let numbers = column.as_primitive::<Int64Type>();
                let within = |row| !numbers.is_null(row) && is_between_number(numbers.value(row) as f64, low, high);
                return (0..rows).map(within).collect();
            }
            (0..rows).map(|row| values.any(row, |value| passes_value(test, value))).collect()
        }
    }
}

/// Which records have a text without wildcards: looked for in all of them at once, for they lie one behind the other.
fn have_text(pattern: &Pattern, raw: &BinaryArray) -> Vec<bool> {
    let (offsets, bytes) = (raw.value_offsets(), raw.value_data());
    let mut have = vec![false; raw.len()];
    let mut row = 0;
    while row < have.len() {
        let Some((start, end)) = pattern.find_at(bytes, offsets[row] as usize) else { break };
        // The row that it begins in: the last of those that begin there, for the others are empty.
        row += offsets[row + 1..].partition_point(|&begin| begin as usize <= start);
        let Some(&row_end) = offsets.get(row + 1) else { break };
        // One that reaches into the next record is none, but may hide a shorter one.
        have[row] = !raw.is_null(row) && (end <= row_end as usize || pattern.is_match(raw.value(row)));
        row += 1;
    }
    have
}

fn passes_value(test: &Test, value: &[u8]) -> bool {
    match test {
        Test::Exists => true,
        Test::Is(pattern) => match &pattern.exact {
            // The usual case is told apart by length and a plain comparison.
            Some(exact) if value.is_ascii() => exact.as_bytes().eq_ignore_ascii_case(value),
            // As the sets of related values are made.
            Some(exact) => String::from_utf8_lossy(value).to_lowercase() == *exact,
            None => pattern.is_match(value),
        },
        Test::OneOf(values) => {
            let is_plain = value.iter().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase());
            if is_plain {
                return values.binary_search_by(|one| one.as_bytes().cmp(value)).is_ok();
            }
            let text = String::from_utf8_lossy(value).to_lowercase();
            values.binary_search(&text).is_ok()
        }
        Test::Between(low, high) => {
            let text = String::from_utf8_lossy(value);
            match text.parse::<f64>() {
                Ok(number) => is_between_number(number, low, high),
                Err(_) => is_between_text(&text, low, high),
            }
        }
        Test::Passes(predicate) => (predicate.0)(value),
        Test::Within(network, bits) => std::str::from_utf8(value)
            .ok()
            .and_then(|text| text.parse::<IpAddr>().ok())
            .is_some_and(|address| is_within(address, *network, *bits)),
    }
}

fn is_between_number(number: f64, low: &Option<Bound>, high: &Option<Bound>) -> bool {
    let above = low
        .as_ref()
        .is_none_or(|bound| bound.number.is_some_and(|least| number > least || (bound.inclusive && number == least)));
    let below = high
        .as_ref()
        .is_none_or(|bound| bound.number.is_some_and(|most| number < most || (bound.inclusive && number == most)));
    above && below
}

fn is_between_text(text: &str, low: &Option<Bound>, high: &Option<Bound>) -> bool {
    let above = low.as_ref().is_none_or(|bound| text > bound.text.as_str() || (bound.inclusive && text == bound.text));
    let below = high.as_ref().is_none_or(|bound| text < bound.text.as_str() || (bound.inclusive && text == bound.text));
    above && below
}

fn is_within(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let (address, network, width) = match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => (u128::from(a.to_bits()), u128::from(n.to_bits()), 32),
        (IpAddr::V6(a), IpAddr::V6(n)) => (a.to_bits(), n.to_bits(), 128),
        _ => return false,
    };
    let shift = width - u32::from(bits).min(width);
    address.checked_shr(shift).unwrap_or(0) == network.checked_shr(shift).unwrap_or(0)
}

/// The columns that a filter reads.
pub(crate) fn columns_of(filter: &Filter, columns: &mut BTreeSet<&'static str>) {
    match filter {
        Filter::All(parts) | Filter::Any(parts) => parts.iter().for_each(|part| columns_of(part, columns)),
        Filter::Not(part) => columns_of(part, columns),
        Filter::Text(_) => {
            columns.insert(name::RAW);
        }
        Filter::Field(field, _) => {
            columns.insert(column_of(field));
        }
    }
}

/// The column that holds a field: its own, or the map.
pub(crate) fn column_of(field: &str) -> &'static str {
    static NAMES: std::sync::LazyLock<BTreeSet<&'static str>> = std::sync::LazyLock::new(|| {
        let schema = Box::leak(Box::new(schema::schema()));
        schema.fields().iter().map(|field| field.name().as_str()).collect()
    });
    NAMES.get(field).copied().unwrap_or(name::FIELDS)
}

/// What is known of a part of a file before it is read.
pub(crate) trait Known {
    /// Whether a value in lower case may stand in a set of related values.
    fn may_hold(&self, related: &'static str, value: &str) -> bool;
    /// The least and greatest number of a column.
    fn numbers(&self, column: &str) -> Option<(i64, i64)>;
    /// Whether no row has a value for a column.
    fn is_empty(&self, column: &str) -> bool;
}

/// Whether any row may pass. Never false where one does.
pub(crate) fn may_pass(filter: &Filter, known: &dyn Known) -> bool {
    match filter {
        Filter::All(parts) => parts.iter().all(|part| may_pass(part, known)),
        Filter::Any(parts) => parts.iter().any(|part| may_pass(part, known)),
        Filter::Not(_) | Filter::Text(_) => true,
        Filter::Field(field, _) if known.is_empty(field) => false,
        Filter::Field(field, test) => match (schema::related_of(field), test) {
            (Some(related), Test::Is(pattern)) => {
                pattern.exact.as_ref().is_none_or(|exact| known.may_hold(related, exact))
            }
            (Some(related), Test::OneOf(values)) => values.iter().any(|value| known.may_hold(related, value)),
            (_, Test::Between(low, high)) => known.numbers(field).is_none_or(|(least, most)| {
                let bound = |bound: &Option<Bound>, or: f64| bound.as_ref().and_then(|b| b.number).unwrap_or(or);
                bound(low, f64::NEG_INFINITY) <= most as f64 && bound(high, f64::INFINITY) >= least as f64
            }),
            _ => true,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A text that only two records together have is in neither, and none that one has is missed.
        #[test]
        fn looking_through_all_records_at_once_finds_what_each_alone_has(
            records in prop::collection::vec(prop::option::of("[abAB]{0,6}"), 0..30),
            text in "[abAB]{1,3}",
        ) {
            let pattern = Pattern::new(&text, false, false).unwrap();
            let raw = BinaryArray::from_iter(records.iter().map(|record| record.as_ref().map(String::as_bytes)));
            let one_by_one: Vec<bool> = records
                .iter()
                .map(|record| record.as_ref().is_some_and(|record| pattern.is_match(record.as_bytes())))
                .collect();
            prop_assert_eq!(have_text(&pattern, &raw), one_by_one);
        }
    }
}
