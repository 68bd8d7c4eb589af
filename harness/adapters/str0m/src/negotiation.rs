//! Offer and answer. str0m makes an offer from the changes that it is given (`SdpApi::apply`), and takes an offer and makes the
//! answer in one step (`SdpApi::accept_offer`); between them lie the states of webrtc-pc, which are kept here:
//!
//! | command | what str0m does |
//! | --- | --- |
//! | `createOffer` | `apply` of all that is wanted and not yet negotiated |
//! | `setLocalDescription` of an offer | nothing: the offer is open already |
//! | `setRemoteDescription` of an offer | `accept_offer`, whose answer is kept for `createAnswer` |
//! | `setLocalDescription` of an answer | nothing: it counts already |
//! | `setRemoteDescription` of an answer | `accept_answer` |
//! | rollback of a local offer | nothing: str0m has changed nothing, and the offer may be made again |

use serde_json::{Map, Value, json};
use str0m::Candidate;
use str0m::change::{SdpAnswer, SdpOffer};

use crate::channels::text;
use crate::connection::{Connection, Context};
use crate::sdp;
use crate::wire::{Answer, Refusal, rejected, unsupported};

fn to_json(description: &(&'static str, String)) -> Value {
    json!({ "type": description.0, "sdp": description.1 })
}

impl Connection {
    fn must_be_in(&self, states: &[&str]) -> Result<(), Refusal> {
        self.must_be_open()?;
        if !states.contains(&self.signaling) {
            return rejected("InvalidStateError", format!("not in the signalling state {}", self.signaling));
        }
        Ok(())
    }

    pub fn create_offer(&mut self, context: &mut Context, ice_restart: bool) -> Answer {
        self.must_be_in(&["stable", "have-local-offer"])?;
        if ice_restart {
            self.restart = true;
            self.offer_is_stale = true;
        }
        // An offer is made anew only if there is something to add: str0m gives new MIDs each time.
        if self.offer_is_stale || self.pending.is_none() {
            let offer = self.make_offer()?;
            self.drain(context);
            self.created = Some(("offer", offer));
        }
        Ok(self.created.as_ref().map_or(Value::Null, to_json))
    }

    fn make_offer(&mut self) -> Result<String, Refusal> {
        self.abandon_offer();
        let mut changes = self.rtc.sdp_api();
        for transceiver in &mut self.transceivers {
            match transceiver.mid {
                Some(mid) if transceiver.negotiated && transceiver.stopped => changes.stop_media(mid),
                Some(mid) if transceiver.negotiated => changes.set_direction(mid, transceiver.direction),
                _ if transceiver.stopped => {}
                _ => {
                    let mid = changes.add_media(transceiver.kind, transceiver.direction, None, None, None);
                    transceiver.mid = Some(mid);
                }
            }
        }
        if !self.has_data {
            for channel in self.channels.iter_mut().filter(|channel| channel.state == "connecting") {
                channel.id = Some(changes.add_channel_with_config(channel.config.clone()));
            }
        }
        if self.restart {
            // The sockets stay, so that what is connected goes on meanwhile.
            changes.ice_restart(true);
        }
        let Some((offer, pending)) = changes.apply() else {
            return unsupported("str0m makes no offer when there is nothing new to negotiate");
        };
        self.pending = Some(pending);
        self.offer_is_stale = false;
        Ok(offer.to_sdp_string())
    }

    /// Forgets the offer that str0m has made, if any, and what it knew by it.
    fn abandon_offer(&mut self) {
        self.pending = None;
        self.offer_is_stale = true;
        if self.has_data {
            return;
        }
        for channel in &mut self.channels {
            let known = channel.id.take().is_some();
            // str0m panics if the same stream is reserved again.
            if let Some(stream) = channel.config.negotiated.filter(|_| known) {
                self.reserved.push(stream);
                channel.state = "closed";
            }
        }
    }

    pub fn create_answer(&mut self) -> Answer {
        self.must_be_in(&["have-remote-offer"])?;
        Ok(self.created.as_ref().map_or(Value::Null, to_json))
    }

    pub fn set_local_description(&mut self, context: &mut Context, args: &Map<String, Value>) -> Answer {
        self.must_be_open()?;
        let (kind, sdp) = if args.contains_key("asType") {
            (text(args, "asType")?, None)
        } else {
            match args.get("description") {
                Some(Value::Object(description)) => {
                    (text(description, "type")?, description.get("sdp").and_then(Value::as_str))
                }
                None | Some(Value::Null) if self.signaling == "have-remote-offer" => {
                    ("answer".to_owned(), None)
                }
                None | Some(Value::Null) => {
                    self.create_offer(context, false)?;
                    ("offer".to_owned(), None)
                }
                Some(_) => return rejected("TypeError", "description must be an object"),
            }
        };
        match kind.as_str() {
            "rollback" => return self.roll_back_local(context),
            "pranswer" => return unsupported("str0m has no provisional answers"),
            "offer" => self.must_be_in(&["stable", "have-local-offer"])?,
            "answer" => self.must_be_in(&["have-remote-offer"])?,
            other => return rejected("TypeError", format!("{other} is no type of a description")),
        }
        // str0m takes no description of its own back; so what is set must be what it has made.
        let created = match &self.created {
            Some(created)
                if created.0 == kind && sdp.is_none_or(|sdp| sdp.is_empty() || sdp == created.1) =>
            {
                created.clone()
            }
            _ => {
                return rejected(
                    "InvalidModificationError",
                    "that is not the description that was created last",
                );
            }
        };
        if kind == "offer" {
            if self.pending.is_none() {
                return rejected("InvalidModificationError", "the offer is out of date");
            }
            if self.signaling == "stable" {
                self.local_before = self.local.take();
            }
        }
        self.local = Some(created);
        self.set_signaling(&mut context.wire, if kind == "offer" { "have-local-offer" } else { "stable" });
        Ok(self.local_description())
    }

    /// The local description with the candidates gathered so far.
    pub fn local_description(&self) -> Value {
        let Some((kind, sdp)) = &self.local else { return Value::Null };
        let user = sdp::attribute(sdp, "ice-ufrag").unwrap_or_default();
        let candidates: Vec<String> = if self.gathered_for.as_deref() == Some(user) {
            self.local_candidates.iter().map(|(_, candidate)| self.signalled(candidate)).collect()
        } else {
            Vec::new()
        };
        json!({ "type": kind, "sdp": sdp::with_candidates(sdp, &candidates) })
    }

    fn roll_back_local(&mut self, context: &mut Context) -> Answer {
        match self.signaling {
            "have-local-offer" => {
                self.local = self.local_before.take();
                self.set_signaling(&mut context.wire, "stable");
                Ok(self.local_description())
            }
            // As the standard has it, either side's offer is rolled back by either command.
            "have-remote-offer" => self.roll_back_remote(),
            state => rejected("InvalidStateError", format!("there is nothing to roll back in {state}")),
        }
    }

    fn roll_back_remote(&self) -> Answer {
        self.must_be_in(&["have-remote-offer"])?;
        unsupported("str0m cannot roll a remote offer back: it takes it and makes the answer in one step")
    }

    pub fn set_remote_description(&mut self, context: &mut Context, args: &Map<String, Value>) -> Answer {
        self.must_be_open()?;
        let Some(Value::Object(description)) = args.get("description") else {
            return rejected("TypeError", "description must be an object");
        };
        let kind = text(description, "type")?;
        let sdp = description.get("sdp").and_then(Value::as_str).unwrap_or_default();
        match kind.as_str() {
            "offer" => self.take_offer(context, sdp)?,
            "answer" => self.take_answer(context, sdp)?,
            "rollback" => return self.roll_back_remote(),
            "pranswer" => return unsupported("str0m has no provisional answers"),
            other => return rejected("TypeError", format!("{other} is no type of a description")),
        }
        self.look_for_tracks(&mut context.wire);
        self.drain(context);
        Ok(Value::Null)
    }

    /// DTLS counts from the time that str0m was given last.
    fn start(&mut self, context: &mut Context) {
        self.started = true;
        self.wake(context);
    }

    fn take_offer(&mut self, context: &mut Context, sdp: &str) -> Result<(), Refusal> {
        // In have-local-offer the standard rolls the local offer back first. So does str0m.
        self.must_be_in(&["stable", "have-local-offer", "have-remote-offer"])?;
        let offer =
            SdpOffer::from_sdp_string(sdp).or_else(|error| rejected("OperationError", error.to_string()))?;
        self.abandon_offer();
        self.start(context);
        let answer = self.rtc.sdp_api().accept_offer(offer);
        let answer = answer.or_else(|error| self.refused(context, &error.to_string()))?.to_sdp_string();
        if self.signaling == "have-local-offer" {
            self.local = self.local_before.take();
        }
        self.remember_remote("offer", sdp);
        self.has_data |= sdp::has_data(&answer);
        self.created = Some(("answer", answer));
        self.set_signaling(&mut context.wire, "have-remote-offer");
        if self.has_data {
            self.open_channels();
        }
        Ok(())
    }

    fn take_answer(&mut self, context: &mut Context, sdp: &str) -> Result<(), Refusal> {
        self.must_be_in(&["have-local-offer"])?;
        let answer =
            SdpAnswer::from_sdp_string(sdp).or_else(|error| rejected("OperationError", error.to_string()))?;
        let Some(pending) = self.pending.take() else {
            return rejected(
                "OperationError",
                "str0m has given the offer up with the answer that it refused",
            );
        };
        self.start(context);
        let accepted = self.rtc.sdp_api().accept_answer(pending, answer);
        accepted.or_else(|error| self.refused(context, &error.to_string()))?;
        self.remember_remote("answer", sdp);
        self.restart = false;
        let local = self.local.as_ref().map_or("", |(_, sdp)| sdp);
        self.has_data |= sdp::has_data(local) && sdp::has_data(sdp);
        for transceiver in &mut self.transceivers {
            let mid = transceiver.mid.map(|mid| mid.to_string());
            transceiver.negotiated |= mid.is_some_and(|mid| sdp::section(local, &mid).is_some());
        }
        self.set_signaling(&mut context.wire, "stable");
        if self.has_data {
            self.open_channels();
        }
        Ok(())
    }

    /// After some mistakes of a description str0m ends by itself.
    fn refused<T>(&self, context: &mut Context, error: &str) -> Result<T, Refusal> {
        if !self.rtc.is_alive() {
            context.wire.log("error", &format!("str0m has ended over the description: {error}"));
        }
        rejected("OperationError", error)
    }

    fn remember_remote(&mut self, kind: &'static str, sdp: &str) {
        let candidates = sdp::attributes(sdp, "candidate").map(|candidate| format!("candidate:{candidate}"));
        self.remote_candidates.extend(candidates);
        self.remote = Some((kind, sdp.to_owned()));
    }

    pub fn add_ice_candidate(&mut self, args: &Map<String, Value>) -> Answer {
        self.must_be_open()?;
        let Some((_, remote)) = &self.remote else {
            return rejected("InvalidStateError", "no remote description");
        };
        let candidate = match args.get("candidate") {
            // str0m always accepts more candidates and has no call for their end.
            None | Some(Value::Null) => return Ok(Value::Null),
            Some(Value::Object(candidate)) => candidate,
            Some(_) => return rejected("TypeError", "candidate must be an object"),
        };
        let line = text(candidate, "candidate")?;
        if let Some(mid) = candidate.get("sdpMid").and_then(Value::as_str) {
            if sdp::section(remote, mid).is_none() {
                return rejected("OperationError", format!("unknown media section {mid}"));
            }
        } else if let Some(index) = candidate.get("sdpMLineIndex").and_then(Value::as_u64) {
            if index >= sdp::sections(remote).len() as u64 {
                return rejected("OperationError", format!("no media section at {index}"));
            }
        } else {
            return rejected("TypeError", "a candidate needs sdpMid or sdpMLineIndex");
        }
        let user = candidate.get("usernameFragment").and_then(Value::as_str);
        if user.is_some_and(|user| sdp::attributes(remote, "ice-ufrag").all(|known| known != user)) {
            return rejected("OperationError", "the candidate belongs to another generation");
        }
        if line.is_empty() {
            return Ok(Value::Null);
        }
        if line.split(' ').nth(4).is_some_and(|host| host.ends_with(".local")) {
            return unsupported("str0m resolves no names");
        }
        match Candidate::from_sdp_string(&line) {
            Ok(candidate) => self.rtc.add_remote_candidate(candidate),
            Err(error) => return rejected("OperationError", error.to_string()),
        }
        self.remote_candidates.push(line);
        Ok(Value::Null)
    }

    /// Gathers for the local description, if that has not been done: host candidates, one for each address.
    pub fn gather(&mut self, context: &mut Context) {
        let Some((_, local)) = &self.local else { return };
        let Some(user) = sdp::attribute(local, "ice-ufrag").map(str::to_owned) else { return };
        if self.signaling == "closed" || self.gathered_for.as_ref() == Some(&user) {
            return;
        }
        let mid = sdp::attribute(local, "mid").map(str::to_owned);
        self.set_gathering(context, "gathering");
        for address in self.network.open() {
            let added = Candidate::host(address, "udp")
                .map(|candidate| self.rtc.add_local_candidate(candidate).map(Candidate::to_sdp_string));
            match added {
                Ok(Some(line)) => {
                    let line = line.split(" ufrag ").next().unwrap_or_default().to_owned();
                    self.local_candidates.push((address, line));
                }
                Ok(None) => {}
                Err(error) => context.wire.log("warn", &format!("{address} is no candidate: {error}")),
            }
        }
        self.gathered_for = Some(user.clone());
        for (_, line) in &self.local_candidates {
            let candidate = json!({
                "candidate": self.signalled(line),
                "sdpMid": mid, "sdpMLineIndex": 0, "usernameFragment": user,
            });
            context.wire.event("icecandidate", json!({ "candidate": candidate }));
        }
        self.set_gathering(context, "complete");
        context.wire.event("icecandidate", json!({ "candidate": null }));
        self.drain(context);
    }

    fn set_gathering(&mut self, context: &mut Context, state: &'static str) {
        self.gathering = state;
        context.wire.event("icegatheringstatechange", json!({ "state": state }));
    }
}
