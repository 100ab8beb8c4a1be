//! A ranker with the SDK: the loudest finding upstream of the symptom is the cause, a quiet one is dismissed.

use lagdoctor_sdk::{
    Cause, Dismissal, Error, Finding, Manifest, NoConfig, Plugin, Ranker, Ranking, Symptom, View, code,
};

struct Upstream;

impl Plugin for Upstream {
    type Config = NoConfig;

    fn manifest() -> Manifest {
        Manifest::new("museum-ranker-sdk", "0.1.0", "Blames the loudest neighbour.")
            .reads(&["*"])
            .names(&["jvm.gc-full", "db.lock"])
    }

    fn new(_: NoConfig) -> Result<Self, Error> {
        Ok(Self)
    }
}

impl Ranker for Upstream {
    fn rank(&self, view: &View<'_>, findings: &[Finding], symptom: &Symptom) -> Result<Ranking, Error> {
        let hurts = view.node(symptom.node).ok_or_else(|| Error::new(code::BAD_INPUT, "no such node"))?;
        let mut causes = Vec::new();
        let mut dismissed = Vec::new();
        for (handle, finding) in (0u32..).zip(findings) {
            if finding.score < 0.1 {
                dismissed.push(Dismissal::new(finding.node, &finding.class, vec![handle], "it is as always"));
                continue;
            }
            for (node, kind) in view.dependencies(hurts).filter(|(node, _)| node.handle == finding.node) {
                let because = format!("{} {kind} it, and {}", hurts.name, finding.statement);
                let mut cause = Cause::new(node.handle, &finding.class, finding.score, because);
                cause.path = vec![symptom.node, node.handle];
                cause.findings = vec![handle];
                causes.push(cause);
            }
        }
        causes.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        Ok(Ranking { causes, dismissed, ext: vec![] })
    }
}

lagdoctor_sdk::export_ranker!(Upstream);
