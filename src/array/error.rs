//! What does an error say? The op, shapes, the layer, the caller's line, and a hint.

use crate::array::scope::{self, Layer};
use crate::array::shape::Shape;
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};

/// Why an op was refused, before any arithmetic. Methods on [`Var`](crate::Var) panic with this text;
/// [`Tape::try_apply`](crate::Tape::try_apply) returns it.
// (Behind one pointer, so that what may be refused comes back in registers: with it in place, a node of a small graph took a nanosecond more.)
#[derive(Clone)]
pub struct ShapeError(Box<Details>);

#[derive(Clone)]
struct Details {
    op: &'static str,
    shapes: Vec<Shape>,
    at: Option<&'static Location<'static>>,
    layer: Option<Layer>,
    message: String,
    hint: Option<String>,
}

/// The beginning of the text of an error where there is not enough memory.
pub(crate) const LACK: &str = "not enough memory";

/// The largest number of inputs whose shapes an error says.
const SHOWN: usize = 8;

impl ShapeError {
    /// An error with what is wrong; the engine adds the op's name, the shapes of its inputs and the caller's line.
    pub fn new(message: impl Into<String>) -> ShapeError {
        ShapeError(Box::new(Details { op: "", shapes: Vec::new(), at: None, layer: None, message: message.into(), hint: None }))
    }
    /// The same with advice on the fix.
    pub fn hint(mut self, hint: impl Into<String>) -> ShapeError {
        self.0.hint = Some(hint.into());
        self
    }
    /// The same, of an array of this shape.
    pub(crate) fn about(mut self, shape: &Shape) -> ShapeError {
        self.0.message = format!("an array of shape {shape}: {}", self.0.message);
        self
    }
    pub(crate) fn message(&self) -> &str {
        &self.0.message
    }
    /// The op that was refused.
    pub fn op(&self) -> &str {
        self.0.op
    }
    /// The shapes of its inputs.
    pub fn shapes(&self) -> &[Shape] {
        &self.0.shapes
    }
    /// The line of the caller's source that asked for the op.
    pub fn location(&self) -> Option<&'static Location<'static>> {
        self.0.at
    }
    /// The text of a panic as an error; `None` if it has none, or one that already names a line.
    pub(crate) fn of_panic(panic: &(dyn Any + Send), doing: &str) -> Option<ShapeError> {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied())?;
        if text.contains("\n  at ") {
            return None;
        }
        let (text, hint) = text.split_once("\n  hint: ").map_or((text, None), |(text, hint)| (text, Some(hint)));
        let message = if text.contains(LACK) { text.into() } else { format!("its `{doing}` panicked: {text}") };
        let e = ShapeError::new(message);
        Some(match hint {
            Some(hint) => e.hint(hint),
            None => e,
        })
    }
    pub(crate) fn of(mut self, op: &'static str, shapes: impl IntoIterator<Item = Shape>, at: &'static Location<'static>) -> ShapeError {
        let details = &mut *self.0;
        if details.op.is_empty() {
            details.op = op;
            details.shapes = shapes.into_iter().collect();
        }
        if details.at.is_none() {
            (details.at, details.layer) = (Some(scope::scope_line(at)), scope::layer());
        }
        self
    }
    /// Says that an input is the parameter of this name in the model: `features.2.weight`. Without a scope the layer is `features.2`; a scope `2` becomes
    /// `features.2`; any other scope knows better, for instance of a weight that two layers share.
    pub(crate) fn with_param(mut self, name: &str) -> ShapeError {
        let Some((owner, _)) = name.rsplit_once('.') else { return self };
        match &mut self.0.layer {
            Some(layer) if owner.ends_with(&format!(".{}", layer.path)) => layer.path = owner.into(),
            Some(_) => {}
            none => *none = Some(Layer { path: owner.into(), description: String::new() }),
        }
        self
    }
    /// The layer in which it happened, as [`named_scope`](crate::named_scope)s and the names of parameters tell: `features.2`.
    pub fn layer(&self) -> Option<&str> {
        self.0.layer.as_ref().map(|layer| &*layer.path)
    }
}

/// Runs a method of an op (`doing`, its name for the text), perhaps of one of the user's own. A panic with a text that names no line becomes an
/// error, to which the caller adds op, shapes and line; any other panic goes on as it is.
#[inline(always)]
pub(crate) fn told<R>(doing: &str, run: impl FnOnce() -> R) -> Result<R, ShapeError> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(r) => Ok(r),
        Err(panic) => Err(told_by(panic, doing)),
    }
}
#[cold]
#[inline(never)]
pub(crate) fn told_by(panic: Box<dyn Any + Send>, doing: &str) -> ShapeError {
    match ShapeError::of_panic(&*panic, doing) {
        Some(e) => e,
        None => resume_unwind(panic),
    }
}

impl fmt::Display for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { op, shapes: all, at, layer, message, hint } = &*self.0;
        if !op.is_empty() {
            write!(f, "{op}")?;
            if !all.is_empty() {
                let shapes: Vec<String> = all.iter().take(SHOWN).map(|s| s.to_string()).collect();
                write!(f, " of {}", shapes.join(" and "))?;
                if let more @ 1.. = all.len() - shapes.len() {
                    write!(f, " and {more} more")?;
                }
            }
            write!(f, ": ")?;
        }
        write!(f, "{message}")?;
        if let Some(Layer { path, description }) = layer {
            write!(f, "\n  in layer {path}")?;
            if !description.is_empty() {
                write!(f, " ({description})")?;
            }
        }
        if let Some(at) = at {
            write!(f, "\n  at {}:{}:{}", at.file(), at.line(), at.column())?;
        }
        if let Some(hint) = hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

/// Its parts.
impl fmt::Debug for ShapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { op, shapes, at, layer, message, hint } = &*self.0;
        let mut all = f.debug_struct("ShapeError");
        all.field("op", op)
            .field("shapes", shapes)
            .field("at", at)
            .field("layer", layer)
            .field("message", message)
            .field("hint", hint)
            .finish()
    }
}

impl std::error::Error for ShapeError {}
