//! What is read as what, and what is refused where.

use proptest::prelude::*;

use super::*;

/// An expression with all its parentheses, so that what binds to what can be seen.
fn shown(expr: &Expr) -> String {
    let selector = |selector: &Selector| {
        let one = |matcher: &Matcher| match &matcher.test {
            Test::Equal(value) => format!("{}={value:?}", matcher.label),
            Test::NotEqual(value) => format!("{}!={value:?}", matcher.label),
            Test::Fits(regex) => format!("{}=~{:?}", matcher.label, regex.as_str()),
            Test::FitsNot(regex) => format!("{}!~{:?}", matcher.label, regex.as_str()),
        };
        format!("{{{}}}", selector.matchers.iter().map(one).collect::<Vec<_>>().join(",").replace("__name__=\"", "\""))
    };
    let ranged = |range: &Range| format!("{}[{}]", selector(&range.of), range.ms);
    match expr {
        Expr::Number(number) => number.to_string(),
        Expr::Selector(of) => selector(of),
        Expr::Range(range) => ranged(range),
        Expr::Over { function, range } => format!("{function:?}{}", ranged(range)),
        Expr::Negative(of) => format!("-{}", shown(of)),
        Expr::Binary { operator, left, right } => format!("({} {operator:?} {})", shown(left), shown(right)),
        Expr::Aggregate { how, grouping, of } => format!("{how:?} {grouping:?} {}", shown(of)),
    }
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(parse(text).map(|expr| shown(&expr)).as_deref(), Ok(expected), "{text}");
}

#[track_caller]
fn refused(text: &str, place: &str, part: &str) {
    let said = parse(text).unwrap_err();
    assert!(said.starts_with(&format!("{place}: parse error: ")) && said.contains(part), "{text}: {said}");
}

#[test]
fn times_and_over_bind_before_plus_and_minus_and_the_left_before_the_right() {
    check("1 + 2 * 3 - 4 / 5", "((1 Add (2 Multiply 3)) Subtract (4 Divide 5))");
    check("8 / 4 / 2", "((8 Divide 4) Divide 2)");
    check("(8 - 4) * -2", "((8 Subtract 4) Multiply -2)");
    check("- -a + +b", "(--{\"a\"} Add {\"b\"})");
    check("1-a", "(1 Subtract {\"a\"})");
}

#[test]
fn the_forms_that_reports_show_are_read() {
    check("up", "{\"up\"}");
    check(r#"a:b{x="1",y!='2',z=~`3`,}"#, r#"{"a:b",x="1",y!="2",z=~"^(?s:3)$"}"#);
    check(r#"{__name__=~"a.+",b!~"c"}"#, r#"{__name__=~"^(?s:a.+)$",b!~"^(?s:c)$"}"#);
    check("a{}[1h30m]", "{\"a\"}[5400000]");
    check("rate(a{b=\"c\\\"\\\\\"}[4m])", "Rate{\"a\",b=\"c\\\"\\\\\"}[240000]");
    check("rate( ( a [ 5m ] ) )", "Rate{\"a\"}[300000]");
    check(
        "1 - avg without (cpu, mode) (rate(n{mode=\"idle\"}[1m]))",
        "(1 Subtract Avg Without([\"cpu\", \"mode\"]) Rate{\"n\",mode=\"idle\"}[60000])",
    );
    check("SUM BY (job)(a) / sum(b) by(job,)", "(Sum By([\"job\"]) {\"a\"} Divide Sum By([\"job\"]) {\"b\"})");
    check("max_over_time(a[90s]) * 0.001", "(Max{\"a\"}[90000] Multiply 0.001)");
    check("a / (a + b)", "({\"a\"} Divide ({\"a\"} Add {\"b\"}))");
    check("a # of all\n+ 0x1F # hex\n", "({\"a\"} Add 31)");
    check("sum + count", "({\"sum\"} Add {\"count\"})");
    check("rate / increase{a=\"b\"}", "({\"rate\"} Divide {\"increase\",a=\"b\"})");
    check("1e-3 + .5 + 2E+2 - Inf", "(((0.001 Add 0.5) Add 200) Subtract inf)");
}

#[test]
fn what_is_wrong_is_refused_at_its_place() {
    refused("", "1:1", "no expression found in input");
    refused("a +", "1:4", "unexpected end of input");
    refused("a\n + )", "2:4", "unexpected right parenthesis ')'");
    refused("a b", "1:3", "unexpected identifier \"b\"");
    refused("sum(a", "1:6", "unclosed left parenthesis");
    refused("a{b}", "1:4", "unexpected right brace '}'");
    refused("a{b=c}", "1:5", "expected a quoted label value");
    refused("a{b=\"c}", "1:5", "unterminated quoted string");
    refused("a{b=\"\\x\"}", "1:5", "unknown escape sequence");
    refused("a{b=~\"(\"}", "1:3", "error parsing regexp");
    refused("1 + {a=\"\"}", "1:5", "at least one non-empty matcher");
    refused("a[5]", "1:3", "missing unit character in duration");
    refused("a[0s]", "1:3", "bad number or duration syntax: \"0s\"");
    refused("ä", "1:1", "unexpected character: 'ä'");
    refused("\"ü\" + ;", "1:1", "unexpected string");
    refused("sum by (a:b) (c)", "1:9", "unexpected identifier \"a:b\"");
    refused(&"(".repeat(500), "1:34", "nested too deeply");
    refused(&"-".repeat(500), "1:34", "nested too deeply");
}

#[test]
fn types_that_do_not_fit_are_refused() {
    refused("rate(a)", "1:6", "expected type range vector in call to function \"rate\", got instant vector");
    refused("increase(1)", "1:10", "got scalar");
    refused("sum(1 + 2)", "1:5", "expected type instant vector in aggregation expression, got scalar");
    refused("sum(a[5m])", "1:5", "got range vector");
    refused("1 + a[5m]", "1:5", "binary expression must contain only scalar and instant vector types");
    refused("a[5m] * 2", "1:1", "binary expression must contain only scalar and instant vector types");
    refused("-a[5m]", "1:1", "unary expression only allowed on expressions of type scalar or instant vector");
}

#[test]
fn what_the_real_server_would_answer_is_refused_with_a_list_of_what_is_answered() {
    for (text, place) in [
        ("histogram_quantile(0.9, a)", "1:1"),
        ("sum(topk(3, a))", "1:5"),
        ("a > 3", "1:3"),
        ("a ^ 2", "1:3"),
        ("a offset 5m", "1:3"),
        ("a and b", "1:3"),
        ("a @ 12", "1:3"),
    ] {
        refused(text, place, "this simulated Prometheus answers selectors; rate, increase");
    }
}

proptest! {
    #[test]
    fn no_text_is_too_odd_to_be_refused_at_a_place_in_it(
        text in r#"([ -~\nä€]|rate\(|sum by |a\{b=~"|\[5m\]|\)|[0-9]e[+-]){0,24}"#,
    ) {
        if let Err(said) = parse(&text) {
            let mut place = said.split(':').map(|number| number.parse::<usize>());
            let (line, column) = (place.next().unwrap().unwrap(), place.next().unwrap().unwrap());
            let length = text.split('\n').nth(line - 1).unwrap().len();
            prop_assert!((1..=length + 1).contains(&column), "{said}");
        }
    }
}
