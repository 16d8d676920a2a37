//! An indicator as ECS tells it (ECS 8.11, threat fields), and everything its sources say beside.

use std::collections::BTreeSet;

use noroshi_parsers::time::format_rfc3339;
use noroshi_rules::indicators::{Description, IndicatorKind, Source, Tlp};
use serde_json::{Map, Value, json};

/// Sources told on an alert; the others are counted.
const SOURCES_MAX: usize = 16;

/// Techniques told on an alert.
const TECHNIQUES_MAX: usize = 32;

/// The techniques of ATT&CK that the sources name in labels, names and links, as `T1566` or `T1566.001`, sorted.
pub fn techniques(described: &Description<'_>) -> Vec<String> {
    let mut found = BTreeSet::new();
    for details in described.sources.iter().take(SOURCES_MAX).map(|source| source.details) {
        let columns = details.columns.iter().map(|(_, text)| text);
        let words = details.labels.iter().chain(&details.threats).chain(&details.references).chain(columns);
        words.for_each(|word| techniques_in(word, &mut found));
    }
    found.into_iter().take(TECHNIQUES_MAX).collect()
}

/// `T1566.001`, `attack.t1566.001`, `https://attack.mitre.org/techniques/T1566/001`.
fn techniques_in(text: &str, found: &mut BTreeSet<String>) {
    let bytes = text.as_bytes();
    let digits =
        |from: usize, count: usize| bytes.get(from..from + count).filter(|part| part.iter().all(u8::is_ascii_digit));
    let is_over = |at: usize| bytes.get(at).is_none_or(|byte| !byte.is_ascii_alphanumeric());
    for at in (0..bytes.len()).filter(|&at| matches!(bytes[at], b'T' | b't')) {
        if at > 0 && bytes[at - 1].is_ascii_alphanumeric() {
            continue;
        }
        let Some(number) = digits(at + 1, 4).filter(|_| is_over(at + 5)) else { continue };
        let mut id = format!("T{}", String::from_utf8_lossy(number));
        if matches!(bytes.get(at + 5), Some(b'.' | b'/')) {
            if let Some(part) = digits(at + 6, 3).filter(|_| is_over(at + 9)) {
                id = format!("{id}.{}", String::from_utf8_lossy(part));
            }
        }
        found.insert(id);
    }
}

/// `threat.indicator.*`: the standard's names first, then each source with all it says under `sources`.
pub fn told(described: &Description<'_>) -> Map<String, Value> {
    let mut told = Map::new();
    told.insert("name".into(), described.value.clone().into());
    told.insert("type".into(), described.ecs_type().into());
    told.insert("kind".into(), described.kind.as_str().into());
    typed(described, &mut told);
    if let Some(confidence) = described.confidence() {
        told.insert("confidence".into(), word_of(confidence).into());
        told.insert("confidence_percent".into(), confidence.into());
    }
    if let Some(tlp) = described.tlp() {
        // White, and no strict amber, were of the first version; what both have is told as of the second.
        let version = if tlp == Tlp::White { "1.0" } else { "2.0" };
        told.insert("marking".into(), json!({ "tlp": tlp.as_str(), "tlp_version": version }));
    }
    let mut feeds: Vec<&str> =
        described.sources.iter().map(|source| source.feed).filter(|feed| !feed.is_empty()).collect();
    feeds.sort_unstable();
    feeds.dedup();
    if !feeds.is_empty() {
        told.insert("provider".into(), feeds.join(", ").into());
    }
    let details = || described.sources.iter().map(|source| source.details);
    let references: Vec<&str> = details().flat_map(|details| &details.references).map(|text| &**text).collect();
    if let Some(first) = references.first() {
        told.insert("reference".into(), (*first).into());
    }
    if let Some(description) = details().map(|details| &*details.description).find(|text| !text.is_empty()) {
        told.insert("description".into(), description.into());
    }
    let sources: Vec<Value> = described.sources.iter().take(SOURCES_MAX).map(source).collect();
    told.insert("sources".into(), sources.into());
    if described.sources.len() > SOURCES_MAX {
        told.insert("sources_total".into(), described.sources.len().into());
    }
    told
}

/// The field of ECS that holds a value of this kind.
fn typed(described: &Description<'_>, told: &mut Map<String, Value>) {
    let value = described.value.as_str();
    let hash = |name: &str| json!({ "hash": { name: value } });
    let (name, object) = match described.kind {
        IndicatorKind::Ip => ("ip", value.into()),
        IndicatorKind::Url => ("url", json!({ "full": value })),
        IndicatorKind::Domain | IndicatorKind::Hostname => ("url", json!({ "domain": value })),
        IndicatorKind::Email => ("email", json!({ "address": value })),
        IndicatorKind::Md5 => ("file", hash("md5")),
        IndicatorKind::Sha1 => ("file", hash("sha1")),
        IndicatorKind::Sha256 => ("file", hash("sha256")),
        IndicatorKind::Sha512 => ("file", hash("sha512")),
        IndicatorKind::Imphash => ("file", json!({ "pe": { "imphash": value } })),
        IndicatorKind::FileName => ("file", json!({ "name": value })),
        IndicatorKind::RegistryKey => ("registry", json!({ "key": value })),
        IndicatorKind::Asn => ("as", json!({ "number": value.trim_start_matches("AS").parse::<u32>().unwrap_or(0) })),
        _ => return,
    };
    told.insert(name.into(), object);
}

/// ECS's scale: "Not Specified", "None", "Low", "Medium", "High" (STIX 2.1, appendix A).
fn word_of(confidence: u8) -> &'static str {
    match confidence {
        0 => "None",
        1..=29 => "Low",
        30..=69 => "Medium",
        _ => "High",
    }
}

/// One source with all it says; what it does not say is left out.
fn source(source: &Source<'_>) -> Value {
    let mut told = Map::new();
    let mut put = |name: &str, value: Value| {
        let empty = match &value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(values) => values.is_empty(),
            Value::Object(values) => values.is_empty(),
            _ => false,
        };
        if !empty {
            told.insert(name.to_owned(), value);
        }
    };
    let words = |words: &[Box<str>]| words.iter().map(|word| Value::from(&**word)).collect::<Vec<_>>();
    let details = source.details;
    put("feed", source.feed.into());
    put("file", source.file.to_string_lossy().into());
    put("line", source.line.into());
    put("id", (&*details.id).into());
    put("confidence", source.confidence.map_or(Value::Null, Value::from));
    put("tlp", source.tlp.map_or(Value::Null, |tlp| tlp.as_str().into()));
    put("valid_from", source.valid_from_ns.map_or(Value::Null, |time_ns| format_rfc3339(time_ns).into()));
    put("valid_until", source.valid_until_ns.map_or(Value::Null, |time_ns| format_rfc3339(time_ns).into()));
    put("labels", words(&details.labels).into());
    put("threats", words(&details.threats).into());
    put("references", words(&details.references).into());
    put("description", (&*details.description).into());
    let columns = details.columns.iter().map(|(name, text)| ((**name).to_owned(), Value::from(&**text)));
    put("columns", Value::Object(columns.collect()));
    if source.is_conjunction {
        put("with_companions", true.into());
    }
    Value::Object(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn techniques_are_found_where_feeds_write_them() {
        for (text, expected) in [
            ("attack.t1566.001", &["T1566.001"][..]),
            ("https://attack.mitre.org/techniques/T1071/004/", &["T1071.004"]),
            ("Spearphishing Attachment - T1566.001, then T1204", &["T1204", "T1566.001"]),
            ("T10710", &[]),
            ("XT1071", &[]),
            ("T1071.0012", &["T1071"]),
            ("t", &[]),
        ] {
            let mut found = BTreeSet::new();
            techniques_in(text, &mut found);
            assert_eq!(Vec::from_iter(found), expected, "{text}");
        }
    }
}
