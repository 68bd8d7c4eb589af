//! The message ladders of a page: the rows that `--ladder` draws.

use super::super::ladder::{MOST_ROWS, Row, What, each};
use super::super::source::Given;
use super::super::{Frames, InspectError, Report, text};
use peerproof_captures::trace::{Connection, Side, Trace};
use peerproof_reports::session;

/// The messages of each connection of the report, in microseconds since `origin_us`. `lost` says whether the packet of a frame is known
/// not to have arrived.
pub(super) fn ladders(
    report: &Report,
    given: &Given,
    frames: Option<Frames>,
    origin_us: u64,
    lost: &dyn Fn(u64) -> bool,
) -> Result<Vec<session::Ladder>, InspectError> {
    let first_us = report.trace.first.unwrap_or_default().ns / 1_000;
    let shift = i64::try_from(i128::from(first_us) - i128::from(origin_us)).unwrap_or(0);
    let mut all = Vec::new();
    each(report, given, frames, &mut |connection, evidence, rows| {
        // Those that the page leaves out have no ladder either.
        let Some(of) = report.trace.connections.get(connection) else { return Ok(()) };
        let more = rows.len().saturating_sub(MOST_ROWS);
        let rung = |row: Row| session::Rung {
            t_us: row.t_us.saturating_add(shift),
            frame: row.frame,
            what: match row.what {
                What::Message { from, text, times, trouble } => {
                    let lost = times == 1 && row.frame.is_some_and(lost);
                    session::RungKind::Message { from, text, times, lost, trouble }
                }
                What::Flow(counts) => session::RungKind::Flow { counts },
                What::Event { at, text, entry, trouble } => {
                    session::RungKind::Event { at, text, entry, trouble }
                }
                What::Silence(us) => session::RungKind::Silence { us },
            },
        };
        let rows = rows.into_iter().take(MOST_ROWS).map(rung).collect();
        let addresses = addresses(&report.trace, of);
        all.push(session::Ladder { connection, sides: evidence.peers.clone(), addresses, rows, more });
        Ok(())
    })?;
    Ok(all)
}

/// The addresses of both sides as texts.
pub(super) fn addresses(trace: &Trace, connection: &Connection) -> Vec<String> {
    let addresses = text::connection::addresses(trace, connection);
    addresses.map_or_else(Vec::new, |both| Side::BOTH.map(|side| both.of(side).to_string()).into())
}
