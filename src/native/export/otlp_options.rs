//! What both OTLP exporters are told: where spans go, who may read them and how long that may take. Their builders differ in
//! what only one of the protocols has.

use std::fmt;
use std::time::Duration;

use http::HeaderMap;
use http::header::AUTHORIZATION;

use super::endpoint::{self, Endpoint};
use super::error::ExporterError;
use super::proxy::Proxying;
use super::tls::{Pem, TlsOptions};
use crate::config::{Compression, OtlpExporting};

/// No request is larger before compression, as OTLP has it.
pub(super) const MOST_REQUEST: usize = 64 << 20;
/// No request takes longer, also where somebody said that time does not matter.
pub(super) const LONGEST: Duration = Duration::from_secs(3600);
/// Who sends, as the specification of OTLP exporters wants it told.
pub(super) const USER_AGENT: &str = concat!("OTel-OTLP-Exporter-spanloom/", env!("CARGO_PKG_VERSION"));

#[derive(Clone)]
pub(super) struct OtlpOptions {
    pub(super) endpoint: String,
    pub(super) gzip: bool,
    pub(super) headers: Vec<(String, String)>,
    pub(super) connect_timeout: Duration,
    pub(super) timeout: Duration,
    pub(super) tls: TlsOptions,
    pub(super) proxying: Proxying,
}

impl OtlpOptions {
    pub(super) fn new(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            gzip: false,
            headers: Vec::new(),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
            tls: TlsOptions::default(),
            proxying: Proxying::default(),
        }
    }

    /// What a configuration says.
    pub(super) fn configured(otlp: &OtlpExporting) -> Self {
        let identity = otlp.client_certificate.as_ref().zip(otlp.client_key.as_ref());
        Self {
            gzip: otlp.compression == Compression::Gzip,
            headers: otlp
                .headers
                .iter()
                .map(|(name, value)| (name.clone(), value.reveal().to_owned()))
                .collect(),
            timeout: otlp.timeout.unwrap_or(Duration::MAX),
            tls: TlsOptions {
                trusted: otlp.certificate.as_ref().map(Pem::file),
                identity: identity.map(|(certificate, key)| (Pem::file(certificate), Pem::file(key))),
            },
            ..Self::new(otlp.endpoint.reveal())
        }
    }

    /// Puts in what users want every request to carry, checked.
    pub(super) fn put_headers(
        &self,
        endpoint: &Endpoint,
        headers: &mut HeaderMap,
    ) -> Result<(), ExporterError> {
        if let Some(authorization) = &endpoint.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        for (name, value) in &self.headers {
            let (name, value) = endpoint::header(name, value)?;
            headers.insert(name, value);
        }
        Ok(())
    }

    /// Shows a builder without its secrets.
    pub(super) fn show(&self, builder: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        f.debug_struct(builder)
            .field("endpoint", &endpoint::without_secrets(&self.endpoint))
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Exporting};

    fn configured(settings: &[(&str, &str)]) -> OtlpOptions {
        let lookup =
            |key: &str| settings.iter().find(|(name, _)| *name == key).map(|(_, value)| (*value).to_owned());
        let (config, _) = Config::from_lookup(lookup).unwrap();
        match config.exporters.first() {
            Some(Exporting::Otlp(otlp)) => OtlpOptions::configured(otlp),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_configuration_is_taken_over_whole() {
        let options = configured(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://collector:4318"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=abc"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1500"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/me.pem"),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem"),
        ]);
        assert_eq!(options.endpoint, "https://collector:4318/v1/traces");
        assert_eq!(options.headers, [("x-api-key".to_owned(), "abc".to_owned())]);
        assert!(options.gzip);
        assert_eq!(options.timeout, Duration::from_millis(1500));
        assert_eq!(
            format!("{:?}", options.tls),
            "TlsOptions { trusted: Some(Pem::file(\"/ca.pem\")), \
             identity: Some((Pem::file(\"/me.pem\"), Pem::file(\"/key.pem\"))) }"
        );
    }

    #[test]
    fn what_a_configuration_does_not_say_stays_as_it_is() {
        let (configured, plain) = (configured(&[]), OtlpOptions::new("http://localhost:4318"));
        assert!(!configured.gzip && configured.headers.is_empty());
        assert_eq!(configured.connect_timeout, plain.connect_timeout);
        assert!(configured.tls.trusted.is_none() && configured.tls.identity.is_none());
    }
}
