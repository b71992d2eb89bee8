//! Compares schedules with PyTorch's, step by step: the rates of two groups, whose first rates are 0.5 and 0.02.

use wengert::io::State;
use wengert::optim::*;
use wengert::{Grads, Param};

fn sgd(momentum: f64) -> Sgd {
    let options = SgdOptions { lr: 0.5, momentum, ..Default::default() };
    Sgd::with(options).group([&Param::new("w", [0.0])], SgdOptions { lr: 0.02, ..options })
}

fn numbers(text: &str) -> Vec<f64> {
    text.split_whitespace().map(|x| x.parse().expect("a number")).collect()
}

fn same(found: f64, expected: f64, what: &str, time: usize) {
    assert!((found - expected).abs() < 1e-12, "{what} at {time}: {found} but PyTorch has {expected}");
}

fn rates_follow(schedule: impl Schedule + 'static, expected: [&str; 2]) {
    let mut optimizer = sgd(0.0);
    let mut scheduler = Scheduler::new(&mut optimizer, schedule);
    let expected = expected.map(numbers);
    assert!(expected.iter().all(|e| e.len() == 32));
    for (time, e) in expected[0].iter().zip(&expected[1]).enumerate() {
        let lrs = optimizer.lrs();
        same(lrs[0], *e.0, "lr", time);
        same(lrs[1], *e.1, "lr of the group", time);
        scheduler.step(&mut optimizer);
    }
}

fn cycle_follows(schedule: OneCycleLr, expected: [&str; 3]) {
    let mut optimizer = sgd(0.9);
    let mut scheduler = Scheduler::new(&mut optimizer, schedule);
    let expected = expected.map(numbers);
    assert!(expected.iter().all(|e| e.len() == 32));
    for (time, momentum) in expected[2].iter().enumerate() {
        let (lrs, momentums) = (optimizer.lrs(), optimizer.momentums());
        same(lrs[0], expected[0][time], "lr", time);
        same(lrs[1], expected[1][time], "lr of the group", time);
        momentums.iter().for_each(|m| same(m.unwrap(), *momentum, "momentum", time));
        scheduler.step(&mut optimizer);
    }
}

fn plateau_follows(options: ReduceLrOnPlateauOptions, metric: impl Fn(f64) -> f64, expected: [&str; 2]) {
    const METRIC: [f64; 36] = [
        1.0, 0.9, 0.85, 0.8499, 0.86, 0.8, 0.8, 0.8, 0.79, 0.8, 0.8, 0.81, 0.8, 0.7, 0.70001, 0.69999, 0.7, 0.72, 0.6, 0.61, 0.62, 0.63,
        0.6, 0.6, 0.59999, 0.61, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6,
    ];
    let (mut optimizer, mut scheduler) = (sgd(0.0), ReduceLrOnPlateau::new(options));
    let expected = expected.map(numbers);
    for (time, x) in METRIC.iter().enumerate() {
        if time == 17 {
            // A break in the middle changes nothing.
            let state = scheduler.state();
            scheduler = ReduceLrOnPlateau::new(options);
            scheduler.load_state(&state).unwrap();
        }
        let before = optimizer.lrs();
        let reduced = scheduler.step(metric(*x), &mut optimizer);
        let lrs = optimizer.lrs();
        assert_eq!(reduced, lrs != before);
        same(lrs[0], expected[0][time], "lr", time);
        same(lrs[1], expected[1][time], "lr of the group", time);
    }
}

#[test]
fn step_lr() {
    rates_follow(
        StepLr { step_size: 7, gamma: 0.3 },
        [
            "0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.15 0.15 0.15 0.15 0.15 0.15 0.15 0.045 0.045 0.045 0.045 0.045 0.045 0.045 0.0135 0.0135 0.0135 \
         0.0135 0.0135 0.0135 0.0135 0.00405 0.00405 0.00405 0.00405",
            "0.02 0.02 0.02 0.02 0.02 0.02 0.02 0.006 0.006 0.006 0.006 0.006 0.006 0.006 0.0018 0.0018 0.0018 0.0018 0.0018 0.0018 0.0018 \
         0.00054 0.00054 0.00054 0.00054 0.00054 0.00054 0.00054 0.000162 0.000162 0.000162 0.000162",
        ],
    );
}

#[test]
fn multi_step_lr() {
    rates_follow(
        MultiStepLr { milestones: vec![9, 4, 9, 20], gamma: 0.5 },
        [
            "0.5 0.5 0.5 0.5 0.25 0.25 0.25 0.25 0.25 0.0625 0.0625 0.0625 0.0625 0.0625 0.0625 0.0625 0.0625 0.0625 0.0625 0.0625 0.03125 \
         0.03125 0.03125 0.03125 0.03125 0.03125 0.03125 0.03125 0.03125 0.03125 0.03125 0.03125",
            "0.02 0.02 0.02 0.02 0.01 0.01 0.01 0.01 0.01 0.0025 0.0025 0.0025 0.0025 0.0025 0.0025 0.0025 0.0025 0.0025 0.0025 0.0025 \
         0.00125 0.00125 0.00125 0.00125 0.00125 0.00125 0.00125 0.00125 0.00125 0.00125 0.00125 0.00125",
        ],
    );
}

#[test]
fn exponential_lr() {
    rates_follow(
        ExponentialLr::new(0.9),
        [
            "0.5 0.45 0.405 0.36450000000000005 0.32805000000000006 0.2952450000000001 0.2657205000000001 0.23914845000000007 \
         0.21523360500000008 0.19371024450000007 0.17433922005000008 0.15690529804500009 0.14121476824050008 0.12709329141645007 \
         0.11438396227480506 0.10294556604732455 0.0926510094425921 0.08338590849833288 0.0750473176484996 0.06754258588364964 \
         0.06078832729528468 0.05470949456575622 0.0492385451091806 0.04431469059826254 0.039883221538436285 0.03589489938459266 \
         0.032305409446133394 0.029074868501520055 0.02616738165136805 0.023550643486231246 0.021195579137608122 0.01907602122384731",
            "0.02 0.018000000000000002 0.016200000000000003 0.014580000000000003 0.013122000000000003 0.011809800000000004 \
         0.010628820000000004 0.009565938000000005 0.008609344200000004 0.007748409780000004 0.006973568802000004 0.006276211921800004 \
         0.0056485907296200035 0.005083731656658003 0.004575358490992203 0.004117822641892983 0.003706040377703685 \
         0.0033354363399333165 0.0030018927059399848 0.0027017034353459864 0.002431533091811388 0.002188379782630249 \
         0.0019695418043672243 0.0017725876239305018 0.0015953288615374516 0.0014357959753837064 0.0012922163778453359 \
         0.0011629947400608022 0.0010466952660547221 0.00094202573944925 0.000847823165504325 0.0007630408489538925",
        ],
    );
}

#[test]
fn cosine_annealing_lr() {
    rates_follow(
        CosineAnnealingLr { t_max: 12, eta_min: 0.01 },
        [
            "0.5 0.4916518274408217 0.4671762239271875 0.4282411613907041 0.3775 0.3184106660501176 0.255 0.19158933394988245 \
         0.13250000000000006 0.08175883860929588 0.04282377607281252 0.01834817255917829 0.01 0.018348172559178262 \
         0.042823776072812486 0.08175883860929574 0.13249999999999984 0.1915893339498824 0.2549999999999999 0.31841066605011736 \
         0.37749999999999984 0.42824116139070395 0.4671762239271872 0.49165182744082153 0.4999999999999998 0.4916518274408215 \
         0.4671762239271872 0.42824116139070395 0.3774999999999999 0.31841066605011736 0.25500000000000006 0.19158933394988242",
            "0.02 0.019829629131445342 0.019330127018922193 0.018535533905932735 0.017499999999999998 0.016294095225512603 0.015 \
         0.013705904774487396 0.0125 0.011464466094067262 0.010669872981077806 0.010170370868554659 0.01 0.010170370868554659 \
         0.010669872981077806 0.01146446609406726 0.012499999999999997 0.013705904774487396 0.014999999999999998 0.0162940952255126 \
         0.017499999999999998 0.018535533905932735 0.01933012701892219 0.01982962913144534 0.019999999999999997 0.01982962913144534 \
         0.019330127018922193 0.01853553390593274 0.0175 0.016294095225512603 0.015000000000000005 0.0137059047744874",
        ],
    );
}

#[test]
fn warm_restarts() {
    rates_follow(
        CosineAnnealingWarmRestarts::new(5),
        [
            "0.5 0.45225424859373686 0.32725424859373686 0.17274575140626316 0.047745751406263165 0.5 0.45225424859373686 \
         0.32725424859373686 0.17274575140626316 0.047745751406263165 0.5 0.45225424859373686 0.32725424859373686 0.17274575140626316 \
         0.047745751406263165 0.5 0.45225424859373686 0.32725424859373686 0.17274575140626316 0.047745751406263165 0.5 \
         0.45225424859373686 0.32725424859373686 0.17274575140626316 0.047745751406263165 0.5 0.45225424859373686 0.32725424859373686 \
         0.17274575140626316 0.047745751406263165 0.5 0.45225424859373686",
            "0.02 0.018090169943749474 0.013090169943749475 0.006909830056250526 0.0019098300562505265 0.02 0.018090169943749474 \
         0.013090169943749475 0.006909830056250526 0.0019098300562505265 0.02 0.018090169943749474 0.013090169943749475 \
         0.006909830056250526 0.0019098300562505265 0.02 0.018090169943749474 0.013090169943749475 0.006909830056250526 \
         0.0019098300562505265 0.02 0.018090169943749474 0.013090169943749475 0.006909830056250526 0.0019098300562505265 0.02 \
         0.018090169943749474 0.013090169943749475 0.006909830056250526 0.0019098300562505265 0.02 0.018090169943749474",
        ],
    );
}

#[test]
fn longer_and_longer_restarts() {
    rates_follow(
        CosineAnnealingWarmRestarts { t_0: 4, t_mult: 2, eta_min: 0.001 },
        [
            "0.5 0.4269231419060436 0.2505 0.07407685809395641 0.5 0.48100794336156605 0.4269231419060436 0.3459795163750899 0.2505 \
         0.1550204836249101 0.07407685809395641 0.01999205663843396 0.5 0.495205927460606 0.48100794336156605 0.4579516682694851 \
         0.4269231419060436 0.38911477313839077 0.3459795163750899 0.29917503534302403 0.2505 0.20182496465697602 0.1550204836249101 \
         0.11188522686160932 0.07407685809395641 0.043048331730514935 0.01999205663843396 0.005794072539394008 0.5 0.49879858930471316 \
         0.495205927460606 0.4892566137651861",
            "0.02 0.0172175144212722 0.010499999999999999 0.003782485578727799 0.02 0.019276855558857223 0.0172175144212722 \
         0.014135492607468353 0.010499999999999999 0.0068645073925316475 0.003782485578727799 0.001723144441142776 0.02 \
         0.01981746016383069 0.019276855558857223 0.01839896131687418 0.0172175144212722 0.01577791721368622 0.014135492607468353 \
         0.012353358059153219 0.010499999999999999 0.008646641940846782 0.0068645073925316475 0.005222082786313782 \
         0.003782485578727799 0.002601038683125819 0.001723144441142776 0.001182539836169311 0.02 0.01995425490338587 \
         0.01981746016383069 0.019590933189455983",
        ],
    );
}

#[test]
fn linear_lr() {
    rates_follow(
        LinearLr { start_factor: 0.25, end_factor: 0.75, total_iters: 6 },
        [
            "0.125 0.16666666666666666 0.20833333333333331 0.24999999999999997 0.29166666666666663 0.33333333333333326 0.3749999999999999 \
         0.3749999999999999 0.3749999999999999 0.3749999999999999 0.3749999999999999 0.3749999999999999 0.3749999999999999 \
         0.3749999999999999 0.3749999999999999 0.3749999999999999 0.3749999999999999 0.3749999999999999 0.3749999999999999 \
         0.3749999999999999 0.3749999999999999 0.3749999999999999 0.3749999999999999 0.3749999999999999 0.3749999999999999 \
         0.3749999999999999 0.3749999999999999 0.3749999999999999 0.3749999999999999 0.3749999999999999 0.3749999999999999 \
         0.3749999999999999",
            "0.005 0.006666666666666666 0.008333333333333333 0.01 0.011666666666666667 0.013333333333333332 0.015 0.015 0.015 0.015 0.015 \
         0.015 0.015 0.015 0.015 0.015 0.015 0.015 0.015 0.015 0.015 0.015 0.015 0.015 0.015 0.015 0.015 0.015 0.015 0.015 0.015 0.015",
        ],
    );
}

#[test]
fn warm_up_before_a_cosine() {
    rates_follow(
        SequentialLr::new(LinearLr::new(5)).then(5, CosineAnnealingLr { t_max: 20, eta_min: 0.001 }).then(25, ExponentialLr::new(0.8)),
        [
            "0.16666666666666666 0.23333333333333334 0.30000000000000004 0.36666666666666675 0.43333333333333346 0.5 0.49692824097848687 \
         0.48778860081564085 0.4728061277849978 0.45234974009654944 0.42692314190604363 0.3971524204469721 0.36377062968501694 \
         0.3275997400965494 0.28953039902753763 0.2505 0.21146960097246245 0.17340025990345062 0.13722937031498308 0.10384757955302798 \
         0.07407685809395641 0.048650259903450635 0.028193872215002237 0.013211399184359193 0.0040717590215131536 0.5 0.4 \
         0.32000000000000006 0.25600000000000006 0.20480000000000007 0.16384000000000007 0.13107200000000005",
            "0.006666666666666666 0.009333333333333334 0.012000000000000002 0.01466666666666667 0.01733333333333334 0.02 \
         0.01988303923565381 0.019535036904803963 0.018964561979789497 0.018185661446562005 0.017217514421272204 0.016083959896778497 \
         0.014812909747525697 0.013435661446562004 0.011986127417882197 0.010500000000000002 0.009013872582117811 \
         0.0075643385534380015 0.006187090252474307 0.004916040103221507 0.0037824855787277996 0.0028143385534380007 \
         0.0020354380202105065 0.0014649630951960417 0.0011169607643461924 0.02 0.016 0.0128 0.01024 0.008192000000000001 \
         0.0065536000000000014 0.005242880000000002",
        ],
    );
}

#[test]
fn closures_are_factors() {
    rates_follow(
        |time: u64| 1.0 / (1 + time) as f64,
        [
            "0.5 0.25 0.16666666666666666 0.125 0.1 0.08333333333333333 0.07142857142857142 0.0625 0.05555555555555555 0.05 \
         0.045454545454545456 0.041666666666666664 0.038461538461538464 0.03571428571428571 0.03333333333333333 0.03125 \
         0.029411764705882353 0.027777777777777776 0.02631578947368421 0.025 0.023809523809523808 0.022727272727272728 \
         0.021739130434782608 0.020833333333333332 0.02 0.019230769230769232 0.018518518518518517 0.017857142857142856 \
         0.017241379310344827 0.016666666666666666 0.016129032258064516 0.015625",
            "0.02 0.01 0.006666666666666666 0.005 0.004 0.003333333333333333 0.002857142857142857 0.0025 0.0022222222222222222 0.002 \
         0.0018181818181818182 0.0016666666666666666 0.0015384615384615387 0.0014285714285714286 0.0013333333333333333 0.00125 \
         0.0011764705882352942 0.0011111111111111111 0.0010526315789473684 0.001 0.0009523809523809524 0.0009090909090909091 \
         0.0008695652173913044 0.0008333333333333333 0.0008 0.0007692307692307693 0.0007407407407407407 0.0007142857142857143 \
         0.0006896551724137932 0.0006666666666666666 0.0006451612903225806 0.000625",
        ],
    );
}

#[test]
fn one_cycle_lr() {
    cycle_follows(
        OneCycleLr::new(0.4, 32),
        [
            "0.016000000000000014 0.028668907123350795 0.06500374091319389 0.1202094739255094 0.1870007279914481 0.25656320941920274 \
         0.3197169117871269 0.36812758103485654 0.395406568490738 0.3996853642621113 0.3961570714524218 0.38877671095500926 \
         0.3776892164392657 0.3631123213431569 0.34533228307854774 0.3246982615799052 0.3016154625890297 0.27653718032627206 \
         0.24995589581226282 0.22239360564908064 0.1943915711818312 0.1664996893440314 0.1392656939194731 0.11322439928347969 \
         0.08888719785226597 0.06673201748686158 0.047193936065579166 0.030656637533702562 0.01744487721434827 0.007818104344837658 \
         0.0019653670776111406 1.6e-06",
            "0.016000000000000014 0.028668907123350795 0.06500374091319389 0.1202094739255094 0.1870007279914481 0.25656320941920274 \
         0.3197169117871269 0.36812758103485654 0.395406568490738 0.3996853642621113 0.3961570714524218 0.38877671095500926 \
         0.3776892164392657 0.3631123213431569 0.34533228307854774 0.3246982615799052 0.3016154625890297 0.27653718032627206 \
         0.24995589581226282 0.22239360564908064 0.1943915711818312 0.1664996893440314 0.1392656939194731 0.11322439928347969 \
         0.08888719785226597 0.06673201748686158 0.047193936065579166 0.030656637533702562 0.01744487721434827 0.007818104344837658 \
         0.0019653670776111406 1.6e-06",
            "0.95 0.9467008054366274 0.937238609137189 0.922862116165232 0.9054685604188937 0.8873533308804159 0.8709070542221024 \
         0.8583001091055061 0.8511962061222036 0.8500786592491092 0.8509607359798385 0.8528058334845816 0.8555777182010563 \
         0.8592219565520369 0.8636669838982987 0.8688255099070633 0.8745962327376735 0.8808658283817454 0.8875111760916387 \
         0.8944017761948346 0.9014023128137935 0.9083753111652367 0.9151838372554807 0.9216941869558779 0.92777851165098 \
         0.9333173288976001 0.9382018687910804 0.9423362099614142 0.9456391632530659 0.9480458660972549 0.9495090562668222 0.95",
        ],
    );
}

#[test]
fn one_cycle_lr_by_lines_in_three_phases() {
    cycle_follows(
        OneCycleLr {
            max_lr: vec![0.4, 0.1],
            pct_start: 0.4,
            anneal_strategy: Anneal::Linear,
            three_phase: true,
            div_factor: 10.0,
            final_div_factor: 100.0,
            base_momentum: 0.8,
            max_momentum: 0.9,
            ..OneCycleLr::new(0.4, 32)
        },
        [
            "0.04 0.07050847457627119 0.10101694915254238 0.13152542372881357 0.16203389830508474 0.19254237288135595 0.22305084745762713 \
         0.2535593220338983 0.2840677966101695 0.31457627118644066 0.34508474576271186 0.37559322033898307 0.3938983050847458 \
         0.3633898305084746 0.3328813559322034 0.3023728813559322 0.27186440677966106 0.24135593220338986 0.21084745762711868 \
         0.18033898305084747 0.1498305084745763 0.11932203389830509 0.08881355932203394 0.058305084745762736 0.03785945945945947 \
         0.032508108108108114 0.027156756756756762 0.021805405405405407 0.016454054054054056 0.0111027027027027 0.0057513513513513526 \
         0.0003999999999999976",
            "0.01 0.017627118644067796 0.025254237288135594 0.03288135593220339 0.040508474576271186 0.04813559322033899 \
         0.05576271186440678 0.06338983050847458 0.07101694915254238 0.07864406779661016 0.08627118644067797 0.09389830508474577 \
         0.09847457627118646 0.09084745762711866 0.08322033898305085 0.07559322033898305 0.06796610169491527 0.060338983050847464 \
         0.05271186440677967 0.04508474576271187 0.037457627118644074 0.029830508474576273 0.022203389830508485 0.014576271186440684 \
         0.009464864864864867 0.008127027027027028 0.0067891891891891905 0.005451351351351352 0.004113513513513514 \
         0.002775675675675675 0.0014378378378378381 9.99999999999994e-05",
            "0.9 0.8915254237288136 0.8830508474576272 0.8745762711864407 0.8661016949152542 0.8576271186440678 0.8491525423728814 \
         0.840677966101695 0.8322033898305086 0.823728813559322 0.8152542372881356 0.8067796610169492 0.8016949152542373 \
         0.8101694915254237 0.8186440677966103 0.8271186440677967 0.8355932203389831 0.8440677966101695 0.8525423728813559 \
         0.8610169491525423 0.8694915254237289 0.8779661016949153 0.8864406779661017 0.8949152542372881 0.9 0.9 0.9 0.9 0.9 0.9 0.9 \
         0.9",
        ],
    );
}

#[test]
fn one_cycle_lr_without_momentum() {
    cycle_follows(
        OneCycleLr { max_lr: vec![0.4, 0.1], pct_start: 0.25, three_phase: true, cycle_momentum: false, ..OneCycleLr::new(0.4, 33) },
        [
            "0.016000000000000014 0.03374551942317627 0.08370183332188907 0.15663455900238957 0.23906214333813083 0.3157479165495774 \
         0.37251657782417713 0.39887448777363704 0.3899494088670981 0.34739113444924113 0.2790665258252636 0.19760532955159987 \
         0.11806557938564032 0.0551501313845164 0.020488853303663363 0.015967797572526716 0.01571173171527827 0.01520783016812503 \
         0.014472288741404079 0.013528748341775728 0.012407535134031658 0.011144685833206065 0.00978078945490335 0.008359682750939838 \
         0.006927041260071412 0.005528911258595921 0.004210229795145989 0.0030133803769716192 0.001976830729143916 \
         0.0011338964102199527 0.0005116700227786142 0.00013015043488184158",
            "0.0040000000000000036 0.008436379855794068 0.02092545833047227 0.03915863975059739 0.05976553583453271 0.07893697913739435 \
         0.09312914445604428 0.09971862194340926 0.09748735221677453 0.08684778361231028 0.0697666314563159 0.04940133238789997 \
         0.02951639484641008 0.0137875328461291 0.005122213325915841 0.003991949393131679 0.0039279329288195676 0.0038019575420312575 \
         0.0036180721853510196 0.003382187085443932 0.0031018837835079145 0.002786171458301516 0.0024451973637258373 \
         0.0020899206877349596 0.001731760315017853 0.0013822278146489802 0.0010525574487864973 0.0007533450942429048 \
         0.000494207682285979 0.0002834741025549882 0.00012791750569465354 3.2537608720460394e-05",
            "0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 0.9 \
         0.9",
        ],
    );
}

#[test]
fn plateaus_of_a_loss() {
    plateau_follows(
        ReduceLrOnPlateauOptions { factor: 0.5, patience: 2, ..Default::default() },
        |x| x,
        [
            "0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.25 0.25 0.25 0.25 0.25 0.125 0.125 0.125 0.125 0.125 0.0625 0.0625 0.0625 \
         0.03125 0.03125 0.03125 0.015625 0.015625 0.015625 0.0078125 0.0078125 0.0078125 0.00390625 0.00390625 0.00390625",
            "0.02 0.02 0.02 0.02 0.02 0.02 0.02 0.02 0.02 0.02 0.02 0.01 0.01 0.01 0.01 0.01 0.005 0.005 0.005 0.005 0.005 0.0025 0.0025 \
         0.0025 0.00125 0.00125 0.00125 0.000625 0.000625 0.000625 0.0003125 0.0003125 0.0003125 0.00015625 0.00015625 0.00015625",
        ],
    );
}

#[test]
fn plateaus_with_cooldown() {
    plateau_follows(
        ReduceLrOnPlateauOptions {
            factor: 0.3,
            patience: 1,
            threshold: Threshold::Absolute(0.05),
            cooldown: 2,
            min_lr: 0.001,
            ..Default::default()
        },
        |x| x,
        [
            "0.5 0.5 0.5 0.5 0.5 0.15 0.15 0.15 0.15 0.15 0.045 0.045 0.045 0.045 0.045 0.0135 0.0135 0.0135 0.0135 0.0135 0.00405 0.00405 \
         0.00405 0.00405 0.001215 0.001215 0.001215 0.001215 0.001 0.001 0.001 0.001 0.001 0.001 0.001 0.001",
            "0.02 0.02 0.02 0.02 0.02 0.006 0.006 0.006 0.006 0.006 0.0018 0.0018 0.0018 0.0018 0.0018 0.001 0.001 0.001 0.001 0.001 0.001 \
         0.001 0.001 0.001 0.001 0.001 0.001 0.001 0.001 0.001 0.001 0.001 0.001 0.001 0.001 0.001",
        ],
    );
}

#[test]
fn plateaus_of_an_accuracy() {
    plateau_follows(
        ReduceLrOnPlateauOptions { goal: Goal::Max, patience: 1, threshold: Threshold::Relative(0.01), eps: 1e-4, ..Default::default() },
        |x| 1.0 - x,
        [
            "0.5 0.5 0.5 0.5 0.05 0.05 0.05 0.005000000000000001 0.005000000000000001 0.005000000000000001 0.0005000000000000001 \
         0.0005000000000000001 5.0000000000000016e-05 5.0000000000000016e-05 5.0000000000000016e-05 5.0000000000000016e-05 \
         5.0000000000000016e-05 5.0000000000000016e-05 5.0000000000000016e-05 5.0000000000000016e-05 5.0000000000000016e-05 \
         5.0000000000000016e-05 5.0000000000000016e-05 5.0000000000000016e-05 5.0000000000000016e-05 5.0000000000000016e-05 \
         5.0000000000000016e-05 5.0000000000000016e-05 5.0000000000000016e-05 5.0000000000000016e-05 5.0000000000000016e-05 \
         5.0000000000000016e-05 5.0000000000000016e-05 5.0000000000000016e-05 5.0000000000000016e-05 5.0000000000000016e-05",
            "0.02 0.02 0.02 0.02 0.002 0.002 0.002 0.0002 0.0002 0.0002 2e-05 2e-05 2e-05 2e-05 2e-05 2e-05 2e-05 2e-05 2e-05 2e-05 2e-05 \
         2e-05 2e-05 2e-05 2e-05 2e-05 2e-05 2e-05 2e-05 2e-05 2e-05 2e-05 2e-05 2e-05 2e-05 2e-05",
        ],
    );
}

#[test]
fn plateaus_of_an_accuracy_by_difference() {
    plateau_follows(
        ReduceLrOnPlateauOptions { goal: Goal::Max, factor: 0.5, patience: 3, threshold: Threshold::Absolute(0.02), ..Default::default() },
        |x| 1.0 - x,
        [
            "0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.5 0.25 0.25 0.25 0.25 0.25 0.25 0.25 0.25 0.125 0.125 0.125 0.125 0.125 0.0625 0.0625 \
         0.0625 0.0625 0.03125 0.03125 0.03125 0.03125 0.015625 0.015625 0.015625 0.015625 0.0078125 0.0078125",
            "0.02 0.02 0.02 0.02 0.02 0.02 0.02 0.02 0.02 0.01 0.01 0.01 0.01 0.01 0.01 0.01 0.01 0.005 0.005 0.005 0.005 0.005 0.0025 \
         0.0025 0.0025 0.0025 0.00125 0.00125 0.00125 0.00125 0.000625 0.000625 0.000625 0.000625 0.0003125 0.0003125",
        ],
    );
}

#[test]
fn after_the_cycle_all_stays() {
    let mut optimizer = sgd(0.9);
    let mut scheduler = Scheduler::new(&mut optimizer, OneCycleLr::new(0.4, 10));
    (0..9).for_each(|_| scheduler.step(&mut optimizer));
    let last = optimizer.lrs();
    same(last[0], 1.6e-6, "lr", 9);
    (0..5).for_each(|_| scheduler.step(&mut optimizer));
    assert_eq!(optimizer.lrs(), last);
}

#[test]
fn the_first_beta_is_the_momentum_of_adam() {
    let mut optimizer: Adam = Adam::new(0.1);
    let mut scheduler = Scheduler::new(&mut optimizer, OneCycleLr::new(0.4, 32));
    scheduler.step(&mut optimizer);
    same(optimizer.options().betas.0, 0.9467008054366274, "beta", 1);
    assert_eq!(optimizer.options().betas.1, 0.999);
}

/// Also through a box, and for L-BFGS.
#[test]
fn schedulers_go_on_from_their_state() {
    let make = || -> (Box<dyn Optimizer>, Scheduler) {
        let mut optimizer: Box<dyn Optimizer> = Box::new(sgd(0.9));
        let schedule = SequentialLr::new(LinearLr::new(5)).then(5, OneCycleLr::new(0.3, 20));
        let scheduler = Scheduler::new(&mut *optimizer, schedule);
        (optimizer, scheduler)
    };
    let (mut optimizer, mut scheduler) = make();
    (0..7).for_each(|_| scheduler.step(&mut *optimizer));
    let (mut fresh, mut resumed) = make();
    fresh.load_state(&[], &optimizer.state(&[])).unwrap();
    resumed.load_state(&scheduler.state()).unwrap();
    assert_eq!(resumed.time(), 7);
    for _ in 0..10 {
        assert_eq!((fresh.lrs(), fresh.momentums()), (optimizer.lrs(), optimizer.momentums()));
        scheduler.step(&mut *optimizer);
        resumed.step(&mut *fresh);
    }
    let mut lbfgs: Lbfgs = Lbfgs::new(1.0);
    Scheduler::new(&mut lbfgs, ExponentialLr::new(0.5)).step(&mut lbfgs);
    assert_eq!(lbfgs.lr(), 0.5);
}

#[test]
fn states_that_do_not_fit_are_refused() {
    let mut scheduler = Scheduler::new(&mut sgd(0.0), StepLr::new(3));
    let before = scheduler.state();
    let state: State = [("last_epoch", 0.5), ("base_lrs", 1.0), ("gamma", 0.1)].into_iter().collect();
    let error = scheduler.load_state(&state).unwrap_err().to_string();
    assert!(
        ["3 mismatches", "`last_epoch` is float64", "`base_lrs` has shape [] where [2]", "`gamma`"].iter().all(|e| error.contains(e)),
        "{error}"
    );
    assert_eq!(scheduler.state(), before);
    let mut plateau = ReduceLrOnPlateau::new(Default::default());
    let error = plateau.load_state(&state).unwrap_err().to_string();
    assert!(error.starts_with("6 mismatches"), "{error}");
    assert_eq!(plateau.best(), f64::INFINITY);
}

#[test]
#[should_panic(expected = "Scheduler: the schedule changes the momentum, but parameter group 0 works without momentum")]
fn a_cycle_of_momentum_needs_momentum() {
    Scheduler::new(&mut sgd(0.0), OneCycleLr::new(0.1, 10));
}

#[test]
#[should_panic(expected = "Scheduler: the schedule changes the momentum, but parameter group 0 works without momentum")]
fn a_later_cycle_of_momentum_needs_momentum_at_once() {
    let schedule = SequentialLr::new(LinearLr::new(5)).then(5, OneCycleLr::new(0.1, 10));
    Scheduler::new(&mut sgd(0.0), schedule);
}

#[test]
#[should_panic(expected = "set_momentums: parameter group 0 works without momentum")]
fn momentum_is_set_where_there_is_some() {
    sgd(0.0).set_momentums(&[0.5, 0.5]);
}

#[test]
#[should_panic(expected = "max_lr must be one number or as many as parameter groups (2), not [0.1, 0.1, 0.1]")]
fn largest_rates_are_as_many_as_groups() {
    Scheduler::new(&mut sgd(0.9), OneCycleLr { max_lr: vec![0.1; 3], ..OneCycleLr::new(0.1, 10) });
}

#[test]
fn a_schedule_without_sense_is_named() {
    let refused = |schedule: fn() -> Scheduler| {
        let text = *std::panic::catch_unwind(schedule).expect_err("must be refused").downcast::<String>().unwrap();
        assert!(text.contains("\n  at tests/kit/optim/schedules.rs:") && !text.contains("documentation"), "{text}");
        text
    };
    let text = refused(|| Scheduler::new(&mut sgd(0.0), StepLr::new(0)));
    assert!(text.starts_with("StepLr: step_size must be at least 1, not 0\n") && text.contains("\n  hint: the number of steps"), "{text}");
    let text = refused(|| Scheduler::new(&mut sgd(0.0), |_| f64::NAN));
    assert!(
        text.starts_with("Scheduler: the schedule gives the rate NaN at time 0 (parameter group 0; made at tests/kit/optim/schedules.rs:"),
        "{text}"
    );
    let text = refused(|| {
        let mut optimizer = sgd(0.0);
        let mut scheduler = Scheduler::new(&mut optimizer, |t| if t == 2 { -1.0 } else { 1.0 });
        scheduler.step(&mut optimizer);
        scheduler.step(&mut optimizer);
        scheduler
    });
    assert!(
        text.starts_with("Scheduler: the schedule gives the rate -")
            && text.contains(" at time 2 (parameter group 0; made at tests/kit/optim/schedules.rs:"),
        "{text}"
    );
    assert!(text.contains("\n  hint: rates are finite"), "{text}");
}
#[test]
#[should_panic(expected = "step_size must be at least 1, not 0")]
fn inner_schedules_are_checked() {
    Scheduler::new(&mut sgd(0.0), SequentialLr::new(LinearLr::new(2)).then(2, StepLr::new(0)));
}

#[test]
#[should_panic(expected = "the milestone must be above 5, the one before, not 5")]
fn milestones_rise() {
    let _ = SequentialLr::new(LinearLr::new(2)).then(5, StepLr::new(1)).then(5, StepLr::new(1));
}

#[test]
#[should_panic(expected = "factor must be at least 0 and below 1, not 1.0")]
fn a_plateau_reduces() {
    ReduceLrOnPlateau::new(ReduceLrOnPlateauOptions { factor: 1.0, ..Default::default() });
}

/// Rate and momentum of a resumed run, and the result of one more step, for every order in which optimizer and schedule are made and
/// loaded.
#[test]
fn schedule_and_optimizer_are_loaded_in_any_order() {
    let options = SgdOptions { lr: 0.5, momentum: 0.9, ..Default::default() };
    let schedules: [fn(&mut dyn Rates) -> Scheduler; 4] = [
        |o| Scheduler::new(o, StepLr { step_size: 2, gamma: 0.5 }),
        |o| Scheduler::new(o, OneCycleLr::new(0.3, 20)),
        |o| Scheduler::new(o, SequentialLr::new(LinearLr::new(5)).then(5, CosineAnnealingLr::new(9))),
        |o| Scheduler::new(o, |t| 1.0 / (1 + t) as f64),
    ];
    for (i, schedule) in schedules.into_iter().enumerate() {
        for by_hand in [None, Some(0.123)] {
            let new = || (Param::<f64>::new("w", [1.0]), Sgd::<f64>::with(options).group([], options));
            let step = |w: &Param<f64>, optimizer: &mut Sgd<f64>| {
                let tape = wengert::Tape::new();
                optimizer.step([w], &tape.backward(tape.param(w).square().sum()));
            };
            let named = |w: &Param<f64>| vec![("w".to_string(), w.clone())];
            let (w, mut optimizer) = new();
            let mut scheduler = schedule(&mut optimizer);
            for _ in 0..7 {
                step(&w, &mut optimizer);
                scheduler.step(&mut optimizer);
            }
            by_hand.iter().for_each(|&lr| optimizer.set_lr(lr)); // holds until the schedule's next step
            let (value, kept, time) = (w.to_array(), optimizer.state(&named(&w)), scheduler.state());
            let (lrs, momentums) = (optimizer.lrs(), optimizer.momentums());
            step(&w, &mut optimizer);
            let after = w.to_array();
            scheduler.step(&mut optimizer);
            let next = (optimizer.lrs(), optimizer.momentums());

            for order in 0..4 {
                let (w, mut optimizer) = new();
                w.set(&value);
                let load = |optimizer: &mut Sgd<f64>| optimizer.load_state(&named(&w), &kept).unwrap();
                if order == 0 {
                    load(&mut optimizer); // before there is a schedule
                }
                let mut scheduler = schedule(&mut optimizer);
                if order == 1 {
                    load(&mut optimizer);
                }
                scheduler.load_state(&time).unwrap();
                if order == 2 {
                    load(&mut optimizer);
                }
                if order == 3 && by_hand.is_some() {
                    continue; // only the optimizer's state holds that rate
                }
                let what = format!("schedule {i}, order {order}, by hand {by_hand:?}");
                assert_eq!((optimizer.lrs(), optimizer.momentums()), (lrs.clone(), momentums.clone()), "{what}");
                if order < 3 {
                    assert_eq!(optimizer.state(&named(&w)), kept, "{what}");
                    step(&w, &mut optimizer);
                    assert_eq!(w.to_array(), after, "{what}");
                }
                scheduler.step(&mut optimizer);
                assert_eq!((optimizer.lrs(), optimizer.momentums()), next, "{what}");
            }
        }
    }
}
/// A new schedule for a run that continues with another rate begins with its own first rate, although the optimizer was loaded.
#[test]
fn a_new_schedule_of_a_loaded_optimizer_holds_from_the_next_step() {
    let w = Param::<f32>::new("w", [1.0]);
    let named = [("w".to_string(), w.clone())];
    let mut optimizer = sgd(0.9);
    let state = Optimizer::state(&optimizer, &named);
    optimizer.load_state(&named, &state).unwrap();
    let _scheduler = Scheduler::new(&mut optimizer, OneCycleLr::new(1.0, 100));
    assert!((optimizer.lr() - 1.0 / 25.0).abs() < 1e-12);
    assert_eq!(optimizer.momentums(), [Some(0.95); 2]);
    let tape = wengert::Tape::new();
    optimizer.step([&w], &tape.backward(tape.param(&w).sum()));
    assert_eq!((optimizer.options().momentum, w.with(|w| w[0])), (0.95, 1.0 - 0.04));
    // A rate that is set by a call holds.
    optimizer.load_state(&named, &state).unwrap();
    let _scheduler = Scheduler::new(&mut optimizer, OneCycleLr::new(1.0, 100));
    optimizer.set_lr(0.25);
    assert_eq!(optimizer.lr(), 0.25);
}
#[test]
fn states_with_infinities_are_refused() {
    let mut optimizer = sgd(0.9);
    let mut scheduler = Scheduler::new(&mut optimizer, StepLr::new(3));
    let before = scheduler.state();
    for lr in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -1.0, 1e300] {
        let mut state = before.clone();
        state.insert("base_lrs", ndarray::array![0.1, lr].into_dyn());
        let error = scheduler.load_state(&state).unwrap_err().to_string();
        assert_eq!(error, format!("`base_lrs` is {lr}, where finite numbers that are at least 0 is needed"));
        let mut state = Optimizer::<f32>::state(&optimizer, &[]);
        state.insert("param_groups.0.lr", lr);
        assert!(optimizer.load_state(&[], &state).is_err());
        state.insert("param_groups.0.lr", 0.1);
        state.insert("param_groups.0.momentum", if lr == 1e300 { f64::INFINITY } else { lr });
        assert!(optimizer.load_state(&[], &state).is_err(), "{lr}");
    }
    assert_eq!(scheduler.state(), before);
    // The largest possible time.
    let mut state = before;
    state.insert("last_epoch", u64::MAX);
    scheduler.load_state(&state).unwrap();
    scheduler.step(&mut optimizer);
    assert_eq!((scheduler.time(), optimizer.lr()), (u64::MAX, 0.0));
}

/// If a state leads to invalid rates, it is refused when it is loaded, not at a later step.
#[test]
fn states_that_lead_to_no_rates_are_refused() {
    for lbfgs in [false, true] {
        let mut optimizer: Box<dyn Rates> = if lbfgs { Box::new(Lbfgs::<f32>::new(0.1)) } else { Box::new(Sgd::<f32>::new(0.1)) };
        let mut scheduler = Scheduler::new(&mut *optimizer, ExponentialLr::new(10.0));
        let before = scheduler.state();
        let mut state = before.clone();
        state.insert("base_lrs", ndarray::array![1e38].into_dyn());
        scheduler.load_state(&state).unwrap(); // at time 0 it is a rate
        scheduler.load_state(&before).unwrap();
        state.insert("last_epoch", 1u64);
        let error = scheduler.load_state(&state).unwrap_err().to_string();
        assert!(error.starts_with("`base_lrs` is such that the schedule's rate at time 1 is 1000000"), "{error}");
        assert_eq!((scheduler.state(), optimizer.lr()), (before, 0.1));
    }
}
/// A scheduler that was made for fewer groups than there are now reports it when its state is loaded.
#[test]
fn a_scheduler_of_fewer_groups_is_refused() {
    let mut optimizer: Sgd = Sgd::new(0.1);
    let mut scheduler = Scheduler::new(&mut optimizer, StepLr::new(3));
    let before = scheduler.state();
    let mut optimizer = optimizer.group([&Param::new("w", [0.0])], SgdOptions::default());
    let error = scheduler.load_state(&before).unwrap_err().to_string();
    assert_eq!(error, "`base_lrs` has shape [1] where [2] is needed");
    let mut scheduler = Scheduler::new(&mut optimizer, StepLr::new(3));
    let state = scheduler.state();
    scheduler.load_state(&state).unwrap();
    optimizer.step([], &Grads::default());
}
/// If a schedule has left invalid rates, they are refused at the step, with its line.
#[test]
fn rates_that_are_left_are_checked_at_the_step() {
    let text = |step: &mut dyn FnMut()| {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(step)).expect_err("must be refused");
        let text = *panic.downcast::<String>().unwrap();
        assert!(text.starts_with("optimizer: lr must be at least 0, not -0.1\n  at tests/kit/optim/schedules.rs:"), "{text}");
    };
    let mut sgd: Sgd = Sgd::new(0.1);
    sgd.load_state(&[], &Optimizer::<f32>::state(&sgd, &[])).unwrap();
    let _schedule = Scheduler::new(&mut sgd, |_| -1.0);
    text(&mut || sgd.step([], &Grads::default()));
    let mut lbfgs: Lbfgs = Lbfgs::new(0.1);
    lbfgs.load_state(&[], &lbfgs.state(&[])).unwrap();
    let _schedule = Scheduler::new(&mut lbfgs, |_| -1.0);
    text(&mut || assert_eq!(lbfgs.step(&[], || (0.0, Grads::default())), 0.0));
}
