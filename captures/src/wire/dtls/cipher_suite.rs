//! Cipher suites: RFC 8446 §B.4, RFC 5246 §A.5; the part of the IANA registry that DTLS stacks offer.

code_points! {
    /// A cipher suite.
    pub enum CipherSuite(u16) {
        NullWithNullNull = 0x0000 => "TLS_NULL_WITH_NULL_NULL",
        RsaWithAes128CbcSha = 0x002f => "TLS_RSA_WITH_AES_128_CBC_SHA",
        DheRsaWithAes128CbcSha = 0x0033 => "TLS_DHE_RSA_WITH_AES_128_CBC_SHA",
        RsaWithAes256CbcSha = 0x0035 => "TLS_RSA_WITH_AES_256_CBC_SHA",
        DheRsaWithAes256CbcSha = 0x0039 => "TLS_DHE_RSA_WITH_AES_256_CBC_SHA",
        RsaWithAes128CbcSha256 = 0x003c => "TLS_RSA_WITH_AES_128_CBC_SHA256",
        RsaWithAes256CbcSha256 = 0x003d => "TLS_RSA_WITH_AES_256_CBC_SHA256",
        DheRsaWithAes128CbcSha256 = 0x0067 => "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256",
        DheRsaWithAes256CbcSha256 = 0x006b => "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256",
        PskWithAes128CbcSha = 0x008c => "TLS_PSK_WITH_AES_128_CBC_SHA",
        PskWithAes256CbcSha = 0x008d => "TLS_PSK_WITH_AES_256_CBC_SHA",
        RsaWithAes128GcmSha256 = 0x009c => "TLS_RSA_WITH_AES_128_GCM_SHA256",
        RsaWithAes256GcmSha384 = 0x009d => "TLS_RSA_WITH_AES_256_GCM_SHA384",
        DheRsaWithAes128GcmSha256 = 0x009e => "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256",
        DheRsaWithAes256GcmSha384 = 0x009f => "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
        PskWithAes128GcmSha256 = 0x00a8 => "TLS_PSK_WITH_AES_128_GCM_SHA256",
        PskWithAes256GcmSha384 = 0x00a9 => "TLS_PSK_WITH_AES_256_GCM_SHA384",
        PskWithAes128CbcSha256 = 0x00ae => "TLS_PSK_WITH_AES_128_CBC_SHA256",
        EmptyRenegotiationInfoScsv = 0x00ff => "TLS_EMPTY_RENEGOTIATION_INFO_SCSV",
        Aes128GcmSha256 = 0x1301 => "TLS_AES_128_GCM_SHA256",
        Aes256GcmSha384 = 0x1302 => "TLS_AES_256_GCM_SHA384",
        Chacha20Poly1305Sha256 = 0x1303 => "TLS_CHACHA20_POLY1305_SHA256",
        Aes128CcmSha256 = 0x1304 => "TLS_AES_128_CCM_SHA256",
        Aes128Ccm8Sha256 = 0x1305 => "TLS_AES_128_CCM_8_SHA256",
        FallbackScsv = 0x5600 => "TLS_FALLBACK_SCSV",
        EcdheEcdsaWithAes128CbcSha = 0xc009 => "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA",
        EcdheEcdsaWithAes256CbcSha = 0xc00a => "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA",
        EcdheRsaWithAes128CbcSha = 0xc013 => "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA",
        EcdheRsaWithAes256CbcSha = 0xc014 => "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
        EcdheEcdsaWithAes128CbcSha256 = 0xc023 => "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
        EcdheEcdsaWithAes256CbcSha384 = 0xc024 => "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
        EcdheRsaWithAes128CbcSha256 = 0xc027 => "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256",
        EcdheRsaWithAes256CbcSha384 = 0xc028 => "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
        EcdheEcdsaWithAes128GcmSha256 = 0xc02b => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        EcdheEcdsaWithAes256GcmSha384 = 0xc02c => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        EcdheRsaWithAes128GcmSha256 = 0xc02f => "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        EcdheRsaWithAes256GcmSha384 = 0xc030 => "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        EcdhePskWithAes128CbcSha = 0xc035 => "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA",
        EcdhePskWithAes256CbcSha = 0xc036 => "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA",
        EcdhePskWithAes128CbcSha256 = 0xc037 => "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256",
        RsaWithAes128Ccm = 0xc09c => "TLS_RSA_WITH_AES_128_CCM",
        RsaWithAes256Ccm = 0xc09d => "TLS_RSA_WITH_AES_256_CCM",
        RsaWithAes128Ccm8 = 0xc0a0 => "TLS_RSA_WITH_AES_128_CCM_8",
        RsaWithAes256Ccm8 = 0xc0a1 => "TLS_RSA_WITH_AES_256_CCM_8",
        PskWithAes128Ccm = 0xc0a4 => "TLS_PSK_WITH_AES_128_CCM",
        PskWithAes256Ccm = 0xc0a5 => "TLS_PSK_WITH_AES_256_CCM",
        PskWithAes128Ccm8 = 0xc0a8 => "TLS_PSK_WITH_AES_128_CCM_8",
        PskWithAes256Ccm8 = 0xc0a9 => "TLS_PSK_WITH_AES_256_CCM_8",
        EcdheEcdsaWithAes128Ccm = 0xc0ac => "TLS_ECDHE_ECDSA_WITH_AES_128_CCM",
        EcdheEcdsaWithAes256Ccm = 0xc0ad => "TLS_ECDHE_ECDSA_WITH_AES_256_CCM",
        EcdheEcdsaWithAes128Ccm8 = 0xc0ae => "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8",
        EcdheEcdsaWithAes256Ccm8 = 0xc0af => "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8",
        EcdheRsaWithChacha20Poly1305Sha256 = 0xcca8 => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        EcdheEcdsaWithChacha20Poly1305Sha256 = 0xcca9 => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        DheRsaWithChacha20Poly1305Sha256 = 0xccaa => "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        PskWithChacha20Poly1305Sha256 = 0xccab => "TLS_PSK_WITH_CHACHA20_POLY1305_SHA256",
        EcdhePskWithChacha20Poly1305Sha256 = 0xccac => "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256",
        EcdhePskWithAes128GcmSha256 = 0xd001 => "TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256",
        EcdhePskWithAes256GcmSha384 = 0xd002 => "TLS_ECDHE_PSK_WITH_AES_256_GCM_SHA384",
        EcdhePskWithAes128CcmSha256 = 0xd005 => "TLS_ECDHE_PSK_WITH_AES_128_CCM_SHA256",
    }
}

impl CipherSuite {
    /// Whether it is a suite of 1.3, which says nothing of key exchange and authentication.
    pub const fn is_13(self) -> bool {
        self.raw() >> 8 == 0x13
    }
}
