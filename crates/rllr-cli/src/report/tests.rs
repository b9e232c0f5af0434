use std::collections::BTreeMap;

use rllr_eval::{
    Curve, DataFile, Evaluation, MethodRecord, Outcome, PairCounts, RewardModelRecord, RunRecord, SamplePair,
};
use rllr_task::mismatch::Mismatch;

use super::*;

/// Of 40 examples this many are right, from the first on; two responses are no answer.
fn method(name: &str, seed: u64, right: usize) -> MethodRecord {
    let n = 40;
    let accuracy = right as f64 / n as f64;
    MethodRecord {
        method: name.to_owned(),
        seed,
        held_out: Evaluation {
            task: "film_sentiment".to_owned(),
            n,
            accuracy,
            accuracy_ci95: [accuracy - 0.1, (accuracy + 0.1).min(1.0)],
            macro_f1: accuracy - 0.02,
            invalid_rate: 0.05,
            labels: vec!["negative".to_owned(), "positive".to_owned()],
            confusion: vec![
                vec![right / 2, 19 - right / 2],
                vec![38 - right - (19 - right / 2), right - right / 2],
            ],
            invalid: vec![1, 1],
            pearson: None,
            spearman: None,
        },
        test: None,
        outcomes: (0..n)
            .map(|id| Outcome {
                id: format!("{id}"),
                correct: id < right,
            })
            .collect(),
        floor: Some(0.55),
        label_threshold: (name == "rllr-mixed").then_some(1.25),
        seconds: Some(12.0),
    }
}

fn reward_model(trained_on: &str, label_accuracy: f64, rationale_accuracy: f64) -> RewardModelRecord {
    let margins = |accuracy: f64| -> Vec<f64> {
        (0..50)
            .map(|pair| accuracy * 2.0 - f64::from(pair) / 25.0)
            .collect()
    };
    RewardModelRecord {
        trained_on: trained_on.to_owned(),
        task: "film_sentiment".to_owned(),
        seed: 0,
        label_accuracy: Some(label_accuracy),
        rationale_accuracy: Some(rationale_accuracy),
        label_sensitivity: Some(label_accuracy),
        label_margins: margins(label_accuracy),
        rationale_margins: margins(rationale_accuracy),
    }
}

fn curves() -> Vec<Curve> {
    let metrics = [
        ("objective/scores", 1.0),
        ("objective/kl", 0.3),
        ("rollout/accuracy", 0.6),
    ];
    let stages = ["rlhf", "rllr", "rllr-mixed"];
    let mut curves = Vec::new();
    for (place, stage) in stages.into_iter().enumerate() {
        for (metric, scale) in metrics {
            curves.push(Curve {
                stage: stage.to_owned(),
                task: "film_sentiment".to_owned(),
                seed: 0,
                metric: metric.to_owned(),
                points: (1..=80)
                    .map(|step| (step, scale * (1.0 + place as f64) * (step as f64).sqrt() / 9.0))
                    .collect(),
            });
        }
    }
    curves
}

/// What a small run could have come to.
pub(super) fn small_record() -> RunRecord {
    let mut methods = Vec::new();
    for (name, right) in [
        ("sft-label", 22),
        ("sft-rationale", 24),
        ("rlhf", 23),
        ("rllr", 34),
        ("rllr-mixed", 33),
    ] {
        methods.extend((0..2).map(|seed| method(name, seed, right + usize::try_from(seed).unwrap())));
    }
    RunRecord {
        title: "A small run".to_owned(),
        methods,
        reward_models: vec![
            reward_model("label", 0.9, 0.6),
            reward_model("rationale", 0.55, 0.95),
        ],
        sampled_pairs: vec![PairCounts {
            task: "film_sentiment".to_owned(),
            seed: 0,
            counts: Mismatch {
                label_sensitive: 12,
                rationale_sensitive: 70,
                identical: 10,
                unparsable: 8,
            },
        }],
        curves: curves(),
        samples: ["rlhf", "rllr"]
            .map(|method| SamplePair {
                task: "film_sentiment".to_owned(),
                seed: 0,
                method: method.to_owned(),
                id: "30".to_owned(),
                prompt: "Is this review positive? \"A <script>alert(1)</script> of a film & no fun.\""
                    .to_owned(),
                label: "negative".to_owned(),
                before: "It says script.\nLabel: positive".to_owned(),
                before_correct: false,
                after: "</pre><img src=x onerror=alert(2)>\nLabel: negative".to_owned(),
                after_correct: method == "rllr",
            })
            .to_vec(),
        config: "seed = 0\n# a <b>comment</b>\n".to_owned(),
        data: vec![DataFile {
            name: "film_sentiment/train".to_owned(),
            hash: "sha256:0123".to_owned(),
            rows: Some(1500),
        }],
        versions: BTreeMap::from([("rllr".to_owned(), "0.1.0".to_owned())]),
        notes: vec!["one seed stopped early".to_owned()],
        ..RunRecord::default()
    }
}

fn small_document() -> Document {
    let record = small_record();
    sections::document(&record, &compare(&record).unwrap()).unwrap()
}

/// The whole text, so that a change of it is seen.
#[test]
fn markdown_of_a_small_run() {
    let text = markdown::markdown(&small_document());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/report/tests/small.md");
    if std::env::var_os("RLLR_UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    for (line, (found, expected)) in text.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "line {}", line + 1);
    }
    assert_eq!(text.len(), expected.len(), "as long as expected");
}

#[test]
fn html_holds_every_part_and_needs_nothing_else() {
    let page = html::html(&small_document());
    for part in [
        "scores",
        "mismatch",
        "margins",
        "curves",
        "confusions",
        "answers",
        "making",
    ] {
        assert!(
            page.contains(&format!("<section id=\"{part}\"")),
            "{part} is missing"
        );
    }
    for outside in ["src=\"", "href=\"http", "@import", "url(", "<link"] {
        assert!(
            !page.contains(outside),
            "{outside} names something outside of the file"
        );
    }
    assert_eq!(page.matches("<svg ").count(), page.matches("</svg>").count());
    assert_eq!(
        page.matches("<figure").count(),
        page.matches("<svg ").count(),
        "a figure a drawing"
    );
    assert!(
        page.matches("<details").count() > page.matches("<figure").count(),
        "numbers of each figure"
    );
    assert!(page.contains("prefers-color-scheme: dark"));
}

/// Prompts, answers and settings come from anywhere: nothing of them may become part of the page.
#[test]
fn texts_of_a_run_stay_texts() {
    let page = html::html(&small_document());
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
        "the sample is shown as it is"
    );
    assert!(page.contains("&lt;/pre&gt;&lt;img src=x onerror=alert(2)&gt;"));
    assert!(page.contains("# a &lt;b&gt;comment&lt;/b&gt;"));
    for tag in ["<script", "<img", "<b>"] {
        assert!(!page.contains(tag), "{tag} is part of the page");
    }
    let mut record = small_record();
    let evil = "\"><script>alert(3)</script>";
    record.title = evil.to_owned();
    for row in &mut record.methods {
        row.held_out.task = evil.to_owned();
        row.held_out.labels = vec![evil.to_owned(), "b".to_owned()];
        row.method.push_str(evil);
    }
    for curve in &mut record.curves {
        (curve.task, curve.stage) = (evil.to_owned(), evil.to_owned());
    }
    for model in &mut record.reward_models {
        model.task = evil.to_owned();
    }
    let document = sections::document(&record, &compare(&record).unwrap()).unwrap();
    let page = html::html(&document);
    assert!(!page.contains("<script") && page.contains("&lt;script&gt;alert(3)"));
    let text = markdown::markdown(&document);
    assert!(!text.contains("<script>alert(3)"), "not in Markdown either");
}

/// The numbers that are shown are those of the record: by hand, 34.5 of 40 against 24.5 of 40.
#[test]
fn marks_and_sentences_follow_the_numbers() {
    let document = small_document();
    let all = document.summary.join("\n");
    assert!(
        all.contains("RLLR on film_sentiment is 25.0 points better than SFT with rationales"),
        "{all}"
    );
    assert!(all.contains("RLHF on film_sentiment: -2.5 points"), "{all}");
    let Block::Table(table) = &document.sections[0].blocks[0] else {
        panic!("expected the table of methods by tasks first");
    };
    let row = |name: &str| table.rows.iter().find(|row| row[0] == name).unwrap()[1].clone();
    assert!(
        row("RLLR").starts_with("86.2 [") && row("RLLR").ends_with("▲▲"),
        "{}",
        row("RLLR")
    );
    assert!(
        row("RLHF").starts_with("58.7 [") && row("RLHF").ends_with(']'),
        "{}",
        row("RLHF")
    );
}

#[test]
fn a_run_that_measured_little_has_a_short_report() {
    let record = RunRecord {
        methods: vec![method("sft-rationale", 0, 30)],
        ..RunRecord::default()
    };
    let document = sections::document(&record, &compare(&record).unwrap()).unwrap();
    let ids: Vec<&str> = document.sections.iter().map(|section| section.id).collect();
    assert_eq!(ids, ["scores", "confusions", "making"]);
    assert!(
        compare(&RunRecord::default()).is_err(),
        "nothing cannot be compared"
    );
}

#[test]
fn files_are_written_and_the_same_again() {
    let directory = std::env::temp_dir().join(format!("rllr-report-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    let html = write_report(&small_record(), &directory).unwrap();
    let first = std::fs::read(&html).unwrap();
    write_report(&small_record(), &directory).unwrap();
    assert_eq!(
        std::fs::read(&html).unwrap(),
        first,
        "the same record gives the same bytes"
    );
    let markdown = std::fs::read_to_string(directory.join("report.md")).unwrap();
    let figures: Vec<&str> = markdown
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .collect();
    assert!(figures.len() > 5, "{figures:?}");
    for figure in figures {
        let svg = std::fs::read_to_string(directory.join(figure)).unwrap();
        assert!(svg.contains("prefers-color-scheme"), "{figure} knows both modes");
    }
    let json: serde_json::Value =
        serde_json::from_slice(&std::fs::read(directory.join("report.json")).unwrap()).unwrap();
    let record: RunRecord = serde_json::from_value(json["record"].clone()).unwrap();
    // Reading text may change the last digit of a number, the same one in both.
    let expected = serde_json::to_string(&small_record()).unwrap();
    assert!(
        record == serde_json::from_str(&expected).unwrap(),
        "nothing is lost"
    );
    std::fs::remove_dir_all(directory).unwrap();
}
