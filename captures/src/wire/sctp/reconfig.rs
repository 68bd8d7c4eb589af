//! RE-CONFIG: RFC 6525 §3.1, and its parameters of §4.
//!
//! ```text
//! | Type = 130    |  Chunk Flags  |      Chunk Length             |
//! \                  Re-configuration Parameter                   \
//! \             Re-configuration Parameter (optional)             \
//!
//! |     Parameter Type = 13       | Parameter Length = 16 + 2 * N |
//! |           Re-configuration Request Sequence Number            |
//! |           Re-configuration Response Sequence Number           |
//! |                Sender's Last Assigned TSN                     |
//! |  Stream Number 1 (optional)   |    Stream Number 2 (optional) |
//! ```

use super::{Number16, Parameter};
use crate::wire::field::Field;
use crate::wire::list::List;
use crate::wire::reader::{Reader, Sink};
use crate::wire::stop::Read;
use std::fmt;

code_points! {
    /// Results of a re-configuration, §4.4.
    pub enum ReConfigResult(u32) {
        NothingToDo = 0 => "success, nothing to do",
        Performed = 1 => "success, performed",
        Denied = 2 => "denied",
        WrongSsn = 3 => "error, wrong SSN",
        InProgress = 4 => "error, request already in progress",
        BadSequenceNumber = 5 => "error, bad sequence number",
        StillInProgress = 6 => "in progress",
    }
}

/// A request or an answer to one; WebRTC closes channels with it (RFC 8831 §6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReConfig<'a> {
    /// One or two parameters.
    pub parameters: List<'a, Parameter<'a>>,
}

impl<'a> ReConfig<'a> {
    pub(super) fn read<S: Sink>(r: &mut Reader<'a, S>) -> Self {
        Self { parameters: List::rest(r) }
    }
}

impl fmt::Display for ReConfig<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parameters.iter().try_for_each(|parameter| write!(f, " [{parameter}]"))
    }
}

/// An outgoing (§4.1) or incoming (§4.2) SSN reset request, or an SSN/TSN reset request (§4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetRequest<'a> {
    /// The number of the request.
    pub request: Field<u32>,
    /// Outgoing: the number of the request that this one answers.
    pub response: Option<Field<u32>>,
    /// Outgoing: the last TSN sent.
    pub last_tsn: Option<Field<u32>>,
    /// The streams; none for all.
    pub streams: List<'a, Number16>,
}

impl<'a> ResetRequest<'a> {
    pub(super) fn read_outgoing<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let request = r.u32("request sequence number")?;
        let response = Some(r.u32("response sequence number")?);
        let last_tsn = Some(r.u32("sender's last assigned TSN")?);
        Ok(Self { request, response, last_tsn, streams: List::rest(r) })
    }

    pub(super) fn read_incoming<S: Sink>(r: &mut Reader<'a, S>) -> Read<Self> {
        let request = r.u32("request sequence number")?;
        Ok(Self { request, response: None, last_tsn: None, streams: List::rest(r) })
    }
}

impl fmt::Display for ResetRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.request)?;
        self.last_tsn.iter().try_for_each(|tsn| write!(f, " last tsn {tsn}"))?;
        self.streams.iter().try_for_each(|stream| write!(f, " stream {}", stream.0))
    }
}

/// A re-configuration response, §4.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResetResponse {
    /// The number of the request.
    pub response: Field<u32>,
    /// What came of it.
    pub result: Field<ReConfigResult>,
    /// The sender's and the receiver's next TSN, after an SSN/TSN reset.
    pub next_tsns: Option<(Field<u32>, Field<u32>)>,
}

impl ResetResponse {
    pub(super) fn read<S: Sink>(r: &mut Reader<'_, S>) -> Read<Self> {
        let response = r.u32("response sequence number")?;
        let result = r.code("result")?;
        let next_tsns = match r.is_empty() {
            true => None,
            false => Some((r.u32("sender's next TSN")?, r.u32("receiver's next TSN")?)),
        };
        Ok(Self { response, result, next_tsns })
    }
}

impl fmt::Display for ResetResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.response, self.result)
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::tests::check;

    #[test]
    fn a_reset_of_streams_and_its_answer_are_understood() {
        check(
            "82000018 000d0014 00000001 00000002 00000003 0004 0005",
            "RE-CONFIG [outgoing SSN reset request 1 last tsn 3 stream 4 stream 5]",
        );
        check(
            "82000016 000d0012 00000001 00000002 00000003 0004 0000",
            "RE-CONFIG [outgoing SSN reset request 1 last tsn 3 stream 4]",
        );
        check(
            "82000010 0010000c 00000001 00000001",
            "RE-CONFIG [re-configuration response 1 success, performed]",
        );
        check(
            "82000018 00100014 00000001 00000001 00000002 00000003",
            "RE-CONFIG [re-configuration response 1 success, performed]",
        );
    }

    #[test]
    fn other_requests_are_understood() {
        check("8200000e 000e000a 00000001 0004 0000", "RE-CONFIG [incoming SSN reset request 1 stream 4]");
        check("8200000c 000f0008 00000001", "RE-CONFIG [SSN/TSN reset request 1]");
        check("82000010 0011000c 00000001 0010 0000", "RE-CONFIG [add outgoing streams request 1 count 16]");
        check("82000010 0012000c 00000001 0010 0000", "RE-CONFIG [add incoming streams request 1 count 16]");
    }
}
