//! The signalling server, stopped and started.

use super::Player;
use super::outcome::{Ended, broken};
use crate::scenario::step::SignallingStep;
use peerproof_stack::signalling;

impl Player {
    /// Stops the server, or starts it again at its address.
    pub(super) async fn signalling(&self, what: SignallingStep) -> Ended {
        let mut server = self.signalling.lock().await;
        match (what, self.signalling_address) {
            (SignallingStep::Stop, _) => {
                if let Some(server) = server.take() {
                    server.stop().await;
                }
            }
            (SignallingStep::Start, Some(address)) if server.is_none() => {
                let started =
                    signalling::Server::start_on(address, signalling::Limits::default(), None).await;
                *server = Some(started.map_err(|error| broken(error.to_string()))?);
            }
            (SignallingStep::Start, _) => {}
        }
        Ok(())
    }
}
