//! Histograms of oriented gradients.

use super::image::pixels_between;
use crate::refusal::{elements, require};
use crate::{Indices, Scalar, Var};
use ndarray::{Array2, ArrayBase, Data, Ix3};
use rayon::prelude::*;
use std::f64::consts::{FRAC_PI_3, FRAC_PI_4, FRAC_PI_6, FRAC_PI_8, PI};

/// How a block of cells is normalized; v are its votes, e is 1e-5.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BlockNorm {
    /// v / (sum v + e).
    L1,
    /// The square root of `L1`; where that is 0, no derivative passes.
    L1Sqrt,
    /// v / sqrt(sum v^2 + e^2).
    L2,
    /// `L2`, then at most 0.2, then `L2` again (D. Lowe's hysteresis).
    #[default]
    L2Hys,
}

/// The options of [`hog`]. Names and defaults are those of scikit-image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HogOptions {
    /// The number of bins, which divide the half circle from 0 degrees on.
    pub orientations: usize,
    /// Rows and columns of pixels in a cell.
    pub pixels_per_cell: [usize; 2],
    /// Rows and columns of cells in a block.
    pub cells_per_block: [usize; 2],
    /// How blocks are normalized.
    pub block_norm: BlockNorm,
    /// If true, the square root of the image is taken first; where that is 0, no derivative passes. No pixel may be negative then.
    pub transform_sqrt: bool,
    /// The axis of channels, if there is one. Each pixel votes by its channel with the largest gradient (the first of several such ones).
    pub channel_axis: Option<isize>,
}

impl Default for HogOptions {
    fn default() -> Self {
        HogOptions {
            orientations: 9,
            pixels_per_cell: [8, 8],
            cells_per_block: [3, 3],
            block_norm: BlockNorm::default(),
            transform_sqrt: false,
            channel_axis: None,
        }
    }
}

/// The histograms of oriented gradients of images: in each cell, how much gradient there is in which direction, normalized over blocks of
/// cells. Shapes: `[.., height, width]` (and an axis of channels, if the options name one) to `[.., block rows, block columns, cell rows in a
/// block, cell columns in a block, orientations]`; [`Var::flatten`] makes a vector of it. scikit-image: `feature.hog`.
///
/// 1. Differences of the two neighbors (not halved) along rows and columns; 0 on the border.
/// 2. Each pixel votes, with the length of its gradient, for the bin of its direction modulo 180 degrees: bin b is from 180 b / n on, and
///    below 180 (b + 1) / n. A cell's histogram is the sum of its pixels' votes, divided by their number. Pixels beyond the last whole cell
///    do not vote. ([`hog_histogram`] is the result so far.)
/// 3. Blocks begin at each cell, and are normalized ([`BlockNorm`]).
///
/// Derivative: the bins count as constants, so it is that of lengths and norms. A pixel without gradient passes none.
///
/// ```
/// use wengert::vision::hog::{HogOptions, hog};
/// let tape = wengert::Tape::<f64>::new();
/// let image = tape.leaf(wengert::ndarray::Array2::from_shape_fn((64, 32), |(y, x)| ((x * x + 3 * y) as f64).sin()));
/// let features = hog(image, &HogOptions { cells_per_block: [2, 2], ..Default::default() });
/// assert_eq!(&*features.shape(), [7, 3, 2, 2, 9]);
/// let gradient = tape.backward(features.sum()).wrt(image).unwrap().to_owned();
/// assert_eq!(gradient.shape(), [64, 32]);
/// ```
///
/// Source: N. Dalal, B. Triggs, "Histograms of oriented gradients for human detection" (2005).
///
/// # Panics
/// If the image is smaller than a block, or has too few axes, if a number of the options is 0, if there is no such axis of channels or it is
/// empty, or if a square root of a negative pixel would be taken.
#[track_caller]
pub fn hog<'t, T: Scalar>(image: Var<'t, T>, options: &HogOptions) -> Var<'t, T> {
    let histogram = histogram("hog", image, options);
    let shape = histogram.shape();
    let [block_rows, block_columns] = options.cells_per_block;
    let [rows, columns] = [shape[shape.len() - 3], shape[shape.len() - 2]];
    require(block_rows > 0 && block_columns > 0, || "hog: a block has no cells", "`cells_per_block: [2, 2]`");
    require(
        block_rows <= rows && block_columns <= columns,
        || format!("hog: an image of {rows} x {columns} cells is smaller than a block of {block_rows} x {block_columns}"),
        "make cells or blocks smaller, or enlarge the image",
    );
    // [.., rows, columns, orientations] to [.., rows, columns, orientations, block_rows, block_columns]
    let blocks = histogram.unfold(-3, block_rows, 1).unfold(-3, block_columns, 1);
    normalized(blocks.movedim(&[-3], &[-1]), options.block_norm)
}

/// What cells vote, before blocks: shapes as in [`hog`], to `[.., cell rows, cell columns, orientations]`. Sizes of blocks and their norm are
/// not used.
///
/// ```
/// use wengert::vision::hog::{HogOptions, hog_histogram};
/// let tape = wengert::Tape::<f64>::new();
/// let ramp = tape.leaf(wengert::ndarray::Array2::from_shape_fn((4, 4), |(_, x)| x as f64)); // steepest at 0 degrees
/// let options = HogOptions { orientations: 2, pixels_per_cell: [4, 4], ..Default::default() };
/// assert_eq!(hog_histogram(ramp, &options).to_vec(), [1.0, 0.0]); // 8 of 16 pixels have a gradient of 2
/// ```
///
/// # Panics
/// As [`hog`], but the image need not hold more than a cell.
#[track_caller]
pub fn hog_histogram<'t, T: Scalar>(image: Var<'t, T>, options: &HogOptions) -> Var<'t, T> {
    histogram("hog_histogram", image, options)
}

/// A picture of the histograms `[cell rows, cell columns, orientations]` of one image: in each cell a line for each bin, across the bin's
/// direction (so along the edge that made it), as bright as the bin. Shape: `[cell rows * cell height, cell columns * cell width]`.
/// scikit-image: `feature.hog(visualize=True)`.
///
/// # Panics
/// If a cell has no pixels, or the picture would be too large.
#[track_caller]
pub fn hog_image<T: Scalar, S: Data<Elem = T>>(histogram: &ArrayBase<S, Ix3>, pixels_per_cell: [usize; 2]) -> Array2<T> {
    let (rows, columns, orientations) = histogram.dim();
    let [height, width] = pixels_per_cell;
    require(height > 0 && width > 0, || format!("hog_image: a cell of {height} x {width} pixels"), "that of the histogram");
    let size = [rows.saturating_mul(height), columns.saturating_mul(width)];
    elements::<T>("hog_image", &size);
    let mut image = Array2::from_elem(size, T::ZERO);
    let radius = (height.min(width) / 2).saturating_sub(1) as f64;
    for ((row, column, bin), &vote) in histogram.indexed_iter() {
        let [y, x] = [row * height + height / 2, column * width + width / 2].map(|v| v as f64);
        let (sin, cos) = (PI * (bin as f64 + 0.5) / orientations as f64).sin_cos();
        let [dx, dy] = [radius * sin, radius * cos];
        for [x, y] in pixels_between([x + dx, y - dy].map(|v| v as i64), [x - dx, y + dy].map(|v| v as i64)) {
            image[[y as usize, x as usize]] += vote;
        }
    }
    image
}

#[track_caller]
fn histogram<'t, T: Scalar>(name: &str, image: Var<'t, T>, options: &HogOptions) -> Var<'t, T> {
    let &HogOptions { orientations, pixels_per_cell: [cell_rows, cell_columns], channel_axis, .. } = options;
    require(orientations > 0, || format!("{name}: there are no orientations"), "9 are usual");
    require(cell_rows > 0 && cell_columns > 0, || format!("{name}: a cell of {cell_rows} x {cell_columns} pixels"), "8 x 8 are usual");
    let shape = image.shape();
    let ndim = shape.len() as isize;
    let least = if channel_axis.is_some() { 3 } else { 2 };
    require(
        ndim >= least,
        || format!("{name}: an image has {least} axes at least, not shape {shape}"),
        "`channel_axis` is for images in color",
    );
    let image = match channel_axis {
        Some(axis) => {
            require((-ndim..ndim).contains(&axis), || format!("{name}: shape {shape} has no axis {axis}"), "`channel_axis: Some(-3)`");
            image.movedim(&[axis], &[-3])
        }
        None => image.unsqueeze(-3),
    };
    let shape = image.shape();
    let [ref leading @ .., channels, height, width] = shape[..] else { unreachable!("three axes at least") };
    require(channels > 0, || format!("{name}: an image without channels"), "`channel_axis` is the axis of channels");
    let (rows, columns) = (height / cell_rows, width / cell_columns);
    require(
        rows > 0 && columns > 0,
        || format!("{name}: an image of {height} x {width} pixels is smaller than a cell of {cell_rows} x {cell_columns}"),
        "make cells smaller, or enlarge the image",
    );
    let batch: usize = leading.iter().product();
    let image = image.reshape([batch, channels, height, width]);
    let image = if options.transform_sqrt {
        let negative = || format!("{name}: with `transform_sqrt` no pixel may be negative");
        require(image.value().as_slice().iter().all(|&x| x.is_nan() || x >= T::ZERO), negative, "give values from 0 to 1");
        sqrt(image)
    } else {
        image
    };

    let (down, across) = of_steepest_channel(differences(image, -2), differences(image, -1));
    // Pixels of whole cells vote.
    let whole = |x: Var<'t, T>| x.narrow(-2, 0, rows * cell_rows).narrow(-1, 0, columns * cell_columns);
    let (down, across) = (whole(down), whole(across));
    let numel = elements::<T>(name, &[batch * rows * columns, orientations]);
    let bins = bins(down, across, options);
    let lengths = down.hypot(across).reshape([-1]);
    let votes = lengths.tape().zeros([numel]).scatter_add(0, Indices::from(bins), lengths);
    let shape: Vec<usize> = leading.iter().copied().chain([rows, columns, orientations]).collect();
    (votes / votes.number((cell_rows * cell_columns) as f64)).reshape(&shape[..])
}

/// For each pixel of whole cells `[batch, height, width]`, which of all cells' bins it votes for.
fn bins<T: Scalar>(down: Var<'_, T>, across: Var<'_, T>, options: &HogOptions) -> Vec<i64> {
    let &HogOptions { orientations, pixels_per_cell: [cell_rows, cell_columns], .. } = options;
    let (width, down, across) = (down.shape()[2], down.to_vec(), across.to_vec());
    let rows = down.par_chunks(width).zip(across.par_chunks(width));
    let mut bins = vec![0; down.len()];
    bins.par_chunks_mut(width).zip(rows).enumerate().for_each(|(row, (bins, (down, across)))| {
        let first = row / cell_rows * (width / cell_columns); // the cell
        for (x, bin) in bins.iter_mut().enumerate() {
            *bin = ((first + x / cell_columns) * orientations + bin_of(down[x].to_f64(), across[x].to_f64(), orientations)) as i64;
        }
    });
    bins
}

/// The bin of a gradient: bin b holds 180 b / n <= angle < 180 (b + 1) / n.
fn bin_of(down: f64, across: f64, orientations: usize) -> usize {
    let width = 180.0 / orientations as f64;
    let half_circle = |angle: f64| {
        let angle = angle.to_degrees();
        let angle = if angle < 0.0 { angle + 180.0 } else { angle };
        if angle < 180.0 { angle } else { 0.0 }
    };
    let angle = half_circle(down.atan2(across));
    let edge = (angle / width).round();
    let bin = if (angle / width - edge).abs() > 1e-9 || edge == 0.0 {
        (angle / width) as usize
    } else if half_circle(precise_angle(down, across)) < width * edge {
        edge as usize - 1
    } else {
        edge as usize
    };
    bin.min(orientations - 1)
}

/// `atan2`, of which the last bit is known where the edge of a bin may lie.
///
/// Differences of bytes are often equal up to rounding, and differences of their square roots have ratios such as sqrt(3) too. Then the last bit
/// of the angle decides on the bin, in which functions of systems differ. So the angle is computed from that of the edge, and rounded where
/// NumPy rounds: in the first quadrant, and once more in the others.
fn precise_angle(down: f64, across: f64) -> f64 {
    const PI_REST: f64 = 1.224_646_799_147_353_2e-16; // what `PI` lacks
    let (y, x) = (down.abs(), across.abs());
    for [tangent, tangent_rest, edge, edge_rest] in EDGES {
        let beyond = (tangent.mul_add(-x, y) - tangent_rest * x) / (x + tangent * y); // the tangent of the angle beyond the edge
        if beyond.abs() < 1e-8 {
            let angle = if across > 0.0 { edge + (edge_rest + beyond) } else { (PI_REST - edge_rest - beyond - edge) + PI };
            return angle.copysign(down);
        }
    }
    down.atan2(across)
}

/// Angles of 15, 22.5, 30, 45, 60, 67.5 and 75 degrees, whose tangents are made of square roots: the tangent, what it lacks as an `f64`, the
/// angle, what that lacks.
const EDGES: [[f64; 4]; 7] = [
    [0.267_949_192_431_122_7, 1.067_146_024_444_662_8e-17, 0.261_799_387_799_149_46, -2.680_204_416_127_727_5e-17],
    [0.414_213_562_373_095_03, 1.434_936_932_798_652_3e-17, FRAC_PI_8, 1.530_808_498_934_191_5e-17],
    [0.577_350_269_189_625_7, 3.345_028_073_935_634_5e-17, FRAC_PI_6, -5.360_408_832_255_455e-17],
    [1.0, 0.0, FRAC_PI_4, 3.061_616_997_868_383e-17],
    [1.732_050_807_568_877_2, 1.003_508_422_180_690_3e-16, FRAC_PI_3, -1.072_081_766_451_091e-16],
    [2.414_213_562_373_095, 1.253_716_717_905_021_7e-16, 1.178_097_245_096_172_4, 4.592_425_496_802_574e-17],
    [3.732_050_807_568_877, 1.003_508_422_180_690_3e-16, 1.308_996_938_995_747_2, -2.298_791_834_387_072e-17],
];

/// The difference of the two neighbors along an axis; 0 at both ends.
fn differences<'t, T: Scalar>(image: Var<'t, T>, axis: isize) -> Var<'t, T> {
    let n = image.shape()[(4 + axis) as usize];
    if n < 3 {
        return image.zeros_like();
    }
    let inner = image.narrow(axis, 2, n - 2) - image.narrow(axis, 0, n - 2);
    inner.pad(if axis == -1 { &[(0, 0), (1, 1)] } else { &[(1, 1), (0, 0)] }, 0.0)
}

/// Of two components `[batch, channels, height, width]` those of the channel where their vector is longest.
fn of_steepest_channel<'t, T: Scalar>(down: Var<'t, T>, across: Var<'t, T>) -> (Var<'t, T>, Var<'t, T>) {
    if down.shape()[1] == 1 {
        return (down.squeeze([1]), across.squeeze([1]));
    }
    let steepest = down.detach().hypot(across.detach()).argmax(1, true);
    let of = |x: Var<'t, T>| x.gather(1, steepest.clone()).squeeze([1]);
    (of(down), of(across))
}

/// Normalizes over the last three axes.
fn normalized<'t, T: Scalar>(v: Var<'t, T>, norm: BlockNorm) -> Var<'t, T> {
    const EPS: f64 = 1e-5;
    let block = [-3, -2, -1];
    let l1 = |v: Var<'t, T>| v / (v.sum_axes(block, true) + v.number(EPS));
    let l2 = |v: Var<'t, T>| v / (v.square().sum_axes(block, true) + v.number(EPS * EPS)).sqrt();
    match norm {
        BlockNorm::L1 => l1(v),
        BlockNorm::L1Sqrt => sqrt(l1(v)),
        BlockNorm::L2 => l2(v),
        BlockNorm::L2Hys => l2(l2(v).clamp(0.0, 0.2)),
    }
}

/// The square root; at 0 no derivative passes.
fn sqrt<T: Scalar>(x: Var<'_, T>) -> Var<'_, T> {
    let zero = x.number(0.0);
    x.equal(zero).where_cond(zero, x.sqrt())
}
