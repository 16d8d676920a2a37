//! The events of one audit group: each sees what the others say, and all become one.
//!
//! A rule reads one record (`type: EXECVE`, `a0`) and may ask for what another of its group has (`auid`, `exe` of SYSCALL): a record is
//! lent the fields that it has not. What it has itself stays its own, so that `a0` of an argument list is never taken
//! for `a0` of a system call.

use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{Event, EventView};
use crate::products::auditd;

/// Most fields lent to one record: system call, arguments, directory and four paths have some 150. It keeps a group of many
/// records linear.
pub const LENT_FIELDS_MAX: usize = 256;

/// An event of a group beside its record.
#[derive(Clone, Copy)]
pub struct Member<'a> {
    /// The event, with the fields of its own record first.
    pub view: EventView<'a>,
    /// How many those are.
    pub own: usize,
}

/// Lends `event`, which has `own` fields of its own, what the other members have and it has not.
pub fn lend<'m>(event: &mut Event, own: usize, others: impl Iterator<Item = Member<'m>>) {
    let mut left = LENT_FIELDS_MAX;
    let mut writer = event.writer(b"");
    for Member { view, own: theirs } in others {
        for field in &view.fields()[..theirs.min(view.fields().len())] {
            let known = writer.view().first_index(field.id).is_some_and(|at| at < own);
            if known || field.id == FieldId::UNNAMED || field.is_forgotten() {
                continue;
            }
            if left == 0 {
                return;
            }
            left -= 1;
            writer.put_as(field.id, view.value(field), field.kind, field.vendor);
        }
        let theirs = view.core();
        let core = writer.core();
        core.source_ip = core.source_ip.or(theirs.source_ip);
        core.source_port = core.source_port.or(theirs.source_port);
        core.destination_ip = core.destination_ip.or(theirs.destination_ip);
        core.destination_port = core.destination_port.or(theirs.destination_port);
    }
}

/// Writes the one event of a group into `merged`; `record` is what the members are parts of.
///
/// The system call speaks first, then each other member of what is not told yet: the arguments of
/// EXECVE, the directory of CWD, the title of PROCTITLE. Of the paths the file is the first that is no parent
/// directory. A system call that is known by its number gives the event its action and categories.
pub fn merge(merged: &mut Event, record: &[u8], members: &[Member<'_>]) {
    merged.clear();
    let base = members.iter().position(|member| is_of_type(member, b"SYSCALL")).unwrap_or(0);
    let file = auditd::path_of(members.iter().map(|member| &member.view));
    let order = std::iter::once(base).chain((0..members.len()).filter(|&at| at != base));
    let mut told = 0;
    for at in order {
        let Member { view, own } = members[at];
        for &defect in crate::defect::Defect::ALL.iter().filter(|&&defect| view.defects().has(defect)) {
            merged.defects.add(defect);
        }
        if at == base {
            merged.core = *view.core();
        }
        let mut writer = merged.writer(record);
        for field in &view.fields()[..own.min(view.fields().len())] {
            if field.is_forgotten() {
                continue;
            }
            let value = view.value(field);
            if field.id == FieldId::UNNAMED {
                let (name, value) = (writer.span_of(view.own_name(field)), writer.span_of(value));
                writer.put_unnamed(name, value, field.kind);
                continue;
            }
            let of_file = auditd::is_of_file(field.id);
            let repeated = writer.view().first_index(field.id).is_some_and(|first| first < told);
            let once = !field.vendor && repeated && field.id != ecs::RELATED_IP && field.id != ecs::RELATED_USER;
            if once || (of_file && file != Some(at)) || (at != base && field.id == ecs::MESSAGE) {
                continue;
            }
            // The vendor's own names are of one record each: whichever was first keeps it, the paths' are listed.
            let listed = is_of_type(&members[at], b"PATH") && !auditd::is_of_head(field.id);
            if field.vendor && repeated && !listed {
                continue;
            }
            writer.put_as(field.id, value, field.kind, field.vendor);
        }
        told = writer.fields_len();
    }
    auditd::write_action(&mut merged.writer(record));
}

fn is_of_type(member: &Member<'_>, wanted: &[u8]) -> bool {
    auditd::record_type(&member.view) == Some(wanted)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::decode::{Decoder, SourceOptions};
    use crate::dictionary::Dictionary;
    use crate::document::to_json;

    const GROUP: [&str; 7] = [
        r#"node=db1 type=SYSCALL msg=audit(1767261600.125:901): arch=c000003e syscall=59 success=yes exit=0 a0=55d0 a1=55d8 items=2 ppid=700 pid=701 auid=1000 uid=0 gid=0 tty=pts0 ses=3 comm="cat" exe="/usr/bin/cat" key="etc""#,
        r#"node=db1 type=EXECVE msg=audit(1767261600.125:901): argc=2 a0="cat" a1="/etc/shadow""#,
        r#"node=db1 type=CWD msg=audit(1767261600.125:901): cwd="/root""#,
        r#"node=db1 type=PATH msg=audit(1767261600.125:901): item=0 name="/usr/bin/" inode=1 nametype=PARENT"#,
        r#"node=db1 type=PATH msg=audit(1767261600.125:901): item=1 name="/usr/bin/cat" inode=131 dev=fd:00 mode=0100755 ouid=0 ogid=0 nametype=NORMAL"#,
        r#"node=db1 type=PATH msg=audit(1767261600.125:901): item=2 name="/lib64/ld-linux.so" inode=132 nametype=NORMAL"#,
        "node=db1 type=PROCTITLE msg=audit(1767261600.125:901): proctitle=636174002F6574632F736861646F77",
    ];

    /// The events of [`GROUP`].
    fn decoded(dictionary: &Arc<Dictionary>) -> Vec<Event> {
        let mut decoder = Decoder::new(Arc::clone(dictionary));
        let decode = |line: &&str| {
            let mut event = Event::new();
            decoder.decode(line.as_bytes(), 0, &SourceOptions::default(), &mut event);
            event
        };
        GROUP.iter().map(decode).collect()
    }

    fn members(events: &[Event]) -> Vec<Member<'_>> {
        let views = GROUP.iter().zip(events).map(|(line, event)| event.view(line.as_bytes()));
        views.map(|view| Member { view, own: view.fields().len() }).collect()
    }

    #[test]
    fn one_event_says_what_all_records_say() {
        let dictionary = Arc::new(Dictionary::new());
        let events = decoded(&dictionary);
        let text = GROUP.join("\n");
        let mut merged = Event::new();
        merge(&mut merged, text.as_bytes(), &members(&events));
        let found = to_json(merged.view(text.as_bytes()), &dictionary);
        let at = |path: &str| path.split('.').fold(&found, |value, key| &value[key]).clone();
        assert_eq!(at("event.original"), text);
        assert_eq!(at("event.action"), "executed");
        assert_eq!(at("event.category"), json!(["process"]));
        assert_eq!(at("event.type"), json!(["start"]));
        assert_eq!(at("event.outcome"), "success");
        assert_eq!(at("process.args"), json!(["cat", "/etc/shadow"]));
        assert_eq!(at("process.executable"), "/usr/bin/cat");
        assert_eq!(at("process.command_line"), "cat /etc/shadow");
        assert_eq!(at("process.working_directory"), "/root");
        assert_eq!(at("process.title"), "cat /etc/shadow");
        assert_eq!(at("process.pid"), 701);
        assert_eq!(at("file.path"), "/usr/bin/cat");
        assert_eq!(at("file.inode"), "131");
        assert_eq!(at("host.name"), "db1");
        assert_eq!(at("auditd.log.type"), "SYSCALL");
        assert_eq!(at("auditd.log.a0"), "55d0");
        assert_eq!(at("auditd.log.name"), json!(["/usr/bin/", "/usr/bin/cat", "/lib64/ld-linux.so"]));
        assert_eq!(at("@timestamp"), "2026-01-01T10:00:00.125Z");
        assert_ne!(at("user.id"), Value::Null);
    }

    #[test]
    fn a_record_is_lent_what_it_has_not_and_keeps_what_it_has() {
        let dictionary = Arc::new(Dictionary::new());
        let mut events = decoded(&dictionary);
        let mut execve = events.remove(1);
        let others = decoded(&dictionary);
        let own = execve.view(GROUP[1].as_bytes()).fields().len();
        let lenders = members(&others);
        lend(&mut execve, own, lenders.iter().enumerate().filter(|(at, _)| *at != 1).map(|(_, member)| *member));
        let view = execve.view(GROUP[1].as_bytes());
        let all = |name: &str| -> Vec<String> {
            let id = dictionary.find(name.as_bytes()).expect("a known name");
            view.values(id).map(|value| String::from_utf8_lossy(value).into_owned()).collect()
        };
        assert_eq!(
            (all("type"), all("a0"), all("a1")),
            (vec!["EXECVE".into()], vec!["cat".into()], vec!["/etc/shadow".into()])
        );
        assert_eq!(
            (all("auid"), all("exe"), all("cwd")),
            (vec!["1000".into()], vec!["/usr/bin/cat".into()], vec!["/root".into()])
        );
        assert_eq!(all("name").len(), 3);
        assert!(view.fields().len() <= own + LENT_FIELDS_MAX);
    }
}
