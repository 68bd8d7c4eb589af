//! What has to be done: pure, from a diagnosis and what the system has.

use super::{Download, Lane, SetupError, Step};
use crate::adapters::Adapter;
use crate::doctor::Item;
use crate::kits::Kit;
use crate::tools::{data_dir, in_path};
use std::path::{Path, PathBuf};

/// What the system offers for the set-up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct System {
    /// What it calls itself.
    pub name: String,
    /// Whether the user is root.
    pub root: bool,
    /// Where `apt-get` is.
    pub apt: Option<PathBuf>,
    /// Where `sudo` is.
    pub sudo: Option<PathBuf>,
    /// Where `cargo` is.
    pub cargo: Option<PathBuf>,
    /// Peerproof's data directory.
    pub data: Option<PathBuf>,
}

impl System {
    /// This machine.
    #[must_use]
    pub fn this() -> Self {
        let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        let name = release
            .lines()
            .find_map(|line| line.strip_prefix("PRETTY_NAME="))
            .map_or("unknown", |name| name.trim_matches('"'));
        let find = |program: &str| in_path(Path::new(program));
        Self {
            name: name.to_owned(),
            root: nix::unistd::geteuid().is_root(),
            apt: find("apt-get"),
            sudo: find("sudo"),
            cargo: find("cargo"),
            data: data_dir(),
        }
    }
}

/// The steps, in order within each lane.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// What to do. Empty: there is nothing to do.
    pub steps: Vec<Step>,
    /// What is missing and cannot be installed (an interface, a kernel facility).
    pub beyond: Vec<Item>,
}

/// Where an item comes from.
enum Source {
    Package(&'static str),
    Cargo(&'static str),
    Nowhere,
}

const fn source(item: Item) -> Source {
    match item {
        Item::Chrome => Source::Package("chromium"),
        Item::Chromedriver => Source::Package("chromium-driver"),
        Item::Firefox => Source::Package("firefox-esr"),
        // Debian has no package of it.
        Item::Geckodriver => Source::Cargo("geckodriver"),
        Item::Tshark => Source::Package("tshark"),
        Item::Turnserver => Source::Package("coturn"),
        Item::Nft => Source::Package("nftables"),
        Item::Ip => Source::Package("iproute2"),
        Item::Libvpx => Source::Package("libvpx-dev"),
        Item::Libopus => Source::Package("libopus-dev"),
        Item::Interface | Item::Namespaces | Item::Tun => Source::Nowhere,
        // They are asked for as kits, and are never missing.
        Item::Grid | Item::Actionlint => Source::Nowhere,
    }
}

/// Plans the installation of what is missing, of other implementations, of browsers in other versions, and of what tests need.
///
/// # Errors
/// When the system lacks the means.
pub fn plan(
    missing: impl IntoIterator<Item = Item>,
    adapters: &[Adapter],
    browsers: &[Download],
    kits: &[Kit],
    system: &System,
) -> Result<Plan, SetupError> {
    let mut packages: Vec<&str> = Vec::new();
    let mut crates = Vec::new();
    let mut plan = Plan::default();
    for item in missing {
        match source(item) {
            Source::Package(name) => packages.push(name),
            Source::Cargo(name) => crates.push(name),
            Source::Nowhere => plan.beyond.push(item),
        }
        if matches!(item, Item::Libvpx | Item::Libopus) && !packages.contains(&"pkg-config") {
            // How libraries are found.
            packages.push("pkg-config");
        }
    }
    let of_browsers = browsers.iter().flat_map(|browser| browser.needs.iter().map(String::as_str));
    for package in adapters.iter().flat_map(Adapter::packages).chain(of_browsers) {
        if !packages.contains(&package) {
            packages.push(package);
        }
    }
    for package in kits.iter().flat_map(|kit| kit.packages()) {
        if !packages.contains(&package) {
            packages.push(package);
        }
    }
    if !packages.is_empty() {
        plan.steps.extend(apt_steps(&packages, system)?);
    }
    for name in crates {
        let cargo = system.cargo.as_ref().ok_or(SetupError::NoCargo)?;
        let data = system.data.as_ref().ok_or(SetupError::NoHome)?;
        plan.steps.push(cargo_step(name, cargo, data));
    }
    for adapter in adapters {
        plan.steps.extend(adapter.manifest.install.commands.iter().filter_map(|command| {
            let mut words = command.iter().map(|word| adapter.fill(word));
            Some(Step {
                title: format!("Install {}", adapter.manifest.title),
                lane: Lane::Peers,
                program: PathBuf::from(words.next()?),
                args: words.collect(),
                env: Vec::new(),
            })
        }));
    }
    plan.steps.extend(browsers.iter().flat_map(Download::steps));
    for kit in kits {
        let data = system.data.as_ref().ok_or(SetupError::NoHome)?;
        let [program, args @ ..] = kit.command(data);
        let title = format!("Install {} {}", kit.name(), kit.version());
        let (program, args) = (PathBuf::from(program), args.into());
        plan.steps.push(Step { title, lane: Lane::Peers, program, args, env: Vec::new() });
    }
    Ok(plan)
}

fn apt_steps(packages: &[&str], system: &System) -> Result<Vec<Step>, SetupError> {
    let names = packages.join(" ");
    let apt = system
        .apt
        .as_ref()
        .ok_or_else(|| SetupError::NoApt { system: system.name.clone(), packages: names.clone() })?;
    let sudo = match &system.sudo {
        _ if system.root => None,
        Some(sudo) => Some(sudo),
        None => {
            return Err(SetupError::NoRoot(format!("apt-get install --no-install-recommends {names}")));
        }
    };
    let step = |title: String, args: &[&str]| {
        let lane = Lane::Packages;
        let args = args.iter().map(|&arg| arg.to_owned());
        // Otherwise tshark asks who may capture; we capture nothing with it.
        let quiet = ("DEBIAN_FRONTEND", "noninteractive".to_owned());
        let Some(sudo) = sudo else {
            return Step { title, lane, program: apt.clone(), args: args.collect(), env: vec![quiet] };
        };
        let through = [format!("{}={}", quiet.0, quiet.1), apt.display().to_string()];
        let args = through.into_iter().chain(args).collect();
        Step { title, lane, program: sudo.clone(), args, env: Vec::new() }
    };
    let mut install = vec!["install", "--no-install-recommends", "--yes"];
    install.extend(packages);
    // The password is asked for while nothing else talks.
    let ask = sudo.map(|sudo| Step {
        title: "Ask for permission to install packages".to_owned(),
        lane: Lane::Rights,
        program: sudo.clone(),
        args: vec!["--validate".to_owned()],
        env: Vec::new(),
    });
    let both = [
        step("Refresh the lists of packages".to_owned(), &["update"]),
        step(format!("Install {names}"), &install),
    ];
    Ok(ask.into_iter().chain(both).collect())
}

fn cargo_step(name: &str, cargo: &Path, data: &Path) -> Step {
    Step {
        title: format!("Build {name} (about a minute)"),
        lane: Lane::Programs,
        program: cargo.to_owned(),
        args: ["install", name, "--locked", "--root", &data.display().to_string()].map(str::to_owned).into(),
        // A driver only translates a few requests: the optimiser's work would take longer than all that it saves.
        env: vec![("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0".to_owned())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn debian() -> System {
        System {
            name: "Debian GNU/Linux 12 (bookworm)".into(),
            root: true,
            apt: Some("/usr/bin/apt-get".into()),
            sudo: None,
            cargo: Some("/usr/bin/cargo".into()),
            data: Some("/home/u/.local/share/peerproof".into()),
        }
    }

    fn lines(plan: &Plan) -> Vec<String> {
        plan.steps.iter().map(Step::command_line).collect()
    }

    #[test]
    fn packages_come_in_one_step_and_geckodriver_is_built() {
        let plan =
            plan([Item::Chrome, Item::Geckodriver, Item::Libvpx, Item::Libopus], &[], &[], &[], &debian())
                .unwrap();
        assert_eq!(
            lines(&plan),
            [
                "DEBIAN_FRONTEND=noninteractive /usr/bin/apt-get update",
                "DEBIAN_FRONTEND=noninteractive /usr/bin/apt-get install --no-install-recommends --yes chromium \
                 libvpx-dev pkg-config libopus-dev",
                "CARGO_PROFILE_RELEASE_OPT_LEVEL=0 /usr/bin/cargo install geckodriver --locked --root \
                 /home/u/.local/share/peerproof",
            ]
        );
    }

    #[test]
    fn packages_and_programs_are_done_side_by_side() {
        let plan = plan([Item::Geckodriver, Item::Nft, Item::Ip], &[], &[], &[], &debian()).unwrap();
        let lanes: Vec<Lane> = plan.steps.iter().map(|step| step.lane).collect();
        assert_eq!(lanes, [Lane::Packages, Lane::Packages, Lane::Programs]);
        assert!(lines(&plan)[1].ends_with(" nftables iproute2"));
    }

    #[test]
    fn what_tests_need_comes_from_the_lock_files() {
        let plan = plan([], &[], &[], &[Kit::Grid], &debian()).unwrap();
        let last = plan.steps.last().unwrap();
        assert_eq!(last.lane, Lane::Peers);
        assert_eq!(
            last.command_line(),
            "npm ci --prefix /home/u/.local/share/peerproof/tests/grid --ignore-scripts --no-audit --no-fund"
        );
    }

    #[test]
    fn an_ordinary_user_goes_through_sudo() {
        let system = System { root: false, sudo: Some("/usr/bin/sudo".into()), ..debian() };
        let plan = plan([Item::Tshark], &[], &[], &[], &system).unwrap();
        assert_eq!(lines(&plan)[0], "/usr/bin/sudo --validate");
        assert_eq!(plan.steps[0].lane, Lane::Rights);
        assert_eq!(
            lines(&plan)[2],
            "/usr/bin/sudo DEBIAN_FRONTEND=noninteractive /usr/bin/apt-get install --no-install-recommends --yes tshark"
        );
    }

    #[test]
    fn what_is_lacking_is_named() {
        let no_sudo = System { root: false, ..debian() };
        assert!(matches!(plan([Item::Tshark], &[], &[], &[], &no_sudo), Err(SetupError::NoRoot(_))));
        let no_apt = System { apt: None, name: "Fedora".into(), ..debian() };
        let error = plan([Item::Tshark], &[], &[], &[], &no_apt).unwrap_err().to_string();
        assert_eq!(error, "this system (Fedora) has no apt-get; install these packages yourself: tshark");
        let no_cargo = System { cargo: None, ..debian() };
        assert!(matches!(plan([Item::Geckodriver], &[], &[], &[], &no_cargo), Err(SetupError::NoCargo)));
        let no_home = System { data: None, ..debian() };
        assert!(matches!(plan([Item::Geckodriver], &[], &[], &[], &no_home), Err(SetupError::NoHome)));
    }

    #[test]
    fn another_version_of_a_browser_comes_after_the_packages_that_it_needs() {
        let browser = Download {
            name: "firefox@140".into(),
            kind: crate::peers::browser::Kind::Firefox,
            version: "140.12.0esr-1".into(),
            files: vec![crate::versions::debian::File { name: "firefox-esr_140.deb".into(), size: 1 }],
            needs: vec!["libold7".into(), "tshark".into()],
            home: "/d".into(),
            apt_get: "/usr/bin/apt-get".into(),
            dpkg_deb: "/usr/bin/dpkg-deb".into(),
        };
        let planned = plan([Item::Tshark], &[], std::slice::from_ref(&browser), &[], &debian()).unwrap();
        let lines = lines(&planned);
        assert!(lines[1].ends_with("--yes tshark libold7"), "{lines:?}");
        assert_eq!(
            lines[2],
            "/usr/bin/env --chdir=/d/packages /usr/bin/apt-get download firefox-esr=140.12.0esr-1"
        );
        assert_eq!(lines[3], "/usr/bin/dpkg-deb -x /d/packages/firefox-esr_140.deb /d");
        let lanes: Vec<Lane> = planned.steps.iter().map(|step| step.lane).collect();
        assert_eq!(lanes, [Lane::Packages, Lane::Packages, Lane::Peers, Lane::Peers]);
        // Where nothing is missing the system's packages are left alone.
        let complete = Download { needs: Vec::new(), ..browser };
        let planned = plan([], &[], &[complete], &[], &debian()).unwrap();
        assert!(planned.steps.iter().all(|step| step.lane == Lane::Peers));
    }

    #[test]
    fn a_kernel_facility_cannot_be_installed() {
        let planned = plan([Item::Tun, Item::Interface], &[], &[], &[], &debian()).unwrap();
        assert_eq!(planned, Plan { steps: vec![], beyond: vec![Item::Tun, Item::Interface] });
        assert_eq!(plan([], &[], &[], &[], &debian()).unwrap(), Plan::default());
    }
}
