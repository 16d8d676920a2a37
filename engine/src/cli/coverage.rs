//! `noroshi rules coverage`: the rules that can never match what is configured, or what some files hold, and why.

use std::sync::{Arc, Mutex};

use noroshi_parsers::decode::Decoder;
use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::event::Event;
use noroshi_parsers::logsource::{self, LOG_SOURCES, LogSourceId};
use noroshi_parsers::products::Product;
use noroshi_parsers::split::elements;
use noroshi_rules::RuleMeta;
use noroshi_rules::coverage::{Blind, Seen};
use noroshi_rules::diagnostic::Severity;
use serde_json::{Value, json};

use super::Outcome;
use super::args::CoverageArgs;
use super::files::{Defaults, FileBatch, InputFile, Inputs, format_of};
use super::output::Printer;
use super::rules::escape_lines;
use crate::config::Config;
use crate::detection::{Detection, LoadOptions};
use crate::ordered::ordered;
use crate::terminal::{ColorChoice, OutputMode, escape_controls};

pub(crate) fn coverage(args: &CoverageArgs, color: ColorChoice) -> anyhow::Result<Outcome> {
    let mut paths = args.rules.clone();
    let mut options = LoadOptions::default();
    let mut expected = None;
    if let Some(path) = &args.read.config {
        let config = Config::load(path).map_err(|errors| anyhow::anyhow!("{}", crate::config::join(&errors)))?;
        options = LoadOptions::of(&config);
        expected = expected_of(&config)?;
        paths.extend(config.rules.paths);
    }
    anyhow::ensure!(!paths.is_empty(), "no rules to look at: name --rules, or --config");
    let loaded = Detection::load(&paths, &[], &options);
    for diagnostic in loaded.diagnostics.iter().filter(|told| told.severity == Severity::Error) {
        eprintln!("{}", escape_lines(&diagnostic.to_string()));
    }
    let detection = loaded.detection;
    let mut failed = false;
    let (seen, of_files) = match args.files.as_slice() {
        [] => (expected, false),
        _ => {
            let (seen, errors) = look(args, &detection.dictionary)?;
            failed = !errors.is_empty();
            errors.iter().for_each(|error| eprintln!("error: {}", escape_controls(error)));
            (Some(seen), true)
        }
    };
    let blind = detection.rules.blind(seen.as_ref());
    let mode = args.output.unwrap_or_else(OutputMode::for_stdout);
    let mut printer = Printer::new(mode, color);
    for (rule, why) in &blind {
        let meta = detection.rules.rule(*rule);
        match mode {
            OutputMode::Table => {
                let place = format!("{}:{}", meta.file.display(), meta.line);
                println!("{}  {}", escape_controls(&place), escape_controls(&meta.title));
                println!("    {}", escape_controls(&reason(why, meta, of_files)));
            }
            _ => printer.object(&document(meta, why, of_files))?,
        }
    }
    printer.finish()?;
    if mode == OutputMode::Table {
        let all = detection.rules.len();
        println!("{all} rules: {} can match, {} never", all - blind.len(), blind.len());
        if let Some(seen) = &seen {
            println!("log sources {}: {}", if of_files { "seen" } else { "configured" }, seen.names().join(", "));
        }
    }
    Ok(match (failed, blind.is_empty()) {
        (true, _) => Outcome::Usage,
        (false, true) => Outcome::Done,
        (false, false) => Outcome::Findings,
    })
}

/// The log sources that the inputs of a configuration can bring; `None` where one may bring any.
fn expected_of(config: &Config) -> anyhow::Result<Option<Seen>> {
    let mut seen = Seen::default();
    for input in &config.inputs {
        let Some(format) = &input.format else { return Ok(None) };
        let sources = sources_of(format_of(format)?.get());
        if sources.is_empty() {
            return Ok(None);
        }
        sources.into_iter().for_each(|source| seen.expect(source));
    }
    Ok((!config.inputs.is_empty()).then_some(seen))
}

/// Log sources of products whose names begin otherwise.
const FAMILIES: &[(&str, &[&str])] = &[
    ("linux_auth", &["linux"]),
    ("linux_daemon", &["linux"]),
    ("netfilter", &["linux"]),
    ("auditd", &["linux_auditd"]),
    ("fortiproxy", &["fortigate"]),
    ("isc_dhcp", &["dhcp"]),
    ("kea", &["dhcp"]),
    ("unbound", &["dns"]),
    ("bind", &["dns"]),
    ("dnsmasq", &["dns", "dhcp"]),
    ("coredns", &["dns"]),
    ("infoblox", &["dns", "dhcp"]),
    ("nginx", &["nginx", "access"]),
    ("apache", &["apache", "access"]),
    ("access_log", &["access", "apache", "nginx"]),
    ("windows", &["windows", "sysmon", "linux_sysmon", "ms"]),
    ("sysmon", &["sysmon", "linux_sysmon"]),
    ("carbonblack_edr", &["carbon_black"]),
    ("o365_audit", &["m365"]),
    ("netflow", &["flow"]),
    ("wazuh_fim", &["file_integrity"]),
    ("atlassian_audit", &["bitbucket"]),
];

/// The log sources a product's records may be of: rather too many than too few. None: they may be any.
fn sources_of(product: &Product) -> Vec<LogSourceId> {
    let own = [product.name.split('_').next().unwrap_or_default()];
    let families = FAMILIES.iter().find(|(name, _)| *name == product.name).map_or(&own[..], |(_, families)| families);
    let is_of = |name: &str| {
        families
            .iter()
            .any(|family| name.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with('_')))
    };
    let ids = (0..LOG_SOURCES.len()).map(|at| LogSourceId(at as u16));
    ids.filter(|id| is_of(id.get().name)).collect()
}

/// What the files hold, and what could not be read.
fn look(args: &CoverageArgs, dictionary: &Arc<Dictionary>) -> anyhow::Result<(Seen, Vec<String>)> {
    let inputs = Inputs::new(&args.read, &args.files, &Defaults::EVENTS, dictionary)?;
    let progress = inputs.progress();
    let errors = Mutex::new(Vec::new());
    let mut all = Seen::default();
    ordered(
        inputs.workers,
        inputs.reader(&progress, &errors),
        || (Decoder::new(Arc::clone(dictionary)), Event::new()),
        |(decoder, event), FileBatch { file, batch }| {
            let InputFile { options, split, .. } = &inputs.files[file];
            let mut seen = Seen::default();
            for record in &batch.records {
                let bytes = batch.record(record);
                let mut note = |bytes: &[u8]| {
                    decoder.decode(bytes, 0, options, event);
                    seen.note(&event.view(bytes));
                };
                match elements(bytes).filter(|_| *split) {
                    Some(elements) => elements.for_each(|element| note(&bytes[element.range])),
                    None => note(bytes),
                }
            }
            seen
        },
        |seen| {
            all.join(&seen);
            Ok::<(), anyhow::Error>(())
        },
    )?;
    progress.finish_and_clear();
    all.share(logsource::LINUX_AUDITD, logsource::LINUX_AUDITD_PROCESS);
    Ok((all, errors.into_inner().expect("no reader panics")))
}

/// Why a rule can never match, and the way out.
fn reason(why: &Blind, meta: &RuleMeta, of_files: bool) -> String {
    match why {
        Blind::UnknownName { part, name, near } => {
            let guess = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            format!("no log source here has the {part} `{name}`{guess}")
        }
        Blind::NoSource => format!("no log source here answers to {}", asked(meta)),
        Blind::NotThere { answering } => {
            let there = if of_files { "no record of the files is" } else { "no input is configured that is" };
            let mut shown: Vec<&str> = answering.iter().take(4).copied().collect();
            if answering.len() > shown.len() {
                shown.push("…");
            }
            format!("{there} of its log source ({}): {}", asked(meta), shown.join(", "))
        }
        Blind::NoField { fields } => {
            format!("no record of its log source has {}, which every match needs", quoted(fields))
        }
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" and ")
}

fn asked(meta: &RuleMeta) -> String {
    let source = &meta.source;
    let parts = [("product", &source.product), ("service", &source.service), ("category", &source.category)];
    parts.iter().filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?))).collect::<Vec<_>>().join(", ")
}

fn document(meta: &RuleMeta, why: &Blind, of_files: bool) -> Value {
    let kind = match why {
        Blind::UnknownName { .. } => "unknown_name",
        Blind::NoSource => "no_source",
        Blind::NotThere { .. } => "not_there",
        Blind::NoField { .. } => "no_field",
    };
    json!({
        "rule": {"id": meta.id, "name": meta.title},
        "file": meta.file.to_string_lossy(),
        "line": meta.line,
        "logsource": {
            "product": meta.source.product, "service": meta.source.service, "category": meta.source.category,
        },
        "reason": kind,
        "message": reason(why, meta, of_files),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use noroshi_parsers::products::PRODUCTS;

    #[test]
    fn families_are_of_products_and_have_log_sources() {
        for (name, families) in FAMILIES {
            let product = PRODUCTS.iter().find(|product| product.name == *name);
            assert!(product.is_some_and(|product| !sources_of(product).is_empty()), "{name}: {families:?}");
        }
    }
}
