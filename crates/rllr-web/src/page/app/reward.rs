//! The panels that show what the reward models reward, on the run that is shown.

use leptos::prelude::*;

use crate::live::{Answers, Inspection};
use crate::page::reward::annotator::pairs;
use crate::page::store::Store;
use crate::page::text;

mod annotator;
mod answers;
mod margins;
mod matrix;
mod plane;

/// What the reward models say; the panels redraw when it changes, which is seldom.
type Inspected = Memo<Option<Inspection>>;

#[component]
pub(super) fn RewardPanels(store: Store) -> impl IntoView {
    let inspection = Memo::new(move |_| store.view(|view| view.inspection.clone()));
    let answers: Memo<Option<Answers>> = Memo::new(move |_| store.view(|view| view.answers.clone()));
    let panels = move || match inspection.get() {
        None => view! { <p class="note" data-testid="reward-none">{text::REWARD_NONE}</p> }.into_any(),
        Some(inspection) => view! {
            <matrix::MatrixPanel inspection=inspection.clone()/>
            <margins::Margins inspection=inspection.clone()/>
            <plane::Plane inspection=inspection.clone()/>
            <annotator::Annotator shown=pairs(&inspection.drawn).into_iter().cloned().collect()/>
        }
        .into_any(),
    };
    view! {
        <section aria-labelledby="reward-heading" data-testid="reward-panel">
            <h2 id="reward-heading">{text::REWARD_HEADING}</h2>
            {panels}
            <answers::BeforeAfter answers inspection/>
        </section>
    }
}
