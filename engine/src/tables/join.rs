//! What tables say of an event, as fields that rules can name.
//!
//! A field is `<entity>.<table>.<column>`: `source.assets.role`, `user.vendors.account`. Beside the columns
//! there are `.matches_source` (a row's network holds `source.ip`), `.on_time` (a row holds at the event's
//! local time) and `.approved` (both, of one row), as `true` or `false`. Days are those of the event's calendar. Only what a rule names is ever looked up: a
//! join that no rule reads costs nothing.

use std::sync::Arc;

use noroshi_parsers::dictionary::{Dictionary, FieldId};
use noroshi_parsers::event::{Event, EventView};

use super::Tables;
use super::column::{Index, Typed};
use super::maxmind;
use super::shift::weekday_name;

/// Most rows of one table that are told of one entity. An account of a dozen vendors is real; more is a table of something else.
pub const ROWS_MAX: usize = 16;

/// The type of a column, and the fields that hold such values.
type Lookup = (Typed, &'static [&'static str]);

/// What an event can be looked up by: the entity's name, and the fields that hold values of a type, in the order they are tried.
const ENTITIES: &[(&str, &[Lookup])] = &[
    (
        "source",
        &[
            (Typed::Network, &["source.ip", "client.ip"]),
            (Typed::Mac, &["source.mac", "client.mac"]),
            (Typed::Host, &["source.domain", "client.domain"]),
        ],
    ),
    (
        "destination",
        &[
            (Typed::Network, &["destination.ip", "server.ip"]),
            (Typed::Mac, &["destination.mac"]),
            (Typed::Host, &["destination.domain", "server.domain"]),
        ],
    ),
    ("host", &[(Typed::Host, &["host.name"]), (Typed::Network, &["host.ip"]), (Typed::Mac, &["host.mac"])]),
    // By its own MAC alone: who else had the address before says nothing of this device.
    ("device", &[(Typed::Mac, &["source.mac", "client.mac", "host.mac"])]),
    ("user", &[(Typed::User, &["user.name", "source.user.name"])]),
    ("target_user", &[(Typed::User, &["user.target.name", "destination.user.name"])]),
    ("url", &[(Typed::Host, &["url.domain"])]),
    ("dns", &[(Typed::Host, &["dns.question.name"])]),
    ("file", &[(Typed::Hash, &["file.hash.sha256", "file.hash.sha1", "file.hash.md5"]), (Typed::Text, &["file.path"])]),
    (
        "process",
        &[
            (Typed::Hash, &["process.hash.sha256", "process.hash.sha1", "process.hash.md5"]),
            (Typed::Text, &["process.name"]),
        ],
    ),
    ("package", &[(Typed::Text, &["package.name", "Product", "winlog.event_data.Product"])]),
];

/// The tables that are loaded, so that a rule can tell "not in the inventory" from "no inventory".
const LOADED: &str = "noroshi.tables";
/// Hour of the day and day of the week in the tables' zone.
const HOUR: &str = "noroshi.local.hour";
const WEEKDAY: &str = "noroshi.local.weekday";
/// The holiday's name, and whether the day is worked, by the calendar of the event's source.
const HOLIDAY: &str = "noroshi.local.holiday";
const WORKDAY: &str = "noroshi.local.workday";

/// The joins that the rules ask for.
#[derive(Debug, Default)]
pub struct Joins {
    tables: Arc<Tables>,
    joins: Vec<Join>,
    lookups: Vec<DatabaseJoin>,
    source_ip: Option<FieldId>,
    loaded: Option<FieldId>,
    hour: Option<FieldId>,
    weekday: Option<FieldId>,
    holiday: Option<FieldId>,
    workday: Option<FieldId>,
    /// Whether a rule reads any of it.
    is_read: bool,
}

/// One entity in one MaxMind file.
#[derive(Debug)]
struct DatabaseJoin {
    database: usize,
    /// Fields whose address is looked up; the first that the event has.
    keys: Vec<FieldId>,
    /// By column, the field it becomes.
    columns: Vec<Option<FieldId>>,
}

/// One entity in one table.
#[derive(Debug)]
struct Join {
    table: usize,
    /// Column, and the fields whose value is looked up in it.
    keys: Vec<(usize, Vec<FieldId>)>,
    /// Column, and the field it becomes.
    columns: Vec<(usize, FieldId)>,
    /// Columns of networks, for the checks.
    networks: Vec<usize>,
    matches_source: Option<FieldId>,
    on_time: Option<FieldId>,
    approved: Option<FieldId>,
}

impl Joins {
    /// The joins whose fields are in the dictionary, because a rule named them.
    pub fn new(tables: Arc<Tables>, dictionary: &mut Dictionary) -> Joins {
        let mut joins = Vec::new();
        for (number, table) in tables.tables.iter().enumerate() {
            for (entity, fields) in ENTITIES {
                let named = |part: &str| dictionary.find(format!("{entity}.{}.{part}", table.name).as_bytes());
                let columns: Vec<_> = (table.columns.iter().enumerate())
                    .filter_map(|(at, column)| Some((at, named(&column.name)?)))
                    .collect();
                let [matches_source, on_time, approved] = ["matches_source", "on_time", "approved"].map(named);
                if columns.is_empty() && matches_source.is_none() && on_time.is_none() && approved.is_none() {
                    continue;
                }
                let mut keys = Vec::new();
                for (at, column) in table.columns.iter().enumerate().filter(|(_, column)| column.index.is_some()) {
                    let Some((_, names)) = fields.iter().find(|(typed, _)| *typed == column.typed) else { continue };
                    // Decoders number only fields that somebody asks for.
                    keys.push((at, names.iter().filter_map(|name| dictionary.intern(name)).collect()));
                }
                let of_networks = table.columns.iter().enumerate().filter(|(_, column)| column.typed == Typed::Network);
                joins.push(Join {
                    table: number,
                    keys,
                    columns,
                    networks: of_networks.map(|(at, _)| at).collect(),
                    matches_source,
                    on_time,
                    approved,
                });
            }
        }
        let mut lookups = Vec::new();
        for (number, database) in tables.databases.iter().enumerate() {
            for (entity, fields) in ENTITIES {
                let named = |part: &&str| dictionary.find(format!("{entity}.{}.{part}", database.name).as_bytes());
                let columns: Vec<_> = maxmind::COLUMNS.iter().map(named).collect();
                let Some((_, names)) = fields.iter().find(|(typed, _)| *typed == Typed::Network) else { continue };
                if columns.iter().any(Option::is_some) {
                    let keys = names.iter().filter_map(|name| dictionary.intern(name)).collect();
                    lookups.push(DatabaseJoin { database: number, keys, columns });
                }
            }
        }
        let find = |name: &str| dictionary.find(name.as_bytes());
        let loaded = find(LOADED).filter(|_| !tables.tables.is_empty() || !tables.databases.is_empty());
        let [hour, weekday, holiday, workday] = [HOUR, WEEKDAY, HOLIDAY, WORKDAY].map(find);
        let of_time = [hour, weekday, holiday, workday].iter().any(Option::is_some);
        let is_read = of_time || loaded.is_some() || !joins.is_empty() || !lookups.is_empty();
        Joins { joins, lookups, source_ip: find("source.ip"), loaded, hour, weekday, holiday, workday, is_read, tables }
    }

    /// The tables behind them.
    pub fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Adds to an event what the tables say of it. `calendar` is the one its source declares.
    #[inline]
    pub fn enrich(&self, event: &mut Event, record: &[u8], calendar: Option<&str>) {
        if self.is_read {
            self.add(event, record, calendar);
        }
    }

    #[inline(never)]
    fn add(&self, event: &mut Event, record: &[u8], calendar: Option<&str>) {
        let calendar = self.tables.calendars.of(calendar);
        let time_ns = event.view(record).core().time_ns;
        let local_s = time_ns.div_euclid(1_000_000_000) + i64::from(self.tables.zone.offset_at_ns(time_ns));
        for join in &self.joins {
            let mut rows = [0; ROWS_MAX];
            let found = join.rows(&self.tables, event.view(record), &mut rows);
            let rows = &rows[..found];
            if rows.is_empty() {
                continue;
            }
            let table = &self.tables.tables[join.table];
            let view = event.view(record);
            let address = self.source_ip.and_then(|id| noroshi_parsers::ip::parse(view.first(id)?));
            let holds_source = |row: u32| {
                let held = |&column: &usize| match &table.columns[column].index {
                    // The same row, found by the network that holds the address best or by another.
                    Some(Index::Networks(networks)) => {
                        table.cell(row as usize, column).is_empty()
                            || address.is_some_and(|address| networks.holds(row, address))
                    }
                    _ => false,
                };
                join.networks.iter().all(held)
            };
            let on_time = |row: u32| table.shift(row as usize).is_none_or(|shift| shift.holds(local_s, calendar));
            let told = |id: Option<FieldId>, test: &dyn Fn(u32) -> bool| {
                id.map(|id| (id, if rows.iter().any(|&row| test(row)) { "true" } else { "false" }))
            };
            let checks = [
                told(join.matches_source, &holds_source),
                told(join.on_time, &on_time),
                told(join.approved, &|row| holds_source(row) && on_time(row)),
            ];
            let mut writer = event.writer(b"");
            for &(column, id) in &join.columns {
                for (at, &row) in rows.iter().enumerate() {
                    let cell = table.cell(row as usize, column);
                    let repeated = rows[..at].iter().any(|&other| table.cell(other as usize, column) == cell);
                    if !cell.is_empty() && !repeated {
                        writer.put(id, cell.as_bytes());
                    }
                }
            }
            checks.into_iter().flatten().for_each(|(id, told)| writer.put_str(id, told));
        }
        for lookup in &self.lookups {
            let view = event.view(record);
            let address = lookup.keys.iter().find_map(|&key| noroshi_parsers::ip::parse(view.first(key)?));
            let Some(address) = address else { continue };
            let mut writer = event.writer(b"");
            self.tables.databases[lookup.database].cells(address.to_canonical(), |column, cell| {
                if let Some(id) = lookup.columns[column] {
                    writer.put(id, cell.as_bytes());
                }
            });
        }
        let mut writer = event.writer(b"");
        if let Some(id) = self.loaded {
            let names = self.tables.tables.iter().map(|table| &table.name);
            let databases = self.tables.databases.iter().map(|database| &database.name);
            names.chain(databases).for_each(|name| writer.put(id, name.as_bytes()));
        }
        if let Some(id) = self.hour {
            writer.put_i64(id, local_s.rem_euclid(86_400) / 3600);
        }
        if let Some(id) = self.weekday {
            writer.put_str(id, weekday_name(local_s.div_euclid(86_400)));
        }
        if let Some((id, name)) = self.holiday.zip(calendar.holiday(local_s.div_euclid(86_400))) {
            writer.put(id, name.as_bytes());
        }
        if let Some(id) = self.workday {
            writer.put_str(id, if calendar.is_workday(local_s.div_euclid(86_400)) { "true" } else { "false" });
        }
    }
}

impl Join {
    /// The rows of the entity, each once.
    fn rows(&self, tables: &Tables, view: EventView<'_>, rows: &mut [u32; ROWS_MAX]) -> usize {
        let mut found = 0;
        for (column, fields) in &self.keys {
            let Some(index) = &tables.tables[self.table].columns[*column].index else { continue };
            let Some(&field) = fields.iter().find(|&&field| view.has(field)) else { continue };
            for value in view.values(field) {
                for &row in index.rows(value) {
                    if found < ROWS_MAX && !rows[..found].contains(&row) {
                        rows[found] = row;
                        found += 1;
                    }
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use noroshi_parsers::zone::Zone;

    use super::*;

    const VENDORS: &str =
        "account,src,dow,from,to\nvnd-a,192.0.2.0/28,Tue;Thu,10:00,16:00\nvnd-a,192.0.2.64/28,Wed,22:00,04:00\n";
    const ASSETS: &str =
        "host,ip,mac,role\nweb01,192.0.2.10,00:50:56:00:00:01,web\ndb01,192.0.2.11,00:50:56:00:00:02,db\n";

    /// The fields `wanted` that the tables add to an event of these fields at a time.
    fn joined(fields: &[(&str, &str)], time: &str, wanted: &[&str]) -> Vec<String> {
        let mut dictionary = Dictionary::new();
        let ids: Vec<_> = wanted.iter().map(|name| dictionary.intern(name).unwrap()).collect();
        let files = [("vendors", VENDORS), ("assets", ASSETS)];
        let files = files.iter().map(|(name, text)| (PathBuf::from(format!("{name}.csv")), (*text).to_owned()));
        let mut diagnostics = Vec::new();
        let mut tables = Tables::new(files.collect(), Zone::parse("Asia/Tokyo").unwrap(), &mut diagnostics);
        tables.add_databases(vec![(PathBuf::from("place.mmdb"), super::maxmind::tests::city())], &mut diagnostics);
        assert!(diagnostics.is_empty(), "{diagnostics:?}");
        let joins = Joins::new(Arc::new(tables), &mut dictionary);
        let mut event = Event::new();
        event.clear();
        let mut writer = event.writer(b"");
        let time: jiff::Timestamp = time.parse().unwrap();
        writer.core().time_ns = time.as_nanosecond() as i64;
        for (name, value) in fields {
            writer.put(dictionary.find(name.as_bytes()).unwrap(), value.as_bytes());
        }
        joins.enrich(&mut event, b"", Some("japan"));
        let view = event.view(b"");
        let text = |id: FieldId| {
            view.values(id).map(|value| String::from_utf8_lossy(value).into_owned()).collect::<Vec<_>>().join(",")
        };
        ids.into_iter().map(text).collect()
    }

    #[test]
    fn a_maxmind_file_is_a_table_of_addresses() {
        let of = |address: &str| {
            let wanted = ["source.place.country", "source.place.city", "destination.place.country", "noroshi.tables"];
            joined(&[("source.ip", address), ("destination.ip", "192.0.2.1")], "2026-03-03T03:00:00Z", &wanted)
        };
        assert_eq!(of("203.0.113.9"), ["JP", "Osaka", "", "vendors,assets,place"]);
        assert_eq!(of("192.0.2.9")[..2], ["", ""]);
    }

    #[test]
    fn an_address_a_name_and_a_mac_lead_to_the_same_row() {
        let wanted = ["source.assets.role", "destination.assets.host", "host.assets.role", "noroshi.tables"];
        let told =
            joined(&[("source.ip", "192.0.2.10"), ("host.name", "DB01.corp.example")], "2026-03-02T00:00:00Z", &wanted);
        assert_eq!(told, ["web", "", "db", "vendors,assets,place"]);
        let told = joined(&[("source.mac", "00-50-56-00-00-02")], "2026-03-02T00:00:00Z", &wanted);
        assert_eq!(told, ["db", "", "", "vendors,assets,place"]);
    }

    #[test]
    fn an_account_is_approved_from_one_row_as_a_whole() {
        let wanted =
            ["user.vendors.matches_source", "user.vendors.on_time", "user.vendors.approved", "noroshi.local.weekday"];
        let told = |address: &str, time: &str| {
            joined(&[("user.name", "vnd-a"), ("source.ip", address)], time, &wanted).join(" ")
        };
        // 2026-03-03 is a Tuesday; Tokyo is nine hours ahead.
        assert_eq!(told("192.0.2.3", "2026-03-03T03:00:00Z"), "true true true tue");
        assert_eq!(told("192.0.2.99", "2026-03-03T03:00:00Z"), "false true false tue");
        assert_eq!(told("192.0.2.3", "2026-03-03T09:00:00Z"), "true false false tue");
        assert_eq!(told("192.0.2.70", "2026-03-04T18:00:00Z"), "true true true thu");
        // The one row's network at the other row's time.
        assert_eq!(told("192.0.2.3", "2026-03-04T18:00:00Z"), "true true false thu");
        assert_eq!(joined(&[("user.name", "kato")], "2026-03-03T03:00:00Z", &wanted), ["", "", "", "tue"]);
    }

    #[test]
    fn days_are_told_by_the_calendar() {
        let wanted = ["noroshi.local.holiday", "noroshi.local.workday", "noroshi.local.hour"];
        let told = |time: &str| joined(&[], time, &wanted).join(" ");
        // Nine hours ahead it is the day after: Marine Day, the day after it, a Saturday.
        assert_eq!(told("2026-07-19T16:00:00Z"), "海の日 false 1");
        assert_eq!(told("2026-07-20T15:00:00Z"), " true 0");
        assert_eq!(told("2026-07-25T00:00:00Z"), " false 9");
    }

    #[test]
    fn a_table_of_a_million_rows_is_looked_up_like_any_other() {
        let mut text = String::from("ip,host,owner\n");
        for row in 0..1_000_000u32 {
            let [_, a, b, c] = row.to_be_bytes();
            text += &format!("2001:db8::{a:x}:{b:x}{c:02x},host{row},team{}\n", row % 977);
        }
        let mut dictionary = Dictionary::new();
        let wanted = ["source.assets.host", "source.assets.owner"].map(|name| dictionary.intern(name).unwrap());
        let mut diagnostics = Vec::new();
        let tables = Tables::new(vec![(PathBuf::from("assets.csv"), text)], Zone::utc(), &mut diagnostics);
        assert!(diagnostics.is_empty() && tables.tables[0].rows == 1_000_000, "{diagnostics:?}");
        let joins = Joins::new(Arc::new(tables), &mut dictionary);
        for (address, expected) in [
            ("2001:db8::7:a120", "host500000 team753"),
            ("2001:db8::f:423f", "host999999 team528"),
            ("2001:db8::f:4240", " "),
        ] {
            let mut event = Event::new();
            event.clear();
            event.writer(b"").put(dictionary.find(b"source.ip").unwrap(), address.as_bytes());
            joins.enrich(&mut event, b"", None);
            let view = event.view(b"");
            let told =
                wanted.map(|id| String::from_utf8_lossy(view.values(id).next().unwrap_or_default()).into_owned());
            assert_eq!(told.join(" "), expected, "{address}");
        }
    }

    #[test]
    fn a_broken_table_is_told_with_its_place() {
        let told = |name: &str, text: &str| {
            let mut diagnostics = Vec::new();
            let files = vec![(PathBuf::from(format!("{name}.csv")), text.to_owned())];
            let tables = Tables::new(files, Zone::utc(), &mut diagnostics);
            assert!(tables.tables.is_empty());
            diagnostics.iter().map(|told| told.to_string().replace('\n', " ")).collect::<Vec<_>>().join("")
        };
        assert!(told("assets", "ip,role\n192.0.2.1,web\n192.0.2.2\n").contains("assets.csv:3"));
        assert!(
            told("assets", "ip,role\n192.0.2.1,web\nx,db\n").contains("`x` in column `ip` is no address or network")
        );
        assert!(told("vendors", "account,dow\na,Moonday\n").contains("is no day of the week"));
        let holidays = told("holidays", "date,name\n2026-01-02,x\n2026-02-30,y\n");
        assert!(holidays.contains("holidays.csv:3") && holidays.contains("`2026-02-30` is no date"), "{holidays}");
        assert!(told("holidays", "name\nx\n").contains("needs a column `date`"));
        assert!(
            told("geo", "cidr,name\n192.0.2.0/24,x\n").contains("needs a column of networks and a column `country`")
        );
        assert!(told("geo", "cidr,country\n192.0.2.0/24,Japan\n").contains("`Japan` is no country code"));
    }

    #[test]
    fn places_are_those_of_the_longest_network() {
        let files = vec![(
            PathBuf::from("geo.csv"),
            "cidr,country,lat,lon\n192.0.2.0/24,JP,35.7,139.8\n192.0.2.128/25,DE,,\n".to_owned(),
        )];
        let tables = Tables::new(files, Zone::utc(), &mut Vec::new());
        assert_eq!(tables.place(b"192.0.2.1"), Some(noroshi_correlate::place_value(*b"JP", Some((35.7, 139.8)))));
        assert_eq!(tables.place(b"192.0.2.200"), Some(noroshi_correlate::place_value(*b"DE", None)));
        assert_eq!((tables.place(b"203.0.113.1"), tables.place(b"x")), (None, None));
    }
}
