//! What tables look like.

use wasm_bindgen_test::wasm_bindgen_test;

use crate::read::{
    Column, Columns, Delimiter, Header, Quoting, ReadOptions, column_words, fitting_tasks, recognise_table,
    table,
};
use crate::task::Tasks;

fn look(text: &str) -> (Delimiter, Quoting, Header, Columns) {
    let form = recognise_table(text.as_bytes()).form;
    (form.delimiter, form.quoting, form.header, form.columns)
}

const fn at(number: usize) -> Option<Column> {
    Some(Column::Index(number))
}

#[wasm_bindgen_test(unsupported = test)]
fn delimiters_quotes_and_headers_are_recognised() {
    let text_and_label = Columns {
        text: at(0),
        label: at(1),
        ..Columns::default()
    };
    let csv = "Review,Sentiment\n\"good, really\",positive\nbad,negative\n";
    assert_eq!(
        look(csv),
        (
            Delimiter::Comma,
            Quoting::Double,
            Header::FirstLine,
            text_and_label.clone()
        )
    );
    let tsv = "sentence\tlabel\na \"gem\t1\n\"dull\" it is\t0\n";
    assert_eq!(
        look(tsv),
        (
            Delimiter::Tab,
            Quoting::None,
            Header::FirstLine,
            text_and_label.clone()
        )
    );
    let semicolon = "text;label\nthis, that; x\nthese, those, both;y\n";
    assert_eq!(look(semicolon).0, Delimiter::Semicolon);
    // A quote that nothing closes: quotes are text here.
    let loose = "text,label\n\"good\" film,positive\n\"bad\" film,negative\n";
    assert_eq!(look(loose).1, Quoting::None);
    let no_header = "a fine film,positive\na dull film,negative\na good one,positive\n";
    assert_eq!(
        look(no_header),
        (
            Delimiter::Comma,
            Quoting::Double,
            Header::Absent,
            Columns::default()
        )
    );
    let unknown_names = "words,verdict\na fine film,positive\na dull one,negative\n";
    assert_eq!(look(unknown_names).2, Header::FirstLine);
}

#[wasm_bindgen_test(unsupported = test)]
fn pairs_go_before_single_texts_and_sure_names_before_others() {
    let pair = "pairID,gold_label,Sentence1,Sentence2,text\n1,neutral,a,b,c\n";
    let expected = Columns {
        id: at(0),
        text_a: at(2),
        text_b: at(3),
        label: at(1),
        ..Columns::default()
    };
    assert_eq!(look(pair).3, expected);
    assert_eq!(look("category,label,text\nx,positive,y\n").3.label, at(1));
    // Half a pair is no pair.
    assert_eq!(look("premise,text,label\nx,y,z\n").3.text, at(1));
}

#[wasm_bindgen_test(unsupported = test)]
fn what_is_no_table_has_one_column_and_no_fields() {
    for text in [
        "",
        "\n",
        "one line of prose",
        "{\"text\": 1}\n{\"text\": 2}\n",
        "\u{0}\u{1}",
    ] {
        let look = recognise_table(text.as_bytes());
        assert_eq!(look.form.columns.label, None, "{text:?}");
        assert_eq!(look.form.columns.text, None, "{text:?}");
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn words_of_a_column_tell_the_task() {
    let text = "text,label\na,positive\nb,negative\nc,positive\n";
    let look = recognise_table(text.as_bytes());
    let words = column_words(text.as_bytes(), &look.form, 1, 10).unwrap();
    assert_eq!(words, ["positive", "negative"]);
    assert_eq!(
        column_words(text.as_bytes(), &look.form, 1, 1),
        None,
        "more than one"
    );
    let tasks = Tasks::builtin();
    let names: Vec<&str> = fitting_tasks(&tasks, &look.form.columns, &words)
        .map(|task| task.name.as_str())
        .collect();
    assert!(
        names.contains(&"film_sentiment") && !names.contains(&"scene_nli"),
        "{names:?}"
    );

    // And the suggestion reads the file.
    let task = tasks.get("film_sentiment").unwrap();
    let (rows, _) = table(text.as_bytes(), task, look.form, ReadOptions::new("a.csv"))
        .read_all()
        .unwrap();
    assert_eq!(rows.len(), 3);
    assert_eq!(
        (rows[1].id.as_str(), rows[1].label.as_str()),
        ("film_sentiment-2", "negative")
    );
}
