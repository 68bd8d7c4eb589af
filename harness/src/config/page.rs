//! Browsers that somebody opens, as the file and the flag name them.

use super::build::base;
use super::error::Wrong;
use crate::peers::browser::{PageSpec, WAIT};
use crate::peers::name::{NAME, is_name};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What the agent in a page can say that its browser is.
const BROWSERS: [&str; 4] = ["chrome", "firefox", "safari", "browser"];
/// Nobody is waited for longer than this many seconds: a day.
const LONGEST_WAIT: u64 = 86_400;

/// From the keys `page`, `listen` and `wait`.
///
/// # Errors
/// All that is wrong with them.
pub(super) fn from_keys(
    name: &str,
    page: String,
    listen: Option<&str>,
    wait: Option<u64>,
) -> Result<PageSpec, Vec<Wrong>> {
    let mut wrong = Vec::new();
    if !BROWSERS.contains(&page.as_str()) {
        wrong.push(Wrong::at("page", format!("`page` is one of {}", BROWSERS.join(", "))));
    }
    let address = listen.map(address_of).transpose().unwrap_or_else(|message| {
        wrong.push(Wrong::at("listen", message));
        None
    });
    if wait.is_some_and(|seconds| seconds == 0 || seconds > LONGEST_WAIT) {
        wrong.push(Wrong::at("wait", format!("`wait` is between 1 and {LONGEST_WAIT} seconds")));
    }
    let wait = wait.map_or(WAIT, Duration::from_secs);
    if wrong.is_empty() {
        Ok(PageSpec { name: name.to_owned(), is: page, listen: address, wait })
    } else {
        Err(wrong)
    }
}

/// An address, perhaps with a port; any free one without.
fn address_of(text: &str) -> Result<SocketAddr, String> {
    let with_port = text.parse::<SocketAddr>();
    let address = with_port.or_else(|_| text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 0)));
    address.map_err(|_| {
        format!(
            "`listen` is an IP address, perhaps with a port, such as 192.0.2.7:8080, and not `{}`",
            quoted(text)
        )
    })
}

/// What somebody wrote, without what a terminal would obey.
pub(super) fn quoted(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(60).collect()
}

/// `NAME`, or `NAME=BROWSER` where the name does not say which browser it is.
///
/// # Errors
/// What is wrong with it.
pub(super) fn from_flag(text: &str) -> Result<PageSpec, String> {
    let (name, browser) = text.split_once('=').unwrap_or((text, base(text)));
    let form = "write NAME=BROWSER, such as mobile=chrome";
    if !is_name(name) {
        return Err(format!("`{}`: a name has {NAME}; {form}", quoted(name)));
    }
    if let Some(message) = super::build::taken(name, Some(browser)) {
        return Err(message);
    }
    if !BROWSERS.contains(&browser) {
        let known = BROWSERS.join(", ");
        return Err(format!("unknown browser `{}` (known: {known}); {form}", quoted(browser)));
    }
    Ok(PageSpec { name: name.to_owned(), is: browser.to_owned(), listen: None, wait: WAIT })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_names_a_page() {
        for (text, name, is) in [
            ("mobile=safari", "mobile", "safari"),
            ("chrome@150", "chrome@150", "chrome"),
            ("tv@2=browser", "tv@2", "browser"),
        ] {
            let spec = from_flag(text).unwrap();
            assert_eq!((spec.name.as_str(), spec.is.as_str(), spec.listen), (name, is, None));
        }
        for bad in ["mobile", "mobile=", "my-phone=chrome", "=chrome", "mobile=lynx"] {
            assert!(from_flag(bad).unwrap_err().contains("write NAME=BROWSER"), "{bad}");
        }
    }

    #[test]
    fn a_page_is_served_where_it_is_wanted() {
        let listen =
            |text: &str| from_keys("m", "chrome".to_owned(), Some(text), None).map(|spec| spec.listen);
        assert_eq!(listen("192.0.2.7"), Ok(Some(SocketAddr::from(([192, 0, 2, 7], 0)))));
        assert_eq!(listen("127.0.0.1:8080"), Ok(Some(SocketAddr::from(([127, 0, 0, 1], 8080)))));
        assert_eq!(listen("::1"), Ok(Some("[::1]:0".parse().unwrap())));
        assert!(listen("\u{1b}[31mlan").unwrap_err()[0].message.ends_with("and not `[31mlan`"));
        let all = from_keys("m", "lynx".to_owned(), Some("x"), Some(0)).unwrap_err();
        assert_eq!(all.len(), 3, "{all:?}");
    }
}
