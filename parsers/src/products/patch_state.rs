//! Lists of installed updates: Windows hot fixes as CSV (`Get-HotFix | Export-Csv`, `wmic qfe list /format:csv`).
//!
//! No column has the same place in all of them, so each row is read by what its cells are: the article is `KB` and
//! digits, the computer comes first, the date looks like one.

use super::fields::relate;
use super::names::vendor_names;
use crate::decode::Context;
use crate::defect::Defect;
use crate::event::{EventWriter, Kind, Span};
use crate::products::{Detect, Product};
use crate::wire::csv::Cells;
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `patch_state`.
pub(crate) static PRODUCT: Product = Product {
    name: "patch_state",
    title: "Lists of installed Windows updates",
    document: "Microsoft: Get-HotFix, Win32_QuickFixEngineering",
    namespace: "patch_state",
    module: "patch_state",
    dataset: "patch_state.hotfix",
    names: NAMES,
    detect: &[Detect::Mark(&[",KB", ",\"KB"], decode)],
    ..Product::NONE
};

vendor_names! {
    description = "description";
    installed_by = "installed_by";
    installed_on = "installed_on";
    caption = "caption";
}

/// Most columns of a row; `Win32_QuickFixEngineering` has eleven properties, the export adds a few of its own.
const COLUMNS_MAX: usize = 24;

/// `KB` and six or seven digits.
fn is_article(text: &[u8]) -> bool {
    text.strip_prefix(b"KB")
        .is_some_and(|digits| (6..=7).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit))
}

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, _context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii_end();
    let mut cells = Cells::new(text);
    let columns = cells
        .by_ref()
        .take(COLUMNS_MAX)
        .fold((0, false), |(columns, article), cell| (columns + 1, article || is_article(cell.text)));
    if columns.0 < 3 || !columns.1 {
        return false;
    }
    if cells.unbalanced {
        writer.defect(Defect::UnbalancedQuote);
    }
    let core = writer.core();
    core.product = products::PATCH_STATE;
    core.log_source = logsource::PACKAGE_LOG;
    writer.put_str(ecs::EVENT_KIND, "state");
    writer.put_str(ecs::EVENT_CATEGORY, "package");
    writer.put_str(ecs::EVENT_TYPE, "info");
    writer.put_str(ecs::EVENT_ACTION, "update-present");
    writer.put_str(ecs::PACKAGE_TYPE, "windows-update");
    let mut before_article = true;
    for (at, cell) in Cells::new(text).take(COLUMNS_MAX).enumerate() {
        if cell.text.is_empty() {
            continue;
        }
        let value = cell.span(writer);
        put(writer, at, value, &mut before_article);
    }
    relate(writer, ecs::HOST_NAME, ecs::RELATED_HOSTS);
    relate(writer, ecs::USER_NAME, ecs::RELATED_USER);
    true
}

fn put(writer: &mut EventWriter<'_>, at: usize, value: Span, before_article: &mut bool) {
    let ids = ids();
    let text = writer.bytes(value);
    if is_article(text) {
        *before_article = false;
        writer.put_span(ecs::PACKAGE_NAME, value, Kind::Text, false);
        writer.put_span(ecs::PACKAGE_REFERENCE, value, Kind::Text, false);
    } else if text.starts_with(b"http://") || text.starts_with(b"https://") {
        writer.put_span(ids.caption, value, Kind::Text, true);
    } else if text[0].is_ascii_digit() && memchr::memchr3(b'/', b'-', b'.', text).is_some() {
        writer.put_span(ids.installed_on, value, Kind::Text, true);
    } else if at == 0 {
        writer.put_span(ecs::HOST_NAME, value, Kind::Text, false);
    } else if *before_article && writer.first(ecs::HOST_NAME) != Some(text) {
        writer.put_span(ids.description, value, Kind::Text, true);
    } else if let Some(slash) = memchr::memchr(b'\\', text).filter(|_| !*before_article) {
        writer.put_span(ids.installed_by, value, Kind::Text, true);
        writer.put_span(ecs::USER_DOMAIN, value.part(0..slash), Kind::Text, false);
        writer.put_span(ecs::USER_NAME, value.part(slash + 1..value.len()), Kind::Text, false);
    }
}
