use crate::testing::fields;

#[track_caller]
fn check(input: &str, wanted: &str, expected: &str) {
    assert_eq!(fields(input.as_bytes(), "UTC", wanted), expected, "{input}");
}

#[test]
fn a_system_call_with_its_enriched_part() {
    check(
        "node=db1 type=SYSCALL msg=audit(1767261600.125:901): arch=c000003e syscall=59 success=yes exit=0 a0=55d0 a1=55d8 \
         a2=0 a3=8 items=2 ppid=700 pid=701 auid=1000 uid=0 gid=0 euid=0 tty=pts0 ses=3 comm=\"cat\" exe=\"/usr/bin/cat\" \
         key=\"etc shadow\"\x1dARCH=x86_64 SYSCALL=execve AUID=\"ann\" UID=\"root\"",
        "time type syscall SYSCALL a0 key AUID process.* user.* event.action event.outcome event.id host.* defects",
        "time=2026-01-01T10:00:00.125Z; type=SYSCALL; syscall=59; SYSCALL=execve; a0=55d0; key=etc shadow; AUID=ann; \
         process.exit_code=0; process.parent.pid=700; process.pid=701; process.name=cat; \
         process.executable=/usr/bin/cat; user.group.id=0; user.effective.id=0; user.id=0; event.action=syscall; \
         event.outcome=success; event.id=901; host.name=db1; host.hostname=db1; host.architecture=x86_64",
    );
}

#[test]
fn arguments_are_decoded_and_joined() {
    check(
        "type=EXECVE msg=audit(1767261600.125:901): argc=3 a0=\"sh\" a1=\"-c\" a2=636174202F6574632F736861646F77",
        "a2 process.*",
        "a2=cat /etc/shadow; process.args_count=3; process.executable=sh; process.args=sh,-c,cat /etc/shadow; \
         process.command_line=sh -c cat /etc/shadow",
    );
    check(
        "type=PROCTITLE msg=audit(1767261600.125:901): proctitle=6C73002D6C61",
        "proctitle process.title event.action",
        "proctitle=ls -la; process.title=ls -la; event.action=proctitle",
    );
}

#[test]
fn hexadecimal_is_decoded_only_where_text_needed_it() {
    // Plain words are quoted by the kernel: what is bare and printable was never encoded.
    for (value, expected) in
        [("63C3A920", "c\u{e9} "), ("41424344", "41424344"), ("beef2020", "beef2020"), ("10", "10"), ("636", "636")]
    {
        check(&format!("type=EXECVE msg=audit(1767261600.1:1): argc=1 a0={value}"), "a0", &format!("a0={expected}"));
    }
}

#[test]
fn log_ins() {
    check(
        "type=USER_LOGIN msg=audit(1767261600.125:77): pid=9 uid=0 auid=4294967295 ses=4294967295 msg='op=login \
         acct=\"ann\" exe=\"/usr/sbin/sshd\" hostname=? addr=203.0.113.9 terminal=ssh res=failed'",
        "event.* user.* source.* related.* op",
        "event.kind=event; event.id=77; event.sequence=77; event.outcome=failure; event.action=logged-in; \
         event.category=authentication; event.type=start; user.id=0; user.name=ann; user.effective.name=ann; \
         source.address=203.0.113.9; source.ip=203.0.113.9; related.ip=203.0.113.9; related.user=ann; op=login",
    );
    check(
        "type=ADD_GROUP msg=audit(1767261600.125:77): pid=9 uid=0 auid=1000 msg='op=adding group to /etc/group id=1004 \
         exe=\"/usr/sbin/groupadd\" hostname=h addr=? res=success'",
        "op group.id user.id event.category event.outcome",
        "op=adding group to /etc/group; group.id=1004; user.id=1000; event.category=iam; event.outcome=success",
    );
}

#[test]
fn selinux_and_sockets() {
    check(
        "type=AVC msg=audit(1767261600.125:77): avc:  denied  { read write } for  pid=9 comm=\"httpd\" name=\"x\" \
         scontext=a:b tclass=file",
        "avc.action avc.request event.outcome process.pid tclass",
        "avc.action=denied; avc.request=read write; event.outcome=failure; process.pid=9; tclass=file",
    );
    check(
        "type=SOCKADDR msg=audit(1767261600.125:77): saddr=020001BBCB0071090000000000000000",
        "destination.*",
        "destination.ip=203.0.113.9; destination.address=203.0.113.9; destination.port=443",
    );
}

#[test]
fn through_syslog_and_the_kernel() {
    check(
        "<13>Jan 01 2026 10:00:00 db1 audispd: node=db1 type=CWD msg=audit(1767261601.000:5): cwd=\"/root\"",
        "time host.name process.working_directory event.action",
        "time=2026-01-01T10:00:01Z; host.name=db1; process.working_directory=/root; event.action=cwd",
    );
    check(
        "<5>Jan 01 2026 10:00:00 db1 kernel: audit: type=1400 audit(1767261601.5:6): apparmor=\"DENIED\" pid=4",
        "type apparmor process.pid",
        "type=1400; apparmor=DENIED; process.pid=4",
    );
}

#[test]
fn what_breaks_off_is_still_read() {
    check(
        "type=PATH msg=audit(1767261600.1:1): name=\"/etc/pas",
        "name defects",
        "name=/etc/pas; defects=unbalanced_quote",
    );
    check("type=PATH msg=audit(x): name=\"a\"", "name defects", "name=a; defects=time_missing,time_unreadable");
    check("type=PATH msg=audit(1767261600.1", "name event.action", "");
}
