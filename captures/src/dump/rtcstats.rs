//! Dumps of rtcstats, format 3 (<https://github.com/rtcstats/rtcstats>, `packages/rtcstats-server/README.md`). Newer versions of Chrome write them, too:
//! chrome://webrtc-internals has a button for it.
//!
//! ```text
//! RTCStatsDump
//! {"fileFormat":3,"userAgent":"…"}
//! ["create","PC_0",[{}],1795938049425]                                      the first time is absolute, the others are differences
//! [6,"PC_0",[{"type":"offer","sdp":"v=0…"}],12.5]                           methods by name or by number
//! ["g","PC_0",{"0":{"type":5,"124":"connected"},"t":1795938050},1000]       statistics: what changed, members by name or by number
//! ```

use super::internals::{self, Called, DumpedConnection, DumpedSeries, Internals, Origin};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The first line.
pub(super) const MAGIC: &str = "RTCStatsDump";
/// Most connections that are kept.
const MOST_CONNECTIONS: usize = 1_000;
/// Most numbers over time that are kept of all connections.
const MOST_POINTS: usize = 2_000_000;
/// Most bytes that descriptions are completed by, in all: a short line may stand for a long description.
const MOST_COMPLETED: usize = 16 << 20;

/// Methods and events by their numbers.
const METHODS: [(u64, &str); 37] = [
    (1, GET_STATS),
    (2, "createOffer"),
    (3, "createOfferOnSuccess"),
    (4, "createAnswer"),
    (5, "createAnswerOnSuccess"),
    (6, "setLocalDescription"),
    (7, "setLocalDescriptionOnSuccess"),
    (8, "setRemoteDescription"),
    (9, "setRemoteDescriptionOnSuccess"),
    (10, "addIceCandidate"),
    (11, "addIceCandidateOnSuccess"),
    (12, "createOfferOnFailure"),
    (13, "createAnswerOnFailure"),
    (14, "setLocalDescriptionOnFailure"),
    (15, "setRemoteDescriptionOnFailure"),
    (16, "addIceCandidateOnFailure"),
    (20, "onicecandidate"),
    (21, "onicecandidateerror"),
    (22, "ontrack"),
    (23, "onsignalingstatechange"),
    (24, "oniceconnectionstatechange"),
    (25, "onconnectionstatechange"),
    (26, "onicegatheringstatechange"),
    (27, "onnegotiationneeded"),
    (28, "ondatachannel"),
    (30, "addTrack"),
    (31, "addTrackOnSuccess"),
    (32, "addTransceiver"),
    (33, "addTransceiverOnSuccess"),
    (34, "removeTrack"),
    (35, "createDataChannel"),
    (36, "close"),
    (37, "restartIce"),
    (38, "setConfiguration"),
    (39, "create"),
    (50, "setParameters"),
    (51, "replaceTrack"),
];
const GET_STATS: &str = "getStats";

/// Types of statistics by their numbers, from one.
const TYPES: [&str; 14] = [
    "inbound-rtp",
    "outbound-rtp",
    "remote-inbound-rtp",
    "remote-outbound-rtp",
    "transport",
    "candidate-pair",
    "local-candidate",
    "remote-candidate",
    "data-channel",
    "peer-connection",
    "certificate",
    "media-source",
    "media-playout",
    "codec",
];

/// Members by their numbers, as far as something here looks at them; the others keep their numbers.
const MEMBERS: [(u64, &str); 46] = [
    (5, "transportId"),
    (6, "mimeType"),
    (10, "ssrc"),
    (11, "kind"),
    (12, "codecId"),
    (14, "packetsReceived"),
    (15, "packetsLost"),
    (16, "jitter"),
    (18, "mid"),
    (20, "framesDecoded"),
    (21, "keyFramesDecoded"),
    (22, "framesDropped"),
    (25, "framesPerSecond"),
    (41, "bytesReceived"),
    (42, "nackCount"),
    (43, "firCount"),
    (44, "pliCount"),
    (60, "framesReceived"),
    (61, "decoderImplementation"),
    (75, "roundTripTime"),
    (79, "packetsSent"),
    (80, "bytesSent"),
    (87, "targetBitrate"),
    (89, "framesSent"),
    (91, "framesEncoded"),
    (92, "keyFramesEncoded"),
    (115, "label"),
    (116, "protocol"),
    (118, "state"),
    (119, "messagesSent"),
    (120, "messagesReceived"),
    (121, "iceRole"),
    (123, "dtlsState"),
    (124, "iceState"),
    (125, "selectedCandidatePairId"),
    (128, "tlsVersion"),
    (129, "dtlsCipher"),
    (131, "srtpCipher"),
    (134, "address"),
    (135, "port"),
    (136, "candidateType"),
    (148, "localCandidateId"),
    (149, "remoteCandidateId"),
    (150, "nominated"),
    (156, "requestsSent"),
    (157, "responsesReceived"),
];

fn named(table: &[(u64, &'static str)], number: u64) -> Option<&'static str> {
    table.iter().find(|(known, _)| *known == number).map(|(_, name)| *name)
}

/// Reads a dump; nothing if the text is none, or in an older format. A line that is malformed is left out.
pub(super) fn of(text: &str) -> Option<Internals> {
    let mut lines = text.lines();
    lines.next().filter(|first| first.trim_end() == MAGIC)?;
    let about: Value = serde_json::from_str(lines.next()?).ok()?;
    about.get("fileFormat").and_then(Value::as_u64).filter(|format| *format >= 3)?;
    let mut reading = Reading::default();
    for line in lines {
        if let Ok(Value::Array(event)) = serde_json::from_str(line) {
            reading.event(&event);
        }
    }
    let browser = about.get("userAgent").and_then(Value::as_str).map(str::to_owned);
    let browser = browser.or_else(|| reading.browser.take());
    Some(Internals { origin: Origin::Rtcstats, browser, connections: reading.connections() })
}

/// What was read so far.
#[derive(Debug, Default)]
struct Reading {
    now_ms: f64,
    order: Vec<String>,
    connections: BTreeMap<String, DumpedConnection>,
    series: BTreeMap<(String, String, String), Vec<(f64, f64)>>,
    browser: Option<String>,
    points: usize,
    completed: usize,
}

impl Reading {
    fn event(&mut self, event: &[Value]) {
        let ([method, id, value, ..], Some(delta)) = (event, event.last().and_then(Value::as_f64)) else {
            return;
        };
        if event.len() < 4 {
            return;
        }
        self.now_ms += delta;
        // What belongs to no connection is about the client, or about the camera and the microphone.
        let Some(id) = id.as_str() else {
            self.browser = self.browser.take().or_else(|| browser(value));
            return;
        };
        let kind = match method {
            Value::String(name) if name == "g" => GET_STATS,
            Value::String(name) => name.as_str(),
            method => match method.as_u64().and_then(|number| named(&METHODS, number)) {
                Some(name) => name,
                None => return,
            },
        };
        if !self.connections.contains_key(id) {
            if self.order.len() >= MOST_CONNECTIONS {
                return;
            }
            self.order.push(id.to_owned());
            let new = DumpedConnection { id: id.to_owned(), ..DumpedConnection::default() };
            self.connections.insert(id.to_owned(), new);
        }
        let at_ms = self.now_ms;
        if kind == GET_STATS {
            if let Some(changed) = value.as_object() {
                self.statistics(id, changed);
            }
            return;
        }
        let Some(connection) = self.connections.get_mut(id) else { return };
        // A single argument may stand in a list or alone.
        let value = match value {
            Value::Array(one) if one.len() == 1 => one.first().cloned().unwrap_or_default(),
            // Chrome quotes states.
            other => internals::value(Some(other)),
        };
        if let ("create", Some(url)) = (kind, event.get(3).and_then(Value::as_str)) {
            connection.url = Some(url.to_owned());
        }
        let value = whole(connection, kind, value, &mut self.completed);
        connection.log.push(Called { at_ms: Some(at_ms), kind: kind.to_owned(), value });
    }

    /// Takes in what changed of the statistics since the last time.
    fn statistics(&mut self, id: &str, changed: &Map<String, Value>) {
        let Some(connection) = self.connections.get_mut(id) else { return };
        for (object, members) in changed {
            let Some(members) = members.as_object() else {
                if members.is_null() {
                    connection.stats.remove(object);
                }
                continue;
            };
            let stats = connection.stats.entry(object.clone()).or_default();
            for (member, value) in members {
                let number = member.parse().ok();
                let member = number.and_then(|number| named(&MEMBERS, number)).unwrap_or(member);
                if member == "type" {
                    let known =
                        value.as_u64().and_then(|number| usize::try_from(number).ok()?.checked_sub(1));
                    let known = known.and_then(|index| TYPES.get(index).copied());
                    stats.kind = known.or(value.as_str()).unwrap_or_default().to_owned();
                    continue;
                }
                if let Some(number) = value.as_f64().filter(|_| self.points < MOST_POINTS) {
                    let key = (id.to_owned(), object.clone(), member.to_owned());
                    self.series.entry(key).or_default().push((self.now_ms, number));
                    self.points += 1;
                }
                stats.members.insert(member.to_owned(), value.clone());
            }
        }
    }

    fn connections(mut self) -> Vec<DumpedConnection> {
        for ((id, object, member), points) in self.series {
            if let Some(connection) = self.connections.get_mut(&id) {
                connection.series.push(DumpedSeries { object, member, points });
            }
        }
        let mut all = self.connections;
        self.order.iter().filter_map(|id| all.remove(id)).collect()
    }
}

/// The browser, as the first event of a client has it.
fn browser(client: &Value) -> Option<String> {
    let brands = client.pointer("/userAgentData/brands")?.as_array()?.iter();
    brands.into_iter().find_map(|brand| {
        let name = brand.get("brand")?.as_str().filter(|name| name.contains("Chrom"))?;
        Some(format!("{name} {}", brand.get("version")?.as_str()?))
    })
}

/// A description whose sections that did not change are written as `v=` and `m=` alone, with those of the last one of its type.
fn whole(connection: &DumpedConnection, kind: &str, mut value: Value, completed: &mut usize) -> Value {
    let sections = |sdp: &str| -> Vec<String> {
        let parts = sdp.split("\nm=").enumerate();
        parts
            .map(|(n, part)| if n == 0 { part.trim().to_owned() } else { format!("m={}", part.trim()) })
            .collect()
    };
    let kind_of = |value: &Value| value.get("type").and_then(Value::as_str).map(str::to_owned);
    let Some(mut all) = value.get("sdp").and_then(Value::as_str).map(sections) else { return value };
    let is_cut = |(n, section): (usize, &String)| section == if n == 0 { "v=" } else { "m=" };
    if !all.iter().enumerate().any(is_cut) {
        return value;
    }
    let before = connection.logged(kind).rev().find(|entry| kind_of(&entry.value) == kind_of(&value));
    let before = before.and_then(|entry| entry.value.get("sdp")?.as_str()).map(sections).unwrap_or_default();
    for (n, section) in all.iter_mut().enumerate() {
        if is_cut((n, section))
            && let Some(known) = before.get(n)
            && *completed + known.len() <= MOST_COMPLETED
        {
            *completed += known.len();
            section.clone_from(known);
        }
    }
    if let Some(Value::String(sdp)) = value.get_mut("sdp") {
        *sdp = all.join("\r\n") + "\r\n";
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_add_up_numbers_become_names_and_statistics_are_merged() {
        let text = [
            MAGIC,
            r#"{"fileFormat":3,"userAgent":"Mozilla/5.0"}"#,
            r#"["create","PC_0",[{}],"https://example.org/",1000]"#,
            r#"[6,"PC_0",[{"type":"offer","sdp":"v=0\r\nx\r\nm=audio\r\na=1\r\nm=video\r\nb=1\r\n"}],10.5]"#,
            r#"[6,"PC_0",[{"type":"offer","sdp":"v=\r\nm=\r\nm=video\r\nb=2\r\n"}],0]"#,
            r#"[24,"PC_0","\"checking\"",9.5]"#,
            r#"["g","PC_0",{"0":{"type":5,"124":"new","14":3},"1":{"type":"codec","new":true},"t":7},1]"#,
            r#"["getStats","PC_0",{"0":{"124":"connected","14":5},"1":null},1]"#,
            r#"["navigator.mediaDevices.getUserMedia",null,{},100]"#,
            "nonsense",
            "[]",
            r#"["close","PC_0"]"#,
            r#"["close","PC_1",null,null]"#,
        ]
        .join("\n");
        let read = of(&text).unwrap();
        assert_eq!((read.origin, read.browser.as_deref()), (Origin::Rtcstats, Some("Mozilla/5.0")));
        let [connection] = read.connections.as_slice() else { panic!("{read:?}") };
        assert_eq!(connection.url.as_deref(), Some("https://example.org/"));
        assert_eq!(connection.state("oniceconnectionstatechange"), Some("checking"), "quoted");
        let log: Vec<(Option<f64>, &str)> =
            connection.log.iter().map(|entry| (entry.at_ms, entry.kind.as_str())).collect();
        let expected = [
            (Some(1000.0), "create"),
            (Some(1010.5), "setLocalDescription"),
            (Some(1010.5), "setLocalDescription"),
            (Some(1020.0), "oniceconnectionstatechange"),
        ];
        assert_eq!(log, expected);
        let sdp: Vec<&str> = connection.descriptions().map(|it| it.sdp).collect();
        assert_eq!(sdp[1], "v=0\r\nx\r\nm=audio\r\na=1\r\nm=video\r\nb=2\r\n");
        assert_eq!(connection.stats.len(), 1, "what is null is gone");
        let (_, transport) = connection.of_type("transport").next().unwrap();
        assert_eq!((transport.text("iceState"), transport.count("packetsReceived")), (Some("connected"), 5));
        let packets = connection.series.iter().find(|series| series.member == "packetsReceived").unwrap();
        assert_eq!(packets.points, [(1021.0, 3.0), (1022.0, 5.0)]);
        for none in [
            "",
            "RTCStatsDump",
            "RTCStatsDump\n{}",
            "RTCStatsDump\n{\"fileFormat\":2}",
            "x\n{\"fileFormat\":3}",
        ] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
