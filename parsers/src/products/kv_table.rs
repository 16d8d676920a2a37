//! key=value records by table: every pair under its own name and, where a table says so, under the schema's.

use super::targets::{self, To};
use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventWriter, Kind, Span};
use crate::wire::kv::{Pairs, value_span};

/// Which schema name the value of an id takes besides ([`targets::by_id`]).
pub(crate) type ById = [Option<(FieldId, To)>];

/// Whether a value is one of those by which devices write "none".
#[inline]
pub(crate) fn says_nothing(value: &[u8]) -> bool {
    matches!(value, b"" | b"N/A" | b"n/a" | b"-" | b"(null)" | b"None")
}

/// Writes the pairs that are left.
#[inline]
pub(crate) fn read<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, pairs: &mut Pairs<'a>, by_id: &ById) {
    let mut last = FieldId::UNNAMED;
    loop {
        let guess = context.successors.after(last, context.dictionary);
        let guessed = guess.and_then(|(id, key)| Some((id, pairs.next_if(key)?)));
        let (id, pair) = match guessed {
            Some(guessed) => guessed,
            None => {
                let Some(pair) = pairs.next() else { break };
                let Some(id) = context.dictionary.find(pair.key).filter(|id| id.index() >= ecs::COUNT) else {
                    let value = value_span(writer, pair);
                    put(writer, context, by_id, pair.key, value);
                    continue;
                };
                context.successors.note(last, id);
                (id, pair)
            }
        };
        last = id;
        let value = value_span(writer, pair);
        put_id(writer, by_id, id, value);
    }
    if pairs.unbalanced {
        writer.defect(Defect::UnbalancedQuote);
    }
}

/// Writes one pair.
pub(crate) fn put(writer: &mut EventWriter<'_>, context: &Context<'_>, by_id: &ById, key: &[u8], value: Span) {
    match context.dictionary.find(key) {
        Some(ecs::MESSAGE) if value.is_empty() => {}
        Some(ecs::MESSAGE) if writer.first(ecs::MESSAGE).is_none() => {
            writer.put_span(ecs::MESSAGE, value, Kind::Text, false);
        }
        // No other key can speak for the schema.
        Some(id) if id.index() >= ecs::COUNT => put_id(writer, by_id, id, value),
        _ => {
            let name = writer.span_of(key);
            writer.put_unnamed(name, value, Kind::Text);
        }
    }
}

/// Writes under the schema's names what stands under the vendor's already: the members of a JSON object, or
/// structured data.
pub(crate) fn apply(writer: &mut EventWriter<'_>, by_id: &ById) {
    for at in 0..writer.fields_len() {
        let field = writer.view().fields()[at];
        let Some(&Some((to, how))) = by_id.get(field.id.index()).filter(|_| field.vendor) else { continue };
        if !matches!(field.kind, Kind::Null | Kind::Json) && !says_nothing(writer.bytes(field.span())) {
            targets::put(writer, field.id, to, how, field.span());
        }
    }
}

#[inline]
fn put_id(writer: &mut EventWriter<'_>, by_id: &ById, id: FieldId, value: Span) {
    if writer.view().first_field(id).is_some_and(|field| field.vendor) {
        writer.defect(Defect::DuplicateKey);
    }
    writer.put_span(id, value, Kind::Text, true);
    if let Some(&Some((to, how))) = by_id.get(id.index()) {
        if !says_nothing(writer.bytes(value)) {
            targets::put(writer, id, to, how, value);
        }
    }
}
