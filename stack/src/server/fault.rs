//! How a server misbehaves on purpose.

use std::net::SocketAddr;
use std::time::Duration;

/// One misbehaviour. Each is something that servers in the field do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// None.
    #[default]
    None,
    /// Every Allocate, Refresh, CreatePermission and ChannelBind is answered 401, right credentials or not. A client may try
    /// again once with what it learned, and must then stop (RFC 8489 §9.2.5).
    Unauthorized,
    /// The next request of each allocation, or of a client without one, that would be in order is answered 438 once, with a
    /// new nonce (RFC 8489 §9.2.4).
    StaleNonceOnce,
    /// Every request that would be in order is answered 438, with a nonce that is new each time.
    StaleNonceForever,
    /// CreatePermission and ChannelBind are answered 403 (RFC 8656 §10.2, §12.2).
    Forbidden,
    /// Allocate is answered 486, Allocation Quota Reached (RFC 8656 §7.2).
    QuotaReached,
    /// Allocate is answered 508, Insufficient Capacity (RFC 8656 §7.2).
    InsufficientCapacity,
    /// Allocate is answered 300, Try Alternate (RFC 8489 §10).
    Alternate(SocketAddr),
    /// No request is answered.
    Silent,
    /// Every answer comes later by this. What is relayed is not held back.
    Slow(Duration),
}
