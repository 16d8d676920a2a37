//! Tables that say which schema name a vendor's value takes besides its own.

use super::fields::put_mac;
use super::names::id_of;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, Span};
use crate::number::parse_i64;

/// How a value goes to its schema name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum To {
    /// As text, unless another key gave it before.
    Text,
    /// As one of several values.
    Set,
    /// If it is an address.
    Ip,
    /// If it is a port.
    Port,
    /// If it is a number.
    Number,
    /// As a hardware address.
    Mac,
}

/// One line of a table: vendor name, schema name, how.
pub(crate) type Target = (&'static str, FieldId, To);

/// How many names `own` and `table` hold.
pub(crate) const fn names_len(own: &[&'static str], table: &[Target]) -> usize {
    own.len() + table.len()
}

/// The names of `own` and `table`, for a product's row.
pub(crate) const fn names<const N: usize>(own: &[&'static str], table: &[Target]) -> [&'static str; N] {
    let mut names = [table[0].0; N];
    let mut at = 0;
    while at < own.len() {
        names[at] = own[at];
        at += 1;
    }
    let mut row = 0;
    while row < table.len() {
        names[at + row] = table[row].0;
        row += 1;
    }
    names
}

/// A table by the id of its vendor names.
pub(crate) fn by_id(table: &[Target]) -> Vec<Option<(FieldId, To)>> {
    let mut targets = Vec::new();
    for &(name, to, how) in table {
        let at = id_of(name).index();
        if targets.len() <= at {
            targets.resize(at + 1, None);
        }
        targets[at] = Some((to, how));
    }
    targets
}

/// Writes a value, which stands under `id` already, under its schema name.
#[inline]
pub(crate) fn put(writer: &mut EventWriter<'_>, id: FieldId, to: FieldId, how: To, value: Span) {
    if !writer.derives() {
        return;
    }
    if how != To::Set && writer.first(to).is_some() {
        return;
    }
    match how {
        To::Text | To::Set => writer.put_span(to, value, Kind::Text, false),
        To::Ip => {
            writer.put_if_ip(to, value);
        }
        To::Port => {
            writer.put_port_span(to, value);
        }
        To::Number => {
            if parse_i64(writer.bytes(value)).is_some() {
                writer.put_span(to, value, Kind::Number, false);
            } else {
                writer.defect(Defect::NumberInvalid);
            }
        }
        To::Mac => put_mac(writer, id, to),
    }
}
