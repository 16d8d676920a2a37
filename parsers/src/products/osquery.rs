//! osquery results: differential rows, snapshots and batches, and its status log in JSON.

use super::json_table::How::*;
use super::json_table::{Clock, JsonTable, Row, Spec};
use super::{Detect, Product};
use crate::decode::Context;
use crate::ecs::{EVENT_KIND, EVENT_TYPE};
use crate::event::EventWriter;
use crate::{ecs, logsource, products};

/// `osquery`.
pub(crate) static PRODUCT: Product = Product {
    name: "osquery",
    title: "osquery",
    document: "osquery: Logging, results and status logs; Schema",
    namespace: "osquery.result",
    module: "osquery",
    dataset: "osquery.result",
    names: NAMES,
    json: &[&RESULT, &STATUS],
    detect: &[
        Detect::Members(&["name", "hostIdentifier", "unixTime"], read_result),
        Detect::Members(&["hostIdentifier", "calendarTime", "action"], read_result),
        Detect::Members(&["hostIdentifier", "severity", "filename", "message"], read_status),
    ],
    ..Product::NONE
};

/// Members that no row speaks of.
static NAMES: &[&str] = &[
    "name",
    "calendarTime",
    "epoch",
    "counter",
    "numerics",
    "logNumericsAsNumbers",
    "decorations.username",
    "decorations.host_uuid",
    "decorations.hostname",
    "snapshot",
    "diffResults.added",
    "diffResults.removed",
    "columns.state",
    "columns.protocol",
    "columns.family",
    "columns.type",
    "columns.device",
    "columns.flags",
    "columns.description",
    "columns.directory",
    "columns.shell",
    "columns.start_time",
    "columns.on_disk",
    "columns.status",
    "columns.command",
    "columns.minute",
    "columns.hour",
    "columns.event",
    "columns.source",
    "line",
    "version",
];

/// The columns that mean the same in every table of the schema that has them.
const COLUMNS: &[Row] = &[
    ("columns.username", ecs::USER_NAME, User),
    ("columns.user", ecs::USER_NAME, User),
    ("columns.uid", ecs::USER_ID, Text),
    ("columns.gid", ecs::GROUP_ID, Text),
    ("columns.groupname", ecs::GROUP_NAME, Text),
    ("columns.pid", ecs::PROCESS_PID, Number),
    ("columns.parent", ecs::PROCESS_PARENT_PID, Number),
    ("columns.cmdline", ecs::PROCESS_COMMAND_LINE, Text),
    ("columns.cwd", ecs::PROCESS_WORKING_DIRECTORY, Text),
    ("columns.target_path", ecs::FILE_PATH, FilePath),
    ("columns.size", ecs::FILE_SIZE, Number),
    ("columns.inode", ecs::FILE_INODE, Text),
    ("columns.mode", ecs::FILE_MODE, Text),
    ("columns.mtime", ecs::FILE_MTIME, Time(Clock::Epoch)),
    ("columns.md5", ecs::FILE_HASH_MD5, Hash),
    ("columns.sha1", ecs::FILE_HASH_SHA1, Hash),
    ("columns.sha256", ecs::FILE_HASH_SHA256, Hash),
    ("columns.local_address", ecs::SOURCE_IP, Ip),
    ("columns.local_port", ecs::SOURCE_PORT, Port),
    ("columns.remote_address", ecs::DESTINATION_IP, Ip),
    ("columns.remote_port", ecs::DESTINATION_PORT, Port),
    ("columns.host", ecs::RELATED_HOSTS, Set),
];

const HEAD: &[Row] = &[
    ("name", ecs::RULE_NAME, Text),
    (
        "action",
        ecs::EVENT_ACTION,
        Means(&[
            ("added", &[(EVENT_TYPE, "info")]),
            ("removed", &[(EVENT_TYPE, "info")]),
            ("snapshot", &[(EVENT_TYPE, "info")]),
        ]),
    ),
    ("hostIdentifier", ecs::HOST_HOSTNAME, Host),
    ("decorations.hostname", ecs::HOST_NAME, Text),
    ("hostIdentifier", ecs::HOST_NAME, Text),
    ("decorations.host_uuid", ecs::HOST_ID, Text),
    ("decorations.username", ecs::RELATED_USER, Set),
];

const ROWS: [Row; HEAD.len() + COLUMNS.len() + 2] = {
    let mut all = [("name", ecs::RULE_NAME, Text); HEAD.len() + COLUMNS.len() + 2];
    let mut at = 0;
    while at < HEAD.len() + COLUMNS.len() {
        all[at] = if at < HEAD.len() { HEAD[at] } else { COLUMNS[at - HEAD.len()] };
        at += 1;
    }
    // A path is a program's where there is a process, else a file's.
    all[at] = ("columns.path", ecs::FILE_PATH, FilePath);
    all[at + 1] = ("columns.name", ecs::PROCESS_NAME, Text);
    all
};

static RESULT: JsonTable = JsonTable::new(Spec {
    product: products::OSQUERY,
    log_source: logsource::OSQUERY,
    constants: &[(EVENT_KIND, "event")],
    time: &[("unixTime", Clock::Seconds)],
    rows: &ROWS,
    ..Spec::NONE
});

fn read_result(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    RESULT.apply(writer, context)
}

static STATUS: JsonTable = JsonTable::new(Spec {
    product: products::OSQUERY,
    log_source: logsource::OSQUERY,
    constants: &[(EVENT_KIND, "event"), (EVENT_TYPE, "info"), (ecs::EVENT_DATASET, "osquery.status")],
    time: &[("unixTime", Clock::Seconds)],
    rows: &[
        ("message", ecs::MESSAGE, Text),
        ("filename", ecs::LOG_ORIGIN_FILE_NAME, Text),
        ("line", ecs::LOG_ORIGIN_FILE_LINE, Number),
        ("severity", ecs::LOG_LEVEL, Map(&[("0", "info"), ("1", "warning"), ("2", "error"), ("3", "critical")])),
        ("hostIdentifier", ecs::HOST_HOSTNAME, Host),
        ("hostIdentifier", ecs::HOST_NAME, Text),
    ],
    ..Spec::NONE
});

fn read_status(writer: &mut EventWriter<'_>, context: &Context<'_>) -> bool {
    STATUS.apply(writer, context)
}
