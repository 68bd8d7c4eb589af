//! Virtual time, seeded chance and a network in memory: what is played in here is the same each time, byte for byte.
//!
//! [`run`] plays something on a thread of its own. There, and only there, time stands still while anything has work to do and
//! jumps to the next timer otherwise (tokio's paused clock, which [`Instant`] and `SystemTime` follow), all random bytes follow
//! from the seed, and sockets are joined in memory. What the code in here must not do is wait for another thread, or leave work
//! to one.

#[cfg(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod libc;
mod network;
mod socket;
mod streams;
#[cfg(test)]
mod tests;

pub(crate) use network::Port;
pub(crate) use socket::Socket;
pub(crate) use streams::{Listener, connect};

use network::{LATENCY, Network};
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Weak;
use std::time::{Duration, Instant};

/// Whether this build can simulate: the C library's symbols are redefined, see `libc`.
pub const SUPPORTED: bool =
    cfg!(all(target_os = "linux", target_env = "gnu", any(target_arch = "x86_64", target_arch = "aarch64")));

/// When simulations begin on the wall clock, as time since the Unix epoch: shortly after 2026-01-01 00:00:00 UTC. Not on a
/// millisecond: the `webrtc` crate makes versions of descriptions of the fraction of the second, and takes zero for none.
const EPOCH: Duration = Duration::new(1_767_225_600, 123_457_000);
/// And on the monotonic clock. Not zero, since code subtracts.
const UPTIME: Duration = Duration::from_secs(1_000_000);
/// A debug build's futures are large.
const STACK: usize = 16 << 20;

thread_local! {
    static RUNNING: Cell<bool> = const { Cell::new(false) };
    /// Tokio is being asked for the time, and may ask for it in turn.
    static ASKING: Cell<bool> = const { Cell::new(false) };
    static BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
    static CHANCE: RefCell<Option<StdRng>> = const { RefCell::new(None) };
    static NETWORK: RefCell<Network> = const { RefCell::new(Network::new()) };
}

/// Why nothing came out of a simulation.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// This build cannot simulate.
    #[error("virtual time needs Linux with the GNU C library on x86-64 or AArch64")]
    Unsupported,
    /// No thread or runtime was available.
    #[error("the simulation does not start: {0}")]
    Start(#[from] std::io::Error),
    /// What was played has panicked.
    #[error("the simulation broke down")]
    Panicked,
}

/// Plays what `make` makes in a simulation of its own: the same seed gives the same. Takes as long as there is work to do.
///
/// # Errors
/// The machine cannot do it, or it broke down.
pub async fn run<T, F>(seed: u64, make: impl FnOnce() -> F + Send + 'static) -> Result<T, SimulationError>
where
    T: Send + 'static,
    F: Future<Output = T>,
{
    if !SUPPORTED {
        return Err(SimulationError::Unsupported);
    }
    let (sender, outcome) = tokio::sync::oneshot::channel();
    // A new thread, since what a thread has drawn before would be in its generators and in the keys of its hash maps.
    let thread = std::thread::Builder::new().name("simulation".to_owned()).stack_size(STACK);
    thread.spawn(move || {
        let begun = Begun::begin(seed);
        let played = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .map(|runtime| runtime.block_on(make()));
        drop(begun);
        // Whoever has stopped waiting does not want to know.
        let _ = sender.send(played);
    })?;
    Ok(outcome.await.map_err(|_| SimulationError::Panicked)??)
}

/// A simulation on this thread; ends when dropped.
struct Begun;

impl Begun {
    fn begin(seed: u64) -> Self {
        CHANCE.set(Some(StdRng::seed_from_u64(seed)));
        RUNNING.set(true);
        BEGAN.set(Some(Instant::now()));
        Self
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        RUNNING.set(false);
        BEGAN.set(None);
        CHANCE.set(None);
        NETWORK.set(Network::new());
    }
}

/// Whether this thread is a simulation's.
#[must_use]
pub fn is_running() -> bool {
    RUNNING.get()
}

/// Does what takes milliseconds, so that it is not done on the threads that serve sockets and timers; in a simulation at once,
/// since nothing waits meanwhile. `None` if it has panicked.
pub(crate) async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    if is_running() { Some(work()) } else { tokio::task::spawn_blocking(work).await.ok() }
}

/// Fills the bytes by the seed. `false` if there is none.
fn draw(bytes: &mut [u8]) -> bool {
    CHANCE
        .try_with(|chance| {
            let mut chance = chance.try_borrow_mut().ok()?;
            chance.as_mut()?.fill_bytes(bytes);
            Some(())
        })
        .is_ok_and(|drawn| drawn.is_some())
}

/// How long the simulation has been going on.
fn elapsed() -> Duration {
    let Some(began) = BEGAN.get() else { return Duration::ZERO };
    // Where no runtime is entered, tokio asks for the time of the system, which is this again.
    if ASKING.replace(true) {
        return Duration::ZERO;
    }
    let now = tokio::time::Instant::now().into_std();
    ASKING.set(false);
    now.saturating_duration_since(began)
}

fn wall_clock() -> Duration {
    EPOCH + elapsed()
}

fn monotonic_clock() -> Duration {
    UPTIME + elapsed()
}

/// What a socket that the kernel has bound there is called in the simulation.
fn given_address(bound: SocketAddrV4) -> Option<SocketAddrV4> {
    NETWORK.try_with(|network| network.try_borrow_mut().ok()?.given(bound)).ok()?
}

/// An address to bind the sockets of one more host to.
pub(crate) fn host() -> IpAddr {
    NETWORK.with_borrow_mut(Network::host)
}

/// The host of this simulation's network on which servers are.
pub(crate) const SERVERS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 200));

/// Takes a port of this simulation's network, a free one if none is given.
fn bind(address: SocketAddr, port: Weak<dyn Port>) -> std::io::Result<SocketAddr> {
    NETWORK.with_borrow_mut(|network| network.bind(address, port))
}

/// Opens a port of this simulation's network.
pub(crate) fn open(address: SocketAddr, port: Weak<dyn Port>) {
    NETWORK.with_borrow_mut(|network| network.open(address, port));
}

/// Sends a datagram over this simulation's network.
pub(crate) fn send(from: SocketAddr, to: SocketAddr, payload: Vec<u8>) {
    NETWORK.with_borrow_mut(|network| network.send(from, to, payload));
    tokio::spawn(async {
        tokio::time::sleep(LATENCY).await;
        let arrival = NETWORK.with_borrow_mut(Network::arrival);
        if let Some((port, from, payload)) = arrival {
            port.arrive(from, payload);
        }
    });
}
