//! Evaluator, try-out and delivery of the built page, used as a visitor uses them, and held against `rllr eval`.
//!
//! Needs the folder in `RLLR_DIST`; `cargo xtask test` builds and sets it.
#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Parser as _;
use rllr_model::ExportOptions;
use rllr_tests::browser::{Page, Surroundings, dist_or_skip};
use rllr_tests::small_models::write_random_model;
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::models::deliver;

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const ARROW_DOWN: &str = "\u{e015}";
const ARROW_RIGHT: &str = "\u{e014}";

/// A copy of the built page that delivers these models, in pieces small enough that there are several.
struct Site {
    folder: TempDir,
}

impl Site {
    fn new(dist: &Path, models: &[(&str, u64)]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        copy(dist, folder.path())?;
        let source = tempfile::tempdir()?;
        for (name, seed) in models {
            write_random_model(&source.path().join(name), *seed, &ExportOptions::default())?;
        }
        deliver(source.path(), folder.path(), 30_000)?;
        Ok(Self { folder })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// The rows of an embedded test set, as a file.
fn test_set(folder: &Path, task: &str, rows: usize) -> Result<PathBuf> {
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("../assets/tasks");
    let text = fs::read_to_string(assets.join(task).join("test.jsonl"))?;
    let lines: Vec<&str> = text.lines().take(rows).collect();
    let file = folder.join(format!("{task}.jsonl"));
    fs::write(&file, lines.join("\n"))?;
    Ok(file)
}

#[derive(clap::Parser)]
struct Native {
    #[command(flatten)]
    arguments: rllr_cli::evaluate::EvalArgs,
}

/// What `rllr eval` says: the measurement, and the predictions.
fn native(model: &Path, data: &Path, mode: &str, tokens: &str) -> Result<(Value, Vec<Value>)> {
    let folder = tempfile::tempdir()?;
    let (out, predictions) = (
        folder.path().join("out.json"),
        folder.path().join("predictions.jsonl"),
    );
    let path = |path: &Path| path.display().to_string();
    let arguments = [
        "eval",
        "--model",
        &path(model),
        "--data",
        &path(data),
        "--mode",
        mode,
        "--max-new-tokens",
        tokens,
        "--out",
        &path(&out),
        "--predictions",
        &path(&predictions),
        "--device",
        "cpu",
        "--quiet",
    ]
    .map(str::to_owned);
    rllr_cli::evaluate::run(&Native::try_parse_from(arguments)?.arguments)?;
    let lines = fs::read_to_string(&predictions)?;
    let predictions = lines
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    Ok((serde_json::from_str(&fs::read_to_string(&out)?)?, predictions))
}

/// What the page saves: the measurement, and the predictions.
async fn saved(page: &Page) -> Result<(Value, Vec<Value>)> {
    let measured = serde_json::from_str(&page.saved("save-json").await?)?;
    let lines = page.saved("save-lines").await?;
    let predictions = lines
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    Ok((measured, predictions))
}

/// Both are equal: words and counts exactly, numbers to 1e-4, times not at all.
fn check_equal(page: &Value, native: &Value, place: &str) -> Result<()> {
    match (page, native) {
        (Value::Number(ours), Value::Number(theirs)) => {
            let difference = ours.as_f64().context("a number")? - theirs.as_f64().context("a number")?;
            ensure!(
                difference.abs() <= 1e-4,
                "{place}: the page has {ours}, rllr eval {theirs}"
            );
        }
        (Value::Object(ours), Value::Object(theirs)) => {
            let keys = |object: &serde_json::Map<String, Value>| object.keys().cloned().collect::<Vec<_>>();
            // The page adds probabilities to answers that were written.
            let mut names = keys(ours);
            names.retain(|name| name != "label_probs" || theirs.contains_key("label_probs"));
            ensure!(
                names == keys(theirs),
                "{place}: {:?} and {:?}",
                keys(ours),
                keys(theirs)
            );
            for (name, theirs) in theirs
                .iter()
                .filter(|(name, _)| !["seconds", "tokens_per_second"].contains(&name.as_str()))
            {
                check_equal(&ours[name], theirs, &format!("{place}.{name}"))?;
            }
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            ensure!(
                ours.len() == theirs.len(),
                "{place}: {} and {}",
                ours.len(),
                theirs.len()
            );
            for (index, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                check_equal(ours, theirs, &format!("{place}[{index}]"))?;
            }
        }
        _ => ensure!(page == native, "{place}: the page has {page}, rllr eval {native}"),
    }
    Ok(())
}

async fn check_against_native(
    page: &Page,
    model: &Path,
    data: &Path,
    mode: &str,
    tokens: &str,
) -> Result<()> {
    page.click(&format!("evaluate-{mode}")).await?;
    page.click("evaluate").await?;
    page.wait_for_evaluator("finished").await?;
    let (measured, predictions) = saved(page).await?;
    let (expected, expected_predictions) = native(model, data, mode, tokens)?;
    check_equal(&measured, &expected, mode)?;
    check_equal(
        &Value::Array(predictions),
        &Value::Array(expected_predictions),
        mode,
    )
}

/// The files of a model's directory.
fn files(model: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(model)? {
        files.push(entry?.path());
    }
    files.sort();
    Ok(files)
}

async fn upload(page: &Page, testid: &str, files: &[PathBuf]) -> Result<()> {
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    page.upload(testid, &files).await
}

async fn set_options(page: &Page, tokens: &str, limit: &str) -> Result<()> {
    if page.attribute("evaluate-options", "open").await.is_err() {
        page.run_script("document.querySelector('[data-testid=\"evaluate-options\"]').open = true")
            .await?;
    }
    page.fill("evaluate-tokens", tokens).await?;
    page.fill("evaluate-limit", limit).await
}

#[tokio::test]
async fn given_files_are_evaluated_as_the_command_line_does_it() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let site = Site::new(&dist, &[])?;
    let page = Page::open(site.path(), Surroundings::NoAdapter, "").await?;
    page.keep_what_is_saved().await?;
    // One file of weights, and several with an index.
    let sharded = ExportOptions {
        max_shard_bytes: 40_000,
        ..ExportOptions::default()
    };
    for (seed, export, task) in [
        (1, ExportOptions::default(), "scene_nli"),
        (2, sharded, "sentence_similarity"),
    ] {
        let model = folder.path().join(format!("model-{seed}"));
        write_random_model(&model, seed, &export)?;
        let data = test_set(folder.path(), task, 9)?;
        upload(&page, "evaluate-model-files", &files(&model)?).await?;
        page.select("evaluate-data", "*").await?;
        upload(&page, "evaluate-data-file", std::slice::from_ref(&data)).await?;
        page.wait_until("the examples are read", async || {
            Ok(page
                .text("evaluate-own-data")
                .await?
                .contains(&format!("9 of {task}")))
        })
        .await?;
        set_options(&page, "12", "").await?;
        for mode in ["likelihood", "generate"] {
            check_against_native(&page, &model, &data, mode, "12").await?;
        }
    }
    assert!(page.text("measure-pearson").await?.contains("Pearson"));
    assert_eq!(page.console_errors().await?, [""; 0]);
    Ok(())
}

/// The models that the page is published with, on the tasks that they have learnt.
#[tokio::test]
async fn shipped_models_are_evaluated_as_the_command_line_does_it() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let index: Value = serde_json::from_str(&fs::read_to_string(dist.join("models/index.json"))?)?;
    let models = index["models"].as_array().context("a list of models")?;
    if models.is_empty() {
        println!("SKIPPED: assets/models holds no model");
        return Ok(());
    }
    let page = Page::open(&dist, Surroundings::NoAdapter, "").await?;
    page.keep_what_is_saved().await?;
    let folder = tempfile::tempdir()?;
    for model in models {
        let name = model["name"].as_str().context("a name")?;
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../assets/models")
            .join(name);
        page.select("evaluate-model", name).await?;
        for task in model["tasks"].as_array().context("a list of tasks")? {
            let task = task.as_str().context("a name")?;
            let data = test_set(folder.path(), task, 16)?;
            page.select("evaluate-data", task).await?;
            set_options(&page, "64", "16").await?;
            for mode in ["likelihood", "generate"] {
                check_against_native(&page, &path, &data, mode, "64").await?;
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_model_comes_in_pieces_is_kept_and_a_damaged_piece_is_told() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let site = Site::new(&dist, &[("first", 1)])?;
    // Nothing of it at the root, so that all addresses must be relative.
    let page = Page::open(site.path(), Surroundings::BelowTheRoot, "").await?;
    page.wait_until("the model is offered", async || {
        Ok(page.value("evaluate-model").await? == "first")
    })
    .await?;
    let piece = fs::read_dir(site.path().join("models/first"))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "bin"))
        .max_by_key(|path| fs::metadata(path).map(|metadata| metadata.len()).unwrap_or(0))
        .context("there are pieces")?;
    let whole = fs::read(&piece)?;
    let mut damaged = whole.clone();
    damaged[100] ^= 1;
    fs::write(&piece, &damaged)?;
    page.click("evaluate-likelihood").await?;
    set_options(&page, "12", "3").await?;
    page.click("evaluate").await?;
    page.wait_for_evaluator("failed").await?;
    let said = page.text("evaluate-failure").await?;
    let name = piece
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    for part in ["arrived damaged", &name, "What you can do", "list of pieces"] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    page.screenshot("damaged-piece").await?;

    // The host is well again: the pieces that had arrived are not fetched a second time.
    fs::write(&piece, &whole)?;
    let before = pieces_fetched(&page).await?;
    page.click("evaluate").await?;
    page.wait_for_evaluator("finished").await?;
    assert!(
        pieces_fetched(&page).await? > before,
        "the damaged one and those behind it"
    );

    // A second visit fetches none.
    page.reload().await?;
    page.click("evaluate-likelihood").await?;
    set_options(&page, "12", "3").await?;
    for file in fs::read_dir(site.path().join("models/first"))? {
        let file = file?.path();
        if file.extension().is_some_and(|extension| extension == "bin") {
            fs::remove_file(file)?;
        }
    }
    page.wait_until("the model is offered", async || {
        Ok(page.value("evaluate-model").await? == "first")
    })
    .await?;
    page.click("evaluate").await?;
    page.wait_for_evaluator("finished").await?;
    Ok(())
}

/// Kept pieces, counted in the storage of the page.
async fn pieces_fetched(page: &Page) -> Result<u64> {
    let script = "const done = arguments[arguments.length - 1];
        caches.open('rllr-models-1').then((cache) => cache.keys()).then((keys) => done(keys.length));";
    Ok(serde_json::from_value(
        page.run_async_script(script, Vec::new()).await?,
    )?)
}

#[tokio::test]
async fn files_that_are_not_what_they_should_be_are_refused_with_a_reason() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let site = Site::new(&dist, &[])?;
    let folder = tempfile::tempdir()?;
    let page = Page::open(site.path(), Surroundings::NoAdapter, "").await?;
    assert!(page.text("evaluate-catalog").await?.contains("without a model"));
    assert!(
        !page.find("evaluate").await?.is_enabled().await?,
        "there is no model"
    );

    page.drop_files(
        "evaluate-model-drop",
        &[("config.json", "{}"), ("notes.txt", "x")],
    )
    .await?;
    page.wait_for_evaluator("failed").await?;
    let said = page.text("evaluate-failure").await?;
    assert!(
        said.contains("notes.txt") && said.contains("tokenizer.json"),
        "{said}"
    );

    // A model whose weights are cut short.
    let model = folder.path().join("model");
    write_random_model(&model, 1, &ExportOptions::default())?;
    let weights = model.join("model.safetensors");
    let bytes = fs::read(&weights)?;
    fs::write(&weights, &bytes[..bytes.len() / 2])?;
    upload(&page, "evaluate-model-files", &files(&model)?).await?;
    page.click("evaluate-likelihood").await?;
    set_options(&page, "12", "2").await?;
    page.click("evaluate").await?;
    page.wait_for_evaluator("failed").await?;
    let said = page.text("evaluate-failure").await?;
    assert!(said.contains("model.safetensors"), "{said}");
    page.screenshot("bad-model").await?;

    // The worker is well: the whole file works at once.
    fs::write(&weights, &bytes)?;
    upload(&page, "evaluate-model-files", &files(&model)?).await?;
    page.click("evaluate").await?;
    page.wait_for_evaluator("finished").await?;

    page.select("evaluate-data", "*").await?;
    let bad = r#"{"id":"1","task":"film_sentiment","text":"x","label":"superb"}"#;
    page.drop_files("evaluate-data-drop", &[("bad.jsonl", bad)])
        .await?;
    page.wait_for_evaluator("failed").await?;
    let said = page.text("evaluate-failure").await?;
    for part in ["bad.jsonl", "line 1", "label", "superb", "negative or positive"] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    assert!(
        !page.find("evaluate").await?.is_enabled().await?,
        "there are no examples"
    );
    assert_eq!(page.console_errors().await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn columns_are_recognised_or_mapped_by_hand() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let site = Site::new(&dist, &[("first", 1)])?;
    let page = Page::open(site.path(), Surroundings::NoAdapter, "").await?;
    page.select("evaluate-data", "*").await?;
    let csv = "Review,Sentiment\n\"a fine, fine film\",positive\n\"dull\",negative\n";
    page.drop_files("evaluate-data-drop", &[("reviews.csv", csv)])
        .await?;
    page.wait_for_evaluator("finished").await?;
    let task = page.value("mapping-task").await?;
    assert!(!task.is_empty(), "its labels tell the task");
    page.select("mapping-task", "film_sentiment").await?;
    page.wait_until("the examples are read", async || {
        Ok(page
            .text("evaluate-own-data")
            .await?
            .contains("2 of film_sentiment"))
    })
    .await?;
    page.screenshot("mapping").await?;

    // No header, unknown words: everything by hand.
    let tsv = "1\tgreat stuff\n0\tboring stuff\n1\tlovely stuff\n0\tboring stuff\n";
    page.drop_files("evaluate-data-drop", &[("reviews.tsv", tsv)])
        .await?;
    page.wait_until("the form lacks a task", async || {
        page.says("mapping-lacks", "task").await
    })
    .await?;
    for (field, value) in [
        ("task", "film_sentiment"),
        ("text", "1"),
        ("label", "0"),
        ("word-1", "positive"),
        ("word-0", "negative"),
    ] {
        let testid = format!("mapping-{field}");
        page.wait_until("the form can be used", async || {
            Ok(page.exists(&testid).await? && page.find(&testid).await?.is_enabled().await?)
        })
        .await?;
        page.select(&testid, value).await?;
    }
    page.wait_until("the examples are read", async || {
        Ok(page
            .text("evaluate-own-data")
            .await?
            .contains("4 of film_sentiment"))
    })
    .await?;
    page.click("evaluate-likelihood").await?;
    page.click("evaluate").await?;
    page.wait_for_evaluator("finished").await?;
    assert_eq!(page.texts("example").await?.len(), 4);
    assert_eq!(page.console_errors().await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn an_evaluation_can_be_stopped_and_begun_again() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let site = Site::new(&dist, &[("first", 1)])?;
    let page = Page::open(site.path(), Surroundings::NoAdapter, "").await?;
    page.wait_until("the model is offered", async || {
        Ok(page.value("evaluate-model").await? == "first")
    })
    .await?;
    page.click("evaluate").await?;
    page.wait_until("examples are being answered", async || {
        page.says("evaluate-progress", "of 60 examples").await
    })
    .await?;
    page.click("evaluate-stop").await?;
    page.wait_for_evaluator("stopped").await?;
    assert!(page.text("evaluate-status").await?.contains("of 60"));
    set_options(&page, "8", "2").await?;
    page.click("evaluate").await?;
    page.wait_for_evaluator("finished").await?;
    assert_eq!(page.texts("example").await?.len(), 2);
    assert_eq!(page.console_errors().await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn two_models_are_compared_and_cells_choose_examples_by_keyboard() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let site = Site::new(&dist, &[("first", 1), ("second", 2)])?;
    let page = Page::open(site.path(), Surroundings::NoAdapter, "").await?;
    page.prefer_dark().await?;
    page.set_width(360).await?;
    page.wait_until("the models are offered", async || {
        Ok(page.value("evaluate-model").await? == "first")
    })
    .await?;
    page.select("evaluate-data", "scene_nli").await?;
    page.click("evaluate-likelihood").await?;
    // The keyboard alone from here on.
    focus(&page, "evaluate").await?;
    page.press(ENTER).await?;
    page.wait_for_evaluator("finished").await?;
    page.select("evaluate-model", "second").await?;
    focus(&page, "evaluate-second").await?;
    page.press(ENTER).await?;
    page.wait_until("they are compared", async || {
        page.exists("evaluate-comparison").await
    })
    .await?;
    let words = page.text("evaluate-comparison").await?;
    assert!(
        words.contains("McNemar") && words.contains("1: first") && words.contains("2: second"),
        "{words}"
    );

    // The matrix has the sum of all examples, and its cells choose.
    focus(&page, "cell-0-0").await?;
    page.press(ARROW_DOWN).await?;
    page.press(ARROW_RIGHT).await?;
    assert_eq!(focused(&page).await?, "cell-1-1");
    let count: usize = page.text("cell-1-1").await?.parse()?;
    page.press(ENTER).await?;
    assert_eq!(page.attribute("cell-1-1", "aria-pressed").await?, "true");
    page.wait_until("the examples are those of the cell", async || {
        Ok(page
            .text("examples-count")
            .await?
            .contains(&format!("of {count} that pass"))
            || count == 60)
    })
    .await?;
    page.press(ENTER).await?;
    assert_eq!(page.attribute("cell-1-1", "aria-pressed").await?, "false");
    page.select("examples-outcome", "differing").await?;
    page.fill("examples-search", "the").await?;
    let shown = page.text("examples-count").await?;
    assert!(shown.contains("that pass the filter"), "{shown}");

    let too_wide = page
        .run_script("return document.documentElement.scrollWidth > innerWidth")
        .await?;
    assert_eq!(too_wide, false, "the page scrolls sideways at 360 px");
    show(&page, "evaluate-measures").await?;
    page.screenshot("evaluator-phone-dark").await?;
    show(&page, "examples-search").await?;
    page.screenshot("evaluator-phone-dark-examples").await?;
    assert_eq!(page.console_errors().await?, [""; 0]);
    Ok(())
}

async fn focus(page: &Page, testid: &str) -> Result<()> {
    page.wait_until(&format!("the focus is on {testid}"), async || {
        page.press(TAB).await?;
        Ok(focused(page).await? == testid)
    })
    .await
}

async fn focused(page: &Page) -> Result<Value> {
    page.run_script("return document.activeElement.dataset.testid ?? ''")
        .await
}

async fn show(page: &Page, testid: &str) -> Result<()> {
    let script = format!("document.querySelector('[data-testid=\"{testid}\"]').scrollIntoView()");
    page.run_script(&script).await?;
    Ok(())
}

#[tokio::test]
async fn a_text_is_answered_and_an_edited_word_compared() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let site = Site::new(&dist, &[("first", 1)])?;
    let page = Page::open(site.path(), Surroundings::NoAdapter, "").await?;
    page.wait_until("the model is offered", async || {
        Ok(page.value("evaluate-model").await? == "first")
    })
    .await?;
    set_options(&page, "24", "").await?;
    page.click("try-ask").await?;
    page.wait_until("an answer is there", async || page.exists("try-label").await)
        .await?;
    assert!(!page.text("try-written").await?.is_empty());
    assert!(
        !page.exists("try-comparison").await?,
        "there is nothing to compare with"
    );
    let probabilities = page.texts("probabilities").await?;
    assert!(
        probabilities[0].contains("negative") && probabilities[0].contains('%'),
        "{probabilities:?}"
    );

    page.select("try-task", "film_sentiment").await?;
    page.fill("try-text", "The critics were cruel to it and I can not see why.")
        .await?;
    page.click("try-ask").await?;
    page.wait_until("the answers are compared", async || {
        page.exists("try-comparison").await
    })
    .await?;
    let compared = page.text("try-comparison").await?;
    assert!(
        compared.contains("cruel") && compared.contains("kind"),
        "{compared}"
    );
    assert!(page.text("try-change").await?.contains("positive"));
    show(&page, "try-panel").await?;
    page.screenshot("try-it").await?;
    page.select("try-task", "scene_nli").await?;
    assert!(page.exists("try-text_b").await?, "the fields are the task's");
    assert_eq!(page.console_errors().await?, [""; 0]);
    Ok(())
}

/// Whether all of the computing program is in the browser's cache.
const PROGRAM_IS_KEPT: &str = "
    const [done] = arguments;
    const files = ['worker-loader.js', 'worker.js', 'worker_bg.wasm'];
    Promise.all(files.map((file) => caches.match(file, { ignoreSearch: true })))
        .then((kept) => done(kept.every(Boolean)), () => done(false));";

#[tokio::test]
async fn a_second_visit_works_without_a_network() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let site = Site::new(&dist, &[("first", 1)])?;
    let mut page = Page::open(site.path(), Surroundings::NoAdapter, "").await?;
    page.wait_until("the service worker is in control", async || {
        Ok(page
            .run_script("return navigator.serviceWorker.controller !== null")
            .await?
            == true)
    })
    .await?;
    page.click("evaluate-likelihood").await?;
    set_options(&page, "8", "3").await?;
    page.click("evaluate").await?;
    page.wait_for_evaluator("finished").await?;
    let before = page.text("measure-accuracy").await?;
    // What is being kept should be kept before the host goes; the program has 25 MB.
    page.wait_until("the program is kept", async || {
        Ok(page.run_async_script(PROGRAM_IS_KEPT, Vec::new()).await? == true)
    })
    .await?;

    page.stop_serving();
    page.reload().await?;
    page.wait_until("the model is offered", async || {
        Ok(page.value("evaluate-model").await? == "first")
    })
    .await?;
    page.click("evaluate-likelihood").await?;
    set_options(&page, "8", "3").await?;
    page.click("evaluate").await?;
    page.wait_for_evaluator("finished").await?;
    assert_eq!(page.text("measure-accuracy").await?, before);
    page.screenshot("offline").await?;
    Ok(())
}

/// As `rllr eval` warns: nothing is cut in silence.
#[tokio::test]
async fn texts_that_do_not_fit_are_counted() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let site = Site::new(&dist, &[("first", 1)])?;
    let page = Page::open(site.path(), Surroundings::NoAdapter, "").await?;
    let row = |text: &str| json!({ "id": text.len().to_string(), "task": "film_sentiment", "text": text, "label": "positive" });
    let data = folder.path().join("long.jsonl");
    let long = "A film that goes on and on. ".repeat(100);
    fs::write(&data, format!("{}\n{}\n", row("A fine film."), row(&long)))?;
    page.wait_until("the model is offered", async || {
        Ok(page.value("evaluate-model").await? == "first")
    })
    .await?;
    page.select("evaluate-data", "*").await?;
    upload(&page, "evaluate-data-file", std::slice::from_ref(&data)).await?;
    page.click("evaluate-likelihood").await?;
    page.wait_until("the examples are read", async || {
        Ok(page
            .text("evaluate-own-data")
            .await?
            .contains("2 of film_sentiment"))
    })
    .await?;
    page.click("evaluate").await?;
    page.wait_for_evaluator("finished").await?;
    let notice = page.text("evaluate-notices").await?;
    assert!(
        notice.contains("film_sentiment: 1 of 2 texts were cut"),
        "{notice}"
    );
    Ok(())
}

#[tokio::test]
async fn without_storage_the_model_is_used_all_the_same() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let site = Site::new(&dist, &[("first", 1)])?;
    // Browsers offer no cache storage to pages that did not come over HTTPS.
    let page = Page::open(site.path(), Surroundings::InsecureContext, "").await?;
    page.wait_until("the model is offered", async || {
        Ok(page.value("evaluate-model").await? == "first")
    })
    .await?;
    page.click("evaluate-likelihood").await?;
    set_options(&page, "8", "3").await?;
    page.click("evaluate").await?;
    page.wait_for_evaluator("finished").await?;
    let notice = page.text("evaluate-notices").await?;
    assert!(notice.contains("not kept for the next visit"), "{notice}");
    Ok(())
}
