//! Looking at the machine.

use super::ask::{output, version_in};
use super::{Adapted, Availability, Check, Diagnosis, Item};
use crate::adapters;
use crate::kits::Kit;
use crate::network::lab;
use crate::peers::browser::interface_address;
use crate::tools::Tool;
use std::path::Path;

const SETUP: &str = "run `peerproof setup`";

/// Looks at everything. Takes about a second: each program is asked for its version.
pub async fn examine() -> Diagnosis {
    let mut checks = vec![
        tool(Item::Chrome, Tool::Chrome, "--version").await,
        tool(Item::Chromedriver, Tool::Chromedriver, "--version").await,
        tool(Item::Firefox, Tool::Firefox, "--version").await,
        tool(Item::Geckodriver, Tool::Geckodriver, "--version").await,
        tool(Item::Tshark, Tool::Tshark, "--version").await,
        tool(Item::Turnserver, Tool::Turnserver, "--version").await,
        tool(Item::Nft, Tool::Nft, "--version").await,
        tool(Item::Ip, Tool::Ip, "-V").await,
        library(Item::Libvpx, "vpx").await,
        library(Item::Libopus, "opus").await,
        interface(),
        namespaces(),
        tun(),
        kit(Item::Grid, Kit::Grid),
        kit(Item::Actionlint, Kit::Actionlint),
    ];
    match_versions(&mut checks);
    Diagnosis { checks, browsers: Vec::new(), adapters: adapters() }
}

/// The adapters of this repository.
fn adapters() -> Vec<Adapted> {
    let all = adapters::names().filter_map(adapters::find);
    all.map(|it| Adapted { missing: it.missing(), title: it.manifest.title, name: it.name }).collect()
}

/// The version that a program prints of itself.
pub async fn version_of(program: &Path) -> Option<String> {
    output(program, &["--version"]).await.as_deref().and_then(version_in)
}

fn check(item: Item, state: Availability) -> Check {
    Check { item, state, found: None, place: None, purpose: item.purpose(), advice: None }
}

async fn tool(item: Item, tool: Tool, flag: &str) -> Check {
    let Some(place) = tool.find() else {
        let advice = tool.misnamed().unwrap_or_else(|| format!("{SETUP}, or set {}", tool.variable()));
        return Check { advice: Some(advice), ..check(item, Availability::Missing) };
    };
    let found = output(&place, &[flag]).await.as_deref().and_then(version_in);
    let (state, advice) = match &found {
        Some(_) => (Availability::Ok, None),
        None => (Availability::Doubtful, Some(format!("`{} {flag}` prints no version", place.display()))),
    };
    Check { found, place: Some(place.display().to_string()), advice, ..check(item, state) }
}

/// A driver must be of its browser's major version (Chrome's rule; geckodriver has versions of its own).
fn match_versions(checks: &mut [Check]) {
    let major = |item: Item, checks: &[Check]| {
        let found = checks.iter().find(|check| check.item == item)?.found.clone()?;
        found.split('.').next().map(str::to_owned)
    };
    let (Some(browser), Some(driver)) = (major(Item::Chrome, checks), major(Item::Chromedriver, checks))
    else {
        return;
    };
    if browser == driver {
        return;
    }
    if let Some(check) = checks.iter_mut().find(|check| check.item == Item::Chromedriver) {
        check.state = Availability::Doubtful;
        check.advice = Some(format!("it is for Chrome {driver}, but Chrome is {browser}: update both"));
    }
}

async fn library(item: Item, name: &str) -> Check {
    let found =
        output(Path::new("pkg-config"), &["--modversion", name]).await.as_deref().and_then(version_in);
    match found {
        Some(found) => Check { found: Some(found), ..check(item, Availability::Ok) },
        None => Check { advice: Some(SETUP.to_owned()), ..check(item, Availability::Missing) },
    }
}

fn interface() -> Check {
    match interface_address() {
        Some(address) => {
            Check { found: Some(address.to_string()), ..check(Item::Interface, Availability::Ok) }
        }
        None => Check {
            advice: Some(
                "only loopback found; add a dummy or veth interface with a default route".to_owned(),
            ),
            ..check(Item::Interface, Availability::Missing)
        },
    }
}

/// Whether the lab can be made, by the lab's own word: it tried, since there are many switches that can forbid it.
fn namespaces() -> Check {
    let as_who = if nix::unistd::geteuid().is_root() { "as root" } else { "as a user" };
    match lab::unavailable() {
        None => Check { found: Some(as_who.to_owned()), ..check(Item::Namespaces, Availability::Ok) },
        Some(reason) => Check {
            advice: Some(format!(
                "{reason}; run as root, or allow user namespaces (sysctl user.max_user_namespaces; on Debian \
                 kernel.unprivileged_userns_clone=1; on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0)"
            )),
            ..check(Item::Namespaces, Availability::Missing)
        },
    }
}

fn tun() -> Check {
    let device = "/dev/net/tun";
    match std::fs::File::options().read(true).write(true).open(device) {
        Ok(_) => Check { place: Some(device.to_owned()), ..check(Item::Tun, Availability::Ok) },
        Err(error) => Check {
            advice: Some(format!("{device}: {error}; needs the kernel module `tun` and mode 0666")),
            ..check(Item::Tun, Availability::Missing)
        },
    }
}

fn kit(item: Item, kit: Kit) -> Check {
    match kit.find() {
        Ok((_, file)) => Check {
            found: Some(kit.version().to_owned()),
            place: Some(file.display().to_string()),
            ..check(item, Availability::Ok)
        },
        Err(reason) => Check { advice: Some(reason), ..check(item, Availability::Optional) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(item: Item, version: &str) -> Check {
        Check { found: Some(version.to_owned()), ..check(item, Availability::Ok) }
    }

    #[test]
    fn a_driver_of_another_major_version_is_doubtful() {
        for (driver, state) in [("156.0.1.1", Availability::Ok), ("155.9.9.9", Availability::Doubtful)] {
            let mut checks = [found(Item::Chrome, "156.0.8078.79"), found(Item::Chromedriver, driver)];
            match_versions(&mut checks);
            assert_eq!(checks[1].state, state);
            assert_eq!(checks[1].advice.is_some(), state != Availability::Ok);
        }
    }

    #[test]
    fn a_missing_browser_makes_no_mismatch() {
        let mut checks = [check(Item::Chrome, Availability::Missing), found(Item::Chromedriver, "156.0")];
        match_versions(&mut checks);
        assert_eq!(checks[1].state, Availability::Ok);
    }

    #[tokio::test]
    async fn every_item_is_looked_at_once() {
        let diagnosis = examine().await;
        let mut items: Vec<Item> = diagnosis.checks.iter().map(|check| check.item).collect();
        assert_eq!(items.len(), 15);
        items.sort();
        items.dedup();
        assert_eq!(items.len(), 15);
        for check in &diagnosis.checks {
            assert_eq!(check.advice.is_none(), check.state == Availability::Ok, "{check:?}");
        }
    }
}
