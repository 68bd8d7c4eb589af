//! `RTCRtpSender`: one source, encoded, as a stream of RTP.

use super::codecs;
use super::feedback::wants_key_frame;
use super::transceivers::LocalTrack;
use crate::connection::reporter::StateReporter;
use crate::media::{Codec, Encoding, EncodingOptions, Kind, MediaPacket, RtpClock};
use crate::sync::lock;
use bytes::Bytes;
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp::{Header, Packet as RtpPacket};
use rtc::rtp_transceiver::rtp_sender::{RTCRtpCodingParameters, RTCRtpEncodingParameters};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use webrtc::error::Error;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_local::{TrackLocal, TrackLocalEvent};
use webrtc::rtp_transceiver::RtpTransceiver;

const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";

/// One encoding of a track that is sent (`RTCRtpEncodingParameters`, webrtc-pc §5.2.5).
#[derive(Debug, Clone, PartialEq)]
pub struct SendEncoding {
    /// The identifier of its stream (RFC 8852 §3.1). Each of several has one.
    pub rid: Option<String>,
    /// Whether it is sent.
    pub active: bool,
    /// By how much width and height are divided; at least 1.
    pub scale_resolution_down_by: f64,
    /// Bits per second.
    pub max_bitrate: Option<u32>,
}

impl Default for SendEncoding {
    fn default() -> Self {
        Self { rid: None, active: true, scale_resolution_down_by: 1.0, max_bitrate: None }
    }
}

/// Sends one track, or none for the time being.
pub(super) struct Sender {
    kind: Kind,
    pub(super) local: Arc<TrackLocalStaticRTP>,
    track: Mutex<Option<LocalTrack>>,
    /// What is sent of it: one stream, or those of a simulcast (RFC 8853).
    streams: Vec<Stream>,
    /// Whether the feedback of the far side is listened to.
    listening: Arc<AtomicBool>,
}

/// One encoding of the track as a stream of RTP.
#[derive(Clone)]
struct Stream {
    ssrc: u32,
    is: SendEncoding,
    encoding: Arc<Mutex<Option<Encoding>>>,
    /// RFC 3550 §5.1: random at first, then one more with each packet, whatever is sent.
    sequence: Arc<AtomicU16>,
    /// Goes on while nothing is sent, as when the transport fails and comes back.
    clock: RtpClock,
}

impl Stream {
    fn new(ssrc: u32, is: SendEncoding) -> Self {
        Self {
            ssrc,
            is,
            encoding: Arc::default(),
            sequence: Arc::new(AtomicU16::new(rand::random())),
            clock: RtpClock::from_first(rand::random()),
        }
    }

    fn stop(&self) {
        if let Some(encoding) = lock(&self.encoding).take() {
            encoding.stop();
        }
    }
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("kind", &self.kind).field("track", &self.track).finish_non_exhaustive()
    }
}

impl Sender {
    /// A sender of `track`; without one of silence, under names of its own. Without `encodings` it is sent as it is.
    pub(super) fn new(kind: Kind, track: Option<LocalTrack>, mut encodings: Vec<SendEncoding>) -> Self {
        if encodings.is_empty() {
            encodings.push(SendEncoding::default());
        }
        let ssrc: u32 = rand::random();
        let (stream, id) = match &track {
            Some(track) => (track.stream.clone(), track.id.clone()),
            None => ("-".to_owned(), format!("none-{ssrc:08x}")),
        };
        let codec = codecs::preferred(kind).map(codecs::description).unwrap_or_default();
        // The first one has the number that the names of what has no track are made of.
        let numbered = encodings.into_iter().enumerate();
        let streams: Vec<Stream> = numbered
            .map(|(index, is)| Stream::new(if index == 0 { ssrc } else { rand::random() }, is))
            .collect();
        let coding = |stream: &Stream| RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(stream.ssrc),
                rid: stream.is.rid.clone().unwrap_or_default(),
                ..Default::default()
            },
            codec: codec.clone(),
            ..Default::default()
        };
        let codings = streams.iter().map(coding).collect();
        let local = MediaStreamTrack::new(stream, id.clone(), id, codecs::kind(kind), codings);
        Self {
            kind,
            local: Arc::new(TrackLocalStaticRTP::new(local)),
            track: Mutex::new(track),
            streams,
            listening: Arc::default(),
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
        // Under the locks, so that an encoding which starts meanwhile takes up either the old track and the order, or the new track.
        let encodings: Vec<_> = self.streams.iter().map(|stream| lock(&stream.encoding)).collect();
        for encoding in encodings.iter().filter_map(|encoding| encoding.as_ref()) {
            encoding.replace(track.as_ref().map(|track| track.source.clone()));
        }
        *lock(&self.track) = track;
    }

    pub(super) fn stop(&self) {
        self.streams.iter().for_each(Stream::stop);
    }

    /// Starts or stops to send. `taken` are the identifiers of the streams that the other side receives.
    pub(super) async fn run(
        &self,
        wanted: bool,
        taken: &[String],
        transceiver: &dyn RtpTransceiver,
        reporter: &Arc<StateReporter>,
    ) -> Result<(), Error> {
        if !wanted {
            self.stop();
            return Ok(());
        }
        let missing: Vec<&Stream> =
            self.wanted(taken).into_iter().filter(|stream| lock(&stream.encoding).is_none()).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let Some(sender) = transceiver.sender().await? else {
            return Err(Error::Other("its transceiver has no sender".to_owned()));
        };
        let parameters = sender.get_parameters().await?.rtp_parameters;
        let usable = parameters.codecs.iter().find_map(|parameters| {
            let codec = Codec::from_mime(&parameters.rtp_codec.mime_type)?;
            (codec.kind() == self.kind).then_some((codec, parameters.payload_type))
        });
        let Some((codec, payload_type)) = usable else { return Err(Error::ErrNoCodecsAvailable) };
        let extension = |uri: &str| {
            let extension = parameters.header_extensions.iter().find(|extension| extension.uri == uri)?;
            u8::try_from(extension.id).ok()
        };
        let mid = transceiver.mid().await?;
        for stream in missing {
            // Streams of a simulcast are distinguished by what each packet says (RFC 8853 §5.5), and their section too: there is no a=ssrc.
            let names = match &stream.is.rid {
                Some(rid) if self.streams.len() > 1 => {
                    let names = [(extension(MID), mid.clone()), (extension(RID), Some(rid.clone()))];
                    names.into_iter().filter_map(|(id, name)| Some((id?, Bytes::from(name?)))).collect()
                }
                _ => Vec::new(),
            };
            self.start(stream, codec, payload_type, names, reporter)?;
        }
        self.listen();
        Ok(())
    }

    /// The streams to be sent: of several those that the other side takes, and the first one if it takes no simulcast (RFC 8853 §5.3.3).
    fn wanted(&self, taken: &[String]) -> Vec<&Stream> {
        let is_taken = |stream: &&Stream| stream.is.rid.as_ref().is_some_and(|rid| taken.contains(rid));
        let mut wanted: Vec<&Stream> = self.streams.iter().filter(is_taken).collect();
        if wanted.is_empty() || self.streams.len() == 1 {
            wanted = self.streams.iter().take(1).collect();
        }
        wanted.retain(|stream| stream.is.active);
        wanted
    }

    fn start(
        &self,
        stream: &Stream,
        codec: Codec,
        payload_type: u8,
        names: Vec<(u8, Bytes)>,
        reporter: &Arc<StateReporter>,
    ) -> Result<(), Error> {
        let (encoding, mut packets) = {
            let mut running = lock(&stream.encoding);
            let source = lock(&self.track).as_ref().map(|track| track.source.clone());
            let mut options = EncodingOptions {
                clock: stream.clock.clone(),
                scale_down_by: stream.is.scale_resolution_down_by,
                ..EncodingOptions::for_codec(codec)
            };
            options.bitrate = stream.is.max_bitrate.map_or(options.bitrate, |most| most.min(options.bitrate));
            let started = Encoding::start(codec, options, source);
            let (encoding, packets) = started.map_err(|error| Error::Other(error.to_string()))?;
            *running = Some(encoding.clone());
            (encoding, packets)
        };
        let ssrc = stream.ssrc;
        reporter.on_log("debug", format!("RTP of {ssrc:#010x} begins: {codec:?} as {payload_type}"));
        let (local, sequence) = (self.local.clone(), stream.sequence.clone());
        let (reporter, encoder) = (reporter.clone(), encoding);
        tokio::spawn(async move {
            while let Some(packet) = packets.recv().await {
                let number = sequence.fetch_add(1, Ordering::Relaxed);
                let mut packet = rtp(packet, payload_type, ssrc, number);
                let named =
                    names.iter().try_for_each(|(id, name)| packet.header.set_extension(*id, name.clone()));
                if let Err(error) = named {
                    return reporter.on_log("error", format!("RTP of {ssrc:#010x} cannot be named: {error}"));
                }
                if let Err(error) = local.write_rtp(packet).await {
                    return reporter.on_log("warn", format!("no more RTP of {ssrc:#010x} is sent: {error}"));
                }
            }
            if let Some(error) = encoder.failure() {
                reporter.on_log("error", format!("no more RTP of {ssrc:#010x} is sent: {error}"));
            }
        });
        Ok(())
    }

    /// Listens to the feedback of the far side, once, until the track is bound to nothing any more.
    fn listen(&self) {
        if self.listening.swap(true, Ordering::AcqRel) {
            return;
        }
        let (local, streams, listening) = (self.local.clone(), self.streams.clone(), self.listening.clone());
        tokio::spawn(async move {
            while let Some(TrackLocalEvent::OnRtcpPacket(packets)) = local.poll().await {
                if packets.iter().any(|packet| wants_key_frame(&**packet)) {
                    for stream in &streams {
                        if let Some(encoding) = &*lock(&stream.encoding) {
                            encoding.request_key_frame();
                        }
                    }
                }
            }
            listening.store(false, Ordering::Release);
        });
    }
}

fn rtp(packet: MediaPacket, payload_type: u8, ssrc: u32, sequence_number: u16) -> RtpPacket {
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
