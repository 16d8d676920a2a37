//! Tables that say which names the columns of a comma-separated record take.

use super::names::id_of;
use super::targets::{self, To};
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, Span};
use crate::number::parse_i64;
use crate::wire::csv::{Cells, PLACES, Places, Plain};

/// One column: the vendor's name, and the schema name its value takes besides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    /// Empty where the vendor reserves the column.
    pub(crate) name: &'static str,
    to: FieldId,
    how: To,
}

/// A column that the vendor reserves, or that says nothing of the event.
pub(crate) const SKIP: Column = own("");

/// A column under the vendor's name alone.
pub(crate) const fn own(name: &'static str) -> Column {
    Column { name, to: FieldId::UNNAMED, how: To::Text }
}

/// A column under the vendor's name and one of the schema.
pub(crate) const fn col(name: &'static str, to: FieldId, how: To) -> Column {
    Column { name, to, how }
}

/// A run of columns by id.
pub(crate) type Resolved = Vec<(FieldId, Option<(FieldId, To)>)>;

/// The columns of `parts`, one after another, by id.
pub(crate) fn resolve(parts: &[&[Column]]) -> Resolved {
    let target = |column: &Column| (column.to != FieldId::UNNAMED).then_some((column.to, column.how));
    parts
        .iter()
        .flat_map(|part| part.iter())
        .map(|column| {
            let id = if column.name.is_empty() { FieldId::UNNAMED } else { id_of(column.name) };
            (id, target(column))
        })
        .collect()
}

/// How many names `own` and `tables` hold.
pub(crate) const fn names_len(own: &[&'static str], tables: &[&[Column]]) -> usize {
    let mut len = own.len();
    let mut at = 0;
    while at < tables.len() {
        len += tables[at].len();
        at += 1;
    }
    len
}

/// The names of `own` and `tables`, for a product's row. Reserved columns leave the first name again.
pub(crate) const fn names<const N: usize>(own: &[&'static str], tables: &[&[Column]]) -> [&'static str; N] {
    let mut names = [own[0]; N];
    let mut len = 0;
    while len < own.len() {
        names[len] = own[len];
        len += 1;
    }
    let mut at = 0;
    while at < tables.len() {
        let mut column = 0;
        while column < tables[at].len() {
            if !tables[at][column].name.is_empty() {
                names[len] = tables[at][column].name;
            }
            len += 1;
            column += 1;
        }
        at += 1;
    }
    names
}

/// Writes the cells that `columns` name, as many as there are; the answer is how many were read.
#[inline]
pub(crate) fn read(
    writer: &mut EventWriter<'_>,
    cells: &mut Cells<'_>,
    columns: &[(FieldId, Option<(FieldId, To)>)],
) -> usize {
    if let (Some(mut plain), Some(place)) = (cells.plain(), writer.place_of(cells.rest())) {
        let place = place - cells.at() as u32;
        let count = read_plain(writer, &mut plain, place, columns);
        cells.resume(&plain);
        return count;
    }
    for (at, &(id, target)) in columns.iter().enumerate() {
        let Some(cell) = cells.next() else { return at };
        if matches!(cell.text, b"" | b" ") || id == FieldId::UNNAMED {
            continue;
        }
        let value = cell.span(writer);
        writer.put_span(id, value, Kind::Text, true);
        if let Some((to, how)) = target {
            targets::put(writer, id, to, how, value);
        }
    }
    columns.len()
}

/// As [`read`] for cells without quotes, of a text that begins at `place` of the record. Where cells begin is found before
/// any is written: the two loops apart have few enough values each to stay in registers (8 % of a PAN-OS record), and
/// empty cells, which come in no order a branch would foresee, are left out by their bits.
fn read_plain(
    writer: &mut EventWriter<'_>,
    cells: &mut Plain<'_>,
    place: u32,
    columns: &[(FieldId, Option<(FieldId, To)>)],
) -> usize {
    let mut places = [0; PLACES + 1];
    let mut read = 0;
    for columns in columns.chunks(PLACES) {
        let (count, filled) = cells.places(&mut places, columns.len());
        write_plain(writer, cells, place, columns, (&places, filled));
        read += count;
        if count < columns.len() {
            break;
        }
    }
    read
}

/// Writes the cells that `filled` tells of. Most are written within a run; what takes more than that leaves it.
fn write_plain(
    writer: &mut EventWriter<'_>,
    cells: &Plain<'_>,
    place: u32,
    columns: &[(FieldId, Option<(FieldId, To)>)],
    (places, mut filled): (&Places, u64),
) {
    let derives = writer.derives();
    while filled != 0 {
        let mut run = writer.run();
        let left = loop {
            if filled == 0 {
                break None;
            }
            let at = filled.trailing_zeros() as usize;
            filled &= filled - 1;
            let Some(&(id, target)) = columns.get(at) else { break None };
            let (begin, end) = (places[at], places[at + 1] - 1);
            let one = end - begin == 1;
            if id == FieldId::UNNAMED || one && cells.is_blank(begin as usize) {
                continue;
            }
            let value = Span::at(place + begin, (end - begin) as usize);
            if !run.put(id, value, Kind::Text, true) {
                break Some((id, target, value, false));
            }
            let Some((to, how)) = target.filter(|_| derives) else { continue };
            let number = || parse_i64(cells.cell(begin as usize, end as usize)).is_some();
            let written = match how {
                To::Text => run.has(to) || run.put(to, value, Kind::Text, false),
                To::Number => run.has(to) || number() && run.put(to, value, Kind::Number, false),
                _ => false,
            };
            if !written {
                break Some((id, target, value, true));
            }
        };
        drop(run);
        let Some((id, target, value, written)) = left else { return };
        if !written {
            writer.put_span(id, value, Kind::Text, true);
        }
        if let Some((to, how)) = target {
            targets::put(writer, id, to, how, value);
        }
    }
}
