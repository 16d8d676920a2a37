//! The system calls that no safe interface offers: one place, each block argued.
//!
//! `recvmmsg(2)` with ancillary data, because one call for up to [`DATAGRAMS_MAX`] datagrams is what keeps a
//! flooded socket drained, and because the kernel tells its drops only there (`SO_RXQ_OVFL`);
//! `poll(2)`; and three socket options that socket2 does not know.

use std::io;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use libc::{c_int, c_void, socklen_t};

/// Datagrams taken by one call: at 64 the call's own cost is below a tenth of the copying.
pub(crate) const DATAGRAMS_MAX: usize = 64;

/// Room for one `u32` of ancillary data with its header (24 bytes on Linux), in `u64` for alignment.
const CONTROL_WORDS: usize = 4;

/// Index of the drop count in the array that `SO_MEMINFO` fills (`SK_MEMINFO_DROPS`, linux/sock_diag.h).
const SK_MEMINFO_DROPS: usize = 8;

/// Waits until `fd` is readable, has ended or has failed; false when `timeout` has passed before.
pub(crate) fn wait_readable(fd: RawFd, timeout: Duration) -> io::Result<bool> {
    let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    // Rounded up: rounded down, the last millisecond of a wait would be spent spinning.
    let timeout_ms = c_int::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX);
    // SAFETY: the pointer is to one live pollfd and the count is 1; a bad fd is reported, not undefined.
    let ready = unsafe { libc::poll(&raw mut poll, 1, timeout_ms) };
    if ready >= 0 {
        return Ok(ready > 0);
    }
    let error = io::Error::last_os_error();
    if error.kind() == io::ErrorKind::Interrupted { Ok(false) } else { Err(error) }
}

/// Standard input without a buffer of its own.
#[derive(Debug)]
pub(crate) struct RawStdin;

impl io::Read for RawStdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // SAFETY: pointer and length are those of one live slice.
        let read = unsafe { libc::read(libc::STDIN_FILENO, buffer.as_mut_ptr().cast::<c_void>(), buffer.len()) };
        usize::try_from(read).map_err(|_| io::Error::last_os_error())
    }
}

fn set_int(socket: &impl AsRawFd, option: c_int, value: c_int) -> io::Result<()> {
    // SAFETY: pointer and length are those of one live c_int, which is what these options take.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            option,
            (&raw const value).cast::<c_void>(),
            size_of::<c_int>() as socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Asks for the count of dropped datagrams beside every datagram (`SO_RXQ_OVFL`).
pub(crate) fn report_drops(socket: &impl AsRawFd) -> io::Result<()> {
    set_int(socket, libc::SO_RXQ_OVFL, 1)
}

/// Sets the receive buffer beyond `net.core.rmem_max`; needs CAP_NET_ADMIN.
pub(crate) fn force_receive_buffer(socket: &impl AsRawFd, bytes: usize) -> io::Result<()> {
    set_int(socket, libc::SO_RCVBUFFORCE, c_int::try_from(bytes).unwrap_or(c_int::MAX))
}

/// Datagrams the kernel has dropped on this socket since it was made, modulo 2^32 (`SO_MEMINFO`).
pub(crate) fn drops(socket: &impl AsRawFd) -> io::Result<u32> {
    let mut info = [0u32; SK_MEMINFO_DROPS + 1];
    let mut len = size_of_val(&info) as socklen_t;
    // SAFETY: pointer and length are those of one live array; the kernel writes at most `len` bytes.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            info.as_mut_ptr().cast::<c_void>(),
            &raw mut len,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    if (len as usize) < size_of_val(&info) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    Ok(info[SK_MEMINFO_DROPS])
}

/// One datagram as received.
#[derive(Debug)]
pub(crate) struct Datagram<'a> {
    pub bytes: &'a [u8],
    pub peer: SocketAddr,
    /// It was longer than the slot; only its begin is here.
    pub truncated: bool,
    /// Drops of the socket so far, modulo 2^32, when the kernel tells them.
    pub drops: Option<u32>,
}

/// Buffers for one `recvmmsg` call.
///
/// Only plain memory is kept between calls; headers that point into it are built for each call, so moving
/// this value is harmless.
#[derive(Debug)]
pub(crate) struct Datagrams {
    slot_bytes: usize,
    bytes: Vec<u8>,
    received: Vec<Received>,
}

#[derive(Clone, Copy, Debug)]
struct Received {
    len: usize,
    peer: SocketAddr,
    truncated: bool,
    drops: Option<u32>,
}

impl Datagrams {
    /// Buffers for datagrams of up to `slot_bytes`.
    pub(crate) fn new(slot_bytes: usize) -> Self {
        Self { slot_bytes, bytes: vec![0; slot_bytes * DATAGRAMS_MAX], received: Vec::with_capacity(DATAGRAMS_MAX) }
    }

    /// The datagrams of the last call.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Datagram<'_>> {
        self.bytes.chunks_exact(self.slot_bytes).zip(&self.received).map(|(slot, received)| Datagram {
            bytes: &slot[..received.len],
            peer: received.peer,
            truncated: received.truncated,
            drops: received.drops,
        })
    }

    /// Takes what the socket holds, without waiting; how many datagrams that are.
    pub(crate) fn receive(&mut self, socket: &impl AsRawFd) -> io::Result<usize> {
        self.received.clear();
        // SAFETY: all three are plain C structures for which all-zero is a valid value.
        let mut addresses: [libc::sockaddr_storage; DATAGRAMS_MAX] = unsafe { zeroed() };
        // SAFETY: as above.
        let mut parts: [libc::iovec; DATAGRAMS_MAX] = unsafe { zeroed() };
        // SAFETY: as above.
        let mut headers: [libc::mmsghdr; DATAGRAMS_MAX] = unsafe { zeroed() };
        let mut controls = [[0u64; CONTROL_WORDS]; DATAGRAMS_MAX];
        for (i, slot) in self.bytes.chunks_exact_mut(self.slot_bytes).enumerate() {
            parts[i] = libc::iovec { iov_base: slot.as_mut_ptr().cast::<c_void>(), iov_len: slot.len() };
            let header = &mut headers[i].msg_hdr;
            header.msg_name = (&raw mut addresses[i]).cast::<c_void>();
            header.msg_namelen = size_of::<libc::sockaddr_storage>() as socklen_t;
            header.msg_iov = &raw mut parts[i];
            header.msg_iovlen = 1;
            header.msg_control = controls[i].as_mut_ptr().cast::<c_void>();
            header.msg_controllen = size_of_val(&controls[i]) as _;
        }
        // SAFETY: `new` made exactly DATAGRAMS_MAX slots, so every header was filled above; all it points to
        // (slots, addresses, parts, controls) lives until after the last use of `headers` below and is
        // not touched by Rust during the call.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                DATAGRAMS_MAX as _,
                libc::MSG_DONTWAIT as _,
                std::ptr::null_mut(),
            )
        };
        let Ok(count) = usize::try_from(count) else {
            return Err(io::Error::last_os_error());
        };
        for (header, address) in headers.iter().zip(&addresses).take(count) {
            self.received.push(Received {
                // The kernel never tells more than it stored, unless MSG_TRUNC is asked for; checked all the same.
                len: (header.msg_len as usize).min(self.slot_bytes),
                peer: socket_address(address),
                truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
                drops: ancillary_drops(&header.msg_hdr),
            });
        }
        Ok(count)
    }
}

/// The `SO_RXQ_OVFL` count beside a datagram, when there is one.
fn ancillary_drops(header: &libc::msghdr) -> Option<u32> {
    // SAFETY: `header` was filled by recvmmsg over a control buffer of this module that is still alive;
    // CMSG_FIRSTHDR checks msg_controllen and yields null when no header fits.
    let control = unsafe { libc::CMSG_FIRSTHDR(header).as_ref() }?;
    let is_drops = control.cmsg_level == libc::SOL_SOCKET && control.cmsg_type == libc::SO_RXQ_OVFL;
    // SAFETY: no pointer is followed; CMSG_LEN is arithmetic.
    let long_enough = control.cmsg_len as usize >= unsafe { libc::CMSG_LEN(size_of::<u32>() as u32) } as usize;
    if !is_drops || !long_enough {
        return None;
    }
    // SAFETY: the length just checked says that a u32 follows the header, inside the control buffer;
    // it is read without assuming its alignment.
    Some(unsafe { libc::CMSG_DATA(control).cast::<u32>().read_unaligned() })
}

/// The sender's address, an IPv4 one as such also on a socket for both; the unspecified one for a family that is not IP (it cannot come).
fn socket_address(storage: &libc::sockaddr_storage) -> SocketAddr {
    match c_int::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says which structure the kernel wrote, and sockaddr_storage is large
            // enough and aligned for every one of them.
            let v4 = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in>() };
            SocketAddr::from((Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)), u16::from_be(v4.sin_port)))
        }
        libc::AF_INET6 => {
            // SAFETY: as for AF_INET.
            let v6 = unsafe { &*(&raw const *storage).cast::<libc::sockaddr_in6>() };
            let address = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            if let Some(v4) = address.to_ipv4_mapped() {
                return SocketAddr::from((v4, u16::from_be(v6.sin6_port)));
            }
            SocketAddr::V6(SocketAddrV6::new(address, u16::from_be(v6.sin6_port), v6.sin6_flowinfo, v6.sin6_scope_id))
        }
        _ => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
    }
}
