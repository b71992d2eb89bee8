//! Every public method, with arguments that are drawn. The first word of a name is the method's own (`main.rs` sees that none is missing).

use super::draw::{Draw, V};
use super::own_ops::Mean3;
use wengert::*;

pub type Method = for<'t> fn(&mut Draw<'t>) -> Vec<V<'t>>;

/// A reduction of a loss.
fn reduction(d: &mut Draw<'_>) -> Reduction {
    d.form(&[Reduction::Mean, Reduction::None, Reduction::Sum, Reduction::BatchMean])
}
fn max_pool<const N: usize>(d: &mut Draw<'_>) -> ([usize; N], MaxPoolOptions<N>) {
    let kernel = d.sizes([2; N]);
    let stride = if d.flag() { Some(d.sizes([1; N])) } else { None };
    (kernel, MaxPoolOptions { stride, padding: d.sizes([0; N]), dilation: d.sizes([1; N]), ceil_mode: d.flag() })
}
fn avg_pool<const N: usize>(d: &mut Draw<'_>) -> ([usize; N], AvgPoolOptions<N>) {
    let kernel = d.sizes([2; N]);
    let stride = if d.flag() { Some(d.sizes([1; N])) } else { None };
    let divisor_override = if d.flag() { Some(d.int(3) as i64) } else { None };
    (kernel, AvgPoolOptions { stride, padding: d.sizes([0; N]), ceil_mode: d.flag(), count_include_pad: !d.flag(), divisor_override })
}
fn lp_pool<const N: usize>(d: &mut Draw<'_>) -> (f64, [usize; N], LpPoolOptions<N>) {
    let (p, kernel) = (d.float(2.0), d.sizes([2; N]));
    let stride = if d.flag() { Some(d.sizes([1; N])) } else { None };
    (p, kernel, LpPoolOptions { stride, ceil_mode: d.flag() })
}
fn unpool<const N: usize>(d: &mut Draw<'_>) -> ([usize; N], MaxUnpoolOptions<N>) {
    let kernel = d.sizes([2; N]);
    let stride = if d.flag() { Some(d.sizes([2; N])) } else { None };
    let output_size = if d.flag() { Some(d.sizes([4; N])) } else { None };
    (kernel, MaxUnpoolOptions { stride, padding: d.sizes([0; N]), output_size })
}
fn conv<const N: usize>(d: &mut Draw<'_>) -> ConvOptions<N> {
    let padding = d.form(&[None, Some(false), Some(true)]);
    let padding = match padding {
        None => Padding::Valid,
        Some(false) => Padding::Same,
        Some(true) => Padding::Zeros(d.sizes([1; N])),
    };
    ConvOptions { stride: d.sizes([1; N]), padding, dilation: d.sizes([1; N]), groups: d.size(1) }
}
fn conv_transpose<const N: usize>(d: &mut Draw<'_>) -> ConvTransposeOptions<N> {
    let (stride, padding, output_padding) = (d.sizes([2; N]), d.sizes([0; N]), d.sizes([1; N]));
    ConvTransposeOptions { stride, padding, output_padding, dilation: d.sizes([1; N]), groups: d.size(1) }
}
fn classes<'t>(d: &mut Draw<'t>, weights: usize) -> CrossEntropyOptions<'t, f64> {
    let weight = if d.flag() { Some(d.x(&[weights])) } else { None };
    let ignore_index = d.int(-100) as i64;
    d.tame &= ignore_index != 1; // the mean over no rows
    CrossEntropyOptions { weight, ignore_index, label_smoothing: d.float(0.0), reduction: reduction(d) }
}
fn norm<'t>(d: &mut Draw<'t>, shape: &[usize]) -> NormOptions<'t, f64> {
    let weight = if d.flag() { Some(d.x(shape)) } else { None };
    let bias = if d.flag() { Some(d.x(shape)) } else { None };
    NormOptions { weight, bias, eps: d.float(1e-5) }
}
fn interpolate<'t>(d: &mut Draw<'t>, shape: &[usize], modes: &[InterpolateMode]) -> Vec<V<'t>> {
    let x = d.x(shape);
    let (sizes, scales) = (vec![d.size(3); shape.len() - 2], [d.float(1.5)]);
    let by_size = !d.flag();
    let options = InterpolateOptions {
        size: by_size.then_some(&sizes),
        scale_factor: (!by_size || d.flag()).then_some(&scales),
        mode: d.form(modes),
        align_corners: d.flag(),
        recompute_scale_factor: d.flag(),
    };
    vec![x.interpolate(options)]
}
/// One part of a slice.
fn part(d: &mut Draw<'_>) -> SliceInfo {
    let info = match d.form(&[0, 1, 2, 3]) {
        0 => SliceInfo::from(d.int(0)..d.int(2)),
        1 => SliceInfo::from(d.int(0)..),
        2 => SliceInfo::from(..d.int(2)),
        _ => return SliceInfo::from(d.int(0)),
    };
    info.step(d.int(1))
}
fn picks(d: &mut Draw<'_>) -> Vec<Pick> {
    vec![d.form(&[0, 1, 2, 3]), d.form(&[3, 0, 1, 2])]
        .into_iter()
        .map(|kind| match kind {
            0 => Pick::Part(part(d)),
            1 => Pick::NewAxis,
            2 => Pick::Ellipsis,
            _ => Pick::Indices(d.indices(&[2], 1)),
        })
        .collect()
}
/// A mask as a `Var`.
fn mask<'t>(d: &mut Draw<'t>, shape: &[usize]) -> V<'t> {
    d.x(shape).gt(0.5)
}

pub const METHODS: &[(&str, Method)] = &[
    // ------------------------------------------------------------------------------------------ functions of one number
    ("abs", |d| vec![d.x(&[2, 3]).abs()]),
    ("exp", |d| vec![d.x(&[2, 3]).exp()]),
    ("exp2", |d| vec![d.x(&[2, 3]).exp2()]),
    ("expm1", |d| vec![d.x(&[2, 3]).expm1()]),
    ("ln", |d| vec![d.x(&[2, 3]).ln()]),
    ("log", |d| vec![d.x(&[2, 3]).log()]),
    ("log1p", |d| vec![d.x(&[2, 3]).log1p()]),
    ("log2", |d| vec![d.x(&[2, 3]).log2()]),
    ("log10", |d| vec![d.x(&[2, 3]).log10()]),
    ("logit", |d| {
        let eps = if d.flag() { Some(d.float(0.1)) } else { None };
        vec![d.x(&[2, 3]).logit(eps)]
    }),
    ("sqrt", |d| vec![d.x(&[2, 3]).sqrt()]),
    ("rsqrt", |d| vec![d.x(&[2, 3]).rsqrt()]),
    ("recip", |d| vec![d.x(&[2, 3]).recip()]),
    ("square", |d| vec![d.x(&[2, 3]).square()]),
    ("erf", |d| vec![d.x(&[2, 3]).erf()]),
    ("erfc", |d| vec![d.x(&[2, 3]).erfc()]),
    ("powf", |d| vec![d.x(&[2, 3]).powf(d.float(1.5))]),
    ("powi", |d| {
        let n = d.count(3);
        d.tame &= n.unsigned_abs() < 400; // 0.15 to the -400th power is infinite
        vec![d.x(&[2, 3]).powi(n)]
    }),
    ("sin", |d| vec![d.x(&[2, 3]).sin()]),
    ("cos", |d| vec![d.x(&[2, 3]).cos()]),
    ("tan", |d| vec![d.x(&[2, 3]).tan()]),
    ("asin", |d| vec![d.x(&[2, 3]).asin()]),
    ("acos", |d| vec![d.x(&[2, 3]).acos()]),
    ("atan", |d| vec![d.x(&[2, 3]).atan()]),
    ("sinc", |d| vec![d.x(&[2, 3]).sinc()]),
    ("sinh", |d| vec![d.x(&[2, 3]).sinh()]),
    ("cosh", |d| vec![d.x(&[2, 3]).cosh()]),
    ("asinh", |d| vec![d.x(&[2, 3]).asinh()]),
    ("acosh", |d| vec![(d.x(&[2, 3]) + 1.0).acosh()]),
    ("atanh", |d| vec![d.x(&[2, 3]).atanh()]),
    ("floor", |d| vec![d.x(&[2, 3]).floor()]),
    ("ceil", |d| vec![d.x(&[2, 3]).ceil()]),
    ("trunc", |d| vec![d.x(&[2, 3]).trunc()]),
    ("frac", |d| vec![d.x(&[2, 3]).frac()]),
    ("round", |d| vec![d.x(&[2, 3]).round()]),
    ("round_decimals", |d| {
        let decimals = d.count(1);
        vec![d.x(&[2, 3]).round_decimals(decimals)]
    }),
    ("sign", |d| vec![d.x(&[2, 3]).sign()]),
    ("tanh", |d| vec![d.x(&[2, 3]).tanh()]),
    ("sigmoid", |d| vec![d.x(&[2, 3]).sigmoid()]),
    ("softplus", |d| vec![d.x(&[2, 3]).softplus()]),
    ("softplus_with", |d| vec![d.x(&[2, 3]).softplus_with(d.float(1.0), d.float(20.0))]),
    ("logsigmoid", |d| vec![d.x(&[2, 3]).logsigmoid()]),
    ("silu", |d| vec![d.x(&[2, 3]).silu()]),
    ("mish", |d| vec![d.x(&[2, 3]).mish()]),
    ("softsign", |d| vec![d.x(&[2, 3]).softsign()]),
    ("tanhshrink", |d| vec![d.x(&[2, 3]).tanhshrink()]),
    ("gelu", |d| vec![d.x(&[2, 3]).gelu()]),
    ("gelu_tanh", |d| vec![d.x(&[2, 3]).gelu_tanh()]),
    ("glu", |d| vec![d.x(&[2, 4]).glu(d.int(-1))]),
    ("relu", |d| vec![d.x(&[2, 3]).relu()]),
    ("leaky_relu", |d| vec![d.x(&[2, 3]).leaky_relu(d.float(0.1))]),
    ("prelu", |d| vec![d.x(&[2, 3]).prelu(d.x(&[3]))]),
    ("elu", |d| vec![d.x(&[2, 3]).elu(d.float(1.0))]),
    ("celu", |d| vec![d.x(&[2, 3]).celu(d.float(1.0))]),
    ("selu", |d| vec![d.x(&[2, 3]).selu()]),
    ("hardtanh", |d| vec![d.x(&[2, 3]).hardtanh(d.float(-1.0), d.float(1.0))]),
    ("relu6", |d| vec![d.x(&[2, 3]).relu6()]),
    ("hardsigmoid", |d| vec![d.x(&[2, 3]).hardsigmoid()]),
    ("hardswish", |d| vec![d.x(&[2, 3]).hardswish()]),
    ("hardshrink", |d| vec![d.x(&[2, 3]).hardshrink(d.float(0.5))]),
    ("softshrink", |d| vec![d.x(&[2, 3]).softshrink(d.float(0.5))]),
    ("threshold", |d| vec![d.x(&[2, 3]).threshold(d.float(0.5), d.float(0.0))]),
    ("clamp", |d| vec![d.x(&[2, 3]).clamp(d.float(0.2), d.float(0.6))]),
    ("clamp_within", |d| {
        let low = if d.flag() { None } else { Some(d.x(&[3])) };
        let high = if d.flag() { None } else { Some(d.x(&[2, 1])) };
        vec![d.x(&[2, 3]).clamp_within(low, high)]
    }),
    ("map", |d| vec![d.x(&[2, 3]).map(Mean3)]),
    // ------------------------------------------------------------------------------------------ functions of several
    ("pow", |d| vec![d.x(&[2, 3]).pow(d.x(&[3]))]),
    ("hypot", |d| vec![d.x(&[2, 3]).hypot(d.x(&[3]))]),
    ("xlogy", |d| vec![d.x(&[2, 3]).xlogy(d.x(&[3]))]),
    ("logaddexp", |d| vec![d.x(&[2, 3]).logaddexp(d.x(&[3]))]),
    ("maximum", |d| vec![d.x(&[2, 3]).maximum(d.x(&[3]))]),
    ("minimum", |d| vec![d.x(&[2, 3]).minimum(d.float(0.5))]),
    ("gt", |d| vec![d.x(&[2, 3]).gt(d.x(&[3]))]),
    ("ge", |d| vec![d.x(&[2, 3]).ge(d.float(0.5))]),
    ("lt", |d| vec![d.x(&[2, 3]).lt(d.x(&[3]))]),
    ("le", |d| vec![d.x(&[2, 3]).le(d.float(0.5))]),
    ("equal", |d| vec![d.x(&[2, 3]).equal(d.x(&[3]))]),
    ("not_equal", |d| vec![d.x(&[2, 3]).not_equal(d.float(0.5))]),
    ("atan2", |d| vec![d.x(&[2, 3]).atan2(d.x(&[3]))]),
    ("fmod", |d| vec![d.x(&[2, 3]).fmod(d.x(&[3]))]),
    ("remainder", |d| vec![d.x(&[2, 3]).remainder(d.x(&[3]))]),
    ("div_floor", |d| vec![d.x(&[2, 3]).div_floor(d.x(&[3]))]),
    ("div_trunc", |d| vec![d.x(&[2, 3]).div_trunc(d.x(&[3]))]),
    ("zip", |d| vec![d.x(&[2, 3]).zip(Mean3, d.x(&[3]))]),
    ("add_scaled", |d| vec![d.x(&[2, 3]).add_scaled(d.x(&[3]), d.float(2.0))]),
    ("sub_scaled", |d| vec![d.x(&[2, 3]).sub_scaled(d.x(&[3]), d.float(2.0))]),
    ("addcmul", |d| vec![d.x(&[2, 3]).addcmul(d.x(&[3]), d.x(&[2, 1]), d.float(2.0))]),
    ("addcdiv", |d| vec![d.x(&[2, 3]).addcdiv(d.x(&[3]), d.x(&[2, 1]), d.float(2.0))]),
    ("lerp", |d| vec![d.x(&[2, 3]).lerp(d.x(&[3]), d.float(0.5))]),
    ("where_cond", |d| vec![mask(d, &[2, 3]).where_cond(d.x(&[3]), d.x(&[2, 1]))]),
    ("masked_fill", |d| vec![d.x(&[2, 3]).masked_fill(mask(d, &[3]), d.float(0.5))]),
    // ------------------------------------------------------------------------------------------ reductions, order, scans
    ("sum", |d| vec![d.x(&[2, 3]).sum()]),
    ("sum_axes", |d| vec![d.x(&[2, 3]).sum_axes([d.int(0), d.int(1)], d.flag())]),
    ("mean", |d| {
        let x = d.x(&[2, 3]);
        d.tame &= x.numel() > 0;
        vec![x.mean()]
    }),
    ("mean_axes", |d| {
        let x = d.x(&[2, 3]);
        d.tame &= x.numel() > 0;
        vec![x.mean_axes(d.int(0), d.flag())]
    }),
    ("prod", |d| vec![d.x(&[2, 3]).prod()]),
    ("prod_axes", |d| vec![d.x(&[2, 3]).prod_axes([d.int(0), d.int(1)], d.flag())]),
    ("max", |d| vec![d.x(&[2, 3]).max()]),
    ("amax", |d| vec![d.x(&[2, 3]).amax(d.int(0), d.flag())]),
    ("min", |d| vec![d.x(&[2, 3]).min()]),
    ("amin", |d| vec![d.x(&[2, 3]).amin(d.int(0), d.flag())]),
    ("logsumexp", |d| {
        let x = d.x(&[2, 3]);
        d.tame &= x.numel() > 0;
        vec![x.logsumexp(d.int(0), d.flag())]
    }),
    ("var", |d| {
        let (x, correction) = (d.x(&[2, 3]), d.float(0.0));
        d.tame &= x.numel() > 0;
        vec![x.var(d.int(0), correction, d.flag())]
    }),
    ("std", |d| {
        let (x, correction) = (d.x(&[2, 3]), d.float(0.0));
        d.tame &= x.numel() > 0;
        vec![x.std(d.int(0), correction, d.flag())]
    }),
    ("softmax", |d| vec![d.x(&[2, 3]).softmax(d.int(0))]),
    ("log_softmax", |d| vec![d.x(&[2, 3]).log_softmax(d.int(0))]),
    ("cumsum", |d| vec![d.x(&[2, 3]).cumsum(d.int(0))]),
    ("cumprod", |d| vec![d.x(&[2, 3]).cumprod(d.int(0))]),
    ("logcumsumexp", |d| vec![d.x(&[2, 3]).logcumsumexp(d.int(0))]),
    ("max_with_indices", |d| vec![d.x(&[2, 3]).max_with_indices(d.int(0), d.flag()).0]),
    ("min_with_indices", |d| vec![d.x(&[2, 3]).min_with_indices(d.int(0), d.flag()).0]),
    ("argmax", |d| {
        d.x(&[2, 3]).argmax(d.int(0), d.flag());
        vec![]
    }),
    ("argmin", |d| {
        d.x(&[2, 3]).argmin(d.int(0), d.flag());
        vec![]
    }),
    ("kthvalue", |d| vec![d.x(&[2, 3]).kthvalue(d.size(1), d.int(0), d.flag()).0]),
    ("median", |d| vec![d.x(&[2, 3]).median()]),
    ("median_with_indices", |d| vec![d.x(&[2, 3]).median_with_indices(d.int(0), d.flag()).0]),
    ("sort", |d| vec![d.x(&[2, 3]).sort(d.int(0), d.flag()).0]),
    ("argsort", |d| {
        d.x(&[2, 3]).argsort(d.int(0), d.flag());
        vec![]
    }),
    ("topk", |d| vec![d.x(&[2, 3]).topk(d.size(1), d.int(0), d.flag()).0]),
    // ------------------------------------------------------------------------------------------ losses
    ("mse_loss", |d| vec![d.x(&[2, 3]).mse_loss(d.x(&[2, 3])).record_of(d)]),
    ("mse_loss_with", |d| vec![d.x(&[2, 3]).mse_loss_with(d.x(&[2, 3]), reduction(d)).record_of(d)]),
    ("l1_loss", |d| vec![d.x(&[2, 3]).l1_loss(d.x(&[2, 3])).record_of(d)]),
    ("l1_loss_with", |d| vec![d.x(&[2, 3]).l1_loss_with(d.x(&[2, 3]), reduction(d)).record_of(d)]),
    ("huber_loss", |d| vec![d.x(&[2, 3]).huber_loss(d.x(&[2, 3])).record_of(d)]),
    ("huber_loss_with", |d| {
        let options = HuberOptions { delta: d.float(0.5), reduction: reduction(d) };
        vec![d.x(&[2, 3]).huber_loss_with(d.x(&[2, 3]), options).record_of(d)]
    }),
    ("smooth_l1_loss", |d| vec![d.x(&[2, 3]).smooth_l1_loss(d.x(&[2, 3])).record_of(d)]),
    ("smooth_l1_loss_with", |d| {
        let options = SmoothL1Options { beta: d.float(0.5), reduction: reduction(d) };
        vec![d.x(&[2, 3]).smooth_l1_loss_with(d.x(&[2, 3]), options).record_of(d)]
    }),
    ("poisson_nll_loss", |d| vec![d.x(&[2, 3]).poisson_nll_loss(d.x(&[2, 3])).record_of(d)]),
    ("poisson_nll_loss_with", |d| {
        let options = PoissonNllOptions { log_input: !d.flag(), full: d.flag(), eps: d.float(1e-8), reduction: reduction(d) };
        vec![d.x(&[2, 3]).poisson_nll_loss_with(d.x(&[2, 3]), options).record_of(d)]
    }),
    ("gaussian_nll_loss", |d| vec![d.x(&[2, 3]).gaussian_nll_loss(d.x(&[2, 3]), d.x(&[2, 3])).record_of(d)]),
    ("gaussian_nll_loss_with", |d| {
        let options = GaussianNllOptions { full: d.flag(), eps: d.float(1e-6), reduction: reduction(d) };
        vec![d.x(&[2, 3]).gaussian_nll_loss_with(d.x(&[2, 3]), d.x(&[2, 1]), options).record_of(d)]
    }),
    ("binary_cross_entropy", |d| vec![d.x(&[2, 3]).binary_cross_entropy(d.x(&[2, 3])).record_of(d)]),
    ("binary_cross_entropy_with", |d| {
        let weight = if d.flag() { Some(d.x(&[3])) } else { None };
        let options = BceOptions { weight, reduction: reduction(d) };
        vec![d.x(&[2, 3]).binary_cross_entropy_with(d.x(&[2, 3]), options).record_of(d)]
    }),
    ("bce_with_logits", |d| vec![d.x(&[2, 3]).bce_with_logits(d.x(&[2, 3])).record_of(d)]),
    ("bce_with_logits_with", |d| {
        let weight = if d.flag() { Some(d.x(&[3])) } else { None };
        let pos_weight = if d.flag() { Some(d.x(&[3])) } else { None };
        let options = BceWithLogitsOptions { weight, pos_weight, reduction: reduction(d) };
        vec![d.x(&[2, 3]).bce_with_logits_with(d.x(&[2, 3]), options).record_of(d)]
    }),
    ("kl_div", |d| vec![d.x(&[2, 3]).kl_div(d.x(&[2, 3])).record_of(d)]),
    ("kl_div_with", |d| {
        let options = KlDivOptions { log_target: d.flag(), reduction: reduction(d) };
        vec![d.x(&[2, 3]).kl_div_with(d.x(&[2, 3]), options).record_of(d)]
    }),
    ("hinge_embedding_loss", |d| vec![d.x(&[2, 3]).hinge_embedding_loss(d.x(&[2, 3]).sign()).record_of(d)]),
    ("hinge_embedding_loss_with", |d| {
        let options = HingeEmbeddingOptions { margin: d.float(1.0), reduction: reduction(d) };
        vec![d.x(&[2, 3]).hinge_embedding_loss_with(d.x(&[2, 3]).sign(), options).record_of(d)]
    }),
    ("margin_ranking_loss", |d| vec![d.x(&[2, 3]).margin_ranking_loss(d.x(&[2, 3]), d.x(&[2, 3]).sign()).record_of(d)]),
    ("margin_ranking_loss_with", |d| {
        let options = MarginRankingOptions { margin: d.float(0.0), reduction: reduction(d) };
        vec![d.x(&[2, 3]).margin_ranking_loss_with(d.x(&[2, 3]), d.x(&[2, 3]).sign(), options).record_of(d)]
    }),
    ("soft_margin_loss", |d| vec![d.x(&[2, 3]).soft_margin_loss(d.x(&[2, 3]).sign()).record_of(d)]),
    ("soft_margin_loss_with", |d| vec![d.x(&[2, 3]).soft_margin_loss_with(d.x(&[2, 3]).sign(), reduction(d)).record_of(d)]),
    ("triplet_margin_loss", |d| vec![d.x(&[2, 3]).triplet_margin_loss(d.x(&[2, 3]), d.x(&[2, 3])).record_of(d)]),
    ("triplet_margin_loss_with", |d| {
        let options =
            TripletMarginOptions { margin: d.float(1.0), p: d.float(2.0), eps: d.float(1e-6), swap: d.flag(), reduction: reduction(d) };
        vec![d.x(&[2, 3]).triplet_margin_loss_with(d.x(&[2, 3]), d.x(&[2, 3]), options).record_of(d)]
    }),
    ("cross_entropy", |d| vec![d.x(&[2, 3]).cross_entropy(d.indices(&[2], 1)).record_of(d)]),
    ("cross_entropy_with", |d| vec![d.x(&[2, 3, 2]).cross_entropy_with(d.indices(&[2, 2], 1), classes(d, 3)).record_of(d)]),
    ("nll_loss", |d| vec![d.x(&[2, 3]).nll_loss(d.indices(&[2], 1)).record_of(d)]),
    ("nll_loss_with", |d| vec![d.x(&[2, 3]).nll_loss_with(d.indices(&[2], 1), classes(d, 3)).record_of(d)]),
    ("cross_entropy_probs", |d| vec![d.x(&[2, 3]).cross_entropy_probs(d.x(&[2, 3])).record_of(d)]),
    ("cross_entropy_probs_with", |d| vec![d.x(&[2, 3]).cross_entropy_probs_with(d.x(&[2, 3]), classes(d, 3)).record_of(d)]),
    // ------------------------------------------------------------------------------------------ norms and distances
    ("vector_norm", |d| vec![d.x(&[2, 3]).vector_norm(d.float(2.0), d.int(0), d.flag())]),
    ("normalize", |d| vec![d.x(&[2, 3]).normalize(d.int(0))]),
    ("normalize_with", |d| {
        let options = NormalizeOptions { p: d.float(2.0), eps: d.float(1e-12) };
        vec![d.x(&[2, 3]).normalize_with(d.int(0), options)]
    }),
    ("cosine_similarity", |d| vec![d.x(&[2, 3]).cosine_similarity(d.x(&[3]), d.int(0))]),
    ("cosine_similarity_with", |d| vec![d.x(&[2, 3]).cosine_similarity_with(d.x(&[3]), d.int(0), d.float(1e-8))]),
    ("pairwise_distance", |d| vec![d.x(&[2, 3]).pairwise_distance(d.x(&[3]), d.float(2.0), d.float(1e-6))]),
    ("cdist", |d| vec![d.x(&[2, 3]).cdist(d.x(&[4, 3]), d.float(2.0))]),
    ("standardize", |d| {
        let x = d.x(&[2, 3]);
        d.tame &= x.numel() > 0;
        vec![x.standardize(d.int(0), d.float(1e-5))]
    }),
    ("instance_norm", |d| vec![d.x(&[2, 3, 4]).instance_norm(norm(d, &[3]))]),
    ("group_norm", |d| vec![d.x(&[2, 4, 3]).group_norm(d.size(2), norm(d, &[4]))]),
    ("layer_norm", |d| vec![d.x(&[2, 3]).layer_norm(d.sizes([3]), norm(d, &[3]))]),
    ("rms_norm", |d| {
        let weight = if d.flag() { Some(d.x(&[3])) } else { None };
        let eps = if d.flag() { Some(d.float(1e-5)) } else { None };
        vec![d.x(&[2, 3]).rms_norm(d.sizes([3]), RmsNormOptions { weight, eps })]
    }),
    ("local_response_norm", |d| {
        let size = d.size(3);
        let options = LocalResponseNormOptions { alpha: d.float(0.1), beta: d.float(0.75), k: d.float(1.0) };
        vec![d.x(&[2, 3, 4]).local_response_norm(size, options)]
    }),
    ("batch_norm_train", |d| {
        let stats = RunningStats::with_momentum(d.size(3), d.float(0.1));
        let stats = if d.flag() { None } else { Some(&stats) };
        vec![d.x(&[4, 3, 2]).batch_norm_train(stats, norm(d, &[3]))]
    }),
    ("batch_norm", |d| vec![d.x(&[4, 3, 2]).batch_norm(&RunningStats::new(d.size(3)), norm(d, &[3]))]),
    ("nuclear_norm", |d| vec![d.x(&[2, 3]).nuclear_norm()]),
    // ------------------------------------------------------------------------------------------ matrices
    ("matmul", |d| vec![d.x(&[2, 3]).matmul(d.x(&[3, 2]))]),
    ("matmul, of batches", |d| vec![d.x(&[2, 2, 3]).matmul(d.x(&[1, 3, 2]))]),
    ("dot", |d| vec![d.x(&[3]).dot(d.x(&[3]))]),
    ("mv", |d| vec![d.x(&[2, 3]).mv(d.x(&[3]))]),
    ("mm", |d| vec![d.x(&[2, 3]).mm(d.x(&[3, 2]))]),
    ("bmm", |d| vec![d.x(&[2, 2, 3]).bmm(d.x(&[2, 3, 2]))]),
    ("outer", |d| vec![d.x(&[2]).outer(d.x(&[3]))]),
    ("addmm", |d| {
        let options = AddmmOptions { beta: d.float(1.0), alpha: d.float(1.0) };
        vec![d.x(&[2, 2]).addmm(d.x(&[2, 3]), d.x(&[3, 2]), options)]
    }),
    ("baddbmm", |d| {
        let options = AddmmOptions { beta: d.float(1.0), alpha: d.float(1.0) };
        vec![d.x(&[2, 2, 2]).baddbmm(d.x(&[2, 2, 3]), d.x(&[2, 3, 2]), options)]
    }),
    ("linear", |d| vec![d.x(&[2, 3]).linear(d.x(&[2, 3]), d.x(&[2]))]),
    ("linear, of a batch", |d| vec![d.x(&[2, 2, 3]).linear(d.x(&[2, 3]), d.x(&[2]))]),
    ("bilinear", |d| {
        let bias = if d.flag() { None } else { Some(d.x(&[2])) };
        vec![d.x(&[2, 3]).bilinear(d.x(&[2, 4]), d.x(&[2, 3, 4]), bias)]
    }),
    ("tensordot", |d| vec![d.x(&[2, 3]).tensordot(d.x(&[3, 2]), d.size(1))]),
    ("tensordot_axes", |d| vec![d.x(&[2, 3]).tensordot_axes(d.x(&[3, 2]), &[d.int(1)], &[d.int(0)])]),
    ("det", |d| vec![d.x(&[2, 3, 3]).det()]),
    ("slogdet", |d| vec![regular(d).slogdet().1]),
    ("solve", |d| vec![regular(d).solve(d.x(&[2, 3, 2]))]),
    ("inv", |d| vec![regular(d).inv()]),
    ("matrix_power", |d| {
        let n = d.count(3);
        d.tame &= n.unsigned_abs() < 400;
        vec![regular(d).matrix_power(n)]
    }),
    ("solve_triangular", |d| {
        let options = TriangularOptions { upper: d.flag(), left: !d.flag(), unitriangular: d.flag() };
        vec![d.x(&[2, 3, 3]).solve_triangular(d.x(&[2, 3, 3]), options)]
    }),
    ("cholesky", |d| vec![regular(d).cholesky(d.flag())]),
    ("scaled_dot_product_attention", |d| {
        let bias = if d.flag() { Some(d.x(&[2, 4])) } else { None };
        let mask = if d.flag() { Some(mask(d, &[2, 4])) } else { None };
        let scale = if d.flag() { Some(d.float(0.5)) } else { None };
        let options = AttentionOptions { mask, bias, is_causal: d.flag(), scale };
        let (query, key, value) = (d.x(&[2, 3]), d.x(&[4, 3]), d.x(&[4, 2]));
        // No features, and an average over no keys.
        d.tame &= query.numel() > 0 && key.numel() > 0;
        vec![query.scaled_dot_product_attention(key, value, options)]
    }),
    // ------------------------------------------------------------------------------------------ shapes
    ("detach", |d| vec![d.x(&[2, 3]).detach()]),
    ("broadcast_to", |d| vec![d.x(&[1, 3]).broadcast_to([d.size(2), d.size(2), d.size(3)])]),
    ("expand", |d| vec![d.x(&[1, 3]).expand([d.int(2), d.int(2), d.int(-1)])]),
    ("sum_to", |d| vec![d.x(&[2, 3]).sum_to([d.size(1), d.size(3)])]),
    ("reshape", |d| vec![d.x(&[2, 3]).reshape([d.int(3), d.int(-1)])]),
    ("reshape, of a transpose", |d| vec![d.x(&[2, 3]).t().reshape([d.int(6), d.int(1), d.int(1)])]),
    ("flatten", |d| vec![d.x(&[2, 3, 2]).flatten(d.int(0), d.int(-1))]),
    ("unflatten", |d| vec![d.x(&[2, 6]).unflatten(d.int(1), [d.int(2), d.int(3)])]),
    ("squeeze", |d| vec![d.x(&[1, 3]).squeeze(d.int(0))]),
    ("unsqueeze", |d| vec![d.x(&[2, 3]).unsqueeze(d.int(0))]),
    ("permute", |d| vec![d.x(&[2, 3]).permute(&[d.int(1), d.int(0)])]),
    ("movedim", |d| vec![d.x(&[2, 3, 4]).movedim(&[d.int(0)], &[d.int(-1)])]),
    ("transpose", |d| vec![d.x(&[2, 3]).transpose(d.int(0), d.int(1))]),
    ("t", |d| vec![d.x(&[2, 3]).t()]),
    ("slice", |d| {
        let parts = [part(d), part(d)];
        vec![d.x(&[4, 5]).slice(&parts)]
    }),
    ("narrow", |d| vec![d.x(&[4, 5]).narrow(d.int(0), d.size(1), d.size(2))]),
    ("pad", |d| vec![d.x(&[2, 3]).pad(&[(d.size(0), d.size(1)), (d.size(2), d.size(0))], d.float(0.5))]),
    ("pad_with", |d| {
        let modes = [PadMode::Reflect, PadMode::Constant(0.5), PadMode::Replicate, PadMode::Circular, PadMode::Constant(f64::NAN)];
        let mode = d.form(&modes);
        d.tame &= !matches!(mode, PadMode::Constant(x) if x.is_nan());
        vec![d.x(&[3, 4]).pad_with(&[(d.int(1), d.int(0)), (d.int(-1), d.int(2))], mode)]
    }),
    ("flip", |d| vec![d.x(&[2, 3]).flip(d.int(0))]),
    ("roll", |d| vec![d.x(&[2, 3]).roll(&[d.int(1), d.int(2)], &[d.int(0), d.int(1)])]),
    ("roll, of all", |d| vec![d.x(&[2, 3]).roll(&[d.int(1)], &[])]),
    ("repeat", |d| vec![d.x(&[2, 3]).repeat([d.size(2), d.size(1), d.size(2)])]),
    ("tile", |d| vec![d.x(&[2, 3]).tile([d.size(2)])]),
    ("split", |d| some_of(d.x(&[4, 3]).split(d.size(3), d.int(0)))),
    ("split_with_sizes", |d| some_of(d.x(&[4, 3]).split_with_sizes([d.size(1), d.size(3), d.size(0)], d.int(0)))),
    ("chunks", |d| match d.flag() {
        true => d.x(&[4, 3]).chunks::<2>(d.int(0)).to_vec(),
        false => d.x(&[4, 3]).chunks::<0>(d.int(0)).to_vec(),
    }),
    ("unbind", |d| some_of(d.x(&[4, 3]).unbind(d.int(0)))),
    ("chunk", |d| some_of(d.x(&[4, 3]).chunk(d.size(3), d.int(0)))),
    ("chunk, of nothing", |d| some_of(d.x(&[0, 3]).chunk(d.size(3), d.int(0)))),
    ("tril", |d| vec![d.x(&[2, 3, 4]).tril(d.int(0))]),
    ("triu", |d| vec![d.x(&[2, 3, 4]).triu(d.int(0))]),
    ("diagonal", |d| vec![d.x(&[2, 3, 4]).diagonal(d.int(0), d.int(-2), d.int(-1))]),
    ("diag_embed", |d| vec![d.x(&[2, 3]).diag_embed(d.int(0), d.int(-2), d.int(-1))]),
    ("trace", |d| vec![d.x(&[3, 4]).trace()]),
    ("unfold", |d| vec![d.x(&[5, 3]).unfold(d.int(0), d.size(3), d.size(1))]),
    ("pixel_shuffle", |d| vec![d.x(&[4, 2, 3]).pixel_shuffle(d.size(2))]),
    ("pixel_shuffle, of nothing", |d| vec![d.x(&[0, 1, 1]).pixel_shuffle(d.size(2))]),
    ("pixel_unshuffle", |d| vec![d.x(&[1, 4, 6]).pixel_unshuffle(d.size(2))]),
    ("pixel_unshuffle, of nothing", |d| vec![d.x(&[1, 0, 0]).pixel_unshuffle(d.size(2))]),
    // ------------------------------------------------------------------------------------------ by number
    ("gather", |d| vec![d.x(&[3, 2]).gather(d.int(0), d.indices(&[2, 2], 1))]),
    ("take_along_dim", |d| vec![d.x(&[3, 2]).take_along_dim(d.int(0), d.indices(&[2, 1], 1))]),
    ("scatter_add", |d| vec![d.x(&[3, 2]).scatter_add(d.int(0), d.indices(&[2, 2], 1), d.x(&[2, 2]))]),
    ("scatter", |d| vec![d.x(&[3, 2]).scatter(d.int(0), d.indices(&[2, 2], 1), d.x(&[2, 2]))]),
    ("index_select", |d| vec![d.x(&[3, 2]).index_select(d.int(0), d.indices(&[4], 1))]),
    ("index_select, by a view", |d| vec![d.x(&[3, 2]).index_select(d.int(0), d.x(&[2]).floor().broadcast_to([d.size(2)]))]),
    ("index_add", |d| vec![d.x(&[3, 2]).index_add(d.int(0), d.indices(&[2], 1), d.x(&[2, 2]), d.float(1.0))]),
    ("index_copy", |d| vec![d.x(&[3, 2]).index_copy(d.int(0), d.indices(&[2], 1), d.x(&[2, 2]))]),
    ("index_fill", |d| vec![d.x(&[3, 2]).index_fill(d.int(0), d.indices(&[2], 1), d.float(0.5))]),
    ("index", |d| vec![d.x(&[3, 4]).index(&picks(d))]),
    ("index, by long lists", |d| {
        let (n, m) = (d.size(2).clamp(1, 3) << 17, d.size(2).clamp(1, 3) << 17);
        let list = |shape: [usize; 2]| Pick::Indices(Indices::new(&shape, std::iter::repeat_n(1, shape[0] * shape[1])));
        vec![d.x(&[3, 4]).index(&[list([n, 1]), list([1, m])])]
    }),
    ("masked_select", |d| vec![d.x(&[2, 3]).masked_select(mask(d, &[3]))]),
    ("masked_select, by a mask", |d| {
        let mask = Mask::new(&[d.size(2), d.size(1)], [true, false]);
        vec![d.x(&[2, 3]).masked_select(mask)]
    }),
    ("embedding", |d| {
        let padding = if d.flag() { Some(d.int(0)) } else { None };
        vec![d.x(&[4, 2]).embedding(d.indices(&[2, 3], 1), padding)]
    }),
    ("embedding, by indices of any shape", |d| vec![d.x(&[4, 2]).embedding(Indices::new(&[d.size(2), d.size(1)], [1, 1]), None)]),
    // ------------------------------------------------------------------------------------------ convolutions and pools
    ("correlate1d", |d| vec![d.x(&[3, 5]).correlate1d(d.x(&[2]), d.int(1))]),
    ("conv1d", |d| vec![d.x(&[2, 2, 5]).conv1d(d.x(&[2, 2, 2]), None, conv(d))]),
    ("conv2d", |d| {
        let bias = if d.flag() { Some(d.x(&[3])) } else { None };
        vec![d.x(&[2, 2, 4, 5]).conv2d(d.x(&[3, 2, 2, 2]), bias, conv(d))]
    }),
    ("conv3d", |d| vec![d.x(&[1, 3, 2, 3, 2]).conv3d(d.x(&[8, 3, 2, 1, 1]), None, conv(d))]),
    ("conv_transpose1d", |d| vec![d.x(&[2, 2, 3]).conv_transpose1d(d.x(&[2, 2, 2]), None, conv_transpose(d))]),
    ("conv_transpose2d", |d| {
        let bias = if d.flag() { Some(d.x(&[4])) } else { None };
        vec![d.x(&[1, 4, 2, 1]).conv_transpose2d(d.x(&[4, 4, 2, 1]), bias, conv_transpose(d))]
    }),
    ("conv_transpose3d", |d| vec![d.x(&[1, 2, 2, 1, 2]).conv_transpose3d(d.x(&[2, 2, 1, 2, 2]), None, conv_transpose(d))]),
    ("im2col", |d| vec![d.x(&[2, 3, 4]).im2col(d.sizes([2, 2]), conv::<2>(d))]),
    ("im2col, of volumes", |d| vec![d.x(&[1, 1, 1, 2, 1]).im2col(d.sizes([1, 1, 1]), conv::<3>(d))]),
    ("col2im", |d| vec![d.x(&[8, 6]).col2im(d.sizes([3, 4]), d.sizes([2, 2]), conv::<2>(d))]),
    ("max_pool1d", |d| {
        let (kernel, options) = max_pool(d);
        d.tame &= options.padding == [0]; // a window in the padding alone is -inf
        vec![d.x(&[2, 5]).max_pool1d(kernel, options)]
    }),
    ("max_pool2d", |d| {
        let (kernel, options) = max_pool(d);
        d.tame &= options.padding == [0; 2];
        vec![d.x(&[2, 4, 5]).max_pool2d(kernel, options)]
    }),
    ("max_pool3d", |d| {
        let (kernel, options) = max_pool(d);
        d.tame &= options.padding == [0; 3];
        vec![d.x(&[1, 2, 3, 4]).max_pool3d(kernel, options)]
    }),
    ("max_pool1d_with_indices", |d| {
        let (kernel, options) = max_pool(d);
        d.tame &= options.padding == [0];
        vec![d.x(&[2, 5]).max_pool1d_with_indices(kernel, options).0]
    }),
    ("max_pool2d_with_indices", |d| {
        let (kernel, options) = max_pool(d);
        d.tame &= options.padding == [0; 2];
        vec![d.x(&[2, 4, 5]).max_pool2d_with_indices(kernel, options).0]
    }),
    ("max_pool3d_with_indices", |d| {
        let (kernel, options) = max_pool(d);
        d.tame &= options.padding == [0; 3];
        vec![d.x(&[1, 2, 3, 4]).max_pool3d_with_indices(kernel, options).0]
    }),
    ("adaptive_max_pool1d", |d| vec![d.x(&[2, 5]).adaptive_max_pool1d(d.sizes([2]))]),
    ("adaptive_max_pool2d", |d| vec![d.x(&[2, 4, 5]).adaptive_max_pool2d(d.sizes([2, 2]))]),
    ("adaptive_max_pool3d", |d| vec![d.x(&[1, 2, 3, 4]).adaptive_max_pool3d(d.sizes([2, 2, 2]))]),
    ("adaptive_max_pool1d_with_indices", |d| vec![d.x(&[2, 5]).adaptive_max_pool1d_with_indices(d.sizes([2])).0]),
    ("adaptive_max_pool2d_with_indices", |d| vec![d.x(&[2, 4, 5]).adaptive_max_pool2d_with_indices(d.sizes([2, 2])).0]),
    ("adaptive_max_pool3d_with_indices", |d| vec![d.x(&[1, 2, 3, 4]).adaptive_max_pool3d_with_indices(d.sizes([2, 2, 2])).0]),
    ("avg_pool1d", |d| {
        let (kernel, options) = avg_pool(d);
        vec![d.x(&[2, 5]).avg_pool1d(kernel, options)]
    }),
    ("avg_pool2d", |d| {
        let (kernel, options) = avg_pool(d);
        vec![d.x(&[2, 4, 5]).avg_pool2d(kernel, options)]
    }),
    ("avg_pool3d", |d| {
        let (kernel, options) = avg_pool(d);
        vec![d.x(&[1, 2, 3, 4]).avg_pool3d(kernel, options)]
    }),
    ("adaptive_avg_pool1d", |d| vec![d.x(&[2, 5]).adaptive_avg_pool1d(d.sizes([2]))]),
    ("adaptive_avg_pool2d", |d| vec![d.x(&[2, 4, 5]).adaptive_avg_pool2d(d.sizes([2, 2]))]),
    ("adaptive_avg_pool3d", |d| vec![d.x(&[1, 2, 3, 4]).adaptive_avg_pool3d(d.sizes([2, 2, 2]))]),
    ("lp_pool1d", |d| {
        let (p, kernel, options) = lp_pool(d);
        vec![d.x(&[2, 5]).lp_pool1d(p, kernel, options)]
    }),
    ("lp_pool2d", |d| {
        let (p, kernel, options) = lp_pool(d);
        vec![d.x(&[2, 4, 5]).lp_pool2d(p, kernel, options)]
    }),
    ("lp_pool3d", |d| {
        let (p, kernel, options) = lp_pool(d);
        vec![d.x(&[1, 2, 3, 4]).lp_pool3d(p, kernel, options)]
    }),
    ("max_unpool1d", |d| {
        let (kernel, options) = unpool(d);
        vec![d.x(&[1, 2]).max_unpool1d(d.indices(&[1, 2], 1), kernel, options)]
    }),
    ("max_unpool2d", |d| {
        let (kernel, options) = unpool(d);
        vec![d.x(&[1, 2, 2]).max_unpool2d(d.indices(&[1, 2, 2], 1), kernel, options)]
    }),
    ("max_unpool3d", |d| {
        let (kernel, options) = unpool(d);
        vec![d.x(&[1, 2, 2, 2]).max_unpool3d(d.indices(&[1, 2, 2, 2], 1), kernel, options)]
    }),
    ("interpolate", |d| {
        use InterpolateMode::*;
        interpolate(d, &[1, 2, 2, 3], &[Nearest, NearestExact, Linear, Bicubic, Area])
    }),
    ("interpolate, of lines", |d| {
        use InterpolateMode::*;
        interpolate(d, &[1, 2, 3], &[Nearest, Linear, Area])
    }),
    ("interpolate, of volumes", |d| {
        use InterpolateMode::*;
        interpolate(d, &[1, 2, 2, 1, 2], &[Nearest, Linear, Area])
    }),
    ("grid_sample", |d| {
        use GridSampleMode::*;
        use GridSamplePadding::*;
        let (image, grid) = (d.x(&[1, 2, 3, 4]), d.x(&[1, 2, 2, 2]));
        let options = GridSampleOptions {
            mode: d.form(&[Bilinear, Nearest, Bicubic]),
            padding_mode: d.form(&[Zeros, Border, Reflection]),
            align_corners: d.flag(),
        };
        vec![image.grid_sample(grid, options)]
    }),
    // ------------------------------------------------------------------------------------------ what a Var tells
    ("tape", |d| vec![d.x(&[2]).tape().leaf(d.float(1.0))]),
    ("node", |d| {
        assert!(d.x(&[2, 3]).node() < 3, "one leaf and its shape");
        vec![]
    }),
    ("shape", |d| {
        d.x(&[2, 3]).shape();
        vec![]
    }),
    ("ndim", |d| {
        d.x(&[2, 3]).ndim();
        vec![]
    }),
    ("numel", |d| {
        d.x(&[2, 3]).numel();
        vec![]
    }),
    ("size", |d| {
        d.x(&[2, 3]).size(d.int(0));
        vec![]
    }),
    ("is_tracked", |d| {
        assert!(d.x(&[2, 3]).is_tracked(), "leaves are");
        vec![]
    }),
    ("item", |d| {
        d.x(&[1]).item();
        vec![]
    }),
    ("to_array", |d| {
        assert_eq!(d.x(&[2, 3]).to_array().ndim(), d.leaves[0].ndim());
        vec![]
    }),
    ("to_vec", |d| {
        assert_eq!(d.x(&[2, 3]).broadcast_to([d.size(1), 2, 3]).to_vec().len() % 6, 0);
        vec![]
    }),
    ("value", |d| {
        let x = d.x(&[2, 3]);
        assert_eq!(x.value().view().len(), x.numel());
        vec![]
    }),
    ("number", |d| vec![d.x(&[2]).number(d.float(1.0))]),
    ("ones_like", |d| vec![d.x(&[2, 3]).ones_like()]),
    ("zeros_like", |d| vec![d.x(&[2, 3]).zeros_like()]),
    // ------------------------------------------------------------------------------------------ functions of lists and functions
    ("concat()", |d| vec![concat(&[d.x(&[2, 3]), d.x(&[2, 3])], d.int(0))]),
    ("stack()", |d| vec![stack(&[d.x(&[2, 3]), d.x(&[2, 3])], d.int(0))]),
    ("einsum()", |d| vec![einsum("ij,jk->ik", &[d.x(&[2, 3]), d.x(&[3, 2])])]),
    ("einsum(), of three", |d| vec![einsum("aij,a...,jk->k...a", &[d.x(&[2, 2, 3]), d.x(&[2, 3]), d.x(&[3, 2])])]),
    ("multi_dot()", |d| vec![multi_dot(&[d.x(&[2, 3]), d.x(&[3, 2]), d.x(&[2])])]),
    ("grad()", |d| vec![grad(|x: V<'_>| x.exp().sum())(d.x(&[2, 3]))]),
    ("value_and_grad()", |d| vec![value_and_grad(|x: V<'_>| x.exp().sum())(d.x(&[2, 3])).1]),
    ("vjp()", |d| {
        let (y, back) = vjp(|x: V<'_>| x.exp(), d.x(&[2, 3]));
        vec![y, back(d.x(&[2, 3]))]
    }),
    ("jvp()", |d| vec![jvp(|x: V<'_>| x.exp(), d.x(&[2, 3]), d.x(&[2, 3])).1]),
    ("jacobian()", |d| vec![jacobian(|x: V<'_>| x.exp(), d.x(&[2, 3]))]),
    ("jacobian(), of a view", |d| {
        let n = d.size(2);
        vec![jacobian(move |x: V<'_>| x.broadcast_to([n, 1]), d.x(&[1]))]
    }),
    ("hessian()", |d| vec![hessian(|x: V<'_>| x.exp().sum(), d.x(&[2, 3]))]),
    ("hvp()", |d| vec![hvp(|x: V<'_>| x.exp().sum(), d.x(&[2, 3]), d.x(&[2, 3]))]),
    ("value_and_grad_of()", |d| {
        value_and_grad_of(|x: Var<'_, f64>| x.exp().sum(), d.float(0.5));
        vec![]
    }),
    // ------------------------------------------------------------------------------------------ tapes
    ("Tape::new", |_| {
        assert_eq!(Tape::<f64>::new().stats().nodes, 0);
        vec![]
    }),
    ("Tape::leaf", |d| {
        let shape = [d.size(0), 0, d.size(2)];
        let empty = ndarray::ArrayD::from_shape_vec(shape.to_vec(), Vec::new());
        let empty = empty.unwrap_or_else(|_| ndarray::ArrayD::zeros(vec![0])); // no array has that shape
        vec![d.tape.leaf(empty), d.tape.leaf(d.float(1.0)), d.tape.leaf(ndarray::ArrayD::ones(vec![1; d.size(2).min(70)]))]
    }),
    ("Tape::leaf, that lies", |d| {
        let source = super::own_ops::Lies { shape: vec![d.size(2), d.size(1)], values: vec![1.0; 2] };
        vec![d.tape.leaf(source)]
    }),
    ("Tape::constant", |d| vec![d.tape.constant([d.float(1.0), 2.0]), d.tape.constant(ndarray::ArrayD::ones(vec![1; d.size(2).min(70)]))]),
    ("Tape::full", |d| vec![d.tape.full([d.size(2), d.size(3)], d.float(0.5))]),
    ("Tape::zeros", |d| vec![d.tape.zeros([d.int(2), d.int(3)])]),
    ("Tape::ones", |d| vec![d.tape.ones(d.size(2))]),
    ("Tape::eye", |d| vec![d.tape.eye(d.size(3))]),
    ("Tape::arange", |d| vec![d.tape.arange(d.float(0.0), d.float(3.0), d.float(1.0))]),
    ("Tape::linspace", |d| vec![d.tape.linspace(d.float(0.0), d.float(1.0), d.size(5))]),
    ("Tape::rand", |d| vec![d.tape.rand([d.size(2), d.size(3)], &mut init::seeded(1))]),
    ("Tape::randn", |d| vec![d.tape.randn([d.size(2), d.size(3)], &mut init::seeded(1))]),
    ("Tape::first_not_finite", |d| {
        let y = d.x(&[2, 3]).ln() * d.float(2.0);
        let first = d.tape.first_not_finite();
        assert!(first.is_some() || !y.to_vec().iter().any(|y| y.is_nan()), "NaN begins somewhere");
        vec![y]
    }),
    ("Tape::is_grad_enabled", |d| {
        assert!(d.tape.is_grad_enabled() && !d.tape.no_grad(|| d.tape.is_grad_enabled()));
        vec![d.x(&[2])]
    }),
    ("Tape::param", |d| {
        let p = Param::new("p", [d.float(1.0), 2.0]);
        vec![d.tape.param(&p), d.tape.param(&p)]
    }),
    ("Tape::apply", |d| vec![d.tape.apply(super::own_ops::any_view(d), &[d.x(&[2, 3])])]),
    ("Tape::try_apply", |d| match d.tape.try_apply(super::own_ops::any_view(d), &[d.x(&[2, 3])]) {
        Ok(y) => vec![y],
        Err(e) => panic!("{e}"),
    }),
    ("Tape::no_grad", |d| {
        let x = d.x(&[2, 3]);
        vec![d.tape.no_grad(|| x.exp()) * x]
    }),
    ("Tape::reset", |d| {
        let mut tape = Tape::<f64>::new();
        tape.leaf(d.float(1.0)).broadcast_to([d.size(2)]);
        tape.reset();
        assert_eq!(tape.stats().nodes, 0);
        vec![]
    }),
    ("Tape::recycle", |d| {
        let y = d.x(&[2, 3]).exp().sum();
        d.tape.recycle(d.tape.backward(y));
        vec![]
    }),
    ("Tape::fast_ways", |d| {
        let tape = Tape::<f64>::new().fast_ways(d.flag(), d.size(2));
        let x = tape.leaf([0.5, 1.5]);
        let slope = tape.backward((x.exp() * x).sum()).wrt(x).expect("used")[1];
        assert!((slope - 2.5 * 1.5_f64.exp()).abs() < 1e-12);
        Vec::new()
    }),
    ("Tape::stats", |d| {
        d.x(&[2, 3]);
        d.tape.stats();
        vec![]
    }),
    ("Tape::nodes", |d| {
        d.x(&[2, 3]);
        assert!(!d.tape.nodes().is_empty());
        vec![]
    }),
    ("Tape::backward", |d| {
        d.tape.backward(d.x(&[1]));
        vec![]
    }),
    ("Tape::backward_with", |d| {
        d.tape.backward_with(d.x(&[2, 3]).exp(), d.x(&[2, 3]));
        vec![]
    }),
    ("Tape::grad", |d| {
        let (x, y) = (d.x(&[2, 3]), d.x(&[1, 3]));
        d.tape.grad(x * y, &[x, y]).into_iter().flatten().collect()
    }),
    ("Tape::grad, of a view", |d| {
        let x = d.x(&[1, 3]);
        let y = x.broadcast_to([d.size(2), 3]);
        d.tape.grad(y, &[x]).into_iter().flatten().collect()
    }),
    ("Tape::grad_with", |d| {
        let (x, u) = (d.x(&[2, 3]), d.x(&[2, 3]));
        d.tape.grad_with(x.exp(), u, &[x, u]).into_iter().flatten().collect()
    }),
];

/// The first of many parts: each would be differentiated.
fn some_of(parts: Vec<V<'_>>) -> Vec<V<'_>> {
    parts.into_iter().take(3).collect()
}

/// Matrices that have an inverse and, as long as their numbers are ordinary, are symmetric and positive.
fn regular<'t>(d: &mut Draw<'t>) -> V<'t> {
    let x = d.x(&[2, 3, 3]);
    let eye = d.tape.constant([[9.0, 0.0, 0.0], [0.0, 9.0, 0.0], [0.0, 0.0, 9.0]]);
    if d.tame && x.shape() == [2, 3, 3] { x + x.transpose(-1, -2) + eye } else { x }
}

/// Of a loss, whether a mean of no elements makes it NaN, and a weight of no class.
trait RecordOf<'t> {
    fn record_of(self, d: &mut Draw<'t>) -> Self;
}
impl<'t> RecordOf<'t> for V<'t> {
    fn record_of(self, d: &mut Draw<'t>) -> Self {
        d.tame &= d.leaves.iter().all(|x| x.numel() > 0);
        self
    }
}
