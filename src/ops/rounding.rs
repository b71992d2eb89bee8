//! Functions whose slope is zero almost everywhere: floor, ceil, round, trunc, sign.
