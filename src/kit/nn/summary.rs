//! A table of the layers of a network, read from the tape of one evaluation.

use crate::refusal::elements;
use crate::show::grouped;
use crate::{NodeInfo, Param, Scalar, Shape, Tape, Var};
use ndarray::{ArrayD, IxDyn};
use std::fmt;

/// One row of a [`Summary`]: a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct SummaryRow {
    /// The name of the module that owns the parameters; empty without parameters.
    pub name: String,
    /// The ops that the layer records.
    pub op: String,
    /// The shape of the output.
    pub output: Shape,
    /// The number of parameters, without those that an earlier layer has used.
    pub parameters: usize,
    /// The number of multiply-adds in matrix products and convolutions.
    pub multiply_adds: usize,
}

/// The layers of a network in the order of their use. [`Forward::summary`](crate::nn::Forward::summary) makes it, and `Display` shows it as a
/// table.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The shape of the input.
    pub input: Shape,
    /// One row for each layer, and for each function between layers.
    pub layers: Vec<SummaryRow>,
    /// The number of parameters of the whole network.
    pub parameters: usize,
    /// The number of parameters that are not frozen.
    pub trainable: usize,
}

impl Summary {
    /// Evaluates a network with these parameters on zeros of this shape, and reads the tape. `trainable` is the number that is not frozen;
    /// during the evaluation nothing may be frozen.
    #[track_caller]
    pub(super) fn of<T: Scalar>(
        named: &[(String, Param<T>)],
        trainable: usize,
        input: &[usize],
        evaluate: impl for<'t> FnOnce(Var<'t, T>) -> Var<'t, T>,
    ) -> Summary {
        let count = |p: &Param<T>| p.shape().numel();
        let tape = Tape::new();
        // A tape has one node for each parameter that is not frozen. The nodes of the network use these.
        let params: Vec<usize> = named.iter().map(|(_, p)| tape.param(p).node()).collect();
        elements::<T>("summary: an input", input);
        let x = tape.leaf(ArrayD::from_elem(IxDyn(input), T::ZERO));
        evaluate(x);

        let nodes = tape.nodes();
        let mut reading = Reading { nodes: &nodes, used: vec![Vec::new(); nodes.len()], flows: vec![false; nodes.len()] };
        for (k, &node) in params.iter().enumerate() {
            reading.used[node].push(k);
        }
        reading.flows[x.node()] = true;
        let mut layers: Vec<SummaryRow> = Vec::new();
        let mut counted = vec![false; named.len()];
        let mut owned = false; // true if the last row has parameters; its name may be empty even then, if the network itself owns them
        for i in x.node() + 1..nodes.len() {
            if !reading.follow(i) {
                continue;
            }
            if MOVES.contains(&nodes[i].op) {
                // An embedding looks up its words in one row, and then reshapes them.
                if let Some(last) = layers.last_mut().filter(|l| l.op == "index_select") {
                    last.output = nodes[i].shape.clone();
                }
                continue;
            }
            // In evaluation mode, batch normalization is recorded as this op.
            let op = if nodes[i].op == "channel_affine" { "batch_norm" } else { nodes[i].op };
            let owners = &reading.used[i];
            let name = owners.first().map_or("", |&k| named[k].0.rsplit_once('.').map_or("", |(owner, _)| owner)).to_string();
            let mut parameters = 0;
            for &k in owners {
                if !counted[k] {
                    parameters += count(&named[k].1);
                }
                counted[k] = true;
            }
            let (output, multiply_adds) = (nodes[i].shape.clone(), multiply_adds(&nodes, &nodes[i]));
            let same_layer = owned && !owners.is_empty();
            owned = !owners.is_empty();
            match layers.last_mut().filter(|last| same_layer && last.name == name) {
                Some(last) => {
                    last.op = format!("{}, {op}", last.op);
                    last.output = output;
                    last.parameters += parameters;
                    last.multiply_adds += multiply_adds;
                }
                None => layers.push(SummaryRow { name, op: op.to_string(), output, parameters, multiply_adds }),
            }
        }
        Summary { input: input.into(), layers, parameters: named.iter().map(|(_, p)| count(p)).sum(), trainable }
    }
    /// The number of multiply-adds in all layers.
    pub fn multiply_adds(&self) -> usize {
        self.layers.iter().map(|l| l.multiply_adds).sum()
    }
}

/// Ops that move numbers without computing anything: they are not layers.
const MOVES: [&str; 5] = ["reshape", "permute", "broadcast_to", "contiguous", "slice"];

/// For each node: the parameters that it uses, and whether the input flows through it.
struct Reading<'a> {
    nodes: &'a [NodeInfo],
    used: Vec<Vec<usize>>,
    flows: Vec<bool>,
}

impl Reading<'_> {
    /// True if the input flows through node i. Then parameters that reach it by other nodes (as does the scale of batch normalization)
    /// count as its own.
    fn follow(&mut self, i: usize) -> bool {
        let inputs = &self.nodes[i].inputs;
        // The words of an embedding are not a node, so its output would not seem to depend on the input.
        self.flows[i] = self.nodes[i].op == "index_select" || inputs.iter().any(|&k| self.flows[k]);
        for &k in inputs {
            if !self.flows[k] {
                for p in self.used[k].clone() {
                    if !self.used[i].contains(&p) {
                        self.used[i].push(p);
                    }
                }
            }
        }
        self.flows[i]
    }
}

fn multiply_adds(nodes: &[NodeInfo], node: &NodeInfo) -> usize {
    let shape = |i: usize| &nodes[node.inputs[i]].shape;
    let last = |s: &Shape| s.last().copied().unwrap_or(1);
    match node.op {
        "linear" | "matmul" | "addmm" => node.shape.numel() * last(shape(0)),
        "conv1d" | "conv2d" | "conv3d" => node.shape.numel() * shape(1)[1..].iter().product::<usize>(),
        "conv_transpose1d" | "conv_transpose2d" | "conv_transpose3d" => shape(0).numel() * shape(1)[1..].iter().product::<usize>(),
        _ => 0,
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blank_if_none = |n: usize| if n == 0 { String::new() } else { grouped(n) };
        let mut rows = vec![["layer", "op", "output shape", "parameters", "multiply-adds"].map(String::from)];
        rows.push([String::new(), "input".into(), self.input.to_string(), String::new(), String::new()]);
        rows.extend(
            self.layers
                .iter()
                .map(|l| [l.name.clone(), l.op.clone(), l.output.to_string(), blank_if_none(l.parameters), blank_if_none(l.multiply_adds)]),
        );
        rows.push(["total".into(), String::new(), String::new(), grouped(self.parameters), grouped(self.multiply_adds())]);
        let width = |k: usize| rows.iter().map(|r| r[k].len()).max().unwrap_or(0);
        let w: [usize; 5] = std::array::from_fn(width);
        let rule = "-".repeat(w.iter().sum::<usize>() + 8);
        for (i, [name, op, shape, parameters, adds]) in rows.iter().enumerate() {
            if i == 1 || i + 1 == rows.len() {
                writeln!(f, "{rule}")?;
            }
            let line = format!("{name:<0$}  {op:<1$}  {shape:<2$}  {parameters:>3$}  {adds:>4$}", w[0], w[1], w[2], w[3], w[4]);
            writeln!(f, "{}", line.trim_end())?;
        }
        write!(f, "trainable: {} of {} parameters", grouped(self.trainable), grouped(self.parameters))
    }
}
