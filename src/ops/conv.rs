//! Convolution in 1, 2 and 3 dimensions, and its transpose: one trilinear form with three legs.
