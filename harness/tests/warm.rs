//! The browsers of labs serve one case after the other, and nothing of one case is visible in the next. What the machine lacks skips
//! the test with a line that says so, or fails it if `PEERPROOF_REQUIRE` names it.

use crate::needs::is_here;
use peerproof::cli::prepare;
use peerproof::network::lab::hosts_of;
use peerproof::peers::implementation::Roster;
use peerproof::run::session::{self, Time};
use peerproof::run::{Filter, Jobs, Played, RunOptions, plan, snapshot};
use peerproof::scenario::Suite;
use peerproof::scenario::model::Section;
use peerproof_captures::event::PeerEvent;
use peerproof_captures::sdp::{Candidate, CandidateType};
use peerproof_captures::timeline::What;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

/// Networks in which the same hosts have other addresses. The first is played again between the others, and at the end.
const NETWORKS: [&str; 9] = [
    "network/lan",
    "network/home-nat",
    "network/lan",
    "network/symmetric-nat-to-internet",
    "network/home-nat",
    "network/lan",
    "network/symmetric-nat-to-internet",
    "network/home-nat",
    "network/lan",
];

/// The host addresses that the candidates of a peer name.
fn host_addresses(played: &Played, name: &str) -> BTreeSet<IpAddr> {
    let of_peer = |what: &What| match what {
        What::Event { peer, event: PeerEvent::IceCandidate { candidate: Some(candidate) }, .. }
            if peer == name =>
        {
            Candidate::parse(&candidate.candidate).ok()
        }
        _ => None,
    };
    let entries = played.record.timeline.iter().filter_map(|entry| of_peer(&entry.what));
    entries.filter(|it| it.kind == CandidateType::Host).filter_map(|it| it.address.ip()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_served_before_is_as_a_new_one() {
    if !["chrome", "firefox", "lab"].into_iter().all(is_here) {
        return;
    }
    let suite = Suite::load(&scenarios()).unwrap();
    let case = |name: &str| {
        let names = vec![format!("{name}/chrome-firefox")];
        plan(&suite, &Roster::default(), &Filter { names, ..Filter::default() }).pop().unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let peerproof = Path::new(env!("CARGO_BIN_EXE_peerproof"));
    let prepared = prepare(&scenarios(), folder.path().to_owned(), peerproof, 1, false).await.unwrap();
    let mut first: Vec<(String, String)> = Vec::new();
    // With 22 the first case is played again as the hundred and ninety-eighth.
    let rounds =
        std::env::var("PEERPROOF_WARM_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1);
    for (n, network) in NETWORKS.iter().cycle().take(NETWORKS.len() * rounds).enumerate() {
        let case = case(network);
        let options = RunOptions { jobs: Jobs::Fixed(1), repeat: 1, time: Time::Real };
        let run = session::run(prepared.setting.clone(), std::slice::from_ref(&case), options, &mut ())
            .await
            .unwrap();
        assert!(run.broken.is_empty());
        let played = run.played.first().unwrap();
        assert!(played.standing.is_good(), "{n}, {network}: {}", played.verdict.sentence);
        let hosts = hosts_of(&case.scenario().topology().unwrap()).unwrap();
        for peer in ["alice", "bob"] {
            let own: BTreeSet<IpAddr> = hosts[peer].iter().flat_map(|spec| spec.addresses.clone()).collect();
            assert_eq!(host_addresses(played, peer), own, "{n}, {network}: candidates of {peer}");
        }
        // The same snapshot, whatever was played before.
        let mut compared = case.clone();
        compared.file.scenario.snapshot = vec![Section::Sdp, Section::Ice, Section::Dtls];
        let text = snapshot::text(&compared, &played.record).unwrap();
        match first.iter().find(|(name, _)| name == network) {
            Some((_, before)) => assert_eq!(&text, before, "{n}, {network}"),
            None => first.push(((*network).to_owned(), text)),
        }
    }
    // One of each served all of them.
    assert_eq!(prepared.browsers_started(), 2);
    prepared.shutdown().await;
}
