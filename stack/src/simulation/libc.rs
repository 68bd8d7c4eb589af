//! The calls by which chance, time and addresses reach a thread, answered by the simulation on its own thread alone.
//!
//! The crates below read them in many places of their own: `rand`, `ring` and the standard library's hash maps draw random bytes
//! by `getrandom` (`ring` by `syscall`), all read `SystemTime` and `Instant` by `clock_gettime`, and the `webrtc` crate asks the
//! kernel by `getsockname` which port it was given. A symbol that the executable defines comes before the C library's, so these
//! definitions are what they all call.
//!
//! What the soundness rests on:
//! - The signatures are those of the C library. `syscall` is variadic there; it is defined with its number and the six arguments
//!   that a call can have, as the C library's own is: on the platforms that [`super::SUPPORTED`] names, the arguments of a
//!   variadic function are passed like those of any other, and more than six are never read.
//! - Off a simulation's thread each call goes to the next definition of its symbol, with what it was given.
//! - Memory of the caller is written only as the function's contract allows it: as many bytes as the caller says there are.
//! - They may be called at any time, while a thread ends too: what they look at first is a thread-local without destructor, and
//!   nothing here allocates.
#![expect(
    unsafe_code,
    reason = "symbols of the C library are defined; the module's documentation proves each use"
)]

use nix::libc::{
    self, AF_INET, c_int, c_long, c_uint, c_void, clockid_t, size_t, sockaddr, sockaddr_in, socklen_t,
    ssize_t, timespec,
};
use std::ffi::CStr;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};
use std::time::Duration;

type GetRandom = unsafe extern "C" fn(*mut c_void, size_t, c_uint) -> ssize_t;
type Syscall = unsafe extern "C" fn(c_long, ...) -> c_long;
type ClockGetTime = unsafe extern "C" fn(clockid_t, *mut timespec) -> c_int;
type GetSockName = unsafe extern "C" fn(c_int, *mut sockaddr, *mut socklen_t) -> c_int;

/// The definition of a symbol that would be called if there were none here.
struct Next {
    name: &'static CStr,
    address: AtomicPtr<c_void>,
}

impl Next {
    const fn new(name: &'static CStr) -> Self {
        Self { name, address: AtomicPtr::new(ptr::null_mut()) }
    }

    fn get(&self) -> Option<NonNull<c_void>> {
        if let Some(known) = NonNull::new(self.address.load(Ordering::Acquire)) {
            return Some(known);
        }
        // SAFETY: the name is a C string, and the handle is one that the C library defines.
        let found = unsafe { libc::dlsym(libc::RTLD_NEXT, self.name.as_ptr()) };
        self.address.store(found, Ordering::Release);
        NonNull::new(found)
    }
}

static GETRANDOM: Next = Next::new(c"getrandom");
static SYSCALL: Next = Next::new(c"syscall");
static CLOCK_GETTIME: Next = Next::new(c"clock_gettime");
static GETSOCKNAME: Next = Next::new(c"getsockname");

/// There is no such function behind ours, which a C library that links cannot be.
fn missing() -> c_int {
    nix::errno::Errno::ENOSYS.set();
    -1
}

/// Fills the buffer if this thread is a simulation's.
///
/// # Safety
/// `length` bytes at `buffer` may be written, unless it is null or `length` is zero.
unsafe fn fill(buffer: *mut c_void, length: size_t) -> Option<ssize_t> {
    if !super::is_running() || (buffer.is_null() && length > 0) {
        return None;
    }
    if length == 0 {
        return Some(0);
    }
    let buffer = buffer.cast::<u8>();
    // SAFETY: the caller allows to write that number of bytes. They are initialised before there is a slice of them, which nobody else
    // has meanwhile, since the caller waits.
    let bytes = unsafe {
        ptr::write_bytes(buffer, 0, length);
        std::slice::from_raw_parts_mut(buffer, length)
    };
    super::draw(bytes).then(|| length.cast_signed())
}

/// `getrandom(2)`.
///
/// # Safety
/// As of the C library's.
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut c_void, length: size_t, flags: c_uint) -> ssize_t {
    // SAFETY: the contract of this function.
    if let Some(length) = unsafe { fill(buffer, length) } {
        return length;
    }
    let Some(next) = GETRANDOM.get() else { return missing() as ssize_t };
    // SAFETY: the symbol has this type, and what it is given is what this function was given.
    unsafe { std::mem::transmute::<NonNull<c_void>, GetRandom>(next)(buffer, length, flags) }
}

/// `syscall(2)`.
///
/// # Safety
/// As of the C library's.
#[unsafe(no_mangle)]
unsafe extern "C" fn syscall(
    number: c_long,
    one: c_long,
    two: c_long,
    three: c_long,
    four: c_long,
    five: c_long,
    six: c_long,
) -> c_long {
    if number == libc::SYS_getrandom {
        let buffer = ptr::with_exposed_provenance_mut::<c_void>(one.cast_unsigned() as usize);
        // SAFETY: the contract of the system call of this number.
        if let Some(length) = unsafe { fill(buffer, two.cast_unsigned() as usize) } {
            return length as c_long;
        }
    }
    let Some(next) = SYSCALL.get() else { return missing().into() };
    // SAFETY: the symbol has this type, and what it is given is what this function was given.
    unsafe { std::mem::transmute::<NonNull<c_void>, Syscall>(next)(number, one, two, three, four, five, six) }
}

/// `clock_gettime(2)`.
///
/// # Safety
/// As of the C library's.
#[unsafe(no_mangle)]
unsafe extern "C" fn clock_gettime(clock: clockid_t, time: *mut timespec) -> c_int {
    if super::is_running() && !time.is_null() {
        let now: Option<Duration> = match clock {
            libc::CLOCK_REALTIME | libc::CLOCK_REALTIME_COARSE => Some(super::wall_clock()),
            libc::CLOCK_MONOTONIC
            | libc::CLOCK_MONOTONIC_RAW
            | libc::CLOCK_MONOTONIC_COARSE
            | libc::CLOCK_BOOTTIME => Some(super::monotonic_clock()),
            // Time of processors is none that a protocol knows.
            _ => None,
        };
        if let Some(now) = now {
            let now = timespec {
                tv_sec: now.as_secs().cast_signed(),
                tv_nsec: c_long::from(now.subsec_nanos().cast_signed()),
            };
            // SAFETY: the caller gives room for it.
            unsafe { time.write(now) };
            return 0;
        }
    }
    let Some(next) = CLOCK_GETTIME.get() else { return missing() };
    // SAFETY: the symbol has this type, and what it is given is what this function was given.
    unsafe { std::mem::transmute::<NonNull<c_void>, ClockGetTime>(next)(clock, time) }
}

/// `getsockname(2)`. Sockets that a simulation's thread has bound to loopback have an address of its network instead.
///
/// # Safety
/// As of the C library's.
#[unsafe(no_mangle)]
unsafe extern "C" fn getsockname(socket: c_int, address: *mut sockaddr, length: *mut socklen_t) -> c_int {
    let Some(next) = GETSOCKNAME.get() else { return missing() };
    // SAFETY: the symbol has this type, and what it is given is what this function was given.
    let result =
        unsafe { std::mem::transmute::<NonNull<c_void>, GetSockName>(next)(socket, address, length) };
    if result != 0 || !super::is_running() || address.is_null() || length.is_null() {
        return result;
    }
    // SAFETY: the call has succeeded, so the caller has given a length and room for as many bytes as it said. The length is now
    // that of the whole address, which was cut if there was less room: `sockaddr_in` is the smallest of all families, and the
    // callers in question give room for the largest.
    unsafe {
        if *length as usize != size_of::<sockaddr_in>() {
            return result;
        }
        let mut inet = address.cast::<sockaddr_in>().read_unaligned();
        if c_int::from(inet.sin_family) != AF_INET {
            return result;
        }
        let ip = Ipv4Addr::from(inet.sin_addr.s_addr.to_ne_bytes());
        if let Some(given) = super::given_address(SocketAddrV4::new(ip, u16::from_be(inet.sin_port))) {
            inet.sin_addr.s_addr = u32::from_ne_bytes(given.ip().octets());
            inet.sin_port = given.port().to_be();
            address.cast::<sockaddr_in>().write_unaligned(inet);
        }
    }
    result
}
