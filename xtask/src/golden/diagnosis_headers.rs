//! Calls that fail for single fields of headers: the version of RTP, the counts of RTCP, the checksum of SCTP; and captures of one direction.

use super::diagnosis::{add, describe, media_for};
use super::rtp::{self, Header};
use super::story::{ALICE, BOB, Story, noise};
use super::{File, sctp};
use peerproof_captures::recording::Content;

/// Alice's section of video with RTX.
const DESCRIBED: &str = "m=video 9 UDP/TLS/RTP/SAVPF 96 97\nc=IN IP4 0.0.0.0\na=mid:0\na=ice-ufrag:aaaa\na=ice-pwd:0123456789abcdefghijkl\n\
                         a=setup:actpass\na=sendrecv\na=rtpmap:96 VP8/90000\na=rtpmap:97 rtx/90000\na=fmtp:97 apt=96\n\
                         a=ssrc-group:FID 10 11\na=ssrc:10 cname:a\na=ssrc:11 cname:a\n";
/// Zero Checksum Acceptable with the error detection method of DTLS (RFC 9653 §4).
const ACCEPTABLE: [u8; 8] = [0x80, 0x01, 0, 8, 0, 0, 0, 1];

pub(super) fn files(all: &mut Vec<File>) {
    let repaired = |ssrc: u32| {
        move |story: &mut Story| {
            story.connect().secure();
            media_for(story, 60, |_| true);
            for sequence in 0..3 {
                let header = Header { payload_type: 97, ..story.header(ssrc, sequence) };
                let mut packet = rtp::packet(header, &[], &[], &noise(u64::from(sequence), 60));
                // Version 0, as if it was never set.
                packet.iter_mut().take(1).for_each(|first| *first &= 0x3f);
                story.udp(ALICE, BOB, &packet).wait(10);
            }
        }
    };
    add(all, "rtp-version", "retransmissions have the RTP version 0", repaired(11));
    describe(all, "rtp-version", "alice", DESCRIBED);
    add(all, "rtp-version.nearly", "the source is one that nobody announced", repaired(12));
    describe(all, "rtp-version.nearly", "alice", DESCRIBED);

    // Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1): a run of that many packets whose arrival times take
    // one byte each, and two such bytes.
    let feedback = |run: u32| {
        move |story: &mut Story| {
            for sequence in 0..60 {
                for (from, to, ssrc) in [(ALICE, BOB, 10), (BOB, ALICE, 11)] {
                    let packet = rtp::packet(story.header(ssrc, sequence), &[], &[], &noise(1, 60));
                    story.put(from, to, Content::Rtp(&packet));
                }
                story.wait(10);
            }
            let words = [11, 10, 7 << 16 | run, 0x0901, (0x2000 | run) << 16 | 0x0404];
            story.put(BOB, ALICE, Content::Rtcp(&rtp::control(205, 15, &words))).wait(10);
        }
    };
    add(all, "malformed-rtcp", "feedback on more packets than it has arrival times for", feedback(9));
    add(all, "malformed-rtcp.nearly", "on as many as it has", feedback(2));

    let unheard = |answers: bool| {
        move |story: &mut Story| {
            for nominates in [false, true] {
                let check = story.check(ALICE, BOB, nominates);
                if answers {
                    story.success(check);
                }
                story.wait(20);
            }
            for sequence in 0..40 {
                story.srtp(ALICE, BOB, 10, sequence).wait(10);
            }
        }
    };
    add(all, "one-direction", "checks and media of one side, and nothing of the other", unheard(false));
    add(all, "one-direction.nearly", "the other side answers the checks", unheard(true));

    let without = |announced: bool| {
        move |story: &mut Story| {
            let mut answer = sctp::init(2, 0xb0b, 1);
            if announced {
                answer.extend(ACCEPTABLE);
                let length = (answer.len() as u16).to_be_bytes();
                answer.splice(2..4, length);
            }
            story.sctp(ALICE, BOB, &[&sctp::init(1, 0xa11, 1)]).wait(5).sctp(BOB, ALICE, &[&answer]).wait(5);
            story.sctp(ALICE, BOB, &[&sctp::chunk(10, 0, b"cookie!!")]).wait(5);
            story.sctp(BOB, ALICE, &[&sctp::chunk(11, 0, &[])]).wait(5);
            for tsn in 1..4 {
                let data = sctp::data(tsn, 0, 0, sctp::STRING, b"without");
                let mut packet = sctp::packet(0xb0b, &[&data]);
                packet.iter_mut().skip(8).take(4).for_each(|byte| *byte = 0);
                story.put(ALICE, BOB, Content::Sctp(&packet)).wait(5);
                story.sctp(BOB, ALICE, &[&sctp::sack(tsn)]).wait(5);
            }
        }
    };
    add(all, "sctp-checksum", "checksums of zero that nobody announced to accept", without(false));
    add(all, "sctp-checksum.nearly", "the receiver announced to accept them", without(true));
}
