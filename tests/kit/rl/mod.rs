//! Reinforcement learning: environments, replay memories, the agent.

mod dqn;
mod environments;
mod replay;
mod sum_tree;

/// Is it refused with these words, the line of a test, and a hint?
fn refuses(words: &str, f: impl FnOnce()) {
    let text = crate::kit::helpers::refusal(f);
    assert!(text.contains(words) && text.contains("\n  at tests/kit/rl/") && text.contains("\n  hint: "), "{text}");
}

/// Pearson's statistic of counts that should be in proportion to weights: above 1.5 times the number of classes plus 20 it is unlikely, by far.
fn fits(counts: &[u32], weights: &[f64]) {
    let (n, all) = (f64::from(counts.iter().sum::<u32>()), weights.iter().sum::<f64>());
    let part = |(count, weight): (&u32, &f64)| (f64::from(*count) - n * weight / all).powi(2) / (n * weight / all);
    let statistic = counts.iter().zip(weights).map(part).sum::<f64>();
    assert!(statistic < 1.5 * counts.len() as f64 + 20.0, "{statistic} of {} classes: {counts:?}", counts.len());
}
