//! The CSV formats, by their number of columns.

use super::{
    ids, put_address, put_class, put_end, put_message, put_priority, put_protocol, put_rule, put_verdict, split_rule,
};
use crate::defect::Defect;
use crate::dictionary::FieldId;
use crate::ecs;
use crate::event::{EventWriter, Kind};
use crate::number::parse_u64;
use crate::products::columns::Columns;
use crate::products::fields::put_mac_text;

/// Columns after the time stamp of Snort 2's `alert_csv`, default layout.
const SNORT2_COLUMNS: usize = 26;
/// Those of pfSense's Snort and Suricata packages.
const PFSENSE_COLUMNS: usize = 14;
/// Those of Snort 3's `alert_csv`, default layout.
const SNORT3_COLUMNS: usize = 9;

/// Reads the columns behind the stamp; `false` = they are in no known layout, and nothing was written.
pub(super) fn decode<'a>(writer: &mut EventWriter<'a>, text: &'a [u8]) -> bool {
    let columns = Columns::by_comma(text);
    if let Some(rule) = split_rule(columns.get(7)).filter(|_| columns.len() == SNORT3_COLUMNS) {
        snort3(writer, &columns, rule);
        return true;
    }
    let rule = [columns.get(0), columns.get(1), columns.get(2)];
    if columns.len() < 9 || rule.iter().any(|part| parse_u64(part).is_none()) {
        return false;
    }
    if columns.unbalanced {
        writer.defect(Defect::UnbalancedQuote);
    }
    put_rule(writer, rule);
    put_message(writer, columns.get(3));
    put_protocol(writer, columns.get(4));
    put_address(writer, columns.get(5), ecs::SOURCE_IP, ecs::SOURCE_ADDRESS);
    put_address(writer, columns.get(7), ecs::DESTINATION_IP, ecs::DESTINATION_ADDRESS);
    for (at, id) in [(6, ecs::SOURCE_PORT), (8, ecs::DESTINATION_PORT)] {
        if !columns.get(at).is_empty() {
            writer.put_port(id, columns.get(at));
        }
    }
    match columns.len() {
        SNORT2_COLUMNS.. => snort2(writer, &columns),
        PFSENSE_COLUMNS => pfsense(writer, &columns),
        _ => writer.defect(Defect::ColumnCount),
    }
    true
}

fn snort2<'a>(writer: &mut EventWriter<'a>, columns: &Columns<'a>) {
    let ids = ids();
    put_mac_text(writer, columns.get(9), ecs::SOURCE_MAC);
    put_mac_text(writer, columns.get(10), ecs::DESTINATION_MAC);
    let names: [FieldId; 15] = [
        ids.eth_length,
        ids.tcp_flags,
        ids.tcp_seq,
        ids.tcp_ack,
        ids.tcp_length,
        ids.tcp_window,
        ids.ip_ttl,
        ids.ip_tos,
        ids.ip_id,
        ids.dgm_length,
        ids.ip_length,
        ids.icmp_type,
        ids.icmp_code,
        ids.icmp_id,
        ids.icmp_seq,
    ];
    for (id, value) in names.into_iter().zip(columns.all().iter().skip(11)) {
        if parse_u64(value).is_some() {
            writer.put_as(id, value, Kind::Number, true);
        } else if !value.is_empty() {
            writer.put_vendor(id, value);
        }
    }
    if columns.len() > SNORT2_COLUMNS + 1 {
        writer.defect(Defect::ColumnCount);
    }
}

fn pfsense<'a>(writer: &mut EventWriter<'a>, columns: &Columns<'a>) {
    let ids = ids();
    writer.put_vendor(ids.ip_id, columns.get(9));
    put_class(writer, columns.get(10));
    put_priority(writer, columns.get(11));
    writer.put_vendor(ids.action, columns.get(12));
    writer.put_vendor(ids.disposition, columns.get(13));
    put_verdict(writer, columns.get(13));
}

fn snort3<'a>(writer: &mut EventWriter<'a>, columns: &Columns<'a>, rule: [&'a [u8]; 3]) {
    let ids = ids();
    put_rule(writer, rule);
    writer.put_vendor(ids.pkt_num, columns.get(0));
    put_protocol(writer, columns.get(1));
    writer.put_vendor(ids.pkt_gen, columns.get(2));
    writer.put_vendor(ids.pkt_len, columns.get(3));
    if parse_u64(columns.get(3)).is_some() {
        writer.put_as(ecs::NETWORK_BYTES, columns.get(3), Kind::Number, false);
    }
    writer.put_vendor(ids.dir, columns.get(4));
    put_end(writer, columns.get(5), ecs::SOURCE_IP, ecs::SOURCE_ADDRESS, ecs::SOURCE_PORT);
    put_end(writer, columns.get(6), ecs::DESTINATION_IP, ecs::DESTINATION_ADDRESS, ecs::DESTINATION_PORT);
    writer.put_vendor(ids.action, columns.get(8));
    put_verdict(writer, columns.get(8));
}
