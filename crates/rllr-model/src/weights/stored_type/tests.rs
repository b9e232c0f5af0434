use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

const TYPES: [StoredType; 3] = [StoredType::F32, StoredType::F16, StoredType::BF16];

fn dtype(stored_type: StoredType) -> Dtype {
    match stored_type {
        StoredType::F32 => Dtype::F32,
        StoredType::F16 => Dtype::F16,
        StoredType::BF16 => Dtype::BF16,
    }
}

fn round_trip(stored_type: StoredType, values: &[f32]) -> Vec<f32> {
    let bytes = stored_type.encode("x", values).unwrap();
    assert_eq!(bytes.len(), values.len() * stored_type.bytes());
    decode("x", dtype(stored_type), &bytes, Layout::AsStored).unwrap()
}

#[wasm_bindgen_test(unsupported = test)]
fn what_a_type_can_hold_comes_back_bit_for_bit() {
    let both = [
        0.0,
        -0.0,
        1.0,
        -1.5,
        0.09375,
        240.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
    ];
    for stored_type in TYPES {
        let bits = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
        assert_eq!(
            bits(&round_trip(stored_type, &both)),
            bits(&both),
            "{stored_type:?}"
        );
        assert!(
            round_trip(stored_type, &[f32::NAN])[0].is_nan(),
            "{stored_type:?}"
        );
    }
    // Ends of the ranges: largest, smallest normal, smallest subnormal.
    let f16_ends = [65_504.0, 6.103_515_6e-5, 5.960_464_5e-8];
    assert_eq!(round_trip(StoredType::F16, &f16_ends), f16_ends);
    let bf16_ends = [3.389_531_4e38, f32::MIN_POSITIVE, 9.183_55e-41];
    assert_eq!(round_trip(StoredType::BF16, &bf16_ends), bf16_ends);
}

/// By hand: F16 has steps of 2⁻¹⁰ above 1 and BF16 of 2⁻⁷; halfway goes to the even one, anything more goes up.
#[wasm_bindgen_test(unsupported = test)]
fn numbers_are_rounded_to_the_nearest_and_ties_to_even() {
    for (stored_type, step) in [(StoredType::F16, 1.0 / 1024.0), (StoredType::BF16, 1.0 / 128.0)] {
        let cases = [
            (1.0 + 0.5 * step, 1.0),
            (1.0 + 1.5 * step, 1.0 + 2.0 * step),
            (1.0 + 0.5 * step + 1e-6, 1.0 + step),
            (1.0 + 0.49 * step, 1.0),
            (-1.0 - 0.5 * step, -1.0),
            (-1.0 - 1.5 * step, -1.0 - 2.0 * step),
        ];
        for (value, expected) in cases {
            assert_eq!(
                round_trip(stored_type, &[value]),
                [expected],
                "{stored_type:?} of {value}"
            );
        }
    }
    // 2048 to 4096 goes in steps of 2; below the smallest subnormal: to it, or to zero at and under its half.
    assert_eq!(round_trip(StoredType::F16, &[2049.0, 2051.0]), [2048.0, 2052.0]);
    assert_eq!(
        round_trip(StoredType::F16, &[2.98e-8, 2.99e-8]),
        [0.0, 5.960_464_5e-8]
    );
}

/// The same by search: no stored number is nearer than the one that was chosen.
#[wasm_bindgen_test(unsupported = test)]
fn no_stored_number_is_nearer() {
    let all_f16: Vec<f64> = (0..=u16::MAX)
        .map(f16::from_bits)
        .filter(|x| x.is_finite())
        .map(f64::from)
        .collect();
    let all_bf16: Vec<f64> = (0..=u16::MAX)
        .map(bf16::from_bits)
        .filter(|x| x.is_finite())
        .map(f64::from)
        .collect();
    for value in [0.1f32, -0.3, 1234.567, 6e-6, -1e-7, 65_519.9, 3.3e-5] {
        for (stored_type, all) in [(StoredType::F16, &all_f16), (StoredType::BF16, &all_bf16)] {
            let chosen = f64::from(round_trip(stored_type, &[value])[0]);
            let distance = |x: f64| (x - f64::from(value)).abs();
            let nearest = all.iter().copied().map(distance).fold(f64::INFINITY, f64::min);
            assert_eq!(distance(chosen), nearest, "{stored_type:?} of {value}: {chosen}");
        }
    }
}

#[wasm_bindgen_test(unsupported = test)]
fn a_number_that_would_become_infinite_is_an_error() {
    // 65,520 is halfway between the largest F16 and what would be the next.
    assert_eq!(round_trip(StoredType::F16, &[65_519.9]), [65_504.0]);
    let message = StoredType::F16
        .encode("lm_head.weight", &[1.0, -65_520.0])
        .unwrap_err()
        .to_string();
    assert_eq!(
        message,
        "tensor lm_head.weight holds -6.552e4, which is too large for F16"
    );
    assert!(StoredType::BF16.encode("x", &[f32::MAX]).is_err());
    assert!(StoredType::F32.encode("x", &[f32::MAX]).is_ok());
}

#[wasm_bindgen_test(unsupported = test)]
fn f64_is_read_and_rounded_once() {
    let values: [f64; 3] = [0.1, -1e-300, 1.0 + 2f64.powi(-40)];
    let bytes: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
    let read = decode("x", Dtype::F64, &bytes, Layout::AsStored).unwrap();
    assert_eq!(read, [0.1f32, 0.0, 1.0]);
    let message = decode("x", Dtype::F64, &1e39f64.to_le_bytes(), Layout::AsStored).unwrap_err();
    assert_eq!(
        message.to_string(),
        "tensor x holds 1e39, which is too large for F32"
    );
    let infinite = decode("x", Dtype::F64, &f64::INFINITY.to_le_bytes(), Layout::AsStored).unwrap();
    assert_eq!(infinite, [f32::INFINITY]);
}

#[wasm_bindgen_test(unsupported = test)]
fn other_types_are_named() {
    let message = decode("x", Dtype::I64, &[0; 8], Layout::AsStored).unwrap_err();
    assert_eq!(
        message.to_string(),
        "tensor x has numbers of type I64, expected F32, F16, BF16 or F64"
    );
}

/// Against a plain loop, in sizes around the block of the transposition.
#[wasm_bindgen_test(unsupported = test)]
fn a_transposed_matrix_has_its_rows_as_columns() {
    for (rows, columns) in [(1, 1), (1, 7), (7, 1), (3, 5), (32, 33), (65, 31), (100, 2)] {
        let matrix: Vec<f32> = (0..rows * columns).map(|n| n as f32).collect();
        let mut expected = Vec::new();
        for column in 0..columns {
            for row in 0..rows {
                expected.push(matrix[row * columns + column]);
            }
        }
        let layout = Layout::Transposed { rows, columns };
        let bytes = StoredType::F32.encode("x", &matrix).unwrap();
        assert_eq!(
            decode("x", Dtype::F32, &bytes, layout).unwrap(),
            expected,
            "{rows} x {columns}"
        );
    }
}
