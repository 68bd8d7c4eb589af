//! `peerproof inspect` next to `tshark -T fields` with the same fields, on the same capture, in one run.

use super::traffic;
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Times tshark's rate that inspection aims at, without and with decryption.
const GOALS: [f64; 2] = [30.0, 15.0];
/// Most memory, in KiB.
const MEMORY: u64 = 300 << 10;
/// How often a process is asked for its memory.
const ASK: Duration = Duration::from_millis(10);
/// Inspections of each kind; the fastest counts.
const RUNS: usize = 3;

/// What the trace takes from the packets, by tshark's names.
const FIELDS: [&str; 32] = [
    "frame.number",
    "frame.time_epoch",
    "frame.len",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "udp.srcport",
    "udp.dstport",
    "stun.type",
    "stun.id",
    "stun.att.username",
    "stun.att.type",
    "stun.att.error.class",
    "stun.channel",
    "dtls.record.content_type",
    "dtls.record.sequence_number",
    "dtls.handshake.type",
    "dtls.handshake.random",
    "dtls.alert_message.desc",
    "rtp.ssrc",
    "rtp.seq",
    "rtp.timestamp",
    "rtp.p_type",
    "rtp.marker",
    "rtcp.pt",
    "rtcp.senderssrc",
    "sctp.chunk_type",
    "sctp.data_tsn",
    "sctp.data_sid",
    "sctp.data_payload_proto_id",
    "sctp.sack_cumulative_tsn_ack",
];

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Least size of the capture, in megabytes
    #[arg(long, default_value_t = 500)]
    megabytes: u64,
    /// Leave tshark out
    #[arg(long)]
    without_tshark: bool,
    /// Measure on this capture instead of a made one
    #[arg(long, value_name = "FILE", requires = "keylog")]
    capture: Option<PathBuf>,
    /// The key log of that capture
    #[arg(long, value_name = "FILE")]
    keylog: Option<PathBuf>,
}

/// What a process took.
#[derive(Clone, Copy)]
struct Taken {
    time: Duration,
    /// Its VmHWM in KiB.
    memory: u64,
}

/// Builds the tool and the capture, measures and prints.
///
/// # Errors
/// If something cannot be built, made or run.
#[expect(clippy::print_stdout, reason = "a chore speaks to the terminal")]
pub(crate) fn run(root: &Path, options: &Options) -> Result<()> {
    let tool = super::peerproof(root)?;
    let (capture, key_log) = match (&options.capture, &options.keylog) {
        (Some(capture), Some(key_log)) => (capture.clone(), key_log.clone()),
        _ => {
            let made = traffic::make(root, &root.join("target/bench"), options.megabytes * 1_000_000)?;
            (made.capture, made.key_log)
        }
    };
    let bytes = fs::metadata(&capture)?.len();
    // Read once, so that none of them waits for the disk.
    let packets = packets(&capture)?;
    println!("{}: {:.0} MB, {packets} packets", capture.display(), bytes as f64 / 1e6);

    for (index, goal) in GOALS.into_iter().enumerate() {
        let decrypting = index == 1;
        println!("{} decryption", if decrypting { "with" } else { "without" });
        let mut inspect = Command::new(&tool);
        inspect.arg("inspect").arg(&capture);
        let mut tshark = Command::new("tshark");
        tshark.arg("-n").arg("-r").arg(&capture).args(["--enable-heuristic", "rtp_udp", "-T", "fields"]);
        tshark.args(FIELDS.iter().flat_map(|field| ["-e", field]));
        if decrypting {
            inspect.arg("--keylog").arg(&key_log);
            tshark.arg("-o").arg(format!("tls.keylog_file:{}", key_log.display()));
        }
        let mut fastest: Option<Taken> = None;
        for _ in 0..RUNS {
            let taken = measure(&mut inspect)?;
            if fastest.is_none_or(|fastest| taken.time < fastest.time) {
                fastest = Some(taken);
            }
        }
        let fastest = fastest.context("nothing was run")?;
        println!("  peerproof inspect  {}", line(fastest, bytes, packets));
        let memory = if fastest.memory < MEMORY { "met" } else { "MISSED" };
        println!("  memory under {} MB: {memory}", MEMORY >> 10);
        if !options.without_tshark {
            let other = measure(&mut tshark)?;
            println!("  tshark             {}", line(other, bytes, packets));
            let ratio = other.time.as_secs_f64() / fastest.time.as_secs_f64();
            let met = if ratio >= goal { "met" } else { "MISSED" };
            println!("  ratio {ratio:.1}, goal {goal}: {met}");
        }
    }
    Ok(())
}

fn line(taken: Taken, bytes: u64, packets: u64) -> String {
    let seconds = taken.time.as_secs_f64();
    format!(
        "{seconds:8.3} s  {:8.1} MB/s  {:9.0} packets/s  {:5.0} MB at most",
        bytes as f64 / 1e6 / seconds,
        packets as f64 / seconds,
        taken.memory as f64 / 1024.0
    )
}

/// Packets of a capture.
fn packets(capture: &Path) -> Result<u64> {
    let mut reader = peerproof_captures::file::CaptureReader::new(fs::File::open(capture)?);
    while reader.next_item().is_some() {}
    ensure!(reader.stop().is_none(), "{} is not whole", capture.display());
    Ok(reader.frames())
}

fn measure(command: &mut Command) -> Result<Taken> {
    let begun = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("{} cannot be run", command.get_program().display()))?;
    let mut memory = 0;
    let status = loop {
        memory = memory.max(peak(&child));
        match child.try_wait()? {
            Some(status) => break status,
            None => std::thread::sleep(ASK),
        }
    };
    ensure!(status.success(), "{}: {status}", command.get_program().display());
    Ok(Taken { time: begun.elapsed(), memory })
}

/// The most memory that a process has held so far, in KiB; zero where that is not reported.
fn peak(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
