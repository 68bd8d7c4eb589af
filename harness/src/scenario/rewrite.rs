//! Changes made to descriptions and candidates on their way: named operations, each a pure function of the text.

use peerproof_captures::event::{Description, IceCandidate};
use peerproof_captures::sdp::SessionDescription;
use regex_lite::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is changed on the way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rewrite {
    /// In the offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offer: Option<DescriptionRewrite>,
    /// In the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<DescriptionRewrite>,
    /// In each candidate, whichever way it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<CandidateRewrite>,
}

impl Rewrite {
    /// Whether nothing is changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// A part that changes nothing whatever the text is: the keys of its place, and what is wrong.
    #[must_use]
    pub fn mistake(&self) -> Option<(Vec<&'static str>, String)> {
        for (key, rewrite) in [("offer", &self.offer), ("answer", &self.answer)] {
            let Some(rewrite) = rewrite else { continue };
            if *rewrite == DescriptionRewrite::default() {
                return Some((vec![key], "nothing is changed".to_owned()));
            }
            if let Some(same) = rewrite.replace.iter().find(|replace| replace.is_idle()) {
                return Some((vec![key, "replace"], format!("`{}` is replaced by itself", same.with)));
            }
        }
        let candidate = self.candidate.as_ref()?;
        if *candidate == CandidateRewrite::default() {
            return Some((vec!["candidate"], "nothing is changed".to_owned()));
        }
        let same = candidate.replace.iter().find(|replace| replace.is_idle())?;
        Some((vec!["candidate", "replace"], format!("`{}` is replaced by itself", same.with)))
    }
}

/// Changes to a description, made in the order in which they stand here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DescriptionRewrite {
    /// What becomes of each `a=fingerprint` (RFC 8122).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<FingerprintRewrite>,
    /// Another ICE password (RFC 8839 §5.4) in all media sections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ice_pwd: Option<String>,
    /// Another ICE user name fragment in all media sections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ice_ufrag: Option<String>,
    /// Another DTLS role (RFC 8842): `active`, `passive`, `actpass`, `holdconn`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup: Option<SetupRole>,
    /// The type changes, the text stays.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<peerproof_captures::event::SdpType>,
    /// The description that its receiver made itself is handed back to it instead.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub swap: bool,
    /// Its candidates and their end go. There need be none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_candidates: bool,
    /// Lines that match this regular expression go.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remove_lines: Vec<String>,
    /// Lines put at the end of each media section.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub add_lines: Vec<String>,
    /// Text is replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replace: Vec<Replace>,
}

/// What becomes of a certificate's fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FingerprintRewrite {
    /// Its last hexadecimal digit becomes another one.
    FlipOneDigit,
    /// It goes.
    Remove,
    /// It is written in lower case.
    LowerCase,
}

/// `a=setup` (RFC 4145 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SetupRole {
    /// Starts the handshake.
    Active,
    /// Waits for it.
    Passive,
    /// Either.
    Actpass,
    /// Neither, for now.
    Holdconn,
}

/// A replacement within a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replace {
    /// A regular expression, tried on each line.
    pub regex: String,
    /// What stands there instead; `$1` is the first group.
    pub with: String,
}

impl Replace {
    /// Whether what is found is what is put there.
    fn is_idle(&self) -> bool {
        let is_plain =
            !self.regex.contains(['\\', '^', '$', '.', '|', '?', '*', '+', '(', ')', '[', ']', '{', '}']);
        is_plain && self.regex == self.with
    }
}

/// Changes to candidates.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CandidateRewrite {
    /// Candidates of these types (`host`, `srflx`, `relay`, `prflx`, or `any`) are lost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drop: Vec<String>,
    /// Each is handed over twice.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub twice: bool,
    /// Text is replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replace: Vec<Replace>,
}

impl DescriptionRewrite {
    /// The description as it is handed over. `own` is what the receiver made itself, if it made one.
    ///
    /// # Errors
    /// A regular expression is broken.
    pub fn apply(
        &self,
        description: &Description,
        own: Option<&Description>,
    ) -> Result<Description, regex_lite::Error> {
        let mut sdp = match own {
            Some(own) if self.swap => own.sdp.clone(),
            _ => description.sdp.clone(),
        };
        if let Some(fingerprint) = self.fingerprint {
            sdp = match fingerprint {
                FingerprintRewrite::FlipOneDigit => {
                    each_line(&sdp, "a=fingerprint:", |line| Some(flip_last_digit(line)))
                }
                FingerprintRewrite::Remove => each_line(&sdp, "a=fingerprint:", |_| None),
                FingerprintRewrite::LowerCase => {
                    each_line(&sdp, "a=fingerprint:", |line| Some(line.to_lowercase()))
                }
            };
        }
        if let Some(pwd) = &self.ice_pwd {
            sdp = each_line(&sdp, "a=ice-pwd:", |_| Some(format!("a=ice-pwd:{pwd}")));
        }
        if let Some(ufrag) = &self.ice_ufrag {
            sdp = each_line(&sdp, "a=ice-ufrag:", |_| Some(format!("a=ice-ufrag:{ufrag}")));
        }
        if let Some(setup) = self.setup {
            let role = match setup {
                SetupRole::Active => "active",
                SetupRole::Passive => "passive",
                SetupRole::Actpass => "actpass",
                SetupRole::Holdconn => "holdconn",
            };
            sdp = each_line(&sdp, "a=setup:", |_| Some(format!("a=setup:{role}")));
        }
        if self.no_candidates {
            sdp = each_line(&sdp, "a=candidate:", |_| None);
            sdp = each_line(&sdp, "a=end-of-candidates", |_| None);
        }
        for regex in &self.remove_lines {
            let regex = Regex::new(regex)?;
            sdp = each_line(&sdp, "", |line| (!regex.is_match(line)).then(|| line.to_owned()));
        }
        if !self.add_lines.is_empty() {
            sdp = add_lines(&sdp, &self.add_lines);
        }
        for Replace { regex, with } in &self.replace {
            let regex = Regex::new(regex)?;
            sdp = each_line(&sdp, "", |line| Some(regex.replace(line, with.as_str()).into_owned()));
        }
        Ok(Description { kind: self.kind.unwrap_or(description.kind), sdp })
    }

    /// Whether the text must be another one afterwards. What sets a value, or takes out what need not be there, may find it so.
    #[must_use]
    pub fn must_change(&self) -> bool {
        let changes = !self.remove_lines.is_empty()
            || !self.replace.is_empty()
            || !self.add_lines.is_empty()
            || self.swap
            || matches!(
                self.fingerprint,
                Some(FingerprintRewrite::FlipOneDigit | FingerprintRewrite::Remove)
            );
        let sets = self.ice_pwd.is_some()
            || self.ice_ufrag.is_some()
            || self.setup.is_some()
            || self.kind.is_some()
            || self.no_candidates
            || self.fingerprint == Some(FingerprintRewrite::LowerCase);
        changes && !sets
    }

    /// The regular expressions, to be checked before anything is played.
    pub fn regexes(&self) -> impl Iterator<Item = &str> {
        self.remove_lines
            .iter()
            .map(String::as_str)
            .chain(self.replace.iter().map(|replace| replace.regex.as_str()))
    }
}

impl CandidateRewrite {
    /// The candidates that are handed over for one that was sent: none, one or two.
    ///
    /// # Errors
    /// A regular expression is broken.
    pub fn apply(&self, candidate: &IceCandidate) -> Result<Vec<IceCandidate>, regex_lite::Error> {
        let kind =
            candidate.candidate.split(' ').skip_while(|word| *word != "typ").nth(1).unwrap_or_default();
        if self.drop.iter().any(|dropped| dropped == "any" || dropped == kind) {
            return Ok(Vec::new());
        }
        let mut text = candidate.candidate.clone();
        for Replace { regex, with } in &self.replace {
            text = Regex::new(regex)?.replace(&text, with.as_str()).into_owned();
        }
        let changed = IceCandidate { candidate: text, ..candidate.clone() };
        Ok(if self.twice { vec![changed.clone(), changed] } else { vec![changed] })
    }
}

/// A description whose media sections have the MIDs of another one, section by section, also where they are grouped (RFC 5888). Sections
/// that the other has not, or without a MID there, keep their own.
pub(super) fn with_mids_of(sdp: &str, other: &str) -> String {
    let mids = |sdp: &str| -> Vec<Option<String>> {
        SessionDescription::parse(sdp).media().map(|section| section.mid()).collect()
    };
    let new: BTreeMap<String, String> =
        mids(sdp).into_iter().zip(mids(other)).filter_map(|(own, other)| Some((own?, other?))).collect();
    let renamed = |mid: &str| new.get(mid).cloned().unwrap_or_else(|| mid.to_owned());
    let sdp =
        each_line(sdp, "a=mid:", |line| Some(format!("a=mid:{}", renamed(line.strip_prefix("a=mid:")?))));
    each_line(&sdp, "a=group:", |line| {
        let mut words = line.split(' ');
        let semantics = words.next().unwrap_or_default().to_owned();
        Some(words.fold(semantics, |line, mid| format!("{line} {}", renamed(mid))))
    })
}

/// Changes or removes the lines that begin with `prefix`; every line ends with CR LF afterwards (RFC 8866 §5).
fn each_line(sdp: &str, prefix: &str, change: impl Fn(&str) -> Option<String>) -> String {
    let mut out = String::with_capacity(sdp.len());
    for line in sdp.lines() {
        let line = if line.starts_with(prefix) { change(line) } else { Some(line.to_owned()) };
        if let Some(line) = line {
            out.push_str(&line);
            out.push_str("\r\n");
        }
    }
    out
}

fn flip_last_digit(line: &str) -> String {
    let mut line = line.trim_end().to_owned();
    let last = line.pop().unwrap_or('0');
    line.push(if last == '0' { '1' } else { '0' });
    line
}

fn add_lines(sdp: &str, lines: &[String]) -> String {
    let mut out = String::with_capacity(sdp.len());
    let mut in_section = false;
    let add = |out: &mut String| {
        for line in lines {
            out.push_str(line);
            out.push_str("\r\n");
        }
    };
    for line in sdp.lines() {
        if line.starts_with("m=") {
            if in_section {
                add(&mut out);
            }
            in_section = true;
        }
        out.push_str(line);
        out.push_str("\r\n");
    }
    if in_section {
        add(&mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use peerproof_captures::event::SdpType;

    const SDP: &str = "v=0\r\na=fingerprint:sha-256 AB:C0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n\
        a=ice-pwd:old\r\na=setup:actpass\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=ice-pwd:old\r\n";

    fn rewritten(yaml: &str) -> String {
        let rewrite: DescriptionRewrite = serde_yaml::from_str(yaml).unwrap();
        let offer = Description { kind: SdpType::Offer, sdp: SDP.to_owned() };
        rewrite.apply(&offer, None).unwrap().sdp
    }

    #[test]
    fn a_flipped_fingerprint_differs_in_its_last_digit_only() {
        let sdp = rewritten("fingerprint: flip-one-digit");
        assert!(sdp.contains("a=fingerprint:sha-256 AB:C1\r\n"), "{sdp}");
        assert_eq!(sdp.len(), SDP.len());
    }

    #[test]
    fn passwords_change_in_every_section() {
        assert_eq!(rewritten("ice-pwd: new").matches("a=ice-pwd:new\r\n").count(), 2);
    }

    #[test]
    fn lines_are_removed_replaced_and_added_by_section() {
        assert!(!rewritten("remove-lines: ['^a=setup:']").contains("a=setup"));
        assert!(rewritten("replace: [{regex: '(m=audio) 9', with: '$1 0'}]").contains("m=audio 0 "));
        let added = rewritten("add-lines: ['a=x']");
        assert_eq!(added.matches("a=x\r\n").count(), 2);
        assert!(added.contains("a=setup:actpass\r\na=x\r\nm=audio"));
    }

    #[test]
    fn what_must_change_something_is_distinguished_from_what_sets_a_value() {
        let must = |yaml: &str| serde_yaml::from_str::<DescriptionRewrite>(yaml).unwrap().must_change();
        for yaml in
            ["remove-lines: [x]", "swap: true", "fingerprint: remove", "replace: [{ regex: a, with: b }]"]
        {
            assert!(must(yaml), "{yaml}");
        }
        for yaml in ["setup: active", "no-candidates: true", "{ remove-lines: [x], setup: active }"] {
            assert!(!must(yaml), "{yaml}");
        }
        let gone = rewritten("no-candidates: true");
        assert_eq!(gone, SDP);
        let with = Description {
            kind: SdpType::Offer,
            sdp: format!("{SDP}a=candidate:1\r\na=end-of-candidates\r\n"),
        };
        let rewrite: DescriptionRewrite = serde_yaml::from_str("no-candidates: true").unwrap();
        assert_eq!(rewrite.apply(&with, None).unwrap().sdp, SDP);
    }

    #[test]
    fn candidates_are_dropped_by_type() {
        let rewrite: CandidateRewrite = serde_yaml::from_str("drop: [host]").unwrap();
        let candidate = |kind: &str| IceCandidate {
            candidate: format!("candidate:1 1 udp 1 192.0.2.2 5 typ {kind}"),
            sdp_mid: None,
            sdp_m_line_index: None,
            username_fragment: None,
        };
        assert_eq!(rewrite.apply(&candidate("host")).unwrap().len(), 0);
        assert_eq!(rewrite.apply(&candidate("relay")).unwrap().len(), 1);
    }
}
