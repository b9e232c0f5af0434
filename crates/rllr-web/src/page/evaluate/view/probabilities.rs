//! How probable each label is, as a small table with bars.

use leptos::prelude::*;

use crate::page::evaluate::text;

/// Labels with their probabilities. A `<meter>` is a bar that is read aloud and needs no style of its own.
#[component]
pub(in crate::page) fn Probabilities(
    labels: Vec<String>,
    probs: Vec<f64>,
    chosen: Option<String>,
) -> impl IntoView {
    let rows = labels.into_iter().zip(probs).map(move |(label, prob)| {
        let is_chosen = chosen.as_ref() == Some(&label);
        let words = text::percent(prob);
        view! {
            <tr class:chosen=is_chosen>
                <th scope="row">{label.clone()}</th>
                <td>
                    <meter min="0" max="1" value=prob.to_string() aria-label=label></meter>
                    " "
                    {words}
                </td>
            </tr>
        }
    });
    view! {
        <table class="probabilities" data-testid="probabilities">
            <caption>{text::PROBABILITIES}</caption>
            <thead>
                <tr>
                    {text::PROBABILITY_COLUMNS.map(|name| view! { <th scope="col">{name}</th> }).collect_view()}
                </tr>
            </thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
}
