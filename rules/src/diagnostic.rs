//! What is wrong with a rule or indicator file: where, what, and the way out.

use std::fmt;
use std::path::{Path, PathBuf};

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Severity {
    /// Loaded, and read otherwise than it is written; nothing is wrong.
    Note,
    /// Loaded, but worth a look.
    Warning,
    /// Refused: the rule, indicator line or file is not in the set.
    Error,
}

impl Severity {
    /// `error`, `warning` or `note`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

/// A place in a file; both numbers start at 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Hash)]
pub struct Place {
    /// Line.
    pub line: u32,
    /// Column, in characters.
    pub column: u32,
}

/// One thing to tell the author of a file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// The file, as it was given to the loader.
    pub file: PathBuf,
    /// Where in the file.
    pub place: Place,
    /// The rule's id, else its name or title; `None` where no rule is concerned.
    pub rule: Option<String>,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// The way out, if one is known.
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error without help.
    pub fn error(file: &Path, place: Place, message: impl Into<String>) -> Self {
        Diagnostic {
            severity: Severity::Error,
            file: file.to_path_buf(),
            place,
            rule: None,
            message: message.into(),
            help: None,
        }
    }

    /// A warning without help.
    pub fn warning(file: &Path, place: Place, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(file, place, message) }
    }

    /// A note without help.
    pub fn note(file: &Path, place: Place, message: impl Into<String>) -> Self {
        Diagnostic { severity: Severity::Note, ..Diagnostic::error(file, place, message) }
    }

    /// The same with the way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same, naming the rule concerned.
    #[must_use]
    pub fn rule(mut self, rule: impl Into<String>) -> Self {
        self.rule = Some(rule.into());
        self
    }

    /// One JSON object: `severity`, `file`, `line`, `column`, `rule`, `message`, `help`.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "severity": self.severity.as_str(),
            "file": self.file.to_string_lossy(),
            "line": self.place.line,
            "column": self.place.column,
            "rule": self.rule,
            "message": self.message,
            "help": self.help,
        })
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.severity.as_str(), self.message)?;
        if let Some(rule) = &self.rule {
            write!(f, " in rule `{rule}`")?;
        }
        write!(f, "\n  --> {}:{}:{}", self.file.display(), self.place.line, self.place.column)?;
        if let Some(help) = &self.help {
            write!(f, "\n   = help: {help}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_as_where_what_and_the_way_out() {
        let told =
            Diagnostic::error(Path::new("fw/deny.yml"), Place { line: 14, column: 7 }, "unknown field `src.ipaddr`")
                .rule("fw-deny-burst")
                .help("did you mean `source.ip`?");
        assert_eq!(
            told.to_string(),
            "error: unknown field `src.ipaddr` in rule `fw-deny-burst`\n  --> fw/deny.yml:14:7\n   = help: did you mean `source.ip`?"
        );
        assert_eq!(told.to_json()["line"], 14);
    }
}
