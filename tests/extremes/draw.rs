//! What is thrown at a method? Each argument is drawn: an ordinary one, or one of the extremes of its kind.

use crate::random::Random;
use wengert::{Indices, Tape, Var};

pub type V<'t> = Var<'t, f64>;

/// Sizes beyond what memory, addresses and 32 bits hold.
pub const SIZES: [usize; 13] =
    [0, 1, 2, 3, 1 << 31, 1 << 32, 1 << 40, 1 << 62, isize::MAX as usize, 1 << 63, usize::MAX / 2 + 2, usize::MAX - 1, usize::MAX];
pub const INTS: [isize; 16] =
    [0, 1, -1, 2, -2, 3, -3, 1 << 31, -(1 << 31), 1 << 32, 1 << 40, -(1 << 40), isize::MAX - 1, isize::MAX, isize::MIN + 1, isize::MIN];
pub const FLOATS: [f64; 16] = [
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
    -0.0,
    0.0,
    1.0,
    -1.0,
    2.0,
    f64::MAX,
    f64::MIN,
    f64::MIN_POSITIVE,
    5e-324,
    1e-300,
    1e30,
    4.3e9,
    -4.3e9,
];
const COUNTS: [i32; 9] = [0, 1, -1, 2, 3, 400, -400, i32::MAX, i32::MIN];

/// Which arguments are extreme.
enum Script {
    /// One of them, with its number, and which of the extremes of its kind.
    One { argument: usize, extreme: usize },
    /// Each with a chance of one half.
    Any(Random),
}

/// The arguments of one call.
pub struct Draw<'t> {
    pub tape: &'t Tape<f64>,
    /// The arrays that were made, by which the result is differentiated.
    pub leaves: Vec<V<'t>>,
    script: Script,
    drawn: usize,
    /// Whether the script named an extreme that there is.
    pub met: bool,
    /// Whether all numbers are ordinary ones, so that the result should be finite.
    pub tame: bool,
    /// What was drawn, for the message of a failure.
    pub said: String,
}

impl<'t> Draw<'t> {
    /// One extreme argument, and the others ordinary.
    pub fn one(tape: &'t Tape<f64>, argument: usize, extreme: usize) -> Self {
        Draw::new(tape, Script::One { argument, extreme })
    }
    /// Any combination.
    pub fn any(tape: &'t Tape<f64>, seed: u64) -> Self {
        Draw::new(tape, Script::Any(Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)))
    }
    fn new(tape: &'t Tape<f64>, script: Script) -> Self {
        Draw { tape, leaves: Vec::new(), script, drawn: 0, met: false, tame: true, said: String::new() }
    }
    /// How many arguments were drawn.
    pub fn drawn(&self) -> usize {
        self.drawn
    }
    /// The number of an extreme for the next argument, of so many; `None` for an ordinary one.
    fn next(&mut self, extremes: usize) -> Option<usize> {
        let number = self.drawn;
        self.drawn += 1;
        let extreme = match &mut self.script {
            Script::One { argument, extreme } => (number == *argument && *extreme < extremes).then_some(*extreme),
            Script::Any(random) => {
                // A generator by multiplication and its upper bits: no two runs differ.
                let x = random.bits();
                x.is_multiple_of(2).then_some(x / 2 % extremes)
            }
        };
        self.met |= extreme.is_some();
        extreme
    }
    fn one_of<A: Copy + std::fmt::Debug>(&mut self, extremes: &[A], ordinary: A) -> A {
        let x = self.next(extremes.len()).map_or(ordinary, |i| extremes[i]);
        self.said += &format!(" {x:?}");
        x
    }
    pub fn size(&mut self, ordinary: usize) -> usize {
        self.one_of(&SIZES, ordinary)
    }
    pub fn sizes<const N: usize>(&mut self, ordinary: [usize; N]) -> [usize; N] {
        ordinary.map(|n| self.size(n))
    }
    pub fn int(&mut self, ordinary: isize) -> isize {
        self.one_of(&INTS, ordinary)
    }
    pub fn count(&mut self, ordinary: i32) -> i32 {
        self.one_of(&COUNTS, ordinary)
    }
    pub fn flag(&mut self) -> bool {
        self.one_of(&[true], false)
    }
    /// One of the forms of an option.
    pub fn form<A: Copy + std::fmt::Debug>(&mut self, forms: &[A]) -> A {
        self.one_of(forms, forms[0])
    }
    pub fn float(&mut self, ordinary: f64) -> f64 {
        let x = self.one_of(&FLOATS, ordinary);
        self.tame &= x == ordinary;
        x
    }
    /// Whole numbers of a shape.
    pub fn indices(&mut self, shape: &[usize], ordinary: i64) -> Indices {
        let number = self.int(ordinary as isize) as i64;
        Indices::new(shape, std::iter::repeat_n(ordinary, shape.iter().product::<usize>().max(1) - 1).chain([number]))
    }
    /// A `Var` of this shape: of ordinary numbers, or of any others, without elements, or a view of more elements than memory holds.
    pub fn x(&mut self, shape: &[usize]) -> V<'t> {
        let (tape, rank) = (self.tape, shape.len());
        let count = shape.iter().product::<usize>();
        let numbers: Vec<f64> = (0..count).map(|i| 0.15 + 0.1 * ((i * 5 + 3) % 8) as f64).collect();
        let kind = self.next(FLOATS.len() + 2 + 4 * rank);
        let wanted: Vec<isize> = shape.iter().map(|&n| n as isize).collect();
        let x = match kind {
            None => tape.leaf(&numbers).reshape(&wanted),
            // The first element alone, so that it meets ordinary ones.
            Some(k) if k < FLOATS.len() && count > 0 => {
                let mut numbers = numbers;
                numbers[0] = FLOATS[k];
                self.tame = false;
                tape.leaf(&numbers).reshape(&wanted)
            }
            Some(k) if k <= FLOATS.len() => tape.leaf(0.5),
            Some(k) if k == FLOATS.len() + 1 => tape.leaf(&numbers).reshape([1, count as isize]),
            Some(k) => {
                let (axis, how) = ((k - FLOATS.len() - 2) / 4, (k - FLOATS.len() - 2) % 4);
                let mut sizes = shape.to_vec();
                // An axis without elements, perhaps beside one of any number, counts as nothing.
                sizes[(axis + 1) % rank] *= [1, 1, 1 << 40, 1 << 15][how];
                sizes[axis] = if how == 1 { 1 << 33 } else { 0 };
                tape.leaf(0.5).broadcast_to(&sizes)
            }
        };
        self.said += &format!(" x{}", x.shape());
        // (Views are differentiated too, by what they look at.)
        self.leaves.push(x);
        x
    }
}
