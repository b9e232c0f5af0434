//! A small server for the built page: static files on the loopback address only.
//!
//! It sends the MIME types that browsers insist on for modules and WebAssembly, and the headers that isolate
//! the page from other origins, so that the page meets at home the conditions of a strict host.
//! It does not cache, compress, list folders, or accept anything but GET and HEAD.

mod http;

#[cfg(test)]
mod tests;

use http::{Request, Response, read_request, write_response};
use percent_encoding::percent_decode_str;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// Sent with every answer. `no-store`, because a page that is being worked on changes under the same names.
const HEADERS: [(&str, &str); 5] = [
    ("Cache-Control", "no-store"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Embedder-Policy", "require-corp"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("X-Content-Type-Options", "nosniff"),
];

/// MIME types by file extension. Modules and WebAssembly are refused by browsers under any other type.
const TYPES: [(&str, &str); 16] = [
    ("html", "text/html; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("css", "text/css; charset=utf-8"),
    ("json", "application/json"),
    ("jsonl", "application/jsonl; charset=utf-8"),
    ("map", "application/json"),
    ("txt", "text/plain; charset=utf-8"),
    ("md", "text/plain; charset=utf-8"),
    ("toml", "text/plain; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("ico", "image/x-icon"),
    ("webmanifest", "application/manifest+json"),
];

/// Why the page cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Something else listens there.
    #[error(
        "port {port} is taken by another program: choose another one with `--port N` (0 takes any free one), or end that program"
    )]
    PortTaken {
        /// The port that was asked for.
        port: u16,
    },
    /// The port cannot be used for another reason, such as a missing right.
    #[error("cannot listen on 127.0.0.1:{port}: {reason}")]
    Listen {
        /// The port that was asked for.
        port: u16,
        /// What the system said.
        reason: String,
    },
    /// There is no built page.
    #[error("no index.html in {dir}: build the page first, with `cargo xtask demo --build-only`")]
    NoPage {
        /// The folder that should hold it.
        dir: PathBuf,
    },
    /// The path under which the page is to be found is not one.
    #[error(
        "the public URL `{found}` must begin and end with `/` and hold plain ASCII between, as in `/` or `/rllr/`"
    )]
    PublicUrl {
        /// What was given.
        found: String,
    },
}

/// A running server. It stops when dropped.
pub struct Server {
    address: SocketAddr,
    public_url: String,
    stopping: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl Server {
    /// Serves the files of a folder on `127.0.0.1:port`; port 0 takes any free one.
    /// `public_url` is the path under which they appear, such as `/` or `/rllr/`.
    ///
    /// # Errors
    /// [`ServeError`]: no page, a taken port, a public URL without its slashes.
    pub fn start(dir: &Path, port: u16, public_url: &str) -> Result<Self, ServeError> {
        let plain = public_url.chars().all(|c| c.is_ascii_graphic());
        if !(plain && public_url.starts_with('/') && public_url.ends_with('/')) {
            return Err(ServeError::PublicUrl {
                found: public_url.to_owned(),
            });
        }
        let site = dir
            .canonicalize()
            .ok()
            .filter(|dir| dir.join("index.html").is_file());
        let site = site.ok_or_else(|| ServeError::NoPage {
            dir: dir.to_path_buf(),
        })?;
        let listen = |error: &dyn std::fmt::Display| ServeError::Listen {
            port,
            reason: error.to_string(),
        };
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| match error.kind() {
                std::io::ErrorKind::AddrInUse => ServeError::PortTaken { port },
                _ => listen(&error),
            })?;
        let address = listener.local_addr().map_err(|error| listen(&error))?;
        let stopping = Arc::new(AtomicBool::new(false));
        let listening = listen_on(listener, site, public_url.to_owned(), Arc::clone(&stopping));
        Ok(Self {
            address,
            public_url: public_url.to_owned(),
            stopping,
            listening: Some(listening),
        })
    }

    /// The page's address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}{}", self.address, self.public_url)
    }

    /// Serves until the program is ended.
    pub fn wait(mut self) {
        if let Some(listening) = self.listening.take() {
            // It ends early only by a panic, which has printed itself.
            let _ = listening.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        // Wakes the listening thread, which then sees that it is to stop. If that fails, it has stopped already.
        let _ = TcpStream::connect(self.address);
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

/// Answers every connection in a thread of its own, so that none waits for another.
fn listen_on(
    listener: TcpListener,
    site: PathBuf,
    base: String,
    stopping: Arc<AtomicBool>,
) -> JoinHandle<()> {
    let shared = Arc::new((site, base));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if stopping.load(Ordering::Relaxed) {
                return;
            }
            // A connection that failed while it was accepted is the browser's to open again.
            let Ok(mut stream) = stream else { continue };
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || {
                let (site, base) = &*shared;
                // The browser may have gone away meanwhile; nobody else waits for this answer.
                let _ = serve(&mut stream, site, base);
            });
        }
    })
}

fn serve(stream: &mut TcpStream, site: &Path, base: &str) -> std::io::Result<()> {
    match read_request(stream)? {
        Some(request) => write_response(stream, &answer(&request, site, base), &request.method),
        None => Ok(()),
    }
}

fn answer(request: &Request, site: &Path, base: &str) -> Response {
    let Request { method, target } = request;
    if method != "GET" && method != "HEAD" {
        let text = format!("{method} is not allowed here: only GET and HEAD are\n");
        return message((405, "Method Not Allowed"), &text, Some(("Allow", "GET, HEAD")));
    }
    let path = target.split(['?', '#']).next().unwrap_or_default();
    if path == "/" && base != "/" {
        return message(
            (302, "Found"),
            "the page is elsewhere\n",
            Some(("Location", base)),
        );
    }
    let file = file_for(path, site, base);
    match file.and_then(|file| std::fs::read(&file).ok().map(|body| (mime_type(&file), body))) {
        Some((mime, body)) => Response {
            status: (200, "OK"),
            headers: headers(mime),
            body,
        },
        None => message(
            (404, "Not Found"),
            &format!("404: there is no {path} here\n"),
            None,
        ),
    }
}

/// The file for a URL's path, or nothing when there is none inside the site.
fn file_for(url_path: &str, site: &Path, base: &str) -> Option<PathBuf> {
    let relative = percent_decode_str(url_path.strip_prefix(base)?)
        .decode_utf8()
        .ok()?;
    let relative = Path::new(relative.as_ref());
    // `..`, a root or a drive never occur in the page's own links.
    if !relative
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
    {
        return None;
    }
    let path = site.join(relative);
    let path = if path.is_dir() {
        path.join("index.html")
    } else {
        path
    };
    // A link inside the folder may still point out of it. A NUL in the name fails here, too.
    let path = path.canonicalize().ok()?;
    (path.starts_with(site) && path.is_file()).then_some(path)
}

fn mime_type(path: &Path) -> &'static str {
    let extension = path
        .extension()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
    let known = TYPES.into_iter().find(|(name, _)| *name == extension);
    known.map_or("application/octet-stream", |(_, mime)| mime)
}

fn message(status: (u16, &'static str), text: &str, extra: Option<(&'static str, &str)>) -> Response {
    let mut headers = headers("text/plain; charset=utf-8");
    headers.extend(extra.map(|(name, value)| (name, value.to_owned())));
    Response {
        status,
        headers,
        body: text.as_bytes().to_vec(),
    }
}

fn headers(mime: &str) -> Vec<(&'static str, String)> {
    let all = HEADERS.into_iter().map(|(name, value)| (name, value.to_owned()));
    all.chain([("Content-Type", mime.to_owned())]).collect()
}
