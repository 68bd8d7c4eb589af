//! Edits of RTCP packets.

use super::{Spared, spared};
use crate::checks::controls::{Mutation, Recording};
use crate::checks::of;

pub(super) const RTCP: &[Spared] = &[
    spared(
        "rtcp-compound-starts-with-report",
        "with a=rtcp-rsize a report may go without a source description (RFC 5506 §4.1)",
        Recording::Call,
        |evidence| {
            let control = of("rtcp-compound-starts-with-report").unwrap().control;
            let says = |it: &&Mutation| it.says.contains("no SDES");
            (control.mutations().find(says).unwrap().mutate)(evidence);
        },
    ),
    spared(
        "rtcp-compound-starts-with-report",
        "with a=rtcp-rsize a source description may go alone (RFC 5506 §4.1)",
        Recording::Call,
        |evidence| {
            let control = of("rtcp-compound-starts-with-report").unwrap().control;
            (control.mutations().next().unwrap().mutate)(evidence);
        },
    ),
];
