use std::fs;
use std::time::{Duration, Instant};

use clap::Parser as _;

use super::*;
use crate::exit::ExitError;
use crate::test_server::{Answered, Asked, TestServer};

const SECRET: &str = "sk-very-secret";

#[derive(Debug, clap::Parser)]
struct Line {
    #[command(flatten)]
    args: RationalesArgs,
}

/// A directory with three examples, six rationales.
struct Place {
    root: PathBuf,
}

impl Place {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("rllr-rationales-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).unwrap();
        let rows = [
            ("1", "a gem", "positive"),
            ("2", "a bore", "negative"),
            ("3", "a joy", "positive"),
        ]
        .map(|(id, text, label)| {
            format!("{{\"id\":\"sst2-{id}\",\"task\":\"sst2\",\"text\":\"{text}\",\"label\":\"{label}\"}}\n")
        });
        fs::write(root.join("data.jsonl"), rows.concat()).unwrap();
        Self { root }
    }

    fn args(&self, endpoint: &str, more: &[&str]) -> RationalesArgs {
        let data = self.root.join("data.jsonl").display().to_string();
        let out = self.root.join("out.jsonl").display().to_string();
        let mut words = vec![
            "x",
            "--data",
            &data,
            "--out",
            &out,
            "--model",
            "m",
            "--endpoint",
            endpoint,
            "--quiet",
        ];
        words.extend(more);
        Line::try_parse_from(words).unwrap().args
    }

    /// Runs with the key, and waits of milliseconds instead of seconds.
    fn run(&self, endpoint: &str, more: &[&str]) -> anyhow::Result<()> {
        write(
            &self.args(endpoint, more),
            Some(client::Key::new(SECRET)),
            &AtomicBool::new(false),
        )
    }

    fn rows(&self) -> Vec<serde_json::Value> {
        let text = fs::read_to_string(self.root.join("out.jsonl")).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Nothing that is written holds the key.
    fn assert_no_secret(&self) {
        for entry in fs::read_dir(&self.root).unwrap() {
            let text = fs::read_to_string(entry.unwrap().path()).unwrap();
            assert!(!text.contains(SECRET), "the key was written: {text}");
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// A rationale that names the label it was asked for; 20 tokens read and 5 written.
fn completion(asked: &Asked) -> Answered {
    let body: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
    let question = body["messages"][0]["content"].as_str().unwrap();
    let label = question
        .split("Answer: ")
        .nth(1)
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    let answer = serde_json::json!({
        "choices": [{"message": {"content": format!("It sounds {label}.")}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 20, "completion_tokens": 5},
    });
    Answered::new(200, answer.to_string())
}

#[test]
fn every_label_gets_a_rationale_and_nothing_is_paid_twice() {
    let place = Place::new("all");
    let server = TestServer::start(completion);
    let endpoint = format!("{}/v1/", server.address());
    place.run(&endpoint, &["--temperature", "0"]).unwrap();
    let rows = place.rows();
    assert_eq!(rows.len(), 3, "in the order of the data");
    assert_eq!(rows[1]["id"], "sst2-2");
    for row in &rows {
        assert_eq!(row["rationales"]["positive"], "It sounds positive.");
        assert_eq!(row["rationales"]["negative"], "It sounds negative.");
    }
    let asked = server.asked();
    assert_eq!(asked.len(), 6);
    for request in &asked {
        assert_eq!(
            (request.method.as_str(), request.path.as_str()),
            ("POST", "/v1/chat/completions")
        );
        assert_eq!(request.header("authorization"), Some("Bearer sk-very-secret"));
        let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
        assert_eq!(body["max_tokens"], 80);
        assert_eq!(body["temperature"], 0.0);
    }
    place.assert_no_secret();
    // Again: all is known, and the server is not asked.
    fs::remove_file(place.root.join("out.jsonl")).unwrap();
    place.run(&endpoint, &["--temperature", "0"]).unwrap();
    assert_eq!(place.rows(), rows);
    assert_eq!(server.asked().len(), 6, "no further request");
    // Another setting is another request.
    place.run(&endpoint, &["--temperature", "0.5"]).unwrap();
    assert_eq!(server.asked().len(), 12);
}

#[test]
fn failures_are_tried_again_until_they_are_answered() {
    let place = Place::new("flaky");
    let server = TestServer::start(|asked| match asked.number {
        0 => Answered::new(500, "oops"),
        1 => Answered::new(200, "<html>not a completion</html>"),
        2 => Answered::new(200, r#"{"choices":[]}"#),
        // Closed without an answer.
        3 => Answered::default(),
        4 => Answered::new(503, "busy").header("Retry-After", "0"),
        _ => completion(asked),
    });
    place.run(server.address(), &["--parallel", "2"]).unwrap();
    assert_eq!(place.rows().len(), 3);
    assert_eq!(server.asked().len(), 11, "six answers after five failures");
}

/// What one request is told holds for all: nobody asks during the pause.
#[test]
fn retry_after_is_honoured_by_all() {
    let place = Place::new("limit");
    let server = TestServer::start(|asked| match asked.number {
        0 => Answered::new(429, r#"{"error":{"message":"slow down"}}"#).header("Retry-After", "2"),
        _ => completion(asked),
    });
    place.run(server.address(), &["--parallel", "1"]).unwrap();
    let asked = server.asked();
    assert_eq!(asked.len(), 7);
    let pause = asked[1].at - asked[0].at;
    assert!(pause >= Duration::from_millis(1950), "{pause:?}");
}

#[test]
fn a_refused_key_ends_the_run_at_once_and_is_not_shown() {
    let place = Place::new("key");
    let server = TestServer::start(|_| {
        Answered::new(
            401,
            format!(r#"{{"error":{{"message":"Incorrect API key provided: {SECRET}"}}}}"#),
        )
    });
    let error = format!(
        "{:#}",
        place.run(server.address(), &["--parallel", "1"]).unwrap_err()
    );
    assert!(
        error.contains("refuses the key") && error.contains("[key]"),
        "{error}"
    );
    assert!(!error.contains(SECRET), "{error}");
    assert_eq!(server.asked().len(), 1, "not tried again");
    assert_eq!(format!("{:?}", client::Key::new(SECRET)), "Key(hidden)");
    place.assert_no_secret();
}

#[test]
fn the_cap_holds_and_a_higher_one_goes_on() {
    let place = Place::new("cap");
    let server = TestServer::start(|asked| {
        let mut answered = completion(asked);
        answered.delay = Duration::from_millis(30);
        answered
    });
    // A request can cost its bytes and more, some 500 tokens; it does cost 25.
    let error = place
        .run(server.address(), &["--max-tokens", "540", "--parallel", "4"])
        .unwrap_err();
    assert!(error.to_string().contains("limit on spending"), "{error:#}");
    let answered = server.asked().len();
    assert!((1..6).contains(&answered), "{answered} requests");
    place.run(server.address(), &["--max-tokens", "100000"]).unwrap();
    assert_eq!(server.asked().len(), 6, "what was answered is not asked again");
    assert_eq!(place.rows().len(), 3);
}

#[test]
fn money_is_a_cap_too() {
    let place = Place::new("money");
    let server = TestServer::start(completion);
    let arguments = ["--max-cost", "0", "--prices", "1,2"];
    let error = place.run(server.address(), &arguments).unwrap_err();
    assert!(error.to_string().contains("limit on spending"), "{error:#}");
    assert_eq!(server.asked().len(), 0, "nothing may be spent");
}

#[test]
fn a_slow_server_is_not_waited_for_without_end() {
    let place = Place::new("slow");
    let server = TestServer::start(|asked| {
        let mut answered = completion(asked);
        answered.delay = Duration::from_secs(5);
        answered
    });
    let start = Instant::now();
    let arguments = ["--timeout", "0.2", "--attempts", "1"];
    let error = place.run(server.address(), &arguments).unwrap_err();
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
    assert!(format!("{error:#}").contains("timeout"), "{error:#}");
    assert!(
        place.rows().is_empty(),
        "an example without its rationales is left out"
    );
}

#[test]
fn what_cannot_be_reached_or_understood_is_named() {
    let place = Place::new("nobody");
    // A port on which nobody listens.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let error = place.run(&address, &["--attempts", "1"]).unwrap_err();
    assert!(
        error.to_string().contains("stayed without an answer"),
        "{error:#}"
    );
    let bad = |endpoint: &str, more: &[&str]| {
        let error = place.run(endpoint, more).unwrap_err();
        assert!(
            matches!(error.downcast_ref(), Some(ExitError::BadInput(_))),
            "{error:#}"
        );
    };
    bad("localhost:8000", &[]);
    bad("http://", &[]);
    bad(&address, &["--timeout", "0"]);
    bad(&address, &["--max-new-tokens", "0"]);
    bad(&address, &["--split", "nope"]);
    let server = TestServer::start(|_| Answered::new(404, r#"{"error":{"message":"no model m"}}"#));
    let error = place.run(server.address(), &["--parallel", "1"]).unwrap_err();
    assert!(error.to_string().contains("no model m"), "{error:#}");
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn a_stopped_run_goes_on_from_where_it_was() {
    let place = Place::new("stop");
    let stop = Arc::new(AtomicBool::new(false));
    let their_stop = Arc::clone(&stop);
    let server = TestServer::start(move |asked| {
        if asked.number == 2 {
            their_stop.store(true, Ordering::Relaxed);
        }
        completion(asked)
    });
    let args = place.args(server.address(), &["--parallel", "1"]);
    let error = write(&args, None, &stop).unwrap_err();
    assert!(error.to_string().starts_with("stopped; 3 of 6"), "{error:#}");
    assert_eq!(place.rows().len(), 1, "the only example with both rationales");
    assert_eq!(
        server.asked()[0].header("authorization"),
        None,
        "no key, no header"
    );
    write(&args, None, &AtomicBool::new(false)).unwrap();
    assert_eq!((place.rows().len(), server.asked().len()), (3, 6));
}
