//! The controls: each check passes on a real recording, and the catalogue's mutation of it turns that check red and no other.
//!
//! A [`super::Check`] does not compile for the tests without its control, so none can be forgotten.

pub(in crate::checks) mod dtls;
pub(in crate::checks) mod events;
mod faults;
mod late;
mod mutations;
pub(in crate::checks) mod rtcp;
pub(in crate::checks) mod rtp;
pub(in crate::checks) mod sctp;
pub(in crate::checks) mod sdp;
mod spared;
pub(in crate::checks) mod stun;
pub(in crate::checks) mod turn;
mod ways;

use super::{Finding, Status, all, coverage, of, run};
use crate::case::{CaseFile, CaseRecord};
use crate::catalogue::{Catalogue, Requirement};
use crate::evidence::{Evidence, InMemory, Peer, Recorded};
use indexmap::IndexMap;
use peerproof_captures::feature::Feature;
use peerproof_captures::file::CaptureReader;
use peerproof_captures::sdp::SessionDescription;
use std::collections::BTreeSet;

/// The recordings that controls start from. They are older than what timelines say of clocks and stalls: it was added to them, with
/// clocks known to ten milliseconds (half of what a message to a browser and back took) and no stalls, for the machine was quiet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recording {
    /// A data channel between the stack and Chrome, its packets decrypted.
    Data,
    /// Audio from Chrome to the stack, the packets of its first second decrypted.
    Media,
    /// Audio and video both ways between two Chromes, without packets.
    Descriptions,
    /// A role conflict between Chrome, which gives way, and Firefox, which answers 487, in the lab.
    Conflict,
    /// A handshake between the stack and Chrome, whose first last flight is lost.
    Lost,
    /// Chrome and the stack in the lab, each behind its relay at the TURN server: nothing else arrives.
    Relay,
    /// Firefox, which goes from Wi-Fi to LTE by an ICE restart, and Chrome, in the lab.
    Restart,
    /// Audio and video both ways between Chrome and the stack.
    Video,
    /// The first seconds of video from Firefox to Chrome in the lab, recorded at both.
    Call,
    /// A data channel between the stack and Chrome that the stack closes.
    Closed,
    /// A data channel that the stack and Chrome negotiated by themselves.
    Negotiated,
    /// H.264 both ways between Chrome and the stack.
    H264,
    /// Three encodings of a video from Chrome, which the stack takes: the first packets of each.
    Simulcast,
}

impl Recording {
    pub(crate) const ALL: [Self; 13] = [
        Self::Data,
        Self::Media,
        Self::Descriptions,
        Self::Conflict,
        Self::Lost,
        Self::Relay,
        Self::Restart,
        Self::Video,
        Self::Call,
        Self::Closed,
        Self::Negotiated,
        Self::H264,
        Self::Simulcast,
    ];

    pub(crate) fn evidence(self) -> Evidence {
        let (case, timeline, capture) = self.files();
        let case = CaseFile::read(case).unwrap();
        let timeline = peerproof_captures::timeline::read(timeline).unwrap();
        let capture = capture.map(CaptureReader::new);
        Recorded { case: &case, timeline, capture, store: Box::<InMemory>::default() }.evidence().unwrap()
    }

    /// The same as a case that is to be judged, without findings.
    pub(crate) fn record(self) -> CaseRecord {
        let (case, ..) = self.files();
        let file = CaseFile::read(case).unwrap();
        let mut evidence = self.evidence();
        let (reached, rids) = (CaseRecord::reached(&evidence), CaseRecord::rids(&evidence));
        let wire = evidence.wire.take();
        CaseRecord {
            file,
            timeline: evidence.timeline,
            stats: IndexMap::new(),
            wire,
            reached,
            rids,
            flaws: Vec::new(),
        }
    }

    /// The files of the recording: case, timeline and capture.
    pub(crate) fn parts(self) -> (&'static [u8], &'static [u8], Option<&'static [u8]>) {
        self.files()
    }

    fn files(self) -> (&'static [u8], &'static [u8], Option<&'static [u8]>) {
        macro_rules! file {
            ($name:expr) => {
                include_bytes!(concat!("../../../recordings/", $name))
            };
        }
        macro_rules! folder {
            ($name:literal) => {
                (
                    file!(concat!($name, "/case.json")),
                    file!(concat!($name, "/timeline.jsonl")),
                    Some(file!(concat!($name, "/capture.pcapng"))),
                )
            };
        }
        match self {
            Self::Descriptions => {
                (file!("descriptions/case.json"), file!("descriptions/timeline.jsonl"), None)
            }
            Self::Data => folder!("data"),
            Self::Media => folder!("media"),
            Self::Conflict => folder!("conflict"),
            Self::Lost => folder!("lost"),
            Self::Relay => folder!("relay"),
            Self::Restart => folder!("restart"),
            Self::Video => folder!("video"),
            Self::Call => folder!("call"),
            Self::Closed => folder!("closed"),
            Self::Negotiated => folder!("negotiated"),
            Self::H264 => folder!("h264"),
            Self::Simulcast => folder!("simulcast"),
        }
    }
}

/// What must turn a check red: the mutation of the catalogue, and further ones for the ways of turning red that it does not reach.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Control {
    first: Mutation,
    further: &'static [Mutation],
}

/// An edit of the evidence of a recording that turns a check red.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mutation {
    recording: Recording,
    prepare: Option<fn(&mut Evidence)>,
    mutate: fn(&mut Evidence),
    also: &'static [&'static str],
    /// What a sentence of the violation says: a part of it.
    says: &'static str,
}

impl Control {
    /// The catalogue's mutation of that recording.
    pub(super) const fn new(recording: Recording, mutate: fn(&mut Evidence)) -> Self {
        Self { first: Mutation::new(recording, "", mutate), further: &[] }
    }

    /// The same where no implementation can be recorded that meets the requirement: the recording is made to first.
    pub(super) const fn prepared(
        recording: Recording,
        prepare: fn(&mut Evidence),
        mutate: fn(&mut Evidence),
    ) -> Self {
        Self { first: Mutation::new(recording, "", mutate).prepared(prepare), further: &[] }
    }

    /// Names other requirements that the same mutation breaks too, and rightly turns red.
    pub(super) const fn also_breaks(self, also: &'static [&'static str]) -> Self {
        Self { first: self.first.also_breaks(also), ..self }
    }

    /// Adds mutations, each for a way of turning red that no earlier one reaches.
    pub(super) const fn and(self, further: &'static [Mutation]) -> Self {
        Self { further, ..self }
    }

    fn mutations(&self) -> impl Iterator<Item = &Mutation> {
        std::iter::once(&self.first).chain(self.further)
    }
}

impl Mutation {
    /// An edit after which a sentence of the check says so.
    pub(super) const fn new(recording: Recording, says: &'static str, mutate: fn(&mut Evidence)) -> Self {
        Self { recording, prepare: None, mutate, also: &[], says }
    }

    /// Edits the recording first, so that it meets the requirement.
    pub(super) const fn prepared(self, prepare: fn(&mut Evidence)) -> Self {
        Self { prepare: Some(prepare), ..self }
    }

    /// Names other requirements that the mutation breaks too, and rightly turns red.
    pub(super) const fn also_breaks(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }
}

/// The first line that begins so, and its number.
pub(super) fn line_of(sdp: &SessionDescription, begins: &str) -> (usize, String) {
    let line = sdp.lines().find(|line| line.raw.starts_with(begins)).unwrap();
    (line.number, line.raw.to_owned())
}

/// Replaces the first occurrence, which must be there.
pub(super) fn replace(sdp: &mut SessionDescription, from: &str, to: &str) {
    assert!(sdp.as_str().contains(from), "{from} is not in\n{}", sdp.as_str());
    *sdp = SessionDescription::parse(sdp.as_str().replacen(from, to, 1));
}

/// Replaces every occurrence, of which there must be one.
pub(super) fn replace_all(sdp: &mut SessionDescription, from: &str, to: &str) {
    assert!(sdp.as_str().contains(from), "{from} is not in\n{}", sdp.as_str());
    *sdp = SessionDescription::parse(sdp.as_str().replace(from, to));
}

/// Which checks are red, and at which endpoint.
fn red(findings: &[Finding]) -> BTreeSet<(String, String)> {
    findings
        .iter()
        .filter(|finding| matches!(finding.result, Status::Fail | Status::Warn))
        .map(|finding| (finding.requirement.clone(), finding.endpoint.clone()))
        .collect()
}

#[test]
fn what_is_wrong_with_the_recordings_themselves_is_known() {
    let mut text = String::new();
    for recording in Recording::ALL {
        for finding in run(&recording.evidence()) {
            if !matches!(finding.result, Status::Pass | Status::NotApplicable) {
                let Finding { requirement, endpoint, result, sentence, .. } = finding;
                text += &format!("{recording:?} {endpoint}: {requirement} {result}: {sentence}\n");
            }
        }
    }
    assert_eq!(text, include_str!("../../../recordings/known.txt"));
}

#[test]
fn every_finding_names_its_deciding_place() {
    for recording in Recording::ALL {
        for finding in run(&recording.evidence()) {
            let decided = matches!(finding.result, Status::Pass | Status::Fail | Status::Warn);
            assert_eq!(decided, decided && !finding.evidence.is_empty(), "{finding:?}");
            assert!(!finding.sentence.is_empty());
        }
    }
}

#[test]
fn each_check_decides_a_requirement_of_the_catalogue_that_no_other_decides() {
    let mut seen = BTreeSet::new();
    for check in all() {
        assert!(Catalogue::get().requirement(check.id).is_some(), "{} is in no catalogue", check.id);
        assert!(seen.insert(check.id), "{} has two checks", check.id);
        assert!(Catalogue::get().same_as(check.id).iter().all(|other| of(other).is_none()), "{}", check.id);
    }
    assert!(seen.len() >= 30);
}

#[test]
fn the_list_of_what_is_covered_is_up_to_date() {
    let recorded = include_str!("../../../coverage.txt");
    assert_eq!(coverage(), recorded, "conformance/coverage.txt is out of date");
}

#[test]
fn evidence_without_anything_makes_no_check_pass_or_fail() {
    let evidence = Evidence::new(vec!["alice".to_owned(), "bob".to_owned()], Vec::new(), None);
    for finding in run(&evidence) {
        assert_eq!(finding.result, Status::NotApplicable, "{finding:?}");
    }
}

/// A recorded call whose peers report these features.
fn call_between(features: Option<Vec<Feature>>) -> Evidence {
    let mut case =
        CaseFile::read(include_bytes!("../../../recordings/descriptions/case.json").as_slice()).unwrap();
    for peer in &mut case.peers {
        peer.features.clone_from(&features);
    }
    Recording::Descriptions.evidence().of_case(&case)
}

#[test]
fn what_is_sent_by_who_cannot_be_told_to_send_is_compared_with_no_call() {
    let check = of("dc-one-application-message-per-sctp-message").unwrap();
    let mut case =
        CaseFile::read(include_bytes!("../../../recordings/negotiated/case.json").as_slice()).unwrap();
    let mut results = Vec::new();
    for features in [vec![Feature::DataChannels], Vec::new()] {
        case.peers[0].features = Some(features);
        let mut evidence = Recording::Negotiated.evidence().of_case(&case);
        sctp::replace_first_message(&mut evidence, Peer(0), 51, b"from alicefrom alice");
        let findings = check.run(&evidence);
        let alice = findings.into_iter().find(|finding| finding.endpoint == case.peers[0].name);
        results.push(alice.map(|finding| finding.result));
    }
    assert_eq!(results, [Some(Status::Fail), Some(Status::NotApplicable)]);
}

#[test]
fn requirements_on_the_api_apply_only_to_who_does_not_deny_to_have_it() {
    let decided = |features: Option<Vec<Feature>>| -> BTreeSet<String> {
        let findings = run(&call_between(features));
        let decided = findings.into_iter().filter(|finding| finding.result != Status::NotApplicable);
        decided.map(|finding| finding.requirement).collect()
    };
    let unreported = decided(None);
    assert_eq!(
        decided(Some(vec![Feature::W3cApi])),
        unreported,
        "who claims the API is judged as who reports nothing"
    );
    let translated = decided(Some(vec![Feature::DataChannels]));
    let of_the_api = |id: &String| Catalogue::get().requirement(id).is_some_and(Requirement::judges_the_api);
    let gone: BTreeSet<String> = unreported.difference(&translated).cloned().collect();
    assert!(gone.contains("gathering-end-signals") && gone.contains("candidate-event-contents"), "{gone:?}");
    assert_eq!(gone, unreported.iter().filter(|id| of_the_api(id)).cloned().collect::<BTreeSet<_>>());
    assert!(translated.contains("ice-options-ice2"), "descriptions are judged all the same: {translated:?}");
    let silent = call_between(Some(Vec::new()));
    let findings = of("gathering-end-signals").unwrap().run(&silent);
    assert!(findings.iter().all(|finding| finding.sentence.contains("`w3c-api`")), "{findings:?}");
}

#[test]
fn what_a_channel_shows_on_the_wire_is_no_matter_of_the_api() {
    let catalogue = Catalogue::get();
    let judges = |id: &str| catalogue.requirement(id).unwrap().judges_the_api();
    assert!(judges("signaling-state-transitions") && judges("dc-remote-channel-announced-correctly"));
    assert!(!judges("dcep-negotiated-channel-sends-no-open") && !judges("ice-relay-policy-no-leak"));
}
