//! A report as one HTML file that needs nothing else: no script, no font, no address.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::document::{Answers, Block, Confusion, DataTable, Document, Figure, Section, Verdict};
use super::figures::dark_rules;

const STYLE: &str = include_str!("style.css");

/// The whole file. Every text is escaped; only drawings and the style sheet are taken as they are.
#[must_use]
pub fn html(document: &Document) -> String {
    let dark = format!("@media (prefers-color-scheme: dark){{{}}}", dark_rules());
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (document.title) }
                style { (PreEscaped(STYLE)) (PreEscaped(dark)) }
            }
            body {
                header {
                    h1 { (document.title) }
                    @if !document.summary.is_empty() {
                        ul.summary { @for sentence in &document.summary { li { (sentence) } } }
                    }
                    nav aria-label="Contents" {
                        @for section in &document.sections {
                            a href={ "#" (section.id) } { (section.title) } " "
                        }
                    }
                }
                main { @for section in &document.sections { (show_section(section)) } }
            }
        }
    };
    page.into_string()
}

fn show_section(section: &Section) -> Markup {
    html! {
        section id=(section.id) {
            h2 { (section.title) }
            p.explanation { (section.explanation) }
            @for block in &section.blocks { (show_block(block)) }
        }
    }
}

fn show_block(block: &Block) -> Markup {
    match block {
        Block::Text(text) => html! { p { (text) } },
        Block::Table(table) => show_table(table),
        Block::Details(table) => show_details(table),
        Block::Figures(figures) => html! {
            div.figures { @for figure in figures { (show_figure(figure)) } }
        },
        Block::Confusions(matrices) => html! {
            div.matrices { @for matrix in matrices { (show_confusion(matrix)) } }
        },
        Block::Answers(questions) => html! {
            @for question in questions { (show_answers(question)) }
        },
        Block::Code { caption, text } => html! {
            details { summary { (caption) } pre { code { (text) } } }
        },
    }
}

fn show_table(table: &DataTable) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(table.caption) {
            table {
                caption { (table.caption) }
                thead { tr { @for name in &table.header { th scope="col" { (name) } } } }
                tbody {
                    @for row in &table.rows {
                        tr {
                            @for (column, cell) in row.iter().enumerate() {
                                @if column == 0 { th scope="row" { (cell) } }
                                @else if is_number(cell) { td.number { (cell) } }
                                @else { td { (cell) } }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn is_number(cell: &str) -> bool {
    cell.starts_with(|c: char| c.is_ascii_digit() || "+-<".contains(c))
}

fn show_details(table: &DataTable) -> Markup {
    html! { details { summary { (table.caption) } (show_table(table)) } }
}

fn show_figure(figure: &Figure) -> Markup {
    // A reader that sees no drawing is told its title; the numbers follow as a table.
    let svg = figure
        .svg
        .replacen("<svg ", "<svg role=\"img\" aria-hidden=\"true\" ", 1);
    html! {
        figure id=(figure.name) {
            figcaption { (figure.title) }
            (PreEscaped(svg))
            (show_details(&figure.numbers))
        }
    }
}

fn show_confusion(matrix: &Confusion) -> Markup {
    html! {
        div.scroll tabindex="0" role="region" aria-label=(matrix.title) {
            table.confusion {
                caption { (matrix.title) }
                thead {
                    tr {
                        th scope="col" { "right label" }
                        @for label in &matrix.labels { th scope="col" { (label) } }
                        th scope="col" { "no answer" }
                    }
                }
                tbody {
                    @for (gold, counts) in matrix.counts.iter().enumerate() {
                        tr {
                            th scope="row" { (matrix.labels[gold]) }
                            @for (predicted, count) in counts.iter().enumerate() {
                                td.number.diagonal[gold == predicted] style={ "--share:" (share(*count, counts)) } { (count) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The share of a row, in whole percent.
fn share(count: usize, row: &[usize]) -> usize {
    (100 * count).checked_div(row.iter().sum()).unwrap_or(0)
}

fn show_answers(question: &Answers) -> Markup {
    html! {
        div.question {
            pre.prompt { (question.prompt) }
            p { "Right label: " strong { (question.gold) } }
            div.answers {
                @for (who, text, verdict) in &question.answers {
                    div.answer.right[*verdict == Verdict::Right].wrong[*verdict == Verdict::Wrong] {
                        h4 { (who) " " span.verdict { (verdict.word()) } }
                        pre { (text) }
                    }
                }
            }
        }
    }
}
