//! Images that the program draws: bright discs, squares, triangles and striped ellipses on a dark ground, all with noise, and the class of each pixel.

use ndarray::{Array2, Array3};
use std::ops::Range;
use wengert::init::seeded;
use wengert::rand::{Rng, RngExt};

/// The classes of pixels.
pub const CLASSES: [&str; 5] = ["background", "disc", "square", "triangle", "stripes"];

type Color = [f64; 3];

const DARK: Range<f64> = 0.05..0.4;
const BRIGHT: Range<f64> = 0.45..1.0;

/// A figure: a class from 1 on, a center, a radius, and what it looks like.
struct Figure {
    class: u8,
    center: [f64; 2],
    radius: f64,
    angle: f64,
    color: Color,
    /// The second color of stripes.
    other: Color,
}

impl Figure {
    /// Whether the point belongs to it, and its color there.
    fn at(&self, x: f64, y: f64) -> Option<Color> {
        let (dx, dy) = (x - self.center[0], y - self.center[1]);
        let (sin, cos) = self.angle.sin_cos();
        let (u, v) = ((cos * dx + sin * dy) / self.radius, (cos * dy - sin * dx) / self.radius);
        let inside = match self.class {
            1 => u * u + v * v < 1.0,
            2 => u.abs().max(v.abs()) < 0.85,
            // Three sides at distance 0.6 from the center.
            3 => [0.0, 2.0, 4.0]
                .iter()
                .all(|k| ((k * std::f64::consts::FRAC_PI_3).cos() * u + (k * std::f64::consts::FRAC_PI_3).sin() * v) < 0.6),
            _ => u * u + 2.0 * v * v < 1.0,
        };
        let second = self.class == 4 && (u * self.radius * 1.3).sin() > 0.0;
        inside.then_some(if second { self.other } else { self.color })
    }
}

/// An image `[3, size, size]`, and the class of each of its pixels. The same seed gives the same image.
pub fn image(size: usize, seed: u64) -> (Array3<u8>, Array2<u8>) {
    let rng = &mut seeded(seed);
    let (here, there) = (color(rng, DARK), color(rng, DARK));
    let (sin, cos) = rng.random_range(0.0..std::f64::consts::TAU).sin_cos();
    let middle = size as f64 / 2.0;
    let figures = figures(size as f64, rng);
    let (mut pixels, mut classes) = (Array3::zeros((3, size, size)), Array2::zeros((size, size)));
    for y in 0..size {
        for x in 0..size {
            let (px, py) = (x as f64, y as f64);
            // The background fades from one color to the other; later figures lie on earlier ones.
            let t = ((px - middle) * cos + (py - middle) * sin) / (2.0 * size as f64) + 0.5;
            let background = std::array::from_fn(|k| here[k] * (1.0 - t) + there[k] * t);
            let top = figures.iter().rev().find_map(|f| f.at(px, py).map(|c| (f.class, c)));
            let (class, color) = top.unwrap_or((0, background));
            classes[[y, x]] = class;
            for (k, c) in color.iter().enumerate() {
                let noise = rng.random_range(-0.08..0.08);
                pixels[[k, y, x]] = ((c + noise) * 255.0).round() as u8; // `as` clamps
            }
        }
    }
    (pixels, classes)
}

/// Two to four figures that cover each other little.
fn figures(size: f64, rng: &mut impl Rng) -> Vec<Figure> {
    let mut figures: Vec<Figure> = Vec::new();
    let wanted = rng.random_range(2..=4);
    for _ in 0..40 {
        let radius = rng.random_range(0.15..0.27) * size;
        let center = [rng.random_range(0.1..0.9) * size, rng.random_range(0.1..0.9) * size];
        let apart = |f: &Figure| (f.center[0] - center[0]).hypot(f.center[1] - center[1]) > 0.85 * (f.radius + radius);
        if figures.len() < wanted && figures.iter().all(apart) {
            let class = rng.random_range(1..CLASSES.len() as u8);
            let [color, other] = [color(rng, BRIGHT), color(rng, BRIGHT)];
            // Stripes that are too like each other are told apart by brightness.
            let alike = color.iter().zip(other).all(|(a, b)| (a - b).abs() < 0.3);
            let other = if alike { color.map(|c| c / 2.0) } else { other };
            figures.push(Figure { class, center, radius, angle: rng.random_range(0.0..std::f64::consts::TAU), color, other });
        }
    }
    figures
}

fn color(rng: &mut impl Rng, brightness: Range<f64>) -> Color {
    std::array::from_fn(|_| rng.random_range(brightness.clone()))
}
