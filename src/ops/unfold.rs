//! Sliding windows as rows of a matrix, and back: im2col and col2im.
