//! Reading alerts back.

use std::collections::BTreeMap;

use serde_json::Value;

/// The whole lines of NDJSON; a torn last line is none yet.
///
/// # Panics
/// When a line is not JSON.
#[track_caller]
pub fn parse(text: &str) -> Vec<Value> {
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
    whole
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON: {error}: {line}")))
        .collect()
}

/// The canonical form: everything except `noroshi.provenance`, as bytes.
pub fn canonical(alert: &Value) -> String {
    let mut alert = alert.clone();
    if let Some(noroshi) = alert["noroshi"].as_object_mut() {
        noroshi.remove("provenance");
    }
    alert.to_string()
}

/// Final alerts only.
pub fn finals(alerts: &[Value]) -> Vec<Value> {
    alerts.iter().filter(|alert| alert["noroshi"]["state"] == "final").cloned().collect()
}

/// The canonical finals, sorted: what must be equal whatever the order of arrival.
pub fn canonical_finals(alerts: &[Value]) -> Vec<String> {
    let mut texts: Vec<String> = finals(alerts).iter().map(canonical).collect();
    texts.sort();
    texts
}

/// How often each (id, state) was told.
pub fn by_id_and_state(alerts: &[Value]) -> BTreeMap<(String, String), usize> {
    let mut counts = BTreeMap::new();
    for alert in alerts {
        let text = |name: &str| alert["noroshi"][name].as_str().unwrap_or_default().to_owned();
        *counts.entry((text("id"), text("state"))).or_default() += 1;
    }
    counts
}

/// Holds two lists of canonical alerts to be equal; tells where the first two part.
#[track_caller]
pub fn assert_equal(found: &[String], expected: &[String], what: &str) {
    for (one, other) in found.iter().zip(expected) {
        if one != other {
            let same = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
            let around = |text: &str| {
                let bytes = &text.as_bytes()[same.saturating_sub(120)..text.len().min(same + 200)];
                String::from_utf8_lossy(bytes).into_owned()
            };
            panic!("{what}: at byte {same}\n   found …{}…\nexpected …{}…", around(one), around(other));
        }
    }
    assert_eq!(found.len(), expected.len(), "{what}");
}
