//! Words of a text, as the rules see them.

/// A word where it stands in a text, and the form under which it is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word<'a> {
    /// Where it begins in the text, in bytes.
    pub(crate) start: usize,
    /// As written: what a rationale quotes.
    pub(crate) text: &'a str,
    /// Lower case, without a possessive ending.
    pub(crate) key: String,
}

impl Word<'_> {
    /// True if the word says something about the text: a number, a negation, or no function word.
    pub(crate) fn is_content(&self) -> bool {
        self.is_marked() || (self.key.chars().nth(1).is_some() && !is_in(&FUNCTION_WORDS, &self.key))
    }

    /// True for numbers and negations: the small words that turn a label around.
    pub(crate) fn is_marked(&self) -> bool {
        let key = self.key.as_str();
        NEGATIONS.contains(&key)
            || NUMBER_WORDS.contains(&key)
            || key.starts_with(|c: char| c.is_ascii_digit())
    }
}

/// The words of a text in reading order.
///
/// A word is a run of letters and digits; apostrophes inside a word and separators inside a number belong to it.
/// Remains of HTML entities (`#39;`, `quot;`), which published news data is full of, are no words.
pub(crate) fn words(text: &str) -> Vec<Word<'_>> {
    let mut found = Vec::new();
    let mut start = None;
    let mut chars = text.char_indices().peekable();
    let mut before = ' ';
    while let Some((at, c)) = chars.next() {
        let after = chars.peek().map_or(' ', |&(_, next)| next);
        let joins = match c {
            '\'' | '’' => before.is_alphanumeric() && after.is_alphabetic(),
            '.' | ',' => before.is_ascii_digit() && after.is_ascii_digit(),
            _ => c.is_alphanumeric(),
        };
        match (joins, start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                push_word(text, from, at, &mut found);
                start = None;
            }
            _ => {}
        }
        before = c;
    }
    if let Some(from) = start {
        push_word(text, from, text.len(), &mut found);
    }
    found
}

fn push_word<'a>(text: &'a str, from: usize, to: usize, found: &mut Vec<Word<'a>>) {
    let word = &text[from..to];
    let is_entity = text[to..].starts_with(';') && (text[..from].ends_with('#') || is_in(&ENTITIES, word));
    if is_entity {
        return;
    }
    let mut key = word.to_lowercase().replace('’', "'");
    if let Some(stem) = key.strip_suffix("'s") {
        key.truncate(stem.len());
    }
    found.push(Word {
        start: from,
        text: word,
        key,
    });
}

/// `"a"`, `"a" and "b"`, `"a", "b" and "c"`.
pub(crate) fn quoted(phrases: &[&str]) -> String {
    let mut text = String::new();
    for (at, phrase) in phrases.iter().enumerate() {
        text.push_str(match at {
            0 => "",
            _ if at + 1 == phrases.len() => " and ",
            _ => ", ",
        });
        text.push('"');
        text.push_str(phrase);
        text.push('"');
    }
    text
}

/// `words` is sorted.
fn is_in(words: &[&str], word: &str) -> bool {
    words.binary_search(&word).is_ok()
}

const ENTITIES: [&str; 6] = ["amp", "apos", "gt", "lt", "nbsp", "quot"];

const NEGATIONS: [&str; 20] = [
    "aren't", "can't", "cannot", "didn't", "doesn't", "don't", "hardly", "isn't", "n't", "neither", "never",
    "no", "nobody", "none", "nor", "not", "nothing", "wasn't", "without", "won't",
];

/// Without "one", which is mostly a pronoun.
const NUMBER_WORDS: [&str; 14] = [
    "eight", "eleven", "five", "four", "hundred", "million", "nine", "seven", "six", "ten", "thousand",
    "three", "twelve", "two",
];

/// English words that carry grammar and little content, and pieces that tokenised corpora leave of contractions.
const FUNCTION_WORDS: [&str; 133] = [
    "a", "about", "after", "all", "also", "although", "am", "an", "and", "another", "any", "are", "as", "at",
    "be", "because", "been", "before", "being", "between", "both", "but", "by", "can", "could", "did",
    "didn", "do", "does", "doing", "don", "done", "down", "during", "each", "for", "from", "had", "has",
    "have", "having", "he", "her", "here", "him", "his", "how", "however", "i", "i'm", "i've", "if", "in",
    "into", "is", "isn", "it", "it's", "its", "just", "ll", "may", "me", "might", "must", "my", "of", "off",
    "on", "one", "onto", "or", "other", "our", "out", "over", "own", "per", "re", "s", "said", "same", "say",
    "says", "shall", "she", "should", "so", "some", "such", "t", "than", "that", "that's", "the", "their",
    "them", "then", "there", "these", "they", "this", "those", "though", "through", "to", "too", "under",
    "until", "up", "us", "ve", "very", "via", "was", "we", "were", "what", "when", "where", "which", "while",
    "who", "whom", "whose", "why", "will", "with", "within", "would", "yet", "you", "your",
];

#[cfg(test)]
mod tests {
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<String> = words(text).into_iter().map(|word| word.key).collect();
        assert_eq!(found, expected, "words of {text:?}");
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn words_are_runs_of_letters_and_digits() {
        check("", &[]);
        check("The dog's bone.", &["the", "dog", "bone"]);
        check(
            "it does n't cost 1,500.50, says Zoë",
            &["it", "does", "n't", "cost", "1,500.50", "says", "zoë"],
        );
        check("a four-lane road…", &["a", "four", "lane", "road"]);
        check(
            "the sport #39;s quot;new quot; rule",
            &["the", "sport", "s", "new", "rule"],
        );
        check("'quoted' rock 'n' roll '", &["quoted", "rock", "n", "roll"]);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn numbers_and_negations_are_content_and_function_words_are_not() {
        let content: Vec<&str> = words("The 3 men are not in a red car")
            .iter()
            .filter(|word| word.is_content())
            .map(|word| word.text)
            .collect();
        assert_eq!(content, ["3", "men", "not", "red", "car"]);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn the_word_lists_are_sorted() {
        for words in [&ENTITIES as &[&str], &NEGATIONS, &NUMBER_WORDS, &FUNCTION_WORDS] {
            assert!(words.is_sorted(), "binary search needs an order: {words:?}");
        }
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn lists_are_written_as_people_write_them() {
        assert_eq!(quoted(&[]), "");
        assert_eq!(quoted(&["a"]), "\"a\"");
        assert_eq!(quoted(&["a", "b"]), "\"a\" and \"b\"");
        assert_eq!(quoted(&["a", "b", "c"]), "\"a\", \"b\" and \"c\"");
    }
}
