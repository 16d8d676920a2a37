//! What an analyst works on, as one JSON object.
//!
//! Everything but `noroshi.provenance` is canonical: a function of the events and the
//! detection, whatever the order of arrival. Emission time, sequence numbers, the place of a record in a
//! socket's stream and the open alerts that were told before are provenance.

use std::collections::BTreeMap;
use std::sync::Arc;

use noroshi_correlate::{Ended, Finding, Key, RuleSpec, State};
use noroshi_input::Origin;
use noroshi_parsers::dictionary::{Dictionary, FieldId, FieldType};
use noroshi_parsers::time::format_rfc3339;
use noroshi_rules::correlation::CorrelationKind;
use noroshi_rules::rule::Translation;
use noroshi_rules::{IndicatorIndex, RuleIndex};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::detection::{Correlation, Detection};
use crate::evidence::{Evidence, Shared, first_16, hex};
use crate::intel::{techniques, told};
use crate::severity::Severity;

/// An alert before it is given its provenance.
#[derive(Debug, Clone)]
pub struct Alert {
    /// Derived from rule, definition, key and time: the same on every run over the same events.
    pub id: [u8; 16],
    /// Whether no later event can change it.
    pub is_final: bool,
    /// How bad.
    pub severity: Severity,
    /// Event time of the first member.
    pub first_ns: i64,
    /// Event time of the last member.
    pub last_ns: i64,
    /// Updates told between open and final.
    pub updates: u32,
    /// Receive time of the earliest record it shows; 0 = not known.
    pub received_from_ns: i64,
    /// The correlation that found it, and for which key; `None` for single events and indicators.
    pub correlated: Option<(Arc<RuleSpec>, Key)>,
    /// The canonical object.
    body: Map<String, Value>,
    /// Where the members' records stood in their streams, for `noroshi.provenance`.
    offsets: Vec<u64>,
    /// Open ids that it replaces. Which opens were told depends on the order of arrival: provenance.
    supersedes: Vec<String>,
}

/// What is true of this emission only.
#[derive(Debug, Clone)]
pub struct Provenance {
    /// When it was emitted, nanoseconds since the epoch.
    pub emitted_ns: i64,
    /// Number of the emission on this node.
    pub sequence: u64,
    /// This node.
    pub node: Arc<str>,
    /// Whether records were lost in the minutes it spans.
    pub lossy: bool,
}

impl Alert {
    /// The canonical form, for comparison and verification.
    pub fn canonical(&self) -> String {
        serde_json::to_string(&self.body).expect("JSON values write")
    }

    /// Id of the rule or correlation.
    pub fn rule_id(&self) -> &str {
        self.body.get("rule").and_then(|rule| rule["id"].as_str()).unwrap_or_default()
    }

    /// The order alerts are told in by `replay`: time, then rule, then id.
    pub fn order(&self) -> (i64, i64, [u8; 16]) {
        (self.first_ns, self.last_ns, self.id)
    }

    /// The object as emitted.
    pub fn emit(&self, provenance: Option<&Provenance>) -> Value {
        let mut body = self.body.clone();
        if let Some(provenance) = provenance {
            let mut told = json!({
                "emitted_at": format_rfc3339(provenance.emitted_ns),
                "sequence": provenance.sequence,
                "node": &*provenance.node,
                "lossy": provenance.lossy,
                "updates": self.updates,
            });
            if !self.supersedes.is_empty() {
                told["supersedes"] = self.supersedes.clone().into();
            }
            if self.offsets.iter().any(|&offset| offset != 0) {
                told["offsets"] = self.offsets.clone().into();
            }
            body["noroshi"]["provenance"] = told;
        }
        Value::Object(body)
    }

    /// An alert of a single-event rule.
    pub fn of_rule(detection: &Detection, rule: RuleIndex, explain: Vec<Value>, evidence: &Arc<Evidence>) -> Self {
        let meta = detection.rules.rule(rule);
        let id = alert_id(&meta.id, &meta.digest, evidence);
        let severity = Severity::of_level(meta.level.as_str());
        Builder::new(detection, id, severity, evidence.time_ns)
            .rule(&meta.id, &meta.title, &meta.tags, &meta.techniques)
            .says(meta.description.as_deref(), meta.ja.as_ref(), &meta.falsepositives)
            .explain(explain)
            .evidence(std::slice::from_ref(evidence), &[], &detection.dictionary)
            .finish("final", 1)
    }

    /// An alert of an indicator.
    pub fn of_indicator(
        detection: &Detection,
        indicator: IndicatorIndex,
        field: &str,
        value: &[u8],
        evidence: &Arc<Evidence>,
    ) -> Self {
        let described = detection.indicators.describe(indicator);
        // Found in the text of the record, it is its own value there.
        let in_text = (field.is_empty()).then_some(("event.original", described.value.as_bytes()));
        let (field, value) = in_text.unwrap_or((field, value));
        let criticality = detection.grading.criticality(evidence);
        let severity = detection.grading.severity(described.confidence(), criticality);
        let rule_id = format!("noroshi.indicator.{}", described.kind.as_str());
        let mut sha = Sha256::new();
        sha.update(described.value.as_bytes());
        let id = alert_id(&rule_id, &sha.finalize().into(), evidence);
        let sources = described.sources.iter();
        let explain = json!({
            "rule": rule_id, "field": field, "pattern": described.value, "value": String::from_utf8_lossy(value),
            "source": sources.map(|source| format!("{}:{}", source.file.display(), source.line)).next(),
            "confidence": described.confidence(), "criticality": criticality.as_str(),
        });
        let title = format!("Known indicator contacted ({})", described.kind.as_str());
        let mut builder = Builder::new(detection, id, severity, evidence.time_ns)
            .rule(&rule_id, &title, &["ioc".to_owned()], &techniques(&described))
            .explain(vec![explain])
            .evidence(std::slice::from_ref(evidence), &[], &detection.dictionary);
        builder.body.entry("threat").or_insert_with(|| json!({}))["indicator"] = Value::Object(told(&described));
        builder.finish("final", 1)
    }

    /// The same, marked as found in the archive after the event was over. Its id stays that of the event, told live or not.
    #[must_use]
    pub fn retrospective(mut self) -> Self {
        self.body["noroshi"]["retrospective"] = true.into();
        self
    }

    /// An alert of a correlation.
    pub fn of_finding(detection: &Detection, correlation: &Correlation, finding: &Finding<Shared>) -> Self {
        let rule = &correlation.rule;
        let severity = Severity::of_level(rule.level.as_str());
        let key: Vec<&[u8]> = finding.key.values().collect();
        let mut group = Map::new();
        for (name, value) in rule.group_by.iter().zip(&key) {
            group.insert(name.clone(), String::from_utf8_lossy(value).into());
        }
        let mut window = json!({
            "rule": rule.id,
            "kind": rule.kind.as_str(),
            "condition": correlation.condition_text(),
            "group": group,
            "window_ns": correlation.spec.window_ns,
            "trigger": format_rfc3339(finding.trigger_ns),
            "members": finding.count,
        });
        if !matches!(rule.kind, CorrelationKind::Risk { .. }) {
            window["rules"] = correlation.parts.iter().map(|part| part.id.as_str()).collect();
        }
        match finding.value_count {
            Some(values) if rule.field.is_some() => {
                window["field"] = rule.field.clone().into();
                window["distinct"] = values.number.into();
                window["approximate"] = values.approximate.into();
            }
            Some(rules) => window["distinct_rules"] = rules.number.into(),
            None => {}
        }
        let mut techniques = rule.techniques.clone();
        if !finding.steps.is_empty() {
            timeline(correlation, finding, &mut window, &mut techniques);
        }
        if let CorrelationKind::Risk { .. } = rule.kind {
            window["score"] = finding.measured.map(crate::detection::decimal_text).into();
        } else if let Some(measured) = finding.measured {
            window["field"] = rule.field.clone().into();
            window["measured"] = crate::detection::decimal_text(measured).into();
            if let Some(expected) = finding.expected {
                window["expected"] = crate::detection::decimal_text(expected).into();
                window["above"] = crate::detection::decimal_text(measured - expected).into();
            }
        }
        let first: Vec<_> = finding.evidence_first.iter().map(|member| Arc::clone(&member.evidence.0)).collect();
        let last: Vec<_> = finding.evidence_last.iter().map(|member| Arc::clone(&member.evidence.0)).collect();
        let mut builder = Builder::new(detection, finding.id, severity, finding.trigger_ns)
            .rule(&rule.id, &rule.title, &rule.tags, &techniques)
            .says(rule.description.as_deref(), rule.ja.as_ref(), &rule.falsepositives)
            .explain(vec![window])
            .evidence(&first, &last, &detection.dictionary);
        builder.group(&rule.group_by, &key);
        builder.first_ns = finding.first_ns;
        builder.last_ns = finding.last_ns;
        builder.updates = finding.updates;
        builder.supersedes = finding.supersedes.iter().map(|id| hex(id)).collect();
        match finding.ended {
            Some(Ended::Input) => drop(builder.noroshi.insert("ended".into(), "input".into())),
            Some(Ended::MaxEpisode) => drop(builder.noroshi.insert("ended".into(), "max_episode".into())),
            Some(Ended::Reload) => drop(builder.noroshi.insert("ended".into(), "reload".into())),
            Some(Ended::Evicted) => drop(builder.noroshi.insert("ended".into(), "evicted".into())),
            Some(Ended::Watermark) | None => {}
        }
        if let Some(percent) = finding.incomplete {
            builder.noroshi.insert("incomplete".into(), json!({"completeness_percent": percent}));
        }
        builder.correlated = Some((Arc::clone(&finding.spec), finding.key.clone()));
        builder.finish(if finding.state == State::Final { "final" } else { "open" }, finding.count)
    }
}

/// What the members were, step by step: rule, time, score, and the alert where it is an episode of its own.
fn timeline(correlation: &Correlation, finding: &Finding<Shared>, window: &mut Value, techniques: &mut Vec<String>) {
    let is_risk = matches!(correlation.rule.kind, CorrelationKind::Risk { .. });
    let mut sources = std::collections::BTreeSet::new();
    let steps: Vec<Value> = finding
        .steps
        .iter()
        .filter_map(|step| {
            let part = correlation.parts.get(usize::from(step.part))?;
            let new = part.techniques.iter().filter(|technique| !techniques.contains(technique)).cloned();
            techniques.extend(new.collect::<Vec<_>>());
            sources.extend(part.sources.iter().map(String::as_str));
            let mut told = json!({ "time": format_rfc3339(step.first_ns), "rule": part.id, "name": part.title });
            if is_risk {
                told["score"] = part.score.into();
            }
            if step.count > 1 {
                told["until"] = format_rfc3339(step.last_ns).into();
                told["hits"] = step.count.into();
            }
            if part.is_correlation {
                told["alert"] = hex(&step.digest).into();
            }
            Some(told)
        })
        .collect();
    window["timeline"] = steps.into();
    window["log_sources"] = sources.into_iter().collect::<Vec<_>>().into();
    if finding.steps_more {
        window["timeline_more"] = true.into();
    }
}

fn alert_id(rule: &str, definition: &[u8; 32], evidence: &Evidence) -> [u8; 16] {
    let mut sha = Sha256::new();
    sha.update((rule.len() as u64).to_le_bytes());
    sha.update(rule);
    sha.update(definition);
    sha.update(evidence.time_ns.to_le_bytes());
    sha.update(evidence.digest);
    first_16(&sha.finalize())
}

struct Builder<'a> {
    detection: &'a Detection,
    id: [u8; 16],
    severity: Severity,
    time_ns: i64,
    first_ns: i64,
    last_ns: i64,
    updates: u32,
    received_from_ns: i64,
    correlated: Option<(Arc<RuleSpec>, Key)>,
    body: Map<String, Value>,
    noroshi: Map<String, Value>,
    offsets: Vec<u64>,
    supersedes: Vec<String>,
}

impl<'a> Builder<'a> {
    fn new(detection: &'a Detection, id: [u8; 16], severity: Severity, time_ns: i64) -> Self {
        Builder {
            detection,
            id,
            severity,
            time_ns,
            first_ns: time_ns,
            last_ns: time_ns,
            updates: 0,
            received_from_ns: i64::MAX,
            correlated: None,
            body: Map::new(),
            noroshi: Map::new(),
            offsets: Vec::new(),
            supersedes: Vec::new(),
        }
    }

    fn rule(mut self, id: &str, name: &str, tags: &[String], techniques: &[String]) -> Self {
        self.body.insert("rule".into(), json!({"id": id, "name": name}));
        self.body.insert("tags".into(), tags.into());
        if !techniques.is_empty() {
            self.body.insert("threat".into(), json!({"framework": "MITRE ATT&CK", "technique": {"id": techniques}}));
        }
        self
    }

    /// What the rule tells people, in both languages, and what else may cause it: `rule.description` and `noroshi.rule`.
    fn says(mut self, description: Option<&str>, ja: Option<&Translation>, falsepositives: &[String]) -> Self {
        if let Some(description) = description {
            self.body["rule"]["description"] = description.trim_end().into();
        }
        let mut told = Map::new();
        if let Some(ja) = ja {
            let texts = [("title", &ja.title), ("description", &ja.description)];
            let texts =
                texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text.as_deref()?.trim_end().into())));
            told.insert("ja".into(), Value::Object(texts.collect()));
        }
        if !falsepositives.is_empty() {
            told.insert("falsepositives".into(), falsepositives.into());
        }
        if !told.is_empty() {
            self.noroshi.insert("rule".into(), told.into());
        }
        self
    }

    fn explain(mut self, explain: Vec<Value>) -> Self {
        self.noroshi.insert("explain".into(), explain.into());
        self
    }

    /// Entities, log sources and the records themselves. `last` repeats nothing of `first`.
    fn evidence(mut self, first: &[Arc<Evidence>], last: &[Arc<Evidence>], dictionary: &Dictionary) -> Self {
        let mut entities: BTreeMap<usize, (&str, Vec<&str>)> = BTreeMap::new();
        let mut sources = std::collections::BTreeSet::new();
        let mut told = Vec::new();
        let repeated = |evidence: &Arc<Evidence>| first.iter().any(|other| Arc::ptr_eq(other, evidence));
        let all: Vec<&Arc<Evidence>> = first.iter().chain(last.iter().filter(|evidence| !repeated(evidence))).collect();
        for &evidence in &all {
            for (id, value) in &evidence.entities {
                let place = crate::evidence::ENTITY_FIELDS.iter().position(|field| field == id).unwrap_or(usize::MAX);
                let (_, values) = entities.entry(place).or_insert_with(|| (dictionary.name(*id), Vec::new()));
                if !values.contains(&&**value) {
                    values.push(value);
                }
            }
            sources.insert(evidence.product.get().name);
            told.push(self.told(evidence));
            self.received_from_ns = self.received_from_ns.min(evidence.receive_time_ns);
        }
        for (name, values) in entities.into_values() {
            let id = dictionary.find(name.as_bytes()).unwrap_or(FieldId::UNNAMED);
            let mut values: Vec<Value> = values.iter().map(|value| typed(dictionary, id, value)).collect();
            let one = values.len() == 1 && !dictionary.is_array(id);
            set(&mut self.body, name, if one { values.remove(0) } else { values.into() });
        }
        self.body.insert("entities".into(), related(&all, dictionary));
        self.body.insert("sources".into(), sources.into_iter().collect::<Vec<_>>().into());
        self.body.insert("evidence".into(), told.into());
        self
    }

    fn told(&mut self, evidence: &Evidence) -> Value {
        let mut told = Map::new();
        match &*evidence.origin {
            Origin::File { path, .. } => {
                told.insert("file".into(), path.to_string_lossy().into());
                told.insert("line".into(), evidence.line.into());
                told.insert("offset".into(), evidence.offset.into());
                self.offsets.push(0);
            }
            Origin::Stdin => {
                told.insert("file".into(), "-".into());
                told.insert("line".into(), evidence.line.into());
                told.insert("offset".into(), evidence.offset.into());
                self.offsets.push(0);
            }
            origin => {
                told.insert("input".into(), (&*evidence.input).into());
                told.insert("peer".into(), origin.peer().map(|peer| peer.ip().to_string()).into());
                if let Some(said) = origin.said() {
                    let said = [
                        ("host", &said.host),
                        ("source", &said.source),
                        ("sourcetype", &said.sourcetype),
                        ("index", &said.index),
                        ("fields", &said.fields),
                    ];
                    let said = said
                        .into_iter()
                        .filter_map(|(name, value)| Some((name.to_owned(), Value::from(value.as_deref()?))));
                    told.insert("said".into(), Value::Object(said.collect()));
                }
                self.offsets.push(evidence.offset);
            }
        }
        if let Some(element) = evidence.element {
            told.insert("element".into(), element.into());
        }
        told.insert("time".into(), format_rfc3339(evidence.time_ns).into());
        told.insert("raw".into(), String::from_utf8_lossy(&evidence.raw).into());
        if evidence.raw.len() < evidence.raw_bytes {
            told.insert("raw_capped_at".into(), evidence.raw.len().into());
            told.insert("raw_bytes".into(), evidence.raw_bytes.into());
        }
        Value::Object(told)
    }

    /// The group's own values come first among the entities of their name.
    fn group(&mut self, names: &[String], values: &[&[u8]]) {
        for (name, value) in names.iter().zip(values) {
            if crate::evidence::ENTITY_FIELDS.iter().any(|&id| self.detection.dictionary.name(id) == name) {
                let id = self.detection.dictionary.find(name.as_bytes()).unwrap_or(FieldId::UNNAMED);
                let value = typed(&self.detection.dictionary, id, &String::from_utf8_lossy(value));
                set(&mut self.body, name, value);
            }
        }
    }

    fn finish(mut self, state: &str, count: u64) -> Alert {
        let mut event = Map::new();
        event.insert("kind".into(), "alert".into());
        event.insert("start".into(), format_rfc3339(self.first_ns).into());
        event.insert("end".into(), format_rfc3339(self.last_ns).into());
        event.insert("severity".into(), self.severity.number().into());
        if let Some(Value::Object(seen)) = self.body.remove("event") {
            // What the members said of themselves: code, action, outcome, category.
            event.extend(seen);
        }
        let mut noroshi = Map::new();
        noroshi.insert("id".into(), hex(&self.id).into());
        noroshi.insert("state".into(), state.into());
        noroshi.insert("count".into(), count.into());
        noroshi.extend(self.noroshi);
        let shown = self.body.get("evidence").and_then(Value::as_array).map_or(0, Vec::len) as u64;
        if shown < count {
            noroshi.insert("evidence_capped_at".into(), shown.into());
        }
        noroshi.insert("digests".into(), self.detection.digests.clone());
        let mut body = Map::new();
        body.insert("@timestamp".into(), format_rfc3339(self.time_ns).into());
        body.insert("event".into(), Value::Object(event));
        body.extend(self.body);
        body.insert("noroshi".into(), Value::Object(noroshi));
        body.insert("first_seen".into(), format_rfc3339(self.first_ns).into());
        body.insert("last_seen".into(), format_rfc3339(self.last_ns).into());
        body.insert("severity".into(), self.severity.name().into());
        Alert {
            id: self.id,
            is_final: state == "final",
            severity: self.severity,
            first_ns: self.first_ns,
            last_ns: self.last_ns,
            updates: self.updates,
            received_from_ns: if self.received_from_ns == i64::MAX { 0 } else { self.received_from_ns },
            correlated: self.correlated,
            body,
            offsets: self.offsets,
            supersedes: self.supersedes,
        }
    }
}

/// Who and what the members name, by kind, in one spelling each: what an analyst pivots on, whatever field it stood in.
fn related(evidence: &[&Arc<Evidence>], dictionary: &Dictionary) -> Value {
    let mut found: BTreeMap<&str, std::collections::BTreeSet<String>> = BTreeMap::new();
    for (id, value) in evidence.iter().flat_map(|evidence| &evidence.entities) {
        let (kind, value) = match dictionary.name(*id) {
            name if name.ends_with(".ip") => ("ip", value.to_string()),
            name if name.ends_with(".mac") => ("mac", value.to_ascii_lowercase().replace('-', ":")),
            "user.id" | "user.domain" => continue,
            name if name.starts_with("user.") || name.ends_with(".user.name") => ("user", value.to_string()),
            "host.name" => ("host", value.to_ascii_lowercase()),
            name if name.ends_with(".domain") || name == "dns.question.name" => ("domain", value.to_ascii_lowercase()),
            name if name.contains(".hash.") => ("hash", value.to_ascii_lowercase()),
            _ => continue,
        };
        let value = if kind == "ip" { canonical_ip(&value).unwrap_or(value) } else { value };
        found.entry(kind).or_default().insert(value);
    }
    json!(found)
}

/// An address in its one spelling: `::ffff:192.0.2.1` is `192.0.2.1`.
fn canonical_ip(value: &str) -> Option<String> {
    Some(noroshi_parsers::ip::parse(value.as_bytes())?.to_canonical().to_string())
}

/// A value as ECS types its field.
fn typed(dictionary: &Dictionary, id: FieldId, value: &str) -> Value {
    match dictionary.kind(id) {
        FieldType::Long => value.parse::<i64>().map_or_else(|_| value.into(), Value::from),
        _ => value.into(),
    }
}

/// Sets a dotted name in nested objects.
fn set(body: &mut Map<String, Value>, name: &str, value: Value) {
    match name.split_once('.') {
        None => drop(body.insert(name.to_owned(), value)),
        Some((head, tail)) => {
            let next = body.entry(head).or_insert_with(|| json!({}));
            if let Value::Object(next) = next {
                set(next, tail, value);
            }
        }
    }
}
