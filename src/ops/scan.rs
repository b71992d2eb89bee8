//! Running totals along an axis: cumsum, cumprod, logcumsumexp.
