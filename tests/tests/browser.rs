//! The built page, used as a visitor uses it. Needs the folder in `RLLR_DIST`; `cargo xtask test` builds and sets it.
//!
//! Controls and outputs are found by the `data-testid` names that `docs/page.md` lists.
#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use rllr_tests::browser::{Page, Surroundings, dist_or_skip};

#[path = "page/kept.rs"]
mod kept;
#[path = "page/keyboard.rs"]
mod keyboard;
#[path = "page/live.rs"]
mod live;
#[path = "page/recovery.rs"]
mod recovery;
#[path = "page/reward.rs"]
mod reward;

/// The key that moves the focus, as `WebDriver` writes it.
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";

#[tokio::test]
async fn a_link_sets_the_settings_and_names_what_it_ignores() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let page = Page::open(
        &dist,
        Surroundings::NoAdapter,
        "#ppo_steps=7&seed=3&layers=99&colour=red",
    )
    .await?;
    page.click("settings").await?;
    assert_eq!(page.value("setting-ppo_steps").await?, "7");
    assert_eq!(page.value("setting-seed").await?, "3");
    assert_eq!(
        page.value("setting-layers").await?,
        "2",
        "out of range, so the default"
    );
    let ignored = page.text("link-ignored").await?;
    assert!(
        ignored.contains("layers=99") && ignored.contains("colour=red"),
        "{ignored}"
    );

    page.click("reset-ppo_steps").await?;
    assert_eq!(page.value("setting-ppo_steps").await?, "24");
    assert!(page.attribute("permalink", "href").await?.ends_with("#seed=3"));
    let fragment = page.run_script("return location.hash").await?;
    assert_eq!(fragment, "#seed=3");

    // A value that cannot be used stops the button, not the page.
    page.find("setting-ppo_steps").await?.send_keys("x").await?;
    page.click("train").await?;
    assert_eq!(page.phase().await?, "idle");
    assert!(page.text("error-ppo_steps").await?.contains("1 to 500"));
    let focused = page
        .run_script("return document.activeElement.dataset.testid")
        .await?;
    assert_eq!(focused, "setting-ppo_steps");
    Ok(())
}

#[tokio::test]
async fn without_an_adapter_the_reason_is_given_and_the_cpu_trains() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let page = Page::open(&dist, Surroundings::NoAdapter, live::SMALL).await?;
    assert_eq!(page.attribute("webgpu", "data-state").await?, "unavailable");
    assert!(page.text("webgpu").await?.contains("offers no adapter"));
    assert!(page.text("webgpu-hint").await?.contains("CPU"));
    assert!(
        !page.find("device-webgpu").await?.is_enabled().await?,
        "there is nothing to choose"
    );
    page.click("train").await?;
    page.wait_for_phase("training").await?;
    page.screenshot("no-adapter").await?;
    Ok(())
}

#[tokio::test]
async fn the_built_files_work_under_any_path() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let page = Page::open(&dist, Surroundings::BelowTheRoot, "").await?;
    page.click("check").await?;
    page.wait_until("the check is done", async || page.exists("check-verdict").await)
        .await?;
    assert_eq!(page.attribute("check-cpu", "data-passed").await?, "true");
    Ok(())
}

#[tokio::test]
async fn an_insecure_address_is_named_as_the_reason() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let page = Page::open(&dist, Surroundings::InsecureContext, "").await?;
    assert_eq!(page.attribute("webgpu", "data-state").await?, "unavailable");
    assert!(page.text("webgpu").await?.contains("HTTPS"));
    assert!(page.text("webgpu-hint").await?.contains("https://"));
    Ok(())
}

#[tokio::test]
async fn a_worker_that_cannot_be_loaded_is_an_error_with_a_way_on() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    // The first is noticed by the page, the second by the worker's loader.
    for missing in ["worker.js", "worker_bg.wasm"] {
        let folder = tempfile::tempdir()?;
        copy_without(&dist, folder.path(), missing)?;
        let page = Page::open(folder.path(), Surroundings::NoAdapter, live::SMALL).await?;
        page.click("train").await?;
        page.wait_for_phase("failed").await?;
        for part in ["failure-what", "failure-have", "failure-need", "failure-next"] {
            assert!(
                !page.text(part).await?.is_empty(),
                "{part} is empty without {missing}"
            );
        }
        page.screenshot(&format!("without-{missing}")).await?;

        // The file is back: a fresh worker starts, and the goal is remembered.
        fs::copy(dist.join(missing), folder.path().join(missing))?;
        page.click("try-again").await?;
        page.wait_for_phase("training").await?;
        assert!(!page.exists("failure").await?, "the message is gone");
    }
    Ok(())
}

fn copy_without(from: &Path, to: &Path, left_out: &str) -> Result<()> {
    let mut found = false;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_name() == left_out {
            found = true;
        } else if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    ensure!(found, "no {left_out} in {}", from.display());
    Ok(())
}

#[tokio::test]
async fn the_page_is_usable_by_keyboard_in_the_dark_and_on_a_phone() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let page = Page::open(&dist, Surroundings::NoAdapter, live::SMALL).await?;
    page.prefer_dark().await?;
    page.set_width(360).await?;
    let too_wide = page
        .run_script("return document.documentElement.scrollWidth > innerWidth")
        .await?;
    assert_eq!(too_wide, false, "the page scrolls sideways at 360 px");
    let ground = page
        .run_script("return getComputedStyle(document.body).backgroundColor")
        .await?;
    assert_eq!(ground, "rgb(20, 23, 27)", "the dark ground");

    page.wait_until("the focus is on the button", async || {
        page.press(TAB).await?;
        Ok(page
            .run_script("return document.activeElement.dataset.testid")
            .await?
            == "train")
    })
    .await?;
    page.press(ENTER).await?;
    page.wait_for_phase("training").await?;
    page.screenshot("phone-dark").await?;
    Ok(())
}
