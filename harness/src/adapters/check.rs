//! `peerproof adapter check`.
