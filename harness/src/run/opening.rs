//! Opens what a case is played with: its lab, its peers, and what runs beside its steps.

use super::actor::Actor;
use super::carrier::Carrier;
use super::case::Setting;
use super::laboratory;
use super::performance::CaseContext;
use super::plan::Case;
use super::player::Part;
use crate::network::lab::Lab;
use crate::peers::implementation::Implementation;
use crate::peers::liar::{Lie, lying, lying_keys};
use crate::peers::protocol::Command;
use crate::peers::request::OpenRequest;
use crate::peers::{OpenError, Opened, PeerInfo};
use crate::recording::files::keep;
use crate::recording::lab::{ReportedSecrets, Secrets};
use crate::recording::{CaseCapture, CaseTap, Journal};
use crate::scenario::model::Signalling;
use crate::scenario::{Action, PeerSpec, Scenario};
use indexmap::IndexMap;
use peerproof_captures::timeline::Answer;
use peerproof_conformance::case::{CaseFile, NotPlayed, Runs};
use peerproof_stack::tap::{PassAll, SecretSink, Tap};
use std::path::Path;
use std::sync::Arc;
use tokio::task::JoinSet;

/// Everything that runs beside the steps of a case.
pub(super) struct Running {
    pub(super) parts: IndexMap<String, Part>,
    pub(super) tasks: JoinSet<()>,
}

/// Opens both peers side by side and asks each for the impossible.
pub(super) async fn open(
    context: &CaseContext<'_>,
    lab: Option<&Arc<Lab>>,
    file: &mut CaseFile,
) -> Result<Running, NotPlayed> {
    let CaseContext { setting, case, stage, journal, .. } = *context;
    if let Some(unprovoked) = unprovoked(case) {
        return Err(unprovoked);
    }
    let cast: Vec<(&String, &Arc<dyn Implementation>)> = case.pair.iter().collect();
    let [(one, of_one), (other, of_other)] = cast.as_slice() else {
        return Err(NotPlayed::Broken { cause: "a case has two peers".to_owned() });
    };
    let request = |name: &String, own: &dyn Implementation, other: &String, others: &dyn Implementation| {
        let spec = case.scenario().peers.get(name);
        let (tap, secrets): (Arc<dyn Tap>, Arc<dyn SecretSink>) = if lab.is_some() {
            (Arc::new(PassAll), Arc::new(Secrets(Arc::clone(stage))))
        } else {
            let tap = stage.tap(name, own.name(), other, others.abilities().tapped);
            (Arc::<CaseTap>::clone(&tap), tap)
        };
        let lie = case.lies.get(name);
        // What was not read in this process is a claim of the peer.
        let reported: Arc<dyn SecretSink> =
            Arc::new(ReportedSecrets { capture: Arc::clone(stage), peer: name.clone() });
        let secrets = match lie {
            Some(Lie::Keys(change)) => lying_keys(change.clone(), reported),
            _ if own.abilities().in_process => secrets,
            _ => reported,
        };
        OpenRequest {
            case: case.name.clone(),
            name: name.clone(),
            subject: spec.is_some_and(|spec| spec.subject),
            clock: journal.clock(),
            surroundings: spec.map(PeerSpec::surroundings).unwrap_or_default(),
            tap,
            secrets,
            host: lab.and_then(|lab| lab.host(name)).cloned(),
        }
    };
    let (of_one, of_other) = (of_one.as_ref(), of_other.as_ref());
    let (first, second) = tokio::join!(
        setting.provider.open(of_one, request(one, of_one, other, of_other)),
        setting.provider.open(of_other, request(other, of_other, one, of_one))
    );
    let (first, second) = match (first, second) {
        (Ok(first), Ok(second)) => (first, second),
        (first, second) => {
            // One that did open must not be left behind.
            let mut why = None;
            for (name, opened) in [(*one, first), (*other, second)] {
                match opened {
                    Ok(opened) => opened.peer.end().await,
                    Err(error) => {
                        let error = keep_log(context.folder, name, error).await;
                        why = Some(not_played(why, Some(name), error));
                    }
                }
            }
            return Err(why.unwrap_or(NotPlayed::Broken { cause: "a peer did not open".to_owned() }));
        }
    };
    let [first, second] = [(one, first), (other, second)].map(|(name, opened)| match case.lies.get(*name) {
        Some(lie) => lying(opened, lie.clone(), journal.clock()),
        None => opened,
    });
    for (peer, opened) in file.peers.iter_mut().zip([&first, &second]) {
        let PeerInfo { implementation, version, features, unreported, .. } = opened.peer.info();
        peer.implementation.clone_from(implementation);
        peer.version.clone_from(version);
        peer.features.clone_from(features);
        peer.unreported.clone_from(unreported);
    }
    if let Some(lack) = lacking(case.scenario(), [&first, &second].map(|opened| opened.peer.info())) {
        tokio::join!(first.peer.end(), second.peer.end());
        return Err(lack);
    }
    // A process that serves this case alone; elsewhere the stack reports its keys.
    if stage.collects_key_logs() {
        for file in [&first, &second].into_iter().filter_map(|opened| opened.peer.key_log_file()) {
            stage.follow_key_log(file);
        }
    }
    let reports_late = |it: &Arc<dyn Implementation>| {
        let abilities = it.abilities();
        abilities.exposes_keys && !abilities.in_process && it.runs() == Runs::Independent
    };
    if case.pair.values().any(reports_late) {
        stage.await_keys();
    }
    let running = start(case, stage, journal, first, second);
    let impossible = running.parts.values().map(|part| part.actor.call(Command::Impossible));
    for (peer, answer) in file.peers.iter_mut().zip(futures::future::join_all(impossible).await) {
        peer.refuses_the_impossible = matches!(answer, Answer::Unsupported { .. });
    }
    Ok(running)
}

/// Keeps what a browser that did not start wrote, and says where.
async fn keep_log(folder: &Path, peer: &str, error: OpenError) -> OpenError {
    let OpenError::NotStarted { cause, log } = error else { return error };
    if log.is_empty() {
        return OpenError::Broken(cause);
    }
    OpenError::Broken(match keep(folder, peer, vec![("driver.log".to_owned(), log.into_bytes())]).await {
        Ok(()) => format!("{cause}; all that was written is in driver-{peer}.log beside the recording"),
        Err(error) => format!("{cause}; its log could not be kept: {error}"),
    })
}

/// Why a case is not played, if a peer does not claim a feature that the scenario requires. Of a peer that lists none it is not known
/// what it has.
fn lacking(scenario: &Scenario, peers: [&PeerInfo; 2]) -> Option<NotPlayed> {
    scenario.requires.iter().find_map(|required| {
        let lacks =
            |peer: &&&PeerInfo| peer.features.as_ref().is_some_and(|features| !features.contains(required));
        let peer = peers.iter().find(lacks)?;
        let reason = format!("{} does not claim the feature `{required}`", peer.implementation);
        Some(NotPlayed::Unsupported { peer: Some(peer.name.clone()), reason })
    })
}

/// Why a case is not played of which the scenario asks for another kind of ICE agent, at a peer that nobody can ask for one.
fn unprovoked(case: &Case) -> Option<NotPlayed> {
    let asks = |peer: &str| case.scenario().peers.get(peer).is_some_and(|spec| spec.ice.is_some());
    let (peer, it) = case.pair.iter().find(|(peer, it)| asks(peer) && !it.abilities().provoked)?;
    let reason = format!("nobody can ask {} for another kind of ICE agent", it.name());
    Some(NotPlayed::Unsupported { peer: Some(peer.clone()), reason })
}

/// Why a case is not played, if one of its peers did not open and perhaps another before it.
fn not_played(before: Option<NotPlayed>, peer: Option<&String>, error: OpenError) -> NotPlayed {
    match (error, before) {
        // What is wrong says more than what is lacking.
        (OpenError::Missing(reason), None | Some(NotPlayed::Unsupported { .. })) => {
            NotPlayed::Unsupported { peer: None, reason }
        }
        (OpenError::Missing(_) | OpenError::Unsupported(_), Some(before)) => before,
        (OpenError::Failed(reason), before) => match (before, peer) {
            (Some(before @ NotPlayed::Broken { .. }), _) => before,
            (_, Some(peer)) => NotPlayed::Failed { peer: peer.clone(), reason },
            (_, None) => NotPlayed::Broken { cause: reason },
        },
        (OpenError::Unsupported(reason), None) => NotPlayed::Unsupported { peer: peer.cloned(), reason },
        (OpenError::Broken(cause) | OpenError::NotStarted { cause, .. }, _) => {
            NotPlayed::Broken { cause: peer.map_or_else(|| cause.clone(), |name| format!("{name}: {cause}")) }
        }
    }
}

/// The lab of the scenario, if it is played in one.
pub(super) async fn open_lab(
    setting: &Setting,
    case: &Case,
    stage: &Arc<CaseCapture>,
    seed: u64,
) -> Result<Option<Arc<Lab>>, NotPlayed> {
    let scenario = case.scenario();
    if let Some(reason) = unreadable(case) {
        return Err(NotPlayed::Unsupported { peer: None, reason });
    }
    let Some(topology) = scenario.topology() else { return Ok(None) };
    let players: Vec<laboratory::LabPeer<'_>> = case
        .pair
        .iter()
        .map(|(name, implementation)| laboratory::LabPeer {
            name,
            implementation: Arc::clone(implementation),
            surroundings: scenario.peers.get(name).map(PeerSpec::surroundings).unwrap_or_default(),
        })
        .collect();
    let opened = laboratory::open(setting.provider.as_ref(), topology, &players, stage, seed).await;
    opened.map(Some).map_err(|error| not_played(None, None, error))
}

/// Why the rules of a case cannot be matched against its packets, if they cannot.
fn unreadable(case: &Case) -> Option<String> {
    let speaks_of_content = case.scenario().steps.iter().any(|step| match &step.action {
        Action::Network(network) => network.rule().is_some_and(|(_, rule)| rule.needs_keys()),
        _ => false,
    });
    (speaks_of_content && !case.pair.values().any(|it| it.abilities().exposes_keys))
        .then(|| "the rule matches encrypted content, but neither peer exposes keys".to_owned())
}

/// Ends the network, then gives its hosts back.
pub(super) async fn close_lab(setting: &Setting, lab: Option<Arc<Lab>>) {
    // Whoever else still holds it has nothing to do with it any more; it ends when they let go.
    let Some(lab) = lab.and_then(Arc::into_inner) else { return };
    for (_, host) in lab.stop().await {
        setting.provider.give_back(host).await;
    }
}

/// Starts what runs beside the steps: taking up events, carrying candidates.
fn start(
    case: &Case,
    stage: &Arc<CaseCapture>,
    journal: &Arc<Journal>,
    first: Opened,
    second: Opened,
) -> Running {
    let mut tasks = JoinSet::new();
    let mut parts = IndexMap::new();
    for (name, opened) in case.pair.keys().zip([first, second]) {
        let actor = Actor::new(opened.peer, Arc::clone(journal));
        let carrier = Carrier::new();
        let watch = case.scenario().peers.get(name).is_some_and(|spec| spec.media.watch);
        tasks.spawn(Arc::clone(&actor).listen(opened.events, Arc::clone(&carrier), Arc::clone(stage), watch));
        parts.insert(name.clone(), Part { actor, carrier });
    }
    if case.scenario().signalling == Signalling::Orchestrated {
        for (name, part) in &parts {
            let Some((_, other)) = parts.iter().find(|(other, _)| *other != name) else { continue };
            let (from, to) = (Arc::clone(&part.actor), Arc::clone(&other.actor));
            tasks.spawn(Arc::clone(&part.carrier).carry(from, to, Arc::clone(journal)));
        }
    }
    Running { parts, tasks }
}

#[cfg(test)]
mod tests {
    use super::super::plan::{Filter, plan};
    use super::*;
    use crate::peers::implementation::Roster;
    use crate::scenario::Suite;
    use peerproof_captures::feature::Feature;

    #[test]
    fn what_the_machine_lacks_is_no_matter_of_a_peer() {
        let alice = "alice".to_owned();
        let of = |before, error| match not_played(before, Some(&alice), error) {
            NotPlayed::Unsupported { peer, reason } => (peer, reason),
            other => panic!("{other:?}"),
        };
        let missing = || OpenError::Missing("chrome is not installed".to_owned());
        let cannot = || OpenError::Unsupported("no lab".to_owned());
        assert_eq!(of(None, missing()), (None, "chrome is not installed".to_owned()));
        assert_eq!(of(None, cannot()), (Some(alice.clone()), "no lab".to_owned()));
        let before = NotPlayed::Unsupported { peer: Some("bob".to_owned()), reason: "no lab".to_owned() };
        assert_eq!(of(Some(before), missing()).0, None);
        let broken = Some(NotPlayed::Broken { cause: "no driver".to_owned() });
        let NotPlayed::Broken { cause } = not_played(broken, Some(&alice), missing()) else { panic!() };
        assert_eq!(cause, "no driver");
    }

    #[test]
    fn who_can_be_asked_for_no_other_ice_agent_is_said() {
        let yaml = "
title: t
peers:
  alice: { role: offerer, plays: [stack] }
  bob: { role: answerer, plays: [stack, chrome], ice: { lite: true } }
steps: [{ negotiate: {} }]
";
        let file = crate::scenario::load::scenario(Path::new("t.yaml"), "ice/t", yaml).unwrap();
        let suite = Suite { scenarios: vec![file], controls: Vec::new() };
        let cases = plan(&suite, &Roster::default(), &Filter::default());
        let why = cases.iter().map(|case| match unprovoked(case) {
            Some(NotPlayed::Unsupported { peer, reason }) => (case.name.as_str(), peer, reason),
            other => (case.name.as_str(), None, format!("{other:?}")),
        });
        let reason = "nobody can ask chrome for another kind of ICE agent".to_owned();
        assert_eq!(
            why.collect::<Vec<_>>(),
            [
                ("ice/t/stack-stack", None, "None".to_owned()),
                ("ice/t/stack-chrome", Some("bob".to_owned()), reason),
            ]
        );
    }

    #[tokio::test]
    async fn the_log_of_a_browser_that_did_not_start_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let error =
            |log: &str| OpenError::NotStarted { cause: "chrome: no session".to_owned(), log: log.to_owned() };
        let said = keep_log(folder.path(), "alice", error("cannot open display\n")).await.to_string();
        assert_eq!(
            said,
            "chrome: no session; all that was written is in driver-alice.log beside the recording"
        );
        let kept = std::fs::read_to_string(folder.path().join("driver-alice.log")).unwrap();
        assert_eq!(kept, "cannot open display\n");
        assert_eq!(keep_log(folder.path(), "bob", error("")).await.to_string(), "chrome: no session");
        let gone = keep_log(&folder.path().join("gone"), "alice", error("x")).await.to_string();
        assert!(gone.starts_with("chrome: no session; its log could not be kept: "), "{gone}");
    }

    #[test]
    fn a_required_feature_that_a_listed_peer_lacks_is_unsupported_there() {
        let yaml = "title: t\nrequires: [dtls-1.3]\npeers: {alice: {role: offerer}, bob: {role: answerer}}\nsteps: [{negotiate: {}}]";
        let scenario = crate::scenario::load::scenario(Path::new("t.yaml"), "dtls/t", yaml).unwrap().scenario;
        let peer = |name: &str, features: Option<Vec<Feature>>| PeerInfo {
            name: name.to_owned(),
            implementation: "it".to_owned(),
            version: "1".to_owned(),
            features,
            unreported: Vec::new(),
        };
        let side = |alice, bob| match lacking(&scenario, [&peer("alice", alice), &peer("bob", bob)]) {
            Some(NotPlayed::Unsupported { peer, reason }) => {
                assert_eq!(reason, "it does not claim the feature `dtls-1.3`");
                peer
            }
            _ => None,
        };
        let has = || Some(vec![Feature::Audio, Feature::Dtls13]);
        assert_eq!(side(has(), Some(vec![Feature::Audio])).as_deref(), Some("bob"));
        assert_eq!(side(Some(Vec::new()), has()).as_deref(), Some("alice"));
        assert_eq!(side(has(), has()), None);
        assert_eq!(side(None, has()), None, "what a peer without a list has is not known");
    }
}
