//! Steps about STUN and TURN servers.

use super::{Ended, Player, broken, wrong};
use crate::machine::Limit;
use crate::scenario::server::{ServerAction, ServerStep};
use crate::scenario::step::DEFAULT_WITHIN;
use crate::servers::Missed;
use peerproof_captures::timeline::StepOutcome;

impl Player {
    /// Does something to a server, or waits for what it says.
    pub(super) async fn server(&self, step: &ServerStep) -> Ended {
        let awaited = match &step.action {
            ServerAction::Await(awaited) => awaited,
            ServerAction::Never(never) => {
                let watched = self.servers.never(&step.server, never).await;
                let expected = format!("no {} at {}", never.never, step.server);
                return watched.map_err(|Missed(seen)| wrong(expected, seen));
            }
            action => {
                let done = self.servers.act(&step.server, action).await;
                return done.map_err(|error| broken(error.to_string()));
            }
        };
        let within = awaited.within.unwrap_or(DEFAULT_WITHIN);
        let waited = self.servers.wait(&step.server, awaited, &Limit::new(within.0)).await;
        waited.map_err(|Missed(seen)| {
            let code = awaited.code.map(|code| format!(" {code}")).unwrap_or_default();
            let times = match (awaited.times, awaited.sockets) {
                (Some(times), _) => format!(", {times} times"),
                (None, Some(sockets)) => format!(" of {sockets} sockets"),
                (None, None) => String::new(),
            };
            StepOutcome::TimedOut {
                awaited: format!("{}{code}{times} at {}", awaited.event, step.server),
                within_ms: within.as_millis(),
                seen,
            }
        })
    }
}
