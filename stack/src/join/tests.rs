//! Two peers against the real server, with a model of the signalling state machine as the connection.

use super::*;
use crate::signalling::{Limits, Observed, Server};
use std::sync::Mutex;

#[derive(Debug, Default)]
struct Model {
    state: &'static str,
    offers: u32,
    local: String,
    remote: String,
    candidates: Vec<Value>,
    calls: Vec<String>,
}

/// A connection that has the state machine of webrtc-pc §4.3.1 and no implicit rollback.
struct Peer {
    name: &'static str,
    model: Mutex<Model>,
    fails: Option<&'static str>,
    /// Where peers whose offers shall collide wait for one another.
    glare: Option<Arc<tokio::sync::Barrier>>,
}

impl Peer {
    fn new(name: &'static str) -> Arc<Self> {
        Self::with(name, None, None)
    }

    fn failing(name: &'static str, fails: Option<&'static str>) -> Arc<Self> {
        Self::with(name, fails, None)
    }

    fn with(
        name: &'static str,
        fails: Option<&'static str>,
        glare: Option<Arc<tokio::sync::Barrier>>,
    ) -> Arc<Self> {
        let model = Mutex::new(Model { state: "stable", ..Model::default() });
        Arc::new(Self { name, model, fails, glare })
    }

    fn call(&self, operation: &'static str, from: &[&str], to: &'static str) -> Result<(), Rejected> {
        let mut model = self.model.lock().unwrap();
        model.calls.push(operation.to_owned());
        if !from.contains(&model.state) || self.fails == Some(operation) {
            let message = format!("{operation} in {}", model.state);
            return Err(Rejected { name: "InvalidStateError".into(), message });
        }
        if !to.is_empty() {
            model.state = to;
        }
        Ok(())
    }

    fn agreed(&self) -> (String, String) {
        let model = self.model.lock().unwrap();
        assert_eq!(model.state, "stable", "{}", self.name);
        (model.local.clone(), model.remote.clone())
    }
}

#[async_trait]
impl Negotiator for Peer {
    async fn is_stable(&self) -> bool {
        self.model.lock().unwrap().state == "stable"
    }

    async fn create_offer(&self) -> Result<Description, Rejected> {
        self.call("createOffer", &["stable"], "")?;
        if let Some(glare) = &self.glare {
            glare.wait().await;
        }
        let mut model = self.model.lock().unwrap();
        model.offers += 1;
        Ok(Description { kind: SdpType::Offer, sdp: format!("offer {} of {}", model.offers, self.name) })
    }

    async fn create_answer(&self) -> Result<Description, Rejected> {
        self.call("createAnswer", &["have-remote-offer"], "")?;
        let sdp = format!("answer of {} to {}", self.name, self.model.lock().unwrap().remote);
        Ok(Description { kind: SdpType::Answer, sdp })
    }

    async fn set_local_description(&self, description: Description) -> Result<(), Rejected> {
        match description.kind {
            SdpType::Offer => self.call("setLocalDescription", &["stable"], "have-local-offer")?,
            _ => self.call("setLocalDescription", &["have-remote-offer"], "stable")?,
        }
        self.model.lock().unwrap().local = description.sdp;
        Ok(())
    }

    async fn set_remote_description(&self, description: Description) -> Result<(), Rejected> {
        match description.kind {
            SdpType::Offer => self.call("setRemoteDescription", &["stable"], "have-remote-offer")?,
            _ => self.call("setRemoteDescription", &["have-local-offer"], "stable")?,
        }
        self.model.lock().unwrap().remote = description.sdp;
        Ok(())
    }

    async fn rollback(&self) -> Result<(), Rejected> {
        self.call("rollback", &["have-local-offer"], "stable")
    }

    async fn add_ice_candidate(&self, candidate: Value) -> Result<(), Rejected> {
        self.call("addIceCandidate", &["stable", "have-remote-offer"], "")?;
        self.model.lock().unwrap().candidates.push(candidate);
        Ok(())
    }
}

struct Joined {
    session: Session,
    events: mpsc::UnboundedSender<LocalEvent>,
}

impl Joined {
    async fn join(server: &Server, peer: &Arc<Peer>, polite: bool, early: &[LocalEvent]) -> Self {
        let (events, inbox) = mpsc::unbounded_channel();
        early.iter().for_each(|event| events.send(event.clone()).unwrap());
        let options =
            JoinOptions { url: server.url(), room: "r".into(), name: Some(peer.name.into()), polite };
        let session = join(options, Arc::clone(peer) as Arc<dyn Negotiator>, inbox).await.unwrap();
        Self { session, events }
    }

    /// The operations up to and with this one.
    async fn until(&mut self, operation: &str) -> Vec<Acted> {
        let mut steps = Vec::new();
        loop {
            let step = self.session.next().await.unwrap();
            let is_last = step.operation == operation;
            steps.push(step);
            if is_last {
                return steps;
            }
        }
    }
}

fn operations(steps: &[Acted]) -> Vec<&'static str> {
    steps.iter().map(|step| step.operation).collect()
}

#[tokio::test]
async fn an_offer_made_alone_waits_for_the_other() {
    let server = Server::start(Limits::default(), None).await.unwrap();
    let (alice, bob) = (Peer::new("alice"), Peer::new("bob"));
    let mut a = Joined::join(&server, &alice, false, &[LocalEvent::NegotiationNeeded]).await;
    assert_eq!(operations(&a.until("join").await), ["join"]);
    assert_eq!(alice.model.lock().unwrap().calls, [""; 0], "nobody is there to be offered anything");
    let mut b = Joined::join(&server, &bob, true, &[]).await;
    let steps = b.until("setLocalDescription").await;
    assert_eq!(operations(&steps), ["join", "setRemoteDescription", "createAnswer", "setLocalDescription"]);
    let steps = a.until("setRemoteDescription").await;
    assert_eq!(operations(&steps), ["createOffer", "setLocalDescription", "setRemoteDescription"]);
    assert!(steps.iter().all(|step| step.error.is_none()));
    assert_eq!(alice.agreed(), ("offer 1 of alice".into(), "answer of bob to offer 1 of alice".into()));
    assert_eq!(bob.agreed(), ("answer of bob to offer 1 of alice".into(), "offer 1 of alice".into()));
}

#[tokio::test]
async fn candidates_trickle_to_the_other_with_their_end() {
    let server = Server::start(Limits::default(), None).await.unwrap();
    let (alice, bob) = (Peer::new("alice"), Peer::new("bob"));
    let candidate = serde_json::json!({"candidate": "candidate:1", "sdpMid": "0"});
    let early = [
        LocalEvent::NegotiationNeeded,
        LocalEvent::IceCandidate(candidate.clone()),
        LocalEvent::IceCandidate(Value::Null),
    ];
    let mut a = Joined::join(&server, &alice, false, &early).await;
    let b = Joined::join(&server, &bob, true, &[]).await;
    a.until("setRemoteDescription").await;
    b.events.send(LocalEvent::IceCandidate(Value::Null)).unwrap();
    for (peer, count) in [(&alice, 1), (&bob, 2)] {
        while peer.model.lock().unwrap().candidates.len() < count {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(bob.model.lock().unwrap().candidates, [candidate, Value::Null]);
    assert_eq!(alice.model.lock().unwrap().candidates, [Value::Null]);
    b.session.leave().await;
    a.until("peerLeft").await;
}

#[tokio::test]
async fn in_a_glare_the_polite_one_gives_way() {
    for polite_comes_first in [true, false] {
        let (observer, mut observed) = mpsc::unbounded_channel();
        let server = Server::start(Limits::default(), Some(observer)).await.unwrap();
        let both = Some(Arc::new(tokio::sync::Barrier::new(2)));
        let (polite, impolite) =
            (Peer::with("polite", None, both.clone()), Peer::with("impolite", None, both));
        let order = if polite_comes_first { [true, false] } else { [false, true] };
        let mut joined = Vec::new();
        for is_polite in order {
            let peer = if is_polite { &polite } else { &impolite };
            joined.push((is_polite, Joined::join(&server, peer, is_polite, &[]).await));
        }
        joined.sort_by_key(|(is_polite, _)| !is_polite);
        let [(_, mut p), (_, mut i)] = <[_; 2]>::try_from(joined).ok().unwrap();
        p.until("join").await;
        i.until("join").await;
        p.events.send(LocalEvent::NegotiationNeeded).unwrap();
        i.events.send(LocalEvent::NegotiationNeeded).unwrap();
        let ignored = i.until("setRemoteDescription").await;
        assert_eq!(
            operations(&ignored),
            ["createOffer", "setLocalDescription", "ignoreOffer", "setRemoteDescription"]
        );
        let gave_way = p.until("createAnswer").await;
        assert_eq!(
            operations(&gave_way),
            ["createOffer", "setLocalDescription", "rollback", "setRemoteDescription", "createAnswer"]
        );
        p.until("setLocalDescription").await;
        assert_eq!(polite.agreed().1, "offer 1 of impolite");
        assert_eq!(impolite.agreed().1, "answer of polite to offer 1 of impolite");
        let mut offers = 0;
        while let Ok(what) = observed.try_recv() {
            if let Observed::Carried { message, .. } = what {
                offers += u32::from(message["description"]["type"] == "offer");
            }
        }
        assert_eq!(offers, 2, "both were carried");
    }
}

#[tokio::test]
async fn candidates_of_an_ignored_offer_fail_in_silence() {
    let server = Server::start(Limits::default(), None).await.unwrap();
    let impolite = Peer::failing("impolite", Some("addIceCandidate"));
    let mut i = Joined::join(&server, &impolite, false, &[LocalEvent::NegotiationNeeded]).await;
    let options = JoinOptions { url: server.url(), room: "r".into(), name: None, polite: true };
    let (mut other, _) = Channel::join(&options).await.unwrap();
    i.until("setLocalDescription").await;
    let description = Description { kind: SdpType::Offer, sdp: "glare".into() };
    other.send(&crate::signalling::message::ToServer::Description { description, to: None }).await.unwrap();
    let candidate = crate::signalling::message::ToServer::Candidate { candidate: Value::Null, to: None };
    other.send(&candidate).await.unwrap();
    let description = Description { kind: SdpType::Answer, sdp: "answer".into() };
    other.send(&crate::signalling::message::ToServer::Description { description, to: None }).await.unwrap();
    other.send(&candidate).await.unwrap();
    let steps = i.until("addIceCandidate").await;
    assert_eq!(operations(&steps), ["ignoreOffer", "setRemoteDescription", "addIceCandidate"]);
    assert!(steps[2].error.as_ref().unwrap().contains("InvalidStateError"));
    assert_eq!(impolite.model.lock().unwrap().calls.iter().filter(|c| *c == "addIceCandidate").count(), 2);
}

#[tokio::test]
async fn a_rejected_operation_is_reported_and_does_not_end_the_session() {
    let server = Server::start(Limits::default(), None).await.unwrap();
    let (alice, bob) = (Peer::new("alice"), Peer::failing("bob", Some("createAnswer")));
    let a = Joined::join(&server, &alice, false, &[LocalEvent::NegotiationNeeded]).await;
    let mut b = Joined::join(&server, &bob, true, &[]).await;
    let failed = b.until("createAnswer").await.pop().unwrap();
    assert_eq!(failed.error.unwrap(), "InvalidStateError: createAnswer in have-remote-offer");
    a.session.leave().await;
    b.until("peerLeft").await;
}

#[tokio::test]
async fn the_servers_end_is_reported() {
    let server = Server::start(Limits::default(), None).await.unwrap();
    let mut a = Joined::join(&server, &Peer::new("alice"), false, &[]).await;
    a.until("join").await;
    server.stop().await;
    let closed = a.session.next().await.unwrap();
    assert_eq!(closed.operation, "signallingClosed");
    assert!(closed.error.unwrap().contains("stops"));
    assert_eq!(a.session.next().await, None);
}

#[tokio::test]
async fn a_full_room_and_an_absent_server_are_errors() {
    let server = Server::start(Limits { clients_per_room: 1, ..Limits::default() }, None).await.unwrap();
    let _a = Joined::join(&server, &Peer::new("alice"), false, &[]).await;
    let options = JoinOptions { url: server.url(), room: "r".into(), name: None, polite: true };
    let (_events, inbox) = mpsc::unbounded_channel();
    let refused = join(options.clone(), Peer::new("bob"), inbox).await.unwrap_err();
    assert!(matches!(refused, JoinError::Refused { name, .. } if name == "room-full"));
    server.stop().await;
    let (_events, inbox) = mpsc::unbounded_channel();
    let absent = join(options, Peer::new("bob"), inbox).await.unwrap_err();
    assert!(matches!(absent, JoinError::Connect { .. }), "{absent}");
}
