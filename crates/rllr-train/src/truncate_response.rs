//! Where a response ends: with its first stop token, which is kept.

/// Index of the first stop token; the length of the response when it holds none.
#[must_use]
pub fn first_stop(response: &[u32], stop_tokens: &[u32]) -> usize {
    let stop = response.iter().position(|token| stop_tokens.contains(token));
    stop.unwrap_or(response.len())
}

/// The response up to its first stop token, that token included; all of it when it holds none.
///
/// This is what is scored and trained on; what a sampler wrote after it is not part of the response.
#[must_use]
pub fn truncated<'a>(response: &'a [u32], stop_tokens: &[u32]) -> &'a [u32] {
    let len = (first_stop(response, stop_tokens) + 1).min(response.len());
    &response[..len]
}

/// [`truncated`], filled up to its former length.
///
/// Source: TRL 1.12 `truncate_response`; torchtune, with several stop tokens.
#[must_use]
pub fn truncate_response(response: &[u32], stop_tokens: &[u32], filler: u32) -> Vec<u32> {
    let mut row = truncated(response, stop_tokens).to_vec();
    row.resize(response.len(), filler);
    row
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// TRL's numbers.
    #[wasm_bindgen_test(unsupported = test)]
    fn ends_equal_trl() {
        assert_eq!(first_stop(&[7, 2, 2], &[2]), 1);
        assert_eq!(first_stop(&[7, 7, 7], &[2]), 3);
        assert_eq!(truncate_response(&[5, 2, 7, 2], &[2], 0), [5, 2, 0, 0]);
        assert_eq!(truncate_response(&[5, 6, 7, 8], &[2], 0), [5, 6, 7, 8]);
        assert_eq!(truncated(&[5, 2, 7, 2], &[2]), [5, 2]);
        assert_eq!(truncated(&[], &[2]), Vec::<u32>::new());
    }

    /// torchtune's table: the first of two stop tokens ends the response.
    #[wasm_bindgen_test(unsupported = test)]
    fn ends_equal_torchtune() {
        let table = [
            ([869, 30, 869], [869, 0, 0]),
            ([2, 30, 869], [2, 0, 0]),
            ([869, 30, 2], [869, 0, 0]),
            ([50, 30, 869], [50, 30, 869]),
            ([13, 30, 2], [13, 30, 2]),
            ([13, 30, 5], [13, 30, 5]),
            ([13, 2, 20], [13, 2, 0]),
            ([13, 2, 2], [13, 2, 0]),
            ([2, 2, 2], [2, 0, 0]),
        ];
        for (response, expected) in table {
            assert_eq!(truncate_response(&response, &[2, 869], 0), expected);
        }
    }
}
