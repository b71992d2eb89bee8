//! What does a tape remember from one step to the next? Layouts, and what ops answered about shapes (ops with attributes: `AttributedOps` in
//! `erase.rs`): a step that repeats the last one finds all of it and allocates nothing.

use crate::array::layout::Layout;
use crate::array::shape::Shape;
use rustc_hash::FxHashMap;

/// What makes two recorded ops the same: the address of their table, or for ops with attributes the serial number of their entry in the
/// tape's table (with the top bit set). One word, since comparing it is on the path of every node.
pub(crate) type OpKey = u64;

/// Where an op's output lies: its layout, and for a view the distance from the input's first element.
#[derive(Clone, Copy)]
pub(crate) struct Placement {
    pub layout: LayoutId,
    pub alias: Option<isize>,
}

/// One question about shapes: an op and the layouts of its inputs, packed into whole words: halves that are written apart and read together stall
/// the processor (store-to-load forwarding).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Question {
    pub op: OpKey,
    pub first: u64,
    pub last: u64,
}

/// What ops last answered about shapes, since a model asks the same questions in every step: a cache of pairs. (With one place for each
/// question, two of a model's few dozen most often shared one, and were asked anew in every step.)
pub(crate) struct Placements {
    pairs: Vec<[Option<(Question, Placement)>; 2]>,
}

impl Placements {
    const BITS: u32 = 8;
    pub fn new() -> Placements {
        Placements { pairs: vec![[None; 2]; 1 << Self::BITS] }
    }
    #[inline]
    fn pair(&mut self, q: &Question) -> &mut [Option<(Question, Placement)>; 2] {
        let mixed = (q.op ^ q.first ^ q.last << 16).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        &mut self.pairs[(mixed >> (64 - Self::BITS)) as usize]
    }
    #[inline]
    pub fn find(&mut self, q: &Question) -> Option<Placement> {
        let known = self.pair(q).iter().flatten().find(|(known, _)| known == q)?;
        Some(known.1)
    }
    /// Keeps an answer, in the place of the older one.
    pub fn insert(&mut self, q: Question, answer: Placement) {
        let pair = self.pair(&q);
        *pair = [Some((q, answer)), pair[0]];
    }
}

/// The index of a layout on its tape.
pub(crate) type LayoutId = u32;
/// The layout of a number, which is always known.
pub(crate) const NUMBER_LAYOUT: LayoutId = 0;

/// Layouts by index, so that a node holds four bytes and equal layouts compare in one step.
pub(crate) struct Layouts {
    list: Vec<Layout>,
    ids: FxHashMap<Layout, LayoutId>,
    /// The contiguous layout last found for a shape, by a hash of it: leaves ask for the same few in every step.
    recent: [LayoutId; 64],
}

impl Layouts {
    pub fn new() -> Layouts {
        let mut layouts = Layouts { list: Vec::new(), ids: FxHashMap::default(), recent: [NUMBER_LAYOUT; 64] };
        let number = layouts.intern(Layout::contiguous(Shape::scalar()));
        assert_eq!(number, NUMBER_LAYOUT);
        layouts
    }
    pub fn len(&self) -> usize {
        self.list.len()
    }
    pub fn intern(&mut self, layout: Layout) -> LayoutId {
        if let Some(&id) = self.ids.get(&layout) {
            return id;
        }
        let id = self.list.len() as LayoutId;
        self.list.push(layout.clone());
        self.ids.insert(layout, id);
        id
    }
    pub fn contiguous(&mut self, shape: &[usize]) -> LayoutId {
        if shape.is_empty() {
            return NUMBER_LAYOUT;
        }
        let hash = shape.iter().fold(shape.len() as u64, |h, &n| (h ^ n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let recent = (hash >> 58) as usize;
        let known = self.get(self.recent[recent]);
        if known.is_contiguous() && **known.shape() == *shape {
            return self.recent[recent];
        }
        let id = self.intern(Layout::contiguous(shape.into()));
        self.recent[recent] = id;
        id
    }
    #[inline]
    pub fn get(&self, id: LayoutId) -> &Layout {
        &self.list[id as usize]
    }
}
