//! STIX 2.0 and 2.1 objects (OASIS STIX 2.0, 2.1): indicators, and what names, marks and revokes them.
//!
//! Markings and relationships may stand anywhere in a bundle, so what is said of an indicator is put together at the end. Of several
//! versions of an object the newest `modified` counts.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use serde_json::Value;

use super::super::builder::{Builder, Summary, Term, validity};
use super::super::context::{self, Context, Details, Feed, Tlp};
use super::super::kind::IndicatorKind;
use super::super::table::DROPPED;
use super::Teller;
use super::csv::refusal;
use super::document::{list, text, texts};
use super::pattern::{self, All};

/// Objects with a name, and relationships, remembered of one file.
const REMEMBERED_MAX: usize = 2_000_000;
/// Reasons told by name.
const REASONS_MAX: usize = 256;

/// The markings that the specifications define (STIX 2.1 §7.2.1.4; TLP 2.0 by OASIS's extension definition).
const MARKINGS: [(&str, Tlp); 9] = [
    ("marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9", Tlp::White),
    ("marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da", Tlp::Green),
    ("marking-definition--f88d31f6-486f-44da-b317-01333bde0b82", Tlp::Amber),
    ("marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed", Tlp::Red),
    ("marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487", Tlp::Clear),
    ("marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb", Tlp::Green),
    ("marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421", Tlp::Amber),
    ("marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003", Tlp::AmberStrict),
    ("marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1", Tlp::Red),
];

/// An indicator object whose entries await what is said of them.
struct Pending {
    /// Its entries' numbers.
    entries: std::ops::Range<u32>,
    modified: String,
    context: Context,
    details: Details,
    markings: Vec<Box<str>>,
    /// By alternative: its entries, and the number of its conjunction.
    joined: Vec<(std::ops::Range<u32>, u32)>,
}

/// What was read of one file.
#[derive(Default)]
pub(super) struct Stix {
    indicators: Vec<Pending>,
    by_id: HashMap<Box<str>, usize>,
    /// Names of malware, groups, campaigns and tools by id.
    names: HashMap<Box<str>, Box<str>>,
    /// What an indicator indicates.
    relations: Vec<(Box<str>, Box<str>)>,
    markings: HashMap<Box<str>, Tlp>,
    reasons: BTreeMap<String, usize>,
    revoked: usize,
    older: usize,
    /// Bytes of the words that wait.
    words_bytes: usize,
}

impl Stix {
    pub(super) fn object(
        &mut self,
        object: &Value,
        line: usize,
        feed: &Feed,
        builder: &mut Builder,
        teller: &mut Teller<'_>,
        summary: &mut Summary,
    ) {
        let id = text(object, "id");
        match text(object, "type") {
            "indicator" => self.indicator(object, id, line, feed, builder, teller, summary),
            "malware" | "intrusion-set" | "threat-actor" | "campaign" | "tool" | "infrastructure" => {
                if self.names.len() < REMEMBERED_MAX {
                    self.names.insert(id.into(), context::cut(text(object, "name"), 256).into());
                }
            }
            // With its number, by which others know it.
            "attack-pattern" => {
                if self.names.len() < REMEMBERED_MAX {
                    let number = list(object, "external_references")
                        .iter()
                        .find(|reference| text(reference, "source_name").starts_with("mitre-"))
                        .map_or("", |reference| text(reference, "external_id"));
                    let name = format!("{} {number}", context::cut(text(object, "name"), 256));
                    self.names.insert(id.into(), context::cut(&name, 320).into());
                }
            }
            "relationship" if text(object, "relationship_type") == "indicates" => {
                if self.relations.len() < REMEMBERED_MAX && object.get("revoked") != Some(&Value::Bool(true)) {
                    self.relations.push((text(object, "source_ref").into(), text(object, "target_ref").into()));
                }
            }
            "marking-definition" => {
                let stated = object.get("definition").map(|definition| text(definition, "tlp")).unwrap_or_default();
                let extended = object.get("extensions").and_then(Value::as_object).into_iter().flatten();
                let extended =
                    extended.map(|(_, extension)| text(extension, "tlp_2_0")).find(|light| !light.is_empty());
                let light = extended.unwrap_or(if stated.is_empty() { text(object, "name") } else { stated });
                if let Some(tlp) = Tlp::parse(light) {
                    self.markings.insert(id.into(), tlp);
                }
            }
            "" => {
                teller.tell(line, "an object without `type`", Some("is this a STIX bundle or a MISP event?".into()));
            }
            // Reports, identities, observed data and the like say nothing of what is bad.
            _ => {}
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one step of reading, with everything it writes to")]
    fn indicator(
        &mut self,
        object: &Value,
        id: &str,
        line: usize,
        feed: &Feed,
        builder: &mut Builder,
        teller: &mut Teller<'_>,
        summary: &mut Summary,
    ) {
        let begin = builder.entries.all.len() as u32;
        let modified = text(object, "modified");
        let known = self.by_id.get(id).copied().filter(|_| !id.is_empty());
        if let Some(known) = known {
            let before = &self.indicators[known];
            self.older += 1;
            summary.left_out += 1;
            // Stamps of one producer are of one form (STIX 2.1 §2.17), so they compare as texts.
            if before.modified.as_str() > modified {
                return;
            }
            builder.set_context(before.entries.clone(), DROPPED);
            self.indicators[known].entries = begin..begin;
        }
        let mut pending = Pending {
            entries: begin..begin,
            modified: modified.to_owned(),
            context: Context::default(),
            details: Details::default(),
            markings: Vec::new(),
            joined: Vec::new(),
        };
        if object.get("revoked") == Some(&Value::Bool(true)) {
            self.revoked += 1;
            summary.left_out += 1;
        } else {
            match self.entries(object, line, feed, builder) {
                Ok(joined) => {
                    self.describe(object, feed, &mut pending);
                    builder.bound(&mut pending.details, self.words_bytes);
                    self.words_bytes += pending.details.memory_bytes();
                    pending.joined = joined;
                    pending.entries = begin..builder.entries.all.len() as u32;
                }
                Err(Reason::Pattern(cause)) => {
                    summary.refused += 1;
                    if self.reasons.len() < REASONS_MAX || self.reasons.contains_key(&cause) {
                        *self.reasons.entry(cause).or_default() += 1;
                    }
                }
                Err(Reason::Value(cause)) => teller.tell(line, cause, None),
            }
        }
        if !id.is_empty() {
            self.by_id.insert(id.into(), known.unwrap_or(self.indicators.len()));
        }
        match known {
            Some(known) => self.indicators[known] = pending,
            None => self.indicators.push(pending),
        }
    }

    /// Appends what an indicator's pattern stands for, as yet without context.
    fn entries(
        &mut self,
        object: &Value,
        line: usize,
        feed: &Feed,
        builder: &mut Builder,
    ) -> Result<Vec<(std::ops::Range<u32>, u32)>, Reason> {
        let kind = text(object, "pattern_type");
        if !matches!(kind, "" | "stix") {
            return Err(Reason::Pattern(format!(
                "patterns of the type `{}`",
                kind.chars().take(32).collect::<String>()
            )));
        }
        let pattern = text(object, "pattern");
        let alternatives = pattern::parse(pattern).map_err(Reason::Pattern)?;
        let mut terms = Vec::new();
        for all in &alternatives {
            terms.push(terms_of(all).map_err(Reason::Pattern)?);
        }
        let begin = builder.entries.all.len();
        let mut joined = Vec::new();
        for terms in terms {
            let from = builder.entries.all.len() as u32;
            let mut conjunction = Vec::new();
            for (kind, value) in &terms.values {
                let Some(number) = builder.add(value, *kind, feed, DROPPED, line as u32) else {
                    builder.set_context(begin as u32..builder.entries.all.len() as u32, DROPPED);
                    return Err(Reason::Value(refusal(value, *kind)));
                };
                conjunction.push(Term::Indicator(number));
            }
            conjunction.extend(terms.ports);
            let number = if conjunction.len() > 1 && !terms.one_suffices {
                builder.conjunctions.push(conjunction);
                builder.conjunctions.len() as u32
            } else {
                0
            };
            joined.push((from..builder.entries.all.len() as u32, number));
        }
        Ok(joined)
    }

    fn describe(&mut self, object: &Value, feed: &Feed, pending: &mut Pending) {
        let details = &mut pending.details;
        details.id = context::cut(text(object, "id"), 128).into();
        let (name, description) = (text(object, "name"), text(object, "description"));
        details.describe(if description.is_empty() { name } else { description });
        texts(object, "labels").chain(texts(object, "indicator_types")).for_each(|label| details.label(label));
        for reference in list(object, "external_references") {
            let (url, external) = (text(reference, "url"), text(reference, "external_id"));
            details.reference(if url.is_empty() { external } else { url });
        }
        for phase in list(object, "kill_chain_phases") {
            details.label(text(phase, "phase_name"));
        }
        pending.markings = texts(object, "object_marking_refs").take(16).map(Into::into).collect();
        let stamp = |name: &str| context::stamp_s(text(object, name));
        let (valid_from_s, valid_until_s) =
            validity(stamp("valid_from"), stamp("modified"), stamp("valid_until"), feed);
        let stated = object.get("confidence").and_then(Value::as_u64).filter(|&number| number <= 100);
        pending.context = Context {
            confidence: stated.map(|number| number as u8).or(feed.confidence).unwrap_or(u8::MAX),
            valid_from_s,
            valid_until_s,
            ..Context::default()
        };
    }

    /// Puts together what is said of each indicator, and tells what was left out.
    pub(super) fn finish(
        mut self,
        feed: &Feed,
        builder: &mut Builder,
        teller: &mut Teller<'_>,
        _summary: &mut Summary,
    ) {
        for (source, target) in &self.relations {
            let Some(name) = self.names.get(target) else { continue };
            if let Some(&at) = self.by_id.get(source) {
                self.indicators[at].details.threat(name);
            }
        }
        for mut pending in self.indicators {
            if pending.entries.is_empty() {
                continue;
            }
            let built_in = |id: &str| MARKINGS.iter().find(|(known, _)| *known == id).map(|(_, tlp)| *tlp);
            let lights =
                pending.markings.iter().filter_map(|id| built_in(id).or_else(|| self.markings.get(id).copied()));
            // Several lights: the strictest binds.
            let tlp = lights.max().or(feed.tlp);
            let mut left = pending.joined.len();
            for (entries, conjunction) in pending.joined {
                let context = Context { tlp, conjunction, ..pending.context };
                left -= 1;
                let details = if left == 0 { std::mem::take(&mut pending.details) } else { pending.details.clone() };
                let number = builder.context(context, details);
                builder.set_context(entries, number);
            }
        }
        for (reason, count) in self.reasons {
            teller.note(format!(
                "{count} indicators were refused, as their patterns need what is not supported: {reason}"
            ));
        }
        if self.revoked > 0 {
            teller.note(format!("{} indicators are revoked and were left out", self.revoked));
        }
    }
}

enum Reason {
    /// The pattern asks for more than can be looked up.
    Pattern(String),
    /// A value is not of its type.
    Value(String),
}

/// What one alternative asks of an event.
struct Terms {
    values: Vec<(Option<IndicatorKind>, String)>,
    ports: Vec<Term>,
    /// Digests of one file: each alone identifies it, and a log seldom has all of them.
    one_suffices: bool,
}

fn terms_of(all: &All) -> Result<Terms, String> {
    let mut terms = Terms { values: Vec::new(), ports: Vec::new(), one_suffices: false };
    for one in all {
        let port = || {
            one.value
                .parse::<u16>()
                .map_err(|_| format!("the port `{}`", one.value.chars().take(16).collect::<String>()))
        };
        match one.path.as_str() {
            "network-traffic:dst_port" => terms.ports.push(Term::DestinationPort(port()?)),
            "network-traffic:src_port" => terms.ports.push(Term::SourcePort(port()?)),
            // What kind of thing a reference leads to is seen from its value.
            "network-traffic:dst_ref.type" | "network-traffic:src_ref.type" => {}
            path => terms.values.push((kind_of(path)?, one.value.clone())),
        }
    }
    if terms.values.is_empty() {
        return Err("a port alone".into());
    }
    let digests = [IndicatorKind::Md5, IndicatorKind::Sha1, IndicatorKind::Sha256, IndicatorKind::Sha512];
    terms.one_suffices =
        terms.ports.is_empty() && terms.values.iter().all(|(kind, _)| kind.is_some_and(|kind| digests.contains(&kind)));
    Ok(terms)
}

/// What an object path holds (STIX 2.1 §6, cyber-observable objects). Inside `None`: seen from the value.
fn kind_of(path: &str) -> Result<Option<IndicatorKind>, String> {
    use IndicatorKind::*;
    if let Some((object, digest)) = path.split_once(":hashes.").or_else(|| {
        let (object, digest) = path.split_once("_ref.hashes.")?;
        matches!(object, "process:binary" | "process:image").then_some(("file", digest))
    }) {
        let digest = digest.to_ascii_lowercase().replace(['-', '_'], "");
        let kind = match (object, digest.as_str()) {
            ("x509-certificate", "md5" | "sha1" | "sha256") => Certificate,
            ("file" | "artifact", "md5") => Md5,
            ("file" | "artifact", "sha1") => Sha1,
            ("file" | "artifact", "sha256") => Sha256,
            ("file" | "artifact", "sha512") => Sha512,
            ("file", "imphash") => Imphash,
            _ => return Err(format!("`{}`", path.chars().take(80).collect::<String>())),
        };
        return Ok(Some(kind));
    }
    Ok(Some(match path {
        "ipv4-addr:value" | "ipv6-addr:value" => Ip,
        "domain-name:value" => Domain,
        "domain-name:resolves_to_refs[*].value" => Ip,
        "url:value" | "artifact:url" => Url,
        "network-traffic:dst_ref.value" | "network-traffic:src_ref.value" => return Ok(None),
        "email-addr:value" | "email-message:from_ref.value" | "email-message:sender_ref.value" => Email,
        "email-message:to_refs[*].value" | "email-message:cc_refs[*].value" => Email,
        "file:name" | "file:path" | "process:name" | "process:binary_ref.name" | "process:image_ref.name" => FileName,
        "windows-registry-key:key" => RegistryKey,
        "autonomous-system:number" => Asn,
        "network-traffic:extensions.http-request-ext.request_header.User-Agent" => UserAgent,
        "cryptocurrency-wallet:value" | "x-cryptocurrency-address:value" => CryptoAddress,
        "vulnerability:name" => Cve,
        _ => return Err(format!("`{}`", path.chars().take(80).collect::<String>())),
    }))
}
