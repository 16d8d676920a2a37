//! `noroshi check`: every error of config, rules and indicators at once.

use std::path::PathBuf;

use noroshi_rules::diagnostic::{Diagnostic, Severity};
use serde_json::{Value, json};

use super::Outcome;
use super::args::CheckArgs;
use super::output::Printer;
use super::rules::escape_lines;
use crate::config::{Config, ConfigError};
use crate::detection::{Detection, LoadOptions};
use crate::terminal::{ColorChoice, OutputMode};

pub(crate) fn check(args: &CheckArgs, color: ColorChoice) -> anyhow::Result<Outcome> {
    anyhow::ensure!(
        args.config.is_some() || !args.rules.is_empty() || !args.indicators.is_empty(),
        "nothing to check: name --config, --rules or --indicators"
    );
    let (mut rules, mut indicators) = (args.rules.clone(), args.indicators.clone());
    let mut options = LoadOptions::default();
    let (mut config_errors, mut notes) = (Vec::new(), Vec::new());
    if let Some(path) = &args.config {
        match Config::load(path) {
            Ok(config) => {
                config_errors.extend(missing_files(&config, path));
                notes = config.notes();
                options = LoadOptions::of(&config);
                rules.extend(config.rules.paths);
                indicators.extend(config.indicators.paths);
            }
            Err(errors) => config_errors.extend(errors),
        }
    }
    options.lint = true;
    options.lists.extend(args.lists.iter().cloned());
    options.tables = args.tables.clone().or(options.tables);
    let loaded = Detection::load(&rules, &indicators, &options);
    let mode = args.output.unwrap_or_else(OutputMode::for_stdout);
    if mode == OutputMode::Table {
        for error in &config_errors {
            println!("error: {}", escape_lines(&error.to_string()));
        }
        for note in &notes {
            println!("note: {}", escape_lines(note));
        }
        for diagnostic in &loaded.diagnostics {
            println!("{}", escape_lines(&diagnostic.to_string()));
        }
        let count = |severity| loaded.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count();
        println!(
            "{} rules, {} correlations, {} indicators; {} errors, {} warnings; rule set {}",
            loaded.detection.rules.len(),
            loaded.detection.correlations.len(),
            loaded.detection.indicators.len(),
            config_errors.len() + count(Severity::Error),
            count(Severity::Warning),
            loaded.detection.digest_text(),
        );
    } else {
        let mut printer = Printer::new(mode, color);
        for error in &config_errors {
            printer.object(&config_json(error))?;
        }
        for note in &notes {
            printer.object(&json!({"severity": "note", "message": note}))?;
        }
        for diagnostic in &loaded.diagnostics {
            printer.object(&diagnostic.to_json())?;
        }
        printer.finish()?;
    }
    Ok(outcome(&config_errors, &loaded.diagnostics, args.keep_going))
}

fn outcome(config: &[ConfigError], rules: &[Diagnostic], keep_going: bool) -> Outcome {
    if !config.is_empty() {
        Outcome::Usage
    } else if rules.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        if keep_going { Outcome::Findings } else { Outcome::RuleRefused }
    } else if rules.iter().any(|diagnostic| diagnostic.severity == Severity::Warning) {
        Outcome::Findings
    } else {
        Outcome::Done
    }
}

fn config_json(error: &ConfigError) -> Value {
    json!({
        "severity": "error",
        "file": error.file,
        "line": error.line,
        "column": error.column,
        "message": error.message,
        "help": error.help,
    })
}

/// Files that the configuration names and that cannot be read now.
fn missing_files(config: &Config, path: &std::path::Path) -> Vec<ConfigError> {
    let mut named: Vec<(&str, &PathBuf)> = Vec::new();
    for input in &config.inputs {
        let tls = [
            ("certificate_file", &input.certificate_file),
            ("key_file", &input.key_file),
            ("client_ca_file", &input.client_ca_file),
            ("token_file", &input.token_file),
        ];
        named.extend(tls.into_iter().filter_map(|(key, file)| Some((key, file.as_ref()?))));
    }
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let mut errors = Vec::new();
    for (key, file) in named {
        if let Err(cause) = std::fs::File::open(file) {
            let line = text.lines().position(|line| line.trim_start().starts_with(key)).map_or(0, |at| at + 1);
            errors.push(ConfigError {
                file: path.to_owned(),
                line,
                column: usize::from(line > 0),
                message: format!("{key} {} cannot be read: {cause}", file.display()),
                help: "check the path and who may read it".into(),
            });
        }
    }
    errors
}
