//! Where between pixels and scales does an extremum lie? At the vertex of the quadratic function through its neighbors.

/// The derivatives of a function at a point, by differences: along columns, rows and layers.
pub(super) struct Quadratic {
    pub slope: [f32; 3],
    pub second: [[f32; 3]; 3],
}

impl Quadratic {
    /// From the values at `(layer, row, column)`, each from 0 to 2; the point is (1, 1, 1).
    #[inline(always)]
    pub fn new(at: impl Fn(usize, usize, usize) -> f32) -> Quadratic {
        let value = at(1, 1, 1);
        let [[x0, x1], [y0, y1], [l0, l1]] = [[at(1, 1, 0), at(1, 1, 2)], [at(1, 0, 1), at(1, 2, 1)], [at(0, 1, 1), at(2, 1, 1)]];
        let slope = [(x1 - x0) / 2.0, (y1 - y0) / 2.0, (l1 - l0) / 2.0];
        let [xx, yy, ll] = [x0 + x1 - 2.0 * value, y0 + y1 - 2.0 * value, l0 + l1 - 2.0 * value];
        let xy = (at(1, 2, 2) - at(1, 2, 0) - at(1, 0, 2) + at(1, 0, 0)) / 4.0;
        let xl = (at(2, 1, 2) - at(2, 1, 0) - at(0, 1, 2) + at(0, 1, 0)) / 4.0;
        let yl = (at(2, 2, 1) - at(2, 0, 1) - at(0, 2, 1) + at(0, 0, 1)) / 4.0;
        Quadratic { slope, second: [[xx, xy, xl], [xy, yy, yl], [xl, yl, ll]] }
    }
    /// Where the slope is 0, from the point on, if there is one such place.
    pub fn vertex(&self) -> Option<[f32; 3]> {
        solved(self.second, self.slope.map(|s| -s))
    }
}

/// The solution of three linear equations by Cramer's rule, if there is one.
fn solved(a: [[f32; 3]; 3], b: [f32; 3]) -> Option<[f32; 3]> {
    let a = a.map(|row| row.map(f64::from));
    let b = b.map(f64::from);
    let determinant = |m: [[f64; 3]; 3]| {
        m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
            + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
    };
    let whole = determinant(a);
    let replaced = |column: usize| {
        let mut m = a;
        (0..3).for_each(|row| m[row][column] = b[row]);
        (determinant(m) / whole) as f32
    };
    (whole != 0.0).then(|| [0, 1, 2].map(replaced))
}
