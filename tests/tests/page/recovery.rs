//! A run that loses its worker goes on by itself.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rllr_tests::browser::{Page, Surroundings, dist_or_skip};

/// What a visitor should wait at most.
const AT_MOST: Duration = Duration::from_secs(10);

/// Keeps a list of the page's workers from here on, so that a test can end them.
const LIST_WORKERS: &str = "
    window.listedWorkers = [];
    const Plain = Worker;
    window.Worker = function (...given) {
        const worker = new Plain(...given);
        listedWorkers.push(worker);
        return worker;
    };";

/// Step and whole of the stage in progress.
async fn step(page: &Page) -> Result<usize> {
    page.step().await
}

#[tokio::test]
async fn a_killed_worker_is_replaced_and_the_run_goes_on() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let long = "#demonstrations=600&sft_epochs=50&hidden_size=32&layers=1&held_out=16";
    let page = Page::open(&dist, Surroundings::NoAdapter, long).await?;
    page.run_script(LIST_WORKERS).await?;
    page.click("train").await?;
    page.wait_until("there is a checkpoint", async || {
        Ok(page.exists("status-checkpoint").await?
            && page.text("status-checkpoint").await?.contains("step 40"))
    })
    .await?;
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
