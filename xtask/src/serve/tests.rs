use super::*;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A site of three files, with a secret beside it that must never be served.
fn site() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let site = dir.path().join("dist");
    std::fs::create_dir_all(site.join("assets")).unwrap();
    std::fs::write(dir.path().join("secret.txt"), "secret").unwrap();
    std::fs::write(site.join("index.html"), "<p>page</p>").unwrap();
    std::fs::write(site.join("code.wasm"), b"\0asm").unwrap();
    std::fs::write(site.join("assets/a b.js"), "export {}").unwrap();
    (dir, site)
}

/// Sends a request as it stands, which no HTTP client would do with a `..` in the path.
fn raw(server: &Server, request_line: &str) -> String {
    let mut stream = TcpStream::connect(server.address).unwrap();
    write!(
        stream,
        "{request_line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

fn status(answer: &str) -> &str {
    answer.split_whitespace().nth(1).unwrap()
}

#[test]
fn files_come_with_type_and_isolation() {
    let (_dir, site) = site();
    let server = Server::start(&site, 0, "/").unwrap();
    let page = raw(&server, "GET /");
    assert_eq!(status(&page), "200");
    assert!(page.ends_with("<p>page</p>"), "{page}");
    for expected in [
        "Content-Type: text/html; charset=utf-8",
        "Cross-Origin-Opener-Policy: same-origin",
        "Cross-Origin-Embedder-Policy: require-corp",
        "Cache-Control: no-store",
    ] {
        assert!(page.contains(expected), "{expected} is missing in {page}");
    }
    assert!(raw(&server, "GET /code.wasm").contains("Content-Type: application/wasm\r\n"));
    let script = raw(&server, "GET /assets/a%20b.js?v=1");
    assert!(
        script.contains("Content-Type: text/javascript") && script.ends_with("export {}"),
        "{script}"
    );
}

#[test]
fn head_has_the_headers_and_no_body() {
    let (_dir, site) = site();
    let server = Server::start(&site, 0, "/").unwrap();
    let head = raw(&server, "HEAD /index.html");
    assert_eq!(status(&head), "200");
    assert!(
        head.contains("Content-Length: 11") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
}

/// Browsers open connections in advance and hold them; nobody else may wait for these.
#[test]
fn idle_connections_hold_nobody_up() {
    let (_dir, site) = site();
    let server = Server::start(&site, 0, "/").unwrap();
    let idle: Vec<TcpStream> = (0..32)
        .map(|_| TcpStream::connect(server.address).unwrap())
        .collect();
    let start = Instant::now();
    for _ in 0..20 {
        assert_eq!(status(&raw(&server, "GET /")), "200");
    }
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "answers wait for idle connections"
    );
    drop(idle);
}

#[test]
fn what_is_not_there_is_said_so() {
    let (_dir, site) = site();
    let server = Server::start(&site, 0, "/").unwrap();
    let answer = raw(&server, "GET /nothing.js");
    assert_eq!(status(&answer), "404");
    assert!(
        answer.ends_with("404: there is no /nothing.js here\n"),
        "{answer}"
    );
    assert_eq!(
        status(&raw(&server, "GET /assets/")),
        "404",
        "folders are not listed"
    );
    assert_eq!(status(&raw(&server, "DELETE /index.html")), "405");
}

#[test]
fn nothing_outside_the_folder_is_served() {
    let (dir, site) = site();
    #[cfg(unix)]
    std::os::unix::fs::symlink(dir.path().join("secret.txt"), site.join("link.txt")).unwrap();
    let absolute = format!("//{}", dir.path().join("secret.txt").display());
    let server = Server::start(&site, 0, "/").unwrap();
    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/assets/../../secret.txt",
        "/..%2fsecret.txt",
        "/link.txt",
        "/index.html%00.js",
        absolute.as_str(),
    ] {
        let answer = raw(&server, &format!("GET {path}"));
        assert_eq!(status(&answer), "404", "{path}: {answer}");
        assert!(!answer.ends_with("secret"), "{path}: {answer}");
    }
}

#[test]
fn a_page_below_a_path_is_found_there_only() {
    let (_dir, site) = site();
    let server = Server::start(&site, 0, "/rllr/").unwrap();
    assert!(server.url().ends_with("/rllr/"), "{}", server.url());
    assert_eq!(status(&raw(&server, "GET /rllr/code.wasm")), "200");
    assert_eq!(status(&raw(&server, "GET /code.wasm")), "404");
    assert!(raw(&server, "GET /").contains("Location: /rllr/"));
}

#[test]
fn a_taken_port_is_named_and_the_way_out_too() {
    let (_dir, site) = site();
    let first = Server::start(&site, 0, "/").unwrap();
    let port = first.address.port();
    let error = Server::start(&site, port, "/").err().unwrap();
    assert!(matches!(error, ServeError::PortTaken { port: taken } if taken == port));
    assert!(error.to_string().contains("--port N"), "{error}");
    // The first one still answers, and its port is free again soon after it: the listening thread ends by itself.
    assert_eq!(status(&raw(&first, "GET /")), "200");
    drop(first);
    let patience = Duration::from_secs(10);
    let start = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
        assert!(
            start.elapsed() < patience,
            "the server went on after it was dropped"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_missing_page_or_crooked_url_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let error = Server::start(dir.path(), 0, "/").err().unwrap();
    assert!(matches!(error, ServeError::NoPage { .. }), "{error}");
    let (_dir, site) = site();
    for url in ["", "rllr/", "/rllr", "/r\nr/", "/ü/"] {
        let error = Server::start(&site, 0, url).err().unwrap();
        assert!(matches!(error, ServeError::PublicUrl { .. }), "{url}: {error}");
    }
}
