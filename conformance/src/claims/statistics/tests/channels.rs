//! Statistics of channels.

use super::*;

#[test]
fn messages_that_nobody_sent_and_channels_that_never_opened() {
    for field in ["messagesSent", "bytesSent", "messagesReceived", "bytesReceived"] {
        let mut record = Recording::Data.record();
        falsify(&mut record, "alice", "data-channel", |stat| stat[field] = json!(1_000_000));
        contradicted(
            &found(&record, check),
            &format!("stat/data-channel.{field}"),
            Layer::DataChannel,
            "alice",
        );
    }
    let mut record = Recording::Data.record();
    falsify(&mut record, "alice", "peer-connection", |stat| stat["dataChannelsOpened"] = json!(7));
    contradicted(
        &found(&record, check),
        "stat/peer-connection.dataChannelsOpened",
        Layer::DataChannel,
        "alice",
    );
}

/// The event of a channel that opens follows its state.
#[test]
fn a_channel_is_open_before_its_event_is_heard() {
    let is_found = |after_us: u64| {
        let mut record = Recording::Data.record();
        let mut connected = 0;
        record.timeline.retain(|entry| match &entry.what {
            What::Event { peer, event: PeerEvent::ConnectionStateChange { state }, .. } => {
                if peer == "bob" && *state == ConnectionState::Connected {
                    connected = entry.t_us;
                }
                true
            }
            What::Event { peer, event: PeerEvent::ChannelOpen { .. }, .. } => peer != "bob",
            _ => true,
        });
        assert!(connected > 0);
        let mut ids = Vec::new();
        for entry in &mut record.timeline {
            match &entry.what {
                What::Command { peer, id, name, .. } if peer == "bob" && name == "getStats" => {
                    ids.push(*id);
                    entry.t_us = connected + after_us;
                }
                What::Answer { peer, id, .. } if peer == "bob" && ids.contains(id) => {
                    entry.t_us = connected + after_us + 1_000;
                }
                _ => {}
            }
        }
        found(&record, check).iter().any(|it| it.claim == "stat/data-channel.state")
    };
    assert!(is_found(5_000_000));
    assert!(!is_found(1_000));
}

/// A report may leave out a channel that is closed: which of several it has is not known by the label.
#[test]
fn a_channel_may_have_nothing_of_what_another_of_its_label_has() {
    let found_of = |count: u64, is_second: bool| {
        let mut record = Recording::Data.record();
        falsify(&mut record, "alice", "data-channel", |stat| {
            for field in ["messagesSent", "messagesReceived", "bytesSent", "bytesReceived"] {
                stat[field] = json!(count);
            }
        });
        let is_created =
            |entry: &Entry| matches!(&entry.what, What::Command { name, .. } if name == "createDataChannel");
        let at = record.timeline.iter().position(is_created).unwrap();
        if is_second {
            let mut again = record.timeline[at].clone();
            if let What::Command { id, .. } = &mut again.what {
                *id = 900;
            }
            record.timeline.insert(at, again);
        }
        let is_asked =
            |entry: &Entry| matches!(&entry.what, What::Command { name, .. } if name == "getStats");
        let at = record.timeline.iter().position(is_asked).unwrap();
        record.timeline[at..].iter_mut().for_each(|entry| entry.t_us += 2_000_000);
        let found = found(&record, check);
        found.iter().filter(|it| it.claim.starts_with("stat/data-channel.")).count()
    };
    assert!(found_of(0, false) >= 1);
    assert_eq!(found_of(0, true), 0);
    assert_eq!(found_of(1_000_000, true), 4, "more than all channels of the label have");
}
