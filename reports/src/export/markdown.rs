//! A summary in Markdown, for a pull request or a job's page.

use super::{ExportError, Exporter, outcome, remark};
use crate::counted;
use crate::escape::markdown as escape;
use crate::findings::Grouped;
use crate::nats::{Meetings, NatTable};
use crate::overview::Overview;
use crate::run::RunReport;
use crate::time::span;
use peerproof_conformance::verdict::Layer;

/// GitHub-flavoured Markdown.
#[derive(Debug, Clone, Copy)]
pub struct Markdown;

impl Exporter for Markdown {
    fn serialize(&self, report: &RunReport) -> Result<Vec<u8>, ExportError> {
        let mut text = format!(
            "## {}: {} in {}\n\n",
            escape(&report.tool),
            counted(report.cases.len(), "case"),
            span(report.duration_us)
        );
        let counts: Vec<String> =
            report.counts.each().map(|(which, count)| format!("**{count}** {}", outcome(which))).collect();
        text.push_str(&counts.join(", "));
        text.push_str(match report.unexpected {
            0 => "; all as expected.\n",
            1 => "; **1 unexpected**.\n",
            _ => ";",
        });
        if report.unexpected > 1 {
            text.push_str(&format!(" **{} unexpected**.\n", report.unexpected));
        }
        if report.interrupted {
            text.push_str("\nThe run was interrupted: only these cases ran.\n");
        }
        let matrix = Overview::of(report);
        text.push_str("\n| family |");
        for pair in &matrix.pairs {
            text.push_str(&format!(" {} |", escape(pair)));
        }
        text.push_str("\n| --- |");
        text.push_str(&" --- |".repeat(matrix.pairs.len()));
        for (family, cells) in &matrix.rows {
            text.push_str(&format!("\n| {} |", escape(family)));
            for cell in cells {
                let counts: Vec<String> =
                    cell.counts.each().map(|(which, count)| format!("{count} {}", outcome(which))).collect();
                let mark = if cell.unexpected > 0 { " ⚠" } else { "" };
                text.push_str(&format!(" {}{mark} |", counts.join(", ")));
            }
        }
        text.push('\n');
        for (relay, title) in super::NAT_TABLES {
            nats(&mut text, title, &NatTable::of(report, relay));
        }
        let mut bad = report.cases.iter().filter(|case| !case.standing.is_good()).peekable();
        if bad.peek().is_some() {
            text.push_str("\n### Unexpected\n\n");
        }
        for case in bad {
            let mut place: Vec<&str> = vec![outcome(case.verdict.outcome)];
            place.extend(case.verdict.layer.map(Layer::as_str));
            place.extend(case.verdict.side.as_deref());
            let remark = remark(case.standing).filter(|remark| *remark != "unexpected");
            let remark = remark.map_or_else(String::new, |remark| format!(" ({remark})"));
            text.push_str(&format!(
                "- **{}**: {}{remark}. {}\n",
                escape(&case.name),
                escape(&place.join(", ")),
                escape(&case.verdict.sentence)
            ));
        }
        let words = report.requirements.words();
        if !words.is_empty() {
            text.push_str(&format!("\n### Requirements\n\n{words}.\n\n"));
        }
        for Grouped { breach, case, cases } in report.breaches() {
            let noun = if cases == 1 { "case" } else { "cases" };
            text.push_str(&format!(
                "- {}: **{}** ({}, {}), {} in {cases} {noun}, first {}: {}\n",
                breach.word(),
                escape(&breach.requirement),
                breach.level(),
                escape(&breach.source),
                escape(&breach.implementation),
                escape(case),
                escape(&breach.sentence)
            ));
        }
        Ok(text.into_bytes())
    }
}

fn nats(text: &mut String, title: &str, table: &NatTable) {
    if table.is_empty() {
        return;
    }
    text.push_str(&format!("\n### {title}\n\n| offerer / answerer |"));
    for column in &table.columns {
        text.push_str(&format!(" {} |", column.short()));
    }
    text.push_str("\n| --- |");
    text.push_str(&" --- |".repeat(table.columns.len()));
    for (row, cells) in &table.rows {
        text.push_str(&format!("\n| {} |", row.short()));
        for cell in cells {
            let words = cell.as_ref().map(Meetings::words).unwrap_or_default();
            let mark = if cell.as_ref().is_some_and(|cell| !cell.others.is_empty()) { " ⚠" } else { "" };
            text.push_str(&format!(" {}{mark} |", escape(&words)));
        }
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::report;

    #[test]
    fn the_summary_shows_the_matrix_and_what_nobody_expected() {
        insta::assert_snapshot!(String::from_utf8(Markdown.serialize(&report()).unwrap()).unwrap());
    }

    #[test]
    fn nothing_in_a_name_is_markup() {
        let mut report = report();
        report.cases[0].name = "a|b/<script>/x_y`".to_owned();
        report.cases[0].verdict.sentence = "[click](http://example.org)\n# Head".to_owned();
        let text = String::from_utf8(Markdown.serialize(&report).unwrap()).unwrap();
        assert!(
            !text.contains("<script>") && !text.contains("](http") && !text.contains("\n# Head"),
            "{text}"
        );
    }
}
