//! Pairs of one label: corrupted and judged rationales.

use super::*;
use crate::read::RationaleJudgement;

fn corrupted(examples: &[Example], corruption: Corruption, config: &PairConfig) -> Pairs {
    corrupted_rationale_pairs(&nli(), examples, corruption, config, words, &mut rng())
        .expect("the examples fit the task")
}

#[wasm_bindgen_test(unsupported = test)]
fn corrupted_rationales_keep_the_label_and_the_writer() {
    let examples: Vec<Example> = (0..20).map(example).collect();
    for corruption in [
        Corruption::OtherExample,
        Corruption::WrongLabel,
        Corruption::ShuffledWords,
    ] {
        let Pairs { pairs, report } = corrupted(&examples, corruption, &PairConfig::default());
        assert_eq!((report.pairs, report.dropped_total()), (20, 0), "{corruption:?}");
        assert_eq!(mismatch(&pairs, &nli()).rationale_sensitive, 20, "{corruption:?}");
        assert!(
            pairs.iter().all(|pair| pair.chosen_by == pair.rejected_by),
            "{corruption:?}"
        );
    }
    let other = corrupted(&examples, Corruption::OtherExample, &PairConfig::default());
    let golds: BTreeSet<&str> = other.pairs.iter().map(|pair| pair.chosen.as_str()).collect();
    assert!(
        other
            .pairs
            .iter()
            .all(|pair| golds.contains(pair.rejected.as_str())),
        "another example's own rationale"
    );
    let wrong = corrupted(&examples[3..4], Corruption::WrongLabel, &PairConfig::default());
    assert_eq!(wrong.pairs[0].rejected, "A lab is a boat.\nLabel: contradiction");
    let shuffled = corrupted(&examples[3..4], Corruption::ShuffledWords, &PairConfig::default());
    let sorted = |text: &str| {
        let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        words.sort();
        words
    };
    assert_eq!(
        sorted(&shuffled.pairs[0].chosen),
        sorted(&shuffled.pairs[0].rejected),
        "the same words"
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn rationales_that_cannot_be_corrupted_are_counted() {
    let alone = corrupted(&[example(3)], Corruption::OtherExample, &PairConfig::default());
    assert_eq!(
        alone.report.dropped,
        BTreeMap::from([(DropReason::NoCorruption, 1)]),
        "there is no other example"
    );
    let mut bare = example(3);
    bare.rationales.clear();
    let none = corrupted(&[bare.clone()], Corruption::WrongLabel, &PairConfig::default());
    assert_eq!(
        none.report.dropped,
        BTreeMap::from([(DropReason::NoRationale, 1)])
    );
    bare.rationale = Some("no no".to_owned());
    let one_word = corrupted(&[bare], Corruption::ShuffledWords, &PairConfig::default());
    assert_eq!(
        one_word.report.dropped,
        BTreeMap::from([(DropReason::NoCorruption, 1)]),
        "no other order"
    );
}

fn judgement() -> RationaleJudgement {
    RationaleJudgement {
        id: "r-1".to_owned(),
        base: "films".to_owned(),
        input: Input::Text("a dull film".to_owned()),
        choices: BTreeMap::new(),
        label: "negative".to_owned(),
        better: "It is dull.".to_owned(),
        worse: "It is a film.".to_owned(),
        better_votes: None,
        worse_votes: None,
        by: Some("gpt-3".to_owned()),
        item: Some("i-1".to_owned()),
        source: None,
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn judged_rationales_become_pairs_of_the_base_task() {
    let second = RationaleJudgement {
        id: "r-2".to_owned(),
        worse: "Films exist.".to_owned(),
        ..judgement()
    };
    let build = |per_item| {
        let rows = [judgement(), second.clone()];
        judged_rationale_pairs(
            &tasks(),
            &rows,
            per_item,
            &PairConfig::default(),
            words,
            &mut rng(),
        )
        .expect("the rows fit the task")
    };
    let both = build(2);
    assert_eq!((both.report.examples, both.report.pairs), (2, 2));
    let pair = both
        .pairs
        .iter()
        .find(|pair| pair.id == "r-1")
        .expect("the first row is there");
    assert_eq!(pair.chosen, "It is dull.\nLabel: negative");
    assert_eq!(pair.rejected, "It is a film.\nLabel: negative");
    assert_eq!((pair.kind, pair.task.as_str()), (PairKind::Rationale, "films"));
    assert_eq!(pair.chosen_by.as_deref(), Some("gpt-3"));
    assert_eq!(build(1).report.pairs, 1, "rows of one item share an input");

    let unknown = RationaleJudgement {
        base: "plays".to_owned(),
        ..judgement()
    };
    let error = judged_rationale_pairs(&tasks(), &[unknown], 1, &PairConfig::default(), words, &mut rng());
    assert!(matches!(error, Err(PairError::Task(_))), "{error:?}");
}
