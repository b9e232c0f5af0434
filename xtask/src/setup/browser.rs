//! A browser with its driver, and a Vulkan driver.

use super::apt;
use crate::process;
use crate::project::Project;
use anyhow::{Context as _, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names under which Chrome and Chromium are installed.
const CHROME_NAMES: [&str; 5] = [
    "chromium",
    "google-chrome",
    "google-chrome-stable",
    "chromium-browser",
    "chrome",
];

/// Where Vulkan's loader looks for drivers.
const VULKAN_DRIVER_DIRS: [&str; 3] = [
    "/usr/share/vulkan/icd.d",
    "/etc/vulkan/icd.d",
    "/usr/local/share/vulkan/icd.d",
];

/// A browser and the program that drives it.
#[derive(Debug, Clone)]
pub struct Browser {
    /// Chrome or Chromium.
    pub chrome: PathBuf,
    /// chromedriver of the same major version.
    pub driver: PathBuf,
}

impl Browser {
    /// Tells a command, and the tests that it runs, which browser to use and how to start it.
    ///
    /// # Errors
    /// When the file with the browser's flags cannot be read or its copy not written.
    pub fn apply(&self, project: &Project, command: &mut Command) -> Result<()> {
        let capabilities = project.scratch()?.join("webdriver.json");
        let flags_file = project.root.join("webdriver.json");
        let flags = std::fs::read_to_string(&flags_file)
            .with_context(|| format!("cannot read {}", flags_file.display()))?;
        let json =
            with_binary(&flags, &self.chrome).with_context(|| format!("in {}", flags_file.display()))?;
        std::fs::write(&capabilities, json)
            .with_context(|| format!("cannot write {}", capabilities.display()))?;
        command.env("CHROMEDRIVER", &self.driver);
        command.env("CHROME", &self.chrome);
        command.env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", capabilities);
        Ok(())
    }
}

/// The capabilities in `webdriver.json` with the browser's path filled in:
/// the driver looks in fewer places than users install to.
fn with_binary(flags: &str, chrome: &Path) -> Result<String> {
    let mut json: serde_json::Value = serde_json::from_str(flags).context("it is not JSON")?;
    let options = json
        .get_mut("goog:chromeOptions")
        .and_then(serde_json::Value::as_object_mut)
        .context("it has no object `goog:chromeOptions`")?;
    options.insert("binary".to_owned(), chrome.to_string_lossy().into());
    Ok(serde_json::to_string_pretty(&json)?)
}

/// Finds a browser and its driver, or installs Debian's.
pub(super) fn ensure() -> Result<Browser> {
    if let Some(browser) = find()? {
        return Ok(browser);
    }
    let installed = match apt::why_not() {
        Some(reason) => Err(anyhow::anyhow!(reason)),
        None => apt::update().and_then(|()| apt::install(&["chromium", "chromium-driver"])),
    };
    match (installed, find()?) {
        (Ok(()), Some(browser)) => Ok(browser),
        (Ok(()), None) => bail!(
            "{}",
            advice("the packages were installed, but hold no browser or driver")
        ),
        (Err(error), _) => bail!("{}", advice(&format!("{error:#}"))),
    }
}

fn find() -> Result<Option<Browser>> {
    let chrome = from_variable("CHROME")?.or_else(|| CHROME_NAMES.into_iter().find_map(process::find));
    let driver = from_variable("CHROMEDRIVER")?.or_else(|| process::find("chromedriver"));
    Ok(chrome
        .zip(driver)
        .map(|(chrome, driver)| Browser { chrome, driver }))
}

fn from_variable(name: &str) -> Result<Option<PathBuf>> {
    match std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
    {
        Some(path) if path.is_file() => Ok(Some(path)),
        Some(path) => bail!(
            "{name} is `{}`, where there is no file: correct it or unset it",
            path.display()
        ),
        None => Ok(None),
    }
}

fn advice(reason: &str) -> String {
    format!(
        "tests in a browser need Chrome or Chromium, and chromedriver of the same version: {reason}.\n\
         Do one of these, then run the same command again:\n  \
         sudo apt-get install chromium chromium-driver                  # Debian\n  \
         export CHROME=/path/to/chrome CHROMEDRIVER=/path/to/chromedriver   # your own\n\
         Without a browser: cargo xtask test --only native"
    )
}

/// Finds a Vulkan driver or installs Debian's software one; returns what was found.
pub(super) fn vulkan() -> Result<String> {
    if let Some(driver) = vulkan_driver() {
        return Ok(driver);
    }
    if !cfg!(target_os = "linux") {
        return Ok("left to the system".to_owned());
    }
    if let Some(reason) = apt::why_not() {
        bail!("{reason}");
    }
    apt::update()?;
    apt::install(&["mesa-vulkan-drivers", "libvulkan1"])?;
    vulkan_driver().context("the packages were installed, but hold no driver")
}

fn vulkan_driver() -> Option<String> {
    let mut found: Vec<String> = VULKAN_DRIVER_DIRS
        .into_iter()
        .filter_map(|dir| std::fs::read_dir(dir).ok())
        .flat_map(Iterator::flatten)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".json"))
        .collect();
    found.sort();
    (!found.is_empty()).then(|| found.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browsers_path_is_added_to_the_flags() {
        let json = with_binary(
            r#"{"goog:chromeOptions":{"args":["--x"]}}"#,
            Path::new("/opt/chrome"),
        )
        .unwrap();
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(json["goog:chromeOptions"]["binary"], "/opt/chrome");
        assert_eq!(json["goog:chromeOptions"]["args"][0], "--x");
    }

    #[test]
    fn a_broken_flags_file_is_explained() {
        let chrome = Path::new("/opt/chrome");
        assert!(
            with_binary("{", chrome)
                .unwrap_err()
                .to_string()
                .contains("not JSON")
        );
        assert!(
            with_binary("{}", chrome)
                .unwrap_err()
                .to_string()
                .contains("goog:chromeOptions")
        );
    }

    #[test]
    fn the_projects_flags_file_is_whole() {
        let project = Project::find().unwrap();
        let flags = std::fs::read_to_string(project.root.join("webdriver.json")).unwrap();
        let json: serde_json::Value =
            serde_json::from_str(&with_binary(&flags, Path::new("/c")).unwrap()).unwrap();
        let args = json["goog:chromeOptions"]["args"].as_array().unwrap();
        assert!(
            args.iter().any(|arg| arg == "--use-webgpu-adapter=swiftshader"),
            "{args:?}"
        );
    }
}
