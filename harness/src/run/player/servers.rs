//! Steps about STUN and TURN servers.

use super::{Ended, Player, broken, wrong};
use crate::machine::Limit;
use crate::scenario::server::{ServerDeed, ServerStep};
use crate::scenario::step::DEFAULT_WITHIN;
use crate::servers::Missed;
use peerproof_captures::timeline::{Expected, Seen, StepOutcome};

impl Player {
    /// Does something to a server, or waits for what it says.
    pub(super) async fn server(&self, step: &ServerStep) -> Ended {
        let awaited = match &step.deed {
            ServerDeed::Await(awaited) => awaited,
            ServerDeed::Never(never) => {
                let watched = self.servers.never(&step.server, never).await;
                let watched = watched.map_err(|error| broken(error.to_string()))?;
                return watched.map_err(|Missed(events)| {
                    let server = step.server.clone();
                    let expected = Expected::NoServerEvent { server: server.clone(), event: never.never };
                    wrong(expected, Seen::ServerEvents { server, events })
                });
            }
            deed => {
                let done = self.servers.act(&step.server, deed).await;
                return done.map_err(|error| broken(error.to_string()));
            }
        };
        let within = awaited.within.unwrap_or(DEFAULT_WITHIN);
        let waited = self.servers.wait(&step.server, awaited, &Limit::new(within.0)).await;
        let waited = waited.map_err(|error| broken(error.to_string()))?;
        waited.map_err(|Missed(events)| StepOutcome::TimedOut {
            awaited: Expected::ServerEvent {
                server: step.server.clone(),
                event: awaited.event,
                code: awaited.code,
                times: awaited.times,
                clients: awaited.clients,
            },
            within_ms: within.as_millis(),
            seen: Seen::ServerEvents { server: step.server.clone(), events },
        })
    }
}
