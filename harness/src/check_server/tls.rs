//! TLS to a server, and whether clients accept its certificate (RFC 5280, RFC 9525).

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

/// Where systems keep the authorities that they trust: Debian and Alpine, Fedora, OpenSUSE, macOS.
const SYSTEM: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Most names of a certificate that are listed.
const MOST_NAMES: usize = 8;

/// The authorities that are trusted.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    roots: Arc<RootCertStore>,
    /// Go on although the certificate is refused.
    insecure: bool,
}

/// Why there are no authorities to trust.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file that was named cannot be read.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl Trust {
    /// The authorities of `file`, else of `SSL_CERT_FILE`, else of the system; none where the system has no such file.
    pub(super) fn load(file: Option<&Path>, insecure: bool) -> Result<Self, TrustError> {
        let named = file
            .map(Path::to_owned)
            .or_else(|| std::env::var_os("SSL_CERT_FILE").filter(|name| !name.is_empty()).map(PathBuf::from));
        let mut roots = RootCertStore::empty();
        let found = named.or_else(|| SYSTEM.iter().map(PathBuf::from).find(|path| path.is_file()));
        if let Some(path) = found {
            let wrong = |reason: String| TrustError::File { path: path.clone(), reason };
            let read = CertificateDer::pem_file_iter(&path).map_err(|error| wrong(error.to_string()))?;
            let certificates: Vec<_> =
                read.collect::<Result<_, _>>().map_err(|error| wrong(error.to_string()))?;
            let (added, _) = roots.add_parsable_certificates(certificates);
            if added == 0 {
                return Err(wrong("no certificate in PEM is in it".to_owned()));
            }
        }
        Ok(Self { roots: Arc::new(roots), insecure })
    }
}

/// What became of a handshake.
pub(super) struct Handshake {
    /// The stream, if the handshake was completed.
    pub(super) stream: Result<TlsStream<TcpStream>, std::io::Error>,
    /// The certificate, if one came.
    pub(super) certificate: Option<Certificate>,
    /// `TLS 1.3, TLS13_AES_256_GCM_SHA384`.
    pub(super) negotiated: Option<String>,
}

/// What is shown of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Certificate {
    /// Whom it names.
    pub(super) names: Vec<String>,
    /// Who issued it.
    pub(super) issuer: String,
    /// The end of its validity, in seconds since 1970, and in words.
    pub(super) until: Option<(i64, String)>,
    /// Why clients refuse it, if they do.
    pub(super) refused: Option<String>,
}

/// Completes a handshake with `host` if its certificate is good, or in spite of it where that is asked for.
pub(super) async fn handshake(trust: &Trust, stream: TcpStream, host: &str) -> Handshake {
    let failed = |reason: String| Handshake {
        stream: Err(std::io::Error::other(reason)),
        certificate: None,
        negotiated: None,
    };
    let Ok(name) = ServerName::try_from(host.to_owned()) else {
        return failed(format!("{host} is no name that a certificate can have"));
    };
    let provider = Arc::new(ring::default_provider());
    let verifier = if trust.roots.is_empty() {
        None
    } else {
        WebPkiServerVerifier::builder_with_provider(Arc::clone(&trust.roots), Arc::clone(&provider))
            .build()
            .ok()
    };
    let seen = Arc::new(Mutex::new(None));
    let witness = Arc::new(Witness {
        verifier,
        algorithms: provider.signature_verification_algorithms,
        insecure: trust.insecure,
        seen: Arc::clone(&seen),
    });
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = match config {
        Ok(config) => config.dangerous().with_custom_certificate_verifier(witness).with_no_client_auth(),
        Err(error) => return failed(error.to_string()),
    };
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await;
    let negotiated = stream.as_ref().ok().map(|stream| {
        let (_, session) = stream.get_ref();
        let version = session.protocol_version().map_or_else(String::new, |version| format!("{version:?}"));
        let suite = session.negotiated_cipher_suite();
        let suite = suite.map_or_else(String::new, |suite| format!("{:?}", suite.suite()));
        format!("{}, {suite}", version.replace("TLSv1_", "TLS 1."))
    });
    let certificate = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    Handshake { stream, certificate, negotiated }
}

/// Verifies as usual and remembers what it saw.
#[derive(Debug)]
struct Witness {
    /// None where no authority is known: then nobody is trusted.
    verifier: Option<Arc<WebPkiServerVerifier>>,
    algorithms: tokio_rustls::rustls::crypto::WebPkiSupportedAlgorithms,
    insecure: bool,
    seen: Arc<Mutex<Option<Certificate>>>,
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.verifier.as_ref().map_or(
            Err(Error::InvalidCertificate(CertificateError::UnknownIssuer)),
            |verifier| {
                verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            },
        );
        let mut certificate = describe(end_entity);
        certificate.refused = verified.as_ref().err().map(|error| reason(error, self.verifier.is_none()));
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(certificate);
        if self.insecure { Ok(ServerCertVerified::assertion()) } else { verified }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tokio_rustls::rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        tokio_rustls::rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Why a certificate is refused, for people.
fn reason(error: &Error, nobody_trusted: bool) -> String {
    use CertificateError as E;
    let Error::InvalidCertificate(error) = error else { return error.to_string() };
    match error {
        E::Expired | E::ExpiredContext { .. } => "it has expired".to_owned(),
        E::NotValidYet | E::NotValidYetContext { .. } => "it is not valid yet".to_owned(),
        E::NotValidForName | E::NotValidForNameContext { .. } => "it is for other names".to_owned(),
        E::Revoked => "it has been revoked".to_owned(),
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => "it is not for TLS servers".to_owned(),
        E::UnknownIssuer if nobody_trusted => {
            "this machine has no list of trusted authorities (--ca names one)".to_owned()
        }
        E::UnknownIssuer | E::BadSignature => {
            "no trusted authority issued it, or the server does not send the certificates between \
             (--ca names another authority)"
                .to_owned()
        }
        // The verifier has a word of its own for it, such as CaUsedAsEndEntity.
        E::Other(other) => format!("it is not one for a server ({})", other.0),
        other => other.to_string(),
    }
}

fn describe(certificate: &CertificateDer<'_>) -> Certificate {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        let unreadable = "a certificate that cannot be read".to_owned();
        return Certificate { names: Vec::new(), issuer: unreadable, until: None, refused: None };
    };
    let mut names = Vec::new();
    if let Ok(Some(alternative)) = parsed.subject_alternative_name() {
        for name in &alternative.value.general_names {
            match *name {
                GeneralName::DNSName(name) => names.push(name.to_owned()),
                GeneralName::IPAddress(&[a, b, c, d]) => names.push(format!("{a}.{b}.{c}.{d}")),
                GeneralName::IPAddress(bytes) => {
                    let address: Option<[u8; 16]> = bytes.try_into().ok();
                    names.extend(address.map(|address| std::net::Ipv6Addr::from(address).to_string()));
                }
                _ => {}
            }
        }
    }
    names.truncate(MOST_NAMES);
    let end = parsed.validity().not_after;
    let until = Some((end.timestamp(), end.to_string()));
    Certificate { names, issuer: parsed.issuer().to_string(), until, refused: None }
}
