//! Protocol versions: RFC 6347 §4.1, RFC 9147 §5.3 (DTLS counts down), RFC 8446 §4.1.2 (TLS counts up).

code_points! {
    /// A version of DTLS or TLS.
    pub enum Version(u16) {
        Dtls10 = 0xfeff => "DTLS 1.0",
        Dtls12 = 0xfefd => "DTLS 1.2",
        Dtls13 = 0xfefc => "DTLS 1.3",
        Tls10 = 0x0301 => "TLS 1.0",
        Tls11 = 0x0302 => "TLS 1.1",
        Tls12 = 0x0303 => "TLS 1.2",
        Tls13 = 0x0304 => "TLS 1.3",
    }
}

impl Version {
    /// Whether messages have the form of (D)TLS 1.3.
    pub const fn is_13(self) -> bool {
        matches!(self, Self::Dtls13 | Self::Tls13)
    }

    /// Whether signatures name their algorithm, as they do from 1.2 on.
    pub const fn names_signature_algorithms(self) -> bool {
        !matches!(self, Self::Dtls10 | Self::Tls10 | Self::Tls11)
    }
}
