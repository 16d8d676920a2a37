//! Events to columns.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, Int32Builder, Int64Builder, ListBuilder, MapBuilder, MapFieldNames, StringBuilder,
    TimestampNanosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch};
use noroshi_parsers::defect::Defect;
use noroshi_parsers::dictionary::{Dictionary, FieldId, FieldType};
use noroshi_parsers::ecs;
use noroshi_parsers::event::{EventView, Field, Kind};
use noroshi_parsers::frame::FrameFlags;

use crate::frame::{Entry, JOIN_CUT};
use crate::schema::{self, Column, Shape};

enum Builder {
    Text(StringBuilder),
    Long(Int64Builder),
    Texts(ListBuilder<StringBuilder>),
}

/// What is known of a row beside its event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowHead<'a> {
    /// Number of the record.
    pub(crate) sequence: u64,
    /// Which event of the record; `None` = its only or first.
    pub(crate) element: Option<u32>,
    /// Name of the input.
    pub(crate) input: &'a str,
    /// Where it came from.
    pub(crate) origin: &'a str,
    /// The host that its sender says it is of; empty = it says nothing.
    pub(crate) host: &'a str,
    /// All that its sender says of it, as JSON; empty = nothing.
    pub(crate) said: &'a str,
    /// Number of the first record of its batch.
    pub(crate) batch: u64,
    /// Number of the first record of its group; `None` = it is alone.
    pub(crate) group: Option<u64>,
    /// What the input told of it.
    pub(crate) entry: &'a Entry,
    /// The record whole; `None` beside its later events.
    pub(crate) raw: Option<&'a [u8]>,
}

/// A set of related values.
struct RelatedColumn {
    builder: ListBuilder<StringBuilder>,
    /// Its own field and those whose values it holds.
    of: Vec<FieldId>,
    /// Values of the row, without repeats.
    values: Vec<String>,
}

/// Takes rows and gives batches.
pub(crate) struct Columns {
    dictionary: Arc<Dictionary>,
    time: TimestampNanosecondBuilder,
    received: TimestampNanosecondBuilder,
    sequence: Int64Builder,
    element: Int32Builder,
    input: StringBuilder,
    origin: StringBuilder,
    offset: Int64Builder,
    transport: StringBuilder,
    stated: TimestampNanosecondBuilder,
    said: StringBuilder,
    batch: Int64Builder,
    group: Int64Builder,
    line: Int64Builder,
    lines: Int32Builder,
    part: Int32Builder,
    product: StringBuilder,
    defects: ListBuilder<StringBuilder>,
    ecs: Vec<(Column, Builder)>,
    /// By field id: whether it has a column.
    has_column: Vec<bool>,
    related: Vec<RelatedColumn>,
    fields: MapBuilder<StringBuilder, StringBuilder>,
    raw: BinaryBuilder,
    rows: usize,
    key: String,
}

fn texts() -> ListBuilder<StringBuilder> {
    ListBuilder::new(StringBuilder::new()).with_field(schema::element())
}

fn times() -> TimestampNanosecondBuilder {
    TimestampNanosecondBuilder::new().with_data_type(schema::timestamp())
}

impl Columns {
    /// No rows yet; field ids are those of `dictionary`.
    pub(crate) fn new(dictionary: Arc<Dictionary>) -> Self {
        let ecs: Vec<(Column, Builder)> = schema::columns()
            .iter()
            .map(|&column| {
                let builder = match column.shape {
                    Shape::Text => Builder::Text(StringBuilder::new()),
                    Shape::Long => Builder::Long(Int64Builder::new()),
                    Shape::Texts => Builder::Texts(texts()),
                };
                (column, builder)
            })
            .collect();
        let mut has_column = vec![false; dictionary.len()];
        for (column, _) in &ecs {
            has_column[column.id.index()] = true;
        }
        // Written under names of their own.
        for id in [ecs::EVENT_ORIGINAL, ecs::EVENT_CREATED, ecs::TIMESTAMP] {
            has_column[id.index()] = true;
        }
        let id = |name: &&str| dictionary.find(name.as_bytes()).expect("a column's name is of ECS");
        let related: Vec<RelatedColumn> = schema::RELATED
            .iter()
            .map(|related| {
                let of = std::iter::once(&related.name).chain(related.of).map(id).collect();
                RelatedColumn { builder: texts(), of, values: Vec::new() }
            })
            .collect();
        for related in &related {
            has_column[related.of[0].index()] = true;
        }
        let names = MapFieldNames { entry: "key_value".into(), key: "key".into(), value: "value".into() };
        Columns {
            dictionary,
            time: times(),
            received: times(),
            sequence: Int64Builder::new(),
            element: Int32Builder::new(),
            input: StringBuilder::new(),
            origin: StringBuilder::new(),
            offset: Int64Builder::new(),
            transport: StringBuilder::new(),
            stated: times(),
            said: StringBuilder::new(),
            batch: Int64Builder::new(),
            group: Int64Builder::new(),
            line: Int64Builder::new(),
            lines: Int32Builder::new(),
            part: Int32Builder::new(),
            product: StringBuilder::new(),
            defects: texts(),
            ecs,
            has_column,
            related,
            fields: MapBuilder::new(Some(names), StringBuilder::new(), StringBuilder::new()),
            raw: BinaryBuilder::new(),
            rows: 0,
            key: String::new(),
        }
    }

    /// Rows taken since the last batch.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Takes an event.
    pub(crate) fn push(&mut self, head: &RowHead<'_>, event: EventView<'_>) {
        let core = event.core();
        let product = core.product.get();
        self.rows += 1;
        self.time.append_value(core.time_ns);
        self.received.append_value(head.entry.receive_time_ns);
        self.sequence.append_value(head.sequence as i64);
        self.element.append_option(head.element.map(|element| element as i32));
        self.input.append_value(head.input);
        self.origin.append_value(head.origin);
        let entry = head.entry;
        self.offset.append_value(entry.offset as i64);
        self.transport.append_option(entry.transport.as_str());
        self.stated.append_option((entry.stated_time_ns != 0).then_some(entry.stated_time_ns));
        self.said.append_option((!head.said.is_empty()).then_some(head.said));
        self.batch.append_value(head.batch as i64);
        self.group.append_option(head.group.map(|group| group as i64));
        self.line.append_option((entry.line > 0).then_some(entry.line as i64));
        self.lines.append_option((entry.lines > 1).then_some(entry.lines as i32));
        let is_part = FrameFlags::from_bits(entry.flags).contains(FrameFlags::PART);
        self.part.append_option(is_part.then_some(entry.part as i32));
        self.product.append_value(product.name);
        let mut defects = event.defects();
        if entry.marks & JOIN_CUT != 0 {
            defects.add(Defect::JoinCut);
        }
        defects.iter().for_each(|defect: Defect| self.defects.values().append_value(defect.name()));
        self.defects.append(true);
        match head.raw {
            Some(raw) => self.raw.append_value(raw),
            None => self.raw.append_null(),
        }
        for (column, builder) in &mut self.ecs {
            let constant = match column.id {
                ecs::EVENT_MODULE => product.module,
                ecs::EVENT_DATASET => product.dataset,
                ecs::OBSERVER_VENDOR => product.vendor,
                ecs::OBSERVER_PRODUCT => product.product,
                ecs::OBSERVER_TYPE => product.observer_type,
                _ => "",
            };
            let mut own = event.all(column.id).filter(|field| !field.vendor && field.kind != Kind::Null);
            match builder {
                Builder::Text(text) => match own.next() {
                    // The text of a message stands in the record; only one that was made is kept beside it.
                    Some(field) if column.id == ecs::MESSAGE && field.span().in_record().is_some() => {
                        text.append_null();
                    }
                    Some(field) => text.append_value(String::from_utf8_lossy(event.value(field))),
                    None if !constant.is_empty() => text.append_value(constant),
                    None => text.append_null(),
                },
                Builder::Long(long) => {
                    let number = own.next().map(|field| event.value(field));
                    long.append_option(number.and_then(noroshi_parsers::number::parse_i64));
                }
                Builder::Texts(list) => {
                    let mut any = false;
                    for field in own {
                        any = true;
                        list.values().append_value(String::from_utf8_lossy(event.value(field)));
                    }
                    list.append(any);
                }
            }
        }
        for related in &mut self.related {
            related.values.clear();
            for &id in &related.of {
                for field in event.all(id).filter(|field| !field.vendor && field.kind != Kind::Null) {
                    let value = String::from_utf8_lossy(event.value(field)).to_lowercase();
                    if !value.is_empty() && !related.values.contains(&value) {
                        related.values.push(value);
                    }
                }
            }
            related.values.iter().for_each(|value| related.builder.values().append_value(value));
            related.builder.append(!related.values.is_empty());
        }
        self.push_rest(event, product.namespace);
    }

    /// Fields without a column, and what a column could not take.
    fn push_rest(&mut self, event: EventView<'_>, namespace: &str) {
        let mut any = false;
        for field in event.fields() {
            if field.is_forgotten() || field.kind == Kind::Null {
                continue;
            }
            let value = event.value(field);
            if field.id == FieldId::UNNAMED {
                self.key.clear();
                self.key.push_str(&String::from_utf8_lossy(event.own_name(field)));
            } else {
                if !field.vendor
                    && self.has_column.get(field.id.index()).copied().unwrap_or(false)
                    && !self.is_left(event, field)
                {
                    continue;
                }
                self.key.clear();
                self.key.push_str(self.dictionary.name(field.id));
            }
            let below = self.key.strip_prefix(namespace).is_some_and(|rest| rest.starts_with('.'));
            let keys = self.fields.keys();
            if field.vendor && !below {
                keys.append_value(format!("{namespace}.{}", self.key));
            } else {
                keys.append_value(&self.key);
            }
            self.fields.values().append_value(String::from_utf8_lossy(value));
            any = true;
        }
        self.fields.append(any).expect("each key has its value");
    }

    /// Whether the column of a field could not take it: a second value where it holds one, or no number.
    fn is_left(&self, event: EventView<'_>, field: &Field) -> bool {
        if self.dictionary.is_array(field.id) {
            return false;
        }
        let own = |other: &&Field| !other.vendor && other.kind != Kind::Null;
        let first = event.all(field.id).find(own);
        if first.is_some_and(|first| !std::ptr::eq(first, field)) {
            return true;
        }
        self.dictionary.kind(field.id) == FieldType::Long
            && noroshi_parsers::number::parse_i64(event.value(field)).is_none()
    }

    /// The rows so far as a batch; none are left.
    pub(crate) fn take(&mut self) -> RecordBatch {
        self.rows = 0;
        let mut arrays: Vec<ArrayRef> = vec![
            Arc::new(self.time.finish()),
            Arc::new(self.received.finish()),
            Arc::new(self.sequence.finish()),
            Arc::new(self.element.finish()),
            Arc::new(self.input.finish()),
            Arc::new(self.origin.finish()),
            Arc::new(self.offset.finish()),
            Arc::new(self.transport.finish()),
            Arc::new(self.stated.finish()),
            Arc::new(self.said.finish()),
            Arc::new(self.batch.finish()),
            Arc::new(self.group.finish()),
            Arc::new(self.line.finish()),
            Arc::new(self.lines.finish()),
            Arc::new(self.part.finish()),
            Arc::new(self.product.finish()),
            Arc::new(self.defects.finish()),
        ];
        arrays.extend(self.ecs.iter_mut().map(|(_, builder)| -> ArrayRef {
            match builder {
                Builder::Text(text) => Arc::new(text.finish()),
                Builder::Long(long) => Arc::new(long.finish()),
                Builder::Texts(list) => Arc::new(list.finish()),
            }
        }));
        arrays.extend(self.related.iter_mut().map(|related| -> ArrayRef { Arc::new(related.builder.finish()) }));
        arrays.push(Arc::new(self.fields.finish()));
        arrays.push(Arc::new(self.raw.finish()));
        RecordBatch::try_new(schema::schema(), arrays).expect("columns and schema are made of one table")
    }
}
