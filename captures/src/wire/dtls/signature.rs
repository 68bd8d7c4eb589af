//! Signature schemes: RFC 8446 §4.2.3; in 1.2 the pairs of hash and signature algorithm (RFC 5246 §7.4.1.4.1).

code_points! {
    /// With what a signature is made.
    pub enum SignatureScheme(u16) {
        RsaPkcs1Sha1 = 0x0201 => "rsa_pkcs1_sha1",
        DsaSha1 = 0x0202 => "dsa_sha1",
        EcdsaSha1 = 0x0203 => "ecdsa_sha1",
        RsaPkcs1Sha224 = 0x0301 => "rsa_pkcs1_sha224",
        DsaSha224 = 0x0302 => "dsa_sha224",
        EcdsaSha224 = 0x0303 => "ecdsa_sha224",
        RsaPkcs1Sha256 = 0x0401 => "rsa_pkcs1_sha256",
        DsaSha256 = 0x0402 => "dsa_sha256",
        EcdsaSecp256r1Sha256 = 0x0403 => "ecdsa_secp256r1_sha256",
        RsaPkcs1Sha384 = 0x0501 => "rsa_pkcs1_sha384",
        EcdsaSecp384r1Sha384 = 0x0503 => "ecdsa_secp384r1_sha384",
        RsaPkcs1Sha512 = 0x0601 => "rsa_pkcs1_sha512",
        EcdsaSecp521r1Sha512 = 0x0603 => "ecdsa_secp521r1_sha512",
        RsaPssRsaeSha256 = 0x0804 => "rsa_pss_rsae_sha256",
        RsaPssRsaeSha384 = 0x0805 => "rsa_pss_rsae_sha384",
        RsaPssRsaeSha512 = 0x0806 => "rsa_pss_rsae_sha512",
        Ed25519 = 0x0807 => "ed25519",
        Ed448 = 0x0808 => "ed448",
        RsaPssPssSha256 = 0x0809 => "rsa_pss_pss_sha256",
        RsaPssPssSha384 = 0x080a => "rsa_pss_pss_sha384",
        RsaPssPssSha512 = 0x080b => "rsa_pss_pss_sha512",
        EcdsaBrainpoolP256r1Sha256 = 0x081a => "ecdsa_brainpoolP256r1tls13_sha256",
        EcdsaBrainpoolP384r1Sha384 = 0x081b => "ecdsa_brainpoolP384r1tls13_sha384",
        EcdsaBrainpoolP512r1Sha512 = 0x081c => "ecdsa_brainpoolP512r1tls13_sha512",
        MlDsa44 = 0x0904 => "mldsa44",
        MlDsa65 = 0x0905 => "mldsa65",
        MlDsa87 = 0x0906 => "mldsa87",
    }
}
