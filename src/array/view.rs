//! How does a kernel read an array? As a view: elements, and the layout in which they lie.

use crate::array::layout::Layout;
use crate::array::scalar::Scalar;
use crate::array::shape::Shape;

/// An input of [`Op::forward`](crate::Op::forward): elements, and the layout in which they lie.
#[derive(Clone, Copy, Debug)]
pub struct View<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) offset: usize,
    pub(crate) layout: &'a Layout,
}

impl<'a, T: Scalar> View<'a, T> {
    /// The sizes of the axes.
    pub fn shape(&self) -> &'a Shape {
        self.layout.shape()
    }
    /// Steps along the axes, in elements.
    pub fn strides(&self) -> &'a [isize] {
        self.layout.strides()
    }
    /// The elements in logical order, where they lie that way.
    pub fn as_slice(&self) -> Option<&'a [T]> {
        self.layout.is_contiguous().then(|| &self.data[self.offset..self.offset + self.shape().numel()])
    }
    /// The elements in logical order.
    pub fn iter(&self) -> impl Iterator<Item = T> + 'a {
        let (view, shape) = (*self, self.shape());
        (0..shape.numel()).map(move |mut i| {
            let mut at = view.offset as isize;
            for axis in (0..shape.len()).rev() {
                at += (i % shape[axis]) as isize * view.strides()[axis];
                i /= shape[axis];
            }
            view.data[at as usize]
        })
    }
}
