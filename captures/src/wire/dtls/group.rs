//! Named groups: RFC 8446 §4.2.7, the IANA registry "TLS Supported Groups".

code_points! {
    /// A group for key exchange, or a curve.
    pub enum Group(u16) {
        Secp192r1 = 19 => "secp192r1",
        Secp224r1 = 21 => "secp224r1",
        Secp256k1 = 22 => "secp256k1",
        Secp256r1 = 23 => "secp256r1",
        Secp384r1 = 24 => "secp384r1",
        Secp521r1 = 25 => "secp521r1",
        BrainpoolP256r1 = 26 => "brainpoolP256r1",
        BrainpoolP384r1 = 27 => "brainpoolP384r1",
        BrainpoolP512r1 = 28 => "brainpoolP512r1",
        X25519 = 29 => "x25519",
        X448 = 30 => "x448",
        Ffdhe2048 = 256 => "ffdhe2048",
        Ffdhe3072 = 257 => "ffdhe3072",
        Ffdhe4096 = 258 => "ffdhe4096",
        Ffdhe6144 = 259 => "ffdhe6144",
        Ffdhe8192 = 260 => "ffdhe8192",
        MlKem512 = 512 => "MLKEM512",
        MlKem768 = 513 => "MLKEM768",
        MlKem1024 = 514 => "MLKEM1024",
        Secp256r1MlKem768 = 4587 => "SecP256r1MLKEM768",
        X25519MlKem768 = 4588 => "X25519MLKEM768",
        Secp384r1MlKem1024 = 4589 => "SecP384r1MLKEM1024",
        X25519Kyber768Draft00 = 25497 => "X25519Kyber768Draft00",
    }
}
