//! One request to a server, and what its reply means.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ureq::Agent;

use super::answers::{ServerAnswer, is_out_of_quota, read_completion, refusal};
use super::back_off::retry_after;
use crate::data::load::bad_input;

/// The longest reply that is read, in bytes.
const LONGEST_REPLY: u64 = 4 << 20;

/// A secret: it is sent, and shown nowhere.
pub(super) struct Key(String);

impl Key {
    pub(super) fn new(key: &str) -> Self {
        Self(key.to_owned())
    }

    /// The text without the key: servers repeat keys in their messages.
    fn hidden_in(&self, text: &str) -> String {
        text.replace(&self.0, "[key]")
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(hidden)")
    }
}

/// A connection to one server.
#[derive(Debug)]
pub(super) struct Client {
    agent: Agent,
    url: String,
    key: Option<Key>,
}

/// What a reply means.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reply {
    /// A rationale.
    Answer(ServerAnswer),
    /// It may go better another time.
    Failed {
        /// What happened.
        reason: String,
        /// How long the server wants to be left alone.
        wish: Option<Duration>,
        /// Whether the server may have computed, and so may ask for money.
        charge: Charge,
    },
    /// It will not go better.
    Refused {
        /// What the server says.
        reason: String,
    },
}

/// Whether a request that failed may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Charge {
    /// It cannot.
    Nothing,
    /// It may: it counts as much as it could have cost.
    Perhaps,
}

impl Client {
    /// For an address up to the version, such as `http://localhost:8000/v1`.
    ///
    /// # Errors
    ///
    /// [`ExitError::BadInput`](crate::exit::ExitError) for an address that is none.
    pub(super) fn new(endpoint: &str, key: Option<Key>, timeout_secs: f64) -> anyhow::Result<Self> {
        let known = ["http://", "https://"].iter().any(|scheme| {
            endpoint
                .strip_prefix(scheme)
                .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'))
        });
        if !known || endpoint.contains(char::is_whitespace) {
            return Err(bad_input(format!(
                "--endpoint: found {endpoint:?}, expected an address such as https://api.openai.com/v1"
            )));
        }
        let base = endpoint.trim_end_matches('/');
        let base = base.strip_suffix("/chat/completions").unwrap_or(base);
        let agent = Agent::config_builder()
            .timeout_global(Some(Duration::from_secs_f64(timeout_secs)))
            .http_status_as_error(false)
            .user_agent(concat!("rllr/", env!("CARGO_PKG_VERSION")))
            .build()
            .into();
        Ok(Self {
            agent,
            url: format!("{base}/chat/completions"),
            key,
        })
    }

    /// Where requests go.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Sends a request once.
    pub(super) fn send(&self, body: &str) -> Reply {
        match self.exchange(body) {
            Ok((status, wish, body)) => self.read(status, wish, &body),
            Err(error) => self.connection_failed(&error),
        }
    }

    fn exchange(&self, body: &str) -> Result<(u16, Option<Duration>, String), ureq::Error> {
        let mut request = self
            .agent
            .post(&self.url)
            .header("Content-Type", "application/json");
        if let Some(Key(key)) = &self.key {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        let mut response = request.send(body)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let header = response.headers().get("retry-after");
        let wish = header
            .and_then(|value| value.to_str().ok())
            .and_then(|value| retry_after(value, now));
        let status = response.status().as_u16();
        let reader = response.body_mut().with_config().limit(LONGEST_REPLY);
        Ok((status, wish, reader.lossy_utf8(true).read_to_string()?))
    }

    fn read(&self, status: u16, wish: Option<Duration>, body: &str) -> Reply {
        let hidden = |text: String| match &self.key {
            Some(key) => key.hidden_in(&text),
            None => text,
        };
        match status {
            200..=299 => match read_completion(body) {
                Ok(answer) => Reply::Answer(answer),
                Err(reason) => Reply::Failed {
                    reason: hidden(reason),
                    wish,
                    charge: Charge::Perhaps,
                },
            },
            401 | 403 => Reply::Refused {
                reason: hidden(format!(
                    "the server refuses {} (HTTP {status}): {}",
                    if self.key.is_some() {
                        "the key"
                    } else {
                        "requests without a key"
                    },
                    refusal(body)
                )),
            },
            429 if is_out_of_quota(body) => Reply::Refused {
                reason: hidden(format!("the account is empty: {}", refusal(body))),
            },
            408 | 409 | 425 | 429 | 500..=599 => Reply::Failed {
                reason: hidden(format!("HTTP {status}: {}", refusal(body))),
                wish,
                charge: Charge::Nothing,
            },
            _ => Reply::Refused {
                reason: hidden(format!(
                    "the server refuses the request (HTTP {status}): {}",
                    refusal(body)
                )),
            },
        }
    }

    fn connection_failed(&self, error: &ureq::Error) -> Reply {
        let text = format!("{}: {error}", self.url);
        match error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) | ureq::Error::InvalidProxyUrl => {
                Reply::Refused { reason: text }
            }
            ureq::Error::HostNotFound
            | ureq::Error::ConnectionFailed
            | ureq::Error::Timeout(ureq::Timeout::Resolve | ureq::Timeout::Connect) => Reply::Failed {
                reason: text,
                wish: None,
                charge: Charge::Nothing,
            },
            ureq::Error::Io(io) if io.kind() == std::io::ErrorKind::ConnectionRefused => Reply::Failed {
                reason: text,
                wish: None,
                charge: Charge::Nothing,
            },
            // It may have been computed, and the answer lost on its way.
            _ => Reply::Failed {
                reason: text,
                wish: None,
                charge: Charge::Perhaps,
            },
        }
    }
}
