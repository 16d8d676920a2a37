//! MISP events (MISP core format, draft-dulaunoy-misp-core-format): an event's attributes, and those of its objects.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::builder::{Builder, Summary, validity};
use super::super::context::{self, Context, Details, Feed, Tlp};
use super::super::kind::IndicatorKind;
use super::Teller;
use super::csv::refusal;
use super::document::{list, text};

/// Types of attributes told by name; there are some 200.
const TYPES_TOLD_MAX: usize = 256;

/// What was left out of a file, by reason.
#[derive(Default)]
pub(super) struct Misp {
    unsupported: BTreeMap<String, usize>,
    not_for_detection: usize,
    deleted: usize,
}

/// What an event says of all its attributes.
struct Of {
    details: Details,
    tlp: Option<Tlp>,
    confidence: Option<u8>,
    line: usize,
}

/// Clusters of these galaxies are names of who or what attacks.
const THREAT_GALAXIES: [&str; 16] = [
    "threat-actor",
    "mitre-intrusion-set",
    "mitre-malware",
    "mitre-tool",
    "malpedia",
    "ransomware",
    "tool",
    "rat",
    "botnet",
    "banker",
    "stealer",
    "backdoor",
    "exploit-kit",
    "android",
    "microsoft-activity-group",
    "cryptominers",
];

impl Misp {
    pub(super) fn event(
        &mut self,
        event: &Value,
        line: usize,
        feed: &Feed,
        builder: &mut Builder,
        teller: &mut Teller<'_>,
        summary: &mut Summary,
    ) {
        let event = event.get("Event").unwrap_or(event);
        if !event.is_object() {
            teller.tell(line, "the event is no object", None);
            return;
        }
        let mut of = Of { details: Details::default(), tlp: None, confidence: None, line };
        of.details.describe(text(event, "info"));
        of.tags(event);
        of.clusters(event);
        let objects = list(event, "Object").iter().filter(|object| !is_true(object.get("deleted")));
        let in_objects = objects.flat_map(|object| list(object, "Attribute"));
        let attributes = || list(event, "Attribute").iter().chain(in_objects.clone());
        // Reports about the event are what an analyst reads first.
        let links = attributes()
            .filter(|attribute| matches!(text(attribute, "type"), "link") && !is_true(attribute.get("to_ids")));
        links.take(8).for_each(|link| of.details.reference(text(link, "value")));
        for attribute in attributes() {
            self.attribute(attribute, &of, feed, builder, teller, summary);
        }
    }

    fn attribute(
        &mut self,
        attribute: &Value,
        event: &Of,
        feed: &Feed,
        builder: &mut Builder,
        teller: &mut Teller<'_>,
        summary: &mut Summary,
    ) {
        let (name, value) = (text(attribute, "type"), text(attribute, "value"));
        if is_true(attribute.get("deleted")) {
            self.deleted += 1;
            summary.left_out += 1;
            return;
        }
        let for_detection = attribute.get("to_ids").is_none_or(|to_ids| is_true(Some(to_ids)));
        if feed.to_ids_only && !for_detection {
            self.not_for_detection += 1;
            summary.left_out += 1;
            return;
        }
        if name.is_empty() || value.is_empty() {
            teller.tell(event.line, "an attribute has no `type` or no `value`", None);
            return;
        }
        let parts = parts_of(name, value);
        if parts.is_empty() {
            if self.unsupported.len() < TYPES_TOLD_MAX || self.unsupported.contains_key(name) {
                *self.unsupported.entry(name.chars().take(64).collect()).or_default() += 1;
            }
            summary.refused += 1;
            return;
        }
        let mut of = Of { details: event.details.clone(), ..*event };
        of.details.id = context::cut(text(attribute, "uuid"), 64).into();
        of.tags(attribute);
        of.clusters(attribute);
        let comment = text(attribute, "comment");
        if !comment.is_empty() {
            of.details.label(comment);
        }
        let seen = attribute.get("timestamp").and_then(stamp);
        let (valid_from_s, valid_until_s) = validity(None, seen, None, feed);
        let context = Context {
            confidence: of.confidence.or(feed.confidence).unwrap_or(u8::MAX),
            tlp: of.tlp.or(feed.tlp),
            valid_from_s,
            valid_until_s,
            ..Context::default()
        };
        let context = builder.context(context, of.details);
        for (kind, part) in parts {
            if builder.add(part, Some(kind), feed, context, event.line as u32).is_none() {
                teller.tell(event.line, refusal(part, Some(kind)), None);
            }
        }
    }

    pub(super) fn finish(self, teller: &mut Teller<'_>) {
        for (name, count) in self.unsupported {
            teller.note(format!("{count} attributes of the type `{name}` are nothing that is looked up"));
        }
        if self.not_for_detection > 0 {
            teller.note(format!(
                "{} attributes are not marked for detection (`to_ids`) and were left out",
                self.not_for_detection
            ));
        }
        if self.deleted > 0 {
            teller.note(format!("{} attributes are deleted and were left out", self.deleted));
        }
    }
}

impl Of {
    fn tags(&mut self, of: &Value) {
        for tag in list(of, "Tag") {
            let name = text(tag, "name");
            if let Some(tlp) = Tlp::parse(name).filter(|_| name.to_ascii_lowercase().starts_with("tlp:")) {
                // Several lights: the strictest binds.
                self.tlp = self.tlp.max(Some(tlp));
            } else if let Some(level) = name.strip_prefix("misp:confidence-level=") {
                self.confidence = context::confidence(level.trim_matches('"'));
            } else if let Some((galaxy, cluster)) =
                name.strip_prefix("misp-galaxy:").and_then(|rest| rest.split_once('='))
            {
                let cluster = cluster.trim_matches('"');
                if THREAT_GALAXIES.contains(&galaxy) {
                    self.details.threat(cluster);
                } else {
                    self.details.label(cluster);
                }
            } else {
                self.details.label(name);
            }
        }
    }

    fn clusters(&mut self, of: &Value) {
        for galaxy in list(of, "Galaxy") {
            for cluster in list(galaxy, "GalaxyCluster") {
                let kind = cluster.get("type").and_then(Value::as_str).unwrap_or_else(|| text(galaxy, "type"));
                if THREAT_GALAXIES.contains(&kind) {
                    self.details.threat(text(cluster, "value"));
                }
            }
        }
    }
}

/// MISP writes truth as `true`, `1` and `"1"`.
fn is_true(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Bool(is)) => *is,
        Some(Value::Number(number)) => number.as_u64() == Some(1),
        Some(Value::String(text)) => text == "1" || text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

fn stamp(value: &Value) -> Option<u32> {
    match value {
        Value::String(text) => context::stamp_s(text),
        Value::Number(number) => context::stamp_s(&number.to_string()),
        _ => None,
    }
}

/// The indicators in the value of an attribute (MISP core format §2.4.2.3, "type"). Nothing where the type is none we look up: of a file's
/// name with its digest the digest alone counts, as the name is seldom telling.
fn parts_of<'a>(name: &str, value: &'a str) -> Vec<(IndicatorKind, &'a str)> {
    use IndicatorKind::*;
    let (head, tail) = value.split_once('|').map_or((value, None), |(head, tail)| (head, Some(tail)));
    let digest = |name: &str| match name {
        "md5" => Some(Md5),
        "sha1" => Some(Sha1),
        "sha256" => Some(Sha256),
        "sha512" => Some(Sha512),
        "imphash" => Some(Imphash),
        _ => None,
    };
    let one = |kind: IndicatorKind| vec![(kind, value)];
    match name {
        "ip-src" | "ip-dst" | "ip-src|port" | "ip-dst|port" => vec![(Ip, head)],
        "domain" | "hostname" | "hostname|port" => vec![(Domain, head)],
        "domain|ip" => std::iter::once((Domain, head)).chain(tail.map(|ip| (Ip, ip))).collect(),
        "url" | "link" => one(Url),
        // A path alone is on every second server.
        "uri" if value.contains("://") => one(Url),
        "email" | "email-src" | "email-dst" | "email-reply-to" | "target-email" => one(Email),
        "filename" | "process-name" => one(FileName),
        "malware-sample" => tail.map(|digest| (Md5, digest)).into_iter().collect(),
        "regkey" => one(RegistryKey),
        "user-agent" | "http-user-agent" => one(UserAgent),
        "ja3-fingerprint-md5" | "ja3s" => one(Ja3),
        "ja4" | "ja4-fingerprint" => one(Ja4),
        "x509-fingerprint-md5" | "x509-fingerprint-sha1" | "x509-fingerprint-sha256" => one(Certificate),
        "AS" => one(Asn),
        "btc" | "xmr" | "dash" | "eth" => one(CryptoAddress),
        "vulnerability" => one(Cve),
        other => match other.strip_prefix("filename|") {
            Some(kind) => digest(kind).zip(tail).into_iter().collect(),
            None => digest(other).map(|kind| (kind, value)).into_iter().collect(),
        },
    }
}
