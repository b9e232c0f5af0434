//! The stages of a run with their progress.

use leptos::prelude::*;

use crate::live::StageName;
use crate::page::store::Store;
use crate::page::text;

#[component]
pub(super) fn Rail(store: Store) -> impl IntoView {
    view! {
        <ol class="rail" aria-label=text::RAIL_LABEL data-testid="rail">
            {StageName::ALL.map(|stage| view! { <Stage store stage/> }).collect_view()}
        </ol>
    }
}

#[component]
fn Stage(store: Store, stage: StageName) -> impl IntoView {
    let progress = Memo::new(move |_| store.view(|view| view.progress(stage)));
    let is_current = Memo::new(move |_| store.view(|view| view.current == Some(stage) && !view.is_whole()));
    let shown = move || {
        let (done, total) = progress.get();
        text::stage_progress(done, total)
    };
    view! {
        <li class:current=move || is_current.get() aria-current=move || is_current.get().then_some("step")>
            <b>{text::stage(stage)}</b>
            <span class="note">{text::stage_explained(stage)}</span>
            <progress
                max=move || progress.get().1.max(1).to_string()
                value=move || progress.get().0.to_string()
                aria-label=text::stage(stage)
            ></progress>
            <span class="note" data-testid=format!("progress-{}", stage.name())>{shown}</span>
        </li>
    }
}
