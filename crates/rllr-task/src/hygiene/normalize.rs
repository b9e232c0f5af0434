//! The form in which texts are compared.

/// Lower-cased letters and digits of a text, in order; everything else is dropped.
///
/// Letters and digits are those of Unicode. A text without any becomes empty, and equals every other such text.
pub fn normalized(text: &str) -> String {
    text.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test(unsupported = test)]
    fn spacing_case_and_punctuation_do_not_count() {
        let check = |text, expected| assert_eq!(normalized(text), expected, "{text}");
        check("It's 5 o'clock !", "its5oclock");
        check("its 5 O'CLOCK", "its5oclock");
        check("Ärger — ПРИВЕТ", "ärgerпривет");
        check(":-)", "");
    }
}
