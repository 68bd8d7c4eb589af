//! What a connection is made of.

use super::error::{ErrorName, Rejection};
use crate::tap::{NoSecrets, PassAll, SecretSink, Tap};
use crate::workarounds::Workarounds;
use rtc::crypto::{RTCCrypto, SignatureScheme};
use rtc::ice::mdns::MulticastDnsMode;
use rtc::peer_connection::certificate::{CertificateParams, RTCCertificate};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use webrtc::peer_connection::{
    RTCBundlePolicy, RTCConfiguration, RTCConfigurationBuilder, RTCIceServer, RTCIceTransportPolicy,
    SettingEngineBuilder,
};

pub use rtc::peer_connection::transport::RTCDtlsRole;

/// The largest message that the crate can receive, in bytes.
pub const MAX_MESSAGE_SIZE: u32 = 262_144;

/// A STUN or TURN server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IceServer {
    /// `stun:`, `turn:`, `turns:` URLs.
    pub urls: Vec<String>,
    /// TURN user name.
    pub username: Option<String>,
    /// TURN password.
    pub credential: Option<String>,
}

/// `RTCIceTransportPolicy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TransportPolicy {
    /// Any candidate.
    #[default]
    All,
    /// Relayed candidates only.
    Relay,
}

/// `RTCBundlePolicy`. The crate always bundles; it only keeps the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BundlePolicy {
    /// `balanced`.
    #[default]
    Balanced,
    /// `max-compat`.
    MaxCompat,
    /// `max-bundle`.
    MaxBundle,
}

/// Key algorithm of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateAlgorithm {
    /// ECDSA on P-256.
    Ecdsa,
    /// RSA. The crate cannot generate such keys.
    Rsa,
}

/// `RTCConfiguration`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Configuration {
    /// Servers.
    pub ice_servers: Vec<IceServer>,
    /// Which candidates are used.
    pub transport_policy: TransportPolicy,
    /// How media are bundled.
    pub bundle_policy: BundlePolicy,
    /// Candidates gathered ahead. The crate keeps the value and gathers none ahead.
    pub candidate_pool_size: u8,
    /// A certificate generated for this connection with this algorithm.
    pub certificate: Option<CertificateAlgorithm>,
}

impl Configuration {
    pub(super) fn has_turn(&self) -> bool {
        self.ice_servers.iter().flat_map(|s| &s.urls).any(|url| url.starts_with("turn"))
    }

    /// As the crate wants it, `relay` as given or not.
    pub(super) fn build(&self, relay: bool) -> RTCConfigurationBuilder {
        let servers = self.ice_servers.iter().map(|server| RTCIceServer {
            urls: server.urls.clone(),
            username: server.username.clone().unwrap_or_default(),
            credential: server.credential.clone().unwrap_or_default(),
        });
        let policy = if relay { RTCIceTransportPolicy::Relay } else { RTCIceTransportPolicy::All };
        let bundle = match self.bundle_policy {
            BundlePolicy::Balanced => RTCBundlePolicy::Balanced,
            BundlePolicy::MaxCompat => RTCBundlePolicy::MaxCompat,
            BundlePolicy::MaxBundle => RTCBundlePolicy::MaxBundle,
        };
        RTCConfigurationBuilder::new()
            .with_ice_servers(servers.collect())
            .with_ice_transport_policy(policy)
            .with_bundle_policy(bundle)
            .with_ice_candidate_pool_size(self.candidate_pool_size)
    }

    /// With its certificate.
    pub(super) fn build_with(
        &self,
        relay: bool,
        crypto: &dyn RTCCrypto,
    ) -> Result<RTCConfiguration, Rejection> {
        let mut builder = self.build(relay);
        match self.certificate {
            None => {}
            Some(CertificateAlgorithm::Rsa) => {
                return Err(Rejection::new(ErrorName::NotSupported, "RSA keys cannot be generated"));
            }
            Some(CertificateAlgorithm::Ecdsa) => {
                let params = CertificateParams::new(vec!["peerproof".to_owned()])
                    .map_err(|error| Rejection::new(ErrorName::Operation, error.to_string()))?;
                let certificate = RTCCertificate::generate(crypto, SignatureScheme::EcdsaP256Sha256, params)?;
                builder = builder.with_certificates(vec![certificate]);
            }
        }
        Ok(builder.build())
    }
}

/// How `.local` names (draft-ietf-mmusic-mdns-ice-candidates) are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mdns {
    /// Not at all.
    Off,
    /// Those of others are looked up.
    #[default]
    Query,
    /// And our own addresses are hidden behind them.
    Gather,
}

/// Faults on purpose, for controls.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Faults {
    /// ICE username fragment and password instead of random ones.
    pub ice_credentials: Option<(String, String)>,
    /// The fingerprint in descriptions, instead of the certificate's own.
    pub fingerprint: Option<String>,
    /// The DTLS role taken in answers.
    pub answering_role: Option<RTCDtlsRole>,
    /// The remote certificate is not held against the signalled fingerprint.
    pub skip_fingerprint_check: bool,
}

/// Everything that makes a connection.
#[derive(Debug, Clone)]
pub struct Options {
    /// `RTCConfiguration`.
    pub configuration: Configuration,
    /// Addresses to bind; none means all of this machine's interfaces.
    pub addresses: Vec<IpAddr>,
    /// Whether there are TCP candidates too, active and passive (RFC 6544).
    pub tcp: bool,
    /// Whether the ICE agent is a lite one: host candidates alone, and no checks of its own (RFC 8445 §2.5).
    pub lite: bool,
    /// `.local` names.
    pub mdns: Mdns,
    /// Sees every datagram.
    pub tap: Arc<dyn Tap>,
    /// Gets every secret.
    pub secrets: Arc<dyn SecretSink>,
    /// Which defects of the crate are worked around.
    pub workarounds: Workarounds,
    /// Faults on purpose.
    pub faults: Faults,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            configuration: Configuration::default(),
            addresses: Vec::new(),
            tcp: false,
            lite: false,
            mdns: Mdns::default(),
            tap: Arc::new(PassAll),
            secrets: Arc::new(NoSecrets),
            workarounds: Workarounds::default(),
            faults: Faults::default(),
        }
    }
}

impl Options {
    /// The crate's settings, with `.local` names used in this way.
    pub(super) fn settings(&self, mdns: Mdns) -> SettingEngineBuilder {
        use rtc::peer_connection::configuration::setting_engine::SctpMaxMessageSize;
        let relay_only = self.configuration.transport_policy == TransportPolicy::Relay;
        let wait = |millis| Some(Duration::from_millis(millis));
        let mut settings = SettingEngineBuilder::new()
            .with_sctp_max_message_size(SctpMaxMessageSize::Bounded(MAX_MESSAGE_SIZE))
            // The pace of RFC 8445 §14.2 instead of the crate's 200 ms; as long in all, 1.4 seconds.
            .with_ice_connection_attempts(wait(50), Some(28))
            // The crate waits for better candidates for up to two seconds before it nominates a lesser pair.
            .with_srflx_acceptance_min_wait(wait(100))
            .with_prflx_acceptance_min_wait(wait(200))
            .with_relay_acceptance_min_wait(wait(if relay_only { 0 } else { 400 }))
            .with_lite(self.lite)
            .with_disable_certificate_fingerprint_verification(self.faults.skip_fingerprint_check)
            .with_multicast_dns_mode(match mdns {
                Mdns::Off => MulticastDnsMode::Disabled,
                Mdns::Query => MulticastDnsMode::QueryOnly,
                Mdns::Gather => MulticastDnsMode::QueryAndGather,
            });
        if self.tcp {
            use rtc::ice::network_type::NetworkType;
            settings = settings.with_network_types(vec![
                NetworkType::Udp4,
                NetworkType::Udp6,
                NetworkType::Tcp4,
                NetworkType::Tcp6,
            ]);
        }
        if let Some((fragment, password)) = &self.faults.ice_credentials {
            settings = settings.with_ice_credentials(fragment.clone(), password.clone());
        }
        if let Some(role) = self.faults.answering_role {
            settings = settings.with_answering_dtls_role(role);
        }
        settings
    }
}
