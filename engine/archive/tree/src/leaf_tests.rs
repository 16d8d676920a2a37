//! One text for each entry, and no other text for it.

use proptest::prelude::*;
use serde_json::json;

use super::*;

const ROOT: &str = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";

fn root() -> Hash {
    Hash::parse(ROOT).unwrap()
}

#[track_caller]
fn check(leaf: &Leaf, text: &str) {
    assert_eq!(String::from_utf8(leaf.encode().unwrap()).unwrap(), text);
    assert_eq!(&Leaf::parse(text.as_bytes()).unwrap(), leaf);
}

#[test]
fn texts_are_as_documented() {
    let batch = Batch { first_sequence: 1000, records: 500, root: root() };
    check(&Leaf::Batch(batch), &format!("noroshi/batch/v1\nfirst_sequence 1000\nrecords 500\nroot {ROOT}\n"));
    let manifest = Manifest {
        file: "date=2026-01-01/hour=00/1000.parquet".to_owned(),
        bytes: 73_211,
        sha256: root(),
        batches: 17..25,
        rows: 4000,
    };
    let text = format!(
        "noroshi/manifest/v1\nfile \"date=2026-01-01/hour=00/1000.parquet\"\nbytes 73211\nsha256 {ROOT}\nbatches 17 25\nrows 4000\n"
    );
    check(&Leaf::Manifest(manifest), &text);
    let replaced = Replaced { by: "c.parquet".to_owned(), files: vec!["a.parquet".to_owned(), "b\n\"é".to_owned()] };
    check(&Leaf::Replaced(replaced), "noroshi/replaced/v1\nby \"c.parquet\"\nfile \"a.parquet\"\nfile \"b\\n\\\"é\"\n");
    let purged = Purged {
        files: vec!["a.parquet".to_owned()],
        sequences: 0..5000,
        policy: "firewall 400d".to_owned(),
        who: "retention".to_owned(),
        time_ns: -1,
    };
    let text = "noroshi/purged/v1\nsequences 0 5000\npolicy \"firewall 400d\"\nwho \"retention\"\ntime_ns -1\nfile \"a.parquet\"\n";
    check(&Leaf::Purged(purged), text);
    let audit = Audit::new(
        json!({"who": "ito", "query": "source.ip:192.0.2.7", "b": [1, null, {"z": true, "a": -5}], "": "\u{1}é"}),
    );
    let text = "noroshi/audit/v1\n{\"\":\"\\u0001é\",\"b\":[1,null,{\"a\":-5,\"z\":true}],\"query\":\"source.ip:192.0.2.7\",\"who\":\"ito\"}\n";
    check(&Leaf::Audit(audit.unwrap()), text);
}

#[test]
fn members_are_sorted_by_utf_16_units() {
    // U+1F600 begins with the unit D83D, before U+FB33, though its code point is the larger one: the example of RFC 8785 §3.2.3.
    let value = json!({"\u{20ac}": 1, "\r": 2, "\u{fb33}": 3, "1": 4, "\u{1f600}": 5, "\u{80}": 6, "\u{f6}": 7});
    let text = Leaf::Audit(Audit::new(value).unwrap()).to_string();
    let order: Vec<_> = text.bytes().filter(u8::is_ascii_digit).skip(1).map(|b| b - b'0').collect();
    assert_eq!(order, [2, 1, 4, 6, 7, 1, 5, 3], "{text}");
}

#[test]
fn other_spellings_are_refused() {
    for bad in [
        String::new(),
        "\n".to_owned(),
        format!("noroshi/batch/v1\nfirst_sequence 1000\nrecords 500\nroot {ROOT}"),
        format!("noroshi/batch/v1\nfirst_sequence 01000\nrecords 500\nroot {ROOT}\n"),
        format!("noroshi/batch/v1\nrecords 500\nfirst_sequence 1000\nroot {ROOT}\n"),
        format!("noroshi/batch/v1\nfirst_sequence  1000\nrecords 500\nroot {ROOT}\n"),
        format!("noroshi/batch/v1\nfirst_sequence 1000\nrecords 500\nroot {ROOT}\n\n"),
        format!("noroshi/batch/v1\nfirst_sequence 1000\nrecords 500\nroot {ROOT}\nmore 1\n"),
        format!("noroshi/batch/v1\r\nfirst_sequence 1000\r\nrecords 500\r\nroot {ROOT}\r\n"),
        format!("noroshi/batch/v2\nfirst_sequence 1000\nrecords 500\nroot {ROOT}\n"),
        "noroshi/replaced/v1\nby  \"c\"\n".to_owned(),
        "noroshi/replaced/v1\nby \"\\u0063\"\n".to_owned(),
        "noroshi/replaced/v1\nby c\n".to_owned(),
        "noroshi/purged/v1\nsequences 9 5\npolicy \"\"\nwho \"\"\ntime_ns 0\n".to_owned(),
        "noroshi/purged/v1\nsequences 0 5\npolicy \"\"\nwho \"\"\ntime_ns +0\n".to_owned(),
        "noroshi/audit/v1\n{\"b\":1,\"a\":2}\n".to_owned(),
        "noroshi/audit/v1\n{\"a\":1,\"a\":1}\n".to_owned(),
        "noroshi/audit/v1\n{\"a\": 1}\n".to_owned(),
        "noroshi/audit/v1\n{\"a\":1.0}\n".to_owned(),
        "noroshi/audit/v1\n{\"a\":1e2}\n".to_owned(),
        "noroshi/audit/v1\n{\"a\":9007199254740992}\n".to_owned(),
        "noroshi/audit/v1\n[1]\n".to_owned(),
        "noroshi/audit/v1\n".to_owned(),
    ] {
        assert!(Leaf::parse(bad.as_bytes()).is_err(), "{bad:?}");
    }
    let deep = format!("noroshi/audit/v1\n{{\"a\":{}{}}}\n", "[".repeat(40), "]".repeat(40));
    assert!(Leaf::parse(deep.as_bytes()).is_err());
    let error = Leaf::parse(b"noroshi/\x1b[2Jbatch/v9\nx\n").unwrap_err();
    assert!(error.to_string().contains("\\u{1b}") && !error.to_string().contains('\u{1b}'), "{error}");
}

#[test]
fn an_entry_that_does_not_fit_is_told_before_it_is_appended() {
    let files = (0..2000).map(|n| format!("date=2026-01-01/hour=00/{n}.parquet")).collect();
    let error = Leaf::Replaced(Replaced { by: "x".to_owned(), files }).encode().unwrap_err();
    assert!(matches!(error, LeafError::TooLong { bytes } if bytes > ENTRY_BYTES_MAX));
}

proptest! {
    #[test]
    fn any_strings_are_read_as_written(by in any::<String>(), files in prop::collection::vec(any::<String>(), 0..4), time_ns in any::<i64>()) {
        let leaf = Leaf::Replaced(Replaced { by: by.clone(), files: files.clone() });
        prop_assert_eq!(Leaf::parse(&leaf.encode().unwrap()).unwrap(), leaf);
        let leaf = Leaf::Purged(Purged { files, sequences: 1..2, policy: by.clone(), who: by, time_ns });
        prop_assert_eq!(Leaf::parse(&leaf.encode().unwrap()).unwrap(), leaf);
    }

    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(leaf) = Leaf::parse(&bytes) {
            prop_assert_eq!(leaf.encode().unwrap(), bytes);
        }
    }
}
