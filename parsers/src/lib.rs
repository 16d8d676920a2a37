//! Noroshi parsers: bytes to events; no clock, no I/O, no threads.
//!
//! The way of a record: [`decode::Decoder::decode`] reads its header (`wire`), finds
//! its product ([`detect`]), and the product's file ([`products`]) turns wire fields into
//! ECS names, the vendor's own names beside them. Parsing never fails: what is odd
//! becomes a [`defect::Defect`] and the raw record always survives.

pub mod charset;
pub mod decode;
pub mod defect;
pub mod detect;
pub mod dictionary;
pub mod document;
pub mod ecs;
pub mod event;
pub mod frame;
pub mod ip;
pub mod join;
pub mod logsource;
pub mod number;
pub mod products;
pub mod scan;
pub mod split;
#[cfg(test)]
mod testing;
pub mod time;
pub mod wire;
pub mod zone;
