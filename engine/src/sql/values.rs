//! Values of a result, as JSON and as text.

use datafusion::arrow::array::cast::AsArray as _;
use datafusion::arrow::array::types::{
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, TimestampNanosecondType, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Schema, TimeUnit};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use noroshi_parsers::time::format_rfc3339;
use serde_json::{Map, Value};

/// The names of a result's columns; one that comes again gets a number, since a row is an object.
pub(crate) fn columns(schema: &Schema) -> Vec<String> {
    let mut names: Vec<String> = Vec::with_capacity(schema.fields().len());
    for field in schema.fields() {
        let plain = field.name().clone();
        let numbered = (2..).map(|number| format!("{plain}_{number}"));
        let free = std::iter::once(plain.clone()).chain(numbered).find(|name| !names.contains(name));
        names.push(free.unwrap_or(plain));
    }
    names
}

/// A row as one flat object.
pub(crate) fn row(batch: &RecordBatch, row: usize, columns: &[String]) -> Value {
    let members = columns.iter().zip(batch.columns()).map(|(name, column)| (name.clone(), value(column, row)));
    Value::Object(members.collect())
}

/// One value. Bytes that are no UTF-8 show as U+FFFD, as in searches.
fn value(array: &ArrayRef, row: usize) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    let texts = |bytes: &[u8]| Value::String(String::from_utf8_lossy(bytes).into_owned());
    let list = |values: ArrayRef| (0..values.len()).map(|at| value(&values, at)).collect::<Value>();
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).into(),
        DataType::Int8 => array.as_primitive::<Int8Type>().value(row).into(),
        DataType::Int16 => array.as_primitive::<Int16Type>().value(row).into(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).into(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).into(),
        DataType::UInt8 => array.as_primitive::<UInt8Type>().value(row).into(),
        DataType::UInt16 => array.as_primitive::<UInt16Type>().value(row).into(),
        DataType::UInt32 => array.as_primitive::<UInt32Type>().value(row).into(),
        DataType::UInt64 => array.as_primitive::<UInt64Type>().value(row).into(),
        DataType::Float32 => number(array.as_primitive::<Float32Type>().value(row).into()),
        DataType::Float64 => number(array.as_primitive::<Float64Type>().value(row)),
        DataType::Utf8 => array.as_string::<i32>().value(row).into(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).into(),
        DataType::Utf8View => array.as_string_view().value(row).into(),
        DataType::Binary => texts(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => texts(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => texts(array.as_binary_view().value(row)),
        DataType::Timestamp(TimeUnit::Nanosecond, Some(_)) => {
            format_rfc3339(array.as_primitive::<TimestampNanosecondType>().value(row)).into()
        }
        DataType::List(_) => list(array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => list(array.as_list::<i64>().value(row)),
        DataType::Struct(fields) => {
            let columns = array.as_struct().columns();
            let members = fields.iter().zip(columns).map(|(field, column)| (field.name().clone(), value(column, row)));
            Value::Object(members.collect())
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            let (keys, values) = (entries.column(0), entries.column(1));
            let mut members = Map::new();
            for at in 0..entries.len() {
                let key = match value(keys, at) {
                    Value::String(key) => key,
                    other => other.to_string(),
                };
                members.insert(key, value(values, at));
            }
            Value::Object(members)
        }
        // Decimals, dates, intervals and what is rarer: as they are written in SQL.
        _ => {
            let options = FormatOptions::default().with_display_error(true);
            let formatter = ArrayFormatter::try_new(array.as_ref(), &options);
            formatter.map_or(Value::Null, |formatter| formatter.value(row).to_string().into())
        }
    }
}

/// JSON has no infinity and no NaN.
fn number(number: f64) -> Value {
    serde_json::Number::from_f64(number).map_or_else(|| number.to_string().into(), Value::Number)
}
