//! `noroshi init`.

use std::fs::OpenOptions;
use std::io::Write as _;

use anyhow::Context as _;

use super::Outcome;
use super::args::InitArgs;

/// What `init` writes: every key, with its default and its reason.
pub(crate) const TEMPLATE: &str = include_str!("noroshi.toml");

pub(crate) fn init(args: &InitArgs) -> anyhow::Result<Outcome> {
    let mut options = OpenOptions::new();
    options.write(true);
    if args.force {
        options.create(true).truncate(true)
    } else {
        options.create_new(true)
    };
    let path = args.path.display();
    let mut file = options.open(&args.path).with_context(|| match args.path.exists() {
        true => format!("{path} is there already; name another path, or --force to write over it"),
        false => format!("cannot write {path}"),
    })?;
    file.write_all(TEMPLATE.as_bytes()).with_context(|| format!("cannot write {path}"))?;
    eprintln!("wrote {path}; next: noroshi check --config {path}, then noroshi run --config {path}");
    Ok(Outcome::Done)
}
