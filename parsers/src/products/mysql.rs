//! MySQL and MariaDB: error log (5.5 to 9, MariaDB 10), general query log, slow query log with its joined records
//! (MySQL Reference Manual, "MySQL Server Logs"; MariaDB and Percona for the keys that they add).

mod audit;
mod plugins;
mod slow;

pub(crate) use audit::PRODUCT as AUDIT;
pub(crate) use plugins::{MARIADB, XML};

use super::names::vendor_names;
use super::text::{put_end, put_number, put_user, split, word};
use crate::decode::Context;
use crate::event::{EventWriter, TimePrecision};
use crate::number::parse_u64;
use crate::products::{Detect, Product};
use crate::time::{Civil, Stamp, take_clock, take_fraction, take_iso, take_offset};
use crate::wire::syslog::Header;
use crate::{ecs, logsource, products};

/// `mysql`.
pub(crate) static PRODUCT: Product = Product {
    name: "mysql",
    title: "MySQL and MariaDB error, general and slow log",
    document: "MySQL 8.4 Reference Manual: MySQL Server Logs",
    namespace: "mysql",
    module: "mysql",
    dataset: "mysql.error",
    names: NAMES,
    detect: &[
        Detect::Line("0123456789EIV#", decode),
        Detect::App(&["mysqld", "mysqld_safe", "mariadbd", "mysql"], decode),
    ],
    ..Product::NONE
};

vendor_names! {
    thread_id = "thread_id";
    command = "general.command";
    argument = "general.argument";
    database = "general.database";
    @also
    "slowlog.query" "slowlog.schema" "slowlog.current_user" "slowlog.killed" "slowlog.last_errno"
    "slowlog.lock_time.sec" "slowlog.rows_sent" "slowlog.rows_examined" "slowlog.rows_affected" "slowlog.bytes_sent"
    "slowlog.bytes_received" "slowlog.query_cache_hit" "slowlog.full_scan" "slowlog.full_join" "slowlog.tmp_table"
    "slowlog.tmp_table_on_disk" "slowlog.tmp_tables" "slowlog.tmp_disk_tables" "slowlog.tmp_table_sizes"
    "slowlog.filesort" "slowlog.filesort_on_disk" "slowlog.merge_passes" "slowlog.priority_queue"
    "slowlog.log_slow_rate_type" "slowlog.log_slow_rate_limit" "slowlog.innodb.trx_id" "slowlog.innodb.io_r_ops"
    "slowlog.innodb.io_r_bytes" "slowlog.innodb.io_r_wait.sec" "slowlog.innodb.rec_lock_wait.sec"
    "slowlog.innodb.queue_wait.sec" "slowlog.innodb.pages_distinct" "slowlog.read_first" "slowlog.read_last"
    "slowlog.read_key" "slowlog.read_next" "slowlog.read_prev" "slowlog.read_rnd" "slowlog.read_rnd_next"
    "slowlog.sort_merge_passes" "slowlog.sort_range_count" "slowlog.sort_rows" "slowlog.sort_scan_count"
}

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message;
    if text.first() == Some(&b'#') {
        return slow::decode(writer, context, text);
    }
    let Some((stamp, rest)) = stamp(text) else {
        let known = text.starts_with(b"InnoDB: ")
            || text.strip_prefix(b"ERROR: ").is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit))
            || text.starts_with(b"Version: '") && split(text, b"  socket: '").is_some()
            || !header.appname.is_empty();
        if known {
            begin(writer);
            writer.put_str(ecs::EVENT_TYPE, "info");
            writer.put(ecs::MESSAGE, text);
        }
        return known;
    };
    let known = if rest.first() == Some(&b'\t') { general(writer, rest) } else { error(writer, rest) };
    if known {
        context.set_stamp(writer, &stamp);
    }
    known
}

fn begin(writer: &mut EventWriter<'_>) {
    let core = writer.core();
    core.product = products::MYSQL;
    core.log_source = logsource::MYSQL;
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put_str(ecs::EVENT_CATEGORY, "database");
}

/// `2019-03-24T13:44:29.065309Z`, `2019-10-16 17:24:15`, `161209 14:18:50`; an hour below ten may be padded with
/// a space.
fn stamp(text: &[u8]) -> Option<(Stamp, &[u8])> {
    if let Some(found) = take_iso(text) {
        return Some(found);
    }
    let number = |digits: &[u8]| parse_u64(digits).and_then(|value| u32::try_from(value).ok());
    let (year, month, day, rest) = match text {
        [y0, y1, m0, m1, d0, d1, b' ', rest @ ..] => {
            let year = number(&[*y0, *y1])?;
            (if year < 70 { 2000 + year } else { 1900 + year }, [*m0, *m1], [*d0, *d1], rest)
        }
        [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1, b' ', rest @ ..] => {
            (number(&[*y0, *y1, *y2, *y3])?, [*m0, *m1], [*d0, *d1], rest)
        }
        _ => return None,
    };
    let (hour, minute, second, rest) = match rest {
        [b' ', hour, after @ ..] if hour.is_ascii_digit() => {
            let mut clock = [b'0'; 8];
            clock[1] = *hour;
            clock[2..].copy_from_slice(after.get(..6)?);
            let (hour, minute, second, _) = take_clock(&clock)?;
            (hour, minute, second, &after[6..])
        }
        _ => take_clock(rest)?,
    };
    let (nano, precision, rest) = take_fraction(rest);
    let (offset_s, rest) = match take_offset(rest) {
        Some((offset, rest)) => (Some(offset), rest),
        None => (None, rest),
    };
    let civil = Civil { year: year.into(), month: number(&month)?, day: number(&day)?, hour, minute, second, nano };
    civil.is_valid().then_some((Stamp { civil, offset_s, precision }, rest))
}

/// ` 0 [Warning] [MY-010453] [Server] text`, ` [Note] text`, ` InnoDB: text`.
fn error<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> bool {
    let Some(text) = text.strip_prefix(b" ") else { return false };
    let text = text.trim_ascii_start();
    let (first, after) = word(text);
    let is_thread = parse_u64(first).is_some() || first.starts_with(b"0x");
    let (thread, rest) = if is_thread { (first, after) } else { (&b""[..], text) };
    let level = rest.strip_prefix(b"[").and_then(|rest| split(rest, b"]"));
    let level = level.filter(|(level, _)| {
        matches!(*level, b"Note" | b"Warning" | b"Error" | b"ERROR" | b"System" | b"Warn" | b"Info" | b"NOTE")
    });
    let known = level.is_some()
        || thread.is_empty()
            && (rest.starts_with(b"InnoDB: ") || rest.starts_with(b"mysqld") || rest.starts_with(b"mariadbd"));
    if !known {
        return false;
    }
    begin(writer);
    writer.put_str(ecs::EVENT_TYPE, "info");
    put_number(writer, ids().thread_id, thread);
    let Some((level, rest)) = level else {
        writer.put(ecs::MESSAGE, rest);
        return true;
    };
    writer.put(ecs::LOG_LEVEL, level);
    if level.eq_ignore_ascii_case(b"error") {
        writer.put_str(ecs::EVENT_TYPE, "error");
    }
    let message = rest.trim_ascii_start();
    writer.put(ecs::MESSAGE, message);
    if let Some((code, rest)) = message.strip_prefix(b"[").and_then(|rest| split(rest, b"] ")) {
        if code.starts_with(b"MY-") {
            writer.put(ecs::EVENT_CODE, code);
            if let Some((provider, _)) = rest.strip_prefix(b"[").and_then(|rest| split(rest, b"]")) {
                writer.put(ecs::EVENT_PROVIDER, provider);
            }
        }
    }
    put_denied(writer, message);
    true
}

/// `Access denied for user 'u'@'h' (using password: YES)`.
fn put_denied<'a>(writer: &mut EventWriter<'a>, message: &'a [u8]) {
    let Some((_, rest)) = split(message, b"Access denied for user '") else { return };
    writer.put_str(ecs::EVENT_CATEGORY, "authentication");
    writer.put_str(ecs::EVENT_ACTION, "access-denied");
    writer.put_str(ecs::EVENT_OUTCOME, "failure");
    let Some((user, rest)) = split(rest, b"'@'") else { return };
    put_user(writer, ecs::USER_NAME, user);
    if let Some((host, _)) = split(rest, b"'") {
        put_end(writer, super::text::SOURCE, host);
    }
}

/// The general query log: `\t   12 Query\tselect 1`.
fn general<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> bool {
    let text = text.trim_ascii_start();
    let (thread, rest) = word(text);
    if parse_u64(thread).is_none() {
        return false;
    }
    let (command, argument) = split(rest, b"\t").unwrap_or((rest.trim_ascii_end(), b""));
    if command.is_empty() || command.len() > COMMAND_BYTES_MAX || command.contains(&b'[') {
        return false;
    }
    begin(writer);
    put_number(writer, ids().thread_id, thread);
    writer.put_vendor(ids().command, command);
    super::text::put_vendor(writer, ids().argument, argument);
    writer.put(ecs::EVENT_ACTION, command);
    writer.put(ecs::MESSAGE, if argument.is_empty() { command } else { argument });
    writer.put_str(ecs::EVENT_TYPE, if matches!(command, b"Connect" | b"Quit") { "connection" } else { "access" });
    match command {
        b"Connect" | b"Change user" => {
            put_denied(writer, argument);
            // `root@localhost on db using TCP/IP`; the user's name may hold an @.
            let (account, rest) = split(argument, b" on ").unwrap_or((b"", b""));
            if let Some((user, host)) = super::text::split_last(account, b"@") {
                writer.put_str(ecs::EVENT_CATEGORY, "session");
                writer.put_str(ecs::EVENT_TYPE, "start");
                put_user(writer, ecs::USER_NAME, user);
                put_end(writer, super::text::SOURCE, host);
                super::text::put_vendor(writer, ids().database, word(rest).0);
            }
        }
        b"Init DB" => super::text::put_vendor(writer, ids().database, argument),
        b"Quit" => {
            writer.put_str(ecs::EVENT_CATEGORY, "session");
            writer.put_str(ecs::EVENT_TYPE, "end");
        }
        _ => {}
    }
    true
}

/// The longest command of the general log is `Register Slave`; commands of the protocol stay under this.
const COMMAND_BYTES_MAX: usize = 24;

/// A stamp of seconds since the epoch, as `SET timestamp=` has it.
fn set_epoch(writer: &mut EventWriter<'_>, text: &[u8]) {
    if let Some((time_ns, precision)) = crate::time::parse_epoch(text) {
        writer.set_time(time_ns, precision.max(TimePrecision::Second));
    }
}
