//! How does the time of a step grow? With threads, with the length of a chain, with batch, depth and width of a network.

use crate::models::{WORKLOADS, Workload, mlp, resnet};
use crate::timing::times;
use wengert::Scalar;
use wengert::optim::Sgd;

/// Prints Markdown tables; each figure is the least of what `seconds` allow, with two threads where nothing else is said.
pub fn print(seconds: f64) {
    let on = |threads: usize, f: &(dyn Fn() -> f64 + Sync)| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can be started");
        pool.install(f)
    };
    println!("| workload | 1 thread | 2 threads | ratio |\n|---|---|---|---|");
    for (name, size) in WORKLOADS {
        let [one, two] = [1, 2].map(|threads| {
            on(threads, &|| match name {
                "elementwise_f64" => time::<f64>(seconds, || Workload::new(name, size)),
                _ => time::<f32>(seconds, || Workload::new(name, size)),
            })
        });
        println!("| `{name}` | {one:.1} | {two:.1} | {:.2} |", one / two);
    }

    println!("\n| nodes of a chain | us a step | ns a node |\n|---|---|---|");
    for links in [1_000, 10_000, 100_000, 333_333, 1_000_000] {
        let us = on(2, &|| time::<f32>(seconds, || Workload::new("scalar_chain", links)));
        println!("| {} | {us:.0} | {:.1} |", 3 * links + 1, us * 1e3 / (3 * links) as f64);
    }

    let dense = |batch: usize, depth: usize, width: usize| {
        let sizes = vec![width; depth + 1];
        on(2, &|| time::<f32>(seconds, || mlp(batch, &sizes, Sgd::new(0.01))))
    };
    let images = |batch: usize, depth: usize, width: usize| on(2, &|| time::<f32>(seconds, || resnet(batch, &[width, width], depth)));
    println!("\n| layers of 256 units: batch | us a step | us a sample |\n|---|---|---|");
    for batch in [64, 128, 256, 512, 1024, 2048] {
        let us = dense(batch, 4, 256);
        println!("| {batch} | {us:.0} | {:.2} |", us / batch as f64);
    }
    println!("\n| batch 128, 256 units: layers | us a step | us a layer |\n|---|---|---|");
    for depth in [2, 4, 8, 16, 32, 64] {
        let us = dense(128, depth, 256);
        println!("| {depth} | {us:.0} | {:.1} |", us / depth as f64);
    }
    println!("\n| batch 128, 4 layers: units | us a step | ns for 1,000 multiply-adds of the forward pass |\n|---|---|---|");
    for width in [64, 128, 256, 512, 1024] {
        let us = dense(128, 4, width);
        println!("| {width} | {us:.0} | {:.2} |", us * 1e6 / (128 * 4 * width * width) as f64);
    }
    println!("\n| two stages of 2 residual blocks, 32 channels, images of 3x32x32: batch | us a step | us an image |\n|---|---|---|");
    for batch in [4, 8, 16, 32, 64] {
        let us = images(batch, 2, 32);
        println!("| {batch} | {us:.0} | {:.0} |", us / batch as f64);
    }
    println!("\n| batch 16, 32 channels: blocks a stage | us a step | us a block |\n|---|---|---|");
    for depth in [1, 2, 4, 8] {
        let us = images(16, depth, 32);
        println!("| {depth} | {us:.0} | {:.0} |", us / (2 * depth) as f64);
    }
    println!("\n| batch 16, 2 blocks a stage: channels | us a step | us by the square of the channels, 16 being 1 |\n|---|---|---|");
    for width in [16, 32, 64, 128] {
        let us = images(16, 2, width);
        println!("| {width} | {us:.0} | {:.0} |", us / (width as f64 / 16.0).powi(2));
    }
}

/// The least time of a step in microseconds.
fn time<T: Scalar>(seconds: f64, new: impl Fn() -> Workload<T>) -> f64 {
    let mut workload = new();
    times(seconds, || workload.step(|loss, _| _ = std::hint::black_box(loss)))[0]
}
