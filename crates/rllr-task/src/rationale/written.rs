//! Rationales that an example already has, and filling in those that nobody wrote.

use std::collections::BTreeMap;

use super::{RationaleError, RuleWriter};
use crate::example::{Example, Explanation};

/// Writer of a rationale without a named author: a person.
pub const HUMAN: &str = "human";
/// Writer of the map `rationales`: one generator that wrote a text for every label.
pub const GENERATED: &str = "generated";
/// Writer of rationales that a rule of this crate made.
pub const RULE: &str = "rule";

/// Everything the example has that argues for a label, with its writer, each text once.
///
/// In this order: the gold rationale, the rationales of every label, the further explanations. The map `rationales`
/// is by [`GENERATED`], or by [`RULE`] if `rationale_by` says so.
pub fn explanations(example: &Example) -> Vec<Explanation> {
    let Example {
        label,
        rationale,
        rationale_by,
        rationales,
        others,
        ..
    } = example;
    let mut found: Vec<Explanation> = Vec::with_capacity(1 + rationales.len() + others.len());
    let mut add = |by: &str, label: &str, text: &str| {
        let text = text.trim();
        let is_new = !found
            .iter()
            .any(|other| other.by == by && other.label == label && other.text == text);
        if !text.is_empty() && is_new {
            found.push(Explanation {
                by: by.to_owned(),
                label: label.to_owned(),
                text: text.to_owned(),
            });
        }
    };
    if let Some(text) = rationale {
        add(rationale_by.as_deref().unwrap_or(HUMAN), label, text);
    }
    let map_by = if rationale_by.as_deref() == Some(RULE) {
        RULE
    } else {
        GENERATED
    };
    for (label, text) in rationales {
        add(map_by, label, text);
    }
    for Explanation { by, label, text } in others {
        add(by, label, text);
    }
    found
}

/// Gives the example a rule-made rationale for every label, unless one writer has already written for every label.
///
/// Returns `true` if the rule wrote. An example without any text gets `rationale`, `rationales` and `rationale_by`
/// = [`RULE`]; an example with some text keeps it, and the rule's go to `others` by [`RULE`].
///
/// # Errors
///
/// [`RationaleError`] if the example does not fit the task on which the rule was fitted.
pub fn fill_rationales(example: &mut Example, rule: &RuleWriter) -> Result<bool, RationaleError> {
    let labels = rule.labels_of(example);
    let written = explanations(example);
    let covers_all = |writer: &str| {
        labels.iter().all(|label| {
            written
                .iter()
                .any(|text| text.by == writer && text.label == *label)
        })
    };
    if written.iter().any(|text| covers_all(&text.by)) {
        return Ok(false);
    }
    let mut texts = BTreeMap::new();
    for label in &labels {
        texts.insert((*label).to_owned(), rule.write_text(example, label)?);
    }
    if written.is_empty() {
        example.rationale = texts.get(&example.label).cloned();
        example.rationale_by = Some(RULE.to_owned());
        example.rationales = texts;
    } else {
        let by_rule = texts.into_iter().map(|(label, text)| Explanation {
            by: RULE.to_owned(),
            label,
            text,
        });
        example.others.extend(by_rule);
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::super::test_task::films;
    use super::*;
    use crate::example::Input;
    use wasm_bindgen_test::wasm_bindgen_test;

    fn example(text: &str, label: &str) -> Example {
        Example {
            id: format!("films-{text}"),
            task: "films".to_owned(),
            input: Input::Text(text.to_owned()),
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

    fn explanation(by: &str, label: &str, text: &str) -> Explanation {
        Explanation {
            by: by.to_owned(),
            label: label.to_owned(),
            text: text.to_owned(),
        }
    }

    fn rule() -> RuleWriter {
        let train = [
            example("a dull plot", "negative"),
            example("a lively plot", "positive"),
        ];
        RuleWriter::fit(&films(), &train).expect("the examples fit the labels")
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn explanations_name_their_writers() {
        let mut row = example("a dull film", "negative");
        row.rationale = Some(" dull. ".to_owned());
        row.rationales = [("negative", "it is dull"), ("positive", "")]
            .map(|(label, text)| (label.to_owned(), text.to_owned()))
            .into();
        row.others = vec![
            explanation("human", "negative", "dull."),
            explanation("palm", "positive", "a film"),
        ];
        let expected = [
            explanation(HUMAN, "negative", "dull."),
            explanation(GENERATED, "negative", "it is dull"),
            explanation("palm", "positive", "a film"),
        ];
        assert_eq!(
            explanations(&row),
            expected,
            "trimmed, without empty and repeated texts"
        );

        row.rationale_by = Some("span".to_owned());
        assert_eq!(explanations(&row)[0].by, "span");
        row.rationale_by = Some(RULE.to_owned());
        assert_eq!(explanations(&row)[1].by, RULE, "the rule wrote the map too");
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn the_rule_writes_for_every_label_and_says_so() {
        let mut row = example("a dull start, a lively end", "negative");
        assert_eq!(fill_rationales(&mut row, &rule()), Ok(true));
        assert_eq!(row.rationale_by.as_deref(), Some(RULE));
        assert_eq!(row.rationale, row.rationales.get("negative").cloned());
        assert_eq!(row.rationales.len(), 2, "gold and wrong");
        assert_eq!(
            fill_rationales(&mut row, &rule()),
            Ok(false),
            "nothing is left to write"
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn what_people_wrote_stays() {
        let mut row = example("a dull start, a lively end", "negative");
        row.rationale = Some("The start bores.".to_owned());
        assert_eq!(fill_rationales(&mut row, &rule()), Ok(true));
        assert_eq!(row.rationale.as_deref(), Some("The start bores."));
        assert_eq!(row.rationale_by, None);
        let by_rule: Vec<&str> = row.others.iter().map(|text| text.label.as_str()).collect();
        assert_eq!(by_rule, ["negative", "positive"]);

        let mut complete = example("a dull film", "negative");
        complete.rationales = [("negative", "dull"), ("positive", "a film")]
            .map(|(label, text)| (label.to_owned(), text.to_owned()))
            .into();
        assert_eq!(
            fill_rationales(&mut complete, &rule()),
            Ok(false),
            "one writer has covered every label"
        );
    }
}
