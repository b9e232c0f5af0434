//! Cutting the prompts of pairs that were built elsewhere.

use super::builder::Seen;
use super::{DropReason, Pairs, PreferencePair};

/// Cuts prompts at their start, at white space, so that prompt and longer response have at most `max_length`.
///
/// The end of a prompt stays, since it asks for the answer, and the responses stay whole, so the difference between
/// them does too. Identical and repeated pairs are dropped and counted, and those whose responses alone are too long.
/// For pairs built from examples, [`PairConfig::max_length`](super::PairConfig) cuts the example's texts instead.
pub fn truncate_prompts(
    pairs: impl IntoIterator<Item = PreferencePair>,
    max_length: usize,
    mut length: impl FnMut(&str) -> usize,
) -> Pairs {
    let mut kept = Pairs::default();
    let mut seen = Seen::default();
    for mut pair in pairs {
        kept.report.examples += 1;
        if pair.chosen == pair.rejected {
            kept.report.count_dropped(DropReason::Identical);
            continue;
        }
        let longer = length(&pair.chosen).max(length(&pair.rejected));
        let tail = max_length
            .checked_sub(longer)
            .and_then(|limit| tail_within(&pair.prompt, limit, &mut length));
        let Some(start) = tail else {
            kept.report.count_dropped(DropReason::TooLong);
            continue;
        };
        pair.prompt.replace_range(..start, "");
        if seen.is_repeated(&pair, &kept.pairs) {
            kept.report.count_dropped(DropReason::Repeated);
            continue;
        }
        kept.report.prompts_cut += usize::from(start > 0);
        kept.report.pairs += 1;
        kept.pairs.push(pair);
    }
    kept
}

/// Where the longest end of the prompt begins that fits; `None` if not even its last word does.
fn tail_within(prompt: &str, limit: usize, length: &mut impl FnMut(&str) -> usize) -> Option<usize> {
    if length(prompt) <= limit {
        return Some(0);
    }
    let mut before = ' ';
    let starts: Vec<usize> = prompt
        .char_indices()
        .filter(|&(_, c)| {
            let starts_word = before.is_whitespace() && !c.is_whitespace();
            before = c;
            starts_word
        })
        .map(|(at, _)| at)
        .collect();
    // The ends get shorter along `starts`, so the first one that fits is the longest.
    let first_fit = starts.partition_point(|&at| length(&prompt[at..]) > limit);
    starts.get(first_fit).copied()
}

#[cfg(test)]
mod tests {
    use super::super::PairKind;
    use super::*;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn pair(prompt: &str, chosen: &str, rejected: &str) -> PreferencePair {
        PreferencePair {
            prompt: prompt.to_owned(),
            chosen: chosen.to_owned(),
            rejected: rejected.to_owned(),
            kind: PairKind::Rationale,
            task: String::new(),
            id: String::new(),
            chosen_by: None,
            rejected_by: None,
        }
    }

    fn words(text: &str) -> usize {
        text.split_whitespace().count()
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn the_start_of_the_prompt_is_cut_and_the_responses_stay() {
        let check = |prompt: &str, max_length, expected: Option<&str>| {
            let kept = truncate_prompts([pair(prompt, "so: yes", "no")], max_length, words);
            let found = kept.pairs.first().map(|pair| pair.prompt.as_str());
            assert_eq!(found, expected, "{prompt:?} within {max_length}");
            assert_eq!(
                kept.report.pairs + kept.report.dropped_total(),
                1,
                "nothing is lost silently"
            );
            if let Some(kept) = kept.pairs.first() {
                assert_eq!((kept.chosen.as_str(), kept.rejected.as_str()), ("so: yes", "no"));
            }
        };
        check("one two three\nAnswer:\n", 6, Some("one two three\nAnswer:\n"));
        check("one two three\nAnswer:\n", 5, Some("two three\nAnswer:\n"));
        check("one two three\nAnswer:\n", 3, Some("Answer:\n"));
        check("one two three\nAnswer:\n", 2, None);
        check("one two three\nAnswer:\n", 1, None);
        check("", 2, Some(""));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn identical_and_repeated_pairs_are_dropped_and_counted() {
        let pairs = [
            pair("p", "a", "a"),
            pair("x p", "a", "b"),
            pair("y p", "a", "b"),
            pair("p", "b", "a"),
        ];
        let kept = truncate_prompts(pairs, 2, words);
        assert_eq!(kept.report.dropped.get(&DropReason::Identical), Some(&1));
        assert_eq!(
            kept.report.dropped.get(&DropReason::Repeated),
            Some(&1),
            "equal once both prompts are cut"
        );
        assert_eq!(
            (kept.report.examples, kept.report.pairs, kept.report.prompts_cut),
            (4, 2, 1)
        );
    }
}
