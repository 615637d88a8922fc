//! Bad input: one clear line on stderr, the documented exit code, nothing else.

mod support;

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use support::{run, scraper, text};

/// Runs the binary in an empty directory and returns the one line that it says.
fn one_line(args: &[&str], code: i32) -> String {
    let dir = tempfile::tempdir().unwrap();
    let output = run(scraper().current_dir(dir.path()).args(args), code);
    let line = text(&output.stderr);
    assert_eq!(line.lines().count(), 1, "{args:?}: {line}");
    assert!(line.starts_with("rondel-scraper: "), "{line}");
    assert_eq!(text(&output.stdout), "", "{args:?}");
    line
}

/// Goal: nonsense on the command line.
/// Method: flags that do not exist, values that make no sense, flags that do nothing together.
#[test]
fn nonsense_flags_get_one_line() {
    for (args, words) in [
        (&["--wrokers", "5"][..], "--wrokers"),
        (&["--workers", "0"], "--workers"),
        (&["--workers", "many"], "many"),
        (&["--rate", "fast"], "requests a second"),
        (&["ftp://example.org/"], "only http and https"),
        (&["http://"], "is not a URL"),
        (&["http://[1:2/"], "is not a URL"),
        (&["--max-pages", "3"], "without a URL"),
        (&["http://a.org", "--pages", "3"], "with a URL"),
        (&["--resume"], "--store"),
    ] {
        let line = one_line(args, 2);
        assert!(line.contains(words), "{args:?}: {line}");
    }
}

/// Goal: files that cannot be used.
/// Method: CA files that are missing, empty or rubbish; stores and plots at impossible places.
#[test]
fn files_that_cannot_be_used_get_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("empty.pem"), "").unwrap();
    std::fs::write(
        path("bad.pem"),
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    )
    .unwrap();
    std::fs::write(path("notes.sqlite"), "these are notes and no database\n".repeat(50)).unwrap();
    let url = "https://127.0.0.1:1/";
    for (args, code, words) in [
        (&[url, "--ca-file", &path("missing.pem")][..], 2, "cannot read the CA file"),
        (&[url, "--ca-file", &path("")], 2, "CA file"),
        (&[url, "--ca-file", &path("empty.pem")], 2, "holds no certificate"),
        (&[url, "--ca-file", &path("bad.pem")], 2, "is bad"),
        (&["--store", &path("no/such/dir/s.sqlite")], 3, "cannot open the store"),
        (&["--store", &path("")], 3, "it is a directory"),
        (&["--store", &path("notes.sqlite")], 3, "is not a store of rondel-scraper"),
        (&["--store", "/proc/version"], 3, "/proc/version"),
        (&["--plot", &path("no/such/plot.svg")], 2, "cannot write"),
    ] {
        let line = one_line(args, code);
        assert!(line.contains(words), "{args:?}: {line}");
    }
}

/// Goal: a store that nobody may write to.
/// Method: a store made by a run, then made read-only. A root user may write all the same, so the
/// test looks first whether the system keeps to its own rule.
#[test]
#[cfg(unix)]
fn a_read_only_store_gets_one_line() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let locked = dir.path().join("locked");
    std::fs::create_dir(&locked).unwrap();
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(locked.join("probe"), "").is_err() {
        let store = locked.join("s.sqlite");
        let line = one_line(&["--store", store.to_str().unwrap()], 3);
        assert!(line.contains("cannot open the store"), "{line}");
    }
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Goal: work that is there already is not overwritten, and not mixed up with other work.
/// Method: run twice; run another job; go on with what is complete.
#[test]
fn a_store_with_work_in_it_is_not_touched_without_being_asked() {
    let dir = tempfile::tempdir().unwrap();
    let store = dir.path().join("s.sqlite");
    let store = store.to_str().unwrap();
    run(scraper().args(["-q", "--pages", "50", "--store", store]), 0);
    let line = one_line(&["--pages", "50", "--store", store], 3);
    assert!(line.contains("already holds 50 pages") && line.contains("--resume"), "{line}");
    let line = one_line(&["--pages", "60", "--store", store, "--resume"], 3);
    assert!(line.contains("belongs to"), "{line}");
    let output =
        run(scraper().args(["-q", "--json", "--pages", "50", "--store", store, "--resume"]), 0);
    let report = support::json(&output);
    assert_eq!(support::count(&report, "pages_stored"), 0);
    assert_eq!(support::count(&report, "pages_in_store"), 50);
    support::assert_all_profiles(Path::new(store), 50);
}

/// Goal: a name that does not exist.
/// Method: `.invalid` never exists (RFC 2606). Without a network the system may say that it cannot
/// tell, which is a line as well.
#[test]
fn a_host_that_does_not_exist_gets_one_line() {
    let line = one_line(&["http://no-such-host.invalid/", "--attempts", "1"], 4);
    assert!(line.contains("no-such-host.invalid") && line.contains("dns"), "{line}");
}

/// Goal: a port that nobody listens on.
/// Method: take a port and give it back.
#[test]
fn a_closed_port_gets_one_line() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let line = one_line(&[&format!("http://{address}/")], 4);
    assert!(line.contains("refused") && line.contains(&address.to_string()), "{line}");
    assert!(line.contains("4 attempts"), "{line}");
}

/// Goal: a certificate that nobody vouches for is refused, and accepted once the user does.
/// Method: a TLS server with a certificate of its own making, with and without `--ca-file`.
#[test]
fn a_bad_certificate_gets_one_line() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = rustls_pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::ring::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(vec![made.cert.der().clone()], key.into())
    .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
    let config = Arc::new(config);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = config.clone();
            std::thread::spawn(move || answer(stream, config));
        }
    });
    let line = one_line(&[&url], 4);
    assert!(line.contains("tls") && line.contains("certificate"), "{line}");

    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, made.cert.pem()).unwrap();
    let output =
        run(scraper().current_dir(dir.path()).args([&url, "--json", "--ca-file"]).arg(&ca), 0);
    assert_eq!(support::count(&support::json(&output), "pages_stored"), 1);
}

/// Answers every request on a connection with the same small page; robots.txt is missing.
fn answer(stream: TcpStream, config: Arc<rustls::ServerConfig>) {
    use std::io::{BufRead, BufReader};
    let Ok(session) = rustls::ServerConnection::new(config) else { return };
    let mut tls = BufReader::new(rustls::StreamOwned::new(session, stream));
    let mut head = String::new();
    while tls.read_line(&mut head).is_ok_and(|len| len > 0) {
        if !head.ends_with("\r\n\r\n") {
            continue;
        }
        let found = head.starts_with("GET / ");
        let status = if found { "200 OK" } else { "404 Not Found" };
        let body = "<title>secret</title>";
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        head.clear();
        if tls.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// Goal: a site that asks to be left alone is left alone, in one line.
/// Method: a robots.txt that forbids everything, and one that answers 503.
#[test]
fn a_site_that_does_not_want_us_gets_one_line() {
    for (answer, words) in [
        (
            "200 OK\r\nContent-Length: 27\r\n\r\nUser-agent: *\nDisallow: / \n ",
            "robots.txt does not allow it",
        ),
        ("503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", "robots.txt answers 503"),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = std::io::Read::read(&mut stream, &mut [0; 1000]);
                let _ = write!(stream, "HTTP/1.1 {answer}");
            }
        });
        let line = one_line(&[&url, "--attempts", "2"], 4);
        assert!(line.contains(words), "{line}");
    }
}

/// Goal: help and version are there for the asking, on stdout, and end well.
/// Method: ask.
#[test]
fn help_and_version_go_to_stdout() {
    let help = text(&run(scraper().arg("--help"), 0).stdout);
    for word in ["Examples:", "Exit codes:", "--resume", "--store", "robots.txt", "130"] {
        assert!(help.contains(word), "{word}");
    }
    let long = help.lines().find(|line| line.chars().count() > 101);
    assert_eq!(long, None);
    assert!(text(&run(scraper().arg("--version"), 0).stdout).starts_with("rondel-scraper 0."));
}
