//! Milliseconds of the parts of a detector: `cargo bench --bench detection -- [--json] [--seconds S]`; `benches/detection.py` prints them beside torchvision's.
//!
//! The least of many times. `roi_align` is value and gradient by the map, at the sizes of Faster R-CNN; `nms` has boxes of random places and sizes; `step` is a
//! training step (losses, gradients, SGD) of the network of the example `faster_rcnn`, on four images of noise with four objects each.

use ndarray::{Array2, ArrayD, aview1};
use std::time::Instant;
use wengert::init;
use wengert::nn::{BatchNorm2d, Conv2d, Module, Relu, Sequential};
use wengert::optim::Sgd;
use wengert::prelude::*;
use wengert::rand::Rng;
use wengert::vision::detection::{BoxTarget, FasterRcnn, FasterRcnnOptions, ImageList, ProposalFilter, Pyramid};
use wengert::vision::{AnchorGenerator, RoiAlignOptions, nms, roi_align};

/// Height and width of the map, regions.
const REGIONS: [(usize, usize); 4] = [(100, 512), (100, 1000), (50, 512), (50, 1000)];
const BOXES: [usize; 3] = [1000, 2000, 10_000];
/// Height and width of the image.
const IMAGE: f32 = 800.0;

/// Numbers from -0.5 to 0.5.
fn noise(shape: &[usize], rng: &mut impl Rng) -> ArrayD<f32> {
    init::uniform(shape, -0.5, 0.5, rng)
}

/// Boxes with a center in the image, and sides up to a third of it.
fn boxes(n: usize, image: f32, rng: &mut impl Rng) -> Array2<f32> {
    let mut boxes = init::uniform::<f32, _>((n, 4), 0.0, image.into(), rng);
    for mut row in boxes.rows_mut() {
        let (x, y, w, h) = (row[0], row[1], row[2] / 6.0 + 2.0, row[3] / 6.0 + 2.0);
        row.assign(&aview1(&[x - w, y - h, x + w, y + h].map(|x| x.clamp(0.0, image))));
    }
    boxes
}

struct Bench {
    json: bool,
    seconds: f64,
}

impl Bench {
    fn measure(&self, case: &str, size: String, mut f: impl FnMut()) {
        let (start, mut least) = (Instant::now(), f64::INFINITY);
        while start.elapsed().as_secs_f64() < self.seconds || least == f64::INFINITY {
            let before = Instant::now();
            f();
            least = least.min(before.elapsed().as_secs_f64());
        }
        match self.json {
            true => println!("{{\"case\": \"{case}\", \"size\": \"{size}\", \"ms\": {}}}", 1e3 * least),
            false => println!("{case:<10} {size:<22} {:>9.3} ms", 1e3 * least),
        }
    }
}

fn run(bench: &Bench) {
    let rng = &mut init::seeded(1);
    for (size, regions) in REGIONS {
        let map = noise(&[2, 256, size, size], rng);
        let mut rois = Array2::zeros((regions, 5));
        rois.slice_mut(ndarray::s![.., 1..]).assign(&boxes(regions, IMAGE, rng));
        rois.column_mut(0).iter_mut().enumerate().for_each(|(i, image)| *image = (i % 2) as f32);
        let cotangent = noise(&[regions, 256, 7, 7], rng);
        let options = RoiAlignOptions { spatial_scale: size as f64 / f64::from(IMAGE), sampling_ratio: Some(2), aligned: false };
        let param = wengert::Param::new("map", &map);
        let mut tape = Tape::new();
        bench.measure("roi_align", format!("2,256,{size},{size};{regions}"), || {
            let y = roi_align(tape.param(&param), &rois, [7, 7], options);
            let grads = tape.backward_with(y, tape.constant(&cotangent));
            tape.reset();
            tape.recycle(grads);
        });
    }
    for n in BOXES {
        let (boxes, scores) = (boxes(n, IMAGE, rng), init::uniform::<f32, _>(n, 0.0, 1.0, rng));
        bench.measure("nms", n.to_string(), || drop(nms(&boxes, &scores, 0.7)));
    }
    for size in [96, 192] {
        let (model, mut tape, mut optimizer) = (network(), Tape::new(), Sgd::new(1e-4));
        let batch = noise(&[4, 3, size, size], rng);
        let targets = [0; 4].map(|_| BoxTarget { boxes: boxes(4, size as f32, rng), labels: vec![1, 2, 3, 4] });
        let params = model.parameters();
        bench.measure("step", format!("4,3,{size},{size}"), || {
            let losses = model.losses(&ImageList::new(tape.constant(&batch)), &targets).expect("good targets");
            let grads = tape.backward(losses.total());
            tape.reset();
            optimizer.step(&params, &grads);
            tape.recycle(grads);
        });
    }
}

/// The network of the example `faster_rcnn`.
fn network() -> FasterRcnn {
    let rng = &mut init::seeded(1);
    let mut body = Sequential::new();
    for (from, to, stride) in [(3, 16, 2), (16, 32, 2), (32, 32, 1), (32, 64, 2), (64, 64, 1)] {
        let conv = Conv2d::new(from, to, 3, rng).stride(stride).padding(1).without_bias();
        body = body.push(Sequential::new().push(conv).push(BatchNorm2d::new(to)).push(Relu));
    }
    let anchors = AnchorGenerator::new(vec![vec![12.0, 18.0], vec![27.0, 40.0]], vec![0.5, 1.0, 2.0]);
    let mut options = FasterRcnnOptions { anchors, representation_size: 128, ..FasterRcnnOptions::default() };
    options.rpn.sampler.batch_size_per_image = 128;
    options.rpn.train = ProposalFilter::new(400, 150);
    options.roi_heads.sampler.batch_size_per_image = 64;
    FasterRcnn::new(Pyramid::new(body, &[(2, 32), (4, 64)], 48, rng), 5, options, rng)
}

fn main() {
    let mut bench = Bench { json: false, seconds: 2.0 };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match &*arg {
            "--json" => bench.json = true,
            "--seconds" => bench.seconds = args.next().and_then(|s| s.parse().ok()).expect("--seconds takes a number"),
            _ => {} // cargo's own
        }
    }
    // From outside of the pool, each split of work costs two context switches.
    rayon::ThreadPoolBuilder::new().build().expect("threads").install(|| run(&bench));
}
