//! `RTCRtpReceiver`: remote tracks as descriptions announce them, and their packets.

use crate::connection::event::Event;
use crate::connection::reporter::StateReporter;
use crate::connection::sdp;
use crate::media::{Arrived, Codec, Kind, Sink, SinkEvent};
use crate::sync::lock;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};

/// A media section of a remote description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) kind: Kind,
    pub(super) mid: String,
    /// The other side sends.
    pub(super) sends: bool,
    /// The identifiers of the streams of a simulcast that the other side receives (RFC 8853).
    pub(super) receives: Vec<String>,
    /// The section is rejected (port zero without bundling, RFC 9143 §7.3.1).
    pub(super) rejected: bool,
    streams: Vec<String>,
    track: Option<String>,
}

/// The audio and video sections of a description.
pub(super) fn sections(sdp: &str) -> Vec<Section> {
    let section = |text: &str| {
        let mut media = text.split_ascii_whitespace();
        let kind = match media.next()? {
            "audio" => Kind::Audio,
            "video" => Kind::Video,
            _ => return None,
        };
        let has = |name: &str| text.lines().any(|line| line.trim_end() == name);
        let rejected = media.next() == Some("0") && !has("a=bundle-only");
        let sends = !rejected && !has("a=recvonly") && !has("a=inactive");
        let msids = text.lines().filter_map(|line| line.strip_prefix("a=msid:"));
        let mut streams: Vec<String> = Vec::new();
        let mut track = None;
        for msid in msids {
            let mut parts = msid.split_ascii_whitespace();
            // `-` means that the track is in no stream, RFC 8830 §2.
            streams.extend(parts.next().filter(|stream| *stream != "-").map(str::to_owned));
            track = parts.next().map(str::to_owned).or(track);
        }
        // Before a=msid the names stood at the source (draft-alvestrand-mmusic-msid), and the `webrtc` crate names the track by that.
        let mut sources = text.lines().filter_map(|line| line.strip_prefix("a=ssrc:")?.split_once(" msid:"));
        if let (None, Some((_, named))) = (&track, sources.next_back()) {
            let mut parts = named.split_ascii_whitespace();
            streams.extend(parts.next().filter(|stream| *stream != "-").map(str::to_owned));
            track = parts.next().map(str::to_owned);
        }
        let rids = text.lines().filter_map(|line| line.trim_end().strip_prefix("a=rid:"));
        let received = rids.filter_map(|rid| {
            let mut words = rid.split_ascii_whitespace();
            let id = words.next()?;
            (words.next() == Some("recv")).then(|| id.to_owned())
        });
        let is_simulcast = text.lines().any(|line| line.starts_with("a=simulcast:"));
        let receives = if is_simulcast { received.collect() } else { Vec::new() };
        let mid = sdp::attribute(text, "mid")?.to_owned();
        Some(Section { kind, mid, sends, receives, rejected, streams, track })
    };
    sdp.split("\nm=").skip(1).filter_map(section).collect()
}

/// A remote track.
pub(super) struct Remote {
    id: String,
    kind: Kind,
    mid: Option<String>,
    streams: Vec<String>,
    /// The other side sends, as far as descriptions go.
    sends: AtomicBool,
    muted: AtomicBool,
    watched: AtomicBool,
    sink: Mutex<Option<Sink>>,
    /// Of several streams of a simulcast (RFC 8853), the one that is decoded: the first that came.
    decoded: Mutex<Option<u32>>,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").field("id", &self.id).field("mid", &self.mid).finish_non_exhaustive()
    }
}

impl Remote {
    fn make(id: String, kind: Kind, mid: Option<String>, streams: Vec<String>) -> Self {
        Self {
            id,
            kind,
            mid,
            streams,
            sends: AtomicBool::new(true),
            muted: AtomicBool::new(true),
            watched: AtomicBool::new(false),
            sink: Mutex::default(),
            decoded: Mutex::default(),
        }
    }

    /// One that a description announces.
    pub(super) fn new(section: &Section) -> Self {
        let id = section.track.clone().unwrap_or_else(|| format!("remote-{}", section.mid));
        Self::make(id, section.kind, Some(section.mid.clone()), section.streams.clone())
    }

    /// One of which only the packets are known.
    pub(super) fn unannounced(id: &str, kind: Kind, stream: String) -> Self {
        Self::make(id.to_owned(), kind, None, vec![stream])
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn mid(&self) -> Option<String> {
        self.mid.clone()
    }

    pub(super) fn streams(&self) -> Vec<String> {
        self.streams.clone()
    }

    pub(super) fn watch(&self) {
        self.watched.store(true, Ordering::Release);
    }

    /// A later description came (webrtc-pc §4.4.1.6 "process the addition" and "the removal of a remote track").
    pub(super) fn on_section(&self, section: &Section, reporter: &StateReporter) {
        let sent = self.sends.swap(section.sends, Ordering::AcqRel);
        if sent && !section.sends {
            if !self.muted.swap(true, Ordering::AcqRel) {
                reporter.report(Event::TrackMute(self.id.clone()));
            }
            if section.rejected {
                reporter.report(Event::TrackEnded(self.id.clone()));
            }
        } else if !sent && section.sends {
            reporter.report(self.event());
        }
    }

    /// Takes the track's packets until it or the connection ends.
    pub(super) async fn pump(self: Arc<Self>, track: Arc<dyn TrackRemote>, reporter: Arc<StateReporter>) {
        while let Some(event) = track.poll().await {
            match event {
                TrackRemoteEvent::OnRtpPacket(packet) => {
                    if self.sends.load(Ordering::Acquire) && self.muted.swap(false, Ordering::AcqRel) {
                        reporter.report(Event::TrackUnmute(self.id.clone()));
                    }
                    if !self.watched.load(Ordering::Acquire) {
                        continue;
                    }
                    let header = packet.header;
                    let named = track.rid(header.ssrc).await.is_some_and(|rid| !rid.is_empty());
                    if named && *lock(&self.decoded).get_or_insert(header.ssrc) != header.ssrc {
                        continue;
                    }
                    if lock(&self.sink).is_none() {
                        self.start_sink(&track, header.ssrc, &reporter).await;
                    }
                    if let Some(sink) = &*lock(&self.sink) {
                        // A sink that does not keep up loses packets as a network does, and reports what it misses.
                        let _kept = sink.push(Arrived {
                            sequence: header.sequence_number,
                            timestamp: header.timestamp,
                            marker: header.marker,
                            payload: packet.payload,
                        });
                    }
                }
                TrackRemoteEvent::OnEnded => reporter.report(Event::TrackEnded(self.id.clone())),
                _ => {}
            }
        }
        *lock(&self.sink) = None;
    }

    async fn start_sink(
        self: &Arc<Self>,
        track: &Arc<dyn TrackRemote>,
        ssrc: u32,
        reporter: &Arc<StateReporter>,
    ) {
        let mime = track.codec(ssrc).await.map(|codec| codec.mime_type).unwrap_or_default();
        let started = match Codec::from_mime(&mime) {
            Some(codec) => Sink::start(codec).map_err(|error| error.to_string()),
            None => Err(format!("there is no decoder for {mime:?}")),
        };
        let (sink, mut events) = match started {
            Ok(started) => started,
            Err(error) => {
                self.watched.store(false, Ordering::Release);
                reporter.on_log("error", format!("track {} cannot be decoded: {error}", self.id));
                return;
            }
        };
        *lock(&self.sink) = Some(sink);
        let (remote, track, reporter) = (self.clone(), track.clone(), reporter.clone());
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                match event {
                    SinkEvent::Seen(seen) => {
                        reporter.report(Event::MediaSeen { id: remote.id.clone(), kind: remote.kind, seen });
                    }
                    SinkEvent::KeyFrameWanted => {
                        let wanted = PictureLossIndication { sender_ssrc: 0, media_ssrc: ssrc };
                        // Fails only once the connection is gone.
                        let _ = track.write_rtcp(vec![Box::new(wanted)]).await;
                    }
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_say_who_sends_what() {
        let sdp = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\na=sendrecv\r\na=msid:s t\r\n\
                   m=video 0 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:2\r\n\
                   a=recvonly\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:3\r\n";
        let all = sections(sdp);
        assert_eq!(all.len(), 3);
        assert_eq!((all[0].kind, all[0].sends, all[0].track.as_deref()), (Kind::Audio, true, Some("t")));
        assert_eq!(all[0].streams, ["s"]);
        assert!(all[1].rejected && !all[1].sends && !all[2].sends && !all[2].rejected);
    }

    #[test]
    fn without_a_msid_the_source_names_the_track() {
        let audio = "m=audio 9 X 0\r\na=mid:a\r\n";
        let named = |lines: &str| {
            let all = sections(&format!("v=0\r\n{audio}{lines}"));
            (all[0].streams.clone(), all[0].track.clone())
        };
        let of = |stream: &str, track: &str| (vec![stream.to_owned()], Some(track.to_owned()));
        assert_eq!(named("a=ssrc:1 cname:c\r\na=ssrc:1 msid:s t\r\n"), of("s", "t"));
        assert_eq!(named("a=msid:m n\r\na=ssrc:1 msid:s t\r\n"), of("m", "n"));
    }

    #[test]
    fn a_track_in_no_stream_has_none() {
        let all = sections("v=0\r\nm=audio 9 X 0\r\na=mid:a\r\na=msid:- t\r\n");
        assert_eq!((all[0].streams.len(), all[0].track.as_deref()), (0, Some("t")));
    }
}
