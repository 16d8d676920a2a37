//! The texts of Cisco's wireless LAN controllers, by how they word clients and addresses.
//!
//! Source: Cisco Wireless LAN Controller System Message Guide. Debug texts repeat the wording under `LOG-n-Q_IND`, so
//! texts are told by their words, not by the mnemonic.

use std::sync::LazyLock;

use crate::ecs;
use crate::event::EventWriter;
use crate::products::text_template::{Captures, Template};

static TEXTS: &[&str] = &[
    "STA(Target MAC Address) [{client.mac}, {_}] {reason}(Source IP Address) {client.ip}/TPA(Destination IP Address) {server.ip}",
    "Username entry ({user.name}) {_} for mobile {client.mac}",
    "Entry {_} A={client.ip} V={_} I={+interface.name}:{_} M={client.mac}",
    "Entry {_} A={client.ip} V={_} I={+interface.name}:{_}",
    "Authentication {_} for admin user '{user.name}' on {client.ip}",
    "Authentication {_} for network user '{user.name}'",
    "Login {_} for the user '{user.name}'",
    "AP {host.mac} : Alarm {_}",
    "...continue, source mac= {client.mac}",
    "Authentication Aborted for  client {client.mac} Abort Reason:{reason}",
    "Authentication {_} for client {client.mac} Abort Reason:{reason}",
    "Invalid replay counter from client {client.mac} - ",
    "{_}exceeded for client {client.mac}",
    "{_} - client {client.mac}",
    "{_} from client {client.mac} - ",
    "{_} for client {client.mac}",
    "{_} for mobile {client.mac}",
    "{_} of mobile {client.mac}",
    "{_}lient not found: {client.mac}",
    "{_} the mobile {client.mac} ",
    "{_} for station {client.mac}",
];

/// Writes what a text says; provider and action are those of the mark.
pub(super) fn put<'a>(writer: &mut EventWriter<'a>, facility: &'a [u8], mnemonic: &'a [u8], text: &'a [u8]) {
    static TEMPLATES: LazyLock<Vec<Template>> =
        LazyLock::new(|| TEXTS.iter().map(|text| Template::compile(text)).collect());
    writer.put(ecs::EVENT_PROVIDER, facility);
    writer.put(ecs::EVENT_ACTION, mnemonic);
    writer.put_str(ecs::EVENT_CATEGORY, "network");
    writer.put_str(ecs::EVENT_TYPE, "info");
    if facility == b"AAA" {
        writer.put_str(ecs::EVENT_CATEGORY, "authentication");
        let failed = crate::scan::find(text, b"failed").is_some() || crate::scan::find(text, b"Failed").is_some();
        let succeeded = crate::scan::find(text, b"succeeded").is_some();
        if failed || succeeded {
            writer.put_str(ecs::EVENT_OUTCOME, if failed { "failure" } else { "success" });
        }
    }
    let mut captures = Captures::new();
    if TEMPLATES.iter().any(|template| template.matches(text, &mut captures)) {
        captures.write(writer);
    }
}
