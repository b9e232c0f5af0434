//! The plane of both scores, with lines of equal reward and a threshold that can be dragged.

use js_sys::{Function, Reflect};
use leptos::prelude::*;
use leptos::svg::Svg;
use wasm_bindgen::{JsCast as _, JsValue};

use crate::live::Inspection;
use crate::page::reward::plane::{Frame, PlanePoint, mixed_reward, points, right_above_wrong, shades};
use crate::page::{numbers, text};

/// Size of the drawing, in its own units.
const SIZE: [f64; 2] = [440.0, 300.0];
/// Lines of equal reward.
const LINES: usize = 7;

#[component]
pub(super) fn Plane(inspection: Inspection) -> impl IntoView {
    let all = points(&inspection.inputs);
    let frame = Frame::around(&all);
    let [from, to] = frame.x;
    let threshold = RwSignal::new(inspection.label_threshold.clamp(from, to));
    let labels = inspection.labels;
    let points = StoredValue::new(all);
    let result = move || {
        let threshold = threshold.get();
        points.with_value(|points| {
            let share = right_above_wrong(points, threshold);
            let share = share.map_or_else(|| text::NOTHING_YET.to_owned(), numbers::percent);
            text::plane_result(&numbers::signed(threshold), &share)
        })
    };
    let on_key = move |event: leptos::ev::KeyboardEvent| {
        if let Some(to) = frame.moved(threshold.get_untracked(), &event.key()) {
            event.prevent_default();
            threshold.set(to);
        }
    };
    view! {
        <section aria-labelledby="plane-heading" data-testid="plane-panel">
            <h3 id="plane-heading">{text::PLANE_HEADING}</h3>
            <p>{text::PLANE_INTRO}</p>
            <Drawing points frame threshold/>
            <label class="threshold">
                <b>{text::THRESHOLD}</b>
                <input
                    type="range"
                    data-testid="threshold"
                    min=from.to_string()
                    max=to.to_string()
                    step="any"
                    prop:value=move || threshold.get().to_string()
                    aria-valuetext=move || numbers::signed(threshold.get())
                    on:keydown=on_key
                    on:input:target=move |event| {
                        if let Ok(value) = event.target().value().parse() {
                            threshold.set(value);
                        }
                    }
                />
            </label>
            <p data-testid="plane-result" aria-live="polite">{result}</p>
            <p class="note">{text::PLANE_LEGEND}</p>
            <Table points labels threshold/>
        </section>
    }
}

/// A list of places as SVG reads it.
fn path(places: &[[f64; 2]]) -> String {
    let places: Vec<String> = places.iter().map(|[x, y]| format!("{x:.1},{y:.1}")).collect();
    places.join(" ")
}

#[component]
fn Drawing(points: StoredValue<Vec<PlanePoint>>, frame: Frame, threshold: RwSignal<f64>) -> impl IntoView {
    let drawing = NodeRef::<Svg>::new();
    let is_dragged = RwSignal::new(false);
    let drag = move |event: leptos::ev::PointerEvent| {
        let Some(element) = drawing.get_untracked() else {
            return;
        };
        if let Some([left, width]) = left_and_width(&element).filter(|[_, width]| *width > 0.0) {
            threshold.set(frame.label_score_at((f64::from(event.client_x()) - left) / width));
        }
    };
    let on_down = move |event: leptos::ev::PointerEvent| {
        is_dragged.set(true);
        drag(event);
    };
    let on_move = move |event: leptos::ev::PointerEvent| {
        if is_dragged.get_untracked() {
            drag(event);
        }
    };
    let kink = move || frame.place(threshold.get(), 0.0, SIZE)[0].to_string();
    let marks = move || {
        let threshold = threshold.get();
        points.with_value(|points| {
            let shades = shades(points, threshold);
            let both = points.iter().zip(shades);
            both.map(|(point, shade)| mark(*point, shade, frame))
                .collect_view()
        })
    };
    view! {
        <svg
            class="plane"
            viewBox=format!("0 0 {} {}", SIZE[0], SIZE[1])
            role="img"
            aria-label=text::PLANE_LEGEND
            data-testid="plane"
            node_ref=drawing
            on:pointerdown=on_down
            on:pointermove=on_move
            on:pointerup=move |_| is_dragged.set(false)
            on:pointerleave=move |_| is_dragged.set(false)
        >
            {move || equal_lines(frame, threshold.get())}
            <line class="kink" x1=kink x2=kink y1="0" y2=SIZE[1].to_string()/>
            <g class="marks">{marks}</g>
            <text x=(SIZE[0] - 6.0).to_string() y=(SIZE[1] - 6.0).to_string() text-anchor="end">
                {format!("{} →", text::PLANE_X)}
            </text>
            <text x="6" y="16">{format!("↑ {}", text::PLANE_Y)}</text>
        </svg>
    }
}

/// Lines along which all answers earn the same.
fn equal_lines(frame: Frame, threshold: f64) -> impl IntoView {
    let line = |reward: f64| {
        let line = frame.line(reward, threshold).into_iter();
        let places: Vec<_> = line.map(|[x, y]| frame.place(x, y, SIZE)).collect();
        view! { <polyline class="equal" points=path(&places)/> }
    };
    frame
        .rewards(threshold, LINES)
        .into_iter()
        .map(line)
        .collect_view()
}

/// Where an element begins and how wide it is, in CSS pixels. By name: the feature of web-sys that has it would compile the
/// GPU backend once more.
fn left_and_width(element: &JsValue) -> Option<[f64; 2]> {
    let get = |object: &JsValue, name: &str| Reflect::get(object, &name.into()).ok();
    let measure: Function = get(element, "getBoundingClientRect")?.dyn_into().ok()?;
    let bounds = measure.call0(element).ok()?;
    Some([get(&bounds, "left")?.as_f64()?, get(&bounds, "width")?.as_f64()?])
}

/// A circle for the right label, a cross for a wrong one: not by colour alone.
fn mark(point: PlanePoint, shade: usize, frame: Frame) -> impl IntoView {
    let [x, y] = frame.place(point.label_score, point.rationale_score, SIZE);
    let class = format!("reward-{shade}");
    if point.is_right {
        view! { <circle class=class cx=format!("{x:.1}") cy=format!("{y:.1}") r="5"/> }.into_any()
    } else {
        let shape = format!("M{:.1} {:.1}l8 8m0 -8l-8 8", x - 4.0, y - 4.0);
        view! { <path class=class d=shape/> }.into_any()
    }
}

#[component]
fn Table(
    points: StoredValue<Vec<PlanePoint>>,
    labels: Vec<String>,
    threshold: RwSignal<f64>,
) -> impl IntoView {
    let is_open = RwSignal::new(false);
    let opened = move |event: leptos::ev::Event| {
        is_open.set(event_target::<web_sys::HtmlDetailsElement>(&event).open())
    };
    let rows = move || {
        is_open.get().then(|| {
            let threshold = threshold.get();
            let row = |point: &PlanePoint| {
                let label = labels[point.label].clone();
                view! {
                    <tr>
                        <th scope="row">{labels[point.rationale].clone()}</th>
                        <td>{label} {point.is_right.then_some(text::GOLD_MARK)}</td>
                        <td>{numbers::signed(point.label_score)}</td>
                        <td>{numbers::signed(point.rationale_score)}</td>
                        <td>{numbers::signed(mixed_reward(point, threshold))}</td>
                    </tr>
                }
            };
            points.with_value(|points| points.iter().map(row).collect_view())
        })
    };
    view! {
        <details data-testid="plane-table" on:toggle=opened>
            <summary>{text::PLANE_TABLE}</summary>
            <div class="scroll">
                <table>
                    <thead>
                        <tr>{text::PLANE_COLUMNS.map(|name| view! { <th scope="col">{name}</th> }).collect_view()}</tr>
                    </thead>
                    <tbody>{rows}</tbody>
                </table>
            </div>
        </details>
    }
}
