use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len(), "length of {found:?}");
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() < 2e-6, "{found:?}, expected {expected:?}");
    }
}

/// TRL 0.7.2's numbers for two batches; the moments take each in before they normalise it.
#[wasm_bindgen_test(unsupported = test)]
fn running_moments_equal_trl() {
    let mut normalization = ScoreNormalization::RunningMeanAndStd(RunningMoments::default());
    let first = normalization.normalize(&[1.5, -0.5, 2.0, 0.25]);
    assert_close(&first, &[0.601_293_4, -1.147_923_8, 1.038_597_7, -0.491_967_3]);
    let ScoreNormalization::RunningMeanAndStd(moments) = normalization else {
        panic!("normalising keeps the kind")
    };
    assert!((moments.mean - 0.812_5).abs() < 1e-9);
    assert!((moments.std() - 1.143_368_48).abs() < 1e-7);

    let second = normalization.normalize(&[1.0, 3.0]);
    assert_close(&second, &[-0.166_777_9, 1.434_289_7]);
    let ScoreNormalization::RunningMeanAndStd(moments) = normalization else {
        panic!("normalising keeps the kind")
    };
    assert!((moments.mean - 1.208_333_3).abs() < 1e-7);
    assert!((moments.std() - 1.249_166_4).abs() < 1e-7);
}

/// However a stream is cut into batches, its moments are those of the whole.
#[wasm_bindgen_test(unsupported = test)]
fn batches_do_not_matter() {
    let scores: Vec<f32> = (0..40).map(|i| (i as f32 * 1.7).sin() * 5.0 + 3.0).collect();
    let (mean, std) = mean_and_std(&scores);
    for batch in [1, 3, 7, 40] {
        let mut moments = RunningMoments::default();
        scores.chunks(batch).for_each(|scores| moments.update(scores));
        moments.update(&[]);
        assert!((moments.mean - mean).abs() < 1e-12, "batches of {batch}");
        assert!((moments.std() - std).abs() < 1e-12, "batches of {batch}");
        assert_eq!(moments.count, 40.0, "batches of {batch}");
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn the_first_score_alone_is_normalized_to_zero() {
    let mut moments = RunningMoments::default();
    moments.update(&[2.0]);
    assert_eq!(moments.std(), f64::INFINITY);
    assert_eq!((moments.normalize(2.0), moments.scale(2.0)), (0.0, 0.0));
}

/// By hand: 1, 2 and 3 have mean 2 and deviation 1, so 5 becomes 3.
#[wasm_bindgen_test(unsupported = test)]
fn reference_answers_fix_a_scale() {
    let scale = ReferenceScale::new(&[1.0, 2.0, 3.0]).unwrap();
    let mut normalization = ScoreNormalization::Reference(scale);
    assert_close(&normalization.normalize(&[2.0, 5.0]), &[0.0, 3.0]);
    for bad in [&[1.0f32][..], &[], &[2.0, 2.0], &[1.0, f32::INFINITY]] {
        let error = ReferenceScale::new(bad).unwrap_err();
        assert!(error.to_string().contains("expected at least 2"), "{error}");
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn scaling_keeps_the_mean_and_clipping_bounds() {
    let scores = [1.0, 3.0];
    let mut normalization = ScoreNormalization::RunningStd(RunningMoments::default());
    // The deviation of 1 and 3 is √2.
    assert_close(
        &normalization.normalize(&scores),
        &[0.5f32.sqrt(), 3.0 * 0.5f32.sqrt()],
    );
    assert_eq!(ScoreNormalization::None.normalize(&scores), scores);
    assert_eq!(clip_scores(&[-3.0, 0.5, 9.0], 1.2), [-1.2, 0.5, 1.2]);
}
