//! The values of the attributes that WebRTC uses, one family to a file.

mod codec;
mod dtls;
mod extmap;
mod grouping;
mod ice;
mod media;
mod rid;
mod rtcp;
mod sctp;
mod ssrc;

pub use codec::{Fmtp, RtcpFb, RtpMap};
pub use dtls::{Fingerprint, Setup, TlsId};
pub use extmap::ExtMap;
pub use grouping::{Group, Mid, Msid};
pub use ice::{IceOptions, IcePacing, IcePwd, IceUfrag, RemoteCandidate, RemoteCandidates};
pub use media::{Bandwidth, Direction, MaxPtime, Ptime};
pub use rid::{Rid, RidDirection, Simulcast, SimulcastId};
pub use rtcp::Rtcp;
pub use sctp::{MaxMessageSize, SctpMap, SctpPort};
pub use ssrc::{Ssrc, SsrcGroup};

use super::scanner::{Malformed, Scanner};
use std::fmt;

/// An attribute whose value is understood. It prints as that value.
pub trait Attribute: fmt::Display + Sized {
    /// The names that it goes by: one, but for the directions.
    const NAMES: &'static [&'static str];

    /// Reads the value, all of it. Faults that do not hinder the understanding are left as remarks in the scanner.
    fn read(name: &str, s: &mut Scanner<'_>) -> Result<Self, Malformed>;
}

/// Property attributes, which have no value.
const FLAGS: &[&str] = &[
    "bundle-only",
    "end-of-candidates",
    "extmap-allow-mixed",
    "ice-lite",
    "ice-mismatch",
    "rtcp-mux",
    "rtcp-mux-only",
    "rtcp-rsize",
];

/// Finds the faults in a value if the attribute's name is its own.
type FaultReader = fn(&str, &str) -> Option<Vec<Malformed>>;

/// The faults in the value of an attribute; `None` if the attribute is not known here.
pub(super) fn faults(name: &str, value: Option<&str>) -> Option<Vec<Malformed>> {
    const READERS: &[FaultReader] = &[
        faults_of::<super::Candidate>,
        faults_of::<Direction>,
        faults_of::<ExtMap>,
        faults_of::<Fingerprint>,
        faults_of::<Fmtp>,
        faults_of::<Group>,
        faults_of::<IceOptions>,
        faults_of::<IcePacing>,
        faults_of::<IcePwd>,
        faults_of::<IceUfrag>,
        faults_of::<MaxMessageSize>,
        faults_of::<MaxPtime>,
        faults_of::<Mid>,
        faults_of::<Msid>,
        faults_of::<Ptime>,
        faults_of::<RemoteCandidates>,
        faults_of::<Rid>,
        faults_of::<Rtcp>,
        faults_of::<RtcpFb>,
        faults_of::<RtpMap>,
        faults_of::<SctpMap>,
        faults_of::<SctpPort>,
        faults_of::<Setup>,
        faults_of::<Simulcast>,
        faults_of::<Ssrc>,
        faults_of::<SsrcGroup>,
        faults_of::<TlsId>,
    ];
    if FLAGS.contains(&name) || Direction::NAMES.contains(&name) {
        let superfluous = value.map(|value| Scanner::new(value).malformed("no value"));
        return Some(superfluous.into_iter().collect());
    }
    READERS.iter().find_map(|read| read(name, value.unwrap_or_default()))
}

fn faults_of<T: Attribute>(name: &str, value: &str) -> Option<Vec<Malformed>> {
    if !T::NAMES.contains(&name) {
        return None;
    }
    let mut scanner = Scanner::new(value);
    let error = T::read(name, &mut scanner).err();
    Some(scanner.into_remarks().into_iter().chain(error).collect())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Reads a well-formed value and sees that it prints as it was.
    #[track_caller]
    pub(in crate::sdp) fn round_trip<T: Attribute>(value: &str) -> T {
        let mut scanner = Scanner::new(value);
        let found = T::read(T::NAMES[0], &mut scanner).unwrap();
        assert_eq!(scanner.into_remarks(), [], "{value}");
        assert_eq!(found.to_string(), value);
        found
    }

    /// The places of the faults of an attribute.
    #[track_caller]
    pub(in crate::sdp) fn places<T: Attribute>(value: &str) -> Vec<usize> {
        faults(T::NAMES[0], Some(value)).unwrap().iter().map(|fault| fault.at).collect()
    }

    #[test]
    fn a_property_attribute_must_not_have_a_value() {
        assert_eq!(faults("rtcp-mux", None), Some(vec![]));
        assert_eq!(faults("rtcp-mux", Some("yes")).unwrap().len(), 1);
        assert_eq!(faults("sendrecv", Some("")).unwrap().len(), 1);
        assert_eq!(faults("x-unknown", Some("yes")), None);
    }

    #[test]
    fn an_attribute_that_needs_a_value_is_at_fault_without_one() {
        for name in ["mid", "ice-ufrag", "fingerprint", "rtpmap", "candidate", "setup", "extmap", "sctp-port"]
        {
            assert!(!faults(name, None).unwrap().is_empty(), "{name}");
        }
    }
}
