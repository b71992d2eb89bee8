//! Softmax, attention and losses.

use super::super::call::{Answer, Call, Input, Unsupported, unsupported};
use super::super::format::Value;
use wengert::{
    AttentionOptions, BceOptions, BceWithLogitsOptions, CrossEntropyOptions, GaussianNllOptions, HingeEmbeddingOptions, HuberOptions,
    KlDivOptions, MarginRankingOptions, PoissonNllOptions, Reduction, Scalar, SmoothL1Options, TripletMarginOptions, Var,
};

pub fn call<'t, T: Scalar>(op: &str, c: &Call<'t, T>) -> Answer<'t, T> {
    Ok(match op {
        "softmax" => {
            c.takes("input, dim, dtype=None")?;
            c.var("input")?.softmax(c.axis("dim")?)
        }
        "log_softmax" => {
            c.takes("input, dim, dtype=None")?;
            c.var("input")?.log_softmax(c.axis("dim")?)
        }
        "F.scaled_dot_product_attention" => {
            c.takes("query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False")?;
            let mut options = AttentionOptions { is_causal: c.flag("is_causal")?, scale: c.opt_float("scale")?, ..Default::default() };
            match c.arg("attn_mask") {
                Value::Tensor(Input::Mask(mask)) => options.mask = Some(mask),
                _ => options.bias = c.opt_var("attn_mask")?,
            }
            c.var("query")?.scaled_dot_product_attention(c.var("key")?, c.var("value")?, options)
        }
        "F.mse_loss" => {
            c.takes("input, target, size_average=None, reduce=None, reduction='mean', weight=None")?;
            let (x, t) = pair(c)?;
            x.mse_loss_with(t, reduction(c)?)
        }
        "F.l1_loss" => {
            c.takes("input, target, size_average=None, reduce=None, reduction='mean', weight=None")?;
            let (x, t) = pair(c)?;
            x.l1_loss_with(t, reduction(c)?)
        }
        "F.smooth_l1_loss" => {
            c.takes("input, target, size_average=None, reduce=None, reduction='mean', beta=1.0")?;
            let (x, t) = pair(c)?;
            x.smooth_l1_loss_with(t, SmoothL1Options { beta: c.float("beta")?, reduction: reduction(c)? })
        }
        "F.huber_loss" => {
            c.takes("input, target, reduction='mean', delta=1.0, weight=None")?;
            let (x, t) = pair(c)?;
            x.huber_loss_with(t, HuberOptions { delta: c.float("delta")?, reduction: reduction(c)? })
        }
        "F.kl_div" => {
            c.takes("input, target, size_average=None, reduce=None, reduction='mean', log_target=False")?;
            let (x, t) = pair(c)?;
            x.kl_div_with(t, KlDivOptions { log_target: c.flag("log_target")?, reduction: reduction(c)? })
        }
        "F.poisson_nll_loss" => {
            c.takes("input, target, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction='mean'")?;
            let (x, t) = pair(c)?;
            let (log_input, full, eps) = (c.flag("log_input")?, c.flag("full")?, c.float("eps")?);
            x.poisson_nll_loss_with(t, PoissonNllOptions { log_input, full, eps, reduction: reduction(c)? })
        }
        "F.gaussian_nll_loss" => {
            c.takes("input, target, var, full=False, eps=1e-6, reduction='mean'")?;
            // Ours asks for a target of the prediction's shape, torch's broadcasts it.
            let x = c.var("input")?;
            let t = c.var("target")?;
            let t = if t.shape().broadcast(&x.shape()).is_some_and(|s| s == x.shape()) { t.broadcast_to(x.shape()) } else { t };
            let options = GaussianNllOptions { full: c.flag("full")?, eps: c.float("eps")?, reduction: reduction(c)? };
            x.gaussian_nll_loss_with(t, c.operand("var")?, options)
        }
        "F.hinge_embedding_loss" => {
            c.takes("input, target, margin=1.0, size_average=None, reduce=None, reduction='mean'")?;
            let [x, t] = broadcast([c.var("input")?, c.var("target")?]);
            x.hinge_embedding_loss_with(t, HingeEmbeddingOptions { margin: c.float("margin")?, reduction: reduction(c)? })
        }
        "F.margin_ranking_loss" => {
            c.takes("input1, input2, target, margin=0.0, size_average=None, reduce=None, reduction='mean'")?;
            let options = MarginRankingOptions { margin: c.float("margin")?, reduction: reduction(c)? };
            let [x, other, t] = broadcast([c.var("input1")?, c.var("input2")?, c.var("target")?]);
            x.margin_ranking_loss_with(other, t, options)
        }
        "F.soft_margin_loss" => {
            c.takes("input, target, size_average=None, reduce=None, reduction='mean'")?;
            let (x, t) = pair(c)?;
            x.soft_margin_loss_with(t, reduction(c)?)
        }
        "F.triplet_margin_loss" => {
            c.takes("anchor, positive, negative, margin=1.0, p=2, eps=1e-6, swap=False, size_average=None, reduce=None, reduction='mean'")?;
            let (margin, p, eps, swap) = (c.float("margin")?, c.float("p")?, c.float("eps")?, c.flag("swap")?);
            let options = TripletMarginOptions { margin, p, eps, swap, reduction: reduction(c)? };
            c.var("anchor")?.triplet_margin_loss_with(c.var("positive")?, c.var("negative")?, options)
        }
        "F.binary_cross_entropy" => {
            c.takes("input, target, weight=None, size_average=None, reduce=None, reduction='mean'")?;
            let (x, t) = pair(c)?;
            x.binary_cross_entropy_with(t, BceOptions { weight: c.opt_var("weight")?, reduction: reduction(c)? })
        }
        "F.binary_cross_entropy_with_logits" => {
            c.takes("input, target, weight=None, size_average=None, reduce=None, reduction='mean', pos_weight=None")?;
            let (x, t) = pair(c)?;
            let (weight, pos_weight) = (c.opt_var("weight")?, c.opt_var("pos_weight")?);
            x.bce_with_logits_with(t, BceWithLogitsOptions { weight, pos_weight, reduction: reduction(c)? })
        }
        "F.cross_entropy" => {
            c.takes(
                "input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean', label_smoothing=0.0",
            )?;
            let options = CrossEntropyOptions { label_smoothing: c.float("label_smoothing")?, ..classes(c)? };
            let x = c.var("input")?;
            match c.arg("target") {
                Value::Tensor(Input::Ints(targets)) => x.cross_entropy_with(targets, options),
                _ => x.cross_entropy_probs_with(c.var("target")?, options),
            }
        }
        "F.nll_loss" => {
            c.takes("input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction='mean'")?;
            c.var("input")?.nll_loss_with(c.indices("target")?, classes(c)?)
        }
        _ => return Err(Unsupported::Op),
    }
    .into())
}

/// Prediction and target.
fn pair<'t, T: Scalar>(c: &Call<'t, T>) -> Result<(Var<'t, T>, Var<'t, T>), Unsupported> {
    Ok((c.var("input")?, c.var("target")?))
}

fn reduction<T: Scalar>(c: &Call<'_, T>) -> Result<Reduction, Unsupported> {
    Ok(match c.string("reduction")?.as_str() {
        "none" => Reduction::None,
        "mean" => Reduction::Mean,
        "sum" => Reduction::Sum,
        "batchmean" => Reduction::BatchMean,
        other => return unsupported(format!("the reduction '{other}': ours is an enum")),
    })
}

fn classes<'t, T: Scalar>(c: &Call<'t, T>) -> Result<CrossEntropyOptions<'t, T>, Unsupported> {
    let (weight, ignore_index) = (c.opt_var("weight")?, c.int("ignore_index")?);
    Ok(CrossEntropyOptions { weight, ignore_index, reduction: reduction(c)?, ..Default::default() })
}

/// Arrays of as many axes in the shape that they broadcast to: torch does that for these losses, ours asks for equal shapes. Others are
/// left as they are, to be refused.
fn broadcast<'t, T: Scalar, const N: usize>(vars: [Var<'t, T>; N]) -> [Var<'t, T>; N] {
    let all = vars.iter().try_fold(vars[0].shape(), |all, v| all.broadcast(&v.shape()));
    match all.filter(|all| vars.iter().all(|v| v.ndim() == all.len())) {
        Some(all) => vars.map(|v| v.broadcast_to(&all)),
        None => vars,
    }
}
