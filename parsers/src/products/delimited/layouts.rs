//! Layouts that a row shows by its shape: the number of its columns and what must be readable in them.

use std::sync::LazyLock;

use super::{ColumnMap, is_result};
use crate::number::{parse_scaled, parse_u64};
use crate::time::{parse_epoch, take_iso};
use crate::wire::csv::Cells;

/// What a cell must be for a row to have the layout.
#[derive(Clone, Copy)]
enum Must {
    Any,
    Time,
    Seconds,
    Ip,
    /// A port, or nothing: ICMP has none.
    Port,
    Number,
    Result,
    /// `->`, `<->`, `<?>`: Argus' direction.
    Arrow,
    InOut,
}

struct Layout {
    map: LazyLock<ColumnMap>,
    shape: &'static [Must],
    /// More columns may follow.
    open: bool,
}

use Must::{Any, Arrow, InOut, Ip, Number, Port, Result, Seconds, Time};

static BADGE: Layout = Layout {
    map: LazyLock::new(|| ColumnMap::known("time,door,badge_id,name,result,direction")),
    shape: &[Time, Any, Any, Any, Result, InOut],
    open: false,
};

static FLOWS: [Layout; 4] = [
    Layout {
        map: LazyLock::new(|| ColumnMap::known("start,end,src,dst,sport,dport,proto,packets,bytes")),
        shape: &[Time, Time, Ip, Ip, Port, Port, Any, Number, Number],
        open: false,
    },
    Layout {
        map: LazyLock::new(|| ColumnMap::known("time,src,dst,sport,dport,proto,bytes,packets")),
        shape: &[Time, Ip, Ip, Port, Port, Any, Number, Number],
        open: false,
    },
    // Argus, `ra -c,` with the columns of its binetflow files.
    Layout {
        map: LazyLock::new(|| {
            ColumnMap::known(
                "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes,SrcPkts,Label",
            )
        }),
        shape: &[Time, Seconds, Any, Any, Any, Arrow, Any, Any, Any, Any, Any, Number, Number, Number],
        open: true,
    },
    // nfdump -o csv.
    Layout {
        map: LazyLock::new(|| {
            ColumnMap::known(
                "start,te,td,sa,da,sp,dp,pr,flags,fwd,tos,ipkt,ibyt,opkt,obyt,in,out,sas,das,smk,dmk,dtos,dir,nh,nhb,svln,dvln,\
                 ismc,odmc,idmc,osmc,mpls1,mpls2,mpls3,mpls4,mpls5,mpls6,mpls7,mpls8,mpls9,mpls10,cl,sl,al,ra,eng,exid,tr",
            )
        }),
        shape: &[Time, Time, Seconds, Ip, Ip, Port, Port, Any, Any, Any, Any, Number, Number, Number, Number],
        open: true,
    },
];

/// The headers of files whose names are not those of the layout above.
const NFDUMP_HEADER: &[u8] = b"ts,te,td,sa,da,";

impl Layout {
    fn fits(&self, record: &[u8]) -> bool {
        let mut cells = Cells::separated(record, b',');
        for must in self.shape {
            let Some(cell) = cells.next() else { return false };
            if !must.holds(cell.text.trim_ascii()) {
                return false;
            }
        }
        self.open || cells.next().is_none()
    }

    fn of(&self, record: &[u8]) -> Option<&ColumnMap> {
        (self.fits(record) || self.map.is_header(record)).then(|| &*self.map)
    }
}

impl Must {
    fn holds(self, cell: &[u8]) -> bool {
        match self {
            Any => true,
            Time => take_iso(cell).is_some_and(|(_, rest)| rest.is_empty()) || parse_epoch(cell).is_some(),
            Seconds => parse_scaled(cell, 0).is_some(),
            Ip => crate::ip::parse(cell).is_some(),
            Port => cell.is_empty() || parse_u64(cell).is_some_and(|port| port <= 65_535),
            Number => parse_u64(cell).is_some(),
            Result => is_result(cell).is_some(),
            Arrow => cell.len() <= 4 && cell.iter().any(|byte| matches!(byte, b'>' | b'<')),
            InOut => cell.eq_ignore_ascii_case(b"in") || cell.eq_ignore_ascii_case(b"out"),
        }
    }
}

/// The map of a flow record's row.
pub(super) fn flow(record: &[u8]) -> Option<&'static ColumnMap> {
    // Fields of the shortest layout are separated by seven commas; most lines have none so early.
    memchr::memchr(b',', &record[..record.len().min(FIRST_BYTES_MAX)])?;
    if record.starts_with(NFDUMP_HEADER) {
        return Some(&FLOWS[3].map);
    }
    FLOWS.iter().find_map(|layout| layout.of(record))
}

/// The map of a badge reader's row.
pub(super) fn badge(record: &[u8]) -> Option<&'static ColumnMap> {
    memchr::memchr(b',', &record[..record.len().min(FIRST_BYTES_MAX)])?;
    BADGE.of(record)
}

/// The first column is a time, whose longest form has 35 bytes, or a header's name.
const FIRST_BYTES_MAX: usize = 40;
