//! Rules against events: what matches, what does not, and the two paths held equal.

use std::path::PathBuf;

use noroshi_parsers::dictionary::Dictionary;
use noroshi_parsers::event::{Event, Kind};
use noroshi_parsers::logsource::{LOG_SOURCES, LogSourceId};
use proptest::prelude::*;

use crate::set::{Loaded, Options, RuleIndex, RuleSet, Scratch};
use crate::{Severity, key};

fn load(text: &str) -> (Loaded, Dictionary) {
    let mut dictionary = Dictionary::new();
    let loaded = RuleSet::load(vec![(PathBuf::from("r.yml"), text.to_owned())], &mut dictionary, &Options::default());
    (loaded, dictionary)
}

fn log_source(name: &str) -> LogSourceId {
    LogSourceId(LOG_SOURCES.iter().position(|source| source.name == name).unwrap() as u16)
}

/// An event whose record is `a=b c=d …`; values stand in the record, `~` is null.
fn event(dictionary: &Dictionary, source: &str, record: &str) -> Event {
    let mut event = Event::new();
    event.clear();
    let mut writer = event.writer(record.as_bytes());
    writer.core().log_source = log_source(source);
    for pair in record.split(' ').filter(|pair| pair.contains('=')) {
        let (name, value) = pair.split_once('=').unwrap();
        if let Some(id) = dictionary.find(name.as_bytes()) {
            let kind = if value == "~" { Kind::Null } else { Kind::Text };
            writer.put_as(id, value.as_bytes(), kind, true);
        }
    }
    event
}

fn hits(set: &RuleSet, event: &Event, record: &str, dictionary: &Dictionary) -> Vec<RuleIndex> {
    let (mut fast, mut slow) = (Vec::new(), Vec::new());
    set.evaluate(&event.view(record.as_bytes()), &mut Scratch::new(), &mut fast);
    set.full_scan(&event.view(record.as_bytes()), dictionary, &mut slow);
    assert_eq!(fast, slow, "the two paths differ on {record}");
    fast
}

fn rule(detection: &str) -> String {
    format!("title: t\nid: i\nlogsource: {{product: windows}}\ndetection:\n{detection}\n")
}

/// Whether a rule with this detection matches the record; both paths must say so.
#[track_caller]
fn matches(detection: &str, record: &str) -> bool {
    let (loaded, dictionary) = load(&rule(detection));
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    !hits(&loaded.rules, &event(&dictionary, "windows_security", record), record, &dictionary).is_empty()
}

#[track_caller]
fn check(detection: &str, matching: &[&str], missing: &[&str]) {
    for record in matching {
        assert!(matches(detection, record), "{detection}\nshould match {record}");
    }
    for record in missing {
        assert!(!matches(detection, record), "{detection}\nshould not match {record}");
    }
}

#[test]
fn text_compares_without_case_and_numbers_by_their_digits() {
    check("  s: {A: CMD.exe}\n  condition: s", &["A=cmd.EXE"], &["A=cmd", "B=cmd.exe", "A=xcmd.exe"]);
    check("  s: {EventID: 4625}\n  condition: s", &["EventID=4625"], &["EventID=46250", "EventID=~"]);
    check("  s: {A|cased: Abc}\n  condition: s", &["A=Abc"], &["A=abc"]);
    check("  s: {A|gte: 10}\n  condition: s", &["A=10", "A=10.5", "A=99999999999"], &["A=9", "A=x", "B=10"]);
    check("  s: {A|neq: x}\n  condition: s", &["A=y", "B=x"], &["A=X"]);
}

#[test]
fn lists_are_alternatives_and_all_asks_for_each() {
    check("  s: {A: [x, y]}\n  condition: s", &["A=x", "A=y", "A=z A=y"], &["A=z"]);
    check("  s: {A|contains|all: [x, y]}\n  condition: s", &["A=axby", "A=x A=y"], &["A=x"]);
    check("  s: [{A: x}, {B: y}]\n  condition: s", &["A=x", "B=y"], &["A=y"]);
    check("  s: {A: x, B: y}\n  condition: s", &["A=x B=y"], &["A=x"]);
}

#[test]
fn null_is_absent_or_null_and_exists_is_presence() {
    check("  s: {A: null}\n  condition: s", &["B=x", "A=~", "A=x A=~"], &["A=x", "A="]);
    check("  s: {A: ''}\n  condition: s", &["A="], &["A=x", "B=x", "A=~"]);
    check("  s: {A|exists: true}\n  condition: s", &["A=", "A=x", "A=~"], &["B=x"]);
    check("  s: {A|exists: false}\n  condition: s", &["B=x"], &["A=x"]);
    check("  s: {A: x}\n  f: {B: null}\n  condition: s and not f", &["A=x B=y"], &["A=x"]);
}

#[test]
fn addresses_expressions_and_other_fields() {
    check(
        "  s: {A|cidr: [10.0.0.0/8, '2001:db8::/32']}\n  condition: s",
        &["A=10.1.2.3", "A=2001:db8::1", "A=::ffff:10.0.0.1"],
        &["A=11.0.0.1", "A=x"],
    );
    check("  s: {A|re: '^a+$'}\n  condition: s", &["A=aaa"], &["A=AAA", "A=ab"]);
    check("  s: {A|re|i: '^a+$'}\n  condition: s", &["A=AAA"], &["A=ab"]);
    check("  s: {A|fieldref: B}\n  condition: s", &["A=x B=X"], &["A=x B=y", "A=x"]);
    check("  s: {A|fieldref|endswith: B}\n  condition: s", &["A=abc B=BC"], &["A=abc B=ab"]);
}

/// A long message lies unescaped beside the record that has it escaped, under two names; a search of both skips it where
/// that can miss nothing.
#[test]
fn keywords_are_found_in_long_values_however_these_were_escaped() {
    use noroshi_parsers::decode::{Decoder, SourceOptions};
    let rest = "so that the value is long enough to be searched by itself, ".repeat(6);
    let searched = |word: &str, message: &str| {
        let (loaded, dictionary) =
            load(&rule(&format!("  keywords: ['{word}', 'never there']\n  condition: keywords")));
        assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
        let record = format!(
            r#"{{"Channel":"Security","EventID":4799,"Hostname":"ws1.example.com","Message":"{message}\r\n{rest}","Note":"{message} {rest}"}}"#
        );
        let dictionary = std::sync::Arc::new(dictionary);
        let mut event = Event::new();
        Decoder::new(std::sync::Arc::clone(&dictionary)).decode(
            record.as_bytes(),
            0,
            &SourceOptions::default(),
            &mut event,
        );
        let view = event.view(record.as_bytes());
        let repeats = view.fields().iter().filter(|field| view.repeats_text(field.span())).count();
        (!hits(&loaded.rules, &event, &record, &dictionary).is_empty(), repeats > 0)
    };
    for (word, message, expected, repeats) in [
        ("evil::dump", r"ran Evil::Dump now\r\n", true, true),
        ("evil::dump", r"ran evil:\u003adump now", true, false),
        ("evil::dump", r"ran evil::\r\ndump now", false, true),
        ("evil::dump", r"ran evil\u00e9::dump now", false, true),
        ("evil::disk", r"ran evil::dis\u212a now", true, false),
        (r"evil\dump", r"ran evil\\dump now", true, true),
        (r"evil/dump", r"ran evil\/dump now", true, true),
        ("\u{e9}vil dump", r"ran \u00e9vil dump now\r\n", true, true),
        ("evil::dump", r"ran \\u0065vil::dump now", false, true),
    ] {
        assert_eq!(searched(word, message), (expected, repeats), "{word} in {message}");
    }
}

#[test]
fn keywords_are_found_anywhere_in_the_record() {
    check("  s: [Mimikatz, 'x*y']\n  condition: s", &["run mimikatz.exe", "A=xay"], &["A=mimi katz"]);
    check("  s: {'|all': [one, two]}\n  condition: s", &["two one"], &["one"]);
}

#[test]
fn the_first_candidate_that_is_there_is_the_one_compared() {
    check(
        "  s: {CommandLine|contains: x}\n  condition: s",
        &["CommandLine=x", "process.command_line=x", "winlog.event_data.CommandLine=x"],
        &["CommandLine=y process.command_line=x"],
    );
}

#[test]
fn rules_of_letters_beyond_ascii_cost_nothing_on_plain_text() {
    let (loaded, dictionary) = load(&rule("  s: {A|contains: ['\u{2010}', \u{e9}t\u{e9}]}\n  condition: s"));
    let mut scratch = Scratch::new();
    for (record, expected) in [("A=plain", 0), ("A=\u{c9}T\u{c9}", 1)] {
        let event = event(&dictionary, "windows_security", record);
        loaded.rules.evaluate(&event.view(record.as_bytes()), &mut scratch, &mut Vec::new());
        assert_eq!(RuleSet::candidates_len(&scratch), expected, "{record}");
        assert_eq!(hits(&loaded.rules, &event, record, &dictionary).len(), expected);
    }
}

#[test]
fn log_sources_route_and_can_be_ignored() {
    let text = "title: t\nid: i\nlogsource: {product: linux, service: sshd}\ndetection: {s: [Failed], condition: s}";
    for (ignore, source, expected) in
        [(false, "linux_sshd", 1), (false, "windows_security", 0), (true, "windows_security", 1), (false, "unknown", 0)]
    {
        let mut dictionary = Dictionary::new();
        let options = Options { ignore_logsource: ignore, ..Options::default() };
        let set = RuleSet::load(vec![("r.yml".into(), text.to_owned())], &mut dictionary, &options).rules;
        let record = "Failed password";
        assert_eq!(
            hits(&set, &event(&dictionary, source, record), record, &dictionary).len(),
            expected,
            "{ignore} {source}"
        );
    }
}

#[test]
fn reasons_name_field_pattern_and_value() {
    let (loaded, dictionary) = load(&rule(
        "  s: {EventID: 1, CommandLine|contains: [' -e', foo]}\n  f: {A: b}\n  n: {Q: null}\n  condition: s and n and not f",
    ));
    let record = "EventID=1 CommandLine=barfoobaz";
    let event = event(&dictionary, "windows_security", record);
    let reasons = loaded.rules.explain(RuleIndex(0), &event.view(record.as_bytes()));
    let shown: Vec<String> = reasons
        .iter()
        .map(|reason| {
            format!(
                "{}:{}|{}={} <- {:?}",
                reason.selection,
                reason.field.as_deref().unwrap_or("-"),
                reason.operator,
                reason.pattern,
                reason.value
            )
        })
        .collect();
    assert_eq!(
        shown,
        ["s:EventID|=1 <- Some(\"1\")", "s:CommandLine|contains=foo <- Some(\"barfoobaz\")", "n:Q|=null <- None"]
    );
}

#[test]
fn filters_narrow_the_rules_they_name() {
    let text = format!(
        "{}---\ntitle: f\nid: f\nlogsource: {{product: windows}}\nfilter:\n  rules: [i]\n  mine: {{User|startswith: adm_}}\n  condition: not mine\n",
        rule("  s: {A: x}\n  condition: s")
    );
    let (loaded, dictionary) = load(&text);
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    for (record, expected) in [("A=x User=bob", 1), ("A=x User=adm_bob", 0), ("A=x", 1)] {
        assert_eq!(
            hits(&loaded.rules, &event(&dictionary, "windows_security", record), record, &dictionary).len(),
            expected
        );
    }
    assert_ne!(
        loaded.rules.rule(RuleIndex(0)).digest,
        load(&rule("  s: {A: x}\n  condition: s")).0.rules.rule(RuleIndex(0)).digest
    );
}

#[test]
fn what_is_wrong_with_a_file_is_told_and_the_rest_is_loaded() {
    let sound = rule("  s: {A: x}\n  condition: s");
    let told = |text: String| {
        let (loaded, _) = load(&text);
        (loaded.rules.len(), loaded.diagnostics.iter().map(|told| told.message.clone()).collect::<Vec<_>>())
    };
    assert_eq!(
        told(format!("{sound}---\n{sound}")),
        (1, vec!["the id or name `i` is used twice, first in r.yml:1".to_owned()])
    );
    assert_eq!(told(format!("{sound}---\njust text\n")), (1, vec!["the document is a string, not a rule".to_owned()]));
    assert_eq!(told(format!("{sound}---\na: 'x\n")).0, 1);
}

const CORRELATION: &str = "title: a\nid: aid\nname: fails\nlogsource: {product: windows}\ndetection: {s: {A: x}, condition: s}\n---\ntitle: b\nid: bid\nname: other\nlogsource: {product: linux}\ndetection: {s: {A: y}, condition: s}\n---\ntitle: c\nid: cid\ncorrelation:\n  type: value_count\n  rules: [fails, other]\n  group-by: [who, source.ip]\n  aliases: {who: {fails: TargetUserName, other: user.name}}\n  timespan: 1m\n  condition: {gte: 2, field: host.name}\n";

#[test]
fn correlations_resolve_rules_and_aliases() {
    let (loaded, dictionary) = load(CORRELATION);
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    let correlation = &loaded.rules.correlations()[0];
    let names = |at: usize| -> Vec<&str> {
        correlation.rules[at].key[0].candidates.iter().map(|id| dictionary.name(*id)).collect()
    };
    assert_eq!(names(0), ["TargetUserName", "winlog.event_data.TargetUserName", "user.target.name", "user.name"]);
    assert_eq!(names(1), ["user.name"]);
    assert!(loaded.rules.rules().all(|(_, meta)| !meta.alerts));
    let generating = CORRELATION.replace("timespan", "generate: true\n  timespan");
    assert!(load(&generating).0.rules.rules().all(|(_, meta)| meta.alerts));
    let changed = load(&CORRELATION.replace("A: y", "A: z")).0;
    assert_ne!(changed.rules.correlations()[0].definition_digest, correlation.definition_digest);
}

#[test]
fn correlations_that_name_what_is_not_there_are_refused() {
    let told = |from: &str, to: &str| {
        let (loaded, _) = load(&CORRELATION.replace(from, to));
        assert!(loaded.rules.correlations().is_empty());
        assert!(loaded.rules.rules().all(|(_, meta)| meta.alerts));
        loaded.diagnostics.iter().find(|told| told.severity == Severity::Error).unwrap().to_string()
    };
    assert!(told("rules: [fails, other]", "rules: [fails, othr]").contains("did you mean `other`?"));
    let circle = told("rules: [fails, other]", "rules: [cid]");
    assert!(circle.contains("round in a circle: cid → cid") && circle.contains("r.yml:17:"), "{circle}");
    assert!(told(", other: user.name", "").contains("gives no field for the rule `other`"));
}

const CHAIN: &str = "---\ntitle: d\nid: did\ncorrelation:\n  type: temporal\n  rules: [cid, bid]\n  group-by: [ip]\n  aliases: {ip: {cid: source.ip, any: [destination.ip, source.ip]}}\n  timespan: 1h\n";

#[test]
fn a_correlation_of_correlations_joins_their_keys() {
    let (loaded, dictionary) = load(&format!("{CORRELATION}{CHAIN}"));
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    let [below, above] = loaded.rules.correlations() else { panic!() };
    let chain = &above.chains[0];
    assert_eq!((chain.correlation, &*chain.key, chain.part, above.rules[0].part), (0, &[1u16][..], 0, 1));
    let names: Vec<&str> = above.rules[0].key[0].candidates.iter().map(|id| dictionary.name(*id)).collect();
    assert_eq!(names, ["destination.ip", "source.ip"]);
    assert!(!below.alerts && above.alerts);
    let changed = load(&format!("{CORRELATION}{CHAIN}").replace("A: x", "A: z")).0;
    assert_ne!(changed.rules.correlations()[1].definition_digest, above.definition_digest);

    let told = |chain: String| {
        let (loaded, _) = load(&format!("{CORRELATION}{chain}"));
        loaded.diagnostics.iter().map(ToString::to_string).collect::<String>()
    };
    let without = CHAIN.replace("cid: source.ip", "cid: host.mac");
    assert!(told(without).contains("`cid` is not grouped by `ip`, so its episodes have none"));
    let summed = CHAIN.replace("temporal", "value_sum").replace("1h", "1h\n  condition: {gte: 1, field: source.ip}");
    assert!(told(summed).contains("bring no numbers"));
    let round = format!("{}{}", CHAIN.replace("bid]", "eid]"), CHAIN.replace("did", "eid").replace("[cid", "[did"));
    assert!(told(round).contains("round in a circle: did → eid → did"));
    let high = (0..9).map(|n| CHAIN.replace("did", &format!("n{n}")).replace("[cid", &format!("[n{}", n + 1)));
    assert!(told(high.collect()).contains("more than 8 correlations stand above one another"));
}

#[test]
fn a_risk_takes_what_is_worth_something() {
    let risk = "---\ntitle: r\nid: rid\ncorrelation:\n  type: risk\n  group-by: [source.ip]\n  timespan: 1d\n  condition: {gte: 50}\n  scores: {medium: 15, fails: 0, attack.t1110: 30}\n";
    let text = format!("{CORRELATION}{risk}").replace("id: bid", "id: bid\ntags: [attack.t1110]\nlevel: medium");
    let (loaded, _) = load(&text.replace("id: cid", "id: cid\nlevel: medium"));
    assert!(loaded.diagnostics.is_empty(), "{:?}", loaded.diagnostics);
    let made = &loaded.rules.correlations()[1];
    let rules: Vec<_> = made.rules.iter().map(|rule| (loaded.rules.rule(rule.rule).id.as_str(), rule.score)).collect();
    assert_eq!((rules, made.chains.len(), made.chains[0].score), (vec![("bid", 30)], 1, 15));
    // It does not silence what it counts.
    assert!(loaded.rules.correlations()[0].alerts);
    let told = |from: &str, to: &str| {
        let (loaded, _) = load(&format!("{CORRELATION}{}", risk.replace(from, to)));
        loaded.diagnostics.iter().map(ToString::to_string).collect::<String>()
    };
    assert!(told("medium", "mediun").contains("did you mean `medium`?"));
    assert!(told("{gte: 50}", "{techniqes: 3}").contains("did you mean `techniques`?"));
    assert!(told("{gte: 50}", "{lte: 3}").contains("unknown key `lte`"));
    assert!(told("{gte: 50}", "{half_life: 1h}").contains("gives no bound"));
    assert_eq!(told("{gte: 50}", "{techniques: 3}"), "");
    assert!(told("  group-by: [source.ip]\n", "").contains("has no `group-by`"));
    assert!(told("type: risk", "type: temporal").contains("only a risk takes `scores`"));
}

#[test]
fn keys_are_normalised_and_arrays_give_one_each() {
    let (loaded, dictionary) = load(CORRELATION);
    let correlation = &loaded.rules.correlations()[0];
    let keys = |rule: usize, source: &str, record: &str| {
        let event = event(&dictionary, source, record);
        let mut found = Vec::new();
        let outcome = key::extract(&correlation.rules[rule], &event.view(record.as_bytes()), &mut found);
        let shown: Vec<String> = found
            .iter()
            .map(|found| key::parts(found).map(|part| String::from_utf8_lossy(part)).collect::<Vec<_>>().join("/"))
            .collect();
        (shown, outcome.excess, outcome.missing)
    };
    let one = |text: &str| vec![text.to_owned()];
    assert_eq!(
        keys(0, "windows_security", "TargetUserName=Bob source.ip=::ffff:10.0.0.1"),
        (one("bob/10.0.0.1"), 0, None)
    );
    assert_eq!(keys(1, "linux_sshd", "user.name=Bob source.ip=2001:DB8::0:1"), (one("Bob/2001:db8::1"), 0, None));
    assert_eq!(keys(1, "linux_sshd", "user.name=a user.name=b user.name=a source.ip=10.0.0.1").0.len(), 2);
    assert_eq!(keys(1, "linux_sshd", "user.name= source.ip=10.0.0.1"), (vec![], 0, Some(0)));
    assert_eq!(keys(1, "linux_sshd", "user.name=a source.ip=~"), (vec![], 0, Some(1)));
    let many: String = (0..5).map(|n| format!("user.name=u{n} source.ip=10.0.0.{n} ")).collect();
    let (made, excess, _) = keys(1, "linux_sshd", &many);
    assert_eq!((made.len(), excess), (16, 9));
    let record = "host.name=SRV1 host.name=srv1 host.name=srv2";
    let event = event(&dictionary, "linux_sshd", record);
    let mut values = Vec::new();
    key::extract_values(&correlation.rules[1], &event.view(record.as_bytes()), &mut values);
    assert_eq!(values, [b"srv1".to_vec(), b"srv2".to_vec()]);
}

#[test]
fn the_digest_knows_contents_not_order() {
    let files = |names: [&str; 2]| {
        let text = |id: &str| {
            format!("title: t\nid: {id}\nlogsource: {{product: windows}}\ndetection: {{s: [x], condition: s}}")
        };
        let files = vec![(PathBuf::from(names[0]), text("a")), (PathBuf::from(names[1]), text("b"))];
        RuleSet::load(files, &mut Dictionary::new(), &Options::default()).rules.digest()
    };
    assert_eq!(files(["1.yml", "2.yml"]), files(["2.yml", "1.yml"]));
    assert_ne!(files(["1.yml", "2.yml"]), load(CORRELATION).0.rules.digest());
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof!["[abAB*?\\\\]{0,5}", "[a-b]{1,3}", "[ab\u{e9}\u{c9}k]{0,4}", Just("10.0.0.1".to_owned()), "[0-9]{1,3}",]
}

fn regex() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "^[ab]+$",
        "aba|bab",
        "(?i)ABA?b",
        "(ab){2,}k?",
        "a(?:bb|aa)+",
        "[ab]{3}",
        "(?i)kab",
        "b?aab",
        "^aa.",
        "\u{e9}ab|abk",
    ])
}

fn entry() -> impl Strategy<Value = String> {
    let quoted = |text: &str| format!("'{text}'");
    let modifiers = prop::sample::select(vec![
        "",
        "|contains",
        "|startswith",
        "|endswith",
        "|contains|all",
        "|cased",
        "|neq",
        "|windash",
        "|startswith|cased",
    ]);
    let field = prop::sample::select(vec!["A", "B", "CommandLine", "EventID"]);
    prop_oneof![
        6 => (field.clone(), modifiers, prop::collection::vec(value(), 1..9)).prop_map(move |(field, modifiers, values)| {
            format!("'{field}{modifiers}': [{}]", values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", "))
        }),
        1 => field.clone().prop_map(|field| format!("{field}: null")),
        1 => (field.clone(), any::<bool>()).prop_map(|(field, there)| format!("{field}|exists: {there}")),
        1 => (field.clone(), 0..100).prop_map(|(field, bound)| format!("{field}|gte: {bound}")),
        1 => field.clone().prop_map(|field| format!("{field}|cidr: 10.0.0.0/8")),
        1 => field.clone().prop_map(|field| format!("{field}|re: '^[ab]+$'")),
        1 => field.clone().prop_map(|field| format!("{field}|re: '(a|k)(?!b)'")),
        1 => (field.clone(), 0..24).prop_map(|(field, bound)| format!("{field}|hour|lt: {bound}")),
        1 => field.clone().prop_map(|field| format!("{field}|windash|base64offset|contains: ' -ab'")),
        1 => field.clone().prop_map(|field| format!("{field}|fieldref|cased: B")),
        1 => (0..24).prop_map(|hour| format!("'@timestamp|hour|gte': {hour}")),
        2 => (field.clone(), regex()).prop_map(|(field, regex)| format!("{field}|re: '{regex}'")),
        2 => prop::collection::vec(1..5, 1..3).prop_map(|ids| format!("EventID: {ids:?}")),
        1 => (field, prop::sample::select(vec!["", "|contains", "|startswith"])).prop_map(|(field, how)| format!("{field}|fieldref{how}: B")),
        1 => prop::collection::vec("[ab]{1,3}", 1..3).prop_map(|words| format!("'|all': [{}]", words.join(", "))),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    let leaf =
        prop::sample::select(vec!["s0", "s1", "s2", "1 of s*", "2 of s*", "all of them"]).prop_map(str::to_owned);
    leaf.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) and ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) or ({b})")),
            inner.prop_map(|a| format!("not ({a})")),
        ]
    })
}

fn selection() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => prop::collection::vec(entry(), 1..3).prop_map(|entries| format!("{{{}}}", entries.join(", "))),
        1 => prop::collection::vec(entry(), 1..3).prop_map(|entries| format!("[{}]", entries.iter().map(|entry| format!("{{{entry}}}")).collect::<Vec<_>>().join(", "))),
        1 => prop::collection::vec("[ab*?]{1,3}", 1..3).prop_map(|words| format!("[{}]", words.iter().map(|word| format!("'{word}'")).collect::<Vec<_>>().join(", "))),
    ]
}

fn record() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["A", "B", "CommandLine", "process.command_line", "EventID", "C"]);
    let value = prop_oneof![
        "[abAB/*-]{0,6}",
        "[ab\u{e9}\u{c9}k\u{212a}]{0,4}",
        Just("~".to_owned()),
        Just("10.2.0.1".to_owned()),
        "[0-9]{1,3}",
        Just("2026-03-01T08:09:10Z".to_owned()),
        Just("xIC1hYg==".to_owned()),
        "[1-5]",
        "[abABkK\u{212a}]{3,8}",
    ];
    prop::collection::vec((name, value), 0..6)
        .prop_map(|pairs| pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" "))
}

#[test]
fn an_event_meets_the_rules_of_its_id_and_those_that_name_none() {
    let one = |n: usize, selection: &str| {
        format!("title: t\nid: r{n}\nlogsource: {{product: windows}}\ndetection: {{s: {selection}, condition: s}}\n")
    };
    let mut texts: Vec<String> = (1..7).map(|n| one(n, &format!("{{EventID: {n}, A|contains: x}}"))).collect();
    texts.push(one(7, "{A|contains: x}"));
    texts.push(one(8, "[{EventID: 1, A: x}, {EventID: [2, 3], A: x}]"));
    texts.push(one(9, "{EventID: '4*', A|contains: x}"));
    let (loaded, dictionary) = load(&texts.join("---\n"));
    let mut scratch = Scratch::new();
    // By record: how many rules are looked at closely. An id written twice is looked for among all.
    for (record, expected) in [
        ("EventID=1 A=x", 4),
        ("EventID=4 A=x", 3),
        ("EventID=9 A=x", 2),
        ("A=x", 2),
        ("EventID=~ A=x", 2),
        ("EventID=1 EventID=2 A=x", 9),
        ("EventID=1 A=y", 0),
    ] {
        let event = event(&dictionary, "windows_security", record);
        loaded.rules.evaluate(&event.view(record.as_bytes()), &mut scratch, &mut Vec::new());
        assert_eq!(RuleSet::candidates_len(&scratch), expected, "{record}");
        hits(&loaded.rules, &event, record, &dictionary);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// The fast path may look at more rules, it never says anything else than the slow one.
    #[test]
    fn both_paths_agree(
        rules in prop::collection::vec((prop::collection::vec(selection(), 3), condition()), 1..6),
        records in prop::collection::vec(record(), 1..8),
    ) {
        let text: Vec<String> = rules
            .iter()
            .enumerate()
            .map(|(at, (selections, condition))| {
                let body: String = selections.iter().enumerate().map(|(n, selection)| format!("  s{n}: {selection}\n")).collect();
                format!("title: t\nid: r{at}\nlogsource: {{product: windows}}\ndetection:\n{body}  condition: {condition}\n")
            })
            .collect();
        let (loaded, dictionary) = load(&text.join("---\n"));
        for record in &records {
            hits(&loaded.rules, &event(&dictionary, "windows_security", record), record, &dictionary);
        }
    }

    #[test]
    fn any_text_is_read_without_panic(text in "[a-z:\\-\\[\\]{}|&*'\" \n#]{0,200}") {
        load(&text);
        load(&rule(&format!("  s: {{A: {text}}}\n  condition: s")));
        load(&rule(&format!("  s: {{A: x}}\n  condition: '{}'", text.replace('\'', ""))));
    }
}

/// What becomes of a file: rules and correlations as `id title`, and the diagnostics.
fn loaded_from(text: &str) -> (Vec<String>, Vec<String>, Vec<String>) {
    let (loaded, _) = load(text);
    let rules = loaded.rules.rules().map(|(_, meta)| format!("{} {}", meta.id, meta.title)).collect();
    let correlations = loaded.rules.correlations().iter().map(|made| format!("{} {}", made.id, made.title)).collect();
    let told = loaded.diagnostics.iter().map(|told| format!("{}: {}", told.severity.as_str(), told.message)).collect();
    (rules, correlations, told)
}

#[test]
fn documents_of_old_collections_are_joined_with_a_note() {
    let text = "action: global\ntitle: t\nid: shared\nlevel: high\ndetection: {s: {A: x}, condition: s}\n---\nid: one\nlogsource: {product: windows}\n---\nid: two\nlogsource: {product: linux}\ndetection: {s: {B: y}}\n---\naction: repeat\nid: three\ntitle: u\n---\naction: reset\n---\ntitle: alone\nid: four\nlogsource: {product: linux}\ndetection: {q: [z], condition: q}\n";
    let (rules, _, told) = loaded_from(text);
    assert_eq!(rules, ["one t", "two t", "three u", "four alone"]);
    assert_eq!(told, ["note: `action: global` documents are of old Sigma; each rule was given their parts"]);
    let (loaded, dictionary) = load(text);
    let of = |record: &str| hits(&loaded.rules, &event(&dictionary, "linux_auth", record), record, &dictionary);
    assert_eq!(of("A=x B=y"), [RuleIndex(1), RuleIndex(2)]);
    assert_eq!(of("A=x"), []);
    assert_eq!(of("z"), [RuleIndex(3)]);
    assert_eq!(
        loaded_from("action: repeat\ntitle: x\n").2,
        ["error: `action: repeat` has no document before it to repeat"]
    );
    assert_eq!(loaded_from("action: glbal\ntitle: x\n").2, ["error: unknown action `glbal`"]);
}

#[test]
fn aggregations_of_old_conditions_become_correlations_with_a_note() {
    let text = |condition: &str| {
        format!(
            "title: t\nid: old\nlogsource: {{product: windows}}\ndetection:\n  s: {{A: x}}\n  timeframe: 5m\n  condition: {condition}\n"
        )
    };
    let (rules, correlations, told) = loaded_from(&text("s | count(B) by C >= 3"));
    assert_eq!((rules, correlations), (vec!["old.counted t".to_owned()], vec!["old t".to_owned()]));
    assert_eq!(told, ["note: the aggregation of the condition became a correlation"]);
    let (loaded, _) = load(&text("s | count(B) by C >= 3"));
    let made = &loaded.rules.correlations()[0];
    assert_eq!((made.group_by.as_slice(), made.window_ns), (&["C".to_owned()][..], 300_000_000_000));
    assert!(loaded.rules.rules().all(|(_, meta)| !meta.alerts));
    for kind in ["count()", "sum(B)", "avg(B)"] {
        assert_eq!(loaded_from(&text(&format!("s | {kind} > 3"))).1, ["old t"], "{kind}");
    }
    for (condition, reason) in [
        ("s | near t", "error: the aggregation `| near t` is not supported"),
        ("s | max(B) by C > 3", "error: the aggregation `max` is not supported in a condition"),
        ("s | count() > x", "error: `| count() > x` is not written as `| count(field) by group > number`"),
    ] {
        assert_eq!(loaded_from(&text(condition)).2, [reason]);
    }
    let timeless = text("s | count() > 3").replace("  timeframe: 5m\n", "");
    assert!(loaded_from(&timeless).2[0].contains("has no `timeframe`"));
}

#[test]
fn filters_narrow_the_rules_of_their_log_source() {
    let rule = |id: &str, product: &str| {
        format!(
            "title: t\nid: {id}\nlogsource: {{product: {product}}}\ndetection: {{s: {{A: x}}, condition: s}}\n---\n"
        )
    };
    let of = |filter: &str, record: &str| {
        let text = format!(
            "{}{}title: f\nid: f\nlogsource: {{product: windows}}\nfilter: {{{filter}, user: {{B|startswith: adm}}, condition: not user}}\n",
            rule("one", "windows"),
            rule("two", "linux")
        );
        let (loaded, dictionary) = load(&text);
        let told: Vec<_> = loaded.diagnostics.iter().map(|told| told.message.clone()).collect();
        let of = |source| hits(&loaded.rules, &event(&dictionary, source, record), record, &dictionary).len();
        (of("windows_security"), of("linux_auth"), told)
    };
    assert_eq!(of("rules: [one]", "A=x B=adm1"), (0, 1, vec![]));
    assert_eq!(of("rules: [one]", "A=x B=bob"), (1, 1, vec![]));
    assert_eq!(of("rules: any", "A=x B=adm1"), (0, 1, vec![]));
    let elsewhere = "the filter names the rule `two`, whose log source is not the filter's".to_owned();
    assert_eq!(of("rules: [two]", "A=x B=adm1"), (1, 1, vec![elsewhere]));
    let missing = "the filter names the rule `three`, which is not loaded".to_owned();
    assert_eq!(of("rules: [three]", "A=x B=adm1"), (1, 1, vec![missing]));
}

/// The diagnostics of `check`, each as `line:column message (help)`.
fn linted(text: &str) -> Vec<String> {
    let options = Options { lint: true, ..Options::default() };
    let loaded = RuleSet::load(vec![("r.yml".into(), text.to_owned())], &mut Dictionary::new(), &options);
    let told = |told: &crate::Diagnostic| {
        let help = told.help.as_deref().unwrap_or_default();
        format!("{}:{} {} ({help})", told.place.line, told.place.column, told.message)
    };
    loaded.diagnostics.iter().map(told).collect()
}

#[test]
fn what_is_odd_about_sound_rules_is_told() {
    assert_eq!(
        linted(&rule(
            "  s: {CommandLin: x, commandline: y, A|all: z, SomeVendorField: q}\n  t: {A: x}\n  condition: s"
        )),
        [
            "5:7 unknown field `CommandLin` (did you mean `CommandLine`?)",
            "5:22 unknown field `commandline` (did you mean `CommandLine`?)",
            "5:38 `all` over a single value has no effect (remove `all`, or give a list)",
            "6:3 the condition never asks for the selection `t` (name it in the condition, or remove it)",
        ]
    );
    assert_eq!(linted(&rule("  s1: {Image|endswith|all: [x, y]}\n  s2: {a.b: x}\n  condition: 1 of s*")), [""; 0]);
    let verified = format!("{CORRELATION}noroshi: {{verified: 2026-03-01}}\n");
    assert_eq!(linted(&verified), [""; 0]);
    assert_eq!(linted(CORRELATION).len(), 1);
    assert!(linted(CORRELATION)[0].contains(":1 the threshold has no date of verification"));
    assert!(linted(&verified.replace("2026-03-01", "soon"))[0].contains("`verified` takes a date, not `soon`"));
}

#[test]
fn searches_given_up_are_counted_by_rule() {
    let (loaded, dictionary) = load(&rule("  s: {A|re: '^(?:(a+)+)+(?<!b)c\\1$'}\n  condition: s"));
    let record = format!("A={}", "a".repeat(3_000));
    assert!(hits(&loaded.rules, &event(&dictionary, "windows_security", &record), &record, &dictionary).is_empty());
    // Once by each path.
    assert_eq!(loaded.rules.given_up().collect::<Vec<_>>(), [(RuleIndex(0), 2)]);
}

#[test]
fn a_verdict_tells_every_part_with_the_actual_values() {
    let text = rule(
        "  s: {Image|endswith: [cmd.exe, pwsh.exe], A|fieldref: B}\n  f: {User: null}\n  k: [word]\n  condition: s and not f and 1 of k*",
    );
    let (loaded, dictionary) = load(&text);
    let show = |source: &str, record: &str| {
        fn lines(part: &crate::tree::Branch, depth: usize, made: &mut Vec<String>) {
            let values = part.values.as_ref().map_or(String::new(), |values| format!(" [{}]", values.join(",")));
            let field = part.field.as_ref().map_or(String::new(), |field| format!(" {field}"));
            made.push(format!("{}{} {}{field}{values}", "-".repeat(depth), u8::from(part.holds), part.label));
            part.parts.iter().for_each(|part| lines(part, depth + 1, made));
        }
        let event = event(&dictionary, source, record);
        let verdict = loaded.rules.verdict(RuleIndex(0), &event.view(record.as_bytes()), &dictionary);
        let mut made = Vec::new();
        lines(&verdict.root, 0, &mut made);
        (verdict.applies, verdict.holds, made)
    };
    let (applies, holds, lines) = show("windows_security", "process.executable=c:/cmd.exe A=x B=X User=bob word");
    assert!(applies && holds);
    assert_eq!(
        lines,
        [
            "1 and",
            "-1 selection s",
            "--1 Image|endswith process.executable [c:/cmd.exe]",
            "---1 cmd.exe",
            "---0 pwsh.exe",
            "--1 A|fieldref A [x]",
            "---1 B B [X]",
            "-1 not",
            "--0 selection f",
            "---0 User User [bob]",
            "----0 null",
            "-1 at least 1 of 1 (1 hold)",
            "--1 selection k",
            "---1 keywords",
            "----1 word the record [process.executable=c:/cmd.exe A=x B=X User=bob word]",
        ]
    );
    let (applies, holds, lines) = show("linux_auth", "A=x");
    assert!(!applies && !holds);
    assert_eq!(lines[2], "--0 Image|endswith");
}

#[test]
fn rules_that_can_never_match_are_told_with_the_reason() {
    use crate::coverage::{Blind, Seen};
    let one = |id: &str, source: &str, detection: &str| {
        format!("title: t\nid: {id}\nlogsource: {{{source}}}\ndetection: {{{detection}}}\n")
    };
    let text = [
        one("slip", "product: windos", "s: {A: x}, condition: s"),
        one("never", "product: linux, category: proxy", "s: {A: x}, condition: s"),
        one("elsewhere", "product: okta", "s: {A: x}, condition: s"),
        one("lacking", "product: linux", "s: {A: x, B: y}, condition: s"),
        one("either", "product: linux", "s: {A: x}, t: {B: y}, condition: s or t"),
        one("absent", "product: linux", "s: {C: null}, condition: s"),
        one("keywords", "product: linux", "s: [x], condition: s"),
    ]
    .join("---\n");
    let (loaded, dictionary) = load(&text);
    let blind = |seen: Option<&Seen>| {
        let found = loaded.rules.blind(seen);
        found.into_iter().map(|(rule, why)| (loaded.rules.rule(rule).id.clone(), why)).collect::<Vec<_>>()
    };
    let slip = Blind::UnknownName { part: "product", name: "windos".into(), near: Some("windows") };
    let always = vec![("slip".to_owned(), slip), ("never".to_owned(), Blind::NoSource)];
    assert_eq!(blind(None), always);
    let mut seen = Seen::default();
    seen.note(&event(&dictionary, "linux_auth", "A=x").view(b"A=x"));
    let found = blind(Some(&seen));
    assert_eq!(found[..2], always);
    assert_eq!(found[2], ("elsewhere".to_owned(), Blind::NotThere { answering: vec!["okta"] }));
    assert_eq!(found[3], ("lacking".to_owned(), Blind::NoField { fields: vec!["B".into()] }));
    assert_eq!(found.len(), 4);
    let mut other = Seen::default();
    other.note(&event(&dictionary, "linux_auth", "B=x").view(b"B=x"));
    other.expect(log_source("okta"));
    seen.join(&other);
    assert_eq!(blind(Some(&seen)), always);
    assert_eq!(seen.names(), ["linux_auth", "okta"]);
}
