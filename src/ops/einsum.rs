//! Sums of products over named axes: einsum, tensordot, outer.
