//! An indicator as ECS tells it (ECS 8.11, threat fields), and everything its sources say beside.

use noroshi_parsers::time::format_rfc3339;
use noroshi_rules::indicators::{Description, IndicatorKind, Source, Tlp};
use serde_json::{Map, Value, json};

/// Sources told on an alert; the others are counted.
const SOURCES_MAX: usize = 16;

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
