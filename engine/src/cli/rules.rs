//! Loading rules and indicators for a command, and telling what is wrong with them.

use noroshi_rules::diagnostic::Severity;

use super::args::RuleArgs;
use crate::detection::{Detection, LoadOptions};
use crate::terminal::escape_controls;

/// Loads what the arguments name. `None` when a rule was refused and `--keep-going` was not given; the
/// answer's second part says whether something was refused all the same. Diagnostics go to standard error.
pub(crate) fn load(args: &RuleArgs) -> anyhow::Result<Option<(Detection, bool)>> {
    anyhow::ensure!(
        !args.rules.is_empty() || !args.indicators.is_empty(),
        "nothing to look for: name rules with --rules or indicators with --indicators"
    );
    let options = LoadOptions { ignore_logsource: args.ignore_logsource, ..LoadOptions::default() };
    let loaded = Detection::load(&args.rules, &args.indicators, &options);
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

/// Escapes the control characters of each line and keeps the lines.
pub(crate) fn escape_lines(text: &str) -> String {
    text.lines().map(|line| escape_controls(line).into_owned()).collect::<Vec<_>>().join("\n")
}
