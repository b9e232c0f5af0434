//! A server of HTTP for tests: it does what a test tells it, and remembers what it was asked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Number of the request, from 0.
    pub(crate) number: usize,
    /// `GET`, `HEAD` or `POST`.
    pub(crate) method: String,
    /// The path with what follows a question mark.
    pub(crate) path: String,
    /// Names in lower case, and values.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: String,
    /// When it came.
    pub(crate) at: Instant,
}

impl Asked {
    /// A header by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|header| header.0 == name);
        found.map(|header| header.1.as_str())
    }
}

/// What is answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answered {
    /// 0 closes the connection without an answer.
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    /// Waits before it answers.
    pub(crate) delay: Duration,
    /// Closes the connection after so many bytes of the body, though it announced them all.
    pub(crate) break_after: Option<usize>,
}

impl Answered {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            body: body.into(),
            ..Self::default()
        }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

/// A server that ends when it is dropped.
pub(crate) struct TestServer {
    address: String,
    asked: Arc<Mutex<Vec<Asked>>>,
    ended: Arc<AtomicBool>,
}

impl TestServer {
    /// Starts a server on a free port of this machine.
    pub(crate) fn start(answer: impl Fn(&Asked) -> Answered + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let ended = Arc::new(AtomicBool::new(false));
        let (answer, count) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
        let (their_asked, their_ended) = (Arc::clone(&asked), Arc::clone(&ended));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if their_ended.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (answer, asked, count) =
                    (Arc::clone(&answer), Arc::clone(&their_asked), Arc::clone(&count));
                std::thread::spawn(move || {
                    // A client that went away is no failure of a test.
                    let _ = serve(stream, &*answer, &asked, &count);
                });
            }
        });
        Self {
            address,
            asked,
            ended,
        }
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Everything that was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        // Wakes the thread that listens.
        let _ = TcpStream::connect(self.address.trim_start_matches("http://"));
    }
}

fn serve(
    stream: TcpStream,
    answer: &(dyn Fn(&Asked) -> Answered + Send + Sync),
    asked: &Mutex<Vec<Asked>>,
    count: &AtomicUsize,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace();
    let (Some(method), Some(path)) = (words.next(), words.next()) else {
        return Ok(());
    };
    let (method, path) = (method.to_owned(), path.to_owned());
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|header| header.0 == "content-length");
    let length = length.and_then(|header| header.1.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let request = Asked {
        number: count.fetch_add(1, Ordering::Relaxed),
        method,
        path,
        headers,
        body: String::from_utf8_lossy(&body).into_owned(),
        at: Instant::now(),
    };
    asked.lock().unwrap().push(request.clone());
    let answered = answer(&request);
    std::thread::sleep(answered.delay);
    if answered.status == 0 {
        return Ok(());
    }
    let mut stream = stream;
    write!(stream, "HTTP/1.1 {} x\r\nConnection: close\r\n", answered.status)?;
    if !answered
        .headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-length"))
    {
        write!(stream, "Content-Length: {}\r\n", answered.body.len())?;
    }
    for (name, value) in &answered.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    stream.write_all(b"\r\n")?;
    if request.method != "HEAD" {
        let end = answered
            .break_after
            .unwrap_or(answered.body.len())
            .min(answered.body.len());
        stream.write_all(&answered.body[..end])?;
    }
    stream.flush()
}
