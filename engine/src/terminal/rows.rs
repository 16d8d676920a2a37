//! Alerts, hits and events as rows of a table that grows while they come.
//!
//! Columns have fixed places, because a row is printed before the next one is known.

use serde_json::Value;

use super::{Align, Cell, GAP, display_width, line, severity_style};
use crate::severity::Severity;

/// `2026-01-31 23:59:59`, UTC.
const TIME_WIDTH: usize = 19;
/// `01-31 23:59:59`, in a terminal too narrow for the year.
const TIME_WIDTH_NARROW: usize = 14;
/// Below so many columns the year gives way to the rule's name.
const NARROW: usize = 100;
/// `critical`.
const SEVERITY_WIDTH: usize = 8;
/// Counts up to 999,999; longer ones are shortened visibly.
const COUNT_WIDTH: usize = 6;
/// `final`.
const STATE_WIDTH: usize = 5;
/// What the flexible columns get at least.
const FLEXIBLE_WIDTH_MIN: usize = 16;

/// The value of a dotted ECS name, nested or written with its dots.
fn lookup<'a>(object: &'a Value, name: &str) -> Option<&'a Value> {
    if let Some(value) = object.get(name) {
        return Some(value);
    }
    name.match_indices('.').find_map(|(at, _)| lookup(object.get(&name[..at])?, &name[at + 1..]))
}

/// A value as text: the first of several with how many more there are.
fn text(object: &Value, name: &str) -> Option<String> {
    match lookup(object, name)? {
        Value::Null => None,
        Value::String(text) if text.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        Value::Array(values) => {
            let first = values.first()?;
            let first = first.as_str().map_or_else(|| first.to_string(), str::to_owned);
            Some(if values.len() > 1 { format!("{first} +{}", values.len() - 1) } else { first })
        }
        other => Some(other.to_string()),
    }
}

fn first_of(object: &Value, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| text(object, name))
}

/// Who → whom: user and source, then destination, host or the name asked for.
fn entities(object: &Value) -> String {
    let pair = |first: Option<String>, second: Option<String>| match (first, second) {
        (Some(first), Some(second)) => format!("{first}@{second}"),
        (one, other) => one.or(other).unwrap_or_default(),
    };
    let from = pair(
        first_of(object, &["user.name", "source.user.name"]),
        first_of(object, &["source.ip", "source.address", "source.domain", "client.ip"]),
    );
    let to = first_of(
        object,
        &[
            "destination.ip",
            "destination.address",
            "destination.domain",
            "host.name",
            "host.hostname",
            "observer.name",
            "dns.question.name",
            "url.domain",
        ],
    );
    match (from.is_empty(), to) {
        (false, Some(to)) => format!("{from} → {to}"),
        (true, Some(to)) => to,
        (_, None) => from,
    }
}

/// `2026-01-31T23:59:59.123Z` as `2026-01-31 23:59:59`.
fn time(object: &Value) -> String {
    let stamp = first_of(object, &["@timestamp", "first_seen", "time"]).unwrap_or_default();
    let seconds = stamp.get(..TIME_WIDTH).unwrap_or(&stamp);
    match seconds.split_once('T') {
        Some((day, time)) => format!("{day} {time}"),
        None => seconds.to_owned(),
    }
}

fn time_width(width: usize) -> usize {
    if width < NARROW { TIME_WIDTH_NARROW } else { TIME_WIDTH }
}

fn severity_cell(object: &Value) -> Cell {
    let name = text(object, "severity").or_else(|| text(object, "rule.level")).unwrap_or_default();
    let known = !name.is_empty();
    let style = if known { severity_style(Severity::of_level(&name)) } else { anstyle::Style::new() };
    let name = if known { Severity::of_level(&name).name().to_owned() } else { name };
    Cell::new(name).style(style)
}

/// The two flexible columns share what the fixed ones leave, five parts to six.
fn flexible(width: usize, fixed: &[usize]) -> (usize, usize) {
    let gaps = GAP.len() * (fixed.len() + 1);
    let left = width.saturating_sub(fixed.iter().sum::<usize>() + gaps).max(2 * FLEXIBLE_WIDTH_MIN);
    let first = left * 5 / 11;
    (first, left - first)
}

fn alert_line(cells: &[Cell; 6], width: usize, color: bool) -> String {
    let time = time_width(width);
    let (rule, entities) = flexible(width, &[time, SEVERITY_WIDTH, COUNT_WIDTH, STATE_WIDTH]);
    let widths = [time, SEVERITY_WIDTH, rule, entities, COUNT_WIDTH, STATE_WIDTH];
    let aligns = [Align::Left, Align::Left, Align::Left, Align::Left, Align::Right, Align::Left];
    line(cells.iter().zip(widths).zip(aligns), color)
}

/// The head over rows of alerts.
pub fn alert_header(color: bool, width: usize) -> String {
    let bold = anstyle::Style::new().effects(anstyle::Effects::BOLD);
    let heads = ["time (UTC)", "severity", "rule", "entities", "count", "state"];
    alert_line(&heads.map(|head| Cell::new(head).style(bold)), width, color)
}

fn alert_row(alert: &Value, width: usize, color: bool) -> String {
    let dim = anstyle::Style::new().effects(anstyle::Effects::DIMMED);
    let rule = first_of(alert, &["rule.name", "rule.id"]).unwrap_or_default();
    let state = text(alert, "noroshi.state").unwrap_or_default();
    let time = time(alert);
    let shown = time.get(time.len().saturating_sub(time_width(width))..).unwrap_or(&time);
    let cells = [
        Cell::new(shown).style(dim),
        severity_cell(alert),
        Cell::new(rule),
        Cell::new(entities(alert)),
        Cell::new(text(alert, "noroshi.count").unwrap_or_default()),
        Cell::new(state).style(dim),
    ];
    alert_line(&cells, width, color)
}

fn hit_row(hit: &Value, width: usize, color: bool) -> String {
    let place = match (text(hit, "file"), text(hit, "line")) {
        (Some(file), Some(line)) => format!("{file}:{line}"),
        (file, _) => file.unwrap_or_default(),
    };
    let (rule, place_width) = flexible(width, &[SEVERITY_WIDTH]);
    let cells = [
        severity_cell(hit),
        Cell::new(first_of(hit, &["rule.name", "rule.id", "indicator"]).unwrap_or_default()),
        Cell::new(place),
    ];
    line(cells.iter().zip([SEVERITY_WIDTH, rule, place_width]).zip([Align::Left; 3]), color)
}

/// Columns a wide last column gets: the rest of the line.
fn event_row(event: &Value, width: usize, color: bool) -> String {
    let (dataset, message) = flexible(width, &[TIME_WIDTH]);
    // The source needs little, the message gets the rest.
    let (dataset, message) = (dataset.min(20), message + dataset.saturating_sub(20));
    let told = first_of(event, &["message", "event.original"]).unwrap_or_else(|| event.to_string());
    let source = first_of(event, &["event.dataset", "event.module", "observer.product"]).unwrap_or_default();
    let cells = [Cell::new(time(event)), Cell::new(source), Cell::new(told)];
    line(cells.iter().zip([TIME_WIDTH, dataset, message]).zip([Align::Left; 3]), color)
}

/// One alert, hit or event as one line of a table `width` columns wide, without newline. Controls in
/// it are escaped. What the object is shows by its members: `noroshi.state` is an alert's, `rule.id`
/// with `file` a hit's.
pub fn row(object: &Value, color: bool, width: usize) -> String {
    let row = if lookup(object, "noroshi.state").is_some() {
        alert_row(object, width, color)
    } else if lookup(object, "file").is_some() && (lookup(object, "rule.id").or(lookup(object, "indicator"))).is_some()
    {
        hit_row(object, width, color)
    } else {
        event_row(object, width, color)
    };
    debug_assert!(color || display_width(&row) <= width.max(super::WIDTH_DEFAULT), "a row fits the terminal");
    row
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(object: &Value, width: usize, expected: &str) {
        assert_eq!(row(object, false, width), expected);
        let colored = row(object, true, width);
        let plain = anstyle_free(&colored);
        assert_eq!(plain.trim_end(), expected, "colours change nothing but colour");
    }

    /// Takes our own SGR sequences out.
    fn anstyle_free(text: &str) -> String {
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("\x1b[") {
            plain.push_str(&rest[..at]);
            rest = rest[at..].split_once('m').map_or("", |(_, after)| after);
        }
        plain + rest
    }

    #[test]
    fn an_alert_is_one_line_under_its_head() {
        let alert = json!({
            "@timestamp": "2026-01-31T23:59:59.123456789Z",
            "rule": {"id": "r1", "name": "SSH brute force"},
            "user": {"name": "root"},
            "source": {"ip": ["203.0.113.7", "203.0.113.8", "203.0.113.9"]},
            "host": {"name": "web01"},
            "noroshi": {"state": "open", "count": 12},
            "severity": "high",
        });
        assert_eq!(
            alert_header(false, 110),
            "time (UTC)           severity  rule                          entities                             count  state"
        );
        check(
            &alert,
            110,
            "2026-01-31 23:59:59  high      SSH brute force               root@203.0.113.7 +2 → web01             12  open",
        );
    }

    #[test]
    fn hostile_names_stay_inside_their_column() {
        let alert = json!({
            "@timestamp": "2026-01-31T23:59:59Z",
            "rule.name": "x",
            "user.name": "\u{1b}]52;c;ZXZpbA==\u{7}\nforged line\u{202e}",
            "noroshi.state": "final",
            "severity": "critical",
        });
        let row = row(&alert, false, 200);
        assert!(row.contains("\\u{1b}]52;c;ZXZpbA==\\u{7}\\nforged line\\u{202e}"), "{row}");
        assert!(!row.contains(['\u{1b}', '\n', '\u{202e}']));
    }

    #[test]
    fn a_hit_names_rule_and_place() {
        let hit = json!({"file": "auth.log", "line": 7, "rule": {"id": "r1", "level": "informational"}});
        check(&hit, 80, "info      r1                              auth.log:7");
    }

    #[test]
    fn an_event_shows_its_message_up_to_the_edge() {
        let event =
            json!({"@timestamp": "2026-01-31T23:59:59Z", "event": {"dataset": "sshd"}, "message": "ログ".repeat(40)});
        let row = row(&event, false, 80);
        assert!(display_width(&row) <= 80);
        assert!(row.starts_with("2026-01-31 23:59:59  sshd") && row.ends_with('…'), "{row}");
    }

    #[test]
    fn objects_of_odd_shape_do_not_stop_the_table() {
        for odd in [json!({}), json!([]), json!(null), json!({"noroshi": {"state": 1}, "severity": {"a": 1}})] {
            assert!(display_width(&row(&odd, false, 80)) <= 80);
        }
    }
}
