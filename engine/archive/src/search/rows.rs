//! Values of rows, by name.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Int32Type, Int64Type, TimestampNanosecondType};
use arrow_array::{Array, ArrayRef, MapArray, RecordBatch};
use arrow_schema::DataType;
use noroshi_parsers::document::place;
use noroshi_parsers::time::format_rfc3339;
use serde_json::{Map, Value};

use crate::schema::name;

/// A field of a batch: its column, or the map where it has none.
pub(crate) enum Values<'a> {
    Column(&'a ArrayRef),
    Entries {
        map: &'a MapArray,
        key: &'a str,
    },
    /// The batch was read without it.
    None,
}

impl<'a> Values<'a> {
    pub(crate) fn of(batch: &'a RecordBatch, field: &'a str) -> Self {
        if let Some(column) = batch.column_by_name(field) {
            return Values::Column(column);
        }
        match batch.column_by_name(name::FIELDS) {
            Some(column) => Values::Entries { map: column.as_map(), key: field },
            None => Values::None,
        }
    }

    /// Calls `each` with every value of a row as text, until it answers true; whether it did.
    pub(crate) fn any(&self, row: usize, mut each: impl FnMut(&[u8]) -> bool) -> bool {
        match self {
            Values::None => false,
            Values::Column(column) if column.is_null(row) => false,
            Values::Column(column) => match column.data_type() {
                DataType::Utf8 => each(column.as_string::<i32>().value(row).as_bytes()),
                DataType::Binary => each(column.as_binary::<i32>().value(row)),
                DataType::Int64 => each(column.as_primitive::<Int64Type>().value(row).to_string().as_bytes()),
                DataType::Int32 => each(column.as_primitive::<Int32Type>().value(row).to_string().as_bytes()),
                DataType::Timestamp(..) => {
                    each(format_rfc3339(column.as_primitive::<TimestampNanosecondType>().value(row)).as_bytes())
                }
                DataType::List(_) => {
                    let list = column.as_list::<i32>();
                    let (offsets, texts) = (list.value_offsets(), list.values().as_string::<i32>());
                    (offsets[row] as usize..offsets[row + 1] as usize).any(|at| each(texts.value(at).as_bytes()))
                }
                _ => false,
            },
            Values::Entries { map, .. } if map.is_null(row) => false,
            Values::Entries { map, key } => {
                let offsets = map.value_offsets();
                let (keys, values) = (map.keys().as_string::<i32>(), map.values().as_string::<i32>());
                (offsets[row] as usize..offsets[row + 1] as usize)
                    .any(|at| keys.value(at) == *key && !values.is_null(at) && each(values.value(at).as_bytes()))
            }
        }
    }

    /// The first value as text.
    pub(crate) fn first(&self, row: usize) -> Option<String> {
        let mut first = None;
        self.any(row, |value| {
            first = Some(String::from_utf8_lossy(value).into_owned());
            true
        });
        first
    }

    /// The first value as a number.
    pub(crate) fn number(&self, row: usize) -> Option<f64> {
        if let Values::Column(column) = self
            && column.data_type() == &DataType::Int64
        {
            return (!column.is_null(row)).then(|| column.as_primitive::<Int64Type>().value(row) as f64);
        }
        self.first(row)?.parse().ok().filter(|number: &f64| number.is_finite())
    }
}

/// Event time of a row.
pub(crate) fn time_of(batch: &RecordBatch, row: usize) -> i64 {
    batch.column_by_name(name::TIME).map_or(0, |column| column.as_primitive::<TimestampNanosecondType>().value(row))
}

/// Number of a row's record.
pub(crate) fn sequence_of(batch: &RecordBatch, row: usize) -> u64 {
    batch.column_by_name(name::SEQUENCE).map_or(0, |column| column.as_primitive::<Int64Type>().value(row) as u64)
}

/// A row as nested ECS JSON.
pub(crate) fn document(batch: &RecordBatch, row: usize) -> Value {
    let mut root = Map::new();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        if column.is_null(row) {
            continue;
        }
        match column.data_type() {
            DataType::Map(..) => {
                let map = column.as_map();
                let offsets = map.value_offsets();
                let (keys, values) = (map.keys().as_string::<i32>(), map.values().as_string::<i32>());
                for at in offsets[row] as usize..offsets[row + 1] as usize {
                    place(&mut root, keys.value(at), values.value(at).into());
                }
            }
            DataType::List(_) => {
                let list = column.as_list::<i32>().value(row);
                let texts = list.as_string::<i32>();
                let values: Vec<Value> = (0..texts.len()).map(|at| texts.value(at).into()).collect();
                if !values.is_empty() {
                    place(&mut root, field.name(), values.into());
                }
            }
            DataType::Int64 => place(&mut root, field.name(), column.as_primitive::<Int64Type>().value(row).into()),
            DataType::Int32 => place(&mut root, field.name(), column.as_primitive::<Int32Type>().value(row).into()),
            DataType::Binary => {
                let bytes = column.as_binary::<i32>().value(row);
                let text = String::from_utf8_lossy(bytes);
                if matches!(text, std::borrow::Cow::Owned(_)) {
                    let exact = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
                    place(&mut root, "noroshi.original_base64", exact.into());
                }
                place(&mut root, field.name(), text.into());
            }
            _ => {
                if let Some(text) = Values::Column(column).first(row) {
                    place(&mut root, field.name(), text.into());
                }
            }
        }
    }
    Value::Object(root)
}
