//! Which browser this is, from its user-agent text: for the device panel and for the hint on how to get WebGPU.
//!
//! Nothing is switched on or off by it: capabilities are probed.

use super::text;

/// A browser's name, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Browser {
    /// The family, which decides the hint.
    pub family: Family,
    /// The major version, or empty.
    pub version: String,
    /// Whether it runs on Linux (without Android), where WebGPU is often off.
    pub on_linux: bool,
}

/// Browser families that handle WebGPU differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Chrome, Chromium.
    Chrome,
    /// Edge.
    Edge,
    /// Firefox.
    Firefox,
    /// Safari, and every browser on iOS.
    Safari,
    /// Anything else.
    Other,
}

impl Browser {
    /// Reads a user-agent text.
    pub fn from_user_agent(agent: &str) -> Self {
        // The order matters: Edge also says Chrome, and both also say Safari.
        let marks = [
            ("Edg/", Family::Edge),
            ("Firefox/", Family::Firefox),
            ("HeadlessChrome/", Family::Chrome),
            ("Chrome/", Family::Chrome),
            ("Version/", Family::Safari),
        ];
        let found = marks.into_iter().find_map(|(mark, family)| {
            let (_, rest) = agent.split_once(mark)?;
            let version: String = rest.chars().take_while(char::is_ascii_digit).collect();
            Some((family, version))
        });
        let (family, version) = found.unwrap_or((Family::Other, String::new()));
        Self {
            family,
            version,
            on_linux: agent.contains("Linux") && !agent.contains("Android"),
        }
    }

    /// Name and version, such as `Firefox 145`.
    pub fn name(&self) -> String {
        format!("{} {}", text::browser_name(self.family), self.version)
            .trim_end()
            .to_owned()
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    fn check(agent: &str, family: Family, name: &str, on_linux: bool) {
        let browser = Browser::from_user_agent(agent);
        assert_eq!(
            (browser.family, browser.name().as_str(), browser.on_linux),
            (family, name, on_linux),
            "{agent}"
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn user_agents() {
        let windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)";
        check(
            &format!("{windows} Chrome/144.0.0.0 Safari/537.36"),
            Family::Chrome,
            "Chrome 144",
            false,
        );
        check(
            &format!("{windows} Chrome/144.0.0.0 Safari/537.36 Edg/144.0.0.0"),
            Family::Edge,
            "Edge 144",
            false,
        );
        check(
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/156.0.0.0 Safari/537.36",
            Family::Chrome,
            "Chrome 156",
            true,
        );
        check(
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/144.0.0.0 Mobile Safari/537.36",
            Family::Chrome,
            "Chrome 144",
            false,
        );
        check(
            "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
            Family::Firefox,
            "Firefox 145",
            true,
        );
        check(
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 Safari/605.1.15",
            Family::Safari,
            "Safari 26",
            false,
        );
        check("", Family::Other, "Unknown browser", false);
    }
}
