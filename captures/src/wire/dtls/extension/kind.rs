//! Extension types: the IANA registry "TLS ExtensionType Values".

code_points! {
    /// The type of an extension.
    pub enum ExtensionType(u16) {
        ServerName = 0 => "server_name",
        MaxFragmentLength = 1 => "max_fragment_length",
        ClientCertificateUrl = 2 => "client_certificate_url",
        TrustedCaKeys = 3 => "trusted_ca_keys",
        TruncatedHmac = 4 => "truncated_hmac",
        StatusRequest = 5 => "status_request",
        SupportedGroups = 10 => "supported_groups",
        EcPointFormats = 11 => "ec_point_formats",
        SignatureAlgorithms = 13 => "signature_algorithms",
        UseSrtp = 14 => "use_srtp",
        Heartbeat = 15 => "heartbeat",
        Alpn = 16 => "application_layer_protocol_negotiation",
        StatusRequestV2 = 17 => "status_request_v2",
        SignedCertificateTimestamp = 18 => "signed_certificate_timestamp",
        ClientCertificateType = 19 => "client_certificate_type",
        ServerCertificateType = 20 => "server_certificate_type",
        Padding = 21 => "padding",
        EncryptThenMac = 22 => "encrypt_then_mac",
        ExtendedMasterSecret = 23 => "extended_master_secret",
        TokenBinding = 24 => "token_binding",
        CachedInfo = 25 => "cached_info",
        CompressCertificate = 27 => "compress_certificate",
        RecordSizeLimit = 28 => "record_size_limit",
        DelegatedCredential = 34 => "delegated_credential",
        SessionTicket = 35 => "session_ticket",
        PreSharedKey = 41 => "pre_shared_key",
        EarlyData = 42 => "early_data",
        SupportedVersions = 43 => "supported_versions",
        Cookie = 44 => "cookie",
        PskKeyExchangeModes = 45 => "psk_key_exchange_modes",
        CertificateAuthorities = 47 => "certificate_authorities",
        OidFilters = 48 => "oid_filters",
        PostHandshakeAuth = 49 => "post_handshake_auth",
        SignatureAlgorithmsCert = 50 => "signature_algorithms_cert",
        KeyShare = 51 => "key_share",
        TransparencyInfo = 52 => "transparency_info",
        ConnectionIdDeprecated = 53 => "connection_id (deprecated)",
        ConnectionId = 54 => "connection_id",
        ExternalIdHash = 55 => "external_id_hash",
        ExternalSessionId = 56 => "external_session_id",
        QuicTransportParameters = 57 => "quic_transport_parameters",
        TicketRequest = 58 => "ticket_request",
        ApplicationSettings = 17613 => "application_settings",
        EncryptedClientHello = 0xfe0d => "encrypted_client_hello",
        RenegotiationInfo = 0xff01 => "renegotiation_info",
    }
}

impl ExtensionType {
    /// Whether it is reserved for probing that unknown ones are ignored (GREASE, RFC 8701).
    pub const fn is_grease(self) -> bool {
        self.raw() & 0x0f0f == 0x0a0a && self.raw() >> 8 == self.raw() & 0xff
    }
}
