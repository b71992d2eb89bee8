//! Pooling: maximum with indices, average, adaptive, and unpooling.
