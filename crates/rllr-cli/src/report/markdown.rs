//! A report as Markdown, with its figures as files beside it.

use std::fmt::Write as _;

use super::document::{Answers, Block, Confusion, DataTable, Document, Figure};

/// The whole file. Figures are expected at `figures/NAME.svg`.
#[must_use]
pub fn markdown(document: &Document) -> String {
    let mut text = format!("# {}\n\n", inline(&document.title));
    for sentence in &document.summary {
        let _ = writeln!(text, "- {}", inline(sentence));
    }
    for section in &document.sections {
        let _ = write!(
            text,
            "\n## {}\n\n{}\n",
            inline(&section.title),
            inline(&section.explanation)
        );
        for block in &section.blocks {
            text.push('\n');
            push_block(&mut text, block);
        }
    }
    text
}

fn push_block(text: &mut String, block: &Block) {
    match block {
        Block::Text(paragraph) => {
            let _ = writeln!(text, "{}", inline(paragraph));
        }
        Block::Table(table) => push_table(text, table),
        Block::Details(table) => push_details(text, table),
        Block::Figures(figures) => figures.iter().for_each(|figure| push_figure(text, figure)),
        Block::Confusions(matrices) => matrices.iter().for_each(|matrix| push_confusion(text, matrix)),
        Block::Answers(questions) => questions.iter().for_each(|question| push_answers(text, question)),
        Block::Code { caption, text: code } => {
            let _ = writeln!(text, "{}:\n", inline(caption));
            push_code(text, code);
        }
    }
}

fn push_table(text: &mut String, table: &DataTable) {
    let _ = writeln!(text, "{}:\n", inline(&table.caption));
    push_rows(text, &table.header, &table.rows);
}

fn push_rows(text: &mut String, header: &[String], rows: &[Vec<String>]) {
    push_row(text, header);
    let _ = writeln!(text, "|{}", "---|".repeat(header.len()));
    for row in rows {
        push_row(text, row);
    }
    text.push('\n');
}

fn push_row(text: &mut String, cells: &[String]) {
    text.push('|');
    for cell in cells {
        let _ = write!(text, " {} |", inline(cell).replace('|', "\\|"));
    }
    text.push('\n');
}

fn push_details(text: &mut String, table: &DataTable) {
    let _ = writeln!(text, "<details><summary>{}</summary>\n", inline(&table.caption));
    push_rows(text, &table.header, &table.rows);
    text.push_str("</details>\n\n");
}

fn push_figure(text: &mut String, figure: &Figure) {
    let title = inline(&figure.title);
    let _ = writeln!(text, "**{title}**\n\n![{title}](figures/{}.svg)\n", figure.name);
    push_details(text, &figure.numbers);
}

fn push_confusion(text: &mut String, matrix: &Confusion) {
    let _ = writeln!(text, "{}:\n", inline(&matrix.title));
    let mut header = vec!["right label".to_owned()];
    header.extend(matrix.labels.iter().cloned());
    header.push("no answer".to_owned());
    let rows = matrix.labels.iter().zip(&matrix.counts).map(|(label, counts)| {
        let mut row = vec![label.clone()];
        row.extend(counts.iter().map(usize::to_string));
        row
    });
    push_rows(text, &header, &rows.collect::<Vec<_>>());
}

fn push_answers(text: &mut String, question: &Answers) {
    push_code(text, &question.prompt);
    let _ = writeln!(text, "Right label: **{}**\n", inline(&question.gold));
    for (who, answer, verdict) in &question.answers {
        let _ = writeln!(text, "{} ({}):\n", inline(who), verdict.word());
        push_code(text, answer);
    }
}

/// A fence that is longer than any run of backticks in the text.
fn push_code(text: &mut String, code: &str) {
    let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    let _ = writeln!(text, "{fence}text\n{}\n{fence}\n", code.trim_end());
}

/// A text on one line in which no character means anything to Markdown or HTML.
fn inline(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '&' => escaped.push_str("&amp;"),
            '\n' | '\r' => escaped.push(' '),
            '*' | '_' | '`' | '[' | ']' | '\\' | '#' => {
                escaped.push('\\');
                escaped.push(c);
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_stay_texts() {
        assert_eq!(inline("a_b <script> *x*\nnext"), "a\\_b &lt;script> \\*x\\* next");
        let mut text = String::new();
        push_code(&mut text, "```\ncode\n```");
        assert!(
            text.starts_with("````text\n") && text.ends_with("````\n\n"),
            "{text}"
        );
        let mut row = String::new();
        push_row(&mut row, &["a|b".to_owned()]);
        assert_eq!(row, "| a\\|b |\n");
    }
}
