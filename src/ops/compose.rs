//! Elementwise functions that are formulas of other ops.
