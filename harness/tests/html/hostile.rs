//! Names and texts that would be markup, or would steer a terminal, are text on every page.

use super::*;
use crate::poison::poisoned;

/// What would do harm as markup, and a character that turns the order of others, in a form that may stand in JSON and in the name of a file.
const HOSTILE: &str = "<img src=x onerror=document.title=1><!--&lt;'\u{202e}";

/// A run of the stack with itself whose recordings, when they are there, call everybody and everything by that name.
fn hostile_run(folder: &Path) -> PathBuf {
    let run = folder.join("run");
    let output = run.to_str().unwrap();
    let played = Command::new(PEERPROOF)
        .args([
            "run",
            "data/echo/",
            "controls/no-fingerprint",
            "--peers",
            "stack",
            "--virtual",
            "--output",
            output,
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(played.status.success(), "{}", String::from_utf8_lossy(&played.stderr));
    let name = serde_json::to_string(HOSTILE).unwrap();
    let name = name.trim_matches('"');
    let mut folders = vec![run.clone()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == "json" || it == "jsonl") {
                let text = fs::read_to_string(&path).unwrap();
                let peers = text.replace("alice", name).replace("chat", name);
                let titles = peers.replace("\"title\": \"", &format!("\"title\": \"{name}"));
                // Of addresses only those of the documents become links.
                let sentence = format!(
                    "\"sentence\": \"{name} https://www.w3.org.evil.example/x javascript:x RFC 8445 §7.2.2: "
                );
                fs::write(&path, titles.replace("\"sentence\": \"", &sentence)).unwrap();
            }
        }
    }
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_are_text_on_the_page_of_a_run_and_of_its_cases() {
    let folder = tempfile::tempdir().unwrap();
    let run = hostile_run(folder.path());
    peerproof(&["report", run.to_str().unwrap()]);
    let pages = [
        run.join("cases/data/echo/stack-stack/page.html"),
        run.join("cases/controls/no-fingerprint/stack-stack/page.html"),
    ];
    for kind in browsers() {
        let browser = Browser::open(kind).await;
        for page in &pages {
            browser.goto(page, "").await;
            let tabs = browser.count("#tabs [role=tab]").await;
            for tab in 0..tabs {
                browser.ask(&format!("document.querySelectorAll('#tabs [role=tab]')[{tab}].click()")).await;
            }
            assert_eq!(browser.count("img").await, 0);
            let shown =
                browser.ask("document.body.innerText.includes('<img src=x onerror=document.title=1>')").await;
            assert_eq!(shown, true, "{kind}: the name is shown");
            let hosts = "[...new Set([...document.querySelectorAll('a')].map((it) => new URL(it.href.baseVal ?? it.href, location)).map((it) => it.protocol + it.host))].sort()";
            let hosts = browser.ask(hosts).await;
            let known = ["file:", "https:www.rfc-editor.org", "https:www.w3.org"];
            let all = hosts.as_array().unwrap();
            assert!(all.iter().all(|host| known.contains(&host.as_str().unwrap_or_default())), "{hosts}");
            let cited =
                browser.count("#top a[href='https://www.rfc-editor.org/rfc/rfc8445#section-7.2.2']").await;
            assert!(cited > 0, "{kind}: a section in the verdict is a link");
            let hidden = browser.ask("/\\u202e/.test(document.body.innerText + document.title)").await;
            assert_eq!(hidden, false, "{kind}: a hidden character");
            assert_ne!(browser.client.title().await.unwrap(), "1");
        }
        let index = run.join("index.html");
        browser.goto(&index, "").await;
        assert_eq!(browser.count("img").await, 0);
        let cases = browser.count(".case").await;
        assert!(cases >= 2, "{cases}");

        // A case opens, leads to its page, and stands in the URL.
        browser.find(".case[data-case='data/echo/stack-stack'] > button").await.click().await.unwrap();
        browser.find(".case .body").await;
        let link = browser.ask("document.querySelector('.case .open').getAttribute('href')").await;
        assert_eq!(link, "./cases/data/echo/stack-stack/page.html");
        browser.until("location.hash === '#case=data/echo/stack-stack'").await;

        // Filters stand in the URL, and a page that is opened with them has them.
        browser.find("#search").await.send_keys("fingerprint").await.unwrap();
        browser.until("location.hash.includes('q=fingerprint')").await;
        let found = browser.count(".case").await;
        assert!(found > 0 && found < cases, "{found} of {cases}");
        browser.goto(&index, "#family=data&verdict=pass").await;
        let names = browser.ask("[...document.querySelectorAll('.case')].map((it) => it.dataset.case)").await;
        let names = names.as_array().unwrap();
        assert!(!names.is_empty() && names.iter().all(|name| name.as_str().unwrap().starts_with("data/")));
        browser.goto(&index, "#unexpected=1").await;
        assert_eq!(browser.count(".case").await, 0, "nothing was unexpected");
        browser.close().await;
    }
}

/// A pcapng block (draft-ietf-opsawg-pcapng §3.1).
fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let padded = body.len().div_ceil(4) * 4;
    let length = u32::try_from(padded + 12).unwrap().to_le_bytes();
    let mut block = [kind.to_le_bytes().as_slice(), &length, body].concat();
    block.resize(padded + 8, 0);
    [block.as_slice(), &length].concat()
}

/// An attribute or an option: type, length, value, padding.
fn attribute(kind: [u8; 2], length: [u8; 2], value: &[u8]) -> Vec<u8> {
    let mut all = [kind.as_slice(), &length, value].concat();
    all.resize(all.len().div_ceil(4) * 4, 0);
    all
}

/// A capture whose interface, USERNAME and SOFTWARE (RFC 8489 §14.3, §14.14) have that name.
fn hostile_capture(name: &str) -> Vec<u8> {
    let length = u16::try_from(name.len()).unwrap();
    let stun = |kind: u16| attribute(kind.to_be_bytes(), length.to_be_bytes(), name.as_bytes());
    let attributes = [stun(0x0006), stun(0x8022)].concat();
    let mut message = [0, 1].to_vec();
    message.extend(u16::try_from(attributes.len()).unwrap().to_be_bytes());
    message.extend([0x21, 0x12, 0xa4, 0x42]);
    message.extend([7; 12]);
    message.extend(attributes);
    let udp = u16::try_from(message.len() + 8).unwrap().to_be_bytes();
    let ip = u16::try_from(message.len() + 28).unwrap().to_be_bytes();
    let mut packet = vec![0x45, 0, ip[0], ip[1], 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
    packet.extend([0x13, 0x88, 0x13, 0x89, udp[0], udp[1], 0, 0]);
    packet.extend(message);
    let section = [0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255];
    let named = attribute([2, 0], length.to_le_bytes(), name.as_bytes());
    let interface = [&[101, 0, 0, 0, 0, 0, 0, 0][..], &named[..], &[0; 4][..]];
    let size = u32::try_from(packet.len()).unwrap().to_le_bytes();
    let frame = [&[0; 12][..], &size[..], &size[..], &packet[..]].concat();
    [block(0x0a0d_0d0a, &section), block(1, &interface.concat()), block(6, &frame)].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_names_in_a_capture_are_text_on_its_page() {
    let folder = tempfile::tempdir().unwrap();
    // No `/` may stand in the name of a file.
    let capture = folder.path().join(format!("{HOSTILE}.pcapng"));
    fs::write(&capture, hostile_capture(HOSTILE)).unwrap();
    let offer = folder.path().join(format!("{HOSTILE}.sdp"));
    let text = fs::read_to_string(root().join(format!("{CALL}.offer.sdp"))).unwrap();
    fs::write(&offer, text.replace("s=-", &format!("s={HOSTILE}"))).unwrap();
    let page = folder.path().join("page.html");
    let [capture, offer, page_] = [&capture, &offer, &page].map(|path| path.to_str().unwrap());
    peerproof(&["inspect", capture, "--sdp", offer, "--html", page_]);
    for kind in browsers() {
        let browser = Browser::open(kind).await;
        browser.goto(&page, "#frame-1").await;
        browser.find("#frame .tree .leaf").await;
        let tabs = browser.count("#tabs [role=tab]").await;
        for tab in 0..tabs {
            browser.ask(&format!("document.querySelectorAll('#tabs [role=tab]')[{tab}].click()")).await;
        }
        assert_eq!(browser.count("img").await, 0);
        let shown = browser.ask(
            "document.documentElement.textContent.split('<img src=x onerror=document.title=1>').length - 1",
        );
        assert!(shown.await.as_u64() > Some(3), "{kind}: title, interface, attributes, description");
        let hidden = browser.ask("/\\u202e/.test(document.body.innerText + document.title)").await;
        assert_eq!(hidden, false, "{kind}: a hidden character");
        assert_ne!(browser.client.title().await.unwrap(), "1");
        browser.close().await;
    }
}

/// Is part of every text that follows: an element that runs a script, an escape of terminals, and a character that turns the text round.
const INJECTED: &str = "<img src=x onerror=document.title=1>\u{1b}[2J\u{202e}";

/// A case of the stack with itself in whose recording every text that the formats allow is hostile: versions, candidates, descriptions, the
/// words of steps, labels, messages, the names and values of statistics, and the recorded snapshot.
fn poisoned_case(folder: &Path) -> PathBuf {
    let run = folder.join("poisoned");
    let output = run.to_str().unwrap();
    peerproof(&["run", "data/echo/", "--peers", "stack", "--virtual", "--pages", "none", "--output", output]);
    let case = run.join("cases/data/echo/stack-stack");
    let mut json: Value = serde_json::from_slice(&fs::read(case.join("case.json")).unwrap()).unwrap();
    let count = poisoned(&mut json, INJECTED, &|json| CaseFile::read(json.to_string().as_bytes()).is_ok());
    assert!(count > 20, "{count} texts of case.json");
    fs::write(case.join("case.json"), json.to_string()).unwrap();
    let timeline = fs::read_to_string(case.join("timeline.jsonl")).unwrap();
    let mut count = 0;
    let lines = timeline.lines().map(|line| {
        let mut entry: Value = serde_json::from_str(line).unwrap();
        count +=
            poisoned(&mut entry, INJECTED, &|entry| serde_json::from_value::<Entry>(entry.clone()).is_ok());
        entry.to_string() + "\n"
    });
    let lines: String = lines.collect();
    assert!(count > 200, "{count} texts of the timeline");
    fs::write(case.join("timeline.jsonl"), lines).unwrap();
    let snapshot =
        fs::read_to_string(root().join("scenarios/data/snapshots/echo__stack-stack.snap")).unwrap();
    let (header, body) = snapshot.split_once("\n---\n").unwrap();
    let body: String =
        body.lines().map(|line| format!("{line}{INJECTED}\n").replace("]<img", "]\n  <img")).collect();
    fs::write(case.join("snapshot.snap"), format!("{header}\n---\n{body}")).unwrap();
    case
}

/// Adds [`INJECTED`] to the texts of JSON that somebody else wrote, and to the names of members that `is_name` knows. What `keep` names stays.
fn injected(value: &Value, keep: &[&str], is_name: fn(&str) -> bool) -> Value {
    match value {
        Value::String(text) => format!("{text}{INJECTED}").into(),
        Value::Array(list) => list.iter().map(|it| injected(it, keep, is_name)).collect(),
        Value::Object(members) => {
            let members = members.iter().map(|(name, member)| {
                let member = if keep.contains(&name.as_str()) {
                    member.clone()
                } else {
                    injected(member, keep, is_name)
                };
                (if is_name(name) { format!("{INJECTED}{name}") } else { name.clone() }, member)
            });
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}

/// A dump of a browser, all texts and names of statistics of which are hostile.
fn poisoned_dump(folder: &Path, name: &str) -> PathBuf {
    const KEPT: [&str; 7] = ["values", "time", "startTime", "endTime", "type", "statsType", "timestamp"];
    let dump = unpacked(&root().join(format!("harness/tests/dumps/{name}.json.gz")));
    let path = folder.join(format!("{name}.json"));
    fs::write(&path, injected(&dump, &KEPT, |name| name.contains('-')).to_string()).unwrap();
    path
}

/// The page of a comparison with a run whose versions, cases, facts and values are hostile.
fn poisoned_comparison(folder: &Path) -> PathBuf {
    let [run, one, other, page] =
        ["run", "one.json", "other.json", "changes.html"].map(|name| folder.join(name).display().to_string());
    peerproof(&[
        "run",
        "data/echo/",
        "data/many",
        "--peers",
        "stack",
        "--virtual",
        "--pages",
        "none",
        "--output",
        &run,
    ]);
    peerproof(&["archive", &run, "--output", &one]);
    let mut archive: Value = serde_json::from_slice(&fs::read(&one).unwrap()).unwrap();
    const KEPT: [&str; 4] = ["outcome", "layer", "implementation", "tool"];
    fs::write(&other, injected(&archive, &KEPT, |name| name.contains(' ')).to_string()).unwrap();
    // Both have the same cases, of which one ended otherwise.
    for case in archive["cases"].as_array_mut().unwrap() {
        case["case"] = format!("{}{INJECTED}", case["case"].as_str().unwrap()).into();
        case["verdict"]["outcome"] = "fail".into();
        case["verdict"]["side"] = INJECTED.into();
        for peer in case["peers"].as_array_mut().unwrap() {
            let facts = peer["facts"].as_object_mut().unwrap();
            *facts = std::mem::take(facts)
                .into_iter()
                .map(|(name, it)| (if name.contains(' ') { format!("{INJECTED}{name}") } else { name }, it))
                .collect();
        }
    }
    fs::write(&one, archive.to_string()).unwrap();
    let output = Command::new(PEERPROOF).args(["diff", &one, &other, "--html", &page]).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    page.into()
}

/// Nothing of the hostile texts became an element, ran or turned text round, in any view; and they are shown.
async fn shows_text_alone(browser: &Browser, page: &Path) -> Vec<String> {
    let mut showing = Vec::new();
    let tabs = browser.count("#tabs [role=tab]").await;
    for tab in 0..tabs.max(1) {
        let name = format!("(document.querySelectorAll('#tabs [role=tab]')[{tab}]?.id ?? 'page')");
        if tabs > 0 {
            browser.ask(&format!("document.querySelectorAll('#tabs [role=tab]')[{tab}].click()")).await;
        }
        let (kind, name) = (browser.kind, browser.ask(&name).await);
        let name = name.as_str().unwrap().trim_start_matches("tab-").to_owned();
        assert_eq!(browser.count("img").await, 0, "{kind}: {name} of {}", page.display());
        let hidden = browser.ask("/[\\u202e\\u001b]/.test(document.body.innerText + document.title)").await;
        assert_eq!(hidden, false, "{kind}: {name} of {}", page.display());
        let panel = if tabs > 0 {
            format!("document.getElementById('panel-{name}')")
        } else {
            "document.body".into()
        };
        if browser.ask(&format!("{panel}.textContent.includes('<img src=x onerror=document.title=1>')")).await
            == true
        {
            showing.push(name);
        }
    }
    assert_ne!(browser.client.title().await.unwrap(), "1");
    showing
}

#[tokio::test(flavor = "multi_thread")]
async fn every_text_of_a_page_is_text() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let case = poisoned_case(folder);
    let page_of = |given: &Path, name: &str| {
        let page = folder.join(name);
        peerproof(&["inspect", given.to_str().unwrap(), "--html", page.to_str().unwrap()]);
        page
    };
    let recorded = page_of(&case, "case.html");
    let dumps = ["ok", "aboutwebrtc-ok", "nodtls"]
        .map(|name| page_of(&poisoned_dump(folder, name), &format!("{name}.html")));
    let changes = poisoned_comparison(folder);
    for kind in browsers() {
        let browser = Browser::open(kind).await;
        browser.goto(&recorded, "").await;
        let showing = shows_text_alone(&browser, &recorded).await;
        for view in
            ["timeline", "descriptions", "snapshot", "channels", "statistics", "transport", "findings"]
        {
            assert!(showing.iter().any(|it| it == view), "{kind}: {view} is not among {showing:?}");
        }
        for page in &dumps {
            browser.goto(page, "").await;
            let showing = shows_text_alone(&browser, page).await;
            // A page of about:webrtc, whose parts have no times, quotes none of its texts.
            let is_quiet = page.ends_with("aboutwebrtc-ok.html");
            assert_eq!(showing.is_empty(), is_quiet, "{kind}: {showing:?} of {}", page.display());
        }
        // It has no scripts.
        browser.client.goto(&format!("file://{}", changes.display())).await.unwrap();
        browser.find("main table").await;
        assert_eq!(shows_text_alone(&browser, &changes).await, ["page"]);
        browser.goto(&recorded, "").await;
        browser.close().await;
    }
}
