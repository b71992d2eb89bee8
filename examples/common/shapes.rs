//! Draws images of shapes with known boxes and classes.

use ndarray::{Array2, Array3};
use rand::{Rng, RngExt};

/// The classes, from 1 on.
pub const NAMES: [&str; 4] = ["disk", "rectangle", "triangle", "ring"];

/// A shape in a box: its class, the center of the box, and half its width and height.
struct Shape {
    class: usize,
    center: [f64; 2],
    half: [f64; 2],
    color: [f64; 3],
}

impl Shape {
    fn draw(size: f64, rng: &mut impl Rng) -> Shape {
        let class = rng.random_range(1..=NAMES.len());
        let side = rng.random_range(0.06..0.22) * size;
        // Disks and rings are round, the others are stretched by up to 1.6.
        let stretch: f64 = if class == 1 || class == 4 { 1.0 } else { rng.random_range(0.63..1.6) };
        let half = [side * stretch.sqrt(), side / stretch.sqrt()];
        let center = half.map(|h| rng.random_range(h..size - h));
        Shape { class, center, half, color: std::array::from_fn(|_| rng.random_range(0.0..1.0)) }
    }
    fn covers(&self, x: f64, y: f64) -> bool {
        let (u, v) = ((x - self.center[0]) / self.half[0], (y - self.center[1]) / self.half[1]);
        if u.abs() > 1.0 || v.abs() > 1.0 {
            return false;
        }
        match self.class {
            1 => u.hypot(v) <= 1.0,
            2 => true,
            3 => u.abs() <= (v + 1.0) / 2.0, // its top is in the middle
            _ => (0.55..=1.0).contains(&u.hypot(v)),
        }
    }
    fn corners(&self) -> [f64; 4] {
        let ([x, y], [w, h]) = (self.center, self.half);
        [x - w, y - h, x + w, y + h]
    }
}

/// The part of the smaller box that is in the other one.
fn hidden(a: [f64; 4], b: [f64; 4]) -> f64 {
    let width = (a[2].min(b[2]) - a[0].max(b[0])).max(0.0);
    let height = (a[3].min(b[3]) - a[1].max(b[1])).max(0.0);
    let area = |[x1, y1, x2, y2]: [f64; 4]| (x2 - x1) * (y2 - y1);
    width * height / area(a).min(area(b))
}

/// An image `[3, size, size]`, the boxes in it, and their classes: up to five shapes that hide each other in part, later ones in front, on a ground of two colors with noise.
pub fn draw(size: usize, rng: &mut impl Rng) -> (Array3<u8>, Array2<f32>, Vec<usize>) {
    let count = rng.random_range(0..=5);
    let mut shapes: Vec<Shape> = Vec::new();
    for _ in 0..count {
        let shape = Shape::draw(size as f64, rng);
        if shapes.iter().all(|other| hidden(shape.corners(), other.corners()) < 0.4) {
            shapes.push(shape);
        }
    }
    let ground: [[f64; 3]; 2] = std::array::from_fn(|_| std::array::from_fn(|_| rng.random_range(0.2..0.8)));
    let noise = rng.random_range(0.02..0.08);
    let mut image = Array3::zeros((3, size, size));
    for y in 0..size {
        for x in 0..size {
            let front = shapes.iter().rev().find(|shape| shape.covers(x as f64 + 0.5, y as f64 + 0.5));
            let down = y as f64 / size as f64;
            for c in 0..3 {
                let color = front.map_or(ground[0][c] * (1.0 - down) + ground[1][c] * down, |shape| shape.color[c]);
                image[[c, y, x]] = ((color + rng.random_range(-noise..noise)) * 255.0).clamp(0.0, 255.0) as u8;
            }
        }
    }
    let boxes: Vec<f32> = shapes.iter().flat_map(|shape| shape.corners()).map(|x| x as f32).collect();
    let boxes = Array2::from_shape_vec((shapes.len(), 4), boxes).expect("four each");
    (image, boxes, shapes.iter().map(|shape| shape.class).collect())
}
