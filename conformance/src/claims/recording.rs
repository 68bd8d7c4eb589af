//! The recording itself: whether it holds all that was done, so that what is not in it was not done.
//!
//! What it lacks is found where the evidence is read ([`Evidence::examined`](crate::evidence::Evidence::examined)): the checks of
//! requirements take it into account as well.

use super::{Contradiction, Fault};
use crate::evidence::Flaw;
use crate::verdict::Layer;

pub(super) fn contradiction(flaw: &Flaw) -> Contradiction {
    let Flaw { t_us, claimed, seen, evidence } = flaw.clone();
    Contradiction {
        claim: "",
        layer: Layer::Signalling,
        fault: Fault::Recording,
        t_us,
        claimed,
        seen,
        evidence,
        is_less: false,
    }
}
