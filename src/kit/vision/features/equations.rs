//! Small systems of linear equations, which are solved for each extremum.

/// The solution of three linear equations by Cramer's rule, if there is one.
pub(super) fn solved(a: [[f32; 3]; 3], b: [f32; 3]) -> Option<[f32; 3]> {
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
