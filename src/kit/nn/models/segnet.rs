//! SegNet, which gives a class to each pixel.

use super::kaiming;
use crate::nn::{BatchNorm2d, Conv2d, Forward, Module, Visitor};
use crate::refusal::require;
use crate::{Conv2dOptions, MaxUnpoolOptions, Scalar, Var};
use rand::Rng;

/// A convolution that keeps the size of the image, then batch normalization.
struct Layer<T: Scalar> {
    conv: Conv2d<T>,
    bn: BatchNorm2d<T>,
}

impl<T: Scalar> Layer<T> {
    #[track_caller]
    fn new(from: usize, to: usize, kernel_size: usize, rng: &mut impl Rng) -> Self {
        let options = Conv2dOptions { padding: (kernel_size / 2).into(), ..Default::default() };
        Layer { conv: Conv2d::with(from, to, [kernel_size; 2], options, rng), bn: BatchNorm2d::new(to) }
    }
    fn without_bias(self) -> Self {
        Layer { conv: self.conv.without_bias(), ..self }
    }
}

impl<T: Scalar> Forward<T> for Layer<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        self.bn.forward(self.conv.forward(x))
    }
}

impl<T: Scalar> Module<T> for Layer<T> {
    crate::parts!(T: conv, bn);
}

/// The layers of the encoder, by stage: each stage ends with a pool.
struct Encoder<T: Scalar>(Vec<Vec<Layer<T>>>);

/// With the names of torchvision's VGG networks, which count all modules: convolution, batch normalization, activation, .., pool.
impl<T: Scalar> Module<T> for Encoder<T> {
    fn visit(&self, v: &mut Visitor<'_, T>) {
        let mut place = 0;
        for stage in &self.0 {
            for layer in stage {
                v.module(&place.to_string(), &layer.conv).module(&(place + 1).to_string(), &layer.bn);
                place += 3;
            }
            place += 1;
        }
    }
}

/// SegNet: scores of classes for each pixel of images, `[batch, channels, height, width]` to `[batch, classes, height, width]`.
///
/// The encoder halves the image stage by stage by max pooling, and remembers where the largest numbers were. The decoder goes back: it puts its numbers
/// at these places of a map of zeros, twice as large, and its convolutions fill the gaps. Edges thus stay where they were, at little cost. Any size of at
/// least 2^stages works: where a size is odd, the decoder goes back to the odd size.
///
/// ```
/// use wengert::metrics::ConfusionMatrix;
/// use wengert::nn::{Forward, SegNet};
/// let net = SegNet::<f32>::with_channels(3, &[4, 8], 3, 5, &mut wengert::init::seeded(1));
/// let tape = wengert::Tape::new();
/// let scores = net.forward(tape.zeros([2, 3, 13, 10]));
/// assert_eq!(scores.shape(), [2, 5, 13, 10]);
/// let labels = wengert::Indices::new(&[2, 13, 10], vec![4; 260]);
/// let loss = scores.cross_entropy(&labels); // the mean over pixels; `cross_entropy_with` has weights of classes and an ignored label
/// let mut confusion = ConfusionMatrix::new(5);
/// confusion.update_arrays(scores.argmax(1, false), &labels);
/// ```
///
/// [`data::median_frequency_weights`](crate::data::median_frequency_weights) gives the weights of classes that the paper uses.
///
/// Source: V. Badrinarayanan, A. Kendall, R. Cipolla, "SegNet: a deep convolutional encoder-decoder architecture for image segmentation" (2015).
pub struct SegNet<T: Scalar = f32> {
    encoder: Encoder<T>,
    /// By stage, from the smallest map on: each stage begins with an unpooling.
    decoder: Vec<Vec<Layer<T>>>,
    /// Whether an activation follows the convolutions of the decoder.
    relu: bool,
    /// The last layer: scores of classes from the channels of each pixel. It may be replaced by one for other classes.
    pub classifier: Conv2d<T>,
}

impl<T: Scalar> SegNet<T> {
    /// SegNet-Basic: four stages of one 7x7 convolution to 64 channels. No convolution but the last has a bias, and the decoder has no activation.
    ///
    /// ```
    /// use wengert::nn::{Module, SegNet};
    /// let net = SegNet::<f32>::basic(3, 11, &mut wengert::init::seeded(1));
    /// assert_eq!(net.parameter_count(), 1_416_075);
    /// ```
    ///
    /// # Panics
    /// If weights of these sizes are too large for memory.
    #[track_caller]
    pub fn basic(in_channels: usize, num_classes: usize, rng: &mut impl Rng) -> Self {
        SegNet::with_channels(in_channels, &[64; 4], 7, num_classes, rng)
    }
    /// SegNet-Basic of other sizes: a stage for each number of channels, largest map first, and kernels of this size.
    ///
    /// # Panics
    /// If there are no stages, the kernel's size is even, or weights of these sizes are too large for memory.
    #[track_caller]
    pub fn with_channels(in_channels: usize, channels: &[usize], kernel_size: usize, num_classes: usize, rng: &mut impl Rng) -> Self {
        require(!channels.is_empty(), || "SegNet: no stages", "give a number of channels for each stage, such as [64, 64, 64, 64]");
        let message = || format!("SegNet: the kernel's size is {kernel_size}");
        require(kernel_size % 2 == 1, message, "an odd kernel has a center, so that the size of the image stays; the paper has 7");
        let (mut encoder, mut decoder, mut from) = (Vec::new(), Vec::new(), in_channels);
        for (i, &to) in channels.iter().enumerate() {
            encoder.push(vec![Layer::new(from, to, kernel_size, rng).without_bias()]);
            let back = channels[i.saturating_sub(1)];
            decoder.insert(0, vec![Layer::new(to, back, kernel_size, rng).without_bias()]);
            from = to;
        }
        let classifier = Conv2d::new(channels[0], num_classes, [1, 1], rng);
        SegNet { encoder: Encoder(encoder), decoder, relu: false, classifier }.initialized(rng)
    }
    /// SegNet with the 13 convolutions of VGG-16 as its encoder, in five stages, and their mirror image as its decoder, whose last convolution gives
    /// the scores. Each other convolution is followed by batch normalization and ReLU.
    ///
    /// The [`encoder`](SegNet::encoder) has the names of torchvision's `vgg16_bn`, after `features.`, so it can begin with weights that were trained on
    /// photographs:
    ///
    /// ```no_run
    /// use wengert::nn::{Module, SegNet};
    /// let net = SegNet::<f32>::vgg16(3, 11, &mut wengert::init::seeded(1));
    /// // In Python: safetensors.torch.save_file(torchvision.models.vgg16_bn(weights="DEFAULT").state_dict(), "vgg16_bn.safetensors")
    /// net.encoder().load_state(&wengert::io::load("vgg16_bn.safetensors")?.part("features"))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Panics
    /// If weights of these sizes are too large for memory.
    #[track_caller]
    pub fn vgg16(in_channels: usize, num_classes: usize, rng: &mut impl Rng) -> Self {
        let stages = [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)];
        let (mut encoder, mut decoder, mut from) = (Vec::new(), Vec::new(), in_channels);
        for (i, (to, convolutions)) in stages.into_iter().enumerate() {
            // Those of the decoder keep the channels, but for the last of a stage. That of the first stage is the classifier.
            let back = if i == 0 { None } else { Some(stages[i - 1].0) };
            let (mut down, mut up) = (Vec::new(), Vec::new());
            for k in 0..convolutions {
                down.push(Layer::new(if k == 0 { from } else { to }, to, 3, rng));
                if k + 1 < convolutions {
                    up.push(Layer::new(to, to, 3, rng));
                } else if let Some(back) = back {
                    up.push(Layer::new(to, back, 3, rng));
                }
            }
            encoder.push(down);
            decoder.insert(0, up);
            from = to;
        }
        let options = Conv2dOptions { padding: 1.into(), ..Default::default() };
        let classifier = Conv2d::with(stages[0].0, num_classes, [3, 3], options, rng);
        SegNet { encoder: Encoder(encoder), decoder, relu: true, classifier }.initialized(rng)
    }
    fn initialized(self, rng: &mut impl Rng) -> Self {
        // Not the classifier: by its default initial weights the scores begin small.
        kaiming(&self.encoder, rng);
        kaiming(&self.decoder, rng);
        self
    }
    /// The encoder alone: to load its weights (see [`SegNet::vgg16`]) or to freeze it.
    pub fn encoder(&self) -> &impl Module<T> {
        &self.encoder
    }
}

impl<T: Scalar> Forward<T> for SegNet<T> {
    #[track_caller]
    fn forward<'t>(&self, x: Var<'t, T>) -> Var<'t, T> {
        let (shape, stages) = (x.shape(), self.encoder.0.len());
        let fits = shape.len() == 4 && shape[2..].iter().all(|n| n.checked_shr(stages as u32).is_some_and(|n| n > 0));
        let message = || format!("SegNet: images of shape {shape} cannot be halved {stages} times");
        require(fits, message, "give images [batch, channels, height, width], and enlarge those that are too small (`interpolate`)");
        let mut x = x;
        let mut pools = Vec::new();
        for stage in &self.encoder.0 {
            for layer in stage {
                x = layer.forward(x).relu();
            }
            let size = x.shape();
            let (pooled, indices) = x.max_pool2d_with_indices([2, 2], Default::default());
            pools.push((indices, [size[2], size[3]]));
            x = pooled;
        }
        for (stage, (indices, size)) in self.decoder.iter().zip(pools.into_iter().rev()) {
            x = x.max_unpool2d(indices, [2, 2], MaxUnpoolOptions { output_size: Some(size), ..Default::default() });
            for layer in stage {
                x = layer.forward(x);
                if self.relu {
                    x = x.relu();
                }
            }
        }
        self.classifier.forward(x)
    }
}

impl<T: Scalar> Module<T> for SegNet<T> {
    crate::parts!(T: encoder, decoder, classifier);
}
