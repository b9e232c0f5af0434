//! Small pieces of English that all grammars and readers share.

/// Number words; the index is the value.
pub(super) const NUMBERS: [&str; 16] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve", "thirteen", "fourteen", "fifteen",
];

/// The value of a number word.
pub(super) fn number(word: &str) -> Option<usize> {
    NUMBERS.iter().position(|number| *number == word)
}

/// Capital first letter and full stop.
pub(super) fn sentence(text: &str) -> String {
    format!("{}.", capital(text))
}

/// Capital first letter and question mark.
pub(super) fn question(text: &str) -> String {
    format!("{}?", capital(text))
}

/// Capital first letter.
pub(super) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The word with its indefinite article: `a dog`, `an apple`.
pub(super) fn a(word: &str) -> String {
    let article = if word.starts_with(['a', 'e', 'i', 'o', 'u']) {
        "an"
    } else {
        "a"
    };
    format!("{article} {word}")
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The text before or after a phrase, with one space between: an empty piece leaves no trace.
pub(super) fn join(pieces: &[&str]) -> String {
    pieces
        .iter()
        .filter(|piece| !piece.is_empty())
        .copied()
        .collect::<Vec<_>>()
        .join(" ")
}

/// Lower-cased words of a text, without punctuation.
pub(super) fn words(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric() && c != '\'')
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

/// Whether the words contain this phrase, word by word.
pub(super) fn has_phrase(words: &[String], phrase: &str) -> bool {
    let phrase: Vec<&str> = phrase.split(' ').collect();
    words
        .windows(phrase.len())
        .any(|window| window.iter().zip(&phrase).all(|(word, part)| word == part))
}
