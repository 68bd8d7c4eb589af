//! One client's connection, from its first message to its last.

use super::hub::{Hub, Membership, Observed, Outbox, Refusal};
use super::message::{ErrorName, FromServer, ToServer, VERSION};
use super::rate::Bucket;
use super::server::Shared;
use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use std::time::{Duration, Instant};
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout};

/// How long a client may take to read the last words.
const GOODBYE: Duration = Duration::from_secs(1);

/// Why a connection ends.
enum End {
    /// The client left or vanished.
    Gone,
    /// The server stops.
    Stopping,
    /// The client did something wrong.
    Refused(Refusal),
}

/// Serves a client until it or the server ends.
pub(super) async fn serve(mut socket: WebSocket, shared: &Shared) {
    let _alive = shared.alive.clone();
    let hub = &*shared.hub;
    let (outbox, outgoing, overrun) = Outbox::new(hub.limits().queue);
    let mut session = Session { hub, outbox: Some(outbox), member: None, end: None };
    let end = session.run(&mut socket, shared, outgoing, overrun).await;
    let id = session.member.as_ref().map(|member| member.id().to_owned());
    // Leave before the last words: a client that does not read them must not keep its place meanwhile.
    drop(session);
    let (code, reason, last_words) = match end {
        End::Gone => (close_code::NORMAL, String::new(), None),
        End::Stopping => (close_code::AWAY, "the server stops".to_owned(), None),
        End::Refused(Refusal { name, message }) => {
            hub.observe(Observed::Refused { id, name, message: message.clone() });
            let code = if name == ErrorName::MessageTooLarge { close_code::SIZE } else { close_code::POLICY };
            let last_words = FromServer::Error { name, message: message.clone() };
            // A close frame's reason has at most 123 bytes (RFC 6455 §5.5).
            (code, message.chars().take(30).collect(), Some(last_words))
        }
    };
    let goodbye = async {
        if let Some(words) = last_words {
            socket.send(Message::Text(words.to_json().into())).await?;
        }
        socket.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await?;
        // Until the client closes in turn: else unread data would reset the connection and the words be lost.
        while let Some(Ok(_)) = socket.recv().await {}
        Ok::<_, axum::Error>(())
    };
    // A client that has gone or does not listen gets no last words.
    let _unheard = timeout(GOODBYE, goodbye).await;
}

struct Session<'a> {
    hub: &'a Hub,
    /// Until the client has joined.
    outbox: Option<Outbox>,
    member: Option<Membership<'a>>,
    end: Option<End>,
}

impl Session<'_> {
    async fn run(
        &mut self,
        socket: &mut WebSocket,
        shared: &Shared,
        mut outgoing: tokio::sync::mpsc::Receiver<FromServer>,
        mut overrun: tokio::sync::mpsc::Receiver<()>,
    ) -> End {
        let limits = self.hub.limits();
        let mut bucket = Bucket::new(limits.messages_per_second, limits.burst, Instant::now());
        let join_until = tokio::time::Instant::now() + limits.join_within;
        let mut ping = interval(limits.ping_every);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = Instant::now();
        loop {
            if let Some(end) = self.end.take() {
                return end;
            }
            tokio::select! {
                biased;
                () = shared.stopping.wait_for(|stop| *stop) => return End::Stopping,
                // Its sender lives in the outbox: nothing comes when that was dropped, which is the end of the client anyway.
                Some(()) = overrun.recv() => {
                    return refused(ErrorName::TooSlow, format!("{} messages wait to be read", limits.queue));
                }
                Some(message) = outgoing.recv() => {
                    if !send(socket, Message::Text(message.to_json().into()), limits.ping_every).await {
                        return End::Gone;
                    }
                }
                message = socket.recv() => {
                    heard = Instant::now();
                    match message {
                        None => return End::Gone,
                        Some(Err(error)) if is_too_large(&error) => return too_large(limits.message_size),
                        Some(Err(_)) => return End::Gone,
                        Some(Ok(message)) => self.on_message(message, &mut bucket, heard),
                    }
                }
                () = sleep_until(join_until), if self.member.is_none() => {
                    let seconds = limits.join_within.as_secs_f64();
                    return refused(ErrorName::NotJoined, format!("no join within {seconds} s"));
                }
                _ = ping.tick() => {
                    let is_silent = heard.elapsed() >= limits.ping_every * 2;
                    if is_silent || !send(socket, Message::Ping(Default::default()), limits.ping_every).await {
                        return End::Gone;
                    }
                }
            }
        }
    }

    fn on_message(&mut self, message: Message, bucket: &mut Bucket, now: Instant) {
        let limits = self.hub.limits();
        let text = match message {
            Message::Ping(_) | Message::Pong(_) => return,
            Message::Close(_) => {
                self.end = Some(End::Gone);
                return;
            }
            _ if !bucket.take(now) => {
                let rate = limits.messages_per_second;
                self.end =
                    Some(refused(ErrorName::RateExceeded, format!("more than {rate} messages a second")));
                return;
            }
            Message::Text(text) if text.len() > limits.message_size => {
                self.end = Some(too_large(limits.message_size));
                return;
            }
            Message::Text(text) => text,
            Message::Binary(_) => {
                self.end = Some(refused(ErrorName::BadMessage, "a binary message".to_owned()));
                return;
            }
        };
        self.end = match ToServer::read(&text) {
            Err(cause) => Some(refused(ErrorName::BadMessage, cause)),
            Ok(message) => self.obey(&text, message),
        };
    }

    fn obey(&mut self, text: &str, message: ToServer) -> Option<End> {
        let result = match (message, &self.member) {
            (ToServer::Leave {}, _) => return Some(End::Gone),
            (ToServer::Join { .. }, Some(_)) => {
                Err(Refusal::new(ErrorName::AlreadyJoined, "a client is in one room only"))
            }
            (ToServer::Join { version, .. }, None) if version != VERSION => {
                let message = format!("version {version}; this server speaks {VERSION}");
                Err(Refusal::new(ErrorName::UnsupportedVersion, message))
            }
            (ToServer::Join { room, name, .. }, None) => match self.outbox.take() {
                Some(outbox) => self.hub.join(&room, name, outbox).map(|member| self.member = Some(member)),
                None => return Some(End::Gone),
            },
            (_, None) => Err(Refusal::new(ErrorName::NotJoined, "the first message must be `join`")),
            (ToServer::Description { description, to }, Some(member)) => {
                let delivered = FromServer::Description { from: member.id().to_owned(), description };
                self.hub.carry(member, to.as_deref(), raw(text), &delivered)
            }
            (ToServer::Candidate { candidate, to }, Some(member)) => {
                let delivered = FromServer::Candidate { from: member.id().to_owned(), candidate };
                self.hub.carry(member, to.as_deref(), raw(text), &delivered)
            }
        };
        match result {
            Ok(()) => None,
            Err(refusal) if refusal.name == ErrorName::NoSuchPeer => {
                self.answer(refusal);
                None
            }
            Err(refusal) => Some(End::Refused(refusal)),
        }
    }

    /// Reports an error that does not end the connection.
    fn answer(&self, Refusal { name, message }: Refusal) {
        let Some(member) = &self.member else { return };
        let id = Some(member.id().to_owned());
        self.hub.observe(Observed::Refused { id, name, message: message.clone() });
        member.send(FromServer::Error { name, message });
    }
}

/// The message as it came, for the observer.
fn raw(text: &str) -> serde_json::Value {
    // It has just been read as JSON.
    serde_json::from_str(text).unwrap_or_default()
}

/// Sends; `false` if the client is gone or does not read for this long.
async fn send(socket: &mut WebSocket, message: Message, within: Duration) -> bool {
    matches!(timeout(within, socket.send(message)).await, Ok(Ok(())))
}

fn refused(name: ErrorName, message: String) -> End {
    End::Refused(Refusal::new(name, message))
}

fn too_large(most: usize) -> End {
    refused(ErrorName::MessageTooLarge, format!("more than {most} bytes"))
}

/// Whether the WebSocket gave up because of a message's size: axum hides the type of its error.
fn is_too_large(error: &axum::Error) -> bool {
    error.to_string().contains("too long") || error.to_string().contains("too large")
}
