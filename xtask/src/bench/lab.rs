//! How many packets a second the lab forwards through rules and recorder, and by how much it delays them, beside the kernel.

use anyhow::{Context, ensure};
use clap::Args;
use indexmap::IndexMap;
use peerproof::network::fabric::topology::Preset;
use peerproof::network::lab::{Host, Lab, Namespace, hosts_of, unavailable};
use peerproof::network::rule::{Rule, RuleAction, RuleSpec};
use peerproof::peers::CaseClock;
use peerproof::recording::lab::watch;
use peerproof::recording::{CaseCapture, Journal};
use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

#[derive(Args)]
pub(crate) struct Arguments {
    /// Seconds of each measurement
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Bytes of each datagram, at least 8
    #[arg(long, default_value_t = 200)]
    size: usize,
}

/// Packets under way at once when as many as possible are sent.
const WINDOW: u64 = 1000;
/// Rate at which delay is measured.
const PACE: Duration = Duration::from_micros(100);

pub(crate) fn run(root: &Path, arguments: &Arguments) -> anyhow::Result<()> {
    if cfg!(debug_assertions) {
        // What is measured is the release build; this program becomes it.
        let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["run", "--release", "--quiet", "--package", "xtask", "--", "bench", "lab"])
            .args(["--seconds", &arguments.seconds.to_string(), "--size", &arguments.size.to_string()])
            .current_dir(root)
            .status()?;
        ensure!(status.success(), "the release build failed");
        return Ok(());
    }
    if let Some(reason) = unavailable() {
        anyhow::bail!("the network lab is unavailable: {reason}");
    }
    let span = Duration::from_secs(arguments.seconds);
    let runtime = tokio::runtime::Runtime::new()?;
    let folder = tempdir()?;
    for rules in [0, 5] {
        let name = format!("the lab, recorded, {rules} rules");
        let (lab, capture) = runtime.block_on(start(&folder, rules))?;
        let socket = |host: &str| {
            let host = lab.host(host).context("a host is missing")?;
            let address = host.interfaces().first().and_then(|i| i.addresses.first()).copied();
            bound(host.namespace(), address.context("an address is missing")?.to_string())
        };
        measure(&name, socket("alice")?, socket("bob")?, span, arguments.size)?;
        runtime.block_on(lab.stop());
        let trouble = capture.finish();
        ensure!(trouble.is_none(), "the recording broke: {trouble:?}");
    }
    std::fs::remove_dir_all(&folder)?;
    let kernel = Kernel::new(&runtime)?;
    measure("the kernel, veth and forwarding", kernel.socket(0)?, kernel.socket(2)?, span, arguments.size)
}

async fn start(folder: &Path, rules: u32) -> anyhow::Result<(Lab, Arc<CaseCapture>)> {
    let topology = Preset::Internet.topology(&["alice", "bob"]);
    let mut hosts = IndexMap::new();
    for (name, interfaces) in hosts_of(&topology)? {
        hosts.insert(name, Host::new(&interfaces).await?);
    }
    let journal = Arc::new(Journal::create(&folder.join("timeline.jsonl"), CaseClock::start())?);
    let capture = CaseCapture::create(&folder.join("capture.pcapng"), "bench", journal)?;
    for n in 0..rules {
        // None of them matches (what is sent is of type 0), so that each is tried for every packet.
        let spec = RuleSpec { payload_type: Some(100 + n as u8), ..RuleSpec::default() };
        capture.install(Rule::new(spec, RuleAction::Drop, 1));
    }
    let watch = watch(&capture, &topology, &[("alice", "bench"), ("bob", "bench")]);
    Ok((Lab::start(topology, hosts, 1, watch)?, capture))
}

fn bound(namespace: &Namespace, address: String) -> anyhow::Result<UdpSocket> {
    let socket = namespace.run(move || UdpSocket::bind(format!("{address}:0")))??;
    socket.set_read_timeout(Some(Duration::from_millis(200)))?;
    Ok(socket)
}

/// As many as possible, then a steady stream; one way.
fn measure(name: &str, from: UdpSocket, to: UdpSocket, span: Duration, size: usize) -> anyhow::Result<()> {
    let rate = flood(&from, &to, span, size)?;
    ensure!(rate > 0.0, "{name}: nothing arrived");
    let mut delays = stream(&from, &to, span, size)?;
    delays.sort_unstable();
    let at = |share: f64| delays.get((delays.len() as f64 * share) as usize).copied().unwrap_or_default();
    say(&format!(
        "{name}: {rate:.0} packets/s; at 10000/s the delay is {:.3} ms at the median, {:.3} ms at 99 % ({} packets)",
        at(0.5).as_secs_f64() * 1e3,
        at(0.99).as_secs_f64() * 1e3,
        delays.len(),
    ));
    Ok(())
}

fn flood(from: &UdpSocket, to: &UdpSocket, span: Duration, size: usize) -> anyhow::Result<f64> {
    let target = to.local_addr()?;
    let (received, over) = (AtomicU64::new(0), AtomicBool::new(false));
    let payload = payload(size);
    let began = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut buffer = [0; 2048];
            while !over.load(Ordering::Relaxed) {
                if to.recv(&mut buffer).is_ok() {
                    received.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let mut sent = 0_u64;
        let mut stuck = Instant::now();
        let mut last = 0;
        while began.elapsed() < span {
            let now = received.load(Ordering::Relaxed);
            if now != last {
                (last, stuck) = (now, Instant::now());
            }
            if sent.saturating_sub(now) < WINDOW {
                sent += u64::from(from.send_to(&payload, target).is_ok());
            } else if stuck.elapsed() > Duration::from_millis(20) {
                // Some were lost: they are no longer under way.
                sent = now;
            } else {
                thread::yield_now();
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    Ok(received.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64())
}

fn stream(from: &UdpSocket, to: &UdpSocket, span: Duration, size: usize) -> anyhow::Result<Vec<Duration>> {
    let target = to.local_addr()?;
    let over = AtomicBool::new(false);
    let began = Instant::now();
    let mut payload = payload(size);
    thread::scope(|scope| {
        let receiving = scope.spawn(|| {
            let mut delays = Vec::new();
            let mut buffer = [0; 2048];
            while !over.load(Ordering::Relaxed) {
                let Ok(length) = to.recv(&mut buffer) else { continue };
                let now = began.elapsed();
                let sent = buffer.get(..length).and_then(|bytes| bytes.first_chunk::<8>()).copied();
                let sent = Duration::from_nanos(u64::from_be_bytes(sent.unwrap_or_default()) & !HIGH);
                delays.push(now.saturating_sub(sent));
            }
            delays
        });
        let mut next = began.elapsed();
        while began.elapsed() < span {
            while began.elapsed() < next {
                std::hint::spin_loop();
            }
            next += PACE;
            let nanoseconds = u64::try_from(began.elapsed().as_nanos())? | HIGH;
            if let Some(head) = payload.first_chunk_mut::<8>() {
                *head = nanoseconds.to_be_bytes();
            }
            let _ = from.send_to(&payload, target);
        }
        thread::sleep(Duration::from_millis(50));
        over.store(true, Ordering::Relaxed);
        receiving.join().map_err(|_| anyhow::anyhow!("the receiver broke down"))
    })
}

/// The first byte of a payload that is taken for no protocol of WebRTC but media.
const HIGH: u64 = 0x80 << 56;

fn payload(size: usize) -> Vec<u8> {
    let mut payload = vec![0; size.max(16)];
    if let Some(first) = payload.first_mut() {
        *first = 0x80;
    }
    payload
}

/// Two hosts joined by a third that forwards, all of it the kernel's work.
struct Kernel {
    namespaces: [Arc<Namespace>; 3],
}

impl Kernel {
    fn new(runtime: &tokio::runtime::Runtime) -> anyhow::Result<Self> {
        let namespaces = [Namespace::new()?, Namespace::new()?, Namespace::new()?];
        let [left, router, right] = &namespaces;
        runtime.block_on(async {
            super::veth::join(left, router, "10.1.0.2", "10.1.0.1", "l").await?;
            super::veth::join(right, router, "10.2.0.2", "10.2.0.1", "r").await?;
            router.run_async(|| std::fs::write("/proc/sys/net/ipv4/ip_forward", "1")).await??;
            anyhow::Ok(())
        })?;
        Ok(Self { namespaces })
    }

    fn socket(&self, place: usize) -> anyhow::Result<UdpSocket> {
        let address = if place == 0 { "10.1.0.2" } else { "10.2.0.2" };
        bound(self.namespaces.get(place).context("there are three")?, address.to_owned())
    }
}

fn tempdir() -> anyhow::Result<std::path::PathBuf> {
    let folder = std::env::temp_dir().join(format!("peerproof-bench-lab-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

#[expect(clippy::print_stdout, reason = "a measurement is for the terminal")]
fn say(text: &str) {
    println!("{text}");
}
