//! What rule and correlation documents become, and what is told of those that are refused.

use std::path::Path;

use crate::diagnostic::Diagnostic;
use crate::pattern::Piece;
use crate::rule::{Item, Placeholders, Reader, Rule, Search, Test};
use crate::yaml;

fn read(text: &str, placeholders: &Placeholders) -> (Option<Rule>, Vec<Diagnostic>) {
    let parsed = yaml::parse(text);
    assert!(parsed.faults.is_empty(), "{:?}", parsed.faults);
    let mut diagnostics = Vec::new();
    let rule = Reader::new(Path::new("r.yml"), placeholders, &mut diagnostics).rule(&parsed.documents[0]);
    (rule, diagnostics)
}

/// A rule around a detection that is indented by two.
fn around(detection: &str) -> String {
    format!("title: t\nid: i\nlogsource: {{product: windows}}\ndetection:\n{detection}\nlevel: high\n")
}

#[track_caller]
fn item(detection: &str) -> Item {
    let (rule, diagnostics) = read(&around(detection), &Placeholders::new());
    let rule = rule.unwrap_or_else(|| panic!("{diagnostics:?}"));
    match rule.selections.into_iter().next().unwrap().search {
        Search::All(mut items) | Search::Any(mut items) => match items.remove(0) {
            Search::Item(item) => item,
            other => panic!("{other:?}"),
        },
        Search::Item(item) => item,
    }
}

fn show(item: &Item) -> String {
    let test = |test: &Test| match test {
        Test::Text(pattern) => pattern
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Literal(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                Piece::One => "?".into(),
                Piece::Any => "*".into(),
                Piece::Dash => "~".into(),
            })
            .collect::<String>(),
        Test::Null => "null".into(),
        Test::Exists(there) => format!("exists={there}"),
        Test::Regex { source, .. } => format!("/{source}/"),
        Test::Cidr(net) => net.to_string(),
        Test::Compare(comparison, number) => format!("{} {number:?}", comparison.as_str()),
        Test::Part(part, comparison, number) => format!("{} {} {number:?}", part.as_str(), comparison.as_str()),
        Test::FieldRef { field, .. } => format!("={field}"),
    };
    let values: Vec<String> =
        item.values.iter().map(|value| value.alternatives.iter().map(test).collect::<Vec<_>>().join("|")).collect();
    let word = if item.all { "all" } else { "any" };
    format!(
        "{}{} {word} {}",
        if item.negated { "not " } else { "" },
        item.field.as_deref().unwrap_or("<record>"),
        values.join(",")
    )
}

#[track_caller]
fn check(detection: &str, expected: &str) {
    assert_eq!(show(&item(detection)), expected, "{detection}");
}

/// The first error of a rule around `detection`.
#[track_caller]
fn check_refused(detection: &str, expected: &str) {
    let (rule, diagnostics) = read(&around(detection), &Placeholders::new());
    assert!(rule.is_none(), "{detection}");
    let told = diagnostics.first().expect("a diagnostic");
    assert_eq!(format!("{}:{} {}", told.place.line, told.place.column, told.message), expected);
    assert_eq!(told.rule.as_deref(), Some("i"));
}

#[test]
fn values_become_tests() {
    check("  s: {A: x}\n  condition: s", "A any x");
    check("  s: {A|contains: x}\n  condition: s", "A any *x*");
    check("  s: {A|contains: '*x'}\n  condition: s", "A any *x*");
    check("  s: {A|startswith: x}\n  condition: s", "A any x*");
    check("  s: {A|endswith|all: [x, y]}\n  condition: s", "A all *x,*y");
    check("  s: {EventID: [4624, null]}\n  condition: s", "EventID any 4624,null");
    check("  s: {A: 0x17}\n  condition: s", "A any 0x17|23");
    check("  s: {A: true}\n  condition: s", "A any true");
    check("  s: {A: ''}\n  condition: s", "A any ");
    check("  s: {A|re: '^a+$'}\n  condition: s", "A any /^a+$/");
    check("  s: {A|cidr: [10.1.2.3/8, '2001:db8::/32']}\n  condition: s", "A any 10.0.0.0/8,2001:db8::/32");
    check("  s: {A|exists: false}\n  condition: s", "A any exists=false");
    check("  s: {A|hour: 5}\n  condition: s", "A any hour eq Integer(5)");
    check("  s: {A|hour|gte: 22}\n  condition: s", "A any hour gte Integer(22)");
    check("  s: {A: 1.50}\n  condition: s", "A any 1.50|1.5");
    check("  s: {A|cidr: '::ffff:10.0.0.0/104'}\n  condition: s", "A any 10.0.0.0/8");
    check("  s: {A|windash|base64: '-a'}\n  condition: s", "A any LWE=|L2E=|4oCTYQ==|4oCUYQ==|4oCVYQ==");
    check("  s: {A|gte: 5}\n  condition: s", "A any gte Integer(5)");
    check("  s: {A|neq: 5}\n  condition: s", "not A any 5");
    check("  s: {A|fieldref: B}\n  condition: s", "A any =B");
    check("  s: {A|windash|contains: ' -enc'}\n  condition: s", "A any * ~enc*");
    check("  s: {A|base64: foobar}\n  condition: s", "A any Zm9vYmFy");
    check("  s: {A|base64offset|contains: 'foo'}\n  condition: s", "A any *Zm9v*|*Zvb*|*mb2*");
    check("  s: [one, two]\n  condition: s", "<record> any *one*,*two*");
    check("  s: {'|all': [one, two]}\n  condition: s", "<record> all *one*,*two*");
    check("  s: one\n  condition: s", "<record> any *one*");
}

#[test]
fn refusals_say_where_and_what() {
    check_refused("  s: {A|contain: x}\n  condition: s", "5:7 unknown modifier `contain`");
    check_refused("  s: {A|re: '(x'}\n  condition: s", "5:13 the regular expression is not supported: unclosed group");
    check_refused("  s: {A|hour: 24}\n  condition: s", "5:15 `24` is no hour");
    check_refused("  s: {A|contains: null}\n  condition: s", "5:19 null can't be compared this way");
    check_refused("  s: {A|cidr: 10.0.0}\n  condition: s", "5:15 `10.0.0` is not a network");
    check_refused("  s: {A|gt: x}\n  condition: s", "5:13 `x` is not a number");
    check_refused("  s: {A|exists: 1}\n  condition: s", "5:17 `exists` takes true or false, not `1`");
    check_refused("  s: {A|expand: '%x%'}\n  condition: s", "5:17 the placeholder `%x%` has no values");
    check_refused("  s: {A|base64: 'a*'}\n  condition: s", "5:17 a wildcard can't be encoded");
    check_refused("  s: {A: {b: c}}\n  condition: s", "5:10 `A` holds a mapping where a value is expected");
    check_refused("  s: {A: []}\n  condition: s", "5:10 `A` has an empty list of values");
    check_refused("  s: {}\n  condition: s", "5:6 the selection `s` is empty");
    check_refused("  s: [[a]]\n  condition: s", "5:7 the selection `s` holds a list within a list");
    check_refused("  s: {A: x}", "5:3 the detection has no `condition`");
    check_refused(
        "  s: {A: x}\n  condition: s and t",
        "6:20 the condition names `t`, which the detection doesn't define",
    );
    check_refused(
        "  s: {A: x}\n  condition: s | count() by B > 5",
        "6:16 the aggregation `| count() by B > 5` is not supported in a condition",
    );
}

#[test]
fn a_rule_needs_its_parts() {
    let told = |text: &str| {
        let (rule, diagnostics) = read(text, &Placeholders::new());
        assert!(rule.is_none());
        diagnostics[0].to_string()
    };
    assert!(
        told("logsource: {product: a}\ndetection: {s: x, condition: s}").starts_with("error: the rule has no `title`")
    );
    assert!(told("title: t\ndetection: {s: x, condition: s}").contains("no `logsource`"));
    assert!(
        told("title: t\nlogsource: {product: a}\ndetections: {s: x, condition: s}")
            .contains("rename `detections` to `detection`")
    );
    assert!(
        told("title: t\nlogsource: {product: a}\nlevel: hi\ndetection: {s: x, condition: s}")
            .contains("unknown level `hi`")
    );
    assert!(
        told("title: t\ntaxonomy: ours\nlogsource: {product: a}\ndetection: {s: x, condition: s}").contains("taxonomy")
    );
}

#[test]
fn conditions_in_a_list_are_alternatives() {
    let (rule, _) = read(&around("  a: {A: x}\n  b: {B: y}\n  condition: [a, not b]"), &Placeholders::new());
    assert_eq!(format!("{:?}", rule.unwrap().condition), "Or([Selection(0), Not(Selection(1))])");
}

#[test]
fn placeholders_take_their_values_from_the_table() {
    let table = Placeholders::from([("dc".to_owned(), vec!["dc1".to_owned(), "dc2*".to_owned()])]);
    let text = around("  s: {A|expand: '%dc%\\%x'}\n  condition: s");
    let Search::All(items) = &read(&text, &table).0.unwrap().selections[0].search.clone() else { panic!() };
    let Search::Item(item) = &items[0] else { panic!() };
    assert_eq!(show(item), "A any dc1%x|dc2*%x");
}

#[test]
fn the_head_is_read() {
    let (rule, _) = read(
        &format!(
            "name: n\ntags: [attack.t1059.001, attack.execution, attack.T1110]\n{}",
            around("  s: x\n  condition: s")
        ),
        &Placeholders::new(),
    );
    let head = rule.unwrap().head;
    assert_eq!(head.techniques(), ["T1059.001", "T1110"]);
    assert_eq!((head.id.as_str(), head.name.as_deref(), head.level.as_str()), ("i", Some("n"), "high"));
}

fn correlation(body: &str) -> Result<String, String> {
    let text = format!("title: c\nid: cid\n{body}");
    let parsed = yaml::parse(&text);
    assert!(parsed.faults.is_empty(), "{:?}", parsed.faults);
    let (placeholders, mut diagnostics) = (Placeholders::new(), Vec::new());
    let read = Reader::new(Path::new("c.yml"), &placeholders, &mut diagnostics).correlation(&parsed.documents[0]);
    match read {
        None => Err(diagnostics[0].to_string()),
        Some(made) => Ok(format!(
            "{} {:?} by {:?} in {} ns {:?} field {:?} generate {} lateness {:?}",
            made.kind.as_str(),
            made.rules.iter().map(|(rule, _)| rule).collect::<Vec<_>>(),
            made.group_by,
            made.window_ns,
            made.condition.bounds,
            made.field,
            made.generate,
            made.lateness_ns
        )),
    }
}

#[test]
fn correlations_are_read() {
    assert_eq!(
        correlation("correlation:\n  type: event_count\n  rules: [a, b]\n  group-by: [x]\n  timespan: 90m\n  condition: {gt: 3, lte: 9}\nnoroshi: {lateness: 500ms}").unwrap(),
        "event_count [\"a\", \"b\"] by [\"x\"] in 5400000000000 ns [(Lte, 9), (Gt, 3)] field None generate false lateness Some(500000000)"
    );
    assert_eq!(
        correlation("correlation:\n  type: value_count\n  rules: a\n  timespan: 1d\n  generate: true\n  condition: {gte: 3, field: u}").unwrap(),
        "value_count [\"a\"] by [] in 86400000000000 ns [(Gte, 3)] field Some(\"u\") generate true lateness None"
    );
}

#[test]
fn correlations_that_are_refused_say_why() {
    let told = |change: (&str, &str)| {
        let sound = "correlation:\n  type: event_count\n  rules: [a]\n  timespan: 5m\n  condition: {gte: 3}";
        assert!(sound.contains(change.0));
        correlation(&sound.replace(change.0, change.1)).unwrap_err()
    };
    assert!(told(("event_count", "temporal_ordered")).contains("takes no condition"));
    assert!(told(("event_count", "absence")).contains("needs two rules"));
    assert!(told(("event_count", "silense")).contains("did you mean `silence`?"));
    assert!(
        told((
            "event_count\n  rules: [a]\n  timespan: 5m\n  condition: {gte: 3}",
            "beacon\n  rules: [a]\n  timespan: 5m\n  condition: {variaton: 0.1}"
        ))
        .contains("did you mean `variation`?")
    );
    assert!(
        told((
            "event_count\n  rules: [a]\n  timespan: 5m\n  condition: {gte: 3}",
            "travel\n  rules: [a]\n  timespan: 5m"
        ))
        .contains("that holds the address")
    );
    assert!(
        told((
            "event_count\n  rules: [a]\n  timespan: 5m\n  condition: {gte: 3}",
            "new_value\n  rules: [a]\n  timespan: 5m\n  condition: {field: x, horizon: two weeks}"
        ))
        .contains("`two weeks` is not a horizon")
    );
    let with = |kind: &str, condition: &str| {
        let all = "event_count\n  rules: [a]\n  timespan: 5m\n  condition: {gte: 3}";
        told((all, &format!("{kind}\n  rules: [a]\n  timespan: 5m\n  condition: {condition}")))
    };
    assert!(with("baseline", "{gte: 3, deviaton: 3}").contains("did you mean `deviation`?"));
    assert!(with("baseline", "{gte: 3, season: month}").contains("takes one of week, day, none"));
    assert!(with("baseline", "{gte: 3, horizon: 1000d}").contains("buckets of the baseline are too short"));
    assert!(with("baseline", "{field: x}").contains("gives no bound"));
    assert!(with("volume", "{gte: 3, metric: distinct}").contains("needs the `field` whose values it counts"));
    assert!(with("rare", "{field: x}").contains("doesn't say what is rare"));
    assert!(with("rare", "{field: x, share: 0.01}").contains("needs the `entity`"));
    assert!(with("rare", "{field: x, shre: 0.01, times: 2}").contains("did you mean `share`?"));
    let zoned = told(("timespan", "calendar_timezone: Asia/Tokyo\n  timespan"));
    assert!(zoned.contains("only a baseline takes"), "{zoned}");
    assert!(told(("event_count", "value_sum")).contains("needs the `field` whose numbers it adds up"));
    assert!(told(("event_count", "value_percentile")).contains("which percentile"));
    assert!(told(("gte: 3", "gte: 3, percentile: 5")).contains("unknown key `percentile`"));
    assert!(told(("event_count", "event_cont")).contains("did you mean `event_count`?"));
    assert!(told(("event_count", "value_count")).contains("needs the `field`"));
    assert!(told(("5m", "5 min")).contains("`5 min` is not a timespan"));
    assert!(told(("5m", "0s")).contains("is not a timespan"));
    assert!(told(("5m", "99999999d")).contains("is not a timespan"));
    assert!(told(("5m", "31d")).contains("a `timespan` of 31d is longer than a window may be, 30d"));
    assert!(told(("gte", "ge")).contains("did you mean"));
    assert!(told(("gte: 3", "gte: -1")).contains("takes a whole number"));
    assert!(told(("rules: [a]", "rules: []")).contains("names no rules"));
    assert!(told(("rules", "rule")).contains("did you mean `rules`?"));
}
