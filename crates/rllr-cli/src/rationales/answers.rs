//! Reading what a server answered.

use serde::Deserialize;

/// A rationale with what it cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerAnswer {
    /// The rationale, on one line.
    pub(super) text: String,
    /// Whether it ended for want of room.
    pub(super) end: End,
    /// Tokens read, if the server counts.
    pub(super) read_tokens: Option<u64>,
    /// Tokens written, if the server counts.
    pub(super) written_tokens: Option<u64>,
}

/// Why a rationale ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It was complete.
    Complete,
    /// There was no room for more.
    Cut,
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    prompt_tokens: Option<u64>,
    completion_tokens: Option<u64>,
}

/// Reads a chat completion; the error says what is wrong with it.
pub(super) fn read_completion(body: &str) -> Result<ServerAnswer, String> {
    let completion: Completion =
        serde_json::from_str(body).map_err(|error| format!("the answer is no chat completion: {error}"))?;
    let Some(choice) = completion.choices.into_iter().next() else {
        return Err("the answer has no choice".to_owned());
    };
    let content = choice.message.content.unwrap_or_default();
    let end = match choice.finish_reason.as_deref() {
        Some("length") => End::Cut,
        _ => End::Complete,
    };
    let text = one_line(&content, end);
    if text.is_empty() {
        return Err("the answer is empty".to_owned());
    }
    let usage = completion.usage.as_ref();
    Ok(ServerAnswer {
        text,
        end,
        read_tokens: usage.and_then(|usage| usage.prompt_tokens),
        written_tokens: usage.and_then(|usage| usage.completion_tokens),
    })
}

/// A rationale is one line; a cut one ends with its last whole sentence, if it has one.
pub(super) fn one_line(text: &str, end: End) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut line = words.join(" ");
    if end == End::Cut
        && let Some(stop) = line.rfind(['.', '!', '?'])
    {
        line.truncate(stop + 1);
    }
    line
}

/// What a server says about a refusal: its own message where it has the usual form, else the first words.
pub(super) fn refusal(body: &str) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        error: serde_json::Value,
    }
    let message = serde_json::from_str::<Refusal>(body).ok().and_then(|refusal| {
        let message = refusal.error.get("message").unwrap_or(&refusal.error);
        message.as_str().map(str::to_owned)
    });
    let text = message.unwrap_or_else(|| body.to_owned());
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    line.chars().take(300).collect()
}

/// Whether a refusal says that the account is empty, which no waiting mends.
pub(super) fn is_out_of_quota(body: &str) -> bool {
    body.contains("insufficient_quota")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn completions_are_read() {
        let body = r#"{"choices":[{"message":{"content":" It says \"gem\".\n"},"finish_reason":"stop"}],
            "usage":{"prompt_tokens":10,"completion_tokens":5,"total_tokens":15},"id":"x"}"#;
        let expected = ServerAnswer {
            text: "It says \"gem\".".to_owned(),
            end: End::Complete,
            read_tokens: Some(10),
            written_tokens: Some(5),
        };
        assert_eq!(read_completion(body), Ok(expected));
    }

    #[test]
    fn what_is_no_completion_is_named() {
        let check = |body: &str, part: &str| {
            let error = read_completion(body).unwrap_err();
            assert!(error.contains(part), "{body}: {error}");
        };
        check("<html>busy</html>", "no chat completion");
        check(r#"{"choices":[]}"#, "no choice");
        check(r#"{"choices":[{"message":{"content":" \n "}}]}"#, "empty");
        check(r#"{"choices":[{"message":{"content":null}}]}"#, "empty");
    }

    #[test]
    fn cut_texts_end_with_a_sentence_where_they_can() {
        assert_eq!(one_line("One. Two and", End::Cut), "One.");
        assert_eq!(one_line("no end in", End::Cut), "no end in");
        assert_eq!(one_line("One. Two\n and", End::Complete), "One. Two and");
    }

    #[test]
    fn refusals_are_short() {
        assert_eq!(
            refusal(r#"{"error":{"message":"no such model","code":1}}"#),
            "no such model"
        );
        assert_eq!(refusal(r#"{"error":"down"}"#), "down");
        assert_eq!(refusal(&"x ".repeat(1000)).chars().count(), 300);
    }
}
