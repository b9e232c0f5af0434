//! The golden cases of `math/`: inputs and outputs of one function each, with the name of the reference in the file.

#![allow(
    clippy::cast_possible_truncation,
    reason = "the files hold f32 numbers and small integers"
)]

use anyhow::{Context as _, bail, ensure};
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde_json::Value;

use crate::golden::directory;

/// One call of a reference function.
pub struct MathCase {
    /// Its name in the file.
    pub name: String,
    /// What the function was given.
    pub inputs: Fields,
    /// What it returned; without fields when it raised.
    pub outputs: Fields,
    /// The name of what it raised instead.
    pub error: Option<String>,
    /// Consecutive calls, in files about something that remembers.
    pub steps: Vec<Fields>,
}

/// Named numbers, arrays and words.
pub struct Fields {
    /// Where they stand, for messages.
    place: String,
    value: Value,
}

/// Numbers of any rank, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// All numbers. Those of `f32` arrays are exact when rounded to `f32`.
    pub data: Vec<f64>,
}

/// How far a number may be from the reference: `absolute + relative · |reference|`.
#[derive(Clone, Copy, Debug)]
pub struct Within {
    /// In units of the number.
    pub absolute: f64,
    /// As a share of the reference.
    pub relative: f64,
}

impl Within {
    /// For `f32` arithmetic in another order. The references are that far from their own `f64` form.
    pub const F32: Self = Self {
        absolute: 1e-5,
        relative: 1e-5,
    };
    /// For `f64` arithmetic.
    pub const F64: Self = Self {
        absolute: 1e-12,
        relative: 1e-12,
    };
    /// For integers, flags and masks.
    pub const EXACT: Self = Self {
        absolute: 0.0,
        relative: 0.0,
    };
}

/// Every case of one function, from the golden directory.
///
/// # Errors
///
/// When the file is missing, is not in the format, or holds no case.
pub fn math_cases(function: &str) -> anyhow::Result<Vec<MathCase>> {
    let path = directory().join("math").join(format!("{function}.json"));
    let text = std::fs::read_to_string(&path).with_context(|| format!("golden file {}", path.display()))?;
    let cases = parse_cases(&text).with_context(|| format!("golden file {}", path.display()))?;
    println!("{} cases of {function}", cases.len());
    Ok(cases)
}

/// The cases in the text of a golden file.
///
/// # Errors
///
/// When the text is not in the format or holds no case.
pub fn parse_cases(text: &str) -> anyhow::Result<Vec<MathCase>> {
    let mut file: Value = serde_json::from_str(text)?;
    let Value::Array(cases) = file["cases"].take() else {
        bail!("no list of cases")
    };
    ensure!(!cases.is_empty(), "no case");
    cases.into_iter().map(parse_case).collect()
}

fn parse_case(mut case: Value) -> anyhow::Result<MathCase> {
    let name = case["name"].as_str().context("a case without a name")?.to_owned();
    let mut fields = |key: &str| Fields {
        place: format!("{name}, {key}"),
        value: case[key].take(),
    };
    let (inputs, outputs) = (fields("inputs"), fields("outputs"));
    let steps = match fields("steps").value {
        Value::Array(steps) => steps,
        _ => Vec::new(),
    };
    let number = |(step, value)| Fields {
        place: format!("{name}, step {step}"),
        value,
    };
    let steps: Vec<_> = steps.into_iter().enumerate().map(number).collect();
    let error = case["error"].as_str().map(str::to_owned);
    let kinds = [outputs.value.is_object(), error.is_some(), !steps.is_empty()];
    ensure!(
        kinds.iter().filter(|&&kind| kind).count() == 1,
        "{name}: a case has either outputs, an error or steps"
    );
    Ok(MathCase {
        name,
        inputs,
        outputs,
        error,
        steps,
    })
}

impl Fields {
    /// A number; `"nan"`, `"inf"` and `"-inf"` are numbers too.
    #[must_use]
    pub fn number(&self, key: &str) -> f64 {
        to_number(&self.value[key]).unwrap_or_else(|| {
            panic!(
                "{}, {key}: expected a number, found {}",
                self.place, self.value[key]
            )
        })
    }

    /// A number, or `None` where the file says null.
    #[must_use]
    pub fn optional(&self, key: &str) -> Option<f64> {
        (!self.value[key].is_null()).then(|| self.number(key))
    }

    /// A number that counts something.
    #[must_use]
    pub fn count(&self, key: &str) -> usize {
        to_index(self.number(key))
    }

    /// A word.
    #[must_use]
    pub fn text(&self, key: &str) -> &str {
        self.value[key]
            .as_str()
            .unwrap_or_else(|| panic!("{}, {key}: expected a word", self.place))
    }

    /// True or false.
    #[must_use]
    pub fn flag(&self, key: &str) -> bool {
        self.value[key]
            .as_bool()
            .unwrap_or_else(|| panic!("{}, {key}: expected true or false", self.place))
    }

    /// Whether the file says anything but null here.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        !self.value[key].is_null()
    }

    /// An array of any rank.
    #[must_use]
    pub fn array(&self, key: &str) -> Array {
        let value = &self.value[key];
        let shape = value["shape"].as_array();
        let data = value["data"].as_array();
        let (Some(shape), Some(data)) = (shape, data) else {
            panic!("{}, {key}: expected an array, found {value}", self.place)
        };
        let numbers = |list: &[Value]| list.iter().map(to_number).collect::<Option<Vec<f64>>>();
        let (Some(shape), Some(data)) = (numbers(shape), numbers(data)) else {
            panic!("{}, {key}: expected an array of numbers", self.place)
        };
        let shape: Vec<usize> = shape.into_iter().map(to_index).collect();
        assert_eq!(
            data.len(),
            shape.iter().product::<usize>(),
            "{}, {key}: size of the array",
            self.place
        );
        Array { shape, data }
    }

    /// The numbers of an array, rounded to `f32`.
    #[must_use]
    pub fn f32s(&self, key: &str) -> Vec<f32> {
        self.array(key).f32s()
    }

    /// A mask, true where the file has 1.
    #[must_use]
    pub fn mask(&self, key: &str) -> Vec<bool> {
        self.array(key).data.iter().map(|&x| x != 0.0).collect()
    }

    /// An array of counts or indices.
    #[must_use]
    pub fn indices(&self, key: &str) -> Vec<usize> {
        self.array(key).data.into_iter().map(to_index).collect()
    }

    /// An array of token ids.
    #[must_use]
    pub fn tokens(&self, key: &str) -> Vec<u32> {
        let ids = self.indices(key).into_iter();
        ids.map(|id| u32::try_from(id).expect("an id fits 32 bits"))
            .collect()
    }

    /// An array on a device.
    #[must_use]
    pub fn tensor<const D: usize>(&self, key: &str, device: &Device) -> Tensor<D> {
        let array = self.array(key);
        let data = array.f32s();
        Tensor::from_data(TensorData::new(data, array.shape), device)
    }

    /// An array of integers on a device.
    #[must_use]
    pub fn int_tensor<const D: usize>(&self, key: &str, device: &Device) -> Tensor<D, Int> {
        let Array { shape, data } = self.array(key);
        let data: Vec<i32> = data.into_iter().map(|x| x as i32).collect();
        Tensor::from_data(TensorData::new(data, shape), device)
    }

    /// Compares numbers with an array or a number of the file, as `f32` arithmetic allows.
    pub fn check(&self, key: &str, found: &[f32]) {
        let found: Vec<f64> = found.iter().copied().map(f64::from).collect();
        self.check_within(key, &found, Within::F32);
    }

    /// Compares a tensor, as `f32` arithmetic allows.
    pub fn check_tensor<const D: usize>(&self, key: &str, found: Tensor<D>) {
        let found: Vec<f32> = found.into_data().iter().collect();
        self.check(key, &found);
    }

    /// Compares numbers with an array or a number of the file. NaN equals NaN, an infinity itself.
    pub fn check_within(&self, key: &str, found: &[f64], within: Within) {
        let expected = match to_number(&self.value[key]) {
            Some(number) => vec![number],
            None => self.array(key).data,
        };
        let place = &self.place;
        assert_eq!(found.len(), expected.len(), "{place}, {key}: length");
        for (index, (found, expected)) in found.iter().zip(expected).enumerate() {
            let both_nan = found.is_nan() && expected.is_nan();
            let distance = (found - expected).abs();
            let close = distance <= within.absolute + within.relative * expected.abs();
            assert!(
                both_nan || *found == expected || (expected.is_finite() && close),
                "{place}, {key}[{index}]: {found}, expected {expected}"
            );
        }
    }
}

impl Array {
    /// The numbers, rounded to `f32`.
    #[must_use]
    pub fn f32s(&self) -> Vec<f32> {
        self.data.iter().map(|&x| x as f32).collect()
    }

    /// Length of the last axis: of one row.
    #[must_use]
    pub fn row_len(&self) -> usize {
        *self.shape.last().expect("an array has an axis")
    }
}

fn to_number(value: &Value) -> Option<f64> {
    match value.as_str() {
        Some("nan") => Some(f64::NAN),
        Some("inf") => Some(f64::INFINITY),
        Some("-inf") => Some(f64::NEG_INFINITY),
        Some(_) => None,
        None => value.as_f64(),
    }
}

fn to_index(number: f64) -> usize {
    assert!(
        number >= 0.0 && number.fract() == 0.0,
        "expected a count, found {number}"
    );
    number as usize
}
