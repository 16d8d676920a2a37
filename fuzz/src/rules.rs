//! Fuzzes what detection engineers write: `NOROSHI_FUZZ_TARGET` is `rule`, `condition`, `indicators`, `misp`,
//! `stix` or `pattern`.
//!
//! Any bytes as a rule file must be loaded or refused with a place, never panic, and a rule that was loaded
//! must agree with the full scan on an event, and with what is told of its parts.
#![no_main]

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use noroshi_parsers::decode::{Decoder, SourceOptions};
use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::event::Event;
use noroshi_rules::indicators::{IndicatorKind, Indicators};
use noroshi_rules::{Options, RuleSet, Scratch};

static TARGET: LazyLock<String> =
    LazyLock::new(|| std::env::var("NOROSHI_FUZZ_TARGET").unwrap_or_else(|_| "rule".to_owned()));

const RECORD: &[u8] = br#"{"EventID":1,"Channel":"Microsoft-Windows-Sysmon/Operational","Image":"C:\\Windows\\System32\\cmd.exe","CommandLine":"cmd /c whoami -all","User":"EX\\alice"}"#;

thread_local! {
    static EVENT: RefCell<Event> = RefCell::new(Event::new());
}

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    match TARGET.as_str() {
        "rule" => rule(&text),
        "condition" => rule(&format!(
            "title: t\nlogsource: {{product: windows}}\ndetection:\n  a: {{Image|endswith: cmd.exe}}\n  b1: {{CommandLine|contains: whoami}}\n  b2: [x, y]\n  condition: {}\n",
            quoted(&text)
        )),
        "indicators" => {
            let (_, diagnostics) = Indicators::load(vec![(PathBuf::from("list.csv"), text.into_owned())]);
            assert!(diagnostics.iter().all(|diagnostic| diagnostic.place.line > 0));
        }
        // Whatever is read is told where it stands, and found again by its own value.
        "misp" | "stix" => feed(&text),
        "pattern" => feed(&serde_json::json!({"objects": [{"type": "indicator", "pattern": text}]}).to_string()),
        other => panic!("NOROSHI_FUZZ_TARGET `{other}`: rule, condition, indicators, misp, stix or pattern"),
    }
});

fn feed(text: &str) {
    let (set, diagnostics) = Indicators::load(vec![(PathBuf::from("feed.json"), text.to_owned())]);
    assert!(diagnostics.iter().all(|diagnostic| diagnostic.place.line > 0));
    for indicator in set.iter() {
        let described = set.describe(indicator);
        assert!(!described.sources.is_empty());
        // Names and agents may look defanged.
        if !matches!(described.kind, IndicatorKind::Ip | IndicatorKind::Cidr | IndicatorKind::Domain | IndicatorKind::Sha256) {
            continue;
        }
        let found = set.find(&described.value);
        assert!(found.iter().any(|(found, _)| *found == indicator), "{} is not found", described.value);
    }
}

/// A YAML double-quoted scalar.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            plain if !plain.is_control() => quoted.push(plain),
            other => quoted.push_str(&format!("\\U{:08x}", u32::from(other))),
        }
    }
    quoted.push('"');
    quoted
}

fn rule(text: &str) {
    let mut dictionary = Dictionary::new();
    let loaded = RuleSet::load(
        vec![(PathBuf::from("rule.yml"), text.to_owned())],
        &mut dictionary,
        &Options { ignore_logsource: true, lint: true, ..Options::default() },
    );
    assert!(loaded.diagnostics.iter().all(|diagnostic| diagnostic.place.line > 0));
    let dictionary = Arc::new(dictionary);
    EVENT.with_borrow_mut(|event| {
        Decoder::new(Arc::clone(&dictionary)).decode(RECORD, 0, &SourceOptions::default(), event);
        let view = event.view(RECORD);
        let (mut fast, mut slow) = (Vec::new(), Vec::new());
        loaded.rules.evaluate(&view, &mut Scratch::new(), &mut fast);
        loaded.rules.full_scan(&view, &dictionary, &mut slow);
        assert_eq!(fast, slow);
        for (rule, _) in loaded.rules.rules() {
            let verdict = loaded.rules.verdict(rule, &view, &dictionary);
            assert_eq!(verdict.holds, fast.contains(&rule));
            assert_eq!(verdict.holds, verdict.root.holds);
        }
        assert!(loaded.rules.blind(None).len() <= loaded.rules.len());
    });
}
