//! When are two attributes of ops the same number? When their bits are.

use std::fmt;

/// A number that an op holds as an attribute.
///
/// A tape keeps the op of the last step where the new one is equal. `==` of numbers does not serve for that: 0 and -0 are equal, but give
/// results with different bits; and a NaN is equal to nothing, so that each step would allocate its op again.
#[derive(Clone, Copy)]
pub(crate) struct Attribute(pub f64);

impl PartialEq for Attribute {
    fn eq(&self, other: &Attribute) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl fmt::Debug for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_compared_by_bits_and_shown_as_numbers() {
        assert_eq!(Attribute(0.5), Attribute(0.5));
        assert_eq!(Attribute(f64::NAN), Attribute(f64::NAN));
        assert_ne!(Attribute(0.0), Attribute(-0.0));
        assert_eq!(format!("{:?} {:.2?}", Attribute(-0.0), Attribute(1.0)), "-0.0 1.00");
    }
}
