//! Order along an axis: sort, topk, the extremes with their indices.
