//! What must be read from, and written into, the text of a description.

/// The first attribute of this name.
pub fn attribute<'a>(sdp: &'a str, name: &str) -> Option<&'a str> {
    attributes(sdp, name).next()
}

/// The values of all attributes of this name.
pub fn attributes<'a>(sdp: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let start = format!("a={name}:");
    sdp.lines().filter_map(move |line| line.strip_prefix(start.as_str()).map(str::trim_end))
}

/// The media sections, each from its `m=` line on.
pub fn sections(sdp: &str) -> Vec<&str> {
    let starts: Vec<usize> = sdp.match_indices("\nm=").map(|(at, _)| at + 1).collect();
    let ends = starts.iter().skip(1).copied().chain([sdp.len()]);
    starts.iter().zip(ends).map(|(start, end)| &sdp[*start..end]).collect()
}

/// The section with this MID.
pub fn section<'a>(sdp: &'a str, mid: &str) -> Option<&'a str> {
    sections(sdp).into_iter().find(|section| attribute(section, "mid") == Some(mid))
}

/// Whether a section for data channels is there and not rejected.
pub fn has_data(sdp: &str) -> bool {
    sections(sdp)
        .iter()
        .any(|section| section.starts_with("m=application ") && !section.starts_with("m=application 0 "))
}

/// The description with these candidates in its first section, unless str0m has put them there already (as it does when
/// it knows them before it writes). `localDescription` holds what was gathered since, RFC 9429 §4.1.14.
pub fn with_candidates(sdp: &str, candidates: &[String]) -> String {
    if attribute(sdp, "candidate").is_some() {
        return sdp.to_owned();
    }
    let end = sdp.len() - sections(sdp).iter().skip(1).map(|section| section.len()).sum::<usize>();
    let lines: String = candidates.iter().map(|candidate| format!("a={candidate}\r\n")).collect();
    format!("{}{lines}{}", &sdp[..end], &sdp[end..])
}
