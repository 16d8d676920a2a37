//! Bodies of Elasticsearch's bulk API: a line that says what to do, then a line that is the document
//! ("Bulk index or delete documents" in Elastic's reference).
//!
//! A document is never looked into: the record is its line, byte for byte.

use memchr::memchr;

use super::hec::{JsonText, Value, key, value};
use crate::wire::json::scan;

/// What an item asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BulkAction {
    /// Add a document.
    Create,
    /// Add a document, or replace one.
    Index,
    /// Change a document; comes with a line of its own.
    Update,
    /// Remove a document; comes without one.
    Delete,
}

impl BulkAction {
    /// Its name in requests and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Index => "index",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    fn by_name(name: &[u8]) -> Option<Self> {
        [Self::Create, Self::Index, Self::Update, Self::Delete]
            .into_iter()
            .find(|action| action.name().as_bytes() == name)
    }
}

/// One item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BulkItem<'a> {
    /// What it asks for.
    pub action: BulkAction,
    /// The index it names.
    pub index: Option<JsonText<'a>>,
    /// The id it gives the document.
    pub id: Option<JsonText<'a>>,
    /// The document's line without its line end; empty for [`BulkAction::Delete`].
    pub source: &'a [u8],
}

/// A body that cannot be read on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BulkFault {
    /// The line at fault, from 1.
    pub line: u32,
    /// What was expected there.
    pub expected: &'static str,
}

/// The items of a body, in their order. After a fault there is no next. Empty lines between items are passed over.
#[derive(Clone, Debug)]
pub struct BulkItems<'a> {
    body: &'a [u8],
    at: usize,
    line: u32,
}

impl<'a> BulkItems<'a> {
    /// The items of `body`.
    pub fn new(body: &'a [u8]) -> Self {
        Self { body, at: 0, line: 0 }
    }

    /// The next line without LF or CR LF; `None` at the end.
    fn line(&mut self) -> Option<&'a [u8]> {
        let rest = self.body.get(self.at..).filter(|rest| !rest.is_empty())?;
        let (line, taken) = memchr(b'\n', rest).map_or((rest, rest.len()), |end| (&rest[..end], end + 1));
        self.at += taken;
        self.line += 1;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    fn item(&mut self, line: &'a [u8]) -> Result<BulkItem<'a>, &'static str> {
        const ACTION: &str = "an object with one of create, index, update or delete";
        let (action, index, id) = action(line).ok_or(ACTION)?;
        let source = match action {
            BulkAction::Delete => &[],
            _ => self.line().ok_or("a document after the action")?,
        };
        Ok(BulkItem { action, index, id, source })
    }
}

impl<'a> Iterator for BulkItems<'a> {
    type Item = Result<BulkItem<'a>, BulkFault>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = loop {
            let line = self.line()?;
            if !line.trim_ascii().is_empty() {
                break line;
            }
        };
        let at = self.line;
        let item = self.item(line).map_err(|expected| {
            self.at = self.body.len();
            BulkFault { line: at, expected }
        });
        Some(item)
    }
}

type Action<'a> = (BulkAction, Option<JsonText<'a>>, Option<JsonText<'a>>);

/// `{"ACTION":{"_index":…,"_id":…}}`.
fn action(line: &[u8]) -> Option<Action<'_>> {
    let at = scan::skip_space(line, 0);
    if line.get(at) != Some(&b'{') {
        return None;
    }
    let (name, at) = key(line, scan::skip_space(line, at + 1))?;
    let action = BulkAction::by_name(name)?;
    if line.get(at) != Some(&b'{') {
        return None;
    }
    let (mut index, mut id) = (None, None);
    let mut at = scan::skip_space(line, at + 1);
    let mut first = true;
    while line.get(at) != Some(&b'}') {
        if !first {
            if line.get(at) != Some(&b',') {
                return None;
            }
            at = scan::skip_space(line, at + 1);
        }
        first = false;
        let (name, value_at) = key(line, at)?;
        let (found, end): (Value<'_>, usize) = value(line, value_at)?;
        match name {
            b"_index" => index = found.text(),
            b"_id" => id = found.text(),
            _ => {}
        }
        at = scan::skip_space(line, end);
    }
    let end = scan::skip_space(line, at + 1);
    (line.get(end) == Some(&b'}') && scan::skip_space(line, end + 1) == line.len()).then_some((action, index, id))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn told(body: &str) -> Vec<Result<String, BulkFault>> {
        let text =
            |text: Option<JsonText>| text.map_or_else(String::new, |t| String::from_utf8_lossy(&t.text()).into_owned());
        BulkItems::new(body.as_bytes())
            .map(|item| {
                let BulkItem { action, index, id, source } = item?;
                Ok(format!("{}|{}|{}|{}", action.name(), text(index), text(id), String::from_utf8_lossy(source)))
            })
            .collect()
    }

    #[test]
    fn items_come_with_their_documents_byte_for_byte() {
        let body = "{\"index\":{\"_index\":\"logs\",\"_id\":\"1\"}}\n{ \"a\" : 1 }\r\n\n { \"create\" : { } } \n{\"b\":\"\\n\"}\n{\"delete\":{\"_id\":7}}\n{\"update\":{\"_id\":\"2\",\"retry_on_conflict\":3}}\n{\"doc\":{}}";
        let found: Vec<String> = told(body).into_iter().map(|item| item.expect("sound")).collect();
        assert_eq!(
            found,
            ["index|logs|1|{ \"a\" : 1 }", "create|||{\"b\":\"\\n\"}", "delete||7|", "update||2|{\"doc\":{}}"]
        );
    }

    #[test]
    fn the_first_fault_ends_a_body_and_names_its_line() {
        #[track_caller]
        fn check(body: &str, line: u32) {
            let last = told(body).pop().expect("something");
            assert_eq!(last.expect_err("is refused").line, line, "{body}");
        }
        for odd in [
            "x",
            "{}",
            "{\"index\":1}",
            "{\"index\":{}",
            "{\"index\":{}}x",
            "{\"index\":{\"_id\"}}",
            "{\"index\":{,}}",
            "{\"upsert\":{}}",
        ] {
            check(&format!("{{\"create\":{{}}}}\ndoc\n\n{odd}\ndoc\n"), 4);
        }
        check("{\"create\":{}}\n", 1);
    }

    proptest! {
        #[test]
        fn any_bytes_end(body in proptest::collection::vec(any::<u8>(), 0..120)) {
            prop_assert!(BulkItems::new(&body).count() <= body.len());
        }
    }
}
