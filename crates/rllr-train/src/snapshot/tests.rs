use burn::nn::{Linear, LinearConfig};
use burn::tensor::Device;
use wasm_bindgen_test::wasm_bindgen_test;

use super::*;

mod resume_ppo;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Numbers {
    doubles: Vec<f64>,
    singles: Vec<f32>,
    whole: Vec<u64>,
    maybe: Option<f64>,
    nothing: Option<f64>,
}

/// Bit for bit: numbers that JSON's parser misreads, subnormal ones, zeros with a sign, infinities and NaN.
#[wasm_bindgen_test(unsupported = test)]
fn nasty_numbers_survive() {
    let mut doubles = vec![
        1e-24,
        0.1 + 0.2,
        1.0 / 3.0,
        f64::MIN_POSITIVE,
        f64::from_bits(1),
        f64::MAX,
        -0.0,
        0.0,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        8.533_333_333_333_333e-5,
        65_504.0,
        65_505.0,
        f64::EPSILON,
    ];
    // And many of every size.
    let mut bits = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..2_000 {
        bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        doubles.push(f64::from_bits(bits));
    }
    doubles.retain(|number| !number.is_nan() || number.to_bits() == f64::NAN.to_bits());
    let mut singles = vec![
        f32::MIN_POSITIVE,
        f32::from_bits(1),
        -0.0,
        f32::NAN,
        f32::INFINITY,
        1.0 / 3.0,
        1e-24,
    ];
    singles.extend((1..500u32).map(|n| f32::from_bits(n.wrapping_mul(2_654_435_761) & 0x7f7f_ffff)));
    let numbers = Numbers {
        doubles,
        singles,
        whole: vec![u64::MAX, 0, 1 << 53],
        maybe: Some(f64::NAN),
        nothing: None,
    };
    let snapshot = Snapshot::new(&numbers).expect("plain data");
    let empty = Weights::default().to_safetensors().expect("no tensors");
    let bytes = snapshot.state().expect("plain data");
    let restored = Restored::read(&empty, &empty, &bytes).expect("what was written");
    let found: Numbers = restored.state().expect("what was written");
    let bits = |numbers: &Numbers| -> (Vec<u64>, Vec<u32>) {
        let doubles = numbers.doubles.iter().map(|number| number.to_bits());
        (
            doubles.collect(),
            numbers.singles.iter().map(|number| number.to_bits()).collect(),
        )
    };
    assert_eq!(bits(&found), bits(&numbers));
    assert_eq!(found.whole, numbers.whole);
    assert!(found.maybe.is_some_and(f64::is_nan) && found.nothing.is_none());
}

fn layer() -> Linear {
    LinearConfig::new(2, 3).init(&Device::flex().autodiff())
}

fn restored(snapshot: &Snapshot) -> Restored {
    let bytes = |weights: DeviceWeights| {
        let weights = pollster::block_on(weights.read_all()).expect("the CPU can be read");
        weights.to_safetensors().expect("whole tensors")
    };
    let weights = bytes(snapshot.weights().expect("names differ"));
    let optimizer = bytes(snapshot.optimizer().expect("names differ"));
    Restored::read(&weights, &optimizer, &snapshot.state().expect("plain data")).expect("what was written")
}

#[wasm_bindgen_test(unsupported = test)]
fn a_module_that_does_not_fit_is_named() {
    let snapshot = Snapshot::new(&())
        .expect("plain data")
        .with_module("model", &layer());
    let wide = LinearConfig::new(2, 4).init(&Device::flex());
    let error = restored(&snapshot)
        .module("model", wide)
        .expect_err("another shape");
    assert_eq!(
        error.to_string(),
        "tensor model.weight has shape [2, 3], expected [2, 4]"
    );
    let error = restored(&snapshot)
        .module("critic", layer())
        .expect_err("another part");
    assert_eq!(
        error.to_string(),
        "tensor critic.weight is missing, expected one of shape [2, 3]"
    );
    let error = restored(&snapshot).finish().expect_err("nobody asked");
    assert!(error.to_string().contains("model.weight"), "{error}");
    assert!(restored(&snapshot).has("model") && !restored(&snapshot).has("mode"));
}

/// What is trained stays trained, what is frozen stays frozen, and the snapshot is not the module's later state.
#[wasm_bindgen_test(unsupported = test)]
fn a_snapshot_keeps_numbers_and_modules_keep_their_kind() {
    let trained = layer();
    let snapshot = Snapshot::new(&())
        .expect("plain data")
        .with_module("model", &trained);
    let frozen = LinearConfig::new(2, 3).init(&Device::flex());
    let mut saved = restored(&snapshot);
    let loaded = saved.module("model", layer()).expect("it fits");
    saved.finish().expect("all was read");
    let into_frozen = restored(&snapshot).module("model", frozen).expect("it fits");
    assert!(loaded.weight.is_require_grad() && loaded.weight.val().is_require_grad());
    assert!(!into_frozen.weight.val().is_autodiff());
    let numbers = |layer: &Linear| layer.weight.val().into_data().iter::<f32>().collect::<Vec<f32>>();
    assert_eq!(numbers(&loaded), numbers(&trained));
    assert_eq!(numbers(&into_frozen), numbers(&trained));
}
