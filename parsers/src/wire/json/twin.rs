//! The naive twin of the walk: the document parsed into a tree by `serde_json`, then flattened.

use serde_json::Value;

use super::dialect::Dialect;
use super::tests::flatten;
use super::{decode_as, is_object};
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{Event, Kind};
use crate::testing::{hold, with_context};

/// Members as `path=kind:value`, sorted; numbers and raw parts as the tree's parser writes them.
fn walked(text: &[u8]) -> (Vec<String>, crate::defect::Defects) {
    with_context(|context| {
        let mut event = Event::new();
        event.clear();
        decode_as(&mut event.writer(text), context, text, Dialect::Generic);
        let view = event.view(text);
        let normal = |value: &[u8]| serde_json::from_slice::<Value>(value).map(|value| value.to_string());
        let member = |field: &crate::event::Field| {
            let name = match field.id {
                FieldId::UNNAMED => String::from_utf8_lossy(view.own_name(field)).into_owned(),
                id => context.dictionary.name(id).to_owned(),
            };
            let value = view.value(field);
            let plain = || String::from_utf8_lossy(value).into_owned();
            match field.kind {
                Kind::Text => format!("{name}=t:{}", plain()),
                Kind::Number => format!("{name}=n:{}", normal(value).unwrap_or_else(|_| plain())),
                Kind::Bool => format!("{name}=b:{}", plain()),
                Kind::Null => format!("{name}=0:null"),
                Kind::Json => format!("{name}=j:{}", normal(value).unwrap_or_else(|_| plain())),
            }
        };
        let mut members: Vec<String> = view.fields().iter().map(member).collect();
        members.sort();
        (members, view.defects())
    })
}

/// Whether the tree's parser took the text, and the two could be compared.
#[track_caller]
fn check(text: &[u8]) -> bool {
    if !is_object(text) {
        return false;
    }
    let (found, defects) = walked(text);
    // A line of a file that is one array may end in a comma or in the array's bracket.
    let line = text.trim_ascii();
    let line = line.strip_suffix(b",").or_else(|| line.strip_suffix(b"]")).unwrap_or(line);
    let tree = serde_json::from_slice::<Value>(text).or_else(|_| serde_json::from_slice(line));
    let Ok(tree) = tree else {
        // What the parser refuses breaks off here too, save what RFC 8259 §9 lets a parser accept: bytes that are no
        // UTF-8, control characters and lone surrogates in strings, numbers too large, more depth.
        let strict = std::str::from_utf8(text).is_ok_and(|text| !text.chars().any(|char| char < ' '))
            && !text.windows(2).any(|pair| pair == b"\\u")
            && !defects.has(Defect::JsonDepth);
        assert!(!strict || defects.has(Defect::JsonMalformed), "{}", text.escape_ascii());
        return false;
    };
    assert!(!defects.has(Defect::JsonMalformed), "{}", text.escape_ascii());
    // A tree has room for one member of a name; what is too deep is kept raw.
    if defects.has(Defect::DuplicateKey) || defects.has(Defect::JsonDepth) {
        return false;
    }
    let mut expected = Vec::new();
    flatten("", &tree, false, &mut expected);
    expected.sort();
    if found != expected {
        // Members that a tree joins, in arrays or by empty names, are no defect of the document.
        assert!(repeats(&tree, text), "{}\n{found:#?}\n{expected:#?}", text.escape_ascii());
        return false;
    }
    true
}

/// Whether an object of the document names a member twice: the tree, written out, is shorter.
fn repeats(tree: &Value, text: &[u8]) -> bool {
    let colons = |text: &[u8]| {
        let (mut count, mut quoted, mut escaped) = (0, false, false);
        for &byte in text {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b':' if !quoted => count += 1,
                _ => {}
            }
        }
        count
    };
    colons(tree.to_string().as_bytes()) < colons(text)
}

#[test]
fn golden_records_and_damaged_ones_read_as_the_tree_says() {
    let mut documents = 0;
    hold(b"{}[]\":,\\", |record| {
        let from = record.windows(2).position(|pair| pair == b"{\"").unwrap_or(0);
        documents += usize::from(check(&record[from..]));
    });
    assert!(documents > 2000, "only {documents} documents");
}
