//! What Linux writes to `auth.log` / `secure`: sshd, sudo, su, PAM, login, the shadow
//! tools, systemd-logind, cron.
//!
//! Texts as in the sources of OpenSSH (`auth.c`, `auth2.c`, `packet.c`), Linux-PAM (`pam_unix`),
//! sudo (`logging.c`), shadow-utils and cron. User names are chosen by whoever
//! connects and may hold spaces and the word `from`: the address is looked for from the end.

use crate::decode::Context;
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventWriter, Kind};
use crate::logsource;
use crate::products;
use crate::products::Product;
use crate::scan;
use crate::wire::syslog::Header;

/// `linux_auth`.
pub(crate) static PRODUCT: Product = Product {
    name: "linux_auth",
    title: "sshd, sudo, su, PAM, login, useradd, systemd-logind, cron",
    document: "OpenSSH, sudo, Linux-PAM, shadow and util-linux manuals",
    namespace: "system.auth",
    module: "system",
    dataset: "system.auth",
    names: NAMES,
    ..Product::NONE
};

crate::products::names::vendor_names! {
    ssh_event = "ssh.event";
    ssh_method = "ssh.method";
    ssh_signature = "ssh.signature";
    sudo_tty = "sudo.tty";
    sudo_pwd = "sudo.pwd";
    sudo_user = "sudo.user";
    sudo_command = "sudo.command";
    sudo_error = "sudo.error";
    sudo_group = "sudo.group";
    pam_module = "pam.module";
    pam_service = "pam.service";
    tty = "tty";
    useradd_home = "useradd.home";
    useradd_shell = "useradd.shell";
    session_id = "session.id";
}

/// Decodes a record of this product; `false` = it is none.
pub(crate) fn decode<'a>(writer: &mut EventWriter<'a>, _context: &Context<'_>, header: &Header<'a>) -> bool {
    let text = header.message.trim_ascii();
    let core = writer.core();
    core.product = products::LINUX_AUTH;
    core.log_source = logsource::LINUX_AUTH;
    writer.put_str(ecs::EVENT_KIND, "event");
    writer.put(ecs::MESSAGE, text);
    if !header.hostname.is_empty() && writer.derives() {
        writer.put(ecs::RELATED_HOSTS, header.hostname);
    }
    let program = header.appname;
    match program {
        b"sshd" | b"sshd-session" | b"sshd-auth" => writer.core().log_source = logsource::LINUX_SSHD,
        b"sudo" => writer.core().log_source = logsource::LINUX_SUDO,
        b"CRON" | b"cron" | b"crond" | b"crontab" => writer.core().log_source = logsource::LINUX_CRON,
        _ => {}
    }
    if !writer.derives() {
        return true;
    }
    if text.starts_with(b"pam_") || text.starts_with(b"PAM ") {
        pam(writer, text);
        return true;
    }
    match program {
        b"sshd" | b"sshd-session" | b"sshd-auth" => sshd(writer, text),
        b"sudo" => sudo(writer, text),
        b"su" => su(writer, text),
        b"login" => login(writer, text),
        b"systemd-logind" | b"elogind-daemon" => logind(writer, text),
        b"CRON" | b"cron" | b"crond" | b"crontab" => cron(writer, text),
        b"useradd" | b"adduser" => account(writer, text, "user", "creation"),
        b"usermod" | b"passwd" | b"chpasswd" | b"chage" | b"chfn" | b"chsh" => account(writer, text, "user", "change"),
        b"userdel" | b"deluser" => account(writer, text, "user", "deletion"),
        b"groupadd" | b"addgroup" => account(writer, text, "group", "creation"),
        b"groupmod" | b"gpasswd" => account(writer, text, "group", "change"),
        b"groupdel" | b"delgroup" => account(writer, text, "group", "deletion"),
        _ => {}
    }
    true
}

// ---- small tools

fn vendor(writer: &mut EventWriter<'_>, id: FieldId, value: &[u8]) {
    if !value.is_empty() {
        writer.put_vendor(id, value);
    }
}

fn split<'a>(text: &'a [u8], by: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = scan::find(text, by)?;
    Some((&text[..at], &text[at + by.len()..]))
}

fn split_last<'a>(text: &'a [u8], by: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = scan::find_last(text, by)?;
    Some((&text[..at], &text[at + by.len()..]))
}

fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = scan::until(text, b' ');
    (&text[..end], text.get(end + 1..).unwrap_or_default())
}

fn put_user(writer: &mut EventWriter<'_>, id: FieldId, name: &[u8]) {
    if name.is_empty() {
        return;
    }
    let span = writer.span_of(name);
    writer.put_span(id, span, Kind::Text, false);
    let known = writer.view().values(ecs::RELATED_USER).any(|other| other == name);
    if !known {
        writer.put_span(ecs::RELATED_USER, span, Kind::Text, false);
    }
}

/// The peer: an address, or a name where `UseDNS` resolved it.
fn put_source(writer: &mut EventWriter<'_>, peer: &[u8]) {
    if peer.is_empty() {
        return;
    }
    writer.put(ecs::SOURCE_ADDRESS, peer);
    match crate::ip::parse(peer) {
        Some(ip) => {
            let span = writer.put_addr(ecs::SOURCE_IP, ip, peer);
            writer.put_span(ecs::RELATED_IP, span, Kind::Text, false);
        }
        None => {
            writer.put(ecs::SOURCE_DOMAIN, peer);
            writer.put(ecs::RELATED_HOSTS, peer);
        }
    }
}

/// `ADDRESS[ port N]…`: writes both, returns what follows.
fn put_peer<'a>(writer: &mut EventWriter<'_>, text: &'a [u8]) -> &'a [u8] {
    let (peer, rest) = word(text);
    // OpenSSH before 7.2: `from ADDRESS: 11: reason`.
    let peer = match peer {
        [inner @ .., b':' | b',' | b'.'] => inner,
        _ => peer,
    };
    put_source(writer, peer);
    let Some(rest) = rest.strip_prefix(b"port ") else { return rest };
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    writer.put_port(ecs::SOURCE_PORT, &rest[..digits]);
    &rest[digits..]
}

struct Meaning {
    action: &'static str,
    categories: &'static [&'static str],
    types: &'static [&'static str],
    outcome: &'static str,
}

fn say(writer: &mut EventWriter<'_>, meaning: &Meaning) {
    if !meaning.action.is_empty() {
        writer.put_str(ecs::EVENT_ACTION, meaning.action);
    }
    for category in meaning.categories {
        writer.put_str(ecs::EVENT_CATEGORY, category);
    }
    for kind in meaning.types {
        writer.put_str(ecs::EVENT_TYPE, kind);
    }
    if !meaning.outcome.is_empty() {
        writer.put_str(ecs::EVENT_OUTCOME, meaning.outcome);
    }
}

const SSH_SUCCESS: Meaning =
    Meaning { action: "ssh_login", categories: &["authentication", "session"], types: &["info"], outcome: "success" };
const SSH_FAILURE: Meaning =
    Meaning { action: "ssh_login", categories: &["authentication"], types: &["info"], outcome: "failure" };
const SSH_CONNECTION: Meaning =
    Meaning { action: "ssh_connection", categories: &["network"], types: &["connection", "start"], outcome: "" };
const SSH_END: Meaning =
    Meaning { action: "ssh_disconnect", categories: &["network"], types: &["connection", "end"], outcome: "" };
const LOGIN_SUCCESS: Meaning =
    Meaning { action: "logged-on", categories: &["authentication", "session"], types: &["start"], outcome: "success" };
const LOGIN_FAILURE: Meaning =
    Meaning { action: "logon-failed", categories: &["authentication"], types: &["info"], outcome: "failure" };
const SESSION_OPENED: Meaning =
    Meaning { action: "logged-on", categories: &["session"], types: &["start"], outcome: "success" };
const SESSION_CLOSED: Meaning =
    Meaning { action: "logged-off", categories: &["session"], types: &["end"], outcome: "success" };

// ---- sshd

/// The user before the last ` from `, without sshd's word on whether it exists.
fn ssh_user(text: &[u8]) -> &[u8] {
    for prefix in [&b"invalid user "[..], b"illegal user ", b"authenticating user ", b"user "] {
        if let Some(user) = text.strip_prefix(prefix) {
            return user;
        }
    }
    text
}

fn sshd(writer: &mut EventWriter<'_>, text: &[u8]) {
    let (first, rest) = word(text);
    match first {
        b"Accepted" | b"Failed" | b"Postponed" | b"Partial" => {
            let Some((method, who)) = split(rest, b" for ") else { return };
            let Some((user, peer)) = split_last(who, b" from ") else {
                writer.defect(Defect::MessageMalformed);
                return;
            };
            vendor(writer, ids().ssh_event, first);
            vendor(writer, ids().ssh_method, method);
            put_user(writer, ecs::USER_NAME, ssh_user(user));
            let rest = put_peer(writer, peer);
            if let Some((_, signature)) = split(rest, b": ") {
                vendor(writer, ids().ssh_signature, signature);
            }
            match first {
                b"Accepted" => say(writer, &SSH_SUCCESS),
                b"Failed" => say(writer, &SSH_FAILURE),
                // More factors are asked for: no outcome yet.
                _ => writer.put_str(ecs::EVENT_CATEGORY, "authentication"),
            }
        }
        b"Invalid" | b"Illegal" => {
            let Some(who) = rest.strip_prefix(b"user ") else { return };
            vendor(writer, ids().ssh_event, first);
            // An empty user name leaves `user  from`.
            let (user, peer) = who
                .strip_prefix(b"from ")
                .map_or_else(|| split_last(who, b" from ").unwrap_or((who, b"")), |peer| (&b""[..], peer));
            put_user(writer, ecs::USER_NAME, user);
            put_peer(writer, peer);
            say(writer, &SSH_FAILURE);
        }
        b"error:" => {
            if let Some(who) = rest.strip_prefix(b"maximum authentication attempts exceeded for ") {
                vendor(writer, ids().ssh_event, b"maximum authentication attempts exceeded");
                if let Some((user, peer)) = split_last(who, b" from ") {
                    put_user(writer, ecs::USER_NAME, ssh_user(user));
                    put_peer(writer, peer);
                }
                say(writer, &SSH_FAILURE);
            } else if rest.starts_with(b"PAM: ") {
                if let Some((what, peer)) = split_last(text, b" from ") {
                    if let Some((what, user)) = split_last(what, b" for ") {
                        let event = if ssh_user(user).len() < user.len() {
                            // `… for illegal` as the reason reads.
                            &text[..text.len().min(what.len() + b" for illegal".len())]
                        } else {
                            what
                        };
                        vendor(writer, ids().ssh_event, event);
                        put_user(writer, ecs::USER_NAME, ssh_user(user));
                        put_peer(writer, peer);
                    }
                }
                say(writer, &SSH_FAILURE);
            } else if let Some(who) = rest.strip_prefix(b"Received disconnect from ") {
                put_peer(writer, who);
                say(writer, &SSH_END);
            }
        }
        b"User" => {
            // `User bob from 203.0.113.9 not allowed because not listed in AllowUsers`
            if let Some((who, reason)) = split(rest, b" not allowed because ") {
                if let Some((user, peer)) = split_last(who, b" from ") {
                    put_user(writer, ecs::USER_NAME, user);
                    put_source(writer, peer);
                }
                writer.put(ecs::EVENT_REASON, reason);
                say(writer, &SSH_FAILURE);
            }
        }
        b"Connection" => {
            if let Some(peer) = rest.strip_prefix(b"from ") {
                let rest = put_peer(writer, peer);
                if let Some(local) = rest.strip_prefix(b" on ") {
                    let (address, rest) = word(local);
                    writer.put(ecs::DESTINATION_ADDRESS, address);
                    writer.put_ip(ecs::DESTINATION_IP, address);
                    if let Some(port) = rest.strip_prefix(b"port ") {
                        writer.put_port(ecs::DESTINATION_PORT, word(port).0);
                    }
                }
                say(writer, &SSH_CONNECTION);
            } else if let Some(who) = rest.strip_prefix(b"closed by ").or_else(|| rest.strip_prefix(b"reset by ")) {
                user_and_peer(writer, who);
                say(writer, &SSH_END);
            }
        }
        b"Disconnected" => {
            if let Some(who) = rest.strip_prefix(b"from ") {
                user_and_peer(writer, who);
                say(writer, &SSH_END);
            }
        }
        b"Disconnecting" => {
            user_and_peer(writer, rest);
            if let Some((_, reason)) = split_last(rest, b": ") {
                writer.put(ecs::EVENT_REASON, reason);
            }
            say(writer, &SSH_END);
        }
        b"Received" => {
            if let Some(who) = rest.strip_prefix(b"disconnect from ") {
                let rest = put_peer(writer, who);
                if let Some((_, reason)) = split(rest, b": ") {
                    writer.put(ecs::EVENT_REASON, reason);
                }
                say(writer, &SSH_END);
            }
        }
        b"Did" | b"Bad" | b"Timeout," | b"Protocol" => {
            if let Some((_, peer)) = split_last(rest, b" from ") {
                put_peer(writer, peer);
            } else if let Some((_, peer)) = split(rest, b"timeout for ") {
                user_and_peer(writer, peer);
            }
            say(writer, &SSH_CONNECTION);
        }
        b"Unable" => {
            if let Some(peer) = rest.strip_prefix(b"to negotiate with ") {
                let rest = put_peer(writer, peer);
                writer.put(ecs::EVENT_REASON, rest.strip_prefix(b": ").unwrap_or(rest));
                say(writer, &SSH_END);
            }
        }
        b"Starting" => {
            if let Some((_, who)) = split(rest, b" for ") {
                if let Some((user, peer)) = split_last(who, b" from ") {
                    put_user(writer, ecs::USER_NAME, user);
                    put_peer(writer, peer);
                    say(writer, &SESSION_OPENED);
                }
            }
        }
        b"subsystem" => {
            if let Some((_, user)) = split_last(rest, b" by user ") {
                put_user(writer, ecs::USER_NAME, user);
            }
        }
        b"reverse" => {
            // `reverse mapping checking getaddrinfo for NAME [ADDRESS] failed`
            if let Some((_, rest)) = split(rest, b"[") {
                if let Some((peer, _)) = split(rest, b"]") {
                    put_source(writer, peer);
                    say(writer, &SSH_CONNECTION);
                }
            }
        }
        b"Address" => {
            let (peer, rest) = word(rest);
            if rest.starts_with(b"maps to ") {
                put_source(writer, peer);
                say(writer, &SSH_CONNECTION);
            }
        }
        _ => {}
    }
}

/// `[invalid |authenticating ]user NAME ADDRESS port N` or the peer alone.
fn user_and_peer(writer: &mut EventWriter<'_>, text: &[u8]) {
    let who = ssh_user(text);
    if who.len() == text.len() {
        put_peer(writer, text);
        return;
    }
    match split_last(who, b" port ") {
        Some((before, _)) => match split_last(before, b" ") {
            Some((user, _)) => {
                put_user(writer, ecs::USER_NAME, user);
                put_peer(writer, &who[user.len() + 1..]);
            }
            // No user name was sent.
            None => {
                put_peer(writer, who);
            }
        },
        None => {
            let (user, peer) = word(who);
            put_user(writer, ecs::USER_NAME, user);
            put_peer(writer, peer);
        }
    }
}

// ---- PAM

/// `pam_unix(sshd:session): session opened for user root(uid=0) by (uid=0)` and its kin.
fn pam(writer: &mut EventWriter<'_>, text: &[u8]) {
    let mut rest = text;
    if let Some((module, after)) = split(text, b"(").filter(|(module, _)| module.len() <= 32 && !module.contains(&b' '))
    {
        if let Some((service, message)) = split(after, b"): ") {
            vendor(writer, ids().pam_module, module);
            vendor(writer, ids().pam_service, service.split(|&byte| byte == b':').next().unwrap_or(service));
            rest = message;
        }
    }
    if let Some(who) = rest.strip_prefix(b"session opened for user ") {
        let (target, by) = split(who, b" by ").unwrap_or((who, b""));
        let (target, _) = name_and_uid(target);
        let (by, uid) = name_and_uid(by);
        put_user(writer, ecs::USER_NAME, if by.is_empty() { target } else { by });
        put_user(writer, ecs::USER_EFFECTIVE_NAME, target);
        if !uid.is_empty() {
            writer.put(ecs::USER_ID, uid);
        }
        say(writer, &SESSION_OPENED);
    } else if let Some(who) = rest.strip_prefix(b"session closed for user ") {
        put_user(writer, ecs::USER_NAME, name_and_uid(who).0);
        say(writer, &SESSION_CLOSED);
    } else if let Some((_, pairs)) = split(rest, b"authentication failure") {
        let mut user: &[u8] = b"";
        let mut ruser: &[u8] = b"";
        for pair in pairs.split(|&byte| matches!(byte, b' ' | b';')) {
            let Some((key, value)) = split(pair, b"=") else { continue };
            match key {
                b"user" => user = value,
                b"ruser" => ruser = value,
                b"uid" if !value.is_empty() && !writer.view().has(ecs::USER_ID) => writer.put(ecs::USER_ID, value),
                b"tty" => vendor(writer, ids().tty, value),
                b"rhost" => put_source(writer, value),
                _ => {}
            }
        }
        put_user(writer, ecs::USER_NAME, if user.is_empty() { ruser } else { user });
        if !ruser.is_empty() && !user.is_empty() && ruser != user {
            put_user(writer, ecs::RELATED_USER, ruser);
        }
        say(writer, &LOGIN_FAILURE);
    } else if let Some(who) = rest.strip_prefix(b"password changed for ") {
        put_user(writer, ecs::USER_NAME, who);
        say(writer, &PASSWORD_CHANGED);
    } else if let Some((_, who)) = split(rest, b"check pass; user unknown") {
        debug_assert!(who.len() <= rest.len());
        say(writer, &LOGIN_FAILURE);
    } else if let Some((_, who)) = split(rest, b"auth could not identify password for [") {
        put_user(writer, ecs::USER_NAME, who.strip_suffix(b"]").unwrap_or(who));
        say(writer, &LOGIN_FAILURE);
    }
}

const PASSWORD_CHANGED: Meaning =
    Meaning { action: "changed-password", categories: &["iam"], types: &["user", "change"], outcome: "success" };

/// `name(uid=N)`.
fn name_and_uid(text: &[u8]) -> (&[u8], &[u8]) {
    match split(text, b"(uid=") {
        Some((name, uid)) => (name.trim_ascii(), uid.split(|&byte| byte == b')').next().unwrap_or(b"")),
        None => (text.trim_ascii(), b""),
    }
}

// ---- sudo, su, login

fn sudo(writer: &mut EventWriter<'_>, text: &[u8]) {
    let Some((user, rest)) = split(text, b" : ") else { return };
    // `(command continued) …` carries on a line that was too long for syslog.
    if rest.starts_with(b"(command continued)") {
        return;
    }
    let mut rest = rest;
    let mut error: &[u8] = b"";
    let mut described = false;
    let mut target: &[u8] = b"";
    loop {
        let (part, after, last) = if let Some(command) = rest.strip_prefix(b"COMMAND=") {
            vendor(writer, ids().sudo_command, command);
            writer.put(ecs::PROCESS_COMMAND_LINE, command);
            described = true;
            break;
        } else {
            match split(rest, b" ; ") {
                Some((part, after)) => (part, after, false),
                None => (rest, &b""[..], true),
            }
        };
        match split(part, b"=") {
            Some((b"TTY", value)) => vendor(writer, ids().sudo_tty, value),
            Some((b"PWD", value)) => {
                vendor(writer, ids().sudo_pwd, value);
                writer.put(ecs::PROCESS_WORKING_DIRECTORY, value);
            }
            Some((b"USER", value)) => {
                vendor(writer, ids().sudo_user, value);
                target = value;
                described = true;
            }
            Some((b"GROUP", value)) => vendor(writer, ids().sudo_group, value),
            Some((b"ENV" | b"CHROOT" | b"TSID", _)) => {}
            _ => {
                if error.is_empty() {
                    error = part;
                }
            }
        }
        if last {
            break;
        }
        rest = after;
    }
    if !described && error.is_empty() {
        return;
    }
    put_user(writer, ecs::USER_NAME, user.trim_ascii());
    put_user(writer, ecs::USER_EFFECTIVE_NAME, target);
    writer.put_str(ecs::EVENT_CATEGORY, "process");
    if error.is_empty() {
        writer.put_str(ecs::EVENT_TYPE, "start");
        writer.put_str(ecs::EVENT_OUTCOME, "success");
    } else {
        vendor(writer, ids().sudo_error, error);
        writer.put(ecs::EVENT_REASON, error);
        if memchr::memmem::find(error, b"incorrect password").is_some() {
            writer.put_str(ecs::EVENT_CATEGORY, "authentication");
        }
        writer.put_str(ecs::EVENT_TYPE, "denied");
        writer.put_str(ecs::EVENT_OUTCOME, "failure");
    }
}

fn su(writer: &mut EventWriter<'_>, text: &[u8]) {
    let (success, who) = if let Some(who) = text.strip_prefix(b"Successful su for ") {
        (true, split_last(who, b" by "))
    } else if let Some(who) = text.strip_prefix(b"FAILED su for ") {
        (false, split_last(who, b" by "))
    } else if let Some(who) = text.strip_prefix(b"FAILED SU (to ") {
        (false, split(who, b") ").map(|(target, by)| (target, word(by).0)))
    } else if let Some(who) = text.strip_prefix(b"(to ") {
        (true, split(who, b") ").map(|(target, by)| (target, word(by).0)))
    } else if let [sign @ (b'+' | b'-'), b' ', who @ ..] = text {
        // `+ /dev/pts/0 bob:root`
        let (tty, names) = word(who);
        vendor(writer, ids().tty, tty);
        (*sign == b'+', split(names, b":").map(|(by, target)| (target, by)))
    } else {
        return;
    };
    let Some((target, by)) = who else { return };
    put_user(writer, ecs::USER_NAME, by);
    put_user(writer, ecs::USER_EFFECTIVE_NAME, target);
    say(writer, if success { &LOGIN_SUCCESS } else { &LOGIN_FAILURE });
}

fn login(writer: &mut EventWriter<'_>, text: &[u8]) {
    if let Some((_, rest)) = split(text, b"FAILED LOGIN") {
        // `FAILED LOGIN (1) on '/dev/tty1' FOR 'root', Authentication failure`, or `… FROM host FOR root, …`
        if let Some((before, who)) = split(rest, b" FOR ") {
            let (user, reason) = split(who, b", ").unwrap_or((who, b""));
            put_user(writer, ecs::USER_NAME, unquote(user));
            if !reason.is_empty() {
                writer.put(ecs::EVENT_REASON, reason);
            }
            if let Some((_, tty)) = split(before, b" on ") {
                vendor(writer, ids().tty, unquote(word(tty).0));
            }
            if let Some((_, peer)) = split(before, b" FROM ") {
                put_source(writer, unquote(word(peer).0));
            }
        }
        say(writer, &LOGIN_FAILURE);
    } else if let Some((before, rest)) = split(text, b"LOGIN ON ") {
        let (tty, rest) = word(rest);
        vendor(writer, ids().tty, tty);
        if let Some(user) = rest.strip_prefix(b"BY ") {
            put_user(writer, ecs::USER_NAME, word(user).0);
        } else if before.trim_ascii() == b"ROOT" {
            writer.put_str(ecs::USER_NAME, "root");
            writer.put_str(ecs::RELATED_USER, "root");
        }
        if let Some((_, peer)) = split(text, b" FROM ") {
            put_source(writer, word(peer).0);
        }
        say(writer, &LOGIN_SUCCESS);
    }
}

fn unquote(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"'").and_then(|text| text.strip_suffix(b"'")).unwrap_or(text)
}

// ---- systemd-logind, cron

fn logind(writer: &mut EventWriter<'_>, text: &[u8]) {
    if let Some(rest) = text.strip_prefix(b"New session ") {
        if let Some((session, who)) = split(rest, b" of user ") {
            vendor(writer, ids().session_id, session);
            // Newer versions go on: `root with class 'user' and type 'tty'.`
            let user = word(who).0;
            put_user(writer, ecs::USER_NAME, user.strip_suffix(b".").unwrap_or(user));
            say(writer, &SESSION_OPENED);
        }
    } else if let Some(rest) = text.strip_prefix(b"Removed session ") {
        vendor(writer, ids().session_id, rest.strip_suffix(b".").unwrap_or(rest));
        say(writer, &SESSION_CLOSED);
    } else if let Some(rest) = text.strip_prefix(b"Session ") {
        vendor(writer, ids().session_id, word(rest).0);
        if memchr::memmem::find(rest, b"logged out").is_some() {
            say(writer, &SESSION_CLOSED);
        }
    }
}

/// `(root) CMD (run-parts /etc/cron.hourly)`.
fn cron(writer: &mut EventWriter<'_>, text: &[u8]) {
    let Some(rest) = text.strip_prefix(b"(") else { return };
    let Some((user, rest)) = split(rest, b") ") else { return };
    let Some((verb, what)) = split(rest, b" (") else { return };
    let what = what.strip_suffix(b")").unwrap_or(what);
    put_user(writer, ecs::USER_NAME, user);
    match verb {
        b"CMD" => {
            writer.put(ecs::PROCESS_COMMAND_LINE, what);
            say(writer, &Meaning { action: "cron-job", categories: &["process"], types: &["start"], outcome: "" });
        }
        b"REPLACE" | b"BEGIN EDIT" | b"END EDIT" | b"DELETE" | b"RELOAD" => {
            writer.put(ecs::EVENT_ACTION, verb);
            say(
                writer,
                &Meaning { action: "", categories: &["configuration"], types: &["change"], outcome: "success" },
            );
        }
        _ => writer.put(ecs::EVENT_ACTION, verb),
    }
}

// ---- shadow-utils

fn account(writer: &mut EventWriter<'_>, text: &[u8], what: &'static str, change: &'static str) {
    writer.put_str(ecs::EVENT_CATEGORY, "iam");
    writer.put_str(ecs::EVENT_TYPE, what);
    writer.put_str(ecs::EVENT_TYPE, change);
    let failed = text.starts_with(b"failed") || memchr::memmem::find(text, b"error").is_some();
    writer.put_str(ecs::EVENT_OUTCOME, if failed { "failure" } else { "success" });
    if let Some(pairs) = text.strip_prefix(b"new user: ") {
        for pair in pairs.split(|&byte| byte == b',') {
            match split(pair.trim_ascii(), b"=") {
                Some((b"name", value)) => put_user(writer, ecs::USER_NAME, value),
                Some((b"UID", value)) => writer.put(ecs::USER_ID, value),
                Some((b"GID", value)) => writer.put(ecs::GROUP_ID, value),
                Some((b"home", value)) => vendor(writer, ids().useradd_home, value),
                Some((b"shell", value)) => vendor(writer, ids().useradd_shell, value),
                _ => {}
            }
        }
        writer.put_str(ecs::EVENT_ACTION, "added-user-account");
    } else if let Some(pairs) = text.strip_prefix(b"new group: ") {
        for pair in pairs.split(|&byte| byte == b',') {
            match split(pair.trim_ascii(), b"=") {
                Some((b"name", value)) => writer.put(ecs::GROUP_NAME, value),
                Some((b"GID", value)) => writer.put(ecs::GROUP_ID, value),
                _ => {}
            }
        }
        writer.put_str(ecs::EVENT_ACTION, "added-group-account");
    } else if let Some(rest) = text.strip_prefix(b"user ") {
        // gpasswd: `user bob added by root to group wheel`
        if let Some((user, rest)) = split(rest, b" added by ").or_else(|| split(rest, b" removed by ")) {
            put_user(writer, ecs::USER_TARGET_NAME, user);
            if let Some((by, group)) = split(rest, b" to group ").or_else(|| split(rest, b" from group ")) {
                put_user(writer, ecs::USER_NAME, by);
                writer.put(ecs::GROUP_NAME, group);
            }
        }
    } else if let Some((_, rest)) = split(text, b"'") {
        let (first, rest) = split(rest, b"'").unwrap_or((rest, b""));
        if memchr::memmem::find(&text[..text.len() - rest.len()], b"group '").is_some() {
            writer.put(ecs::GROUP_NAME, first);
        } else {
            put_user(writer, ecs::USER_NAME, first);
            // `add 'bob' to group 'wheel'`
            if let Some((_, group)) = split(rest, b"group '") {
                writer.put(ecs::GROUP_NAME, split(group, b"'").map_or(group, |(name, _)| name));
            }
        }
    } else if let Some((_, user)) = split(text, b"password for ").or_else(|| split(text, b"expiry for ")) {
        put_user(writer, ecs::USER_NAME, word(user).0);
    }
}
