use std::path::PathBuf;

use super::*;
use crate::exit::ExitError;

/// A directory as `docs/formats.md` has it.
struct RunDirectory {
    root: PathBuf,
}

impl RunDirectory {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("rllr-read-run-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).unwrap();
        Self { root }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().expect("below the root")).unwrap();
        fs::write(path, text).unwrap();
    }

    /// One method on two examples, of which the first is right.
    fn method(&self, method: &str, seed: u64, right: [bool; 2]) -> String {
        let accuracy = right.iter().filter(|right| **right).count() as f64 / 2.0;
        let directory = format!("toy/seed-{seed}/eval-{method}");
        let predictions = [("a", right[0]), ("b", right[1])].map(|(id, correct)| {
            let prediction = if correct { "yes" } else { "no" };
            format!(
                "{{\"id\":\"{id}\",\"task\":\"toy\",\"prediction\":\"{prediction}\",\"label\":\"yes\",\
                 \"response\":\"{method} says {prediction}\",\"correct\":{correct}}}\n"
            )
        });
        self.write(&format!("{directory}/toy.held_out.jsonl"), &predictions.concat());
        format!(
            "{{\"task\":\"toy\",\"method\":\"{method}\",\"seed\":{seed},\"group\":\"toy\",\"held_out\":{{\"task\":\"toy\",\
             \"n\":2,\"accuracy\":{accuracy},\"accuracy_ci95\":[0.0,1.0],\"macro_f1\":0.5,\"invalid_rate\":0.0,\
             \"labels\":[\"no\",\"yes\"],\"confusion\":[[0,0],[1,1]],\"invalid\":[0,0],\"seconds\":1.0,\
             \"tokens_per_second\":5.0}},\"floor\":0.5,\"label_threshold\":null,\"reward_models\":{{}},\"seconds\":3.5,\
             \"stage\":\"toy/seed-{seed}/{method}\",\"evaluation\":\"{directory}\"}}\n"
        )
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn whole_run() -> RunDirectory {
    let run = RunDirectory::new("whole");
    // The method that was done first is not the first of the table.
    let lines = [
        run.method("rllr", 0, [true, true]),
        run.method("sft-rationale", 0, [true, false]),
        run.method("rllr", 1, [true, true]),
        run.method("sft-rationale", 1, [false, false]),
    ];
    run.write("results.jsonl", &lines.concat());
    run.write("config.toml", "seed = 0\n");
    run.write(
        "run.json",
        r#"{"program":"rllr 0.1.0","device":"cpu","command":["rllr","run"],"versions":{"burn":"0.22.1"},
            "data":[{"path":"toy/train.jsonl","sha256":"ab","rows":7}]}"#,
    );
    for seed in [0, 1] {
        // The same id means another text with another seed, but for `a`.
        let rows = format!(
            "{{\"id\":\"a\",\"text\":\"same\"}}\n{{\"id\":\"b\",\"text\":\"text {seed}\",\"label\":\"yes\"}}\n"
        );
        run.write(&format!("toy/seed-{seed}/data/toy/held_out.jsonl"), &rows);
    }
    run.write(
        "toy/seed-0/data/summary.json",
        r#"[{"task":"toy","rationales_by":{"rule":3},"files":{"x.jsonl":{"rows":2,"sha256":"cd"}}}]"#,
    );
    run.write(
        "toy/seed-0/data/stage.json",
        r#"{"outputs":{"toy/sft.jsonl":"ef","summary.json":"01"}}"#,
    );
    run.write(
        "toy/seed-0/rllr/events.jsonl",
        "{\"event\":\"step\",\"phase\":\"ppo\",\"step\":1,\"total\":2,\"metrics\":{\"objective/kl\":0.5,\"other\":1.0}}\n\
         {\"event\":\"warning\",\"step\":1,\"message\":\"careful\"}\n{\"event\":\"warning\",\"step\":2,\"message\":\"careful\"}\n\
         {\"event\":\"step\",\"phase\":\"ppo\",\"step\":2,\"total\":2,\"metrics\":{\"objective/kl\":null}}\n",
    );
    run.write(
        "toy/seed-0/reward-label/metrics.json",
        r#"{"eval_label_accuracy":0.75,"eval_rationale_accuracy":0.5,"eval_label_sensitivity":null}"#,
    );
    run.write(
        "toy/seed-0/reward-label/pair_scores.jsonl",
        "{\"id\":\"1\",\"kind\":\"label\",\"chosen\":1.5,\"rejected\":0.5}\n\
         {\"id\":\"2\",\"kind\":\"rationale\",\"chosen\":0.0,\"rejected\":0.25}\n",
    );
    run.write(
        "toy/seed-0/sampled/statistics.json",
        r#"[{"task":"toy","label_sensitive":1,"rationale_sensitive":2,"identical":3,"unparsable":4}]"#,
    );
    run
}

#[test]
fn everything_in_a_directory_is_read() {
    let run = whole_run();
    let record = read_run(&run.root).unwrap();
    assert_eq!(
        record.method_names(),
        ["sft-rationale", "rllr"],
        "in the order of tables"
    );
    assert_eq!(record.seeds(), [0, 1]);
    assert_eq!(record.methods[0].seconds, Some(3.5));
    let ids = |row: usize| -> Vec<&str> {
        record.methods[row]
            .outcomes
            .iter()
            .map(|outcome| outcome.id.as_str())
            .collect()
    };
    assert_eq!(ids(0), ["a", "b"]);
    assert_eq!(ids(1), ["a", "b of seed 1"], "another text under the same id");
    let [curve] = &record.curves[..] else {
        panic!("expected one curve, found {:?}", record.curves);
    };
    assert_eq!(
        (curve.stage.as_str(), curve.metric.as_str()),
        ("rllr", "objective/kl")
    );
    assert_eq!(curve.points, [(1, 0.5)], "what is not finite is left out");
    let model = &record.reward_models[0];
    assert_eq!(
        (model.trained_on.as_str(), model.label_accuracy),
        ("label", Some(0.75))
    );
    assert_eq!(
        (&model.label_margins[..], &model.rationale_margins[..]),
        (&[1.0][..], &[-0.25][..])
    );
    assert_eq!(model.label_sensitivity, None);
    assert_eq!(record.sampled_pairs[0].counts.total(), 10);
    assert_eq!(record.versions["burn"], "0.22.1");
    assert_eq!(record.versions["command"], "rllr run");
    let names: Vec<&str> = record.data.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["toy/train.jsonl", "toy/sft.jsonl, seed 0", "x.jsonl"]);
    assert_eq!(
        (record.data[0].hash.as_str(), record.data[0].rows),
        ("sha256:ab", Some(7))
    );
    let notes = record.notes.join("\n");
    assert!(
        notes.contains("rllr: careful (2 times)") && notes.contains("3 by rule"),
        "{notes}"
    );
}

#[test]
fn samples_are_the_same_questions_before_and_after() {
    let run = whole_run();
    let record = read_run(&run.root).unwrap();
    let first = &record.samples[0];
    assert_eq!(
        (first.id.as_str(), first.prompt.as_str()),
        ("b", "text 0"),
        "what changed comes first"
    );
    assert_eq!(
        (first.before.as_str(), first.after.as_str()),
        ("sft-rationale says no", "rllr says yes")
    );
    assert!(!first.before_correct && first.after_correct);
}

/// A run that was stopped early, or that an older program wrote, has a report of what is there.
#[test]
fn results_alone_are_enough() {
    let run = RunDirectory::new("little");
    let line = run.method("sft-rationale", 0, [true, false]);
    run.write("results.jsonl", &line);
    fs::remove_dir_all(run.root.join("toy")).unwrap();
    let record = read_run(&run.root).unwrap();
    assert_eq!(record.methods.len(), 1);
    let notes = record.notes.join("\n");
    assert!(
        notes.contains("run.json is missing") && notes.contains("no paired test"),
        "{notes}"
    );
    crate::report::write_report(&record, &run.root.join("report")).unwrap();
}

#[test]
fn other_directories_are_refused_with_the_reason() {
    let run = RunDirectory::new("other");
    let check = |part: &str| {
        let error = read_run(&run.root).unwrap_err();
        assert!(
            matches!(error.downcast_ref(), Some(ExitError::BadInput(_))),
            "{error:#}"
        );
        assert!(error.to_string().contains(part), "{error:#}");
    };
    check("found no results");
    run.write("results.jsonl", "{\"task\":1}\n");
    check("line 1");
}
