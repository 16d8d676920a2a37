//! `noroshi parse --explain LINE`: which decoder read a line, what each field was read from, and every defect.

use std::sync::Arc;

use anstyle::Style;
use noroshi_parsers::decode::{Decoder, SourceOptions};
use noroshi_parsers::dictionary::{Dictionary, FieldId};
use noroshi_parsers::event::{Event, EventView, Field};
use noroshi_parsers::time::format_rfc3339;
use serde_json::{Value, json};

use super::Outcome;
use crate::terminal::{self, Align, Cell, ColorChoice, OutputMode, Table, escape_controls};

/// Explains one line on standard output.
pub(crate) fn explain(
    line: &[u8],
    options: &SourceOptions,
    output: Option<OutputMode>,
    color: ColorChoice,
) -> anyhow::Result<Outcome> {
    let dictionary = Arc::new(Dictionary::new());
    let mut event = Event::new();
    Decoder::new(Arc::clone(&dictionary)).decode(line, 0, options, &mut event);
    let view = event.view(line);
    match output.unwrap_or_else(OutputMode::for_stdout) {
        OutputMode::Table => print!("{}", told(view, &dictionary, terminal::width(), color.for_stdout())),
        OutputMode::Json => println!("{:#}", document(view, &dictionary)),
        OutputMode::Ndjson => println!("{}", document(view, &dictionary)),
    }
    Ok(Outcome::Done)
}

/// Where a field's name is written in the event.
fn path(view: EventView<'_>, field: &Field, dictionary: &Dictionary) -> String {
    let name = if field.id == FieldId::UNNAMED {
        String::from_utf8_lossy(view.own_name(field)).into_owned()
    } else {
        dictionary.name(field.id).to_owned()
    };
    if field.vendor { format!("{}.{name}", view.core().product.get().namespace) } else { name }
}

fn document(view: EventView<'_>, dictionary: &Dictionary) -> Value {
    let (core, product) = (view.core(), view.core().product.get());
    let source = core.log_source.get();
    let fields: Vec<_> = view
        .fields()
        .iter()
        .map(|field| {
            let span = field.span();
            let from = match span.in_record() {
                Some(bytes) => json!({"bytes": [bytes.start, bytes.end]}),
                None if span.is_constant() => json!("decoder"),
                None => json!("made"),
            };
            json!({"field": path(view, field, dictionary), "value": String::from_utf8_lossy(view.value(field)), "from": from})
        })
        .collect();
    let defects: Vec<_> =
        view.defects().iter().map(|defect| json!({"name": defect.name(), "meaning": defect.meaning()})).collect();
    json!({
        "product": product.name,
        "title": product.title,
        "document": product.document,
        "log_source": {"product": source.products, "service": source.services, "category": source.categories},
        "charset": core.charset,
        "time": {"instant": format_rfc3339(core.time_ns), "from_record": core.time_from_record},
        "fields": fields,
        "defects": defects,
    })
}

fn told(view: EventView<'_>, dictionary: &Dictionary, width: usize, color: bool) -> String {
    use std::fmt::Write as _;
    let (core, product) = (view.core(), view.core().product.get());
    let source = core.log_source.get();
    let mut out = String::new();
    let mut line = |name: &str, value: String| {
        let name = terminal::styled(&format!("{name:<11}"), Style::new().bold(), color);
        let _ = writeln!(out, "{name} {value}");
    };
    let by = if product.document.is_empty() { String::new() } else { format!(", after: {}", product.document) };
    line("product", format!("{} ({}){by}", product.name, product.title));
    let names = |label: &str, names: &[&str]| (!names.is_empty()).then(|| format!("{label} {}", names.join(" or ")));
    let answers =
        [names("product", source.products), names("service", source.services), names("category", source.categories)];
    let answers = answers.into_iter().flatten().collect::<Vec<_>>().join(", ");
    line("log source", if answers.is_empty() { "none of Sigma's".to_owned() } else { answers });
    let whence =
        if core.time_from_record { "from the record" } else { "the reference time, for want of one in the record" };
    line("time", format!("{} ({whence})", format_rfc3339(core.time_ns)));
    line("length", format!("{} bytes", view.original().len()));
    if !core.charset.is_empty() {
        line("charset", format!("{}; the bytes below are those of the text", core.charset));
    }
    for defect in view.defects().iter() {
        line("defect", format!("{}: {}", defect.name(), defect.meaning()));
    }
    let mut table = Table::new(&[("FIELD", Align::Left), ("VALUE", Align::Left), ("FROM", Align::Left)]);
    for field in view.fields() {
        let span = field.span();
        let from = match span.in_record() {
            Some(bytes) => format!("bytes {}..{}", bytes.start, bytes.end),
            None if span.is_constant() => "the decoder's own".to_owned(),
            None => "made of the record".to_owned(),
        };
        let value = String::from_utf8_lossy(view.value(field));
        table.push([
            Cell::new(escape_controls(&path(view, field, dictionary))),
            Cell::new(escape_controls(&value)),
            Cell::new(from),
        ]);
    }
    out + &table.render(width, color)
}
