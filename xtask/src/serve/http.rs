//! As much of HTTP/1.1 as static files need: one request and one answer per connection.
//!
//! Every connection is closed after its answer. A server that keeps connections and serves them by a fixed number of
//! threads was tried (`tiny_http` 0.12): browsers open several at once and hold them, and further ones waited for
//! minutes.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Longest head of a request that is read, bytes.
const MAX_HEAD: usize = 16 << 10;

/// A browser may open a connection in advance and never use it; its thread must not wait for ever.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was asked for.
pub(super) struct Request {
    pub(super) method: String,
    /// The path with its query, as it came.
    pub(super) target: String,
}

/// What is answered.
pub(super) struct Response {
    pub(super) status: (u16, &'static str),
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

/// Reads the head of a request. `None` when the other side closed without asking, or what came is no HTTP.
pub(super) fn read_request(stream: &mut TcpStream) -> io::Result<Option<Request>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while head.len() < MAX_HEAD {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Ok(None);
        }
        head.extend_from_slice(&buffer[..count]);
        let mut headers = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&head) {
            Ok(httparse::Status::Complete(_)) => {
                let (method, target) = (
                    request.method.unwrap_or_default(),
                    request.path.unwrap_or_default(),
                );
                return Ok(Some(Request {
                    method: method.to_owned(),
                    target: target.to_owned(),
                }));
            }
            Ok(httparse::Status::Partial) => {}
            Err(_) => return Ok(None),
        }
    }
    Ok(None)
}

/// Writes an answer; without its body when only the head was asked for.
pub(super) fn write_response(stream: &mut TcpStream, response: &Response, method: &str) -> io::Result<()> {
    let (code, reason) = response.status;
    let mut head = format!(
        "HTTP/1.1 {code} {reason}\r\nContent-Length: {}\r\n",
        response.body.len()
    );
    for (name, value) in &response.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("Connection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    if method != "HEAD" {
        stream.write_all(&response.body)?;
    }
    stream.flush()
}
