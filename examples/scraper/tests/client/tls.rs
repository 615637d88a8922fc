//! https: whom the client trusts, and whom not.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::{env, fs, process, thread};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rondel_scraper::client::{Phase, tls};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use url::Url;

use super::server::{answer, client, config, fetch, read_head};

/// An authority of our own.
fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server with a certificate for `names`, signed by `issuer`; it answers with `body`.
fn serve(
    issuer: &CertifiedIssuer<'static, KeyPair>,
    names: &[&str],
    expired: bool,
    body: Vec<u8>,
) -> SocketAddr {
    let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    if expired {
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let settings = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let settings = Arc::new(settings);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (settings, body) = (settings.clone(), body.clone());
            thread::spawn(move || {
                let session = rustls::ServerConnection::new(settings).unwrap();
                let mut stream = rustls::StreamOwned::new(session, stream);
                while read_head(&mut stream).is_some() {
                    if stream.write_all(&answer("200 OK", "", &body)).is_err() {
                        return;
                    }
                }
            });
        }
    });
    addr
}

/// A file of its own for each test, removed when dropped.
struct File(PathBuf);

impl File {
    fn new(name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = env::temp_dir().join(format!("rondel-{}-{name}.pem", process::id()));
        fs::write(&path, content).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn https(host: &str, addr: SocketAddr) -> Url {
    Url::parse(&format!("https://{host}:{}/page", addr.port())).unwrap()
}

/// Goal: show that a server is trusted by an authority of one's own, by name and by address, that
/// connections are reused, and that large bodies survive the records.
/// Method: one server for `localhost` and `127.0.0.1`; 1 MB of body.
#[rondel::test]
async fn a_server_of_our_own_authority_is_trusted() {
    let issuer = authority();
    let body: Vec<u8> = (0..1_000_000_u32).map(|i| i as u8).collect();
    let addr = serve(&issuer, &["localhost", "127.0.0.1"], false, body.clone());
    let file = File::new("good", issuer.pem());
    let (client, diary) = client(config().ca_file(&file.0).unwrap());
    for host in ["localhost", "127.0.0.1", "127.0.0.1"] {
        let response = client.fetch(&https(host, addr)).await.unwrap();
        assert_eq!(response.body, body);
    }
    assert_eq!((client.stats().opened, client.stats().reused), (2, 1));
    assert_eq!(diary.notes(), []);
}

/// Goal: show that certificates are checked (erratum X10), and that a bad one is final and named.
/// Method: an unknown authority, a wrong name, an expired certificate.
#[rondel::test]
async fn a_bad_certificate_is_refused() {
    let issuer = authority();
    let file = File::new("bad", issuer.pem());
    let trusting = || config().ca_file(&file.0).unwrap();
    let ours = serve(&issuer, &["localhost"], false, Vec::new());
    let elsewhere = serve(&issuer, &["elsewhere.example"], false, Vec::new());
    let expired = serve(&issuer, &["localhost"], true, Vec::new());
    let cases = [
        (config(), ours, "UnknownIssuer"),
        (trusting(), elsewhere, "not valid for name"),
        (trusting(), expired, "expired"),
    ];
    for (config, addr, why) in cases {
        let error = fetch(config, &https("localhost", addr)).await.unwrap_err();
        assert_eq!((error.phase(), error.reason().as_ref()), (Phase::Tls, "tls"), "{error}");
        assert_eq!(error.attempts(), 1);
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(error.to_string().lines().count(), 1);
    }
}

/// Goal: show that a server that does not speak TLS is a TLS error.
/// Method: https to a server that answers the handshake with a page.
#[rondel::test]
async fn a_plain_server_is_no_https_server() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = https("127.0.0.1", listener.local_addr().unwrap());
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(&answer("400 Bad Request", "", "speak plainly"));
        let _ = stream.read(&mut [0; 4096]);
    });
    let error = fetch(config(), &url).await.unwrap_err();
    assert_eq!((error.phase(), error.reason().as_ref()), (Phase::Tls, "tls"), "{error}");
    assert_eq!(error.attempts(), 1);
}

/// Goal: show that a CA file that cannot be used says why, in one line.
/// Method: no file, an empty one, one without a certificate, a broken certificate.
#[test]
fn a_useless_ca_file_says_why() {
    let missing = PathBuf::from("/no/such/file.pem");
    let error = tls::roots(Some(&missing)).unwrap_err().to_string();
    assert_eq!(
        error,
        "cannot read the CA file /no/such/file.pem: No such file or directory (os error 2)"
    );
    for (name, content) in [("empty", ""), ("text", "hello\n")] {
        let file = File::new(name, content);
        let error = tls::roots(Some(&file.0)).unwrap_err().to_string();
        assert!(error.contains("holds no certificate"), "{error}");
    }
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let file = File::new("broken", broken);
    let error = tls::roots(Some(&file.0)).unwrap_err().to_string();
    assert!(error.contains("is bad"), "{error}");
    assert_eq!(error.lines().count(), 1);
}
