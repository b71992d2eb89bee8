#!/bin/sh
# candle: what is the gradient of 2 x 2 max pooling?
#
# Guess: the cotangent to the maximum; where several are equal, to the first, or shared so that it adds up to the cotangent.
# Seen (candle-core 0.11.1, CPU): it is multiplied by the number of maxima over the area of the window: a quarter of it where there is
# one maximum, which is always with real numbers, and all of it to each of four equal ones. Networks train all the same, with steps that
# are a quarter as long below every pool.
set -eu
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/src"
cat > "$dir/Cargo.toml" <<'TOML'
[package]
name = "pooled"
version = "0.0.0"
edition = "2021"
[dependencies]
candle-core = "=0.11.1"
[profile.dev]
debug = false
TOML
cat > "$dir/src/main.rs" <<'RUST'
use candle_core::{Device, Result, Tensor, Var};

/// The value of 2 x 2 max pooling, and its gradient.
fn pooled(image: [f64; 4]) -> Result<(Vec<f64>, Vec<f64>)> {
    let x = Var::from_tensor(&Tensor::from_slice(&image, (1, 1, 2, 2), &Device::Cpu)?)?;
    let y = x.max_pool2d(2)?;
    let gradients = y.sum_all()?.backward()?;
    Ok((y.flatten_all()?.to_vec1()?, gradients.get(&x).expect("a gradient").flatten_all()?.to_vec1()?))
}

fn main() -> Result<()> {
    let (one, four) = (pooled([1.0, 2.0, 3.0, 4.0])?, pooled([5.0; 4])?);
    println!("one maximum: {one:?}, four equal ones: {four:?}");
    let seen = one.0 == [4.0] && one.1 == [0.0, 0.0, 0.0, 0.25] && four.0 == [5.0] && four.1 == [1.0; 4];
    std::process::exit(if seen { 0 } else { 1 });
}
RUST
cargo run --quiet --manifest-path "$dir/Cargo.toml" --target-dir "$dir/target"
# one maximum: ([4.0], [0.0, 0.0, 0.0, 0.25]), four equal ones: ([5.0], [1.0, 1.0, 1.0, 1.0])
