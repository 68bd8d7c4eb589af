//! `check-server` against our own server, well behaved and not, and against coturn. Where coturn is not installed, the test says so;
//! if `PEERPROOF_REQUIRE` names `coturn`, it fails.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and one that is skipped says so")]

use indexmap::IndexMap;
use peerproof::peers::CaseClock;
use peerproof::recording::Journal;
use peerproof::run::peers::is_required;
use peerproof::scenario::reference::Reachable;
use peerproof::scenario::server::{FaultSpec, ServerAction, ServerKind, ServerSpec};
use peerproof::servers::{ServerError, ServerHost, Servers};
use peerproof_captures::server::ServerEvent;
use peerproof_captures::timeline::{self, What};
use peerproof_conformance::catalogue::Catalogue;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::process::Command;

/// A server of that kind, and the file of the authority that its certificate is from.
async fn serve(spec: ServerSpec, folder: &Path) -> Result<(Servers, Reachable, PathBuf), ServerError> {
    let journal = Arc::new(Journal::create(&folder.join("timeline.jsonl"), CaseClock::start()).unwrap());
    let specs = IndexMap::from([("one".to_owned(), spec)]);
    let servers = Servers::start(&specs, ServerHost::here(env!("CARGO_BIN_EXE_peerproof")), &journal).await?;
    let reachable = servers.reachable()["one"].clone();
    let ca = folder.join("ca.pem");
    std::fs::write(&ca, reachable.authorities.as_ref().unwrap()).unwrap();
    Ok((servers, reachable, ca))
}

/// The exit code and what is printed as JSON.
async fn check(arguments: &[&str]) -> (i32, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_peerproof"))
        .args(["check-server", "--json"])
        .args(arguments)
        .env_remove("SSL_CERT_FILE")
        .output()
        .await
        .unwrap();
    let code = output.status.code().unwrap();
    (code, serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
}

/// `name result: detail` of each check of a server that did not pass.
fn results(server: &Value) -> Vec<String> {
    let of_addresses =
        server["addresses"].as_array().unwrap().iter().flat_map(|it| it["checks"].as_array().unwrap());
    let all = server["checks"].as_array().unwrap().iter().chain(of_addresses);
    all.filter(|check| check["result"] != "pass")
        .map(|check| {
            let [name, result, detail] = ["name", "result", "detail"].map(|key| check[key].as_str().unwrap());
            format!("{name} {result}: {detail}")
        })
        .collect()
}

fn named<'a>(server: &'a Value, name: &str) -> &'a Value {
    let checks = server["addresses"][0]["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap_or(&Value::Null)
}

/// All ways to one server, with its user.
async fn check_all(reachable: &Reachable, ca: &Path, password: &str) -> (i32, Value) {
    let (address, tls) = (reachable.address, &reachable.tls);
    let urls = [
        format!("stun:{address}"),
        format!("turn:{address}"),
        format!("turn:{address}?transport=tcp"),
        format!("turns:{tls}?transport=tcp"),
    ];
    let mut arguments: Vec<&str> = urls.iter().map(String::as_str).collect();
    let ca = ca.to_str().unwrap();
    arguments.extend([
        "--username",
        &reachable.username,
        "--password",
        password,
        "--ca",
        ca,
        "--timeout",
        "20",
    ]);
    check(&arguments).await
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_server_does_all_that_is_asked_by_every_transport() {
    let folder = tempfile::tempdir().unwrap();
    let (servers, reachable, ca) = serve(ServerSpec::default(), folder.path()).await.unwrap();
    let (code, report) = check_all(&reachable, &ca, &reachable.password).await;
    let checked: Vec<usize> = report["servers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|server| server["addresses"][0]["checks"].as_array().unwrap().len())
        .collect();
    let catalogue = Catalogue::get();
    for server in report["servers"].as_array().unwrap() {
        for check in server["addresses"][0]["checks"].as_array().unwrap() {
            // The catalogue asks nothing about these.
            let of_servers_alone =
                ["connect", "relayed-address", "second-allocation", "ipv6-relay", "loopback-peer"];
            match check["requirement"].as_str() {
                Some(id) => assert!(catalogue.requirement(id).is_some(), "{check}"),
                None => {
                    assert!(of_servers_alone.contains(&check["name"].as_str().unwrap()), "{check}");
                }
            }
        }
        let other: Vec<String> =
            results(server).into_iter().filter(|it| !it.starts_with("ipv6-relay")).collect();
        // It is an instrument, not a server for the open internet.
        let allowed = ["loopback-peer warn"];
        assert!(other.iter().all(|it| allowed.iter().any(|start| it.starts_with(start))), "{other:#?}");
    }
    assert_eq!((code, checked), (0, vec![6, 22, 23, 25]));
    servers.stop().await;
    // No allocation is left to expire.
    let timeline = std::fs::read(folder.path().join("timeline.jsonl")).unwrap();
    let entries = timeline::read(&timeline).unwrap();
    let endings: Vec<&str> = entries
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Server { event: ServerEvent::Ended { ending, .. }, .. } => Some(ending.as_str()),
            _ => None,
        })
        .collect();
    assert!(!endings.is_empty() && endings.iter().all(|ending| *ending == "released"), "{endings:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn coturn_is_checked_by_every_transport() {
    let folder = tempfile::tempdir().unwrap();
    let spec = ServerSpec { kind: ServerKind::Coturn, ..ServerSpec::default() };
    let (servers, reachable, ca) = match serve(spec, folder.path()).await {
        Ok(served) => served,
        Err(error) => {
            assert!(!is_required("coturn"), "PEERPROOF_REQUIRE names coturn, but {error}");
            eprintln!("skipped: {error}");
            return;
        }
    };
    let (code, report) = check_all(&reachable, &ca, &reachable.password).await;
    for server in report["servers"].as_array().unwrap() {
        let (url, other) = (server["url"].as_str().unwrap(), results(server));
        let names: Vec<&str> = other.iter().filter_map(|it| it.split(':').next()).collect();
        // coturn ends an allocation a second after the Refresh that asks for it, and relays IPv6 only if it is configured to.
        let expected: &[&str] =
            if url.starts_with("stun:") { &[] } else { &["ipv6-relay not-applicable", "release warn"] };
        assert_eq!(names, expected, "{url}: {other:#?}");
    }
    assert_eq!(code, 0);
    servers.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_server_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (servers, reachable, ca) = serve(ServerSpec::default(), folder.path()).await.unwrap();
    let (url, ca) = (format!("turn:{}", reachable.address), ca.to_str().unwrap());
    let user = ["--username", &reachable.username, "--password", &reachable.password];
    let fails = async |arguments: &[&str], name: &str| {
        let (code, report) = check(arguments).await;
        let check = named(&report["servers"][0], name);
        assert_eq!((code, check["result"].as_str()), (1, Some("fail")), "{report:#}");
        check["detail"].as_str().unwrap().to_owned()
    };

    let wrong = ["--username", &reachable.username, "--password", "guess"];
    let detail = fails(&[&[url.as_str()], &wrong[..]].concat(), "credentials").await;
    assert!(detail.starts_with("401 Unauthenticated: the name or the password is wrong"), "{detail}");

    for (fault, name, expected) in [
        (FaultSpec::Forbidden, "permission", "403"),
        (FaultSpec::QuotaReached, "credentials", "486 Allocation Quota Reached"),
        (FaultSpec::InsufficientCapacity, "credentials", "508"),
        (FaultSpec::StaleNonceForever, "credentials", "438"),
        (FaultSpec::Silent, "binding", "no answer within 1s"),
    ] {
        servers.act("one", &ServerAction::Fault(fault.clone())).await.unwrap();
        let timeout = if matches!(fault, FaultSpec::Silent) { "1" } else { "20" };
        let arguments = [&[url.as_str(), "--timeout", timeout], &user[..]].concat();
        let (code, report) = check(&arguments).await;
        let check = named(&report["servers"][0], name);
        let detail = check["detail"].as_str().unwrap_or_default();
        // A server may forbid its own addresses as peers, which leaves the rest undecided.
        let result = if matches!(fault, FaultSpec::Forbidden) { "inconclusive" } else { "fail" };
        assert_eq!((check["result"].as_str(), detail.contains(expected)), (Some(result), true), "{report:#}");
        assert_eq!(code, i32::from(result == "fail"));
    }
    servers.act("one", &ServerAction::Fault(FaultSpec::None)).await.unwrap();

    // Certificates: nobody trusted, another name, and the same in spite of it.
    let by_name = format!("turns:{}?transport=tcp", reachable.tls);
    let port = reachable.tls.rsplit(':').next().unwrap();
    let by_address = format!("turns:127.0.0.1:{port}?transport=tcp");
    let other = folder.path().join("other.pem");
    let another = peerproof_stack::server::Authority::new().unwrap();
    std::fs::write(&other, another.certificate_pem()).unwrap();
    let other = other.to_str().unwrap();
    let detail = fails(&[&[by_name.as_str(), "--ca", other], &user[..]].concat(), "certificate").await;
    assert!(detail.contains("no trusted authority issued it"), "{detail}");
    let detail = fails(&[&[by_address.as_str(), "--ca", ca], &user[..]].concat(), "certificate").await;
    assert!(detail.contains("it is for other names") && detail.contains("localhost"), "{detail}");
    let insecure = [&[by_address.as_str(), "--ca", ca, "--insecure"], &user[..]].concat();
    let (code, report) = check(&insecure).await;
    assert_eq!(
        (code, named(&report["servers"][0], "channel")["result"].as_str()),
        (1, Some("pass")),
        "{report:#}"
    );

    // A TCP port without TLS, and none at all.
    let plain = format!("turns:{}?transport=tcp", reachable.address);
    let detail = fails(&[&[plain.as_str(), "--timeout", "1"], &user[..]].concat(), "tls").await;
    assert!(detail.contains("TLS handshake"), "{detail}");
    servers.stop().await;
    let detail = fails(&[url.as_str(), "--timeout", "5"], "binding").await;
    assert!(detail.contains("Connection refused"), "an ICMP error is named: {detail}");
    let tcp = format!("turn:{}?transport=tcp", reachable.address);
    let detail = fails(&[tcp.as_str()], "connect").await;
    assert!(detail.contains("Connection refused"), "{detail}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_answers_otherwise_or_only_listens_is_told_from_who_is_not_there() {
    let other = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let [udp, tcp] = [other.local_addr(), silent.local_addr()].map(|at| at.unwrap().port());
    tokio::spawn(async move {
        let mut buffer = [0; 1_500];
        while let Ok((length, from)) = other.recv_from(&mut buffer).await {
            buffer[0] = 1;
            buffer[1] = 1;
            // Another transaction.
            buffer[19] ^= 1;
            let _ = other.send_to(&buffer[..length], from).await;
        }
    });
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            open.push(stream);
        }
    });
    for (url, words) in [
        (format!("stun:127.0.0.1:{udp}"), "has its transaction ID"),
        (format!("turn:127.0.0.1:{tcp}?transport=tcp"), "accepts the connection and answers nothing"),
    ] {
        let (code, report) = check(&[&url, "--timeout", "2"]).await;
        let detail = named(&report["servers"][0], "binding")["detail"].as_str().unwrap_or_default();
        assert!(code == 1 && detail.contains(words), "{url}: {code} {report}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_that_mean_nothing_are_refused() {
    for (arguments, expected) in [
        (vec!["http://example.org"], "stun:, stuns:, turn:, turns:"),
        (vec!["turn:127.0.0.1", "--username", "alice"], "--password"),
        (vec!["turn:127.0.0.1", "--secret", "a", "--username", "b", "--password", "c"], "--secret"),
        (vec!["turns:127.0.0.1", "--ca", "/nonexistent"], "/nonexistent"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_peerproof"))
            .arg("check-server")
            .args(&arguments)
            .env_remove("PEERPROOF_TURN_PASSWORD")
            .output()
            .await
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let shown = String::from_utf8_lossy(&output.stderr);
        assert!(shown.contains(expected), "{arguments:?}: {shown}");
    }
}
