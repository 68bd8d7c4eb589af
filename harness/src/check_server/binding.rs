//! What every STUN server owes (RFC 8489): Binding.

use super::report::{Check, Topic};
use super::session::{Response, Session, Unanswered};
use peerproof_captures::wire::stun::AttributeType;
use peerproof_reports::counted;
use peerproof_stack::client::{Attribute, Method};

const BINDING: Topic = Topic::new("binding").id("stun-response-matches-request").by("RFC 8489 §6.3.1");
const MAPPED: Topic =
    Topic::new("mapped-address").id("stun-xor-mapped-address-correct").by("RFC 8489 §6.3.1.1, §14.2");
const REQUIRED: Topic =
    Topic::new("unknown-required").id("stun-unknown-required-420").by("RFC 8489 §6.3.1, §6.3.1.1");
const OPTIONAL: Topic =
    Topic::new("unknown-optional").id("stun-unknown-optional-ignored").by("RFC 8489 §6.3");
const INDICATION: Topic = Topic::new("indication").id("stun-indication-not-answered").by("RFC 8489 §6.3.2");
const FORM: Topic = Topic::new("message-form").id("stun-header-wellformed").by("RFC 8489 §5, §14");

/// A type that nobody has registered and that must be understood (RFC 8489 §14).
const UNKNOWN_REQUIRED: u16 = 0x7ffe;
/// A type that nobody has registered and that may be ignored.
const UNKNOWN_OPTIONAL: u16 = 0xfffe;

/// Asks for a binding, in all ways. Without an answer to the first there is nothing more to ask: then false.
pub(super) async fn check(session: &mut Session, relays: bool, checks: &mut Vec<Check>) -> bool {
    let response = match session.ask(Method::Binding, &[]).await {
        Ok(response) => response,
        Err(error) => {
            let others = session.others();
            let why = match (&error, session.connection().is_stream()) {
                _ if others > 0 => format!(
                    "{} came, and none has its transaction ID: this is no STUN server, or one with a fault",
                    counted(others, "message")
                ),
                (Unanswered::Silence(_), true) => {
                    "the server accepts the connection and answers nothing".to_owned()
                }
                _ => "the server is not reachable from here".to_owned(),
            };
            checks.push(BINDING.fail(format!("{error}: {why}")));
            return false;
        }
    };
    let software = response.text(AttributeType::Software);
    let software = software.map_or_else(String::new, |software| format!("; it calls itself {software}"));
    let after = response.after.as_secs_f64() * 1000.0;
    if response.is_success() {
        checks.push(BINDING.pass(format!("answered after {after:.1} ms{software}")));
        checks.push(mapped(session, &response));
        checks.push(unknown_required(session).await);
        checks.push(unknown_optional(session).await);
        checks.push(indication(session).await);
    } else {
        let detail = format!("a Binding request is answered by {}{software}", response.outcome());
        // A TURN server may want to know everybody; browsers do not ask it for a binding.
        checks.push(if relays { BINDING.warn(detail) } else { BINDING.fail(detail) });
    }
    true
}

/// What is wrong with the form of all that came, at the end.
pub(super) fn form(session: &Session) -> Check {
    match session.faults.as_slice() {
        [] => FORM
            .pass("every response is well formed and repeats the method and transaction ID of its request"),
        faults => FORM.fail(faults.join("; ")),
    }
}

fn mapped(session: &Session, response: &Response) -> Check {
    let local = session.connection().local();
    match response.address(AttributeType::XorMappedAddress) {
        None => MAPPED.fail("no XOR-MAPPED-ADDRESS in the success response, so clients learn no address"),
        Some(mapped) if mapped == local => {
            MAPPED.pass(format!("{mapped}, which is this machine's own address"))
        }
        Some(mapped) if mapped.ip().is_unspecified() || mapped.port() == 0 => {
            MAPPED.fail(format!("{mapped} is no address that a client can have"))
        }
        Some(mapped) => MAPPED.open(format!(
            "{mapped} for {local}: it is right if a NAT is between, which nothing here decides"
        )),
    }
}

async fn unknown_required(session: &mut Session) -> Check {
    let attribute = Attribute::Bytes(UNKNOWN_REQUIRED, vec![0; 4]);
    match session.ask(Method::Binding, &[attribute]).await {
        Ok(response) if response.code() == Some(420) => {
            if response.unknown_attributes().contains(&UNKNOWN_REQUIRED) {
                REQUIRED
                    .pass("an unknown comprehension-required attribute is answered by 420, which lists it")
            } else {
                REQUIRED.fail("the 420 does not list the unknown attribute in UNKNOWN-ATTRIBUTES")
            }
        }
        Ok(response) => REQUIRED.fail(format!(
            "an unknown comprehension-required attribute is answered by {} instead of 420",
            response.outcome()
        )),
        Err(error) => REQUIRED.fail(format!("an unknown comprehension-required attribute: {error}")),
    }
}

async fn unknown_optional(session: &mut Session) -> Check {
    // Seven bytes, so that padding is needed.
    let attribute = Attribute::Bytes(UNKNOWN_OPTIONAL, vec![0; 7]);
    match session.ask(Method::Binding, &[attribute]).await {
        Ok(response) if response.is_success() => {
            OPTIONAL.pass("an unknown comprehension-optional attribute is ignored")
        }
        Ok(response) => OPTIONAL.fail(format!(
            "an unknown comprehension-optional attribute is answered by {}",
            response.outcome()
        )),
        Err(error) => OPTIONAL.fail(format!("an unknown comprehension-optional attribute: {error}")),
    }
}

async fn indication(session: &mut Session) -> Check {
    let asked = async {
        let indication = session.client().binding_indication()?;
        session.send(&indication).await?;
        // What would answer it comes before the answer to this, since both take the same way.
        session.ask(Method::Binding, &[]).await?;
        Ok::<_, Unanswered>(session.was_answered(&indication))
    };
    match asked.await {
        Ok(false) => INDICATION.pass("a Binding indication is not answered"),
        Ok(true) => INDICATION.fail("a Binding indication is answered"),
        Err(error) => INDICATION.fail(format!("after a Binding indication: {error}")),
    }
}
