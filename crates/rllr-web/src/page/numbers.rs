//! Numbers for people: medians, thinning of long series, and a fitting count of digits.

/// The median; of an even count, the mean of the middle two. `None` of no values.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        odd if odd % 2 == 1 => Some(values[middle]),
        _ => Some((values[middle - 1] + values[middle]) / 2.0),
    }
}

/// At most `max` of the items (at least 2), evenly spread, with the first and the last.
pub fn thin<T: Copy>(items: &[T], max: usize) -> Vec<T> {
    assert!(
        max >= 2,
        "thinning keeps at least the first and the last item, so max must be 2 or more, not {max}"
    );
    if items.len() <= max {
        return items.to_vec();
    }
    (0..max)
        .map(|index| items[index * (items.len() - 1) / (max - 1)])
        .collect()
}

/// Three significant digits, without a power of ten where people read it more easily.
pub fn short(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 {
        "0".to_owned()
    } else if !(1e-3..1e5).contains(&size) {
        format!("{value:.1e}")
    } else if size < 1.0 {
        format!("{value:.4}")
    } else if size < 10.0 {
        format!("{value:.3}")
    } else if size < 100.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}

/// Two decimal places, with the sign also of positive numbers: `+0.50`, `−1.25`.
pub fn signed(value: f64) -> String {
    let rounded = format!("{:.2}", value.abs());
    let is_zero = rounded == "0.00";
    match value {
        _ if is_zero => rounded,
        negative if negative < 0.0 => format!("\u{2212}{rounded}"),
        _ => format!("+{rounded}"),
    }
}

/// A share in per cent, without decimal places.
pub fn percent(share: f64) -> String {
    format!("{:.0} %", 100.0 * share)
}

/// A whole number with a thin space between thousands: `15 424`.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test(unsupported = test)]
    fn medians() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0]), Some(3.0));
        assert_eq!(median([9.0, 1.0, 3.0]), Some(3.0));
        assert_eq!(median([9.0, 1.0, 3.0, 5.0]), Some(4.0));
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn thinning_keeps_the_ends_and_the_order() {
        assert_eq!(thin(&[1, 2, 3], 3), [1, 2, 3]);
        assert_eq!(thin(&[1, 2, 3, 4, 5], 3), [1, 3, 5]);
        assert_eq!(thin::<u8>(&[], 2), [0_u8; 0]);
        let long: Vec<usize> = (1..=10_000).collect();
        let thinned = thin(&long, 100);
        assert_eq!((thinned.len(), thinned[0], thinned[99]), (100, 1, 10_000));
        assert!(thinned.windows(2).all(|pair| pair[0] < pair[1]), "{thinned:?}");
    }

    fn check(value: f64, expected: &str) {
        assert_eq!(short(value), expected, "{value}");
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn short_numbers() {
        check(0.0, "0");
        check(0.000_012_34, "1.2e-5");
        check(0.0123, "0.0123");
        check(5.5452, "5.545");
        check(85.04, "85.0");
        check(-376.5, "-376");
        check(123_456.0, "1.2e5");
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn signs_are_written() {
        assert_eq!(
            [0.5, -1.25, 0.001, -0.001].map(signed),
            ["+0.50", "\u{2212}1.25", "0.00", "0.00"]
        );
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn shares_in_per_cent() {
        assert_eq!([0.0, 0.125, 1.0].map(percent), ["0 %", "12 %", "100 %"]);
    }

    #[wasm_bindgen_test(unsupported = test)]
    fn thousands_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(15_424), "15\u{202f}424");
        assert_eq!(grouped(1_000_000), "1\u{202f}000\u{202f}000");
    }
}
