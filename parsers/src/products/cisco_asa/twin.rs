//! The naive twin of the routed texts: every message of the guide is tried in the order in which it is listed.

use super::messages::{self, all_ids, compiled};
use super::take_mark;
use crate::products::text_template::twin::check;
use crate::testing::hold;

#[test]
fn a_number_finds_the_row_that_a_search_from_the_top_finds() {
    let rows = compiled();
    for id in (0..900_000).step_by(7).chain(all_ids()).chain(all_ids().map(|id| id + 1)) {
        let expected = rows.iter().find(|(ids, _)| ids.contains(&id)).map(|(_, row)| *row);
        let same = match (messages::find(id), expected) {
            (Some(found), Some(expected)) => std::ptr::eq(found, expected),
            (None, None) => true,
            _ => false,
        };
        assert!(same, "{id}");
    }
}

#[test]
fn golden_records_and_damaged_ones_read_as_the_twin_does() {
    let mut records = 0;
    hold(b" :/()'\"", |record| {
        let Some(mark) = take_mark(record) else { return };
        let id = crate::number::parse_u64(mark.id).unwrap_or_default() as u32;
        for template in messages::find(id).iter().flat_map(|row| &row.templates) {
            records += usize::from(check(template, mark.text));
        }
    });
    assert!(records > 1000, "only {records} messages are of their texts");
}

#[test]
fn a_text_is_read_alike_by_every_template() {
    for record in crate::testing::golden_records() {
        let text = take_mark(&record).map_or(&record[..], |mark| mark.text);
        for (_, row) in compiled() {
            for template in &row.templates {
                check(template, text);
            }
        }
    }
}
