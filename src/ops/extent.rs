//! More of the same elements, or fewer: flip, roll, repeat, split, diagonals, triangles, padding by reflection.
