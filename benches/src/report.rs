//! Measured against target, as a table and as a record.

use std::fmt::Write as _;

use crate::measure::Figure;
use crate::run::end_to_end::EndToEnd;
use crate::run::latency::Latency;
use crate::targets::Targets;

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Row {
    /// Name of the figure.
    pub name: String,
    /// What was measured, in the unit of its target.
    pub measured: String,
    /// The target; empty where there is none.
    pub target: String,
    /// Measured as a part of the target: 1 and more meets it.
    pub part: Option<f64>,
    /// Speed as a part of the baseline's.
    pub ratio: Option<f64>,
    /// The ratio that the target file holds.
    pub ratio_target: Option<f64>,
    /// What it is compared with.
    pub baseline: String,
    /// What else is to be told.
    pub note: String,
    /// Whether the gate lets it pass.
    pub passes: bool,
    /// Nanoseconds a unit: median, least, greatest.
    pub ns: (f64, f64, f64),
    /// Nanoseconds a unit of the baseline.
    pub baseline_ns: f64,
}

/// `6.21 M line/s`, `812 k event/s`.
fn rate(per_s: f64, unit: &str) -> String {
    if per_s >= 1e6 { format!("{:.2} M {unit}/s", per_s / 1e6) } else { format!("{:.0} k {unit}/s", per_s / 1e3) }
}

impl Row {
    /// A figure against its target.
    #[must_use]
    pub fn of_figure(figure: &Figure, targets: &Targets) -> Self {
        let target = targets.of(&figure.name);
        let unit = figure.unit.as_str();
        let (measured, wanted, part) = match (target.per_s, target.gb_per_s, target.ns) {
            (Some(per_s), _, _) => (rate(figure.per_s(), unit), rate(per_s, unit), Some(figure.per_s() / per_s)),
            (_, Some(gb), _) => {
                (format!("{:.2} GB/s", figure.gb_per_s()), format!("{gb:.2} GB/s"), Some(figure.gb_per_s() / gb))
            }
            (_, _, Some(ns)) => {
                (format!("{:.0} ns/{unit}", figure.ns), format!("{ns:.0} ns/{unit}"), Some(ns / figure.ns))
            }
            _ => (rate(figure.per_s(), unit), String::new(), None),
        };
        Row {
            name: figure.name.clone(),
            measured,
            target: wanted,
            part,
            ratio: Some(figure.ratio),
            ratio_target: target.ratio,
            baseline: figure.baseline_name.clone(),
            note: figure.note.clone(),
            passes: target.ratio.is_none_or(|ratio| figure.ratio >= ratio * targets.gate.margin),
            ns: (figure.ns, figure.ns_range.0, figure.ns_range.1),
            baseline_ns: figure.baseline_ns,
        }
    }

    /// The whole run: speed and memory.
    #[must_use]
    pub fn of_end_to_end(run: &EndToEnd, targets: &Targets) -> [Self; 2] {
        let target = targets.of("end_to_end");
        let rss_mb = run.rss_bytes as f64 / 1e6;
        let ns = run.cpu_s * 1e9 / run.lines as f64;
        let row = Row {
            name: "end_to_end".to_owned(),
            measured: rate(run.per_s(), "event"),
            target: target.per_s.map_or(String::new(), |per_s| rate(per_s, "event")),
            part: target.per_s.map(|per_s| run.per_s() / per_s),
            ratio: Some(run.ratio()),
            ratio_target: target.ratio,
            baseline: "memchr split".to_owned(),
            note: format!(
                "{:.0} MB, {} events, {} alerts; by CPU time {}; loading {:.1} s",
                run.bytes as f64 / 1e6,
                run.lines,
                run.alerts,
                rate(run.per_s_free(), "event"),
                run.load_s
            ),
            passes: target.ratio.is_none_or(|ratio| run.ratio() >= ratio * targets.gate.margin),
            ns: (ns, ns, ns),
            baseline_ns: run.split_ns,
        };
        let memory = Row {
            name: "end_to_end/memory".to_owned(),
            measured: format!("{rss_mb:.0} MB"),
            target: target.rss_mb.map_or(String::new(), |mb| format!("{mb:.0} MB")),
            part: target.rss_mb.map(|mb| mb / rss_mb),
            ratio: None,
            ratio_target: None,
            baseline: String::new(),
            note: "greatest resident, loading included".to_owned(),
            passes: target.rss_mb.is_none_or(|mb| rss_mb <= mb * targets.gate.excess),
            ns: (0.0, 0.0, 0.0),
            baseline_ns: 0.0,
        };
        [row, memory]
    }

    /// From a socket to an alert.
    #[must_use]
    pub fn of_latency(latency: &Latency, targets: &Targets) -> Self {
        let target = targets.of("socket_to_alert").p99_ms;
        Row {
            name: "socket_to_alert".to_owned(),
            measured: format!("p99 {:.1} ms", latency.p99_ms),
            target: target.map_or(String::new(), |ms| format!("p99 {ms:.0} ms")),
            part: target.map(|ms| ms / latency.p99_ms),
            ratio: None,
            ratio_target: None,
            baseline: String::new(),
            note: format!(
                "p50 {:.1} ms, greatest {:.1} ms, {} probes at {:.0} event/s over TCP",
                latency.p50_ms, latency.max_ms, latency.probes, latency.rate
            ),
            // On a busy machine the tail is the scheduler's; the median tells what the engine does.
            passes: target.is_none_or(|ms| latency.p50_ms <= ms && latency.p99_ms <= ms * targets.gate.excess * 4.0),
            ns: (latency.p99_ms * 1e6, latency.p50_ms * 1e6, latency.max_ms * 1e6),
            baseline_ns: 0.0,
        }
    }
}

/// The rows as a table for a terminal.
#[must_use]
pub fn table(rows: &[Row]) -> String {
    let cells: Vec<[String; 7]> = rows
        .iter()
        .map(|row| {
            let ratio = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.4}"));
            [
                row.name.clone(),
                row.measured.clone(),
                row.target.clone(),
                row.part.map_or(String::new(), |part| format!("{part:.2}{}", if part >= 1.0 { "" } else { " short" })),
                match &row.ratio {
                    Some(_) => format!("{} of {}", ratio(row.ratio), row.baseline),
                    None => String::new(),
                },
                ratio(row.ratio_target),
                row.note.clone(),
            ]
        })
        .collect();
    let head = ["figure", "measured", "target", "of target", "speed beside baseline", "recorded", ""].map(String::from);
    let widths: Vec<usize> = (0..7)
        .map(|column| cells.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for row in [&head].into_iter().chain(&cells) {
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(text, "{cell:<width$}  ");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

/// The rows as CSV, the conditions before them as comments.
#[must_use]
pub fn csv(rows: &[Row], conditions: &[(String, String)]) -> String {
    let mut text = String::new();
    for (name, value) in conditions {
        let _ = writeln!(text, "# {name}: {value}");
    }
    text.push_str("figure,measured,target,of_target,ns,ns_least,ns_greatest,baseline,baseline_ns,ratio,note\n");
    for row in rows {
        let number = |value: f64, digits: usize| if value == 0.0 { String::new() } else { format!("{value:.digits$}") };
        let _ = writeln!(
            text,
            "{},{},{},{},{},{},{},{},{},{},\"{}\"",
            row.name,
            row.measured,
            row.target,
            row.part.map_or(String::new(), |part| format!("{part:.2}")),
            number(row.ns.0, 1),
            number(row.ns.1, 1),
            number(row.ns.2, 1),
            row.baseline,
            number(row.baseline_ns, 2),
            row.ratio.map_or(String::new(), |ratio| format!("{ratio:.4}")),
            row.note
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(ratio: f64) -> Figure {
        Figure {
            name: "decode/x".into(),
            unit: "line".into(),
            ns: 200.0,
            bytes: 100.0,
            baseline_name: "memchr split".into(),
            baseline_ns: 10.0,
            ratio,
            ns_range: (190.0, 230.0),
            samples: 9,
            note: "100 B".into(),
        }
    }

    #[test]
    fn a_halved_speed_fails_the_gate_and_noise_does_not() {
        let targets = Targets::parse(
            "[server]\nclass = \"s\"\n[gate]\nmargin = 0.6\nexcess = 1.25\n[figure.\"decode/x\"]\nper_s = 4e6\nratio = 0.05\n",
        )
        .expect("reads");
        let row = |ratio| Row::of_figure(&figure(ratio), &targets);
        assert!(row(0.05).passes && row(0.035).passes && !row(0.025).passes);
        assert_eq!(row(0.05).part, Some(1.25));
        let table = table(&[row(0.05)]);
        assert!(table.contains("5.00 M line/s") && table.contains("1.25"), "{table}");
        let csv = csv(&[row(0.05)], &[("load".into(), "0.1".into())]);
        assert!(
            csv.starts_with("# load: 0.1\nfigure,") && csv.contains("decode/x,5.00 M line/s,4.00 M line/s,1.25,200.0"),
            "{csv}"
        );
    }
}
