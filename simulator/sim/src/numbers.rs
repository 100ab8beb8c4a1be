//! The two functions that almost every draw needs, made quick: powers of e, and the quantile of the normal distribution.
//! Only additions, multiplications and tables, so that both give the same bits on every machine.

use std::sync::LazyLock;

/// Parts of an octave for which a power of two is kept.
const PARTS: usize = 64;
static POWERS: LazyLock<[f64; PARTS]> =
    LazyLock::new(|| std::array::from_fn(|part| libm::exp2(part as f64 / PARTS as f64)));

/// e to the power of `x`; the relative error is below 1e-13.
///
/// `x` is a whole number of 64ths of an octave and a rest of at most half of one, so that four terms of the series do for
/// the rest (P. T. P. Tang, "Table-driven implementation of the exponential function", 1989).
pub(crate) fn exp(x: f64) -> f64 {
    if !(-700.0..=700.0).contains(&x) {
        return libm::exp(x);
    }
    const PER_PART: f64 = std::f64::consts::LN_2 / PARTS as f64;
    // Adding and taking away so much leaves whole numbers alone of what is that much smaller.
    const WHOLE: f64 = 6_755_399_441_055_744.0;
    let parts = (x * (1.0 / PER_PART) + WHOLE) - WHOLE;
    let rest = x - parts * PER_PART;
    let series = 1.0 + rest * (1.0 + rest * (0.5 + rest * (1.0 / 6.0 + rest * (1.0 / 24.0))));
    let parts = parts as i64;
    let power = POWERS[(parts & (PARTS as i64 - 1)) as usize].to_bits();
    f64::from_bits(power.wrapping_add_signed((parts >> PARTS.trailing_zeros()) << 52)) * series
}

/// Parts of the unit interval for which a quantile is kept, and how many of them at either end are too steep for a line.
const STEPS: usize = 1024;
const STEEP: usize = STEPS / 32;
static QUANTILES: LazyLock<[f64; STEPS + 1]> =
    LazyLock::new(|| std::array::from_fn(|step| exact_normal_quantile(step as f64 / STEPS as f64)));

/// The value below which a standard normal number falls with this probability, from above 0 to below 1. From 1/32 to 31/32
/// it is read from a table with straight lines between its values, which are wrong by less than 5e-5.
pub(crate) fn normal_quantile(p: f64) -> f64 {
    let at = p * STEPS as f64;
    let step = at as usize;
    if !(STEEP..STEPS - STEEP).contains(&step) {
        return exact_normal_quantile(p);
    }
    let table = &*QUANTILES;
    table[step] + (at - step as f64) * (table[step + 1] - table[step])
}

/// The same by P. Acklam's rational approximation,
/// relative error below 1.2e-9.
fn exact_normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -39.696_830_286_653_76,
        220.946_098_424_520_5,
        -275.928_510_446_968_7,
        138.357_751_867_269,
        -30.664_798_066_147_16,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -54.476_098_798_224_06,
        161.585_836_858_040_9,
        -155.698_979_859_886_6,
        66.801_311_887_719_72,
        -13.280_681_552_885_72,
    ];
    const C: [f64; 6] = [
        -0.007_784_894_002_430_293,
        -0.322_396_458_041_136_5,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] =
        [0.007_784_695_709_041_462, 0.322_467_129_070_039_8, 2.445_134_137_142_996, 3.754_408_661_907_416];
    let tail = |q: f64| {
        (((((C[0] * q + C[1]) * q + C[2]) * q + C[3]) * q + C[4]) * q + C[5])
            / ((((D[0] * q + D[1]) * q + D[2]) * q + D[3]) * q + 1.0)
    };
    if p < 0.02425 {
        tail(libm::sqrt(-2.0 * libm::log(p)))
    } else if p > 0.97575 {
        -tail(libm::sqrt(-2.0 * libm::log(1.0 - p)))
    } else {
        let q = p - 0.5;
        let r = q * q;
        (((((A[0] * r + A[1]) * r + A[2]) * r + A[3]) * r + A[4]) * r + A[5]) * q
            / (((((B[0] * r + B[1]) * r + B[2]) * r + B[3]) * r + B[4]) * r + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_e_are_right_to_thirteen_digits() {
        for step in -400_000..400_000 {
            let x = f64::from(step) / 16_384.0;
            let right = libm::exp(x);
            assert!((exp(x) - right).abs() <= 1e-13 * right, "{x}: {} is not {right}", exp(x));
        }
        for x in [f64::NEG_INFINITY, -800.0, -700.0, 0.0, 700.0, 800.0, f64::INFINITY] {
            let right = libm::exp(x);
            assert!(exp(x) == right || (exp(x) - right).abs() <= 1e-12 * right, "{x}");
        }
        assert!(exp(f64::NAN).is_nan());
    }

    #[test]
    fn quantiles_only_grow_and_are_right_to_four_digits() {
        // As any table of the normal distribution has them.
        let known = [(0.025, -1.959_964), (0.158_655_25, -1.0), (0.5, 0.0), (0.95, 1.644_854), (0.999, 3.090_232)];
        for (p, z) in known {
            assert!((normal_quantile(p) - z).abs() < 5e-5, "{p}: {} is not {z}", normal_quantile(p));
        }
        let all: Vec<f64> = (1..1_000_000).map(|part| normal_quantile(f64::from(part) / 1e6)).collect();
        assert!(all.windows(2).all(|pair| pair[0] < pair[1]));
        let farthest = (1..1_000_000).map(|part| f64::from(part) / 1e6);
        let farthest = farthest.map(|p| (normal_quantile(p) - exact_normal_quantile(p)).abs()).fold(0.0, f64::max);
        assert!(farthest < 5e-5, "{farthest}");
    }
}
