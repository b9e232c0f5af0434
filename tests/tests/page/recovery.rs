//! A run that loses its worker or its device goes on by itself.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rllr_tests::browser::{Page, Surroundings, dist_or_skip};

/// What a visitor should wait at most.
const AT_MOST: Duration = Duration::from_secs(10);

/// Keeps a list of the page's workers from here on, so that a test can end them. They stay instances of `Worker`, which
/// the page asks for.
const LIST_WORKERS: &str = "
    window.listedWorkers = [];
    window.Worker = class extends Worker {
        constructor(...given) {
            super(...given);
            listedWorkers.push(this);
        }
    };";

/// Step and whole of the stage in progress.
async fn step(page: &Page) -> Result<usize> {
    page.step().await
}

/// Waits for a checkpoint of this step or a later one: where steps are quick, one is replaced before a test sees it.
async fn wait_for_checkpoint(page: &Page, at_least: usize) -> Result<()> {
    page.wait_until("there is a checkpoint", async || {
        if let Some(failure) = page.text_if_there("failure").await? {
            bail!("the page says: {failure}");
        }
        let text = page.text_if_there("status-checkpoint").await?.unwrap_or_default();
        let step = text
            .rsplit("step ")
            .next()
            .and_then(|step| step.trim().parse::<usize>().ok());
        Ok(step.is_some_and(|step| step >= at_least))
    })
    .await
}

#[tokio::test]
async fn a_killed_worker_is_replaced_and_the_run_goes_on() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let long = "#demonstrations=600&sft_epochs=50&hidden_size=32&layers=1&held_out=16";
    let page = Page::open(&dist, Surroundings::NoAdapter, long).await?;
    page.run_script(LIST_WORKERS).await?;
    page.click("train").await?;
    wait_for_checkpoint(&page, 40).await?;
    let before = step(&page).await?;
    page.run_script("listedWorkers[0].terminate()").await?;
    let killed = Instant::now();
    page.wait_until("the page has noticed", async || page.exists("went-on").await)
        .await?;
    page.wait_until("the run goes on", async || {
        Ok(page.phase().await? == "training" && step(&page).await? > before)
    })
    .await?;
    let took = killed.elapsed();
    println!(
        "the run went on {:.1} s after its worker was killed",
        took.as_secs_f64()
    );
    assert!(took < AT_MOST, "{took:?}");
    let note = page.text("went-on").await?;
    assert!(
        note.contains("once") && note.contains("Fine-tuning, step"),
        "{note}"
    );
    let workers = page.run_script("return listedWorkers.length").await?;
    assert_eq!(workers.as_u64().context("a number")?, 2);
    page.click("stop").await?;
    page.wait_for_phase("stopped").await?;
    page.screenshot("went-on").await?;
    Ok(())
}

/// Before the loader of the worker: a message of the page destroys the worker's GPU device.
const DESTROY_ON_REQUEST: &str = "
    if (self.GPUAdapter) {
        const request = GPUAdapter.prototype.requestDevice;
        GPUAdapter.prototype.requestDevice = async function (...given) {
            const device = await request.apply(this, given);
            new BroadcastChannel('rllr-test-destroy').onmessage = () => device.destroy();
            return device;
        };
    }
";

/// The built page, whose worker can lose its device; nothing else of it is changed.
fn with_a_device_that_can_be_lost(dist: &Path, folder: &Path) -> Result<()> {
    for entry in fs::read_dir(dist)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), folder.join(entry.file_name()))?;
        }
    }
    let loader = folder.join("worker-loader.js");
    let own = fs::read_to_string(&loader)?;
    fs::write(&loader, format!("{DESTROY_ON_REQUEST}{own}"))?;
    Ok(())
}

#[tokio::test]
async fn a_run_whose_device_is_destroyed_goes_on_with_another() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    with_a_device_that_can_be_lost(&dist, folder.path())?;
    let small = "#task=film_sentiment&demonstrations=600&sft_epochs=50&hidden_size=16&layers=1&held_out=8";
    let page = Page::open(folder.path(), Surroundings::SoftwareAdapter, small).await?;
    page.click("device-webgpu").await?;
    page.click("train").await?;
    page.wait_until("the run begins", async || Ok(page.phase().await? == "training"))
        .await?;
    let begun = Instant::now();
    page.wait_until("the first step is done", async || Ok(step(&page).await? > 0))
        .await?;
    // Kernels are compiled before the first step, here by a software adapter: that is counted apart.
    let compiled = begun.elapsed();
    wait_for_checkpoint(&page, 20).await?;
    let before = step(&page).await?;

    page.run_script("new BroadcastChannel('rllr-test-destroy').postMessage('destroy')")
        .await?;
    let destroyed = Instant::now();
    page.wait_until("the page has noticed", async || page.exists("went-on").await)
        .await?;
    let noticed = destroyed.elapsed();
    page.wait_until("the run is back at its checkpoint", async || {
        let phase = page.phase().await?;
        ensure!(
            phase != "failed",
            "the page says: {}",
            page.text("failure").await?
        );
        Ok(phase == "training")
    })
    .await?;
    let took = destroyed.elapsed();
    assert!(step(&page).await? >= 20, "it did not begin anew");
    page.wait_until("further steps are done", async || {
        Ok(step(&page).await? > before + 1)
    })
    .await?;
    let stepped = destroyed.elapsed();
    println!(
        "the loss of the device was noticed after {:.1} s, the run was back after {:.1} s, two further steps were done \
         after {:.1} s; the first step of the run took {:.1} s with its kernels",
        noticed.as_secs_f64(),
        took.as_secs_f64(),
        stepped.as_secs_f64(),
        compiled.as_secs_f64()
    );
    assert!(took < AT_MOST, "{took:?}");
    let note = page.text("went-on").await?;
    assert!(note.contains("once"), "the new device was not lost: {note}");
    assert!(!page.exists("failure").await?);
    page.screenshot("device-destroyed").await?;
    Ok(())
}
