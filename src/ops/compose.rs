//! Elementwise functions that are formulas of other ops.

use crate::array::scalar::Scalar;
use crate::tape::var::{Operand, Var};

impl<'t, T: Scalar> Var<'t, T> {
    /// a + alpha b. Derivatives: 1 and alpha. Shape: that of a and b, broadcast. In PyTorch: `torch.add(a, b, alpha=alpha)`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (a, b) = (tape.leaf([1.0, 2.0]), tape.leaf([10.0, 20.0]));
    /// assert_eq!(a.add_scaled(b, 0.5).to_vec(), [6.0, 12.0]);
    /// assert_eq!(tape.grad(a.add_scaled(b, 0.5), &[b])[0].unwrap().to_vec(), [0.5, 0.5]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn add_scaled(self, b: impl Operand<'t, T>, alpha: f64) -> Self {
        self + b.to_var(self.tape()).scaled(alpha)
    }
    /// a - alpha b. Derivatives: 1 and -alpha. Shape: that of a and b, broadcast. In PyTorch: `torch.sub(a, b, alpha=alpha)`.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (a, b) = (tape.leaf([1.0, 2.0]), tape.leaf(3.0));
    /// assert_eq!(a.sub_scaled(b, 2.0).to_vec(), [-5.0, -4.0]);
    /// assert_eq!(tape.grad(a.sub_scaled(b, 2.0), &[b])[0].unwrap().item(), -4.0); // b is used twice
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn sub_scaled(self, b: impl Operand<'t, T>, alpha: f64) -> Self {
        self - b.to_var(self.tape()).scaled(alpha)
    }
    /// x + value a b. Derivatives: 1, value b and value a. Shape: that of x, a and b, broadcast.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (x, a, b) = (tape.leaf(1.0), tape.leaf([2.0, 3.0]), tape.leaf([4.0, 6.0]));
    /// let y = x.addcmul(a, b, 0.5);
    /// assert_eq!(y.to_vec(), [5.0, 10.0]);
    /// assert_eq!(tape.grad(y, &[a])[0].unwrap().to_vec(), [2.0, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn addcmul(self, a: impl Operand<'t, T>, b: impl Operand<'t, T>, value: f64) -> Self {
        self + (a.to_var(self.tape()) * b).scaled(value)
    }
    /// x + value a / b. Derivatives: 1, value/b and -value a/b^2. Shape: that of x, a and b, broadcast.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (x, a, b) = (tape.leaf(1.0), tape.leaf(8.0), tape.leaf(2.0));
    /// let y = x.addcdiv(a, b, 0.5);
    /// assert_eq!(y.item(), 3.0);
    /// assert_eq!(tape.grad(y, &[b])[0].unwrap().item(), -1.0);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn addcdiv(self, a: impl Operand<'t, T>, b: impl Operand<'t, T>, value: f64) -> Self {
        self + (a.to_var(self.tape()) / b).scaled(value)
    }
    /// (1 - w) a + w b: a for w = 0, b for w = 1; w may lie outside [0, 1]. Derivatives: 1 - w, w, and b - a. Shape: that of a, b and w,
    /// broadcast.
    ///
    /// ```
    /// let tape = wengert::Tape::<f64>::new();
    /// let (a, b) = (tape.leaf([1.0, 2.0]), tape.leaf([3.0, 6.0]));
    /// assert_eq!(a.lerp(b, 0.25).to_vec(), [1.5, 3.0]);
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn lerp(self, b: impl Operand<'t, T>, w: impl Operand<'t, T>) -> Self {
        // Not a + w (b - a), which for w = 1 does not give b where a is much larger.
        let w = w.to_var(self.tape());
        self * (w.number(1.0) - w) + b.to_var(self.tape()) * w
    }
    /// c x, without a node where c = 1.
    #[track_caller]
    fn scaled(self, c: f64) -> Self {
        if c == 1.0 { self } else { self * self.number(c) }
    }
}
