//! What tshark says.

use crate::facts::{APPLICATION_DATA, FIELDS, Facts, Form, PROTOCOL};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Settings without which tshark would not look for what WebRTC sends: media on any port, also on one that some other protocol
/// has by convention, and in TURN, TSNs as they are.
const SETTINGS: [&str; 20] = [
    "-n",
    "-q",
    "-o",
    "udp.try_heuristic_first:TRUE",
    "-o",
    "tcp.try_heuristic_first:TRUE",
    // Otherwise it would take what multicast DNS sends for DNS.
    "--disable-heuristic",
    "dns_udp",
    "-o",
    "sctp.relative_tsns:FALSE",
    "-o",
    "tcp.reassemble_out_of_order:TRUE",
    "--enable-heuristic",
    "rtp_udp",
    "--enable-heuristic",
    "rtp_stun",
    "--enable-heuristic",
    "dtls_stun",
    "--enable-heuristic",
    "stun_turn",
];

/// Reads a capture with the program; `more` are further arguments for this capture.
pub(crate) fn read(program: &Path, capture: &Path, more: &[String]) -> Result<Facts, String> {
    let mut command = Command::new(program);
    command.arg("-r").arg(capture).args(SETTINGS).args(more).args(["-T", "fields", "-E", "aggregator=;"]);
    for field in ["frame.number"].into_iter().chain(FIELDS.iter().map(|(field, _)| *field)) {
        command.args(["-e", field]);
    }
    let output =
        command.stdin(Stdio::null()).output().map_err(|error| format!("{}: {error}", program.display()))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    // It says so when the file ends within a packet, and gives what stands before.
    let stopped = complaint.contains("cut short") || complaint.contains("appears to be damaged");
    if !output.status.success() && !stopped {
        return Err(format!("tshark cannot read {}: {}", capture.display(), complaint.trim()));
    }
    let mut facts = Facts::default();
    facts.stopped = stopped;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let mut columns = line.split('\t');
        let number = columns.next().unwrap_or_default();
        let frame = number.parse().map_err(|_| format!("tshark names no frame in {line:?}"))?;
        facts.frames = frame;
        // What an ICMP error quotes is part of it, and no packet on its way; tshark dissects it all the same.
        let protocols = columns.clone().next().unwrap_or_default();
        if protocols.split([':', ';']).any(|name| matches!(name, "icmp" | "icmpv6")) {
            continue;
        }
        for ((field, form), column) in FIELDS.iter().zip(columns) {
            take(&mut facts, frame, field, *form, column);
        }
    }
    Ok(facts)
}

/// Reads captures that are written one behind the other into one file.
pub(crate) fn read_sections(
    program: &Path,
    sections: &[impl AsRef<[u8]>],
    more: &[String],
) -> Result<Facts, String> {
    let mut file = tempfile::NamedTempFile::with_suffix(".pcapng").map_err(|error| error.to_string())?;
    for section in sections {
        file.write_all(section.as_ref()).map_err(|error| error.to_string())?;
    }
    read(program, file.path(), more)
}

fn take(facts: &mut Facts, frame: u64, field: &'static str, form: Form, column: &str) {
    let of_dtls = || facts.of(frame, PROTOCOL).iter().any(|name| name == "dtls");
    if column.is_empty() || field == APPLICATION_DATA && !of_dtls() {
        // Data may also be what no dissector knew.
        return;
    }
    for value in column.split(';') {
        match form {
            Form::Protocols => {
                for name in value.split(':') {
                    if let Some(known) = crate::facts::PROTOCOLS.iter().find(|known| **known == name) {
                        facts.protocol(frame, known);
                    }
                }
            }
            Form::Bytes => facts.add(frame, field, value.replace(':', "")),
            Form::Number => {
                let number = match value.strip_prefix("0x") {
                    Some(hex) => u64::from_str_radix(hex, 16).ok(),
                    None => value.parse().ok(),
                };
                match number {
                    Some(number) => facts.add(frame, field, number),
                    None => facts.add(frame, field, value),
                }
            }
        }
    }
}
