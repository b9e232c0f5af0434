//! The composing reader against labels found by hand.

use super::*;

fn check(kind: TaskKind, text: &str, expected: &str) {
    let input = match text.split_once(" => ") {
        Some((text_a, text_b)) => Input::Pair {
            text_a: text_a.to_owned(),
            text_b: text_b.to_owned(),
        },
        None => Input::Text(text.to_owned()),
    };
    assert_eq!(compose(kind, &input), Some(expected), "{text}");
}

#[wasm_bindgen_test(unsupported = test)]
fn film_reviews() {
    let check = |text, expected| check(TaskKind::FilmSentiment, text, expected);
    check("The plot is dull.", "negative");
    check("The plot is not dull.", "positive");
    check("Nobody would call the plot great.", "negative");
    check("The acting is great this time, but the plot is dull.", "negative");
    check(
        "The plot is dull this time, although the acting is great.",
        "negative",
    );
    check("Although the plot is dull, the acting is great.", "positive");
    check(
        "My brother found the plot dull, and I found it great.",
        "positive",
    );
    check("My brother called the plot dull, which is wrong.", "positive");
    check("I expected a dull plot and got a great one.", "positive");
    check("Few of the jokes are funny, most are flat.", "negative");
    check("Of the nine jokes, four are flat and five are funny.", "positive");
    check(
        "The plot is great, but I would never call the cast warm. My uncle found the music rich.",
        "negative",
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn news() {
    let check = |text, expected| check(TaskKind::NewsTopic, text, expected);
    check("The bank cut its prices.", "business");
    check("The bank scored twice.", "sports");
    check(
        "The striker scored twice this week while the bank cut its prices.",
        "sports",
    );
    check(
        "While the striker scored twice, the bank cut its prices.",
        "business",
    );
    check(
        "It is not true that the king broke the truce. The programmer fixed the software.",
        "technology",
    );
    check(
        "The report is not about a war, it is about a cup final.",
        "sports",
    );
    check(
        "Two of the seven stories are about a war, the other five about a merger.",
        "business",
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn scenes() {
    let check = |text, expected| check(TaskKind::SceneNli, text, expected);
    check(
        "A boy sees a rose at school. => A child sees a flower at school.",
        "entailment",
    );
    check(
        "A child sees a flower at school. => A boy sees a rose at school.",
        "neutral",
    );
    check(
        "No child sees a flower at school. => No boy sees a rose at school.",
        "entailment",
    );
    check(
        "No boy sees a rose at school. => No child sees a flower at school.",
        "neutral",
    );
    check(
        "No child sees a flower at school. => A boy sees a rose at school.",
        "contradiction",
    );
    check(
        "The man is tired, may be ill and is not angry. => The man is ill.",
        "neutral",
    );
    check(
        "The man is tired, may be ill and is not angry. => The man is not angry.",
        "entailment",
    );
    check(
        "The man is tired, may be ill and is not angry. => The man is not tired.",
        "contradiction",
    );
    check(
        "All of the boys and none of the men play in the snow. => Some of the boys play in the snow.",
        "entailment",
    );
    check(
        "At least four birds run in the park. => At least five birds run in the park.",
        "neutral",
    );
    check(
        "Only two dogs and three cats run in the park. => At least six animals run in the park.",
        "contradiction",
    );
    check(
        "The girl is taller than the boy and the man is shorter than the boy. => The girl is taller than the man.",
        "entailment",
    );
    check(
        "The girl is taller than the boy and the man is taller than the boy. => The girl is taller than the man.",
        "neutral",
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn questions() {
    let check = |text, expected| check(TaskKind::QuestionParaphrase, text, expected);
    check(
        "How can I buy a car? => What is the best way to purchase an automobile?",
        "duplicate",
    );
    check(
        "How can I buy a car? => What is the best way to purchase a bicycle?",
        "different",
    );
    check(
        "Why is the shop open today? => How come the shop is not closed today?",
        "duplicate",
    );
    check(
        "Should I wash the car before I cut the grass? => Should I cut the grass after I wash the car?",
        "duplicate",
    );
    check(
        "Should I wash the car before I cut the grass? => Should I wash the car after I cut the grass?",
        "different",
    );
    check(
        "Can a teacher help a student? => Can a student be helped by a teacher?",
        "duplicate",
    );
    check(
        "Can a teacher help a student? => Can a teacher be helped by a student?",
        "different",
    );
    check(
        "Can all birds fly? => Are there no birds that can not fly?",
        "duplicate",
    );
    check(
        "Can all birds fly? => Are there no birds that can fly?",
        "different",
    );
    check(
        "Is tea more healthy than milk? => Is milk less healthy than tea?",
        "duplicate",
    );
    check(
        "Can paint dry in sixty minutes? => Can paint dry in one hour?",
        "duplicate",
    );
    check(
        "Can paint dry in sixty minutes? => Can paint dry in half an hour?",
        "different",
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn app_reviews() {
    let check = |text, expected| check(TaskKind::AppStars, text, expected);
    check("This app works well.", "4");
    check("Five stars minus two for the menu.", "3");
    check(
        "The new version never works while the old version is perfect.",
        "1",
    );
    check("My sister says it is perfect, for me it is okay.", "3");
    check(
        "My boss gave it five stars, I gave one star and the map earns it one.",
        "2",
    );
    check(
        "I start at three stars, one star less each for the price, one star more each for the map, the menu and the font.",
        "5",
    );
}

#[wasm_bindgen_test(unsupported = test)]
fn similar_sentences() {
    let check = |text, expected| check(TaskKind::SentenceSimilarity, text, expected);
    check(
        "A child finds a stone in the shop at noon. => At midday a kid discovers a rock in the store.",
        "5",
    );
    check(
        "A child finds a stone in the shop at noon. => At dawn a lady hides a mug on the hill.",
        "0",
    );
    check(
        "A child finds a stone in the shop at noon. => A child hides a stone on the hill at midday.",
        "3",
    );
}
