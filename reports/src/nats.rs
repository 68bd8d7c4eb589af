//! The NAT type matrix: the way that two NATs allow, and the way on which peers behind them met.

use crate::run::RunReport;
use peerproof_conformance::case::Meeting;
use peerproof_conformance::nat::{Nat, Way};
use std::collections::BTreeMap;

/// What came out for one pair of kinds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meetings {
    /// The way that they allow.
    pub allowed: Way,
    /// In how many cases peers met on it.
    pub as_allowed: usize,
    /// The others: which case, and on which way.
    pub others: Vec<(String, Way)>,
    /// The word that finds its cases in the list.
    pub search: String,
}

/// NATs of offerers against those of answerers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NatTable {
    /// The answerers' NATs, sorted.
    pub columns: Vec<Nat>,
    /// A row for each NAT of an offerer; a cell for each column, empty where nothing was played.
    pub rows: Vec<(Nat, Vec<Option<Meetings>>)>,
}

impl NatTable {
    /// The table of a run, of those cases in which a relay was there (`true`) or of the others.
    #[must_use]
    pub fn of(report: &RunReport, relayed: bool) -> Self {
        let mut cells: BTreeMap<(Nat, Nat), Meetings> = BTreeMap::new();
        for case in report.cases.iter().filter(|case| case.control_of.is_none()) {
            let Some(meeting) = case.meeting.filter(|meeting| meeting.relay == relayed) else { continue };
            let cell = cells.entry((meeting.offerer, meeting.answerer)).or_insert_with(|| Meetings {
                allowed: meeting.allowed,
                as_allowed: 0,
                others: Vec::new(),
                search: search_word(&meeting),
            });
            if meeting.seen == meeting.allowed {
                cell.as_allowed += 1;
            } else {
                cell.others.push((case.name.clone(), meeting.seen));
            }
        }
        let sorted = |all: Vec<Nat>| {
            let mut all = all;
            all.sort_unstable();
            all.dedup();
            all
        };
        let columns = sorted(cells.keys().map(|(_, answerer)| *answerer).collect());
        let rows = sorted(cells.keys().map(|(offerer, _)| *offerer).collect())
            .into_iter()
            .map(|row| (row, columns.iter().map(|column| cells.remove(&(row, *column))).collect()))
            .collect();
        Self { columns, rows }
    }

    /// Whether there is nothing to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

impl Meetings {
    /// In words: `direct (3)`, or what was seen instead.
    #[must_use]
    pub fn words(&self) -> String {
        let mut text = self.allowed.to_string();
        if self.as_allowed > 1 {
            text.push_str(&format!(" ({})", self.as_allowed));
        }
        for (case, way) in &self.others {
            let pair = case.rsplit('/').next().unwrap_or_default();
            text.push_str(&format!("; {pair}: {way}"));
        }
        text
    }
}

/// The word by which the list of cases finds those of two NATs, the offerer's first, with or without a relay.
pub(crate) fn search_word(meeting: &Meeting) -> String {
    let relay = if meeting.relay { "relay" } else { "no-relay" };
    format!("nat:{}/{}/{relay}", meeting.offerer.short(), meeting.answerer.short())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::report;

    #[test]
    fn what_was_seen_stands_beside_what_is_allowed() {
        let mut report = report();
        let nats: Vec<Nat> = Nat::all().collect();
        let met = |offerer: usize, answerer: usize, allowed, seen| {
            Some(Meeting { offerer: nats[offerer], answerer: nats[answerer], relay: true, allowed, seen })
        };
        report.cases[0].meeting = met(2, 8, Way::Relay, Way::Relay);
        report.cases[1].meeting = met(2, 8, Way::Relay, Way::Direct);
        report.cases[2].meeting = met(0, 2, Way::Direct, Way::Direct);
        let table = NatTable::of(&report, true);
        assert_eq!(table.columns.iter().map(|nat| nat.short()).collect::<Vec<_>>(), ["ei-apd", "apd-apd"]);
        let words: Vec<Vec<String>> = table
            .rows
            .iter()
            .map(|(_, cells)| {
                cells.iter().map(|c| c.as_ref().map(Meetings::words).unwrap_or_default()).collect()
            })
            .collect();
        let pair = report.cases[1].pair();
        assert_eq!(
            words,
            [["direct".to_owned(), String::new()], [String::new(), format!("relay; {pair}: direct")]]
        );
        assert!(NatTable::of(&report, false).is_empty());
        let cell = table.rows.iter().flat_map(|(_, cells)| cells).flatten().next().unwrap();
        assert_eq!(cell.search, "nat:ei-ei/ei-apd/relay");
    }
}
