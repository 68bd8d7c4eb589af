//! Payload protocol identifiers of WebRTC: RFC 8831 §8.

code_points! {
    /// What a user message is.
    pub enum PayloadProtocol(u32) {
        Unspecified = 0 => "unspecified",
        Dcep = 50 => "DCEP",
        String = 51 => "string",
        BinaryPartial = 52 => "binary partial",
        Binary = 53 => "binary",
        StringPartial = 54 => "string partial",
        StringEmpty = 56 => "string empty",
        BinaryEmpty = 57 => "binary empty",
    }
}

impl PayloadProtocol {
    /// Whether it is text. `None` if it is no user message of WebRTC.
    pub const fn is_text(self) -> Option<bool> {
        match self {
            Self::String | Self::StringPartial | Self::StringEmpty => Some(true),
            Self::Binary | Self::BinaryPartial | Self::BinaryEmpty => Some(false),
            Self::Unspecified | Self::Dcep | Self::Unknown(_) => None,
        }
    }

    /// Whether it stands for an empty message, whose one byte is not part of it.
    pub const fn is_empty(self) -> bool {
        matches!(self, Self::StringEmpty | Self::BinaryEmpty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_distinguish_text_from_binary_and_empty_from_not() {
        assert_eq!(PayloadProtocol::from(51).is_text(), Some(true));
        assert_eq!(PayloadProtocol::from(57).is_text(), Some(false));
        assert_eq!(PayloadProtocol::from(50).is_text(), None);
        assert!(PayloadProtocol::from(56).is_empty() && !PayloadProtocol::from(53).is_empty());
    }
}
