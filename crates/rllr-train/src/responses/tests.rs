use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

fn responses() -> Responses {
    let prompts = vec![vec![5, 6, 7], vec![8]];
    Responses::new(prompts, vec![vec![1, 2], vec![3]], vec![true, false], 3).unwrap()
}

#[wasm_bindgen_test(unsupported = test)]
fn slots_are_predicted_by_the_columns_before_them() {
    let device = Device::flex();
    let batch = responses().to_device(&[1, 0], 2, 10, &device).unwrap();
    let tokens: Vec<i32> = batch.input.tokens.clone().into_data().iter().collect();
    // Prompts end together in column 2; the last token of a full row is not read.
    assert_eq!(tokens, [0, 0, 8, 3, 5, 6, 7, 1]);
    assert_eq!(
        batch.tokens.clone().into_data().iter::<i32>().collect::<Vec<_>>(),
        [3, 0, 1, 2]
    );
    assert_eq!(batch.predicting, 2..4);
}

#[wasm_bindgen_test(unsupported = test)]
fn bad_rows_are_named() {
    let new = |prompts: &[&[u32]], responses: &[&[u32]], ended: &[bool]| {
        let rows = |rows: &[&[u32]]| rows.iter().map(|row| row.to_vec()).collect();
        Responses::new(rows(prompts), rows(responses), ended.to_vec(), 2).unwrap_err()
    };
    assert_eq!(new(&[], &[], &[]), ResponsesError::Empty);
    let (prompts, responses, ended) = (1, 2, 1);
    let counts = ResponsesError::Counts {
        prompts,
        responses,
        ended,
    };
    assert_eq!(new(&[&[1]], &[&[1], &[2]], &[true]), counts);
    let row = 1;
    let rows: [&[u32]; 2] = [&[1], &[2]];
    assert_eq!(
        new(&[&[1], &[]], &rows, &[true; 2]),
        ResponsesError::EmptyPrompt { row }
    );
    assert_eq!(
        new(&rows, &[&[1], &[]], &[true; 2]),
        ResponsesError::EmptyResponse { row }
    );
    let error = new(&rows, &[&[1], &[1, 2, 3]], &[true; 2]);
    assert_eq!(error.to_string(), "response 1 has 3 tokens, expected at most 2");
}

/// Rows keep their numbers when they are taken and put together.
#[wasm_bindgen_test(unsupported = test)]
fn rows_keep_what_the_sampler_said() {
    let sampled = |log_probs, values| Sampled {
        temperature: 0.7,
        log_probs,
        values,
    };
    let log_probs = vec![vec![-1.0, -2.0], vec![-3.0]];
    let values = vec![vec![0.5, 0.25], vec![0.75]];
    let all = responses()
        .with_sampled(sampled(log_probs.clone(), Some(values)))
        .unwrap();
    let (first, last) = (all.select(&[0]), all.select(&[1]));
    assert_eq!(
        (first.prompts(), last.ended()),
        (&[vec![5, 6, 7]][..], &[false][..])
    );
    assert_eq!(first.clone().followed_by(last.clone()), all);
    assert_eq!(last.sampled().unwrap().log_probs, [[-3.0]]);
    assert_eq!(last.sampled().unwrap().values, Some(vec![vec![0.75]]));
    assert_eq!(responses().followed_by(last.clone()).sampled(), None);
    let without_values = sampled(vec![vec![-3.0]], None);
    let without_values = responses().select(&[1]).with_sampled(without_values).unwrap();
    let both = last.followed_by(without_values);
    assert_eq!(
        *both.sampled().unwrap(),
        sampled(vec![vec![-3.0], vec![-3.0]], None),
        "values of one half are no values"
    );
    let message = |log_probs, values| {
        let error = responses().with_sampled(sampled(log_probs, values));
        error.unwrap_err().to_string()
    };
    assert_eq!(
        message(vec![vec![-1.0], vec![-3.0]], None),
        "response 0 has 1 log-probabilities, expected one for each of 2 tokens"
    );
    assert_eq!(
        message(log_probs, Some(vec![vec![0.5, 0.25]])),
        "response 1 has 0 values, expected one for each of 1 tokens"
    );
}
