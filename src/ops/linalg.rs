//! Linear algebra on square matrices and batches of them: inverse, solve, Cholesky, determinants, powers.
