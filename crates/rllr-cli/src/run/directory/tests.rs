use std::time::Duration;

use serde_json::json;

use super::*;

/// A fresh directory with one input.
fn fresh(name: &str) -> (PathBuf, PathBuf) {
    let root = std::env::temp_dir().join(format!("rllr-run-directory-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(&root).unwrap();
    let input = root.join("input.txt");
    fs::write(&input, "one").unwrap();
    (root.join("run"), input)
}

fn plan(input: &Path, steps: usize) -> StagePlan {
    StagePlan {
        path: "task/seed-0/sft".to_owned(),
        settings: json!({ "steps": steps }),
        inputs: vec![("input".to_owned(), input.to_owned())],
    }
}

/// Makes the stage with this text as its output, and says whether it was made.
fn make(directory: &RunDirectory, plan: StagePlan, text: &str) -> bool {
    let whole = directory
        .stage(plan, |open| {
            fs::create_dir_all(open.directory.join("checkpoints/step-1")).unwrap();
            Ok(fs::write(open.directory.join("output.txt"), text)?)
        })
        .unwrap();
    assert!(!whole.directory.join("checkpoints").exists());
    assert_eq!(whole.record.outputs.len(), 1);
    !whole.was_there
}

fn output(root: &Path) -> String {
    fs::read_to_string(root.join("task/seed-0/sft/output.txt")).unwrap()
}

#[test]
fn a_stage_is_repeated_when_something_changed_and_only_then() {
    let (root, input) = fresh("repeat");
    let directory = RunDirectory::open(&root, Reuse::Finished).unwrap();
    assert!(make(&directory, plan(&input, 1), "a"), "it is new");
    assert!(!make(&directory, plan(&input, 1), "b"), "nothing changed");
    assert_eq!(output(&root), "a");
    assert!(make(&directory, plan(&input, 2), "b"), "another setting");
    fs::write(root.join("task/seed-0/sft/output.txt"), "x").unwrap();
    assert!(
        make(&directory, plan(&input, 2), "b"),
        "somebody wrote into the output"
    );
    drop(directory);

    let directory = RunDirectory::open(&root, Reuse::Finished).unwrap();
    assert!(
        !make(&directory, plan(&input, 2), "c"),
        "another process finds it"
    );
    drop(directory);
    fs::write(&input, "two").unwrap();
    let directory = RunDirectory::open(&root, Reuse::Finished).unwrap();
    assert!(make(&directory, plan(&input, 2), "c"), "another input");
    drop(directory);
    let directory = RunDirectory::open(&root, Reuse::Nothing).unwrap();
    assert!(make(&directory, plan(&input, 2), "d"), "--force");
    assert_eq!(output(&root), "d");
}

/// What was whole stays until the new stage is; what is half-done is kept, and gone on with when asked to.
#[test]
fn a_stage_that_fails_leaves_the_old_one_and_what_it_saved() {
    let (root, input) = fresh("fails");
    let directory = RunDirectory::open(&root, Reuse::Finished).unwrap();
    make(&directory, plan(&input, 1), "a");
    let fail = |directory: &RunDirectory| {
        let failed = directory.stage(plan(&input, 2), |open| {
            fs::create_dir_all(open.directory.join("checkpoints/step-7"))?;
            anyhow::bail!("the disk is full")
        });
        failed.unwrap_err().to_string()
    };
    assert_eq!(fail(&directory), "the disk is full");
    assert_eq!(output(&root), "a");
    let message = fail(&directory);
    assert!(
        message.contains("--resume") && message.contains("--force"),
        "{message}"
    );
    drop(directory);

    // A process that was killed while it wrote leaves such names.
    let partial = root.join("task/seed-0/sft.partial");
    fs::create_dir_all(partial.join(".model.123.partial/x")).unwrap();
    fs::write(partial.join("pairs.jsonl.123.partial"), "half").unwrap();
    // And it worked for a minute after it had begun.
    let events = File::create(partial.join("events.jsonl")).unwrap();
    let begun = fs::metadata(partial.join("stage.json"))
        .unwrap()
        .modified()
        .unwrap();
    events.set_modified(begun + Duration::from_secs(60)).unwrap();
    let directory = RunDirectory::open(&root, Reuse::HalfDone).unwrap();
    let whole = directory.stage(plan(&input, 2), |open| {
        assert!(open.directory.join("checkpoints/step-7").is_dir(), "it goes on");
        Ok(fs::write(open.directory.join("output.txt"), "b")?)
    });
    let whole = whole.unwrap();
    assert!(!whole.was_there);
    assert!(
        (60.0..120.0).contains(&whole.record.seconds),
        "{}",
        whole.record.seconds
    );
    assert_eq!(
        whole.record.outputs.into_keys().collect::<Vec<_>>(),
        ["events.jsonl", "output.txt"]
    );
    assert_eq!(output(&root), "b");
    drop(directory);

    // Half-done with other settings: nothing to go on with.
    let directory = RunDirectory::open(&root, Reuse::Finished).unwrap();
    fail_with(&directory, plan(&input, 3));
    assert!(make(&directory, plan(&input, 4), "c"));
    assert!(!root.join("task/seed-0/sft.partial").exists());
}

fn fail_with(directory: &RunDirectory, plan: StagePlan) {
    let failed = directory.stage(plan, |open| {
        fs::create_dir_all(open.directory.join("checkpoints/step-1"))?;
        anyhow::bail!("no")
    });
    failed.unwrap_err();
}

#[test]
fn a_directory_is_held_by_one_run_and_is_nothing_else() {
    let (root, _) = fresh("held");
    let first = RunDirectory::open(&root, Reuse::Finished).unwrap();
    let message = RunDirectory::open(&root, Reuse::Finished)
        .unwrap_err()
        .to_string();
    assert!(message.contains("another run"), "{message}");
    drop(first);
    RunDirectory::open(&root, Reuse::Finished).unwrap();
    let message = RunDirectory::open(root.parent().unwrap(), Reuse::Finished).unwrap_err();
    assert!(
        matches!(message.downcast_ref(), Some(crate::exit::ExitError::BadInput(_))),
        "{message}"
    );
}
