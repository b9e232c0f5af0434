use super::super::test_task::rows;
use super::*;
use std::collections::BTreeMap;
use wasm_bindgen_test::wasm_bindgen_test;

fn example(input: Input, label: &str) -> Example {
    Example {
        id: format!("row-{label}"),
        task: "rows".to_owned(),
        input,
        label: label.to_owned(),
        rationale: None,
        rationale_by: None,
        rationales: BTreeMap::new(),
        choices: BTreeMap::new(),
        evidence: BTreeMap::new(),
        others: Vec::new(),
        score: None,
        source: None,
    }
}

fn text(text: &str, label: &str) -> Example {
    example(Input::Text(text.to_owned()), label)
}

fn pair(text_a: &str, text_b: &str, label: &str) -> Example {
    example(
        Input::Pair {
            text_a: text_a.to_owned(),
            text_b: text_b.to_owned(),
        },
        label,
    )
}

fn marked(words: &str, label: &str, evidence: &[(&str, &[&str])]) -> Example {
    let mut row = text(words, label);
    row.evidence = evidence
        .iter()
        .map(|(label, phrases)| {
            (
                (*label).to_owned(),
                phrases.iter().map(|&phrase| phrase.to_owned()).collect(),
            )
        })
        .collect();
    row
}

fn fit(fields: &str, labels: &[&str], train: &[Example]) -> RuleWriter {
    RuleWriter::fit(&rows(fields, labels), train).expect("the examples fit the task")
}

#[wasm_bindgen_test(unsupported = test)]
fn topics_are_argued_with_telling_words() {
    let rule = fit(
        "text",
        &["business", "sports"],
        &[
            text("the bank cut the rate again", "business"),
            text("the team won the match", "sports"),
            text("the team lost a match", "sports"),
        ],
    );
    assert_eq!(rule.kind(), RuleKind::TellingWords);
    let row = text("The team owner asked a bank about the match", "sports");
    assert_eq!(
        rule.write_text(&row, "sports"),
        Ok("It says \"team\" and \"match\".".to_owned())
    );
    assert_eq!(
        rule.write_text(&row, "business"),
        Ok("It says \"owner\" and \"bank\".".to_owned())
    );
    assert_eq!(
        rule.write_text(&text("...", "sports"), "sports"),
        Ok("It says little.".to_owned())
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn sentiment_is_argued_with_marked_phrases_for_both_labels() {
    let rule = fit(
        "text",
        &["negative", "positive"],
        &[
            marked("a dull film", "negative", &[("negative", &["dull"])]),
            marked("a lively film", "positive", &[("positive", &["lively"])]),
        ],
    );
    assert_eq!(rule.kind(), RuleKind::Evidence);
    let both = marked(
        "very lively at first , and then it fails .",
        "negative",
        &[("positive", &["very lively"]), ("negative", &["it fails ."])],
    );
    assert_eq!(
        rule.write_text(&both, "negative"),
        Ok("It says \"it fails\" and \"first\".".to_owned())
    );
    assert_eq!(
        rule.write_text(&both, "positive"),
        Ok("It says \"very lively\" and \"first\".".to_owned())
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn a_label_without_marked_phrases_quotes_words_outside_the_others_phrases() {
    let rule = fit(
        "text",
        &["negative", "positive"],
        &[
            marked("a dull film", "negative", &[("negative", &["dull"])]),
            text("a lively film", "positive"),
        ],
    );
    let row = marked(
        "a dull story, lively music",
        "negative",
        &[("negative", &["dull story"])],
    );
    assert_eq!(
        rule.write_text(&row, "positive"),
        Ok("It says \"lively music\".".to_owned()),
        "as long as the marked phrase, and nothing of it"
    );
    let long = marked(
        "a truly dull and empty story",
        "negative",
        &[("negative", &["a truly dull and empty story"])],
    );
    assert_eq!(
        rule.write_text(&long, "negative"),
        Ok("It says \"dull\" and \"truly\".".to_owned()),
        "of a long phrase, the telling word"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn pairs_are_argued_with_shared_and_differing_words() {
    let rule = fit(
        "pair",
        &["different", "paraphrase"],
        &[
            pair("a red car stops", "two dogs sleep", "different"),
            pair("a red car stops", "a red car halts", "paraphrase"),
        ],
    );
    assert_eq!(rule.kind(), RuleKind::Overlap);
    let row = pair(
        "Sales rose 3 percent in May",
        "Sales rose 5 percent in May",
        "different",
    );
    let say = |label| rule.write_text(&row, label).expect("the label is known");
    assert_eq!(say("different"), "Only one says \"5\" and \"3\".");
    assert_eq!(say("paraphrase"), "Both say \"Sales\", \"rose\" and \"percent\".");
}

#[wasm_bindgen_test(unsupported = test)]
fn options_are_argued_with_the_question() {
    let mut row = text("Where does a blade help you to move?", "B");
    row.choices = [("A", "knife"), ("B", "helicopter")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
    let rule = fit("choices", &["A", "B", "C"], &[row.clone()]);
    assert_eq!(rule.kind(), RuleKind::Choices);
    assert_eq!(rule.labels_of(&row), ["A", "B"], "the example offers no C");
    assert_eq!(
        rule.write_text(&row, "A"),
        Ok("\"knife\" goes with \"blade\" and \"help\".".to_owned())
    );
    assert_eq!(
        rule.write_text(&row, "C"),
        Err(RationaleError::OtherInput {
            id: "row-B".to_owned(),
            kind: RuleKind::Choices
        })
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn what_does_not_fit_is_named() {
    let task = rows("text", &["no", "yes"]);
    assert_eq!(
        RuleWriter::fit(&task, &[]).map(|rule| rule.kind()),
        Err(RationaleError::NoExamples)
    );
    let error = RuleWriter::fit(&task, &[text("a", "maybe")]).expect_err("the label is unknown");
    assert_eq!(
        error.to_string(),
        "example `row-maybe` of task `rows`, field `label`: found `maybe`, expected no or yes"
    );
    let odd_mark = marked("a", "no", &[("perhaps", &["a"])]);
    let error = RuleWriter::fit(&task, &[odd_mark]).expect_err("a phrase is marked for an unknown label");
    assert_eq!(
        error.to_string(),
        "example row-no: unknown label; expected one of no, yes; found \"perhaps\""
    );
    let rule = fit("text", &["no", "yes"], &[text("a", "no")]);
    let error = rule
        .write_text(&pair("a", "b", "no"), "no")
        .expect_err("the rule is for single texts");
    assert_eq!(
        error,
        RationaleError::OtherInput {
            id: "row-no".to_owned(),
            kind: RuleKind::TellingWords
        }
    );
}
