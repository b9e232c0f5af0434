//! The difference of two texts on the page.

#![allow(unreachable_pub, reason = "Leptos' component macro writes `pub` items")]

use leptos::prelude::*;

use super::{Change, Kind};
use crate::page::text;

/// Words with what was removed and added marked, for the eye and for screen readers.
#[component]
pub(in crate::page) fn Words(changes: Vec<Change>) -> impl IntoView {
    let stretch = |change: Change| match change.kind {
        Kind::Same => view! { <span>{change.text}</span> }.into_any(),
        Kind::Removed => {
            view! { <del><span class="heard">{text::REMOVED}</span>{change.text}</del> }.into_any()
        }
        Kind::Added => view! { <ins><span class="heard">{text::ADDED}</span>{change.text}</ins> }.into_any(),
    };
    changes
        .into_iter()
        .map(|change| view! { {stretch(change)} " " })
        .collect_view()
}
