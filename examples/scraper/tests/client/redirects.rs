//! Redirects: followed, counted, refused.

use std::sync::Arc;

use rondel_scraper::client::{ClientConfig, Phase};

use super::server::{Server, client, config, fetch, page, status};

/// A server on which `/a` leads to `location`, and every other path is a page with its own name.
fn leads_to(code: &'static str, location: String) -> Server {
    Server::start(move |request| match request.path.as_str() {
        "/a" => status(code, &format!("location: {location}\r\n")),
        path => page(path),
    })
}

/// Goal: show that all redirects are followed, absolute and relative ones alike, over one
/// connection.
/// Method: each status with each form of `Location`.
#[rondel::test]
async fn redirects_are_followed_wherever_they_lead() {
    let codes = ["301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent"];
    let locations = ["/b?x=1", "b?x=1", "./c/../b?x=1", "?x=1", "/b?x=1#part", " /b?x=1"];
    for (code, location) in codes.iter().zip(locations).chain([(&codes[0], locations[5])]) {
        let server = leads_to(code, location.to_owned());
        let response = fetch(config(), &server.url("/a")).await.unwrap();
        let expected = if location == "?x=1" { "/a?x=1" } else { "/b?x=1" };
        assert_eq!(response.body, expected, "{code} {location}");
        assert_eq!(response.final_url(), &server.url(expected));
        assert_eq!((response.url.path(), response.attempts), ("/a", 1));
        assert_eq!(server.connections(), 1);
    }
}

/// Goal: show that a redirect may lead to another host.
/// Method: two servers.
#[rondel::test]
async fn a_redirect_may_lead_to_another_host() {
    let other = Server::start(|request| page(&request.path));
    let server = leads_to("302 Found", other.url("/there").to_string());
    let response = fetch(config(), &server.url("/a")).await.unwrap();
    assert_eq!(response.final_url(), &other.url("/there"));
    assert_eq!(other.paths(), ["/there"]);
}

/// Goal: show that the limit counts redirects, and that the error says where the next one leads.
/// Method: a chain without end; limits of 0 and 4.
#[rondel::test]
async fn the_number_of_redirects_is_limited() {
    let server = Server::start(|request| {
        let number: u32 = request.path[1..].parse().unwrap();
        status("302 Found", &format!("location: /{}\r\n", number + 1))
    });
    for redirects in [0, 4] {
        let config = ClientConfig { redirects, ..config() };
        let error = fetch(config, &server.url("/0")).await.unwrap_err();
        assert_eq!((error.phase(), error.reason().as_ref()), (Phase::Redirect, "redirect-limit"));
        assert_eq!(error.url(), &server.url(&format!("/{redirects}")));
        assert_eq!(error.location(), Some(&server.url(&format!("/{}", redirects + 1))));
        assert_eq!(error.attempts(), 1);
    }
    assert_eq!(server.requests().len(), 1 + 5);
}

/// Goal: show that a circle is noticed when it closes.
/// Method: three pages that lead to each other, and one that leads to itself.
#[rondel::test]
async fn a_circle_of_redirects_is_noticed() {
    let server = Server::start(|request| match request.path.as_str() {
        "/1" => status("301 Moved", "location: /2\r\n"),
        "/2" => status("301 Moved", "location: /3#again\r\n"),
        "/3" => status("301 Moved", "location: /1#again\r\n"),
        _ => status("301 Moved", "location: /self\r\n"),
    });
    for (path, asked) in [("/1", 3), ("/self", 1)] {
        let before = server.requests().len();
        let error = fetch(config(), &server.url(path)).await.unwrap_err();
        assert_eq!(error.reason(), "redirect-loop");
        assert_eq!(server.requests().len() - before, asked);
    }
}

/// Goal: show that a redirect to nowhere is an error, and is not tried again.
/// Method: no `Location`, other schemes, nonsense.
#[rondel::test]
async fn a_redirect_to_nowhere_is_an_error() {
    for location in ["", "location: mailto:a@b\r\n", "location: http://[::\r\n"] {
        let server = Server::start(move |_| status("302 Found", location));
        let error = fetch(config(), &server.url("/a")).await.unwrap_err();
        assert_eq!((error.reason().as_ref(), error.attempts()), ("redirect-bad", 1), "{error}");
        assert_eq!(server.requests().len(), 1);
    }
}

/// Goal: show that the program may refuse a redirect, and learns where it would have led.
/// Method: only the same host is allowed.
#[rondel::test]
async fn a_redirect_may_be_refused() {
    let other = Server::start(|request| page(&request.path));
    let server = leads_to("302 Found", other.url("/there").to_string());
    let same_host: Arc<dyn Fn(&_, &_) -> bool + Send + Sync> =
        Arc::new(|from: &url::Url, to: &url::Url| from.origin() == to.origin());
    let (client, _) = client(ClientConfig { may_follow: Some(same_host), ..config() });
    let error = client.fetch(&server.url("/a")).await.unwrap_err();
    assert_eq!(error.reason(), "redirect-refused");
    assert_eq!(error.location(), Some(&other.url("/there")));
    assert_eq!(other.connections(), 0);
}

/// Goal: show that a failure behind a redirect is tried again where it happened, not from the
/// start.
/// Method: the target fails once.
#[rondel::test]
async fn a_failure_behind_a_redirect_is_tried_again_there() {
    let server = Server::start(|request| match (request.path.as_str(), request.number) {
        ("/a", _) => status("302 Found", "location: /b\r\n"),
        (_, 1) => status("500 Oops", ""),
        _ => page("fine"),
    });
    let response = fetch(config(), &server.url("/a")).await.unwrap();
    assert_eq!((response.attempts, response.final_url().path()), (2, "/b"));
    assert_eq!(server.paths(), ["/a", "/b", "/b"]);
}
