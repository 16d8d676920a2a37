//! The slow query log: header lines of `key: value` pairs behind `#`, then the statements, all one record.

use std::sync::LazyLock;

use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::event::{EventWriter, Kind, Span};
use crate::number::{parse_scaled, parse_u64};
use crate::products::names::id_of;
use crate::products::text::{SOURCE, put_end, put_user, split};
use crate::{ecs, scan};

/// How a header's value is kept.
#[derive(Clone, Copy)]
enum As {
    Text,
    Number,
    /// `Yes` or `No`.
    Flag,
}

/// Keys of the header lines (MySQL with `log_slow_extra`, Percona Server and MariaDB with
/// `log_slow_verbosity`), in byte order without regard to case.
static KEYS: &[(&str, &str, As)] = &[
    ("bytes_received", "slowlog.bytes_received", As::Number),
    ("bytes_sent", "slowlog.bytes_sent", As::Number),
    ("created_tmp_disk_tables", "slowlog.tmp_disk_tables", As::Number),
    ("created_tmp_tables", "slowlog.tmp_tables", As::Number),
    ("errno", "slowlog.last_errno", As::Text),
    ("filesort", "slowlog.filesort", As::Flag),
    ("filesort_on_disk", "slowlog.filesort_on_disk", As::Flag),
    ("full_join", "slowlog.full_join", As::Flag),
    ("full_scan", "slowlog.full_scan", As::Flag),
    ("id", "thread_id", As::Number),
    ("innodb_io_r_bytes", "slowlog.innodb.io_r_bytes", As::Number),
    ("innodb_io_r_ops", "slowlog.innodb.io_r_ops", As::Number),
    ("innodb_io_r_wait", "slowlog.innodb.io_r_wait.sec", As::Number),
    ("innodb_pages_distinct", "slowlog.innodb.pages_distinct", As::Number),
    ("innodb_queue_wait", "slowlog.innodb.queue_wait.sec", As::Number),
    ("innodb_rec_lock_wait", "slowlog.innodb.rec_lock_wait.sec", As::Number),
    ("innodb_trx_id", "slowlog.innodb.trx_id", As::Text),
    ("killed", "slowlog.killed", As::Text),
    ("last_errno", "slowlog.last_errno", As::Text),
    ("lock_time", "slowlog.lock_time.sec", As::Number),
    ("log_slow_rate_limit", "slowlog.log_slow_rate_limit", As::Number),
    ("log_slow_rate_type", "slowlog.log_slow_rate_type", As::Text),
    ("merge_passes", "slowlog.merge_passes", As::Number),
    ("priority_queue", "slowlog.priority_queue", As::Flag),
    ("qc_hit", "slowlog.query_cache_hit", As::Flag),
    ("read_first", "slowlog.read_first", As::Number),
    ("read_key", "slowlog.read_key", As::Number),
    ("read_last", "slowlog.read_last", As::Number),
    ("read_next", "slowlog.read_next", As::Number),
    ("read_prev", "slowlog.read_prev", As::Number),
    ("read_rnd", "slowlog.read_rnd", As::Number),
    ("read_rnd_next", "slowlog.read_rnd_next", As::Number),
    ("rows_affected", "slowlog.rows_affected", As::Number),
    ("rows_examined", "slowlog.rows_examined", As::Number),
    ("rows_sent", "slowlog.rows_sent", As::Number),
    ("schema", "slowlog.schema", As::Text),
    ("sort_merge_passes", "slowlog.sort_merge_passes", As::Number),
    ("sort_range_count", "slowlog.sort_range_count", As::Number),
    ("sort_rows", "slowlog.sort_rows", As::Number),
    ("sort_scan_count", "slowlog.sort_scan_count", As::Number),
    ("thread_id", "thread_id", As::Number),
    ("tmp_disk_tables", "slowlog.tmp_disk_tables", As::Number),
    ("tmp_table", "slowlog.tmp_table", As::Flag),
    ("tmp_table_on_disk", "slowlog.tmp_table_on_disk", As::Flag),
    ("tmp_table_sizes", "slowlog.tmp_table_sizes", As::Number),
    ("tmp_tables", "slowlog.tmp_tables", As::Number),
];

/// The longest of [`KEYS`].
const KEY_BYTES_MAX: usize = 24;

static IDS: LazyLock<Vec<FieldId>> = LazyLock::new(|| KEYS.iter().map(|(_, name, _)| id_of(name)).collect());
static QUERY: LazyLock<FieldId> = LazyLock::new(|| id_of("slowlog.query"));
static CURRENT_USER: LazyLock<FieldId> = LazyLock::new(|| id_of("slowlog.current_user"));
static SCHEMA: LazyLock<FieldId> = LazyLock::new(|| id_of("slowlog.schema"));

fn key(name: &[u8]) -> Option<usize> {
    if name.len() > KEY_BYTES_MAX {
        return None;
    }
    let mut lowered = [0; KEY_BYTES_MAX];
    let lowered = &mut lowered[..name.len()];
    lowered.copy_from_slice(name);
    lowered.make_ascii_lowercase();
    KEYS.binary_search_by(|(known, _, _)| known.as_bytes().cmp(&*lowered)).ok()
}

/// Decodes a record of the slow log; `false` = it is none.
pub(super) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, text: &'a [u8]) -> bool {
    if !text.starts_with(b"# User@Host: ") && !text.starts_with(b"# Time: ") {
        return false;
    }
    super::begin(writer);
    writer.put_str(ecs::EVENT_TYPE, "info");
    writer.put_str(ecs::EVENT_DATASET, "mysql.slowlog");
    let mut rest = text;
    while rest.first() == Some(&b'#') {
        let (line, after) = line(rest);
        header(writer, context, &line[1..]);
        rest = after;
    }
    loop {
        let (statement, after) = line(rest);
        if let Some(time) = statement.strip_prefix(b"SET timestamp=") {
            super::set_epoch(writer, time.strip_suffix(b";").unwrap_or(time));
        } else if let Some(schema) = statement.strip_prefix(b"use ").filter(|_| writer.first(*QUERY).is_none()) {
            let span = writer.span_of(schema.strip_suffix(b";").unwrap_or(schema));
            if writer.first(*SCHEMA).is_none() {
                writer.put_span(*SCHEMA, span, Kind::Text, true);
            }
        } else {
            break;
        }
        rest = after;
    }
    if rest.is_empty() {
        // A header alone: the record was split by whoever read it.
        writer.defect(Defect::Truncated);
    } else {
        writer.put_vendor(*QUERY, rest);
        writer.put(ecs::MESSAGE, rest);
    }
    true
}

fn line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr(b'\n', text).unwrap_or(text.len());
    let line = &text[..end];
    (line.strip_suffix(b"\r").unwrap_or(line), text.get(end + 1..).unwrap_or_default())
}

/// One line: the time, the account, or pairs.
fn header<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, line: &'a [u8]) {
    let line = line.trim_ascii_start();
    if let Some(time) = line.strip_prefix(b"Time: ") {
        if let Some((stamp, _)) = super::stamp(time) {
            context.set_stamp(writer, &stamp);
        } else {
            writer.defect(Defect::TimeUnreadable);
        }
        return;
    }
    let mut rest = line;
    if let Some(account) = line.strip_prefix(b"User@Host: ") {
        // `user[current] @ host [address]  Id: 12`
        let (account, after) = split(account, b" @ ").unwrap_or((account, b""));
        if let Some((user, current)) = split(account, b"[") {
            put_user(writer, ecs::USER_NAME, user);
            let span = writer.span_of(current.strip_suffix(b"]").unwrap_or(current));
            if !span.is_empty() {
                writer.put_span(*CURRENT_USER, span, Kind::Text, true);
            }
        }
        let (host, after) = split(after, b"[").unwrap_or((after, b""));
        let (address, after) = split(after, b"]").unwrap_or((b"", b""));
        put_end(writer, SOURCE, host.trim_ascii());
        if writer.first(ecs::SOURCE_IP).is_none() {
            put_end(writer, SOURCE, address);
        }
        rest = after;
    }
    pairs(writer, rest);
}

/// `Schema: db  Last_errno: 0`: a value may be empty, then the next key follows.
fn pairs<'a>(writer: &mut EventWriter<'a>, line: &'a [u8]) {
    let mut rest = line.trim_ascii_start();
    while let Some((name, after)) = split(rest, b": ") {
        let blanks = after.iter().take_while(|&&byte| byte == b' ').count();
        let value = &after[blanks..];
        let end = scan::until(value, b' ');
        // An empty value: what follows is the next key.
        let empty = blanks > 0 && value[..end].ends_with(b":") && key(&value[..end - 1]).is_some();
        let value = if empty { &b""[..] } else { &value[..end] };
        rest = if empty { after.trim_ascii_start() } else { after[blanks + end..].trim_ascii_start() };
        if value.is_empty() {
            continue;
        }
        if name.eq_ignore_ascii_case(b"Query_time") {
            match parse_scaled(value, 9) {
                Some(duration) => writer.put_i64(ecs::EVENT_DURATION, duration),
                None => writer.defect(Defect::NumberInvalid),
            }
            continue;
        }
        match key(name) {
            Some(at) => put(writer, IDS[at], KEYS[at].2, value),
            None => {
                let (name, value) = (writer.span_of(name), writer.span_of(value));
                writer.put_unnamed(name, value, Kind::Text);
            }
        }
    }
}

fn put<'a>(writer: &mut EventWriter<'a>, id: FieldId, how: As, value: &'a [u8]) {
    let span: Span = match (how, value) {
        (As::Flag, b"Yes") => writer.span_of(b"true"),
        (As::Flag, b"No") => writer.span_of(b"false"),
        _ => writer.span_of(value),
    };
    let kind = match how {
        As::Flag if matches!(value, b"Yes" | b"No") => Kind::Bool,
        As::Number if parse_u64(value).is_some() || parse_scaled(value, 9).is_some() => Kind::Number,
        _ => Kind::Text,
    };
    writer.put_span(id, span, kind, true);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_and_have_ids() {
        assert!(KEYS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(KEYS.iter().all(|(key, _, _)| key.len() <= KEY_BYTES_MAX));
        assert!(IDS.iter().all(|&id| id != FieldId::UNNAMED));
    }

    #[test]
    fn a_record_of_several_lines() {
        let record = "# Time: 2026-01-09T02:05:00.123456Z\n# User@Host: teller[ro] @  [198.51.100.77]  Id:    88\n\
            # Schema:   Last_errno: 0  Killed: 0\n# Query_time: 2.000227  Lock_time: 0.000011 Rows_sent: 1  QC_hit: No\n\
            #   InnoDB_pages_distinct: 3  Odd_key: x\nuse core;\nSET timestamp=1767924299;\nselect sleep(2)\nas foo;";
        assert_eq!(
            crate::testing::fields(
                record.as_bytes(),
                "UTC",
                "time user.name source.ip thread_id event.duration slowlog.* Odd_key defects"
            ),
            "time=2026-01-09T02:04:59Z; user.name=teller; source.ip=198.51.100.77; thread_id=88; event.duration=2000227000; \
             slowlog.current_user=ro; slowlog.last_errno=0; slowlog.killed=0; slowlog.lock_time.sec=0.000011; \
             slowlog.rows_sent=1; slowlog.query_cache_hit=false; slowlog.innodb.pages_distinct=3; slowlog.schema=core; \
             slowlog.query=select sleep(2)\nas foo;; Odd_key=x"
        );
    }
}
