//! Descriptions alone, without a capture: what RFC requirements say of an offer, an answer, and the rounds of an exchange.

use super::folder::CASE;
use super::json::{JudgedFinding, Judgement};
use super::{JudgeArgs, JudgeError, bare};
use crate::described::{self, Described, Found, looks_like_one};
use crate::input::{self, Limit};
use peerproof_captures::event::SdpType;
use peerproof_captures::sdp::SessionDescription;
use peerproof_conformance::evidence::{Description, Evidence, Peer, session};
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Most descriptions that are judged together.
const MOST: usize = 1_000;
/// The peers by the part that they take in the first round.
const PEERS: [&str; 2] = ["offerer", "answerer"];

/// A description that was given, and where.
struct Given {
    /// The file; with a number if it holds several.
    place: String,
    /// Offer or answer, if that is known.
    kind: Option<SdpType>,
    sdp: SessionDescription,
    /// Changes that an editor is assumed to have made.
    taken: Vec<&'static str>,
    /// Whether it was given as the offer or answer of a round.
    is_of_round: bool,
}

/// What a file holds.
struct File {
    given: Vec<Given>,
    /// Remarks on what describes nothing.
    notices: Vec<String>,
}

/// The descriptions that the command line names, judged together; nothing if it names none. What is judged here is taken out of `paths`.
pub(super) fn judge(args: &JudgeArgs, paths: &mut Vec<PathBuf>) -> Result<Option<Judgement>, JudgeError> {
    let (mut given, mut notices, mut empty) = (Vec::new(), Vec::new(), Vec::new());
    let all = args.offer.iter().chain(&args.answer).chain(&*paths);
    if all.filter(|path| path.as_os_str() == "-").count() > 1 {
        return Err(JudgeError::StdinTwice);
    }
    for round in 0..args.offer.len().max(args.answer.len()) {
        for (files, kind) in [(&args.offer, SdpType::Offer), (&args.answer, SdpType::Answer)] {
            let Some(path) = files.get(round) else { continue };
            if path.as_os_str() != "-" {
                let unreadable = |error| JudgeError::Read { path: path.clone(), error };
                std::fs::metadata(path).map_err(unreadable)?;
            }
            let read = read(path)?.ok_or_else(|| JudgeError::NoDescription(path.clone()))?;
            for one in read.given {
                given.push(one.into_round(kind)?);
            }
            notices.extend(read.notices);
        }
    }
    let mut others = Vec::new();
    for path in std::mem::take(paths) {
        match read(&path)? {
            Some(read) => {
                if read.given.is_empty() {
                    empty.push(path.display().to_string());
                }
                given.extend(read.given);
                notices.extend(read.notices);
            }
            None => others.push(path),
        }
    }
    *paths = others;
    if given.is_empty() {
        let nothing = Judgement::nothing(&empty.join(", "));
        return Ok((!notices.is_empty()).then_some(Judgement { notices, ..nothing }));
    }
    if given.len() > MOST {
        return Err(JudgeError::TooManyDescriptions(given.len(), MOST));
    }
    let mut judged = of(given, args.all)?;
    judged.notices.extend(notices);
    Ok(Some(judged))
}

impl Given {
    /// As the offer or answer of a round.
    fn into_round(self, given: SdpType) -> Result<Self, JudgeError> {
        match self.kind {
            Some(kind) if (kind == SdpType::Offer) != (given == SdpType::Offer) => {
                Err(JudgeError::OtherKind { place: self.place, given, kind })
            }
            kind => Ok(Self { kind: kind.or(Some(given)), is_of_round: true, ..self }),
        }
    }
}

/// Judges descriptions together.
fn of(given: Vec<Given>, all: bool) -> Result<Judgement, JudgeError> {
    let files: Vec<String> = given.iter().map(|one| one.place.clone()).collect();
    let mut notices: Vec<String> =
        given.iter().flat_map(|one| described::notices(&one.place, &one.taken)).collect();
    let begins = given.first().is_some_and(|first| first.is_of_round);
    let mut evidence = Evidence::of_descriptions(PEERS.map(str::to_owned).to_vec(), made(given)?);
    evidence.begins = begins;
    notices.extend(bare::nature(&evidence));
    Ok(Judgement {
        path: files.join(", "),
        case: None,
        connection: None,
        peers: evidence.peers.clone(),
        verdict: None,
        recorded: None,
        changed: false,
        defects: Vec::new(),
        altered: Vec::new(),
        notices,
        standing: None,
        findings: bare::findings(&evidence, all).into_iter().map(JudgedFinding::of).collect(),
        descriptions: files,
    })
}

/// Judges descriptions that were given beside a capture and belong to none of its connections: by their files.
pub(super) fn apart(given: Vec<(String, SessionDescription)>, all: bool) -> Result<Judgement, JudgeError> {
    let one = |(place, sdp)| Given { place, kind: None, sdp, taken: Vec::new(), is_of_round: false };
    of(given.into_iter().map(one).collect(), all)
}

/// Who made which: the descriptions of a peer have one session identifier (RFC 9429 §5.2.1), which the two do not share.
fn made(given: Vec<Given>) -> Result<Vec<Description>, JudgeError> {
    let mut sessions: [Option<String>; 2] = [None, None];
    let mut made: Vec<Description> = Vec::new();
    let next: Vec<_> = given.iter().skip(1).map(|one| (one.kind, session(&one.sdp))).collect();
    for (n, one) in given.into_iter().enumerate() {
        let pending = made.last().is_some_and(|last| last.kind == SdpType::Offer);
        let kind = one.kind.unwrap_or_else(|| kind_of(&one.sdp, pending));
        let session = session(&one.sdp);
        let part = usize::from(kind != SdpType::Offer);
        let known = sessions.iter().position(|of| of.is_some() && *of == session);
        // In a round the two differ, whatever they write.
        let by = match (made.last().filter(|_| pending && part == 1), known) {
            (Some(offer), _) => 1 - offer.by.0.min(1),
            (None, Some(known)) => known,
            (None, None) => match sessions.iter().filter(|of| of.is_some()).count() {
                0 => part,
                1 => usize::from(sessions.first().is_some_and(Option::is_some)),
                // Whose answer follows did not offer. That the identifier is another one is for the requirements to say (RFC 3264 §8).
                _ if one.is_of_round => match next.get(n) {
                    Some((Some(SdpType::Answer), of)) => {
                        usize::from(of.is_some() && sessions.first() == Some(of))
                    }
                    _ => part,
                },
                _ => return Err(JudgeError::ThirdPeer(one.place)),
            },
        };
        if let Some(own) = sessions.get_mut(by).filter(|own| own.is_none()) {
            *own = session;
        }
        let (sdp, entry) = (one.sdp, n as u64);
        let (by, to) = (Peer(by), Some(Peer(1 - by)));
        made.push(Description { by, to, kind, sdp, munged: false, delivered: None, entry, t_us: entry });
    }
    Ok(made)
}

/// What a description is that does not say so: an offer leaves the DTLS role open (RFC 8842 §5.2), an answer does not.
fn kind_of(sdp: &SessionDescription, after_an_offer: bool) -> SdpType {
    let roles: BTreeSet<&str> =
        (0..sdp.media().len()).filter_map(|section| sdp.effective_value(section, "setup")).collect();
    match (roles.contains("actpass"), roles.is_empty()) {
        (true, _) => SdpType::Offer,
        (false, false) => SdpType::Answer,
        (false, true) if after_an_offer => SdpType::Answer,
        (false, true) => SdpType::Offer,
    }
}

/// The descriptions in a file; nothing if it holds something else, such as a capture.
fn read(path: &Path) -> Result<Option<File>, JudgeError> {
    let stdin = path.as_os_str() == "-";
    // A `case.json` is JSON as well, and stands for its folder.
    if !stdin && (!path.is_file() || path.file_name().is_some_and(|name| name == CASE)) {
        return Ok(None);
    }
    let unreadable = |error| JudgeError::Read { path: path.to_owned(), error };
    let mut start = Vec::new();
    let input: Box<dyn Read> = if stdin {
        // A capture on standard input is read by others, so nothing may be taken away from it.
        match io::BufRead::fill_buf(&mut io::stdin().lock()) {
            Ok(buffered) if looks_like_one(buffered) => Box::new(io::stdin()),
            _ => return Ok(None),
        }
    } else {
        let mut file = fs::File::open(path).map_err(unreadable)?;
        (&mut file).take(64).read_to_end(&mut start).map_err(unreadable)?;
        if !looks_like_one(&start) {
            return Ok(None);
        }
        Box::new(file)
    };
    let bytes = input::limited(start.as_slice().chain(input), Limit::DESCRIPTION).map_err(unreadable)?;
    let name = if stdin { "standard input".to_owned() } else { path.display().to_string() };
    let malformed = |error| JudgeError::Malformed { path: PathBuf::from(&name), error };
    let Found { described, nothing } = described::read(&bytes).map_err(malformed)?;
    described.iter().try_for_each(|one| described::fits(&one.sdp)).map_err(unreadable)?;
    let several = described.len() > 1;
    let place = |n: usize| if several { format!("{name}[{n}]") } else { name.clone() };
    let given = described.into_iter().enumerate();
    let given = given.map(|(n, Described { kind, sdp, taken })| Given {
        place: place(n),
        kind,
        sdp,
        taken,
        is_of_round: false,
    });
    Ok(Some(File { given: given.collect(), notices: described::notices(&name, &nothing).collect() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(kind: Option<SdpType>, session: u64, setup: &str) -> Given {
        let sdp = format!(
            "v=0\no=- {session} 2 IN IP4 127.0.0.1\ns=-\nt=0 0\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\na=setup:{setup}\n"
        );
        let sdp = SessionDescription::parse(sdp);
        Given { place: "x".to_owned(), kind, sdp, taken: Vec::new(), is_of_round: false }
    }

    fn who(given: Vec<Given>) -> Vec<(usize, SdpType)> {
        made(given).unwrap().iter().map(|one| (one.by.0, one.kind)).collect()
    }

    #[test]
    fn rounds_are_attributed_by_their_session_identifiers() {
        use SdpType::{Answer, Offer};
        assert_eq!(
            who(vec![
                given(None, 1, "actpass"),
                given(None, 2, "active"),
                given(None, 2, "actpass"),
                given(None, 1, "passive"),
            ]),
            [(0, Offer), (1, Answer), (1, Offer), (0, Answer)]
        );
        assert_eq!(who(vec![given(None, 7, "active")]), [(1, Answer)]);
        assert_eq!(who(vec![given(None, 7, "active"), given(None, 8, "actpass")]), [(1, Answer), (0, Offer)]);
        // Both write the same: they are two all the same.
        assert_eq!(who(vec![given(None, 1, "actpass"), given(None, 1, "active")]), [(0, Offer), (1, Answer)]);
        let three = vec![given(None, 1, "actpass"), given(None, 2, "active"), given(None, 3, "actpass")];
        assert!(matches!(made(three), Err(JudgeError::ThirdPeer(_))));
    }

    #[test]
    fn of_rounds_everything_is_judged() {
        use SdpType::{Answer, Offer, Pranswer};
        let round = |kind, session| given(None, session, "active").into_round(kind).unwrap();
        let by = |kinds: &[(SdpType, u64)]| {
            let all = kinds.iter().map(|(kind, session)| round(*kind, *session)).collect();
            who(all).into_iter().map(|(by, _)| by).collect::<Vec<_>>()
        };
        assert_eq!(by(&[(Offer, 1), (Answer, 2), (Offer, 3), (Answer, 2)]), [0, 1, 0, 1]);
        assert_eq!(by(&[(Offer, 1), (Answer, 2), (Offer, 3), (Answer, 1)]), [0, 1, 1, 0]);
        assert_eq!(by(&[(Offer, 1), (Answer, 2), (Offer, 3)]), [0, 1, 0]);
        let says = |kind, given_as| given(Some(kind), 1, "active").into_round(given_as).is_ok();
        assert!(says(Offer, Offer) && says(Answer, Answer) && says(Pranswer, Answer));
        assert!(!says(Offer, Answer) && !says(Answer, Offer) && !says(Pranswer, Offer));
    }
}
