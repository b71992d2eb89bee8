//! Norms and normalizations: vector norms, batch, layer, group, instance and RMS normalization, distances.
