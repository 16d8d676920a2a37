//! Information elements: what the number of a field means (IANA "IP Flow Information Export (IPFIX) Entities"; NetFlow
//! version 9 shares the numbers below 128, RFC 3954 §8).
//!
//! Names are those of the registry in snake case. An element that is not here, or of an enterprise, is
//! kept by its number.

/// How an element's octets are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Type {
    Unsigned,
    Float,
    Boolean,
    Mac,
    Ipv4,
    Ipv6,
    String,
    /// Octets without meaning of their own.
    Octets,
    Seconds,
    Millis,
    /// Seconds and fraction of NTP (RFC 7011 §6.1.9 and §6.1.10).
    Ntp,
}

/// One element.
pub(super) struct Element {
    pub(super) id: u16,
    pub(super) name: &'static str,
    pub(super) kind: Type,
}

macro_rules! elements {
    ($($id:literal $name:literal $kind:ident;)*) => {
        /// The elements by number.
        static ELEMENTS: &[Element] = &[$(Element { id: $id, name: $name, kind: Type::$kind },)*];
    };
}

/// The element of a number.
pub(super) fn of(id: u16) -> Option<&'static Element> {
    ELEMENTS.binary_search_by_key(&id, |element| element.id).ok().map(|at| &ELEMENTS[at])
}

/// Numbers that the decoder itself speaks of.
pub(super) mod number {
    pub(crate) const SAMPLING_INTERVAL: u16 = 34;
    pub(crate) const SAMPLER_ID: u16 = 48;
    pub(crate) const SAMPLER_RANDOM_INTERVAL: u16 = 50;
    pub(crate) const LAST_SWITCHED: u16 = 21;
    pub(crate) const FIRST_SWITCHED: u16 = 22;
    pub(crate) const START_SECONDS: u16 = 150;
    pub(crate) const END_SECONDS: u16 = 151;
    pub(crate) const START_MILLIS: u16 = 152;
    pub(crate) const END_MILLIS: u16 = 153;
    pub(crate) const START_MICROS: u16 = 154;
    pub(crate) const END_MICROS: u16 = 155;
    pub(crate) const START_NANOS: u16 = 156;
    pub(crate) const END_NANOS: u16 = 157;
    pub(crate) const START_DELTA: u16 = 158;
    pub(crate) const END_DELTA: u16 = 159;
    pub(crate) const SYSTEM_INIT: u16 = 160;
    pub(crate) const DURATION_MILLIS: u16 = 161;
    pub(crate) const SELECTOR_ID: u16 = 302;
    pub(crate) const SAMPLING_PACKET_INTERVAL: u16 = 305;
    pub(crate) const PADDING: u16 = 210;
}

elements! {
    1 "octet_delta_count" Unsigned;
    2 "packet_delta_count" Unsigned;
    3 "delta_flow_count" Unsigned;
    4 "protocol_identifier" Unsigned;
    5 "ip_class_of_service" Unsigned;
    6 "tcp_control_bits" Unsigned;
    7 "source_transport_port" Unsigned;
    8 "source_ipv4_address" Ipv4;
    9 "source_ipv4_prefix_length" Unsigned;
    10 "ingress_interface" Unsigned;
    11 "destination_transport_port" Unsigned;
    12 "destination_ipv4_address" Ipv4;
    13 "destination_ipv4_prefix_length" Unsigned;
    14 "egress_interface" Unsigned;
    15 "ip_next_hop_ipv4_address" Ipv4;
    16 "bgp_source_as_number" Unsigned;
    17 "bgp_destination_as_number" Unsigned;
    18 "bgp_next_hop_ipv4_address" Ipv4;
    19 "post_mcast_packet_delta_count" Unsigned;
    20 "post_mcast_octet_delta_count" Unsigned;
    21 "flow_end_sys_up_time" Unsigned;
    22 "flow_start_sys_up_time" Unsigned;
    23 "post_octet_delta_count" Unsigned;
    24 "post_packet_delta_count" Unsigned;
    25 "minimum_ip_total_length" Unsigned;
    26 "maximum_ip_total_length" Unsigned;
    27 "source_ipv6_address" Ipv6;
    28 "destination_ipv6_address" Ipv6;
    29 "source_ipv6_prefix_length" Unsigned;
    30 "destination_ipv6_prefix_length" Unsigned;
    31 "flow_label_ipv6" Unsigned;
    32 "icmp_type_code_ipv4" Unsigned;
    33 "igmp_type" Unsigned;
    34 "sampling_interval" Unsigned;
    35 "sampling_algorithm" Unsigned;
    36 "flow_active_timeout" Unsigned;
    37 "flow_idle_timeout" Unsigned;
    38 "engine_type" Unsigned;
    39 "engine_id" Unsigned;
    40 "exported_octet_total_count" Unsigned;
    41 "exported_message_total_count" Unsigned;
    42 "exported_flow_record_total_count" Unsigned;
    43 "ipv4_router_sc" Ipv4;
    44 "source_ipv4_prefix" Ipv4;
    45 "destination_ipv4_prefix" Ipv4;
    46 "mpls_top_label_type" Unsigned;
    47 "mpls_top_label_ipv4_address" Ipv4;
    48 "sampler_id" Unsigned;
    49 "sampler_mode" Unsigned;
    50 "sampler_random_interval" Unsigned;
    51 "class_id" Unsigned;
    52 "minimum_ttl" Unsigned;
    53 "maximum_ttl" Unsigned;
    54 "fragment_identification" Unsigned;
    55 "post_ip_class_of_service" Unsigned;
    56 "source_mac_address" Mac;
    57 "post_destination_mac_address" Mac;
    58 "vlan_id" Unsigned;
    59 "post_vlan_id" Unsigned;
    60 "ip_version" Unsigned;
    61 "flow_direction" Unsigned;
    62 "ip_next_hop_ipv6_address" Ipv6;
    63 "bgp_next_hop_ipv6_address" Ipv6;
    64 "ipv6_extension_headers" Unsigned;
    70 "mpls_top_label_stack_section" Octets;
    71 "mpls_label_stack_section2" Octets;
    72 "mpls_label_stack_section3" Octets;
    80 "destination_mac_address" Mac;
    81 "post_source_mac_address" Mac;
    82 "interface_name" String;
    83 "interface_description" String;
    84 "sampler_name" String;
    85 "octet_total_count" Unsigned;
    86 "packet_total_count" Unsigned;
    87 "flags_and_sampler_id" Unsigned;
    88 "fragment_offset" Unsigned;
    89 "forwarding_status" Unsigned;
    90 "mpls_vpn_route_distinguisher" Octets;
    91 "mpls_top_label_prefix_length" Unsigned;
    92 "src_traffic_index" Unsigned;
    93 "dst_traffic_index" Unsigned;
    94 "application_description" String;
    95 "application_id" Octets;
    96 "application_name" String;
    98 "post_ip_diff_serv_code_point" Unsigned;
    99 "multicast_replication_factor" Unsigned;
    100 "class_name" String;
    101 "classification_engine_id" Unsigned;
    128 "bgp_next_adjacent_as_number" Unsigned;
    129 "bgp_prev_adjacent_as_number" Unsigned;
    130 "exporter_ipv4_address" Ipv4;
    131 "exporter_ipv6_address" Ipv6;
    132 "dropped_octet_delta_count" Unsigned;
    133 "dropped_packet_delta_count" Unsigned;
    134 "dropped_octet_total_count" Unsigned;
    135 "dropped_packet_total_count" Unsigned;
    136 "flow_end_reason" Unsigned;
    137 "common_properties_id" Unsigned;
    138 "observation_point_id" Unsigned;
    139 "icmp_type_code_ipv6" Unsigned;
    140 "mpls_top_label_ipv6_address" Ipv6;
    141 "line_card_id" Unsigned;
    142 "port_id" Unsigned;
    143 "metering_process_id" Unsigned;
    144 "exporting_process_id" Unsigned;
    145 "template_id_element" Unsigned;
    146 "wlan_channel_id" Unsigned;
    147 "wlan_ssid" String;
    148 "flow_id" Unsigned;
    149 "observation_domain_id" Unsigned;
    150 "flow_start_seconds" Seconds;
    151 "flow_end_seconds" Seconds;
    152 "flow_start_milliseconds" Millis;
    153 "flow_end_milliseconds" Millis;
    154 "flow_start_microseconds" Ntp;
    155 "flow_end_microseconds" Ntp;
    156 "flow_start_nanoseconds" Ntp;
    157 "flow_end_nanoseconds" Ntp;
    158 "flow_start_delta_microseconds" Unsigned;
    159 "flow_end_delta_microseconds" Unsigned;
    160 "system_init_time_milliseconds" Millis;
    161 "flow_duration_milliseconds" Unsigned;
    162 "flow_duration_microseconds" Unsigned;
    163 "observed_flow_total_count" Unsigned;
    164 "ignored_packet_total_count" Unsigned;
    165 "ignored_octet_total_count" Unsigned;
    166 "not_sent_flow_total_count" Unsigned;
    167 "not_sent_packet_total_count" Unsigned;
    168 "not_sent_octet_total_count" Unsigned;
    169 "destination_ipv6_prefix" Ipv6;
    170 "source_ipv6_prefix" Ipv6;
    171 "post_octet_total_count" Unsigned;
    172 "post_packet_total_count" Unsigned;
    173 "flow_key_indicator" Unsigned;
    174 "post_mcast_packet_total_count" Unsigned;
    175 "post_mcast_octet_total_count" Unsigned;
    176 "icmp_type_ipv4" Unsigned;
    177 "icmp_code_ipv4" Unsigned;
    178 "icmp_type_ipv6" Unsigned;
    179 "icmp_code_ipv6" Unsigned;
    180 "udp_source_port" Unsigned;
    181 "udp_destination_port" Unsigned;
    182 "tcp_source_port" Unsigned;
    183 "tcp_destination_port" Unsigned;
    184 "tcp_sequence_number" Unsigned;
    185 "tcp_acknowledgement_number" Unsigned;
    186 "tcp_window_size" Unsigned;
    187 "tcp_urgent_pointer" Unsigned;
    188 "tcp_header_length" Unsigned;
    189 "ip_header_length" Unsigned;
    190 "total_length_ipv4" Unsigned;
    191 "payload_length_ipv6" Unsigned;
    192 "ip_ttl" Unsigned;
    193 "next_header_ipv6" Unsigned;
    194 "mpls_payload_length" Unsigned;
    195 "ip_diff_serv_code_point" Unsigned;
    196 "ip_precedence" Unsigned;
    197 "fragment_flags" Unsigned;
    198 "octet_delta_sum_of_squares" Unsigned;
    199 "octet_total_sum_of_squares" Unsigned;
    200 "mpls_top_label_ttl" Unsigned;
    201 "mpls_label_stack_length" Unsigned;
    202 "mpls_label_stack_depth" Unsigned;
    203 "mpls_top_label_exp" Unsigned;
    204 "ip_payload_length" Unsigned;
    205 "udp_message_length" Unsigned;
    206 "is_multicast" Unsigned;
    207 "ipv4_ihl" Unsigned;
    208 "ipv4_options" Unsigned;
    209 "tcp_options" Unsigned;
    210 "padding_octets" Octets;
    211 "collector_ipv4_address" Ipv4;
    212 "collector_ipv6_address" Ipv6;
    213 "export_interface" Unsigned;
    214 "export_protocol_version" Unsigned;
    215 "export_transport_protocol" Unsigned;
    216 "collector_transport_port" Unsigned;
    217 "exporter_transport_port" Unsigned;
    218 "tcp_syn_total_count" Unsigned;
    219 "tcp_fin_total_count" Unsigned;
    220 "tcp_rst_total_count" Unsigned;
    221 "tcp_psh_total_count" Unsigned;
    222 "tcp_ack_total_count" Unsigned;
    223 "tcp_urg_total_count" Unsigned;
    224 "ip_total_length" Unsigned;
    225 "post_nat_source_ipv4_address" Ipv4;
    226 "post_nat_destination_ipv4_address" Ipv4;
    227 "post_napt_source_transport_port" Unsigned;
    228 "post_napt_destination_transport_port" Unsigned;
    229 "nat_originating_address_realm" Unsigned;
    230 "nat_event" Unsigned;
    231 "initiator_octets" Unsigned;
    232 "responder_octets" Unsigned;
    233 "firewall_event" Unsigned;
    234 "ingress_vrfid" Unsigned;
    235 "egress_vrfid" Unsigned;
    236 "vr_fname" String;
    237 "post_mpls_top_label_exp" Unsigned;
    238 "tcp_window_scale" Unsigned;
    239 "biflow_direction" Unsigned;
    240 "ethernet_header_length" Unsigned;
    241 "ethernet_payload_length" Unsigned;
    242 "ethernet_total_length" Unsigned;
    243 "dot1q_vlan_id" Unsigned;
    244 "dot1q_priority" Unsigned;
    245 "dot1q_customer_vlan_id" Unsigned;
    246 "dot1q_customer_priority" Unsigned;
    247 "metro_evc_id" String;
    248 "metro_evc_type" Unsigned;
    249 "pseudo_wire_id" Unsigned;
    252 "ingress_physical_interface" Unsigned;
    253 "egress_physical_interface" Unsigned;
    254 "post_dot1q_vlan_id" Unsigned;
    256 "ethernet_type" Unsigned;
    257 "post_ip_precedence" Unsigned;
    258 "collection_time_milliseconds" Millis;
    260 "max_export_seconds" Seconds;
    261 "max_flow_end_seconds" Seconds;
    264 "min_export_seconds" Seconds;
    265 "min_flow_start_seconds" Seconds;
    276 "data_records_reliability" Boolean;
    278 "new_connection_delta_count" Unsigned;
    279 "connection_sum_duration_seconds" Unsigned;
    280 "connection_transaction_id" Unsigned;
    281 "post_nat_source_ipv6_address" Ipv6;
    282 "post_nat_destination_ipv6_address" Ipv6;
    283 "nat_pool_id" Unsigned;
    284 "nat_pool_name" String;
    289 "mpls_label_stack_section" Octets;
    291 "basic_list" Octets;
    292 "sub_template_list" Octets;
    293 "sub_template_multi_list" Octets;
    295 "ipsec_spi" Unsigned;
    297 "observed_flow_count" Unsigned;
    298 "initiator_packets" Unsigned;
    299 "responder_packets" Unsigned;
    300 "observation_domain_name" String;
    301 "selection_sequence_id" Unsigned;
    302 "selector_id" Unsigned;
    303 "information_element_id" Unsigned;
    304 "selector_algorithm" Unsigned;
    305 "sampling_packet_interval" Unsigned;
    306 "sampling_packet_space" Unsigned;
    307 "sampling_time_interval" Unsigned;
    308 "sampling_time_space" Unsigned;
    309 "sampling_size" Unsigned;
    310 "sampling_population" Unsigned;
    311 "sampling_probability" Float;
    313 "ip_header_packet_section" Octets;
    314 "ip_payload_packet_section" Octets;
    315 "data_link_frame_section" Octets;
    322 "observation_time_seconds" Seconds;
    323 "observation_time_milliseconds" Millis;
    324 "observation_time_microseconds" Ntp;
    325 "observation_time_nanoseconds" Ntp;
    339 "information_element_data_type" Unsigned;
    340 "information_element_description" String;
    341 "information_element_name" String;
    346 "private_enterprise_number" Unsigned;
    351 "layer2_segment_id" Unsigned;
    352 "layer2_octet_delta_count" Unsigned;
    353 "layer2_octet_total_count" Unsigned;
    361 "port_range_start" Unsigned;
    362 "port_range_end" Unsigned;
    365 "sta_mac_address" Mac;
    366 "sta_ipv4_address" Ipv4;
    367 "wtp_mac_address" Mac;
    368 "ingress_interface_type" Unsigned;
    369 "egress_interface_type" Unsigned;
    370 "rtp_sequence_number" Unsigned;
    371 "user_name" String;
    372 "application_category_name" String;
    373 "application_sub_category_name" String;
    374 "application_group_name" String;
    375 "original_flows_present" Unsigned;
    377 "original_flows_completed" Unsigned;
    409 "source_transport_ports_limit" Unsigned;
    455 "mib_object_name" String;
    459 "http_request_method" String;
    460 "http_request_host" String;
    461 "http_request_target" String;
    462 "http_message_version" String;
    466 "nat_instance_id" Unsigned;
    467 "internal_address_realm" Octets;
    468 "external_address_realm" Octets;
    469 "nat_quota_exceeded_event" Unsigned;
    470 "nat_threshold_event" Unsigned;
    471 "http_user_agent" String;
    472 "http_content_type" String;
    473 "http_reason_phrase" String;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_sorted_and_named_once() {
        assert!(ELEMENTS.windows(2).all(|pair| pair[0].id < pair[1].id));
        let mut names: Vec<_> = ELEMENTS.iter().map(|element| element.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
        assert_eq!(of(8).map(|element| element.name), Some("source_ipv4_address"));
        assert!(of(65_000).is_none());
    }
}
