//! MaxMind DB files (MaxMind DB File Format Specification 2.0) as tables: countries, places and networks of addresses.

use std::net::IpAddr;
use std::path::Path;

use maxminddb::Reader;
use noroshi_correlate::place_value;
use noroshi_rules::diagnostic::Diagnostic;
use serde::Deserialize;

use super::refusal;

/// The columns of every such table, after the fields of MaxMind's Country, City and ASN databases.
pub const COLUMNS: &[&str] = &["country", "city", "asn", "as_org"];

/// A database in memory.
#[derive(Debug)]
pub struct Database {
    /// The file's stem, lower-case.
    pub name: String,
    reader: Reader<Vec<u8>>,
}

#[derive(Deserialize, Default)]
struct Entry<'a> {
    #[serde(borrow, default)]
    country: Country<'a>,
    #[serde(borrow, default)]
    registered_country: Country<'a>,
    #[serde(borrow, default)]
    city: City<'a>,
    #[serde(default)]
    location: Location,
    autonomous_system_number: Option<u32>,
    autonomous_system_organization: Option<&'a str>,
}

#[derive(Deserialize, Default)]
struct Country<'a> {
    iso_code: Option<&'a str>,
}

#[derive(Deserialize, Default)]
struct City<'a> {
    #[serde(borrow, default)]
    names: Names<'a>,
}

#[derive(Deserialize, Default)]
struct Names<'a> {
    en: Option<&'a str>,
}

#[derive(Deserialize, Default)]
struct Location {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

impl<'a> Entry<'a> {
    fn country(&self) -> Option<&'a str> {
        self.country.iso_code.or(self.registered_country.iso_code)
    }
}

impl Database {
    /// A database from the bytes of its file.
    ///
    /// # Errors
    /// Bytes that are none: another file, or a truncated one.
    pub fn new(path: &Path, name: String, bytes: Vec<u8>) -> Result<Database, Diagnostic> {
        let refused = |cause: maxminddb::MaxMindDbError| {
            let help = "fetch the file anew; a download that broke off is cut short";
            refusal(path, 1, format!("no MaxMind database: {cause}")).help(help)
        };
        let reader = Reader::from_source(bytes).map_err(refused)?;
        // Every address leads to a record: one that leads out of the file shows that it is cut.
        for probe in ["0.0.0.0", "128.0.0.0", "255.255.255.255"] {
            reader.lookup(probe.parse().expect("a constant")).map_err(refused)?;
        }
        Ok(Database { name, reader })
    }

    fn entry(&self, address: IpAddr) -> Option<Entry<'_>> {
        self.reader.lookup(address).ok()?.decode().ok()?
    }

    /// Whether it knows countries.
    pub fn has_places(&self) -> bool {
        !self.reader.metadata().database_type.contains("ASN")
    }

    /// Where an address is, as correlations of the kind `travel` compare it.
    pub fn place(&self, address: IpAddr) -> Option<[u8; 16]> {
        let entry = self.entry(address)?;
        let &[a, b] = entry.country()?.as_bytes() else { return None };
        Some(place_value([a, b], entry.location.latitude.zip(entry.location.longitude)))
    }

    /// What the columns of [`COLUMNS`] say of an address, each where it is known.
    pub fn cells(&self, address: IpAddr, mut told: impl FnMut(usize, &str)) {
        let Some(entry) = self.entry(address) else { return };
        let number = entry.autonomous_system_number.map(|number| number.to_string());
        let cells = [entry.country(), entry.city.names.en, number.as_deref(), entry.autonomous_system_organization];
        for (column, cell) in cells.into_iter().enumerate() {
            if let Some(cell) = cell.filter(|cell| !cell.is_empty()) {
                told(column, cell);
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A value of the data section (MaxMind DB File Format Specification, "Output Data Section").
    pub(crate) enum Data {
        Text(&'static str),
        Double(f64),
        Unsigned(u32),
        Short(u16),
        Long(u64),
        List(Vec<Data>),
        Map(Vec<(&'static str, Data)>),
    }

    fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
        assert!(size < 29 + 256, "longer values need more size bytes");
        let held = size.min(29) as u8;
        match kind {
            0..=7 => out.push(kind << 5 | held),
            _ => out.extend([held, kind - 7]),
        }
        out.extend((size >= 29).then(|| (size - 29) as u8));
    }

    fn write(data: &Data, out: &mut Vec<u8>) {
        match data {
            Data::Text(text) => {
                control(2, text.len(), out);
                out.extend(text.as_bytes());
            }
            Data::Double(number) => {
                control(3, 8, out);
                out.extend(number.to_be_bytes());
            }
            Data::Unsigned(number) => {
                control(6, 4, out);
                out.extend(number.to_be_bytes());
            }
            Data::Short(number) => {
                control(5, 2, out);
                out.extend(number.to_be_bytes());
            }
            Data::Long(number) => {
                control(9, 8, out);
                out.extend(number.to_be_bytes());
            }
            Data::List(items) => {
                control(11, items.len(), out);
                items.iter().for_each(|item| write(item, out));
            }
            Data::Map(entries) => {
                control(7, entries.len(), out);
                for (name, value) in entries {
                    write(&Data::Text(name), out);
                    write(value, out);
                }
            }
        }
    }

    /// A file of one IPv4 network of whole bytes (such as 203) and what is said of it; records of 24 bits.
    pub(crate) fn file(kind: &'static str, prefix: &[u8], said: &Data) -> Vec<u8> {
        let bits: Vec<bool> =
            prefix.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect();
        let nodes = bits.len() as u32;
        let mut out = Vec::new();
        for (at, &bit) in bits.iter().enumerate() {
            let next = if at + 1 == bits.len() { nodes + 16 } else { at as u32 + 1 };
            let records = if bit { [nodes, next] } else { [next, nodes] };
            records.iter().for_each(|record| out.extend(&record.to_be_bytes()[1..]));
        }
        out.extend([0; 16]);
        write(said, &mut out);
        out.extend(b"\xab\xcd\xefMaxMind.com");
        let metadata = vec![
            ("node_count", Data::Unsigned(nodes)),
            ("record_size", Data::Short(24)),
            ("ip_version", Data::Short(4)),
            ("database_type", Data::Text(kind)),
            ("binary_format_major_version", Data::Short(2)),
            ("binary_format_minor_version", Data::Short(0)),
            ("languages", Data::List(vec![Data::Text("en")])),
            ("build_epoch", Data::Long(1_767_225_600)),
            ("description", Data::Map(vec![("en", Data::Text("of a test"))])),
        ];
        write(&Data::Map(metadata), &mut out);
        out
    }

    pub(crate) fn city() -> Vec<u8> {
        let place = |latitude, longitude| {
            Data::Map(vec![("latitude", Data::Double(latitude)), ("longitude", Data::Double(longitude))])
        };
        let said = Data::Map(vec![
            ("city", Data::Map(vec![("names", Data::Map(vec![("en", Data::Text("Osaka"))]))])),
            ("country", Data::Map(vec![("iso_code", Data::Text("JP"))])),
            ("location", place(34.69, 135.5)),
        ]);
        file("Test-City", &[203], &said)
    }

    fn cells(database: &Database, address: &str) -> Vec<(usize, String)> {
        let mut told = Vec::new();
        database.cells(address.parse().unwrap(), |column, cell| told.push((column, cell.to_owned())));
        told
    }

    #[test]
    fn addresses_have_places_and_networks_have_owners() {
        let path = Path::new("geo.mmdb");
        let database = Database::new(path, "geo".into(), city()).unwrap();
        assert_eq!(cells(&database, "203.0.113.9"), [(0, "JP".to_owned()), (1, "Osaka".to_owned())]);
        assert_eq!(cells(&database, "192.0.2.1"), []);
        assert_eq!(database.place("203.0.113.9".parse().unwrap()), Some(place_value(*b"JP", Some((34.69, 135.5)))));
        assert_eq!((database.place("2001:db8::1".parse().unwrap()), database.has_places()), (None, true));
        let said = Data::Map(vec![
            ("autonomous_system_number", Data::Unsigned(64_500)),
            ("autonomous_system_organization", Data::Text("Example Net")),
        ]);
        let database = Database::new(path, "asn".into(), file("Test-ASN", &[198, 51], &said)).unwrap();
        assert_eq!(cells(&database, "198.51.100.1"), [(2, "64500".to_owned()), (3, "Example Net".to_owned())]);
        assert!(!database.has_places());
    }

    #[test]
    fn a_file_that_is_none_or_is_cut_is_refused_and_never_panics() {
        let whole = city();
        for cut in 0..whole.len() {
            if let Ok(database) = Database::new(Path::new("geo.mmdb"), "geo".into(), whole[..cut].to_vec()) {
                cells(&database, "203.0.113.9");
            }
            let mut flipped = whole.clone();
            flipped[cut] ^= 0x55;
            if let Ok(database) = Database::new(Path::new("geo.mmdb"), "geo".into(), flipped) {
                cells(&database, "203.0.113.9");
            }
        }
        let told = Database::new(Path::new("geo.mmdb"), "geo".into(), whole[..whole.len() / 2].to_vec()).unwrap_err();
        assert!(told.message.starts_with("no MaxMind database"), "{}", told.message);
    }
}
