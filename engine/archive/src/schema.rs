//! The columns of a sealed segment.
//!
//! ECS names that analysts filter and group by have a column of their own, typed as ECS types them; every other field is in
//! the map `fields` under its ECS or vendor name. The order and names are part of the format (docs/ARCHIVE.md): a column may
//! be added, none changes its meaning.

use std::sync::{Arc, LazyLock};

use arrow_schema::{DataType, Field, Fields, Schema, TimeUnit};
use noroshi_parsers::dictionary::{Dictionary, FieldId, FieldType};

/// What is known of each record before it is decoded.
pub mod name {
    /// Event time.
    pub const TIME: &str = "@timestamp";
    /// When the record was read.
    pub const RECEIVED: &str = "event.created";
    /// Number of the record in this archive.
    pub const SEQUENCE: &str = "noroshi.sequence";
    /// Which event of its record, for those that hold several; null = the record's own row.
    pub const ELEMENT: &str = "noroshi.element";
    /// Name of the input.
    pub const INPUT: &str = "noroshi.input";
    /// Where it came from.
    pub const ORIGIN: &str = "noroshi.origin";
    /// How it travelled: file, stdin, udp, tcp, tls, relp or http.
    pub const TRANSPORT: &str = "noroshi.transport";
    /// The event's time as its sender states it beside the record.
    pub const STATED: &str = "noroshi.stated";
    /// What its sender says of it beside the record, as JSON.
    pub const SAID: &str = "noroshi.said";
    /// Number of the first record of the batch it was read with.
    pub const BATCH: &str = "noroshi.batch";
    /// Number of the first record of its group, such as the records of one audit event; null = it is alone.
    pub const GROUP: &str = "noroshi.group";
    /// Its number in its file or stream, from 1; null = none.
    pub const LINE: &str = "noroshi.line";
    /// How many lines it was joined from; null = it is one.
    pub const LINES: &str = "noroshi.lines";
    /// Which part of an overlong record, from 0; null = it is whole.
    pub const PART: &str = "noroshi.part";
    /// Offset in its file or stream.
    pub const OFFSET: &str = "noroshi.offset";
    /// Which product's decoder understood it.
    pub const PRODUCT: &str = "noroshi.product";
    /// What was odd.
    pub const DEFECTS: &str = "noroshi.defects";
    /// The record, byte for byte; null in the rows of the second and later events of one record.
    pub const RAW: &str = "event.original";
    /// All other fields.
    pub const FIELDS: &str = "fields";
}

/// ECS fields with a column of their own, beside those of [`name`].
const ECS_COLUMNS: &[&str] = &[
    "event.kind",
    "event.category",
    "event.type",
    "event.action",
    "event.outcome",
    "event.code",
    "event.id",
    "event.module",
    "event.dataset",
    "event.provider",
    "event.reason",
    "event.severity",
    "event.duration",
    "log.level",
    "log.syslog.appname",
    "log.syslog.facility.code",
    "log.syslog.severity.code",
    "message",
    "host.name",
    "host.hostname",
    "host.ip",
    "observer.name",
    "observer.vendor",
    "observer.product",
    "observer.type",
    "observer.ingress.zone",
    "observer.egress.zone",
    "source.ip",
    "source.port",
    "source.domain",
    "source.mac",
    "source.bytes",
    "source.packets",
    "source.nat.ip",
    "source.user.name",
    "source.geo.country_iso_code",
    "destination.ip",
    "destination.port",
    "destination.domain",
    "destination.mac",
    "destination.bytes",
    "destination.packets",
    "destination.nat.ip",
    "destination.user.name",
    "destination.geo.country_iso_code",
    "client.ip",
    "server.ip",
    "network.transport",
    "network.protocol",
    "network.application",
    "network.direction",
    "network.bytes",
    "network.packets",
    "network.type",
    "user.name",
    "user.domain",
    "user.id",
    "user.email",
    "user.target.name",
    "user.effective.name",
    "group.name",
    "process.name",
    "process.executable",
    "process.command_line",
    "process.pid",
    "process.entity_id",
    "process.hash.sha256",
    "process.parent.name",
    "process.parent.executable",
    "process.parent.command_line",
    "process.parent.pid",
    "process.working_directory",
    "file.path",
    "file.name",
    "file.extension",
    "file.size",
    "file.hash.md5",
    "file.hash.sha1",
    "file.hash.sha256",
    "dll.path",
    "dll.hash.sha256",
    "registry.path",
    "registry.value",
    "registry.data.strings",
    "dns.question.name",
    "dns.question.type",
    "dns.response_code",
    "dns.resolved_ip",
    "url.full",
    "url.original",
    "url.domain",
    "url.path",
    "http.request.method",
    "http.request.referrer",
    "http.response.status_code",
    "http.response.bytes",
    "user_agent.original",
    "email.from.address",
    "email.to.address",
    "email.subject",
    "tls.server.hash.sha256",
    "tls.client.ja3",
    "tls.client.server_name",
    "tls.version",
    "rule.id",
    "rule.name",
    "rule.category",
    "service.name",
    "package.name",
    "package.version",
    "cloud.provider",
    "cloud.account.id",
    "cloud.region",
    "container.id",
    "container.name",
    "orchestrator.namespace",
    "winlog.channel",
    "winlog.event_id",
    "winlog.computer_name",
    "winlog.logon.type",
    "winlog.provider_name",
    "winlog.record_id",
    "threat.technique.id",
    "tags",
];

/// One of the four sets of related values. In the archive each holds what its columns hold, complete and in lower case, and
/// has a Bloom filter in each row group: a value that one of the columns has is looked for here first.
#[derive(Clone, Copy, Debug)]
pub struct Related {
    /// Its column.
    pub name: &'static str,
    /// The columns whose values it holds.
    pub of: &'static [&'static str],
}

/// The sets of related values.
pub const RELATED: [Related; 4] = [
    Related {
        name: "related.ip",
        of: &[
            "source.ip",
            "destination.ip",
            "client.ip",
            "server.ip",
            "host.ip",
            "source.nat.ip",
            "destination.nat.ip",
            "dns.resolved_ip",
        ],
    },
    Related {
        name: "related.user",
        of: &[
            "user.name",
            "source.user.name",
            "destination.user.name",
            "user.target.name",
            "user.effective.name",
            "user.email",
            "email.from.address",
            "email.to.address",
        ],
    },
    Related {
        name: "related.hosts",
        of: &[
            "host.name",
            "host.hostname",
            "observer.name",
            "source.domain",
            "destination.domain",
            "url.domain",
            "dns.question.name",
            "tls.client.server_name",
            "winlog.computer_name",
        ],
    },
    Related {
        name: "related.hash",
        of: &[
            "file.hash.md5",
            "file.hash.sha1",
            "file.hash.sha256",
            "process.hash.sha256",
            "dll.hash.sha256",
            "tls.server.hash.sha256",
            "tls.client.ja3",
        ],
    },
];

/// The set of related values in which a value of column `name` stands too.
pub fn related_of(name: &str) -> Option<&'static str> {
    RELATED.iter().find(|related| related.name == name || related.of.contains(&name)).map(|related| related.name)
}

/// How a column is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Text.
    Text,
    /// A signed 64-bit number.
    Long,
    /// A list of texts.
    Texts,
}

/// An ECS field with a column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Its id, the same in every dictionary.
    pub id: FieldId,
    /// How it is held.
    pub shape: Shape,
}

/// The ECS columns in their order.
pub fn columns() -> &'static [Column] {
    static COLUMNS: LazyLock<Vec<Column>> = LazyLock::new(|| {
        let dictionary = Dictionary::new();
        let column = |&name: &&'static str| {
            let id = dictionary.find(name.as_bytes()).expect("a column's name is of ECS");
            let shape = match dictionary.kind(id) {
                _ if dictionary.is_array(id) => Shape::Texts,
                FieldType::Long => Shape::Long,
                _ => Shape::Text,
            };
            Column { name, id, shape }
        };
        ECS_COLUMNS.iter().map(column).collect()
    });
    &COLUMNS
}

/// A time in nanoseconds, UTC.
pub fn timestamp() -> DataType {
    DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into()))
}

/// The field that a list of texts repeats.
pub(crate) fn element() -> Arc<Field> {
    Arc::new(Field::new("element", DataType::Utf8, true))
}

/// The two fields of the map's entries.
pub(crate) fn entry_fields() -> Fields {
    vec![Field::new("key", DataType::Utf8, false), Field::new("value", DataType::Utf8, true)].into()
}

/// The schema of a segment.
pub fn schema() -> Arc<Schema> {
    static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
        let mut fields = vec![
            Field::new(name::TIME, timestamp(), false),
            Field::new(name::RECEIVED, timestamp(), false),
            Field::new(name::SEQUENCE, DataType::Int64, false),
            Field::new(name::ELEMENT, DataType::Int32, true),
            Field::new(name::INPUT, DataType::Utf8, false),
            Field::new(name::ORIGIN, DataType::Utf8, false),
            Field::new(name::OFFSET, DataType::Int64, false),
            Field::new(name::TRANSPORT, DataType::Utf8, true),
            Field::new(name::STATED, timestamp(), true),
            Field::new(name::SAID, DataType::Utf8, true),
            Field::new(name::BATCH, DataType::Int64, false),
            Field::new(name::GROUP, DataType::Int64, true),
            Field::new(name::LINE, DataType::Int64, true),
            Field::new(name::LINES, DataType::Int32, true),
            Field::new(name::PART, DataType::Int32, true),
            Field::new(name::PRODUCT, DataType::Utf8, true),
            Field::new(name::DEFECTS, DataType::List(element()), true),
        ];
        fields.extend(columns().iter().map(|column| {
            let kind = match column.shape {
                Shape::Text => DataType::Utf8,
                Shape::Long => DataType::Int64,
                Shape::Texts => DataType::List(element()),
            };
            Field::new(column.name, kind, true)
        }));
        fields.extend(RELATED.iter().map(|related| Field::new(related.name, DataType::List(element()), true)));
        let entries = Field::new("key_value", DataType::Struct(entry_fields()), false);
        fields.push(Field::new(name::FIELDS, DataType::Map(Arc::new(entries), false), true));
        fields.push(Field::new(name::RAW, DataType::Binary, true));
        Arc::new(Schema::new(fields))
    });
    Arc::clone(&SCHEMA)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_of_ecs_and_stands_once() {
        let schema = schema();
        let mut names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(RELATED.iter().flat_map(|related| related.of).all(|name| names.binary_search(name).is_ok()));
        assert_eq!((related_of("source.ip"), related_of("related.hash")), (Some("related.ip"), Some("related.hash")));
        assert_eq!(related_of("url.path"), None);
    }
}
