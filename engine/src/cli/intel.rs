//! `noroshi intel`: what indicators there are, what is known of one, and files taken in by hand.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use noroshi_rules::diagnostic::Severity;
use noroshi_rules::indicators::{Builder, IndicatorKind};
use serde_json::{Value, json};

use super::Outcome;
use super::args::{IntelArgs, IntelCommand, IntelFrom};
use super::output::Printer;
use super::rules::escape_lines;
use crate::config::{Config, join};
use crate::intel::{self, IntelOptions, told};
use crate::terminal::{ColorChoice, OutputMode, escape_controls};

pub(crate) fn intel(args: &IntelArgs, color: ColorChoice) -> anyhow::Result<Outcome> {
    match &args.command {
        IntelCommand::List { from, kind, feed, limit, output } => {
            let kind = kind.as_deref().map(kind_of).transpose()?;
            let (loaded, _) = load(from)?;
            let set = &loaded.indicators;
            let mut printer = Lines::new(*output, color);
            let mut left = limit.unwrap_or(usize::MAX);
            for indicator in set.iter() {
                let described = set.describe(indicator);
                let of_feed =
                    feed.as_ref().is_none_or(|feed| described.sources.iter().any(|source| source.feed == feed));
                if !of_feed || kind.is_some_and(|kind| kind != described.kind) {
                    continue;
                }
                if left == 0 {
                    break;
                }
                left -= 1;
                printer.indicator(told(&described).into(), None)?;
            }
            printer.finish()?;
            Ok(Outcome::Done)
        }
        IntelCommand::Lookup { from, values, output } => {
            let (loaded, _) = load(from)?;
            let set = &loaded.indicators;
            let mut printer = Lines::new(*output, color);
            let mut unknown = false;
            for value in values {
                let found = set.find(value);
                if found.is_empty() {
                    unknown = true;
                    eprintln!("{}: not known", escape_controls(value));
                }
                for (indicator, held) in found {
                    let mut told = Value::Object(told(&set.describe(indicator)));
                    told["asked"] = value.as_str().into();
                    printer.indicator(told, held)?;
                }
            }
            printer.finish()?;
            Ok(if unknown { Outcome::Findings } else { Outcome::Done })
        }
        IntelCommand::Stats { from, output } => {
            let (loaded, refused) = load(from)?;
            stats(&loaded, output.unwrap_or_else(OutputMode::for_stdout), color)?;
            Ok(if refused > 0 { Outcome::RuleRefused } else { Outcome::Done })
        }
        IntelCommand::Import { config, feed, files } => import(config, feed, files),
    }
}

fn kind_of(name: &str) -> anyhow::Result<IndicatorKind> {
    let names = || IndicatorKind::ALL.map(IndicatorKind::as_str).join(", ");
    let found = IndicatorKind::ALL.into_iter().find(|kind| kind.as_str() == name);
    found.with_context(|| format!("there is no kind `{}`; the kinds are {}", escape_controls(name), names()))
}

/// Loads what the arguments name; what is wrong with it goes to standard error.
fn load(from: &IntelFrom) -> anyhow::Result<(intel::Loaded, usize)> {
    let (mut paths, mut options) = (from.indicators.clone(), IntelOptions::default());
    if let Some(path) = &from.config {
        let config = Config::load(path).map_err(|errors| anyhow::Error::msg(escape_lines(&join(&errors))))?;
        options = IntelOptions::of(&config.indicators, &config.feeds, &config.assets, &config.state_dir);
        paths.extend(config.indicators.paths);
    }
    options.known_good.extend(from.known_good.iter().cloned());
    anyhow::ensure!(
        !paths.is_empty() || !options.feeds.is_empty(),
        "no indicators: name files with --indicators, or a configuration with --config"
    );
    let loaded = intel::load(&paths, &options);
    for diagnostic in &loaded.diagnostics {
        eprintln!("{}", escape_lines(&diagnostic.to_string()));
    }
    let refused = loaded.diagnostics.iter().filter(|told| told.severity == Severity::Error).count();
    Ok((loaded, refused))
}

fn stats(loaded: &intel::Loaded, mode: OutputMode, color: ColorChoice) -> anyhow::Result<()> {
    let set = &loaded.indicators;
    let kinds = set.count_by_kind();
    let lists: Vec<&str> = set.held().map(|(name, _)| name).collect();
    if mode == OutputMode::Table {
        println!("{} indicators in {:.1} MiB", set.len(), set.memory_bytes() as f64 / f64::from(1 << 20));
        kinds.iter().for_each(|(kind, count)| println!("  {:<16}{count:>12}", kind.as_str()));
        for (name, count, fell_back) in &loaded.feeds {
            println!("feed {name}: {count}{}", if *fell_back { ", kept from before" } else { "" });
        }
        lists.iter().for_each(|name| println!("known good: {}", escape_controls(name)));
        return Ok(());
    }
    let kinds: serde_json::Map<String, Value> =
        kinds.iter().map(|(kind, count)| (kind.as_str().to_owned(), (*count).into())).collect();
    let feeds: Vec<Value> = loaded
        .feeds
        .iter()
        .map(|(name, count, fell_back)| json!({ "name": name, "indicators": count, "kept_from_before": fell_back }))
        .collect();
    let mut printer = Printer::new(mode, color);
    printer.object(&json!({
        "indicators": set.len(), "memory_bytes": set.memory_bytes(), "kinds": kinds, "feeds": feeds, "known_good": lists,
    }))?;
    printer.finish()?;
    Ok(())
}

/// Checks files and puts them where the feed's own are; a running engine takes them up by itself.
fn import(config: &Path, feed: &str, files: &[PathBuf]) -> anyhow::Result<Outcome> {
    let config = Config::load(config).map_err(|errors| anyhow::Error::msg(escape_lines(&join(&errors))))?;
    let names = || config.feeds.iter().map(|feed| feed.name.as_str()).collect::<Vec<_>>().join(", ");
    let Some(of) = config.feeds.iter().find(|known| known.name == feed) else {
        anyhow::bail!("there is no [[feed]] named `{}`; the configuration has: {}", escape_controls(feed), names());
    };
    let directory = config.state_dir.join("feeds").join(feed).join("imported");
    std::fs::create_dir_all(&directory).with_context(|| format!("cannot create {}", directory.display()))?;
    let mut refused = false;
    for path in files {
        let mut file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut builder = Builder::new();
        let summary = builder.read(path, &of.feed(), &mut file);
        for told in builder.finish().1 {
            eprintln!("{}", escape_lines(&told.to_string()));
        }
        let name = path.file_name().context("the path names no file")?;
        if !summary.whole || summary.taken == 0 {
            eprintln!("error: {}: nothing was imported", escape_controls(&path.to_string_lossy()));
            refused = true;
            continue;
        }
        // Renamed into place, so that a running engine never reads half of it.
        let part = directory.join(format!(".{}.part", name.to_string_lossy()));
        let placed = std::fs::copy(path, &part).and_then(|_| std::fs::rename(&part, directory.join(name)));
        placed.with_context(|| format!("cannot write to {}", directory.display()))?;
        let shown = path.to_string_lossy();
        println!(
            "{}: {} indicators, {} refused, {} left out",
            escape_controls(&shown),
            summary.taken,
            summary.refused,
            summary.left_out
        );
    }
    Ok(if refused { Outcome::RuleRefused } else { Outcome::Done })
}

/// Indicators as objects, or a line each for people.
struct Lines(Option<Printer>);

impl Lines {
    fn new(mode: Option<OutputMode>, color: ColorChoice) -> Self {
        let mode = mode.unwrap_or_else(OutputMode::for_stdout);
        Lines((mode != OutputMode::Table).then(|| Printer::new(mode, color)))
    }

    fn indicator(&mut self, mut told: Value, held: Option<&str>) -> anyhow::Result<()> {
        if let Some(list) = held {
            told["held_back_by"] = list.into();
        }
        match &mut self.0 {
            Some(printer) => printer.object(&told)?,
            None => {
                use std::io::Write as _;
                let text = |name: &str| told[name].as_str().unwrap_or_default().to_owned();
                let mut line = format!("{:<14} {}", text("kind"), text("name"));
                for source in told["sources"].as_array().into_iter().flatten() {
                    let of = |name: &str| source[name].as_str().unwrap_or_default();
                    let from = if of("feed").is_empty() { of("file") } else { of("feed") };
                    line.push_str(&format!("  [{from}"));
                    if let Some(confidence) = source["confidence"].as_u64() {
                        line.push_str(&format!(", confidence {confidence}"));
                    }
                    for (name, word) in [("tlp", "TLP:"), ("valid_until", "until ")] {
                        if !of(name).is_empty() {
                            line.push_str(&format!(", {word}{}", of(name)));
                        }
                    }
                    for threat in source["threats"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                        line.push_str(&format!(", {threat}"));
                    }
                    line.push(']');
                }
                if let Some(list) = held {
                    line.push_str(&format!("  held back: {list}"));
                }
                writeln!(std::io::stdout(), "{}", escape_controls(&line))?;
            }
        }
        Ok(())
    }

    fn finish(self) -> anyhow::Result<()> {
        if let Some(printer) = self.0 {
            printer.finish()?;
        }
        Ok(())
    }
}
