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
