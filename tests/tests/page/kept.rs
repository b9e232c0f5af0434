//! A run that survives the tab: kept by the browser, saved as a file, gone on with.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use rllr_tests::browser::{Page, Surroundings, dist_or_skip};
use rllr_web::kept_run::KeptRun;
use rllr_web::live::StageName;

/// Long enough to be interrupted in fine-tuning.
const LONG: &str = "#demonstrations=600&sft_epochs=50&hidden_size=32&layers=1&held_out=16&seed=5";

/// Parts of a message of the page.
async fn says(page: &Page, testid: &str) -> Result<String> {
    page.wait_until(&format!("{testid} is there"), async || page.exists(testid).await)
        .await?;
    let text = page.text(testid).await?;
    for part in ["What happened", "Found", "Needed", "What you can do"] {
        ensure!(text.contains(part), "{testid} has no part {part:?}: {text}");
    }
    Ok(text)
}

/// Trains until the browser keeps a checkpoint, and returns the step that was done then.
async fn train_until_kept(page: &Page) -> Result<usize> {
    page.click("train").await?;
    page.wait_until("a checkpoint is kept", async || {
        let phase = page.phase().await?;
        ensure!(
            phase != "failed",
            "the page says: {}",
            page.text("failure").await?
        );
        Ok(page.text("status-kept").await? == "in this browser")
    })
    .await?;
    page.step().await
}

/// Waits until the run is past a step, and says which was its first.
async fn wait_for_step(page: &Page, step: usize) -> Result<()> {
    page.wait_until(&format!("step {step} is past"), async || {
        let phase = page.phase().await?;
        ensure!(
            phase != "failed",
            "the page says: {}",
            page.text("failure").await?
        );
        Ok(phase == "training" && page.step().await? > step)
    })
    .await
}

/// Every step of fine-tuning has its loss: none was lost, none is there twice.
async fn check_curve(page: &Page, at_least: usize) -> Result<()> {
    page.click("part-sft").await?;
    let label = page.attribute("chart-sft-loss", "data-testid").await?;
    ensure!(label == "chart-sft-loss");
    let rows = page.chart("sft-loss").await?;
    let steps: Vec<f64> = rows.iter().filter_map(|row| row[0]).collect();
    ensure!(
        steps.first() == Some(&1.0),
        "the curve begins at {:?}",
        steps.first()
    );
    ensure!(steps.is_sorted_by(|a, b| a < b), "{steps:?}");
    let last = steps.last().context("a step")?;
    ensure!(*last >= at_least as f64, "the curve ends at {last}");
    ensure!(rows.iter().all(|row| row[1].is_some()), "{rows:?}");
    Ok(())
}

#[tokio::test]
async fn after_a_reload_the_kept_run_goes_on() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let page = Page::open(&dist, Surroundings::NoAdapter, LONG).await?;
    assert!(!page.exists("kept-run").await?, "nothing is kept yet");
    train_until_kept(&page).await?;
    // The address without its settings: those of the kept run count.
    page.run_script("history.replaceState(null, '', location.pathname)")
        .await?;
    page.reload().await?;
    page.wait_until("the run is offered", async || page.exists("kept-run").await)
        .await?;
    let about = page.text("kept-about").await?;
    assert!(about.contains("Fine-tuning, step"), "{about}");
    assert!(
        page.text("kept-go-on")
            .await?
            .starts_with("Go on with the run of")
    );
    page.screenshot("kept-run").await?;

    page.click("kept-go-on").await?;
    wait_for_step(&page, 20).await?;
    assert_eq!(page.text("status-seed").await?, "5", "its settings");
    assert_eq!(page.value("setting-seed").await?, "5", "also in the form");
    assert!(!page.exists("kept-problem").await?);
    check_curve(&page, 20).await?;
    page.wait_until("its next checkpoint is kept", async || {
        Ok(page.text("status-kept").await? == "in this browser")
    })
    .await?;
    assert!(!page.exists("kept-run").await?, "the older copy is gone");
    let runs = page
        .run_async_script(
            "const done = arguments[arguments.length - 1];
            (async () => {
                const runs = await (await navigator.storage.getDirectory()).getDirectoryHandle('rllr-runs');
                const names = [];
                for await (const name of runs.keys()) names.push(name);
                done(names.length);
            })();",
            Vec::new(),
        )
        .await?;
    assert_eq!(runs, 1, "one run is kept");
    assert_eq!(page.console_errors().await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn a_saved_checkpoint_goes_on_in_another_browser() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("run.tar");
    {
        let page = Page::open(&dist, Surroundings::NoAdapter, LONG).await?;
        page.keep_what_is_saved().await?;
        train_until_kept(&page).await?;
        page.click("stop").await?;
        page.wait_for_phase("stopped").await?;
        fs::write(&file, page.saved_bytes("checkpoint-download").await?)?;
        // In the same page, too.
        let stopped = page.step().await?;
        page.click("go-on-here").await?;
        wait_for_step(&page, stopped).await?;
    }
    let saved = KeptRun::from_tar(&fs::read(&file)?)?;
    let (stage, step) = saved.place().context("a checkpoint")?;
    assert_eq!((stage, saved.about.settings.seed), (StageName::Sft, 5));
    assert!(step >= 20 && saved.events.len() > step);
    let names: Vec<&str> = saved.model.keys().map(String::as_str).collect();
    assert!(
        names.contains(&"config.json") && names.contains(&"tokenizer.json"),
        "{names:?}"
    );
    // What rllr eval would read.
    let model = rllr_cli::hub::model_directory(&file)?;
    assert!(model.join("model.safetensors").is_file());

    let page = Page::open(&dist, Surroundings::NoAdapter, "").await?;
    page.upload("checkpoint-upload", &[&file]).await?;
    wait_for_step(&page, step).await?;
    assert_eq!(page.text("status-seed").await?, "5");
    check_curve(&page, step).await?;
    assert_eq!(page.console_errors().await?, [""; 0]);
    Ok(())
}

fn cut(from: &Path, to: &str) -> Result<PathBuf> {
    let bytes = fs::read(from)?;
    let file = from.with_file_name(to);
    fs::write(&file, &bytes[..bytes.len() / 2])?;
    Ok(file)
}

#[tokio::test]
async fn a_file_that_is_no_checkpoint_is_refused_and_a_damaged_one_is_not_gone_on_with() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let page = Page::open(&dist, Surroundings::NoAdapter, LONG).await?;
    page.keep_what_is_saved().await?;

    // 1. Something else.
    let other = folder.path().join("notes.tar");
    fs::write(&other, "these are notes")?;
    page.upload("checkpoint-upload", &[&other]).await?;
    let said = says(&page, "kept-problem").await?;
    assert!(said.contains("notes.tar"), "{said}");
    assert_eq!(page.phase().await?, "idle");

    // 2. Half of a file.
    train_until_kept(&page).await?;
    page.click("stop").await?;
    page.wait_for_phase("stopped").await?;
    let whole = folder.path().join("whole.tar");
    let bytes = page.saved_bytes("checkpoint-download").await?;
    fs::write(&whole, &bytes)?;
    page.upload("checkpoint-upload", &[&cut(&whole, "half.tar")?])
        .await?;
    page.wait_until("the half is refused", async || {
        page.says("kept-problem", "half.tar").await
    })
    .await?;

    // 3. A whole archive, but not the bytes of the checkpoint that was written.
    let mut run = KeptRun::from_tar(&bytes)?;
    let checkpoint = run.checkpoints.get_mut(&StageName::Sft).context("it is there")?;
    let weights = checkpoint
        .files
        .get_mut("weights.safetensors")
        .context("it has weights")?;
    *weights.last_mut().context("bytes")? ^= 1;
    let damaged = folder.path().join("damaged.tar");
    fs::write(&damaged, run.into_tar())?;
    page.upload("checkpoint-upload", &[&damaged]).await?;
    page.wait_for_phase("failed").await?;
    let said = says(&page, "failure").await?;
    assert!(
        said.contains("damaged") && said.contains("weights.safetensors"),
        "{said}"
    );
    page.screenshot("damaged-checkpoint").await?;
    Ok(())
}

#[tokio::test]
async fn a_full_storage_is_named_and_the_run_goes_on() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let page = Page::open(&dist, Surroundings::NoAdapter, LONG).await?;
    page.limit_storage(Some(60_000)).await?;
    page.click("train").await?;
    let said = says(&page, "not-kept").await?;
    assert!(said.contains("storage is full") && said.contains("MB"), "{said}");
    assert_eq!(page.text("status-kept").await?, "in this tab only");
    page.screenshot("storage-full").await?;
    let step = page.step().await?;
    wait_for_step(&page, step + 5).await?;

    // There is room again: the next checkpoint is kept.
    page.limit_storage(None).await?;
    page.wait_until("a checkpoint is kept", async || {
        Ok(page.text("status-kept").await? == "in this browser")
    })
    .await?;
    assert!(!page.exists("not-kept").await?, "the message is gone");
    Ok(())
}

#[tokio::test]
async fn a_kept_run_can_be_forgotten() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let page = Page::open(&dist, Surroundings::NoAdapter, LONG).await?;
    train_until_kept(&page).await?;
    page.reload().await?;
    page.wait_until("the run is offered", async || page.exists("kept-run").await)
        .await?;
    page.click("kept-forget").await?;
    page.wait_until("the offer is gone", async || Ok(!page.exists("kept-run").await?))
        .await?;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    page.reload().await?;
    tokio::time::sleep(std::time::Duration::from_secs(2)).await;
    assert!(!page.exists("kept-run").await?, "it is not offered again");
    Ok(())
}
