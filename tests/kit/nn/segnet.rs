//! SegNet: shapes of all sizes, names, gradients, and that it learns where edges are.

use crate::kit::helpers::x;
use wengert::nn::{Forward, Module, SegNet};
use wengert::optim::Adam;
use wengert::{Indices, Options, Tape, check_grads, init};

#[test]
fn any_size_of_two_to_the_stages() {
    let net = SegNet::<f64>::with_channels(2, &[3, 4], 3, 5, &mut init::seeded(1));
    for size in [[4, 4], [5, 7], [6, 9], [17, 4]] {
        let y = net.predict(x(&[2, 2, size[0], size[1]]));
        assert_eq!(y.shape(), [2, 5, size[0], size[1]]);
    }
}
#[test]
#[should_panic(expected = "SegNet: images of shape [1, 2, 4, 3] cannot be halved 2 times\n  at tests/kit/nn/segnet.rs")]
fn too_small() {
    SegNet::<f64>::with_channels(2, &[3, 4], 3, 5, &mut init::seeded(1)).forward(Tape::new().zeros([1, 2, 4, 3]));
}
#[test]
#[should_panic(expected = "SegNet: the kernel's size is 4\n  at tests/kit/nn/segnet.rs")]
fn kernels_are_odd() {
    SegNet::<f64>::with_channels(2, &[3, 4], 4, 5, &mut init::seeded(1));
}
#[test]
#[should_panic(expected = "SegNet: no stages\n  at tests/kit/nn/segnet.rs")]
fn stages_are_needed() {
    SegNet::<f64>::with_channels(2, &[], 3, 5, &mut init::seeded(1));
}
#[test]
fn basic_is_that_of_the_paper() {
    let net = SegNet::<f32>::basic(3, 11, &mut init::seeded(1));
    let shapes: Vec<(String, Vec<usize>)> = net.named_parameters().into_iter().map(|(name, p)| (name, p.shape().to_vec())).collect();
    let shape = |name: &str| shapes.iter().find(|(n, _)| n == name).map(|(_, s)| &s[..]);
    assert_eq!(shape("encoder.0.weight"), Some(&[64, 3, 7, 7][..]));
    assert_eq!(shape("encoder.12.weight"), Some(&[64, 64, 7, 7][..]));
    assert_eq!(shape("decoder.3.0.conv.weight"), Some(&[64, 64, 7, 7][..]));
    assert_eq!(shape("classifier.weight"), Some(&[11, 64, 1, 1][..]));
    // Only the classifier's and those of batch normalization.
    assert_eq!(shapes.iter().filter(|(name, _)| name.ends_with("bias")).count(), 8 + 1);
}
#[test]
fn vgg16_has_torchvisions_names() {
    let net = SegNet::<f32>::vgg16(3, 4, &mut init::seeded(1));
    let names: Vec<String> = net.encoder().named_parameters().into_iter().map(|(name, _)| name).collect();
    // torchvision.models.vgg16_bn().features: convolutions, each followed by batch normalization.
    let convolutions = [0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40];
    let expected = convolutions.iter().flat_map(|i| [i, &(i + 1)].map(|i| [format!("{i}.weight"), format!("{i}.bias")])).flatten();
    assert_eq!(names, expected.collect::<Vec<_>>());
    // The weights of another network's encoder, as a file with torchvision's names would hold them.
    let mut file = wengert::io::State::new();
    file.insert_part("features", SegNet::<f32>::vgg16(3, 4, &mut init::seeded(2)).encoder().state());
    net.encoder().load_state(&file.part("features")).unwrap();
    assert_eq!(net.predict(x(&[1, 3, 32, 45]).mapv(|x| x as f32)).shape(), [1, 4, 32, 45]);
    let decoder: Vec<Vec<usize>> = net
        .named_parameters()
        .iter()
        .filter(|(n, _)| n.starts_with("decoder") && n.ends_with("conv.weight"))
        .map(|(_, p)| p.shape()[..2].to_vec())
        .collect();
    let ends = [512, 512, 512, 512, 512, 256, 256, 256, 128, 128, 64, 64];
    assert_eq!(decoder.iter().map(|s| s[0]).collect::<Vec<_>>(), ends);
}
#[test]
fn gradients() {
    let net = SegNet::<f64>::with_channels(1, &[2, 2], 3, 2, &mut init::seeded(3));
    let input = x(&[2, 1, 5, 6]);
    let labels = Indices::new(&[2, 5, 6], (0..60).map(|i| i % 3 % 2));
    // Of the input; those of the parameters are of the same layers.
    assert_eq!(check_grads(|v| net.forward(v[0]).cross_entropy(&labels), &[input], Options::default()).unwrap().order, 2);
}
#[test]
fn learns_where_edges_are() {
    // Bright squares on a dark ground, at every place. The pixels at their edges are as bright as those within: what is an edge is seen from the
    // neighbors, and must come back to its pixel through two stages of unpooling.
    let n = 8;
    let inside = |i: usize, y: usize, x: usize| (2 + i % 4..6 + i % 4).contains(&y) && (1 + i..5 + i).contains(&x);
    let images = wengert::ndarray::Array4::from_shape_fn((n, 1, 12, 13), |(i, _, y, x)| {
        f32::from(inside(i, y, x)) + (7 * y + 3 * x) as f32 % 5.0 / 10.0
    });
    let edge = |i: usize, y: usize, x: usize| {
        let within = y > 0 && x > 0 && inside(i, y - 1, x) && inside(i, y + 1, x) && inside(i, y, x - 1) && inside(i, y, x + 1);
        inside(i, y, x) && !within
    };
    let labels = Indices::new(&[n, 12, 13], (0..n * 12 * 13).map(|at| i64::from(edge(at / 156, at / 13 % 12, at % 13))));
    let net = SegNet::<f32>::with_channels(1, &[8, 8], 3, 2, &mut init::seeded(1));
    let (mut optimizer, mut tape) = (Adam::new(0.02), Tape::new());
    for _ in 0..120 {
        let grads = tape.backward(net.forward(tape.constant(&images)).cross_entropy(&labels));
        tape.reset();
        wengert::optim::Optimizer::step(&mut optimizer, &net.parameters(), &grads);
    }
    let mut confusion = wengert::metrics::ConfusionMatrix::new(2);
    net.eval();
    confusion.update_arrays(net.forward(tape.constant(&images)).argmax(1, false), &labels);
    assert!(confusion.mean_iou() > 0.95, "{confusion}");
}
