//! Certificates and keys: read when an exporter is made, so that what is wrong with them shows at once.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{AlertDescription, ClientConfig, Error as TlsError, RootCertStore};

use super::error::ExporterError;
use crate::deliver::{Answer, Reason};

/// Certificates or a key as PEM text: the path of a file that has it, or the text itself.
///
/// ```
/// use spanloom::native::Pem;
/// let in_a_file = Pem::file("/etc/otel/ca.pem");
/// let in_memory = Pem::text("-----BEGIN CERTIFICATE-----\n...");
/// assert_eq!(format!("{in_memory:?}"), "Pem::text(..)");
/// ```
#[derive(Clone)]
pub struct Pem(Kept);

#[derive(Clone)]
enum Kept {
    File(PathBuf),
    Text(Vec<u8>),
}

impl Pem {
    /// What the file at this path has; it is read when the exporter is made.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Kept::File(path.into()))
    }

    /// This text.
    #[must_use]
    pub fn text(text: impl Into<Vec<u8>>) -> Self {
        Self(Kept::Text(text.into()))
    }

    fn read(self, what: &'static str) -> Result<Vec<u8>, ExporterError> {
        match self.0 {
            Kept::File(path) => fs::read(&path).map_err(|error| ExporterError::File { what, path, error }),
            Kept::Text(text) => Ok(text),
        }
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kept::File(path) => f.debug_tuple("Pem::file").field(path).finish(),
            Kept::Text(_) => f.write_str("Pem::text(..)"),
        }
    }
}

/// Whom to trust, and who we are, as it was asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct TlsOptions {
    pub(super) trusted: Option<Pem>,
    pub(super) identity: Option<(Pem, Pem)>,
}

/// The same, read and checked, as PEM.
pub(super) struct Tls {
    /// `None`: Mozilla's list, which is compiled in.
    pub(super) trusted: Option<Vec<u8>>,
    /// Our certificates, and the key of the first one.
    pub(super) identity: Option<(Vec<u8>, Vec<u8>)>,
}

const TRUSTED: &str = "certificates to trust";
const CHAIN: &str = "client certificate";
const KEY: &str = "client key";

impl TlsOptions {
    pub(super) fn read(self) -> Result<Tls, ExporterError> {
        let mut roots = RootCertStore::empty();
        let trusted = self.trusted.map(|pem| pem.read(TRUSTED)).transpose()?;
        if let Some(pem) = &trusted {
            for certificate in certificates(pem, TRUSTED)? {
                roots.add(certificate).map_err(|error| bad(TRUSTED, &error))?;
            }
        }
        let Some((chain, key)) = self.identity else { return Ok(Tls { trusted, identity: None }) };
        let (chain, key) = (chain.read(CHAIN)?, key.read(KEY)?);
        let checked = PrivateKeyDer::from_pem_slice(&key)
            .map_err(|error| bad(KEY, &format!("there is no unencrypted PEM key in it ({error})")))?;
        let certificates = certificates(&chain, CHAIN)?;
        // Tells whether the key is of a kind that is understood, and whether it is the certificate's.
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| {
                config.with_root_certificates(roots).with_client_auth_cert(certificates, checked)
            })
            .map_err(|error| bad(CHAIN, &format!("it does not go with the key ({error})")))?;
        Ok(Tls { trusted, identity: Some((chain, key)) })
    }
}

fn certificates(pem: &[u8], what: &'static str) -> Result<Vec<CertificateDer<'static>>, ExporterError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let found = found.map_err(|error| bad(what, &error))?;
    if found.is_empty() {
        return Err(bad(what, &"there is no PEM certificate in it"));
    }
    Ok(found)
}

fn bad(what: &'static str, problem: &dyn fmt::Display) -> ExporterError {
    ExporterError::Tls { what, problem: problem.to_string() }
}

/// A receiver that is not who it should be, or that does not want us, is not asked again: time mends no certificate.
pub(super) fn answer_of(error: &TlsError, endpoint: &str) -> Answer {
    let why = format!("{endpoint}: TLS: {error}");
    match error {
        // Bytes that the network damaged, or a receiver that gave up in the middle.
        TlsError::DecryptError
        | TlsError::AlertReceived(
            AlertDescription::CloseNotify
            | AlertDescription::UserCanceled
            | AlertDescription::InternalError
            | AlertDescription::BadRecordMac,
        ) => Answer::later(why),
        _ => Answer::Refused { reason: Reason::Auth, why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn problem(options: TlsOptions) -> String {
        options.read().err().unwrap().to_string()
    }

    #[test]
    fn what_goes_together_is_taken() {
        let (chain, key) = certificate();
        let options = TlsOptions {
            trusted: Some(Pem::text(format!("{chain}{chain}"))),
            identity: Some((Pem::text(chain), Pem::text(key))),
        };
        let tls = options.read().unwrap();
        assert!(tls.trusted.is_some() && tls.identity.is_some());
        assert!(
            TlsOptions::default().read().is_ok_and(|tls| tls.trusted.is_none() && tls.identity.is_none())
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        let ((chain, key), (_, other_key)) = (certificate(), certificate());
        let trusting = |text: &str| TlsOptions { trusted: Some(Pem::text(text)), identity: None };
        let being = |chain: &str, key: &str| TlsOptions {
            trusted: None,
            identity: Some((Pem::text(chain), Pem::text(key))),
        };
        assert_eq!(
            problem(trusting("")),
            "the certificates to trust cannot be used: there is no PEM certificate in it"
        );
        assert!(
            problem(trusting("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
                .starts_with("the cert")
        );
        assert!(problem(trusting(&key)).ends_with("there is no PEM certificate in it"));
        assert!(problem(being(&chain, "")).starts_with("the client key cannot be used"));
        assert!(
            problem(being(&chain, &other_key))
                .starts_with("the client certificate cannot be used: it does not go")
        );
        assert!(problem(being("", &key)).starts_with("the client certificate cannot be used"));
        let missing = TlsOptions { trusted: Some(Pem::file("/nowhere/ca.pem")), identity: None };
        let text = problem(missing);
        assert!(
            text.starts_with("the file \"/nowhere/ca.pem\" with the certificates to trust cannot be"),
            "{text}"
        );
    }
}
