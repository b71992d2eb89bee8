//! What the examples share: a curve of characters.

/// Draws positive numbers, such as the loss of each epoch, as a curve on a logarithmic scale.
pub fn curve(title: &str, values: &[f32], unit: &str) -> String {
    let values: Vec<f32> = values.iter().copied().filter(|v| v.is_finite() && *v > 0.0).collect();
    let columns = values.len().min(60);
    if columns == 0 {
        return format!("{title}: nothing to draw\n");
    }
    // Each column shows the mean of its share of the values.
    let share = |c: usize| &values[c * values.len() / columns..(c + 1) * values.len() / columns];
    let means: Vec<f32> = (0..columns).map(|c| share(c).iter().sum::<f32>() / share(c).len() as f32).collect();
    let (low, high) = means.iter().fold((f32::MAX, f32::MIN), |(l, h), m| (l.min(m.ln()), h.max(m.ln())));
    let rows = if high > low { 10 } else { 1 };
    let height = |v: f32| if high > low { ((v.ln() - low) / (high - low) * (rows - 1) as f32).round() as usize } else { 0 };

    let mut picture = format!("{title} (log scale)\n");
    for row in (0..rows).rev() {
        let level = (low + (high - low) * row as f32 / (rows - 1).max(1) as f32).exp();
        let line: String = means.iter().map(|&m| if height(m) == row { '*' } else { ' ' }).collect();
        picture += format!("{level:>9.5} |{line}").trim_end();
        picture += "\n";
    }
    let end = format!("{} {unit}", values.len());
    picture
        + &format!("{:>9} +{}\n{:>9}  1{end:>width$}\n", "", "-".repeat(columns), "", width = columns.saturating_sub(1).max(end.len() + 1))
}
