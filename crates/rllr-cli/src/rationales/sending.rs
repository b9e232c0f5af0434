//! Many requests at one time, within a budget, each again until it is answered.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::answer_file::{AnswerFile, KeptAnswer, key_of};
use super::answers::{End, ServerAnswer};
use super::back_off::{LONGEST_WISH, wait_before_retry};
use super::client::{Charge, Client, Reply};
use super::requests::WriterRequest;
use super::spending::{Budget, Limits, Permission, Prices, TokenCount};
use super::{Written, stopped};

/// After so many requests in a row that stayed without an answer the server counts as down.
const MOST_FAILURES_IN_A_ROW: usize = 8;

/// Tokens that a server may put around a request.
const WRAPPING_TOKENS: u64 = 64;

/// How often a thread that waits looks whether it should stop.
const LOOK: Duration = Duration::from_millis(50);

/// How requests are sent.
#[derive(Clone, Debug)]
pub(super) struct SendingConfig {
    pub(super) model: String,
    pub(super) max_new_tokens: u32,
    /// The server's name for that limit.
    pub(super) length_field: String,
    /// `None`: the server's default.
    pub(super) temperature: Option<f64>,
    /// Requests under way at one time.
    pub(super) parallel: usize,
    pub(super) attempts: u32,
    pub(super) seed: u64,
    /// Wait before the second attempt.
    pub(super) first_wait: Duration,
    pub(super) limits: Limits,
    pub(super) prices: Option<Prices>,
}

/// What came of the requests.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Outcome {
    /// Rationales by their request's place.
    pub(super) texts: BTreeMap<usize, String>,
    /// The closing numbers, as far as they are known here.
    pub(super) written: Written,
    /// Why not all was answered.
    pub(super) stopped: Option<String>,
}

/// A request that was not answered before.
struct Job {
    key: String,
    body: String,
    /// The most that it can cost: a token is at least one byte.
    most: TokenCount,
}

struct Sending<'a> {
    jobs: Vec<Job>,
    client: &'a Client,
    config: &'a SendingConfig,
    stop: &'a AtomicBool,
    state: Mutex<State>,
    /// Told when a request is over.
    changed: Condvar,
}

struct State {
    next: usize,
    budget: Budget,
    answers: AnswerFile,
    /// The server wants to be left alone until then.
    not_before: Option<Instant>,
    unanswered: usize,
    failures_in_a_row: usize,
    last_failure: String,
    /// Why no further request is sent.
    halt: Option<String>,
}

/// Sends what was not answered before.
///
/// # Errors
///
/// When the file of answers cannot be used. That a server does not answer is no error here: see [`Outcome::stopped`].
pub(super) fn send_all(
    requests: &[WriterRequest<'_>],
    client: &Client,
    config: &SendingConfig,
    answers: &Path,
    stop: &AtomicBool,
) -> anyhow::Result<Outcome> {
    let answers = AnswerFile::open(answers)?;
    let named: Vec<(String, String)> = requests
        .iter()
        .map(|request| {
            let body = body(request, config);
            (key_of(format!("{}\n{body}", client.url()).as_bytes()), body)
        })
        .collect();
    let mut seen = HashSet::new();
    let jobs = named
        .iter()
        .filter(|(key, _)| answers.get(key).is_none() && seen.insert(key.as_str()));
    let jobs: Vec<Job> = jobs
        .map(|(key, body)| Job {
            key: key.clone(),
            body: body.clone(),
            most: TokenCount {
                read: body.len() as u64 + WRAPPING_TOKENS,
                written: u64::from(config.max_new_tokens),
            },
        })
        .collect();
    let known_answers = named.iter().filter(|(key, _)| answers.get(key).is_some()).count();
    let sending = Sending {
        jobs,
        client,
        config,
        stop,
        state: Mutex::new(State {
            next: 0,
            budget: Budget::new(config.limits, config.prices),
            answers,
            not_before: None,
            unanswered: 0,
            failures_in_a_row: 0,
            last_failure: String::new(),
            halt: None,
        }),
        changed: Condvar::new(),
    };
    std::thread::scope(|scope| {
        for _ in 0..config.parallel.min(sending.jobs.len()) {
            scope.spawn(|| sending.work());
        }
    });
    Ok(sending.outcome(&named, known_answers))
}

/// A chat completion; the same request gives the same text, so that its hash is its name.
fn body(request: &WriterRequest<'_>, config: &SendingConfig) -> String {
    let mut body = serde_json::json!({
        "model": config.model,
        "messages": [{"role": "user", "content": request.text}],
    });
    body[&config.length_field] = config.max_new_tokens.into();
    if let Some(temperature) = config.temperature {
        body["temperature"] = temperature.into();
    }
    body.to_string()
}

impl Sending<'_> {
    fn work(&self) {
        while let Some(index) = self.next_job() {
            self.answer(index);
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A thread that panicked has left numbers, not half a state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_job(&self) -> Option<usize> {
        let mut state = self.lock();
        if state.halt.is_some() || stopped(self.stop) || state.next == self.jobs.len() {
            return None;
        }
        state.next += 1;
        Some(state.next - 1)
    }

    /// Sends a request until it is answered, refused, or failed too often.
    fn answer(&self, index: usize) {
        let job = &self.jobs[index];
        for attempt in 0..self.config.attempts {
            if !self.may_send(job.most) {
                self.lock().unanswered += 1;
                return;
            }
            match self.client.send(&job.body) {
                Reply::Answer(answer) => return self.keep(job, answer),
                Reply::Refused { reason } => {
                    let mut state = self.lock();
                    state.budget.settle(job.most, TokenCount::default());
                    state.unanswered += 1;
                    state.halt.get_or_insert(reason);
                    return;
                }
                Reply::Failed { reason, wish, charge } => self.failed(index, attempt, reason, wish, charge),
            }
        }
        let mut state = self.lock();
        state.unanswered += 1;
        state.failures_in_a_row += 1;
        if state.failures_in_a_row >= MOST_FAILURES_IN_A_ROW {
            let reason = format!(
                "{} requests in a row stayed without an answer, the last one because of this: {}",
                state.failures_in_a_row, state.last_failure
            );
            state.halt.get_or_insert(reason);
        }
    }

    /// Waits until the server may be asked and the budget has room; false when nothing more is sent.
    fn may_send(&self, most: TokenCount) -> bool {
        let mut state = self.lock();
        loop {
            if state.halt.is_some() || stopped(self.stop) {
                return false;
            }
            let wait = state
                .not_before
                .and_then(|time| time.checked_duration_since(Instant::now()));
            let wait = match wait {
                Some(wait) if !wait.is_zero() => wait.min(LOOK),
                _ => match state.budget.ask(most) {
                    Permission::Granted => return true,
                    Permission::Wait => LOOK,
                    Permission::Refused => {
                        let spent = state.budget.spent();
                        let reason = format!(
                            "the next request could go beyond the limit on spending ({} tokens are read and {} written)",
                            spent.read, spent.written
                        );
                        state.halt.get_or_insert(reason);
                        return false;
                    }
                },
            };
            let waited = self.changed.wait_timeout(state, wait);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn keep(&self, job: &Job, answer: ServerAnswer) {
        let mut state = self.lock();
        // A server that does not count gets the benefit of no doubt.
        let found = TokenCount {
            read: answer.read_tokens.unwrap_or(job.most.read),
            written: answer.written_tokens.unwrap_or(job.most.written),
        };
        state.budget.settle(job.most, found);
        state.failures_in_a_row = 0;
        let kept = state.answers.keep(KeptAnswer {
            key: job.key.clone(),
            text: answer.text,
            cut: answer.end == End::Cut,
            read_tokens: found.read,
            written_tokens: found.written,
        });
        if let Err(error) = kept {
            // An answer that cannot be kept would be paid for again.
            state.halt.get_or_insert(format!("{error:#}"));
        }
    }

    /// Books a failure and waits as long as its back-off says.
    fn failed(&self, index: usize, attempt: u32, reason: String, wish: Option<Duration>, charge: Charge) {
        let most = self.jobs[index].most;
        let cost = match charge {
            Charge::Nothing => TokenCount::default(),
            Charge::Perhaps => most,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(self.config.seed);
        rng.set_stream(index as u64 * 32 + u64::from(attempt));
        let until = Instant::now() + wait_before_retry(self.config.first_wait, attempt, rng.random(), wish);
        let mut state = self.lock();
        state.budget.settle(most, cost);
        if let Some(wish) = wish {
            if wish > LONGEST_WISH {
                let text = format!("the server asks for a pause of {} s: {reason}", wish.as_secs());
                state.halt.get_or_insert(text);
            }
            // What one request is told holds for all.
            let pause = Instant::now() + wish;
            state.not_before = Some(state.not_before.map_or(pause, |time| time.max(pause)));
        }
        state.last_failure = reason;
        drop(state);
        self.changed.notify_all();
        if attempt + 1 == self.config.attempts {
            return;
        }
        while Instant::now() < until && !stopped(self.stop) && self.lock().halt.is_none() {
            std::thread::sleep(until.saturating_duration_since(Instant::now()).min(LOOK));
        }
    }

    fn outcome(self, named: &[(String, String)], known_answers: usize) -> Outcome {
        let jobs = self.jobs.len();
        let was_stopped = stopped(self.stop);
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut outcome = Outcome::default();
        for (index, (key, _)) in named.iter().enumerate() {
            if let Some(answer) = state.answers.get(key) {
                outcome.texts.insert(index, answer.text.clone());
                outcome.written.cut += usize::from(answer.cut);
            }
        }
        let unanswered = state.unanswered + (jobs - state.next);
        let spent = state.budget.spent();
        outcome.written = Written {
            known_answers,
            read_tokens: spent.read,
            written_tokens: spent.written,
            cost: state.budget.cost(),
            unanswered,
            ..outcome.written
        };
        outcome.stopped = match state.halt {
            Some(reason) => Some(reason),
            None if unanswered == 0 => None,
            None if was_stopped => Some("stopped".to_owned()),
            None => Some(format!(
                "{unanswered} requests stayed without an answer, the last one because of this: {}",
                state.last_failure
            )),
        };
        outcome
    }
}
