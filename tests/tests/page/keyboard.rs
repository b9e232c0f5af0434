//! Everything by keyboard alone: every control is reached in its order, and a run is led from first to last.

use anyhow::{Context as _, Result, ensure};
use rllr_tests::browser::{Page, Surroundings, dist_or_skip};

use super::ENTER;

const TAB: char = '\u{e004}';
const SPACE: &str = " ";
const RIGHT: &str = "\u{e014}";
const LEFT: &str = "\u{e012}";

/// A run that is not over before it was led.
const LONG: &str =
    "#task=film_sentiment&demonstrations=600&sft_epochs=50&hidden_size=16&layers=1&held_out=16";

/// Lists what can be operated: all that is seen, of a group of radio buttons one.
const LIST_CONTROLS: &str = "
    const controls = 'a[href], button, input, select, textarea, summary, [tabindex=\"0\"]';
    const isGrouped = (element) => element.type === 'radio' && !element.checked
        && document.querySelector(`input[name=\"${element.name}\"]:checked`);
    window.controls = [...document.querySelectorAll(controls)].filter((element) =>
        element.checkVisibility({ visibilityProperty: true }) && !element.disabled && element.tabIndex >= 0 && !isGrouped(element));
    return window.controls.length;";

/// Where the focus is among them: -1 for a box that scrolls, -2 for nothing; and whether one sees it.
const LOOK: &str = "
    const active = document.activeElement;
    if (active === document.body || active === null) return [-2, true];
    const { outlineStyle } = getComputedStyle(active);
    return [window.controls.indexOf(active), outlineStyle !== 'none'];";

/// The name of what has the focus; of the summary of something folded, the name of that.
async fn focused(page: &Page) -> Result<String> {
    let script = "const active = document.activeElement;
        return (active.tagName === 'SUMMARY' ? active.parentElement : active).dataset.testid ?? ''";
    Ok(serde_json::from_value(page.run_script(script).await?)?)
}

/// Moves the focus on until it is on this control.
async fn tab_to(page: &Page, testid: &str) -> Result<()> {
    for _ in 0..200 {
        if focused(page).await? == testid {
            return Ok(());
        }
        page.key(TAB).await?;
    }
    anyhow::bail!("the focus never came to {testid}")
}

#[tokio::test]
async fn the_focus_goes_through_every_control_in_its_order_and_is_seen() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let page = Page::open(&dist, Surroundings::SoftwareAdapter, "").await?;
    page.wait_until("the charts are drawn", async || page.exists("chart-kl").await)
        .await?;
    let count = page.run_script(LIST_CONTROLS).await?;
    let count = count.as_u64().context("a number")?;
    ensure!(count > 30, "there are {count} controls");
    let (mut reached, mut unseen) = (Vec::new(), Vec::new());
    // Boxes that scroll come between.
    for _ in 0..2 * count {
        page.key(TAB).await?;
        let (place, is_seen): (i64, bool) = serde_json::from_value(page.run_script(LOOK).await?)?;
        if place == -2 {
            break;
        }
        if place >= 0 {
            reached.push(place);
            if !is_seen {
                unseen.push(focused(&page).await?);
            }
        }
    }
    let every: Vec<i64> = (0..i64::try_from(count)?).collect();
    ensure!(
        reached == every,
        "of {count} controls the focus went through {reached:?}"
    );
    ensure!(unseen.is_empty(), "nobody sees the focus on {unseen:?}");
    Ok(())
}

#[tokio::test]
async fn a_run_is_led_by_keyboard_alone() -> Result<()> {
    let Some(dist) = dist_or_skip() else { return Ok(()) };
    let page = Page::open(&dist, Surroundings::SoftwareAdapter, LONG).await?;

    // The device by arrows, and back.
    tab_to(&page, "device-cpu").await?;
    page.press(RIGHT).await?;
    assert!(page.find("device-webgpu").await?.is_selected().await?);
    page.press(LEFT).await?;
    assert!(page.find("device-cpu").await?.is_selected().await?);

    // A setting: opened, changed, reset.
    tab_to(&page, "settings").await?;
    page.press(ENTER).await?;
    tab_to(&page, "setting-seed").await?;
    page.press("7").await?;
    let seed = page.value("setting-seed").await?;
    assert!(
        seed.contains('7')
            && page
                .attribute("permalink", "href")
                .await?
                .contains(&format!("seed={seed}"))
    );
    tab_to(&page, "reset-seed").await?;
    page.press(ENTER).await?;
    assert_eq!(page.value("setting-seed").await?, "1");

    // The run.
    page.run_script("document.activeElement.blur()").await?;
    tab_to(&page, "train").await?;
    page.press(ENTER).await?;
    page.wait_until("a step is done", async || {
        Ok(page.phase().await? == "training" && page.step().await? > 0)
    })
    .await?;
    tab_to(&page, "pause").await?;
    page.press(SPACE).await?;
    page.wait_for_phase("paused").await?;
    let held = page.step().await?;
    tab_to(&page, "step-once").await?;
    page.press(ENTER).await?;
    page.wait_until("one step is done", async || Ok(page.step().await? == held + 1))
        .await?;
    page.wait_for_phase("paused").await?;
    tab_to(&page, "stop").await?;
    page.press(ENTER).await?;
    page.wait_for_phase("stopped").await?;

    // Its charts.
    tab_to(&page, "part-sft").await?;
    page.press(RIGHT).await?;
    assert!(page.find("part-reward").await?.is_selected().await?);
    Ok(())
}
