//! Known deviations, each with a case in which it can be seen.

use super::{Came, Matrix, Play};
use crate::findings::Breach;
use peerproof_conformance::case::Waiver;
use peerproof_conformance::verdict::Place;
use std::collections::BTreeMap;

/// A known deviation as the runs show it.
#[derive(Debug, Clone, PartialEq)]
pub struct Deviating<'a> {
    /// Who violates a requirement, with its version. Nothing where the verdict of a case is known: what deviates need not be at its side.
    pub implementation: Option<&'a str>,
    /// Why it is known, and by which rule.
    pub waiver: &'a Waiver,
    /// In how many cases it shows.
    pub cases: usize,
    /// An example: the first case in which a frame shows it, or else the first of all.
    pub example: Play<'a>,
    /// Where in that case it shows, the deciding place first.
    pub place: Option<Place>,
}

impl<'a> Matrix<'a> {
    /// The known deviations that show, by the implementation and by how often.
    #[must_use]
    pub fn deviations(&self) -> Vec<Deviating<'a>> {
        let mut all: BTreeMap<(Option<&'a str>, &'a str, &'a str), Deviating<'a>> = BTreeMap::new();
        for play in &self.plays {
            let case = play.case;
            let mut shown: Vec<(Option<&'a str>, &'a Waiver, Option<Place>)> = Vec::new();
            if let Some(waiver) = case.waiver.as_ref().filter(|_| play.came == Came::Known) {
                shown.push((None, waiver, first(&case.verdict.evidence)));
            }
            let of_breach = |breach: &'a Breach| {
                let place = first(&breach.evidence);
                Some((Some(breach.implementation.as_str()), breach.waiver.as_ref()?, place))
            };
            shown.extend(case.breaches.iter().filter_map(of_breach));
            // What several requirements of a case say of one deviation counts once.
            let mut counted: Vec<(Option<&str>, &Waiver)> = Vec::new();
            for (implementation, waiver, place) in shown {
                let key = (implementation, waiver.reason.as_str(), waiver.link.as_str());
                let new = Deviating { implementation, waiver, cases: 0, example: *play, place };
                let known = all.entry(key).or_insert(new);
                if !counted.contains(&(implementation, waiver)) {
                    counted.push((implementation, waiver));
                    known.cases += 1;
                }
                let is_frame = |place: Option<Place>| matches!(place, Some(Place::Frame(_)));
                if is_frame(place) && !is_frame(known.place) {
                    (known.example, known.place) = (*play, place);
                }
            }
        }
        let mut all: Vec<Deviating<'a>> = all.into_values().collect();
        all.sort_by(|a, b| (a.implementation, b.cases).cmp(&(b.implementation, a.cases)));
        all
    }
}

/// The first frame among places, or else the first of all.
fn first(places: &[Place]) -> Option<Place> {
    places.iter().find(|place| matches!(place, Place::Frame(_))).or(places.first()).copied()
}
