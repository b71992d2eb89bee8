//! Formats numbers for people.

/// Four decimal places, or an exponent for very small and very large numbers.
pub(crate) fn short(x: f64) -> String {
    match x.abs() {
        0.001..99_999.0 | 0.0 => format!("{x:.4}"),
        _ if x.is_finite() => format!("{x:.3e}"),
        _ => x.to_string(),
    }
}

/// With commas between thousands.
pub(crate) fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|g| str::from_utf8(g).expect("digits")).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands() {
        let shown = [0, 7, 999, 1000, 12_345, 1_234_567].map(grouped);
        assert_eq!(shown, ["0", "7", "999", "1,000", "12,345", "1,234,567"]);
    }
}
