//! Data channels: which there are, their state and properties.

use super::{Checked, Mismatch, words};
use crate::case::view::PeerView;
use crate::case_file::CasePeer;
use crate::expect::{ChannelMatch, ChannelState, OrNone, PeerExpectations};
use crate::verdict::Layer;

const LAYER: Layer = Layer::DataChannel;

pub(super) fn check(
    peer: Option<&CasePeer>,
    name: &str,
    expected: &PeerExpectations,
    view: &PeerView,
    checked: &mut Checked,
) {
    match &expected.channels {
        None => {}
        Some(OrNone::None) => {
            let open = view.channels.iter().find(|(_, channel)| channel.was_open());
            checked.add(open.map(|(label, channel)| {
                let text = format!("no channel should open at {name}");
                Mismatch::new(LAYER, name, text, format!("{label:?} was open")).at(Some(channel.state.n))
            }));
        }
        Some(OrNone::Some(channels)) => {
            for (label, wanted) in channels {
                checked.add(channel(peer, name, label, wanted, view));
            }
        }
    }
}

fn channel(
    peer: Option<&CasePeer>,
    name: &str,
    label: &str,
    wanted: &ChannelMatch,
    view: &PeerView,
) -> Option<Mismatch> {
    let Some(seen) = view.channels.get(label) else {
        if wanted.state == Some(ChannelState::None) {
            return None;
        }
        let text = format!("{name} should have the channel {label:?}");
        let others = words(view.channels.keys().map(|label| format!("{label:?}")));
        return Some(Mismatch::new(LAYER, name, text, format!("it has {others}")));
    };
    let differs = |what: &str, wanted: String, is: String| {
        let text = format!("{name}'s channel {label:?} should have {what} {wanted}");
        Some(Mismatch::new(LAYER, name, text, format!("it is {is}")).at(Some(seen.state.n)))
    };
    macro_rules! same {
        ($wanted:expr, $is:expr, $what:literal) => {
            if let Some(wanted) = $wanted
                && wanted != $is
            {
                return differs($what, format!("{wanted}"), format!("{}", $is));
            }
        };
    }
    macro_rules! same_option {
        ($wanted:expr, $is:expr, $what:literal) => {
            if let Some(wanted) = $wanted
                && Some(wanted) != $is
            {
                let is = $is.map_or_else(|| "not set".to_owned(), |is| is.to_string());
                return differs($what, format!("{wanted}"), is);
            }
        };
    }
    let info = &seen.info;
    same!(wanted.state, seen.state.is, "the state");
    let limited = wanted.reliable.is_some();
    let asked = [
        ("ordered", wanted.ordered.is_some()),
        ("maxRetransmits", wanted.max_retransmits.is_some() || limited),
        ("maxPacketLifeTime", wanted.max_packet_life_time.is_some() || limited),
    ];
    let is_untold =
        |property: &str| seen.remote && peer.is_some_and(|it| it.never_reports("datachannel", property));
    if let Some((property, _)) = asked.into_iter().find(|(property, asked)| *asked && is_untold(property)) {
        let text = format!("{name}'s channel {label:?} should have {property} as the scenario expects");
        let reason = format!(
            "{} does not report {property} of a channel that the other side opened",
            peer.map_or(name, |peer| &peer.implementation)
        );
        return Some(Mismatch::new(LAYER, name, text, "it is not reported").lacking(reason));
    }
    same_option!(wanted.ordered, info.ordered, "ordered");
    same_option!(wanted.max_retransmits, info.max_retransmits, "maxRetransmits");
    same_option!(wanted.max_packet_life_time, info.max_packet_life_time, "maxPacketLifeTime");
    let reliable = info.max_retransmits.is_none() && info.max_packet_life_time.is_none();
    same!(wanted.reliable, reliable, "unlimited delivery");
    same!(wanted.protocol.as_deref(), info.protocol.as_str(), "the protocol");
    same_option!(wanted.id, info.id, "the id");
    same!(wanted.negotiated, info.negotiated, "negotiated");
    None
}
