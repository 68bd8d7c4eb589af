//! Steps about STUN and TURN servers.

use super::Player;
use super::outcome::{Ended, broken, timed_out, wrong};
use crate::machine::Limit;
use crate::scenario::server::{ServerAction, ServerStep};
use crate::scenario::step::DEFAULT_WITHIN;
use crate::servers::Missed;
use peerproof_captures::timeline::{Expected, Seen};

impl Player {
    /// Does something to a server, or waits for what it says.
    pub(super) async fn server(&self, step: &ServerStep) -> Ended {
        let awaited = match &step.action {
            ServerAction::Await(awaited) => awaited,
            ServerAction::Never(never) => {
                let watched = self.servers.never(&step.server, never).await;
                let watched = watched.map_err(|error| broken(error.to_string()))?;
                return watched.map_err(|Missed(events)| {
                    let server = step.server.clone();
                    let expected = Expected::NoServerEvent { server: server.clone(), event: never.never };
                    wrong(expected, Seen::ServerEvents { server, events })
                });
            }
            action => {
                let done = self.servers.act(&step.server, action).await;
                return done.map_err(|error| broken(error.to_string()));
            }
        };
        let within = awaited.within.unwrap_or(DEFAULT_WITHIN);
        let waited = self.servers.wait(&step.server, awaited, &Limit::new(within.0)).await;
        let waited = waited.map_err(|error| broken(error.to_string()))?;
        waited.map_err(|Missed(events)| {
            let server = step.server.clone();
            let expected = Expected::ServerEvent {
                server: server.clone(),
                event: awaited.event.clone(),
                code: awaited.code,
                times: awaited.times,
                sockets: awaited.sockets,
            };
            timed_out(expected, within.as_millis(), Seen::ServerEvents { server, events })
        })
    }
}
