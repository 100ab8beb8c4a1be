//! What is told of nodes to which no way is known.

use super::*;

#[test]
fn what_is_unusual_where_no_way_is_known_is_neither_a_cause_nor_ruled_out() {
    let loud = Finding {
        statement: "95 % of its time goes to collections".into(),
        ..finding("instance:web-0", "jvm.gc.overhead", "jvm.gc-full", 0.9)
    };
    let detection = symptomatic("group:g");
    let plan = plan(&shop(), &detection, vec![loud]);
    let found = conclude(&shop(), &detection, &plan, Some(("r".into(), Ranking::default())), None, vec![]);
    assert_eq!((found.verdict, found.ruled_out.len()), (Verdict::InsufficientEvidence, 0));
    assert_eq!(found.unconnected.iter().map(|open| open.node.as_str()).collect::<Vec<_>>(), ["instance:web-0"]);
    insta::assert_snapshot!(found.headline, @"group g has fallen 1,240,331 records and 14 min 5 s behind since 12:20:15, and what is known does not single out a cause: nothing unusual was found on its way; instance web-0 (full garbage collections stop the process for seconds) is unusual, and whether the group depends on it is not known");
    insta::assert_snapshot!(found.needs[0].statement, @r#"whether group g depends on instance web-0: if it does, say so in a topology file: node = [{ id = "service:s", depends = ["instance:web-0"] }]"#);
}
