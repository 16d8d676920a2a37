use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::decode::{Context, SourceOptions};
use crate::defect::Defect;
use crate::dictionary::{Dictionary, FieldId};
use crate::event::{Event, Kind};
use crate::wire::successors::Successors;

/// The members of a record as `path=kind:value`, sorted, and the defects.
#[track_caller]
fn members(text: &[u8]) -> (Vec<String>, Vec<&'static str>) {
    let dictionary = Arc::new(Dictionary::new());
    let options = SourceOptions::default();
    let successors = Successors::new(&dictionary);
    let scratch = std::cell::Cell::default();
    let context = Context {
        dictionary: &dictionary,
        options: &options,
        receive_time_ns: 0,
        successors: &successors,
        last_stamp: &std::cell::Cell::default(),
        learned: &std::cell::Cell::default(),
        scratch: &scratch,
    };
    let mut event = Event::new();
    event.clear();
    super::decode(&mut event.writer(text), &context, text);
    let cold: Vec<_> = event.view(text).fields().iter().map(|field| (field.id, field.span())).collect();
    event.clear();
    let read = super::decode(&mut event.writer(text), &context, text);
    let warm: Vec<_> = event.view(text).fields().iter().map(|field| (field.id, field.span())).collect();
    assert_eq!(cold, warm, "the order seen before changes nothing");
    assert!(read.is_some(), "no object: {}", String::from_utf8_lossy(text));
    let view = event.view(text);
    let mut found: Vec<String> = view
        .fields()
        .iter()
        .map(|field| {
            let name = match field.id {
                FieldId::UNNAMED => String::from_utf8_lossy(view.own_name(field)).into_owned(),
                id => dictionary.name(id).to_owned(),
            };
            let kind = match field.kind {
                Kind::Text => "t",
                Kind::Number => "n",
                Kind::Bool => "b",
                Kind::Null => "0",
                Kind::Json => "j",
            };
            format!("{name}={kind}:{}", String::from_utf8_lossy(view.value(field)))
        })
        .collect();
    found.sort();
    (found, view.defects().iter().map(Defect::name).collect())
}

#[track_caller]
fn check(text: &str, expected: &[&str], defects: &[&str]) {
    let (found, found_defects) = members(text.as_bytes());
    assert_eq!(found, expected, "{text}");
    assert_eq!(found_defects, defects, "{text}");
}

#[test]
fn members_by_dotted_path() {
    check(r#"{"a":1,"b":{"c":"x","d":{"e":true}},"f":null}"#, &["a=n:1", "b.c=t:x", "b.d.e=b:true", "f=0:null"], &[]);
    check(" {} ".trim_start(), &[], &[]);
    check(r#"{ "a" : [ 1 , "x" ] , "b" : { } }"#, &["a=n:1", "a=t:x", "b=j:{ }"], &[]);
    check(r#"{"a":[{"b":1},{"b":2,"c":[]}]}"#, &["a.b=n:1", "a.b=n:2", "a.c=j:[]"], &[]);
    check(r#"{"a":[[1,2],{"b":[3]}]}"#, &["a.b=n:3", "a=j:[1,2]"], &[]);
}

#[test]
fn strings_are_unescaped() {
    check(r#"{"p":"C:\\x\n","k\u0041":{"z":"\u6f22"}}"#, &["kA.z=t:漢", "p=t:C:\\x\n"], &[]);
    check(r#"{"p":"\q"}"#, &["p=t:\\q"], &["json_malformed"]);
}

#[test]
fn what_breaks_off_keeps_what_was_read() {
    check(r#"{"a":1,"b":"x"#, &["a=n:1"], &["json_malformed"]);
    check(r#"{"a":1,"b""#, &["a=n:1"], &["json_malformed"]);
    check(r#"{"a":1} x"#, &["a=n:1"], &["json_malformed"]);
    check(r#"{"a":1 "b":2}"#, &["a=n:1"], &["json_malformed"]);
    check(r#"{"a":01}"#, &[], &["json_malformed"]);
    check(r#"{"a":{"b":1],"c":2}"#, &["a.b=n:1"], &["json_malformed"]);
    check(r#"{"a":nul}"#, &[], &["json_malformed"]);
}

#[test]
fn repeated_names_are_named() {
    check(r#"{"zz":1,"zz":2}"#, &["zz=n:1", "zz=n:2"], &["duplicate_key"]);
    check(r#"{"message":"a","message":"b"}"#, &["message=t:a", "message=t:b"], &["duplicate_key"]);
    check(r#"{"zz":[1,1],"y":[{"q":1},{"q":1}]}"#, &["y.q=n:1", "y.q=n:1", "zz=n:1", "zz=n:1"], &[]);
}

#[test]
fn depth_is_bounded_and_kept_raw() {
    let text = format!("{}1{}", r#"{"a":"#.repeat(40), "}".repeat(40));
    let (found, defects) = members(text.as_bytes());
    assert_eq!(found.len(), 1);
    assert!(found[0].ends_with(&format!("=j:{}1{}", r#"{"a":"#.repeat(8), "}".repeat(8))), "{found:?}");
    assert_eq!(defects, ["json_depth"]);
    let open = "[".repeat(100_000);
    let (_, defects) = members(format!(r#"{{"a":{open}"#).as_bytes());
    assert_eq!(defects, ["json_malformed"]);
}

#[test]
fn a_schema_name_holds_only_what_fits_its_type() {
    let (found, _) = members(br#"{"source":{"ip":"10.0.0.1","port":"x"},"event":{"original":"y"}}"#);
    assert_eq!(found, ["event.original=t:y", "source.ip=t:10.0.0.1", "source.port=t:x"]);
}

#[test]
fn one_path_written_two_ways_is_a_duplicate() {
    check(r#"{"q":{"z":1},"q.z":2}"#, &["q.z=n:1", "q.z=n:2"], &["duplicate_key"]);
    check(r#"{"q.z":2,"q":{"z":1}}"#, &["q.z=n:1", "q.z=n:2"], &["duplicate_key"]);
    check(r#"{"q":[{"z":1},{"z":2}],"y":3,"y":4}"#, &["q.z=n:1", "q.z=n:2", "y=n:3", "y=n:4"], &["duplicate_key"]);
}

#[test]
fn an_alert_that_speaks_of_an_event_id_is_no_event_of_windows() {
    let text = br#"{"EventID":1,"a":{"b":2},"event_type":"alert","flow_id":7}"#;
    let dictionary = Arc::new(Dictionary::new());
    let options = SourceOptions::default();
    let context = Context {
        dictionary: &dictionary,
        options: &options,
        receive_time_ns: 0,
        successors: &Successors::new(&dictionary),
        last_stamp: &std::cell::Cell::default(),
        learned: &std::cell::Cell::default(),
        scratch: &std::cell::Cell::default(),
    };
    let mut event = Event::new();
    for _ in 0..2 {
        event.clear();
        assert_eq!(super::decode(&mut event.writer(text), &context, text), Some(super::Dialect::Suricata));
        assert_eq!(event.view(text).fields().len(), 4);
    }
}

#[test]
fn no_object_is_refused() {
    let dictionary = Arc::new(Dictionary::new());
    let options = SourceOptions::default();
    let successors = Successors::new(&dictionary);
    let scratch = std::cell::Cell::default();
    let context = Context {
        dictionary: &dictionary,
        options: &options,
        receive_time_ns: 0,
        successors: &successors,
        last_stamp: &std::cell::Cell::default(),
        learned: &std::cell::Cell::default(),
        scratch: &scratch,
    };
    for text in ["", "{", "{x", "[1]", "{1:2}", "\"a\""] {
        let mut event = Event::new();
        event.clear();
        assert!(super::decode(&mut event.writer(text.as_bytes()), &context, text.as_bytes()).is_none(), "{text}");
    }
}

/// Any JSON value, not too deep, with the keys that matter: plain, escaped, dotted names aside.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-1e9f64..1e9).prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        r#"["\\/\n\t é漢😀a]{0,8}"#.prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-z\"\\\\é]{1,5}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// The slow twin: the same flattening over a parsed tree.
pub(super) fn flatten(path: &str, value: &Value, in_array: bool, out: &mut Vec<String>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, member) in members {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, member, false, out);
            }
        }
        Value::Array(elements) if !elements.is_empty() && !in_array => {
            for element in elements {
                flatten(path, element, true, out);
            }
        }
        Value::String(text) => out.push(format!("{path}=t:{text}")),
        Value::Number(number) => out.push(format!("{path}=n:{number}")),
        Value::Bool(bool) => out.push(format!("{path}=b:{bool}")),
        Value::Null => out.push(format!("{path}=0:null")),
        other => out.push(format!("{path}=j:{other}")),
    }
}

proptest! {
    #[test]
    fn agrees_with_a_parsed_tree(members_of in prop::collection::btree_map("[a-z\"]{1,6}", value(), 1..6), pretty in any::<bool>()) {
        let document = Value::Object(members_of.into_iter().collect());
        let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) }.unwrap();
        let mut expected = Vec::new();
        flatten("", &document, false, &mut expected);
        expected.sort();
        let (mut found, defects) = members(text.as_bytes());
        if pretty {
            // Raw parts carry the record's own white space.
            for raw in found.iter_mut().chain(&mut expected) {
                if let Some((name, rest)) = raw.split_once("=j:") {
                    let compact: Value = serde_json::from_str(rest).unwrap();
                    *raw = format!("{name}=j:{compact}");
                }
            }
            found.sort();
            expected.sort();
        }
        prop_assert_eq!(found, expected);
        prop_assert!(!defects.contains(&"json_malformed"), "{:?}", defects);
    }

    #[test]
    fn a_selector_finds_what_the_walk_writes_first(members_of in prop::collection::btree_map("[a-c]{1,2}", value(), 1..6), extra in "[a-c]{1,2}(\\.[a-c]){0,2}") {
        let text = Value::Object(members_of.into_iter().collect()).to_string();
        let (dictionary, options) = (Dictionary::new(), SourceOptions::default());
        let successors = Successors::new(&dictionary);
    let scratch = std::cell::Cell::default();
    let context = Context {
        dictionary: &dictionary,
        options: &options,
        receive_time_ns: 0,
        successors: &successors,
        last_stamp: &std::cell::Cell::default(),
        learned: &std::cell::Cell::default(),
        scratch: &scratch,
    };
        let mut event = Event::new();
        event.clear();
        super::decode(&mut event.writer(text.as_bytes()), &context, text.as_bytes());
        let view = event.view(text.as_bytes());
        let name = |field: &crate::event::Field| match field.id {
            FieldId::UNNAMED => String::from_utf8_lossy(view.own_name(field)).into_owned(),
            id => dictionary.name(id).to_owned(),
        };
        let mut paths: Vec<String> = view.fields().iter().map(name).filter(|name| !name.is_empty()).collect();
        paths.push(extra);
        paths.sort();
        paths.dedup();
        paths.truncate(super::PATHS_MAX);
        let selector = super::Selector::new(&paths.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
        let picked = selector.pick(text.as_bytes());
        for (path, member) in paths.iter().zip(picked) {
            let oracle = view.fields().iter().find(|field| name(field) == *path).map(|field| (field.kind, view.value(field).to_vec()));
            let found = member.map(|member| {
                let mut value = Vec::new();
                member.unescape(&mut value);
                (member.kind, value)
            });
            prop_assert_eq!(found, oracle, "{} in {}", path, text);
        }
    }

    #[test]
    fn a_selector_survives_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200), flip in any::<usize>()) {
        let selector = super::Selector::new(&["a", "a.b", "event_type"]).unwrap();
        selector.pick(&bytes);
        let mut text = br#"{"a":{"b":["x",1,{"c":"\\\""}]},"event_type":"alert","d":[[],{}]}"#.to_vec();
        let at = flip % text.len();
        text[at] = bytes.first().copied().unwrap_or_default();
        selector.pick(&text);
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut text = b"{\"".to_vec();
        text.extend_from_slice(&bytes);
        members(&text);
    }

    #[test]
    fn broken_documents_are_survived(cut in 0usize..400, flip in 0usize..400, byte in any::<u8>()) {
        let document = json!({"a": {"b": ["x", 1, {"c": "\\\"é"}], "d": null}, "event_type": "alert", "src_ip": "10.0.0.1", "e": [[1], []]});
        let mut text = document.to_string().into_bytes();
        let len = text.len();
        text[flip % len] = byte;
        text.truncate(2 + cut % len);
        text[..2].copy_from_slice(b"{\"");
        members(&text);
    }
}
