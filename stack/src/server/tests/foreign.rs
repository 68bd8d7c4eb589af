//! The server before clients that are not ours: coturn's, where they are installed.

use super::super::{Observed, Transport};
use super::client::{config, serve, until};
use std::process::Stdio;
use tokio::process::Command;

/// A program's output, or nothing if it is not installed (said, since a test that cannot run must not look like one that ran).
async fn run(program: &str, args: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(std::time::Duration::from_secs(60), command.output()).await {
        Ok(Ok(output)) => Some(format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )),
        Ok(Err(error)) => {
            eprintln!("not run: {program}: {error}");
            None
        }
        Err(_) => panic!("{program} did not end"),
    }
}

#[tokio::test]
async fn coturns_stun_client_learns_its_address() {
    let (server, mut observed) = serve(config()).await;
    let port = server.address(Transport::Udp).unwrap().port().to_string();
    if let Some(output) = run("turnutils_stunclient", &["-p", &port, "127.0.0.1"]).await {
        assert!(output.contains("UDP reflexive addr: 127.0.0.1:"), "{output}");
        until(&mut observed, |said| matches!(said, Observed::Bound { .. }).then_some(())).await;
    }
    server.stop().await;
}

/// Two of its clients send to one another through the server; `-s` because it also binds channels above 0x4FFF, which
/// RFC 8656 §12 reserves.
async fn relayed(more: &[&str], transport: Transport) {
    let (server, mut observed) = serve(config()).await;
    let port = server.address(Transport::Udp).unwrap().port().to_string();
    let mut args = vec!["-u", "alice", "-w", "secret", "-p", &port, "-y", "-c", "-s", "-n", "5", "-m", "2"];
    args.extend(more);
    args.push("127.0.0.1");
    if let Some(output) = run("turnutils_uclient", &args).await {
        assert!(output.contains("Total lost packets 0 "), "{output}");
        let client = until(&mut observed, |said| match said {
            Observed::Relayed { client, .. } => Some(*client),
            _ => None,
        });
        assert_eq!(client.await.transport, transport, "{output}");
    }
    server.stop().await;
}

#[tokio::test]
async fn coturns_turn_client_relays_over_udp() {
    relayed(&[], Transport::Udp).await;
}

#[tokio::test]
async fn coturns_turn_client_relays_over_tcp() {
    relayed(&["-t"], Transport::Tcp).await;
}
