//! Numbers, texts and names as the snapshot's file has them.

use std::collections::HashMap;
use std::io::{self, Write};

use super::Refused;

/// LEB128.
pub(super) fn put_number(out: &mut dyn Write, mut number: u64) -> io::Result<()> {
    while number >= 0x80 {
        out.write_all(&[(number as u8) | 0x80])?;
        number >>= 7;
    }
    out.write_all(&[number as u8])
}

pub(super) fn put_bytes(out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    put_number(out, bytes.len() as u64)?;
    out.write_all(bytes)
}

/// Takes a number off the begin of `from`.
pub(super) fn number(from: &mut &[u8]) -> Result<u64, Refused> {
    let mut value = 0u64;
    for (at, &byte) in from.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f).checked_shl(7 * at as u32).unwrap_or(0);
        if byte & 0x80 == 0 {
            *from = &from[at + 1..];
            return Ok(value);
        }
    }
    Err(Refused::Damaged("a number has no end"))
}

pub(super) fn small<T: TryFrom<u64>>(from: &mut &[u8]) -> Result<T, Refused> {
    T::try_from(number(from)?).map_err(|_| Refused::Damaged("a number is too great"))
}

pub(super) fn bytes<'a>(from: &mut &'a [u8]) -> Result<&'a [u8], Refused> {
    let length: usize = small(from)?;
    let (head, rest) = from.split_at_checked(length).ok_or(Refused::Damaged("it ends too early"))?;
    *from = rest;
    Ok(head)
}

pub(super) fn array<const N: usize>(from: &mut &[u8]) -> Result<[u8; N], Refused> {
    let (head, rest) = from.split_first_chunk().ok_or(Refused::Damaged("it ends too early"))?;
    *from = rest;
    Ok(*head)
}

/// Texts that come again and again: written out the first time, by their number from then on.
#[derive(Default)]
pub(super) struct Names {
    numbers: HashMap<Box<[u8]>, u64>,
}

impl Names {
    pub(super) fn put(&mut self, out: &mut dyn Write, name: &[u8]) -> io::Result<()> {
        if let Some(&number) = self.numbers.get(name) {
            return put_number(out, number);
        }
        let number = self.numbers.len() as u64;
        self.numbers.insert(name.into(), number);
        put_number(out, number)?;
        put_bytes(out, name)
    }
}

/// The names read so far, each as what it stands for.
pub(super) struct Known<T> {
    values: Vec<T>,
}

impl<T> Default for Known<T> {
    fn default() -> Self {
        Known { values: Vec::new() }
    }
}

impl<T: Clone> Known<T> {
    pub(super) fn take(
        &mut self,
        from: &mut &[u8],
        of: impl FnOnce(&[u8]) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        let number: usize = small(from)?;
        if number == self.values.len() {
            self.values.push(of(bytes(from)?)?);
        }
        self.values.get(number).cloned().ok_or(Refused::Damaged("a name was never told"))
    }
}
