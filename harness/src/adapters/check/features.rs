//! Whether what a program claims to have agrees with what it does.

use super::outcome::{Outcome, Tried, violates};
use crate::peers::greeting::Greeting;
use peerproof_captures::feature::Feature;
use std::collections::BTreeSet;

/// What a program claims; nothing if it reports no features.
#[derive(Debug, Clone, Default)]
pub(super) struct Claims(Option<BTreeSet<Feature>>);

impl Claims {
    pub(super) fn of(greeting: &Greeting) -> Self {
        Self(greeting.features().map(|features| features.into_iter().collect()))
    }

    /// What was tried, with a command that is unsupported as a violation if the program claims to have what it is for.
    pub(super) fn hold<T>(&self, feature: Feature, tried: Tried<T>) -> Tried<T> {
        match tried {
            Err(Outcome::Unsupported { reason })
                if self.0.as_ref().is_some_and(|claimed| claimed.contains(&feature)) =>
            {
                violates(
                    format!("behaviour claimed by the feature `{feature}`"),
                    format!("unsupported: {reason}"),
                )
            }
            tried => tried,
        }
    }

    /// The features in words.
    pub(super) fn note(&self, greeting: &Greeting) -> String {
        let Some(claimed) = &self.0 else {
            return "none claimed: judged as an implementation of the W3C API".to_owned();
        };
        let names: Vec<&str> = claimed.iter().map(|feature| feature.as_str()).collect();
        let all = greeting.features.as_deref().unwrap_or_default();
        let unknown: BTreeSet<&str> =
            all.iter().map(String::as_str).filter(|name| Feature::named(name).is_none()).collect();
        let mut note = if names.is_empty() { "no known feature".to_owned() } else { names.join(", ") };
        if !unknown.is_empty() {
            let unknown: Vec<&str> = unknown.into_iter().collect();
            note += &format!("; unknown and ignored: {}", unknown.join(", "));
        }
        note
    }
}

/// The commands without which nobody has a feature.
const fn commands(feature: Feature) -> &'static [&'static str] {
    match feature {
        Feature::W3cApi => &[
            "createPeerConnection",
            "createOffer",
            "createAnswer",
            "setLocalDescription",
            "setRemoteDescription",
            "addIceCandidate",
            "getState",
            "close",
        ],
        Feature::DataChannels => &["createDataChannel", "send"],
        Feature::Simulcast => &["createSource", "addTransceiver"],
        Feature::Audio | Feature::Video | Feature::H264 => &["createSource", "addTrack", "watch"],
        Feature::Dtls13 => &[],
    }
}

/// Whether a program has the commands of what it claims.
pub(super) fn fit(greeting: &Greeting) -> Tried {
    for feature in greeting.features().unwrap_or_default() {
        let lacks = commands(feature).iter().filter(|name| !greeting.commands.iter().any(|has| has == *name));
        let lacks: Vec<&str> = lacks.copied().collect();
        if !lacks.is_empty() {
            return violates(
                format!("the commands of the feature `{feature}`"),
                format!("no {}", lacks.join(", ")),
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn greeting(commands: &[&str], features: Option<&[&str]>) -> Greeting {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Greeting {
            protocol: 2,
            implementation: "example".to_owned(),
            version: "1".to_owned(),
            commands: owned(commands),
            features: features.map(owned),
            unreported: Vec::new(),
        }
    }

    #[test]
    fn a_feature_needs_its_commands() {
        assert_eq!(fit(&greeting(&["createSource", "addTrack", "watch"], Some(&["video"]))), Ok(()));
        let Err(Outcome::Violates { expected, came }) = fit(&greeting(&["watch"], Some(&["video"]))) else {
            panic!("a video without a source fits");
        };
        assert!(expected.contains("`video`") && came == "no createSource, addTrack", "{expected}: {came}");
        assert!(fit(&greeting(&["hello"], Some(&["w3c-api"]))).is_err());
        // What the guide asks for is enough.
        assert_eq!(fit(&greeting(&["createDataChannel", "send"], Some(&["data-channels"]))), Ok(()));
        assert!(fit(&greeting(&["createDataChannel"], Some(&["data-channels"]))).is_err());
        for nothing in [None, Some(&[][..]), Some(&["teleport"][..])] {
            assert_eq!(fit(&greeting(&["hello"], nothing)), Ok(()));
        }
    }

    #[test]
    fn what_is_claimed_must_not_be_unsupported() {
        let unsupported = || Err::<(), _>(Outcome::Unsupported { reason: "no codec".to_owned() });
        let claims = Claims::of(&greeting(&[], Some(&["audio"])));
        assert!(matches!(claims.hold(Feature::Audio, unsupported()), Err(Outcome::Violates { .. })));
        assert_eq!(claims.hold(Feature::Video, unsupported()), unsupported());
        assert_eq!(claims.hold(Feature::Audio, Ok(())), Ok(()));
        assert_eq!(Claims::default().hold(Feature::Audio, unsupported()), unsupported());
    }

    #[test]
    fn unknown_features_are_noted() {
        let greeting = greeting(&[], Some(&["video", "teleport"]));
        assert_eq!(Claims::of(&greeting).note(&greeting), "video; unknown and ignored: teleport");
    }
}
