//! STUN (RFC 8489) with the attributes of ICE (RFC 8445), TURN (RFC 8656, 6062, 8016), NAT behaviour discovery (RFC 5780) and
//! libwebrtc's own.

mod address;
mod algorithm;
mod attribute;
mod content;
mod error_code;
mod google;
mod integrity;
mod message;
#[cfg(test)]
mod samples;
mod turn_values;

pub use address::Family;
pub use algorithm::{Algorithm, AlgorithmName, Algorithms};
pub use attribute::{Attribute, AttributeType, Attributes};
pub use content::{Content, Types};
pub use error_code::{Code, ErrorCode};
pub use google::{NetworkInfo, Received};
pub use integrity::{long_term_key_md5, long_term_key_sha256};
pub use message::{
    COOKIE, Class, Message, MessageType, Method, TransactionId, looks_like_stun, tree, tree_with_key, view,
};
pub use turn_values::{AddressError, Icmp};
