//! Evidence in a snapshot: each record once, however many keys and rules hold it.
//!
//! Products, fields, inputs and origins are written by name, as their numbers are those of one version of the
//! binary or one run.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::sync::Arc;

use noroshi_input::{FileIdentity, Fingerprint, Origin, Said};
use noroshi_parsers::dictionary::{Dictionary, FieldId};
use noroshi_parsers::logsource::ProductId;
use noroshi_parsers::products;

use super::Refused;
use super::bytes::{Known, Names, array, bytes, number, put_bytes, put_number, small};
use crate::evidence::{Evidence, Shared};

/// Numbers the evidence of a capture.
#[derive(Default)]
pub(super) struct Numbers {
    by_place: HashMap<usize, u32>,
    list: Vec<Shared>,
}

impl Numbers {
    pub(super) fn of<'a>(evidence: impl Iterator<Item = &'a Shared>) -> Numbers {
        let mut numbers = Numbers::default();
        for shared in evidence {
            let next = numbers.list.len() as u32;
            // What is in the list stays alive, so that its place is nobody else's.
            if let std::collections::hash_map::Entry::Vacant(vacant) = numbers.by_place.entry(place(shared)) {
                vacant.insert(next);
                numbers.list.push(shared.clone());
            }
        }
        numbers
    }

    pub(super) fn number(&self, shared: &Shared) -> u32 {
        self.by_place.get(&place(shared)).copied().unwrap_or(u32::MAX)
    }

    pub(super) fn list(&self) -> &[Shared] {
        &self.list
    }
}

fn place(shared: &Shared) -> usize {
    Arc::as_ptr(&shared.0) as usize
}

/// Writes evidence, one record after the other.
pub(super) struct Writer<'a> {
    dictionary: &'a Dictionary,
    products: Names,
    fields: Names,
    inputs: Names,
    origins: Names,
    /// An origin is shared by the records of a batch: looked up by its place before it is written out.
    scratch: Vec<u8>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(dictionary: &'a Dictionary) -> Self {
        Writer {
            dictionary,
            products: Names::default(),
            fields: Names::default(),
            inputs: Names::default(),
            origins: Names::default(),
            scratch: Vec::new(),
        }
    }

    pub(super) fn put(&mut self, out: &mut dyn Write, evidence: &Evidence) -> io::Result<()> {
        out.write_all(&evidence.time_ns.to_le_bytes())?;
        out.write_all(&evidence.receive_time_ns.to_le_bytes())?;
        out.write_all(&evidence.digest)?;
        put_number(out, evidence.line)?;
        put_number(out, evidence.offset)?;
        put_number(out, evidence.element.map_or(0, |element| u64::from(element) + 1))?;
        put_number(out, evidence.raw_bytes as u64)?;
        put_bytes(out, &evidence.raw)?;
        self.products.put(out, evidence.product.get().name.as_bytes())?;
        self.inputs.put(out, evidence.input.as_bytes())?;
        self.scratch.clear();
        put_origin(&mut self.scratch, &evidence.origin)?;
        self.origins.put(out, &self.scratch)?;
        put_number(out, evidence.entities.len() as u64)?;
        for (field, value) in &evidence.entities {
            self.fields.put(out, self.dictionary.name(*field).as_bytes())?;
            put_bytes(out, value.as_bytes())?;
        }
        Ok(())
    }
}

/// Reads evidence back, in the order in which it was written.
pub(super) struct Reader<'a> {
    dictionary: &'a Dictionary,
    products: Known<ProductId>,
    fields: Known<Option<FieldId>>,
    inputs: Known<Arc<str>>,
    origins: Known<Arc<Origin>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(dictionary: &'a Dictionary) -> Self {
        Reader {
            dictionary,
            products: Known::default(),
            fields: Known::default(),
            inputs: Known::default(),
            origins: Known::default(),
        }
    }

    pub(super) fn take(&mut self, from: &mut &[u8]) -> Result<Shared, Refused> {
        let (time_ns, receive_time_ns) = (i64::from_le_bytes(array(from)?), i64::from_le_bytes(array(from)?));
        let digest = array(from)?;
        let (line, offset) = (number(from)?, number(from)?);
        let element = small::<u32>(from)?.checked_sub(1);
        let raw_bytes = small(from)?;
        let raw = bytes(from)?.into();
        // A product of another version that is gone here: the record is what it is.
        let product =
            self.products.take(from, |name| Ok(ProductId::by_name(text(name)?).unwrap_or(products::UNKNOWN)))?;
        let input = self.inputs.take(from, |name| Ok(text(name)?.into()))?;
        let origin = self.origins.take(from, |bytes| origin(bytes).map(Arc::new))?;
        let mut entities = Vec::new();
        for _ in 0..number(from)? {
            let field = self.fields.take(from, |name| Ok(self.dictionary.find(name)))?;
            let value = text(bytes(from)?)?;
            entities.extend(field.map(|field| (field, Box::from(value))));
        }
        Ok(Shared(Arc::new(Evidence {
            time_ns,
            origin,
            input,
            line,
            offset,
            element,
            receive_time_ns,
            raw,
            raw_bytes,
            product,
            entities: entities.into(),
            digest,
        })))
    }
}

fn text(bytes: &[u8]) -> Result<&str, Refused> {
    std::str::from_utf8(bytes).map_err(|_| Refused::Damaged("a text is none"))
}

fn put_origin(out: &mut dyn Write, origin: &Origin) -> io::Result<()> {
    let put_peer = |out: &mut dyn Write, peer: &SocketAddr| put_bytes(out, peer.to_string().as_bytes());
    match origin {
        Origin::File { path, identity } => {
            out.write_all(b"f")?;
            put_bytes(out, path.as_os_str().as_bytes())?;
            put_number(out, identity.dev)?;
            put_number(out, identity.ino)?;
            put_number(out, u64::from(identity.fingerprint.bytes))?;
            put_number(out, identity.fingerprint.hash)
        }
        Origin::Stdin => out.write_all(b"-"),
        Origin::Udp { peer, listener } => {
            out.write_all(b"u")?;
            put_peer(out, peer)?;
            put_peer(out, listener)
        }
        Origin::Tcp { peer, connection } => {
            out.write_all(b"t")?;
            put_peer(out, peer)?;
            put_number(out, *connection)
        }
        Origin::Tls { peer, connection, subject } => {
            out.write_all(if subject.is_some() { b"S" } else { b"s" })?;
            put_peer(out, peer)?;
            put_number(out, *connection)?;
            subject.as_ref().map_or(Ok(()), |subject| put_bytes(out, subject.as_bytes()))
        }
        Origin::Relp { peer, connection, subject } => {
            out.write_all(b"r")?;
            put_peer(out, peer)?;
            put_number(out, *connection)?;
            put_maybe(out, subject.as_deref())
        }
        Origin::Http { peer, connection, subject, token, said } => {
            out.write_all(b"h")?;
            put_peer(out, peer)?;
            put_number(out, *connection)?;
            put_maybe(out, subject.as_deref())?;
            put_maybe(out, token.as_deref())?;
            let Said { host, source, sourcetype, index, fields } = said.as_deref().cloned().unwrap_or_default();
            [host, source, sourcetype, index, fields].iter().try_for_each(|value| put_maybe(out, value.as_deref()))
        }
    }
}

/// A text that may be missing: its length and one, or nought.
fn put_maybe(out: &mut dyn Write, text: Option<&str>) -> io::Result<()> {
    match text {
        None => put_number(out, 0),
        Some(text) => {
            put_number(out, text.len() as u64 + 1)?;
            out.write_all(text.as_bytes())
        }
    }
}

fn maybe<'a>(from: &mut &'a [u8]) -> Result<Option<&'a str>, Refused> {
    let Some(length) = small::<usize>(from)?.checked_sub(1) else { return Ok(None) };
    let (head, rest) = from.split_at_checked(length).ok_or(Refused::Damaged("it ends too early"))?;
    *from = rest;
    text(head).map(Some)
}

fn origin(mut from: &[u8]) -> Result<Origin, Refused> {
    let from = &mut from;
    let peer = |from: &mut &[u8]| -> Result<SocketAddr, Refused> {
        text(bytes(from)?)?.parse().map_err(|_| Refused::Damaged("an address is none"))
    };
    Ok(match array::<1>(from)? {
        [b'f'] => Origin::File {
            path: OsString::from_vec(bytes(from)?.to_vec()).into(),
            identity: FileIdentity {
                dev: number(from)?,
                ino: number(from)?,
                fingerprint: Fingerprint { bytes: small(from)?, hash: number(from)? },
            },
        },
        [b'-'] => Origin::Stdin,
        [b'u'] => Origin::Udp { peer: peer(from)?, listener: peer(from)? },
        [b't'] => Origin::Tcp { peer: peer(from)?, connection: number(from)? },
        [kind @ (b's' | b'S')] => Origin::Tls {
            peer: peer(from)?,
            connection: number(from)?,
            subject: if kind == b'S' { Some(text(bytes(from)?)?.to_owned()) } else { None },
        },
        [b'r'] => {
            Origin::Relp { peer: peer(from)?, connection: number(from)?, subject: maybe(from)?.map(str::to_owned) }
        }
        [b'h'] => Origin::Http {
            peer: peer(from)?,
            connection: number(from)?,
            subject: maybe(from)?.map(str::to_owned),
            token: maybe(from)?.map(Into::into),
            said: {
                let mut next = || Ok::<_, Refused>(maybe(from)?.map(Box::from));
                let (host, source, sourcetype, index, fields) = (next()?, next()?, next()?, next()?, next()?);
                let said = Said { host, source, sourcetype, index, fields };
                (said != Said::default()).then(|| Box::new(said))
            },
        },
        _ => return Err(Refused::Damaged("an origin is of another kind")),
    })
}

#[cfg(test)]
mod tests {
    use noroshi_parsers::ecs;

    use super::*;

    fn sample(origin: Origin, element: Option<u32>) -> Shared {
        Shared(Arc::new(Evidence {
            time_ns: -5,
            origin: Arc::new(origin),
            input: "net".into(),
            line: 7,
            offset: u64::MAX,
            element,
            receive_time_ns: i64::MAX,
            raw: (*b"raw \xff bytes").into(),
            raw_bytes: 12,
            product: ProductId::by_name("sshd").unwrap_or_default(),
            entities: [(ecs::SOURCE_IP, "192.0.2.1".into()), (ecs::USER_NAME, "利用者".into())].into(),
            digest: [9; 16],
        }))
    }

    #[test]
    fn every_kind_of_origin_comes_back_and_a_shared_record_stands_once() {
        let peer = "[2001:db8::1]:514".parse().unwrap();
        let said = Said { host: Some("web1".into()), fields: Some("{}".into()), ..Said::default() };
        let identity = FileIdentity { dev: 1, ino: u64::MAX, fingerprint: Fingerprint::of(b"begin") };
        let samples = [
            sample(Origin::File { path: OsString::from_vec(b"/var/log/\xff.log".to_vec()).into(), identity }, None),
            sample(Origin::Stdin, Some(0)),
            sample(Origin::Udp { peer, listener: "192.0.2.1:514".parse().unwrap() }, Some(u32::MAX - 1)),
            sample(Origin::Tcp { peer, connection: 3 }, None),
            sample(Origin::Tls { peer, connection: 3, subject: None }, None),
            sample(Origin::Tls { peer, connection: 3, subject: Some("CN=a".into()) }, None),
            sample(Origin::Relp { peer, connection: 3, subject: Some(String::new()) }, None),
            sample(Origin::Http { peer, connection: 3, subject: None, token: None, said: None }, None),
            sample(
                Origin::Http {
                    peer,
                    connection: 3,
                    subject: None,
                    token: Some("t".into()),
                    said: Some(Box::new(said)),
                },
                None,
            ),
        ];
        let numbers = Numbers::of(samples.iter().chain(&samples));
        assert_eq!((numbers.list().len(), numbers.number(&samples[4])), (samples.len(), 4));
        let dictionary = Dictionary::new();
        let (mut out, mut writer) = (Vec::new(), Writer::new(&dictionary));
        numbers.list().iter().for_each(|shared| writer.put(&mut out, &shared.0).unwrap());
        let (mut from, mut reader) = (&out[..], Reader::new(&dictionary));
        for shared in &samples {
            let read = reader.take(&mut from).unwrap();
            assert_eq!(format!("{read:?}"), format!("{shared:?}"));
        }
        assert!(from.is_empty());
        for cut in 0..out.len() {
            let (mut from, mut reader) = (&out[..cut], Reader::new(&dictionary));
            assert!(samples.iter().any(|_| reader.take(&mut from).is_err()), "cut at {cut}");
        }
    }
}
