//! `RTCRtpSender`: one source, encoded, as a stream of RTP.

use super::codecs;
use super::feedback::wants_key_frame;
use super::transceivers::LocalTrack;
use crate::connection::teller::Teller;
use crate::media::{Codec, Encoding, EncodingOptions, Kind, Packet, RtpClock};
use crate::sync::lock;
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp::{Header, Packet as RtpPacket};
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodingParameters, RTCRtpEncodingParameters};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use webrtc::error::Error;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_local::{TrackLocal, TrackLocalEvent};
use webrtc::rtp_transceiver::RtpTransceiver;

/// Sends one track, or none for the time being.
pub(super) struct Sender {
    kind: Kind,
    ssrc: u32,
    pub(super) local: Arc<TrackLocalStaticRTP>,
    track: Mutex<Option<LocalTrack>>,
    encoding: Arc<Mutex<Option<Encoding>>>,
    /// Whether the feedback of the far side is listened to.
    listening: Arc<AtomicBool>,
    /// RFC 3550 §5.1: random at first, then one more with each packet, whatever is sent.
    sequence: Arc<AtomicU16>,
    /// Goes on while nothing is sent, as when the transport fails and comes back.
    clock: RtpClock,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("ssrc", &self.ssrc).field("track", &self.track).finish_non_exhaustive()
    }
}

impl Sender {
    /// A sender of `track`; without one of silence, under names of its own.
    pub(super) fn new(kind: Kind, track: Option<LocalTrack>) -> Self {
        let ssrc = rand::random();
        let (stream, id) = match &track {
            Some(track) => (track.stream.clone(), track.id.clone()),
            None => ("-".to_owned(), format!("none-{ssrc:08x}")),
        };
        let codec = codecs::preferred(kind).map(codecs::description).unwrap_or_default();
        let coding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
            codec,
            ..Default::default()
        };
        let local = MediaStreamTrack::new(stream, id.clone(), id, codecs::kind(kind), vec![coding]);
        Self {
            kind,
            ssrc,
            local: Arc::new(TrackLocalStaticRTP::new(local)),
            track: Mutex::new(track),
            encoding: Arc::default(),
            listening: Arc::default(),
            sequence: Arc::new(AtomicU16::new(rand::random())),
            clock: RtpClock::from_first(rand::random()),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// Name of the track that is sent.
    pub(super) fn track_id(&self) -> Option<String> {
        lock(&self.track).as_ref().map(|track| track.id.clone())
    }

    /// `replaceTrack`.
    pub(super) fn replace(&self, track: Option<LocalTrack>) {
        // Under one lock, so that an encoding which starts meanwhile takes up either the old track and the order, or the new track.
        let encoding = lock(&self.encoding);
        if let Some(encoding) = &*encoding {
            encoding.replace(track.as_ref().map(|track| track.source.clone()));
        }
        *lock(&self.track) = track;
    }

    pub(super) fn stop(&self) {
        if let Some(encoding) = lock(&self.encoding).take() {
            encoding.stop();
        }
    }

    /// Starts or stops to send.
    pub(super) async fn run(
        &self,
        wanted: bool,
        transceiver: &dyn RtpTransceiver,
        teller: &Arc<Teller>,
    ) -> Result<(), Error> {
        if !wanted {
            self.stop();
            return Ok(());
        }
        if lock(&self.encoding).is_some() {
            return Ok(());
        }
        let Some(sender) = transceiver.sender().await? else {
            return Err(Error::Other("its transceiver has no sender".to_owned()));
        };
        let negotiated = sender.get_parameters().await?.rtp_parameters.codecs;
        let usable = negotiated.iter().find_map(|parameters| {
            let codec = Codec::from_mime(&parameters.rtp_codec.mime_type)?;
            (codec.kind() == self.kind).then_some((codec, parameters.payload_type))
        });
        let Some((codec, payload_type)) = usable else { return Err(Error::ErrNoCodecsAvailable) };
        let (encoding, mut packets) = {
            let mut running = lock(&self.encoding);
            let source = lock(&self.track).as_ref().map(|track| track.source.clone());
            let options = EncodingOptions { clock: self.clock.clone(), ..EncodingOptions::for_codec(codec) };
            let started = Encoding::start(codec, options, source);
            let (encoding, packets) = started.map_err(|error| Error::Other(error.to_string()))?;
            *running = Some(encoding.clone());
            (encoding, packets)
        };
        teller.on_log("debug", format!("RTP of {:#010x} begins: {codec:?} as {payload_type}", self.ssrc));
        let (local, ssrc, sequence) = (self.local.clone(), self.ssrc, self.sequence.clone());
        let (teller, encoder) = (teller.clone(), encoding);
        tokio::spawn(async move {
            while let Some(packet) = packets.recv().await {
                let number = sequence.fetch_add(1, Ordering::Relaxed);
                if let Err(error) = local.write_rtp(rtp(packet, payload_type, ssrc, number)).await {
                    return teller.on_log("warn", format!("no more RTP of {ssrc:#010x} is sent: {error}"));
                }
            }
            if let Some(error) = encoder.failure() {
                teller.on_log("error", format!("no more RTP of {ssrc:#010x} is sent: {error}"));
            }
        });
        self.listen();
        Ok(())
    }

    /// Listens to the feedback of the far side, once, until the track is bound to nothing any more.
    fn listen(&self) {
        if self.listening.swap(true, Ordering::AcqRel) {
            return;
        }
        let (local, encoding, listening) =
            (self.local.clone(), self.encoding.clone(), self.listening.clone());
        tokio::spawn(async move {
            while let Some(TrackLocalEvent::OnRtcpPacket(packets)) = local.poll().await {
                if packets.iter().any(|packet| wants_key_frame(&**packet))
                    && let Some(encoding) = &*lock(&encoding)
                {
                    encoding.request_key_frame();
                }
            }
            listening.store(false, Ordering::Release);
        });
    }
}

fn rtp(packet: Packet, payload_type: u8, ssrc: u32, sequence_number: u16) -> RtpPacket {
    let header = Header {
        version: 2,
        marker: packet.marker,
        payload_type,
        sequence_number,
        timestamp: packet.timestamp,
        ssrc,
        ..Header::default()
    };
    RtpPacket { header, payload: packet.payload }
}
