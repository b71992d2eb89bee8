//! The decision regions of a classifier of points in the plane.

use super::{Drawn, GREY, INK, Picture, TITLE, axis, colour, legend, mix, picture, range, tick};
use crate::nn::{Evaluation, Forward};
use crate::refusal::require;
use crate::{Scalar, Tape};
use ndarray::{Array2, ArrayD, ArrayView2};
use plotters::prelude::*;
use std::ops::Range;

/// The number of cells on each side.
const CELLS: usize = 100;
/// The number of steps from "not sure" to "sure".
const LEVELS: f64 = 12.0;

/// The points of several classes, and behind them the answer of a classifier: the colour is the class, its strength the certainty.
///
/// ```
/// use wengert::ndarray::{Axis, array, concatenate};
/// use wengert::plot::Regions;
///
/// let (points, labels) = (array![[0.0, 0.0], [1.0, 0.2], [0.1, 1.0]], [0, 1, 1]);
/// // Any function from points `[n, 2]` to logits `[n, classes]`; or `draw_module(&model)`.
/// let logits = |x: &wengert::ndarray::Array2<f64>| {
///     let sum = x.sum_axis(Axis(1)).insert_axis(Axis(1));
///     concatenate![Axis(1), 1.0 - &sum, sum].into_dyn()
/// };
/// let picture = Regions::new("a line", points.view(), &labels).names(["low", "high"]).draw(logits);
/// assert!(picture.svg().contains("high"));
/// ```
#[derive(Clone, Debug)]
pub struct Regions<'a, T: Scalar> {
    title: String,
    points: ArrayView2<'a, T>,
    labels: &'a [usize],
    names: Vec<String>,
    axes: [String; 2],
    ranges: [Range<f64>; 2],
}

impl<'a, T: Scalar> Regions<'a, T> {
    /// A picture of points `[n, 2]` with their classes.
    ///
    /// # Panics
    /// If the points have another shape, or the number of labels differs.
    #[track_caller]
    pub fn new(title: impl Into<String>, points: ArrayView2<'a, T>, labels: &'a [usize]) -> Regions<'a, T> {
        let shape = points.shape();
        let message = || format!("Regions: points have a shape [n, 2] and n labels, not {shape:?} and {} labels", labels.len());
        require(shape == [labels.len(), 2], message, "to see more features, project them to two");
        let along = |axis: usize| range(points.column(axis).iter().map(|x| x.to_f64()), 0.15);
        Regions { title: title.into(), points, labels, names: Vec::new(), axes: ["x1".into(), "x2".into()], ranges: [along(0), along(1)] }
    }
    /// The names of the classes; by default their numbers.
    #[must_use]
    pub fn names<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.names = names.into_iter().map(Into::into).collect();
        self
    }
    /// The labels of the axes; by default `x1` and `x2`.
    #[must_use]
    pub fn axes(mut self, x: impl Into<String>, y: impl Into<String>) -> Self {
        self.axes = [x.into(), y.into()];
        self
    }
    /// The part of the plane that is shown; by default that of the points, with some room around them.
    ///
    /// # Panics
    /// If a range is empty or not finite.
    #[must_use]
    #[track_caller]
    pub fn ranges(mut self, x: Range<f64>, y: Range<f64>) -> Self {
        for r in [&x, &y] {
            let fits = r.start < r.end && r.start.is_finite() && r.end.is_finite();
            require(fits, || format!("Regions::ranges: {r:?} is not a range of finite numbers"), "the lower end comes first");
        }
        self.ranges = [x, y];
        self
    }
    /// Draws the regions of a function from points `[n, 2]` to logits `[n, classes]`, or to `[n, 1]` for the logit of class 1 of two.
    ///
    /// # Panics
    /// If the function returns another shape, or a label is not one of its classes.
    #[track_caller]
    pub fn draw(&self, logits: impl FnOnce(&Array2<T>) -> ArrayD<T>) -> Picture {
        self.decide(logits(&self.cells()))
    }
    /// Draws the regions of a model in evaluation mode. Afterwards its parts have the same modes as before.
    ///
    /// # Panics
    /// As [`Regions::draw`].
    #[track_caller]
    pub fn draw_module(&self, model: &impl Forward<T>) -> Picture {
        let evaluation = Evaluation::begin();
        let tape = Tape::new();
        let logits = tape.no_grad(|| model.forward(tape.constant(self.cells()))).to_array();
        drop(evaluation);
        self.decide(logits)
    }
    /// The centres of all cells, in row-major order.
    fn cells(&self) -> Array2<T> {
        let at = |axis: usize, i: usize| edge(&self.ranges[axis], i as f64 + 0.5);
        Array2::from_shape_fn((CELLS * CELLS, 2), |(i, axis)| T::from_f64(at(axis, if axis == 0 { i % CELLS } else { i / CELLS })))
    }
    #[track_caller]
    fn decide(&self, logits: ArrayD<T>) -> Picture {
        let cells = CELLS * CELLS;
        let columns = match *logits.shape() {
            [n, columns] if n == cells => columns,
            _ => 0,
        };
        let message = || format!("Regions::draw: {cells} points need logits [{cells}, classes], not {:?}", logits.shape());
        require(columns > 0, message, "a row for each point, a column for each class");
        let classes = columns.max(2);
        let beyond = self.labels.iter().find(|&&l| l >= classes);
        let message = || format!("Regions::draw: label {} is not one of {classes} classes", beyond.unwrap_or(&0));
        require(beyond.is_none(), message, "classes are numbered from 0");
        let decide = |row: ndarray::ArrayView1<'_, T>| {
            let row: Vec<f64> = if columns == 1 { vec![0.0, row[0].to_f64()] } else { row.iter().map(|x| x.to_f64()).collect() };
            let best = (0..classes).fold(0, |best, i| if row[i] > row[best] { i } else { best });
            let probability = 1.0 / row.iter().map(|x| (x - row[best]).exp()).sum::<f64>(); // softmax at its largest
            let least = 1.0 / classes as f64;
            let level = (LEVELS * (probability - least) / (1.0 - least)).round();
            (best, if level.is_finite() { level as i32 } else { -1 })
        };
        let decided: Vec<(usize, i32)> = logits.outer_iter().map(|row| decide(row.into_dimensionality().expect("of a matrix"))).collect();
        let names: Vec<String> = (0..classes).map(|c| self.names.get(c).cloned().unwrap_or_else(|| format!("class {c}"))).collect();
        self.paint(&decided, &names.iter().map(String::as_str).collect::<Vec<_>>())
    }
    fn paint(&self, decided: &[(usize, i32)], names: &[&str]) -> Picture {
        let (width, plane) = (524, 440);
        let top = TITLE + legend(None, names, [74, width - 20, 0], |_| true).expect("nothing is drawn");
        picture(&self.title, [width, top + plane + 54], |area| -> Drawn {
            legend(Some(area), names, [74, width - 20, TITLE - 6], |_| true)?;
            let [x, y] = self.ranges.clone().map(|r| axis(r, 8, 0.0));
            let [x_labels, y_labels] = [&x, &y].map(|axis| axis.at.len());
            let mut chart = ChartBuilder::on(area)
                .margin_top(top)
                .margin_right(20)
                .margin_bottom(8)
                .margin_left(4)
                .x_label_area_size(46)
                .y_label_area_size(60)
                .build_cartesian_2d(x, y)?;
            let shade = |(class, level): (usize, i32)| match level {
                ..0 => RGBColor(200, 200, 200), // NaN
                _ => mix(WHITE, colour(class), 0.08 + 0.52 * f64::from(level) / LEVELS),
            };
            // Neighbouring cells of the same colour in a row are drawn as one. Each reaches under the next, so that no seams show.
            let corner = |axis: usize, i: f64| edge(&self.ranges[axis], i.min(CELLS as f64));
            for (row, decided) in decided.chunks(CELLS).enumerate() {
                let mut start = 0;
                for run in decided.chunk_by(|a, b| a == b) {
                    let end = start + run.len();
                    let low = (corner(0, start as f64), corner(1, row as f64));
                    let high = (corner(0, end as f64 + 0.3), corner(1, row as f64 + 1.3));
                    chart.draw_series([Rectangle::new([low, high], shade(run[0]).filled())])?;
                    start = end;
                }
            }
            chart
                .configure_mesh()
                .disable_mesh()
                .axis_style(GREY)
                .x_labels(x_labels)
                .y_labels(y_labels)
                .x_desc(&self.axes[0])
                .y_desc(&self.axes[1])
                .label_style(("sans-serif", 14).into_font().color(&GREY))
                .axis_desc_style(("sans-serif", 15).into_font().color(&INK))
                .x_label_formatter(&|x| tick(*x))
                .y_label_formatter(&|y| tick(*y))
                .draw()?;
            let [x, y] = &self.ranges;
            for (point, &label) in self.points.rows().into_iter().zip(self.labels) {
                let at = (point[0].to_f64(), point[1].to_f64());
                if (x.start..=x.end).contains(&at.0) && (y.start..=y.end).contains(&at.1) {
                    let dark = mix(colour(label), RGBColor(0, 0, 0), 0.15);
                    chart.draw_series([Circle::new(at, 5, WHITE.filled()), Circle::new(at, 4, dark.filled())])?;
                }
            }
            Ok(())
        })
    }
}

/// The coordinate of the `i`th edge of the cells.
fn edge(range: &Range<f64>, i: f64) -> f64 {
    match (range.end - range.start) * i / CELLS as f64 {
        distance if distance.is_finite() => range.start + distance,
        _ => range.start * (1.0 - i / CELLS as f64) + range.end * (i / CELLS as f64), // the width of the range overflows
    }
}
