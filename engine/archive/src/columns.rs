//! Events to columns.
//!
//! An event has values for a dozen of the hundred and more ECS columns. It costs by its fields, not by the columns: rows
//! without a value are filled in by the run when the next value comes, and a column without any is not made at all.

use std::sync::Arc;

use arrow_array::builder::{
    BinaryBuilder, Int32Builder, Int64Builder, ListBuilder, MapBuilder, MapFieldNames, StringBuilder,
    TimestampNanosecondBuilder,
};
use arrow_array::{ArrayRef, RecordBatch, new_null_array};
use arrow_schema::ArrowError;
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

/// An ECS column.
struct Sparse {
    id: FieldId,
    builder: Builder,
    /// Rows that the builder has; those up to the one at hand are filled in when the next value comes.
    rows: usize,
    /// Whether the list of row `rows` is being filled.
    is_open: bool,
    has_value: bool,
}

impl Sparse {
    fn new(column: &Column) -> Self {
        let builder = match column.shape {
            Shape::Text => Builder::Text(StringBuilder::new()),
            Shape::Long => Builder::Long(Int64Builder::new()),
            Shape::Texts => Builder::Texts(texts()),
        };
        Sparse { id: column.id, builder, rows: 0, is_open: false, has_value: false }
    }

    /// Fills in the rows before `row`.
    fn reach(&mut self, row: usize) {
        if self.is_open && self.rows < row {
            if let Builder::Texts(list) = &mut self.builder {
                list.append(true);
            }
            self.rows += 1;
            self.is_open = false;
        }
        let missing = row - self.rows;
        if missing > 0 {
            match &mut self.builder {
                Builder::Text(text) => text.append_nulls(missing),
                Builder::Long(long) => long.append_nulls(missing),
                Builder::Texts(list) => list.append_nulls(missing),
            }
            self.rows = row;
        }
    }

    /// Takes a field of `row`; `false` = it cannot: it holds one value and has it, or the value is no number.
    fn take(&mut self, row: usize, field: &Field, event: EventView<'_>) -> bool {
        if self.rows > row {
            return false;
        }
        self.reach(row);
        match &mut self.builder {
            // The text of a message stands in the record; only one that was made is kept beside it.
            Builder::Text(text) if self.id == ecs::MESSAGE && field.span().in_record().is_some() => text.append_null(),
            Builder::Text(text) => {
                text.append_value(String::from_utf8_lossy(event.value(field)));
                self.has_value = true;
            }
            Builder::Long(long) => {
                let number = noroshi_parsers::number::parse_i64(event.value(field));
                long.append_option(number);
                self.has_value |= number.is_some();
                self.rows += 1;
                return number.is_some();
            }
            Builder::Texts(list) => {
                list.values().append_value(String::from_utf8_lossy(event.value(field)));
                (self.is_open, self.has_value) = (true, true);
                return true;
            }
        }
        self.rows += 1;
        true
    }

    /// A text that goes with the product, where the event has none of its own.
    fn take_constant(&mut self, row: usize, constant: &str) {
        if self.rows <= row && !constant.is_empty() && !self.is_open {
            self.reach(row);
            if let Builder::Text(text) = &mut self.builder {
                text.append_value(constant);
                self.rows += 1;
                self.has_value = true;
            }
        }
    }

    /// The column of so many rows; `None` = no row has a value.
    fn finish(&mut self, rows: usize) -> Option<ArrayRef> {
        if self.has_value {
            self.reach(rows);
        }
        (self.rows, self.is_open) = (0, false);
        let array: ArrayRef = match &mut self.builder {
            Builder::Text(text) => Arc::new(text.finish()),
            Builder::Long(long) => Arc::new(long.finish()),
            Builder::Texts(list) => Arc::new(list.finish()),
        };
        std::mem::take(&mut self.has_value).then_some(array)
    }
}

/// Rows with the columns of the schema; `None` = no row has a value.
pub(crate) struct Taken {
    pub(crate) rows: usize,
    pub(crate) columns: Vec<Option<ArrayRef>>,
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

/// Where a field goes.
#[derive(Clone, Copy)]
enum Place {
    /// To the map.
    Rest,
    /// To this ECS column.
    Ecs(u16),
    /// To a column that is filled by other means.
    Own,
}

/// The columns that take a text that goes with the product, in the order of its texts.
const CONSTANTS: [FieldId; 5] =
    [ecs::EVENT_MODULE, ecs::EVENT_DATASET, ecs::OBSERVER_VENDOR, ecs::OBSERVER_PRODUCT, ecs::OBSERVER_TYPE];

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
    ecs: Vec<Sparse>,
    /// By field id: which of those it goes to.
    place: Vec<Place>,
    /// Which of them take a text that goes with the product.
    constants: [usize; 5],
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
        let ecs: Vec<Sparse> = schema::columns().iter().map(Sparse::new).collect();
        let mut place = vec![Place::Rest; dictionary.len()];
        for (at, column) in ecs.iter().enumerate() {
            place[column.id.index()] = Place::Ecs(at as u16);
        }
        // Written under names of their own.
        for id in [ecs::EVENT_ORIGINAL, ecs::EVENT_CREATED, ecs::TIMESTAMP] {
            place[id.index()] = Place::Own;
        }
        let constants = CONSTANTS.map(|id| ecs.iter().position(|column| column.id == id).expect("it has a column"));
        let id = |name: &&str| dictionary.find(name.as_bytes()).expect("a column's name is of ECS");
        let related: Vec<RelatedColumn> = schema::RELATED
            .iter()
            .map(|related| {
                let of = std::iter::once(&related.name).chain(related.of).map(id).collect();
                RelatedColumn { builder: texts(), of, values: Vec::new() }
            })
            .collect();
        for related in &related {
            place[related.of[0].index()] = Place::Own;
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
            place,
            constants,
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
        let row = self.rows;
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
        self.push_fields(row, event, product.namespace);
        let texts = [product.module, product.dataset, product.vendor, product.product, product.observer_type];
        for (at, text) in self.constants.into_iter().zip(texts) {
            self.ecs[at].take_constant(row, text);
        }
    }

    /// Each field to its column; those without one, and what a column could not take, to the map.
    fn push_fields(&mut self, row: usize, event: EventView<'_>, namespace: &str) {
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
                let place = self.place.get(field.id.index()).filter(|_| !field.vendor);
                let is_taken = match place.copied().unwrap_or(Place::Rest) {
                    Place::Rest => false,
                    Place::Ecs(at) => self.ecs[usize::from(at)].take(row, field, event),
                    Place::Own => !self.is_left(event, field),
                };
                if is_taken {
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

    /// The rows so far; none are left.
    pub(crate) fn take(&mut self) -> Taken {
        let rows = std::mem::take(&mut self.rows);
        let of = |array: ArrayRef| Some(array);
        let mut columns: Vec<Option<ArrayRef>> = vec![
            of(Arc::new(self.time.finish())),
            of(Arc::new(self.received.finish())),
            of(Arc::new(self.sequence.finish())),
            of(Arc::new(self.element.finish())),
            of(Arc::new(self.input.finish())),
            of(Arc::new(self.origin.finish())),
            of(Arc::new(self.offset.finish())),
            of(Arc::new(self.transport.finish())),
            of(Arc::new(self.stated.finish())),
            of(Arc::new(self.said.finish())),
            of(Arc::new(self.batch.finish())),
            of(Arc::new(self.group.finish())),
            of(Arc::new(self.line.finish())),
            of(Arc::new(self.lines.finish())),
            of(Arc::new(self.part.finish())),
            of(Arc::new(self.product.finish())),
            of(Arc::new(self.defects.finish())),
        ];
        columns.extend(self.ecs.iter_mut().map(|column| column.finish(rows)));
        columns.extend(self.related.iter_mut().map(|related| of(Arc::new(related.builder.finish()))));
        columns.push(of(Arc::new(self.fields.finish())));
        columns.push(of(Arc::new(self.raw.finish())));
        Taken { rows, columns }
    }
}

/// Batches of one schema: of the columns that any row has a value for.
pub(crate) fn batches(taken: Vec<Taken>) -> Result<Vec<RecordBatch>, ArrowError> {
    let whole = schema::schema();
    let there: Vec<usize> =
        (0..whole.fields().len()).filter(|&at| taken.iter().any(|part| part.columns[at].is_some())).collect();
    let schema = Arc::new(whole.project(&there)?);
    let batch = |part: Taken| {
        let column = |&at: &usize| match &part.columns[at] {
            Some(column) => Arc::clone(column),
            None => new_null_array(whole.field(at).data_type(), part.rows),
        };
        RecordBatch::try_new(Arc::clone(&schema), there.iter().map(column).collect())
    };
    taken.into_iter().map(batch).collect()
}
