//! Images of another size: interpolation, grid sampling, pixel shuffle.
