//! The built page in a headless browser, driven through `WebDriver`.
//!
//! [`Page::open`] serves the folder in `RLLR_DIST`, starts the driver and the browser, and opens the page.
//! All three end when the [`Page`] is dropped, also when a test fails.
//! The browser's flags come from `webdriver.json`, as for the unit tests that run in the browser.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use xtask::serve::Server;

mod driver;
mod forms;

use driver::{BrowserLog, DevTools, Driver};

/// The most that one thing may take to happen: a worker of some megabytes is compiled and ten steps run on a
/// software adapter, on two cores that other tests use as well.
const PATIENCE: Duration = Duration::from_secs(240);
/// How often the page is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(50);

/// Flags of `webdriver.json` that give the browser an adapter.
const ADAPTER_FLAGS: [&str; 2] = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];
/// A name that leads to this machine, but which browsers do not trust as they trust `localhost`.
const UNTRUSTED_HOST: &str = "page.test";

/// What the browser offers to the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surroundings {
    /// WebGPU on a software adapter.
    SoftwareAdapter,
    /// `navigator.gpu`, but no adapter.
    NoAdapter,
    /// Plain HTTP from another host: `navigator.gpu` is hidden.
    InsecureContext,
    /// As [`Self::NoAdapter`], and the page is not at the root of its host.
    BelowTheRoot,
}

/// An open page.
pub struct Page {
    client: Client,
    address: String,
    // Dropped in this order: the browser ends before its driver, and before the files.
    _driver: Driver,
    server: Option<Server>,
}

/// The folder of the built page from `RLLR_DIST`, or a printed line that says why the test is skipped.
#[allow(clippy::print_stdout, reason = "`cargo xtask test` counts these lines")]
pub fn dist_or_skip() -> Option<PathBuf> {
    match env::var_os("RLLR_DIST") {
        Some(folder) if !folder.is_empty() => Some(folder.into()),
        _ => {
            println!(
                "SKIPPED: RLLR_DIST, the folder of the built page, is not set (`cargo xtask test` sets it)"
            );
            None
        }
    }
}

impl Page {
    /// Opens the page of this folder. `fragment` is empty, or begins with `#`.
    ///
    /// # Errors
    /// If the page cannot be served, or browser or driver do not start.
    pub async fn open(dist: &Path, surroundings: Surroundings, fragment: &str) -> Result<Self> {
        let path = if surroundings == Surroundings::BelowTheRoot {
            "/some/where/"
        } else {
            "/"
        };
        let server = Server::start(dist, 0, path)?;
        let mut driver = Driver::start()?;
        let capabilities = capabilities(surroundings)?;
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(
                capabilities
                    .as_object()
                    .context("capabilities are an object")?
                    .clone(),
            )
            .connect(&driver.url())
            .await
            .context("the driver did not start the browser")?;
        driver.set_session(client.session_id().await?.context("a new session has an id")?);
        let address = match surroundings {
            Surroundings::InsecureContext => server.url().replace("127.0.0.1", UNTRUSTED_HOST),
            Surroundings::SoftwareAdapter | Surroundings::NoAdapter | Surroundings::BelowTheRoot => {
                server.url()
            }
        };
        let page = Self {
            client,
            address,
            _driver: driver,
            server: Some(server),
        };
        page.client.goto(&format!("{}{fragment}", page.address)).await?;
        page.wait_until("the page has looked for WebGPU", async || {
            Ok(page.exists("webgpu").await? && page.attribute("webgpu", "data-state").await? != "looking")
        })
        .await?;
        Ok(page)
    }

    /// The element with this `data-testid`.
    ///
    /// # Errors
    /// If there is none.
    pub async fn find(&self, testid: &str) -> Result<Element> {
        let selector = format!("[data-testid=\"{testid}\"]");
        self.client
            .find(Locator::Css(&selector))
            .await
            .with_context(|| format!("no element `{testid}`"))
    }

    /// Whether there is an element with this `data-testid`.
    ///
    /// # Errors
    /// If the browser does not answer.
    pub async fn exists(&self, testid: &str) -> Result<bool> {
        let selector = format!("[data-testid=\"{testid}\"]");
        Ok(!self.client.find_all(Locator::Css(&selector)).await?.is_empty())
    }

    /// The visible text of an element.
    ///
    /// # Errors
    /// If there is none.
    pub async fn text(&self, testid: &str) -> Result<String> {
        Ok(self.find(testid).await?.text().await?)
    }

    /// An attribute of an element.
    ///
    /// # Errors
    /// If element or attribute are missing.
    pub async fn attribute(&self, testid: &str, name: &str) -> Result<String> {
        let value = self.find(testid).await?.attr(name).await?;
        value.with_context(|| format!("element `{testid}` has no attribute `{name}`"))
    }

    /// What an input holds.
    ///
    /// # Errors
    /// If there is no such input.
    pub async fn value(&self, testid: &str) -> Result<String> {
        self.find(testid)
            .await?
            .prop("value")
            .await?
            .with_context(|| format!("`{testid}` has no value"))
    }

    /// Clicks on an element, as a pointer does: it must be visible and enabled.
    ///
    /// # Errors
    /// If it is not.
    pub async fn click(&self, testid: &str) -> Result<()> {
        let element = self.find(testid).await?;
        ensure!(element.is_enabled().await?, "`{testid}` is disabled");
        element
            .click()
            .await
            .with_context(|| format!("`{testid}` cannot be clicked"))
    }

    /// The phase of the run: the attribute `data-phase` of the status.
    ///
    /// # Errors
    /// If the browser does not answer.
    pub async fn phase(&self) -> Result<String> {
        self.attribute("status", "data-phase").await
    }

    /// The number of the last training step that the page shows, or 0.
    ///
    /// # Errors
    /// If the page shows something else than a number.
    pub async fn step(&self) -> Result<usize> {
        let shown = self.text("status-step").await?;
        match shown.split_once(" of ") {
            None => Ok(0),
            Some((step, _)) => step
                .parse()
                .with_context(|| format!("the step is shown as {shown:?}")),
        }
    }

    /// The table behind a chart, as numbers: the step and one column for each line; `None` where a line has no point.
    ///
    /// # Errors
    /// If there is no such table, or a cell is no number.
    pub async fn chart(&self, id: &str) -> Result<Vec<Vec<Option<f64>>>> {
        let table = format!("[data-testid=\"table-{id}\"]");
        let open = format!("document.querySelector('{table}').open = true");
        self.run_script(&open).await?;
        let rows = format!(
            "return [...document.querySelectorAll('{table} tbody tr')]
                .map(row => [...row.children].map(cell => cell.textContent))"
        );
        // The rows are drawn a moment after the table is opened.
        self.wait_until("the table has rows", async || {
            Ok(self.run_script(&rows).await? != json!([]))
        })
        .await?;
        let rows: Vec<Vec<String>> = serde_json::from_value(self.run_script(&rows).await?)?;
        let number = |cell: &String| match cell.as_str() {
            "\u{2013}" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .with_context(|| format!("a cell is {text:?}")),
        };
        rows.iter().map(|row| row.iter().map(number).collect()).collect()
    }

    /// Runs a script in the page and returns what it returns.
    ///
    /// # Errors
    /// If the script throws.
    pub async fn run_script(&self, script: &str) -> Result<Value> {
        Ok(self.client.execute(script, Vec::new()).await?)
    }

    /// Runs a script that ends by calling its last argument, and returns what it calls it with.
    ///
    /// # Errors
    /// If the script throws, or does not end in time.
    pub async fn run_async_script(&self, script: &str, arguments: Vec<Value>) -> Result<Value> {
        let patience = fantoccini::wd::TimeoutConfiguration::new(Some(10 * PATIENCE), None, None);
        self.client.update_timeouts(patience).await?;
        Ok(self.client.execute_async(script, arguments).await?)
    }

    /// Presses keys in the element that has the focus.
    ///
    /// # Errors
    /// If nothing has the focus.
    pub async fn press(&self, keys: &str) -> Result<()> {
        Ok(self.client.active_element().await?.send_keys(keys).await?)
    }

    /// Waits until the run is in a phase.
    ///
    /// # Errors
    /// If it is not in time, or has failed: then with what the page says.
    pub async fn wait_for_phase(&self, phase: &str) -> Result<()> {
        self.wait_until(&format!("the phase is {phase}"), async || {
            let now = self.phase().await?;
            if now == "failed" && phase != "failed" {
                bail!("the page says: {}", self.text("failure").await?);
            }
            Ok(now == phase)
        })
        .await
    }

    /// Waits until something holds.
    ///
    /// # Errors
    /// If it does not in time, or looking fails. A picture is kept.
    pub async fn wait_until(&self, what: &str, holds: impl AsyncFn() -> Result<bool>) -> Result<()> {
        let start = Instant::now();
        let problem = loop {
            match holds().await {
                Ok(true) => return Ok(()),
                Ok(false) if start.elapsed() < PATIENCE => tokio::time::sleep(LOOK).await,
                Ok(false) => break anyhow::anyhow!("not within {} s", PATIENCE.as_secs()),
                Err(error) => break error,
            }
        };
        let picture = self.screenshot(&what.replace(' ', "-")).await?;
        let errors = self.console_errors().await?;
        Err(problem.context(format!(
            "waiting until {what}; picture: {}; console: {errors:?}",
            picture.display()
        )))
    }

    /// Keeps a picture of the page in the target directory, and returns its path.
    ///
    /// # Errors
    /// If the browser gives none, or it cannot be written.
    pub async fn screenshot(&self, name: &str) -> Result<PathBuf> {
        // A test program lies in `target/PROFILE/deps`.
        let program = env::current_exe()?;
        let profile = program
            .ancestors()
            .nth(2)
            .context("the test program lies in a folder of Cargo's")?;
        let folder = profile.join("screenshots");
        fs::create_dir_all(&folder)?;
        let file = folder.join(format!("{name}.png"));
        let picture = self.client.screenshot().await?;
        fs::write(&file, picture).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    }

    /// The errors in the browser's console since the last call.
    ///
    /// # Errors
    /// If the browser does not answer.
    pub async fn console_errors(&self) -> Result<Vec<String>> {
        let entries = self.client.issue_cmd(BrowserLog).await?;
        let entries = entries.as_array().context("the log is a list")?;
        let errors = entries.iter().filter(|entry| entry["level"] == "SEVERE");
        Ok(errors.map(|entry| entry["message"].to_string()).collect())
    }

    /// Makes the window as wide as a phone's, or another width, in CSS pixels.
    ///
    /// # Errors
    /// If the browser refuses.
    pub async fn set_width(&self, width: u32) -> Result<()> {
        let metrics =
            json!({ "width": width, "height": 1600, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.dev_tools("Emulation.setDeviceMetricsOverride", metrics)
            .await
    }

    /// Lets the page think that the visitor prefers dark colours.
    ///
    /// # Errors
    /// If the browser refuses.
    pub async fn prefer_dark(&self) -> Result<()> {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
        self.dev_tools("Emulation.setEmulatedMedia", features).await
    }

    async fn dev_tools(&self, command: &'static str, params: Value) -> Result<()> {
        self.client.issue_cmd(DevTools { command, params }).await?;
        Ok(())
    }
}

/// The capabilities of `webdriver.json`, changed for the surroundings.
fn capabilities(surroundings: Surroundings) -> Result<Value> {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../webdriver.json");
    let file = env::var_os("WASM_BINDGEN_TEST_WEBDRIVER_JSON").map_or_else(default, PathBuf::from);
    let text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut capabilities: Value =
        serde_json::from_str(&text).with_context(|| format!("in {}", file.display()))?;
    capabilities["goog:loggingPrefs"] = json!({ "browser": "ALL" });
    let options = &mut capabilities["goog:chromeOptions"];
    if let Some(chrome) = env::var_os("CHROME") {
        options["binary"] = chrome.to_string_lossy().into();
    }
    let args = options["args"]
        .as_array_mut()
        .context("`goog:chromeOptions` has no list `args`")?;
    args.push("--window-size=1100,1600".into());
    // Benchmarks collect what was forgotten before they count what is held.
    args.push("--js-flags=--expose-gc".into());
    args.push("--enable-precise-memory-info".into());
    match surroundings {
        Surroundings::SoftwareAdapter => {}
        Surroundings::NoAdapter | Surroundings::BelowTheRoot => {
            args.retain(|flag| !ADAPTER_FLAGS.iter().any(|adapter| flag == adapter))
        }
        Surroundings::InsecureContext => {
            args.push(format!("--host-resolver-rules=MAP {UNTRUSTED_HOST} 127.0.0.1").into());
        }
    }
    Ok(capabilities)
}
