//! The run: recorded at first, then live.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rllr_tests::browser::{Page, Surroundings, dist_or_skip};

/// A run that learns, in about a minute on a busy machine: two labels, a small model.
pub(crate) const SMALL: &str = "#task=film_sentiment&demonstrations=160&sft_epochs=8&sft_learning_rate=0.006&ppo_steps=3&ppo_batch_size=16&held_out=32&hidden_size=32&layers=1";

/// A run that shows nothing but that every stage computes.
const TINY: &str = "#task=film_sentiment&demonstrations=16&sft_epochs=1&ppo_steps=1&ppo_batch_size=4&held_out=8&hidden_size=16&layers=1";

#[tokio::test]
async fn the_first_view_shows_the_recorded_run_and_loads_no_worker() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let page = Page::open(&dist, Surroundings::SoftwareAdapter, "").await?;
    assert!(page.text("browser").await?.starts_with("Chrome "));
    assert_eq!(page.attribute("webgpu", "data-state").await?, "available");
    assert!(page.text("webgpu").await?.contains("swiftshader"));
    assert_eq!(page.text("software-adapter").await?, "software adapter");
    assert!(
        page.find("device-cpu").await?.is_selected().await?,
        "the CPU is faster than a software adapter"
    );
    assert!(page.text("expected-time").await?.contains("minutes"));

    // Every panel is filled, and says where from.
    assert_eq!(page.phase().await?, "idle");
    assert_eq!(page.text("source-badge").await?, "recorded");
    assert!(page.text("recorded-by").await?.contains("commit"));
    let (done, all) = progress(&page, "label-ppo").await?;
    assert!(done == all && all > 0, "{done} of {all}");
    for chart in ["accuracy", "reward", "kl", "entropy", "gap-ordinary", "gap-label"] {
        let rows = page.chart(chart).await?;
        assert!(rows.len() > 1, "{chart}: {rows:?}");
    }
    for panel in [
        "matrix-panel",
        "margins-panel",
        "plane-panel",
        "answers-panel",
        "annotator-panel",
    ] {
        assert!(page.exists(panel).await?, "{panel}");
    }
    assert!(page.text("summary").await?.contains("RLLR"));

    assert_eq!(requests_for_the_worker(&page).await?, 0);
    assert_eq!(page.console_errors().await?, [""; 0]);
    page.screenshot("first-view").await?;
    Ok(())
}

/// How many files of the worker the page has asked for.
async fn requests_for_the_worker(page: &Page) -> Result<u64> {
    let script = "return performance.getEntriesByType('resource').filter(entry => entry.name.includes('worker')).length";
    Ok(serde_json::from_value(page.run_script(script).await?)?)
}

/// Steps that a stage has done, and all of its steps.
async fn progress(page: &Page, stage: &str) -> Result<(usize, usize)> {
    let shown = page.text(&format!("progress-{stage}")).await?;
    let (done, all) = shown
        .split_once(" of ")
        .with_context(|| format!("{stage} is {shown:?}"))?;
    Ok((done.parse()?, all.parse()?))
}

#[tokio::test]
async fn a_run_on_the_cpu_learns_and_fills_every_panel() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let page = Page::open(&dist, Surroundings::SoftwareAdapter, SMALL).await?;
    page.click("train").await?;
    page.wait_for_phase("finished").await?;
    assert_eq!(page.attribute("check-cpu", "data-passed").await?, "true");
    assert_eq!(page.text("source-badge").await?, "live");
    assert_eq!(page.text("status-device").await?, "CPU");

    page.click("part-sft").await?;
    let accuracy = page.chart("sft-accuracy").await?;
    let measured: Vec<f64> = accuracy.iter().filter_map(|row| row[1]).collect();
    let (first, last) = (
        measured.first().context("measured")?,
        measured.last().context("measured")?,
    );
    ensure!(
        last > first,
        "held-out accuracy went from {first} to {last}: {measured:?}"
    );

    page.click("part-ppo").await?;
    // At the end the recorded run lies behind: two more lines, over its own 24 steps.
    assert!(page.text("overlaid").await?.contains("other settings"));
    let kl = page.chart("kl").await?;
    let (live, further) = kl.split_at(3);
    let steps: Vec<Option<f64>> = live.iter().map(|row| row[0]).collect();
    assert_eq!(steps, [Some(1.0), Some(2.0), Some(3.0)]);
    assert!(
        live.iter().all(|row| row[1].is_some() && row[2].is_some()),
        "both policies have every step: {kl:?}"
    );
    assert!(
        kl.iter()
            .all(|row| row.len() == 5 && row[3].is_some() && row[4].is_some()),
        "both recorded policies have every step: {kl:?}"
    );
    assert!(further.len() == 21 && further.iter().all(|row| row[1].is_none() && row[2].is_none()));
    let legend = page.run_script(
        "return [...document.querySelectorAll('[data-testid=chart-kl] .u-label')].map(label => label.textContent).join()",
    );
    let legend = legend.await?.to_string();
    assert!(legend.matches("recorded").count() == 2, "{legend}");
    // Both begin as the same model.
    assert!(kl[0][1].is_some_and(|kl| kl.abs() < 0.05), "{kl:?}");

    // Two labels now, where the recorded run has four.
    assert!(page.exists("matrix-label-1-1").await? && !page.exists("matrix-label-2-2").await?);
    assert!(page.exists("answer-label").await?);
    page.screenshot("trained-on-cpu").await?;
    page.click("source-recorded").await?;
    assert!(
        page.exists("matrix-label-2-2").await?,
        "the recorded run can be looked at again"
    );
    assert!(!page.exists("overlaid").await?, "alone");
    assert!(page.chart("kl").await?.iter().all(|row| row.len() == 3));
    assert_eq!(page.console_errors().await?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn a_run_on_webgpu_goes_through_every_stage() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let page = Page::open(&dist, Surroundings::SoftwareAdapter, TINY).await?;
    page.click("device-webgpu").await?;
    page.click("train").await?;
    // Each stage compiles kernels of its own, so there is patience for each.
    page.wait_for_phase("training").await?;
    for stage in [
        "sft",
        "ordinary-reward",
        "label-reward",
        "ordinary-ppo",
        "label-ppo",
    ] {
        page.wait_until(&format!("{stage} is done"), async || {
            let phase = page.phase().await?;
            ensure!(
                phase != "failed",
                "the page says: {}",
                page.text("failure").await?
            );
            Ok(progress(&page, stage).await.is_ok_and(|(done, all)| done == all))
        })
        .await?;
    }
    page.wait_for_phase("finished").await?;
    assert_eq!(page.attribute("check-webgpu", "data-passed").await?, "true");
    assert_eq!(page.text("status-device").await?, "WebGPU (software adapter)");
    assert_eq!(page.console_errors().await?, [""; 0]);
    page.screenshot("trained-on-webgpu").await?;
    Ok(())
}

#[tokio::test]
async fn a_run_can_be_paused_stepped_resumed_stopped_and_begun_again() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let long = "#demonstrations=600&sft_epochs=50&hidden_size=16&layers=1";
    let page = Page::open(&dist, Surroundings::SoftwareAdapter, long).await?;
    page.click("train").await?;
    page.wait_for_phase("training").await?;
    page.wait_until("a step is done", async || Ok(page.step().await? > 0))
        .await?;
    page.click("pause").await?;
    page.wait_for_phase("paused").await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let held = page.step().await?;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(page.step().await?, held, "a held run makes no steps");

    page.click("step-once").await?;
    page.wait_until("one step is done", async || Ok(page.step().await? == held + 1))
        .await?;
    page.wait_for_phase("paused").await?;
    page.click("pause").await?;
    page.wait_for_phase("training").await?;
    page.wait_until("the run goes on", async || Ok(page.step().await? > held + 1))
        .await?;

    page.click("restart").await?;
    page.wait_until("the run begins again", async || {
        Ok(page.phase().await? == "training" && page.step().await? > 0)
    })
    .await?;
    page.click("stop").await?;
    page.wait_for_phase("stopped").await?;
    assert!(
        page.find("train").await?.is_enabled().await?,
        "a new run can start"
    );
    assert_eq!(page.console_errors().await?, [""; 0]);
    Ok(())
}
