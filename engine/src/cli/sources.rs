//! `noroshi sources`: what is understood, after which document, and which fields come of it.

use std::collections::BTreeSet;
use std::io::Write as _;

use noroshi_parsers::products::{PRODUCTS, Product};
use serde_json::{Value, json};

use super::Outcome;
use super::args::{SourcesArgs, SourcesOutput};
use crate::terminal::{self, Align, Cell, ColorChoice, Table};

/// Lists every product, or those whose name or title holds what was asked for.
pub(crate) fn sources(args: &SourcesArgs, color: ColorChoice) -> anyhow::Result<Outcome> {
    let wanted = args.name.as_deref().unwrap_or_default().to_lowercase();
    let known = PRODUCTS.iter().skip(1).copied();
    let listed: Vec<&Product> = known
        .filter(|product| {
            [product.name, product.namespace, product.dataset, &product.title.to_lowercase()]
                .iter()
                .any(|text| text.contains(&wanted))
        })
        .collect();
    anyhow::ensure!(!listed.is_empty(), "no product's name or title holds `{wanted}`; noroshi sources lists all");
    let mut out = std::io::stdout().lock();
    match args.output.unwrap_or_else(SourcesOutput::for_stdout) {
        SourcesOutput::Table => {
            let columns =
                [("NAME", Align::Left), ("WHAT", Align::Left), ("FIELDS", Align::Right), ("AFTER", Align::Left)];
            let mut table = Table::new(&columns);
            for product in &listed {
                let fields = product.yields().count().to_string();
                table.push([product.name, product.title, &fields, product.document].map(Cell::new));
            }
            out.write_all(table.render(terminal::width(), color.for_stdout()).as_bytes())?;
        }
        SourcesOutput::Json => {
            serde_json::to_writer_pretty(
                &mut out,
                &listed.iter().map(|product| document(product)).collect::<Vec<_>>(),
            )?;
            out.write_all(b"\n")?;
        }
        SourcesOutput::Ndjson => {
            for product in &listed {
                writeln!(out, "{}", document(product))?;
            }
        }
        SourcesOutput::Markdown => {
            writeln!(
                out,
                "| `format =` | what | after | dataset | vendor names under | schema fields |\n|---|---|---|---|---|---|"
            )?;
            for product in &listed {
                let roots: BTreeSet<_> = product.yields().filter_map(|field| field.split('.').next()).collect();
                let roots = roots.into_iter().map(|root| format!("{root}.*")).collect::<Vec<_>>().join(" ");
                writeln!(
                    out,
                    "| {} | {} | {} | {} | `{}` | {}: {roots} |",
                    product.name,
                    product.title,
                    product.document,
                    product.dataset,
                    product.namespace,
                    product.yields().count(),
                )?;
            }
        }
    }
    Ok(Outcome::Done)
}

fn document(product: &Product) -> Value {
    json!({
        "name": product.name,
        "title": product.title,
        "document": product.document,
        "module": product.module,
        "dataset": product.dataset,
        "observer": {"vendor": product.vendor, "product": product.product, "type": product.observer_type},
        "namespace": product.namespace,
        "vendor_names": product.names,
        "fields": product.yields().collect::<Vec<_>>(),
    })
}
