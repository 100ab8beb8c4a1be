//! Who is told, and when? [`Incidents`] decides when there is something to say: once when an incident opens, once when it
//! is over, and in between only when the verdict changes. [`tell`] says it through every notifier.

mod incidents;

use lagdoctor_model::{Diagnosis, Gap, Timestamp};
use lagdoctor_runtime::{Bound, Format, IncidentEvent, Receipt, Rendering};
use tokio::task::JoinSet;

use crate::report::{Envelope, Links, Style, headline, json, markdown, text};

pub use incidents::{Incidents, Rules};

/// What came of telling people.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Told {
    /// What notifiers sent, by the name of the notifier.
    pub receipts: Vec<(String, Receipt)>,
    /// Notifiers that failed. Telling again is safe: the event carries its idempotency key.
    pub gaps: Vec<Gap>,
}

/// Tells people through all notifiers at once. One that fails keeps no other from being heard.
pub async fn tell(
    event: &IncidentEvent,
    diagnosis: &Diagnosis,
    links: &Links,
    envelope: &Envelope,
    notifiers: &[Bound],
    now: Timestamp,
) -> Told {
    let document = json(diagnosis, links, envelope);
    let renderings = renderings(diagnosis, links);
    let mut tasks = JoinSet::new();
    for (place, notifier) in notifiers.iter().enumerate() {
        let (notifier, event) = (notifier.clone(), event.clone());
        let (document, renderings) = (document.clone(), renderings.clone());
        tasks.spawn(async move {
            let sent = notifier.notify(&event, &document, &renderings, now).await;
            (place, notifier.name().to_owned(), sent)
        });
    }
    let mut answers = vec![];
    while let Some(answer) = tasks.join_next().await {
        answers.extend(answer.ok());
    }
    answers.sort_by_key(|(place, ..)| *place);
    let mut told = Told::default();
    for (_, name, sent) in answers {
        match sent {
            Ok(receipts) => told.receipts.extend(receipts.into_iter().map(|receipt| (name.clone(), receipt))),
            Err(error) => told.gaps.push(error.gap()),
        }
    }
    told
}

/// What notifiers are given to show to people.
pub fn renderings(diagnosis: &Diagnosis, links: &Links) -> Vec<Rendering> {
    vec![
        Rendering { format: Format::Headline, text: headline(diagnosis) },
        Rendering { format: Format::Markdown, text: markdown(diagnosis, links) },
        Rendering { format: Format::Text, text: text(diagnosis, Style::plain()) },
    ]
}
