//! Forms, files, and a page whose host goes away.

use std::path::Path;

use anyhow::{Context as _, Result};
use fantoccini::Locator;
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use serde_json::{Value, json};

use super::Page;

impl Page {
    /// Chooses an option of a `<select>` by its value.
    ///
    /// # Errors
    /// If there is no such select or option.
    pub async fn select(&self, testid: &str, value: &str) -> Result<()> {
        let found = self.find(testid).await?.select_by_value(value).await;
        found.with_context(|| format!("`{testid}` has no option `{value}`"))
    }

    /// Replaces what an input holds.
    ///
    /// # Errors
    /// If there is no such input.
    pub async fn fill(&self, testid: &str, text: &str) -> Result<()> {
        let script = "const [selector, text] = arguments;
            const input = document.querySelector(selector);
            input.value = text;
            input.dispatchEvent(new Event('input', { bubbles: true }));";
        self.find(testid).await?;
        let arguments = vec![format!("[data-testid=\"{testid}\"]").into(), text.into()];
        self.client.execute(script, arguments).await?;
        Ok(())
    }

    /// Chooses files in an `<input type="file">`.
    ///
    /// # Errors
    /// If there is no such input, or a file is missing.
    pub async fn upload(&self, testid: &str, files: &[&Path]) -> Result<()> {
        let paths: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        let chosen = self.find(testid).await?.send_keys(&paths.join("\n")).await;
        chosen.with_context(|| format!("`{testid}` does not take {paths:?}"))
    }

    /// Drops files of these names and texts on an element.
    ///
    /// # Errors
    /// If there is no such element.
    pub async fn drop_files(&self, testid: &str, files: &[(&str, &str)]) -> Result<()> {
        let script = "const [selector, files] = arguments;
            const transfer = new DataTransfer();
            for (const [name, text] of files) transfer.items.add(new File([text], name));
            document.querySelector(selector).dispatchEvent(
                new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));";
        let selector = format!("[data-testid=\"{testid}\"]");
        self.find(testid).await?;
        let arguments = vec![selector.into(), serde_json::to_value(files)?];
        self.client.execute(script, arguments).await?;
        Ok(())
    }

    /// The text of the first element with this `data-testid`, if there is one. Read at one moment: no error when the page
    /// removes the element meanwhile.
    ///
    /// # Errors
    /// If the browser does not answer.
    pub async fn text_if_there(&self, testid: &str) -> Result<Option<String>> {
        let script =
            format!("return document.querySelector('[data-testid=\"{testid}\"]')?.innerText ?? null");
        Ok(serde_json::from_value(self.run_script(&script).await?)?)
    }

    /// Whether there is such an element, and its text holds these words.
    ///
    /// # Errors
    /// If the browser does not answer.
    pub async fn says(&self, testid: &str, words: &str) -> Result<bool> {
        let text = self.text_if_there(testid).await?;
        Ok(text.is_some_and(|text| text.contains(words)))
    }

    /// The texts of all elements with this `data-testid`.
    ///
    /// # Errors
    /// If the browser does not answer.
    pub async fn texts(&self, testid: &str) -> Result<Vec<String>> {
        let selector = format!("[data-testid=\"{testid}\"]");
        let mut texts = Vec::new();
        for element in self.client.find_all(Locator::Css(&selector)).await? {
            texts.push(element.text().await?);
        }
        Ok(texts)
    }

    /// From now on, texts that the page saves are kept for [`Page::saved`] and not written to the disk.
    ///
    /// # Errors
    /// If the browser does not answer.
    pub async fn keep_what_is_saved(&self) -> Result<()> {
        let script = "window.saved = [];
            const make = URL.createObjectURL;
            URL.createObjectURL = (blob) => { window.saved.push(blob); return make.call(URL, blob); };
            const click = HTMLAnchorElement.prototype.click;
            HTMLAnchorElement.prototype.click = function () { if (!this.download) click.call(this); };";
        self.run_script(script).await?;
        Ok(())
    }

    /// Presses a button that saves a text, and returns the text.
    ///
    /// # Errors
    /// If nothing is saved.
    pub async fn saved(&self, testid: &str) -> Result<String> {
        self.saved_as(testid, "blob.text()").await
    }

    /// Presses a button that saves a file, and returns its bytes.
    ///
    /// # Errors
    /// If nothing is saved.
    pub async fn saved_bytes(&self, testid: &str) -> Result<Vec<u8>> {
        let hex = "blob.arrayBuffer().then((buffer) => {
            let hex = '';
            for (const byte of new Uint8Array(buffer)) hex += byte.toString(16).padStart(2, '0');
            return hex;
        })";
        let hex = self.saved_as(testid, hex).await?;
        let byte = |pair: &[u8]| -> Result<u8> { Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?) };
        hex.as_bytes().chunks(2).map(byte).collect()
    }

    async fn saved_as(&self, testid: &str, what: &str) -> Result<String> {
        self.run_script("window.saved.length = 0").await?;
        self.click(testid).await?;
        let script = format!(
            "const done = arguments[arguments.length - 1];
            Promise.all(window.saved.map((blob) => {what})).then(done);"
        );
        let saved: Value = self.run_async_script(&script, Vec::new()).await?;
        let text = saved.get(0).and_then(Value::as_str);
        text.map(str::to_owned)
            .with_context(|| format!("`{testid}` saved nothing"))
    }

    /// Lets the browser give the page so many bytes of storage; `None` for as many as it has.
    ///
    /// # Errors
    /// If the browser refuses.
    pub async fn limit_storage(&self, bytes: Option<u64>) -> Result<()> {
        let mut params = json!({ "origin": self.address.trim_end_matches('/') });
        if let Some(bytes) = bytes {
            params["quotaSize"] = bytes.into();
        }
        self.dev_tools("Storage.overrideQuotaForOrigin", params).await
    }

    /// Presses one key, whatever has the focus: a file input takes [`Page::press`]' keys for a path.
    ///
    /// # Errors
    /// If the browser does not answer.
    pub async fn key(&self, value: char) -> Result<()> {
        let keys = KeyActions::new("keyboard".to_owned())
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value });
        Ok(self.client.perform_actions(keys).await?)
    }

    /// Loads the page again, as a second visit would.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn reload(&self) -> Result<()> {
        self.client.refresh().await?;
        self.wait_until("the page has started again", async || self.exists("webgpu").await)
            .await
    }

    /// Ends the page's host.
    pub fn stop_serving(&mut self) {
        self.server = None;
    }

    /// The phase of the evaluator.
    ///
    /// # Errors
    /// If the browser does not answer.
    pub async fn evaluator_phase(&self) -> Result<String> {
        self.attribute("evaluate-status", "data-phase").await
    }

    /// Waits until the evaluator is in a phase.
    ///
    /// # Errors
    /// If it is not in time, or has failed: then with what the page says.
    pub async fn wait_for_evaluator(&self, phase: &str) -> Result<()> {
        self.wait_until(&format!("the evaluator is {phase}"), async || {
            let now = self.evaluator_phase().await?;
            if now == "failed" && phase != "failed" {
                let said = self.texts("evaluate-failure").await?;
                let asked = self.texts("try-failure").await?;
                anyhow::bail!("the page says: {said:?} {asked:?}");
            }
            Ok(now == phase)
        })
        .await
    }
}
