//! Loading rules and indicators for a command, and telling what is wrong with them.

use noroshi_rules::diagnostic::Severity;

use super::args::{ReadArgs, RuleArgs};
use super::files::zone_of;
use crate::detection::{Detection, LoadOptions, WARMUP_REPLAY_NS};
use crate::terminal::escape_controls;

/// Loads what the arguments name. `None` when a rule was refused and `--keep-going` was not given; the
/// answer's second part says whether something was refused all the same. Diagnostics go to standard error.
pub(crate) fn load(args: &RuleArgs, read: &ReadArgs) -> anyhow::Result<Option<(Detection, bool)>> {
    anyhow::ensure!(
        !args.rules.is_empty() || !args.indicators.is_empty(),
        "nothing to look for: name rules with --rules or indicators with --indicators"
    );
    let loaded = Detection::load(&args.rules, &args.indicators, &options(args, read)?);
    for diagnostic in &loaded.diagnostics {
        eprintln!("{}", escape_lines(&diagnostic.to_string()));
    }
    let refused = loaded.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    if refused && !args.keep_going {
        eprintln!(
            "error: refused rules or indicators stop the run; mend them, or load what is sound with --keep-going"
        );
        return Ok(None);
    }
    Ok(Some((loaded.detection, refused)))
}

/// How the arguments say that rules are loaded.
pub(crate) fn options(args: &RuleArgs, read: &ReadArgs) -> anyhow::Result<LoadOptions> {
    if let Some(dir) = &args.tables {
        anyhow::ensure!(dir.is_dir(), "--tables {}: no such directory", dir.display());
    }
    let mut options = LoadOptions {
        ignore_logsource: args.ignore_logsource,
        lists: args.lists.clone(),
        tables: args.tables.clone(),
        zone: zone_of(read.timezone.as_deref())?,
        warmup_ns_max: WARMUP_REPLAY_NS,
        ..LoadOptions::default()
    };
    options.intel.known_good.clone_from(&args.known_good);
    Ok(options)
}

/// Tells of searches that came over their bounds: what they would have found is not known.
pub(crate) fn tell_given_up(detection: &Detection) {
    for (rule, searches) in detection.rules.given_up() {
        let meta = detection.rules.rule(rule);
        let place = format!("{}:{}", meta.file.display(), meta.line);
        eprintln!(
            "warning: {searches} searches of a regular expression were given up in rule `{}`\n  --> {}\n   = help: \
             they count as misses; write the expression without look-around and back-references",
            escape_controls(&meta.id),
            escape_controls(&place)
        );
    }
}

/// Escapes the control characters of each line and keeps the lines.
pub(crate) fn escape_lines(text: &str) -> String {
    text.lines().map(|line| escape_controls(line).into_owned()).collect::<Vec<_>>().join("\n")
}
