//! The panels that show the reward, on the recorded run.

use anyhow::{Context as _, Result};
use rllr_tests::browser::{Page, Surroundings, dist_or_skip};

const RIGHT: &str = "\u{e014}";
const DOWN: &str = "\u{e015}";

async fn open() -> Result<Option<Page>> {
    match dist_or_skip() {
        Some(dist) => Ok(Some(Page::open(&dist, Surroundings::NoAdapter, "").await?)),
        None => Ok(None),
    }
}

/// The number of a cell, written with a minus sign of typographers.
async fn number(page: &Page, testid: &str) -> Result<f64> {
    let shown = page.text(testid).await?.replace('\u{2212}', "-");
    shown.parse().with_context(|| format!("{testid} is {shown:?}"))
}

async fn focused(page: &Page) -> Result<String> {
    let script = "return document.activeElement.dataset.testid ?? ''";
    Ok(serde_json::from_value(page.run_script(script).await?)?)
}

#[tokio::test]
async fn the_matrix_is_a_table_with_arrow_keys_and_the_label_can_be_flipped() -> Result<()> {
    let Some(page) = open().await? else { return Ok(()) };
    page.click("matrix-ordinary-0-0").await?;
    page.press(RIGHT).await?;
    assert_eq!(focused(&page).await?, "matrix-ordinary-0-1");
    page.press(DOWN).await?;
    assert_eq!(focused(&page).await?, "matrix-ordinary-1-1");
    assert_eq!(
        page.attribute("matrix-label-1-1", "aria-selected").await?,
        "true",
        "both tables move"
    );

    // The label of the answer is flipped: both scores are those of the cells.
    for label in [0, 2, 3] {
        page.click(&format!("flip-{label}")).await?;
        for table in ["ordinary", "label"] {
            let cell = number(&page, &format!("matrix-{table}-1-{label}")).await?;
            assert_eq!(
                number(&page, &format!("flip-score-{table}")).await?,
                cell,
                "{table} {label}"
            );
        }
    }
    assert!(page.text("sensitivity-label").await?.contains('('));
    assert!(page.text("shares-label").await?.contains('%'));

    // The label-sensitive model reads the label more than the ordinary one does.
    let overall = async |testid: &str| -> Result<f64> {
        let text = page.text(testid).await?;
        let (_, overall) = text.split_once('(').context("in brackets")?;
        Ok(overall.trim_end_matches(')').parse()?)
    };
    let (ordinary, label) = (
        overall("sensitivity-ordinary").await?,
        overall("sensitivity-label").await?,
    );
    assert!(label > ordinary, "{ordinary} and {label}");
    page.screenshot("matrix").await?;
    Ok(())
}

#[tokio::test]
async fn the_threshold_moves_by_keyboard_and_recolours() -> Result<()> {
    let Some(page) = open().await? else { return Ok(()) };
    let marks = "return [...document.querySelectorAll('[data-testid=plane] .marks > *')].map(mark => mark.getAttribute('class')).join()";
    page.run_script("document.querySelector('[data-testid=threshold]').focus()")
        .await?;
    page.press("\u{e010}").await?;
    let (at_the_end, text) = (page.run_script(marks).await?, page.text("plane-result").await?);
    page.press("\u{e011}").await?;
    assert_ne!(page.run_script(marks).await?, at_the_end, "other colours");
    assert_ne!(page.text("plane-result").await?, text);
    Ok(())
}

#[tokio::test]
async fn a_round_of_the_annotator_ends_with_the_share_of_label_sensitive_pairs() -> Result<()> {
    let Some(page) = open().await? else { return Ok(()) };
    page.run_script("document.querySelector('[data-testid=annotator]').focus()")
        .await?;
    for number in 1..=8 {
        let progress = page.text("annotator-progress").await?;
        assert_eq!(progress, format!("Pair {number} of 8"));
        page.press(if number % 2 == 0 { "2" } else { "1" }).await?;
    }
    let outcome = page.text("annotator-outcome").await?;
    assert!(
        outcome.contains("of your 8 pairs are label-sensitive"),
        "{outcome}"
    );
    page.click("annotator-again").await?;
    assert_eq!(page.text("annotator-progress").await?, "Pair 1 of 8");
    Ok(())
}

#[tokio::test]
async fn margins_and_answers_can_be_read() -> Result<()> {
    let Some(page) = open().await? else { return Ok(()) };
    page.run_script("document.querySelector('[data-testid=margins-label] button').click()")
        .await?;
    let pair = page.text("margins-pair").await?;
    assert!(
        pair.contains("Better answer") && pair.contains("Label:"),
        "{pair}"
    );
    for answer in ["answer-sft", "answer-ordinary", "answer-label"] {
        let shown = page.text(answer).await?;
        assert!(shown.contains("right") || shown.contains("wrong"), "{shown}");
    }
    Ok(())
}
