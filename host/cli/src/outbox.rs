//! What has to be told and is not told yet. A notifier whose far side is down the moment an incident opens must not mean
//! that nobody hears of it, so it is asked again at each diagnosis. Start at [`Outbox::send`].

use std::collections::{BTreeMap, VecDeque};

use lagdoctor_model::{Diagnosis, Gap, Timestamp};
use lagdoctor_runtime::{Bound, IncidentEvent};
use lagdoctor_service::notify;
use lagdoctor_service::report::Envelope;

use crate::output::{Output, counted};
use crate::session::Session;

/// How many letters one notifier may be behind. Older ones are dropped first: of a long incident the end matters most.
const MOST: usize = 32;

/// A step of an incident, and what is known of it.
#[derive(Clone)]
pub struct Letter {
    /// The step.
    pub event: IncidentEvent,
    /// What was found.
    pub diagnosis: Diagnosis,
    /// What is said about the run that found it.
    pub envelope: Envelope,
}

/// Letters for each notifier.
#[derive(Default)]
pub struct Outbox {
    trays: Vec<Tray>,
}

struct Tray {
    notifier: Bound,
    /// Oldest first.
    letters: VecDeque<Letter>,
    /// What was said last about why they are still here; it is said again only when it changes.
    said: String,
}

impl Outbox {
    /// Adds a letter for every notifier.
    pub fn put(&mut self, letter: Letter, session: &Session) {
        if self.trays.is_empty() {
            let notifiers = session.loaded.plugins.notifiers.iter().cloned();
            let empty = |notifier| Tray { notifier, letters: VecDeque::new(), said: String::new() };
            self.trays = notifiers.map(empty).collect();
        }
        for Tray { letters, .. } in &mut self.trays {
            letters.push_back(letter.clone());
            if letters.len() > MOST {
                letters.pop_front();
            }
        }
    }

    /// What nobody has been told: how many messages, and through which notifier.
    pub fn untold(&self) -> impl Iterator<Item = String> {
        let waiting = self.trays.iter().filter(|tray| !tray.letters.is_empty());
        waiting.map(|Tray { notifier, letters, .. }| {
            let were = if letters.len() == 1 { "was" } else { "were" };
            format!("{} {were} not delivered to {}", counted(letters.len(), "message"), notifier.name())
        })
    }

    /// How many letters wait for each notifier, by its name.
    pub fn waiting(&self) -> BTreeMap<String, usize> {
        let mut waiting = BTreeMap::new();
        for Tray { notifier, letters, .. } in &self.trays {
            *waiting.entry(notifier.name().to_owned()).or_default() += letters.len();
        }
        waiting
    }

    /// Tells what is to be told, in order, and says who was told and who could not be. Sending again is safe: an event
    /// carries its idempotency key.
    pub async fn send(&mut self, now: Timestamp, session: &Session, output: &Output) {
        for Tray { notifier, letters, said } in &mut self.trays {
            while let Some(letter) = letters.front() {
                let Letter { event, diagnosis, envelope } = letter;
                let only = std::slice::from_ref(notifier);
                let told = notify::tell(event, diagnosis, &session.links(), envelope, only, now).await;
                for (notifier, receipt) in &told.receipts {
                    output.note(&format!(
                        "{now} {notifier} told {} that {} is {}",
                        receipt.destination,
                        event.incident,
                        event.phase.as_str()
                    ));
                }
                if !told.gaps.is_empty() {
                    let each = told.gaps.iter().map(|gap| {
                        // The plugin gave this call up, and not what it was to say.
                        let Gap { source, statement, .. } = gap;
                        let (incident, phase) = (&event.incident, event.phase.as_str());
                        let job = format!("plugin `{source}` gave up telling that `{incident}` is {phase}: ");
                        format!("could not tell {source}: {}", statement.strip_prefix(&job).unwrap_or(statement))
                    });
                    let why = each.collect::<Vec<_>>().join("; ");
                    if *said != why {
                        let waiting = counted(letters.len(), "message");
                        output.note(&format!("{now} {why}; {waiting} kept, and sent with the next diagnosis"));
                        *said = why;
                    }
                    break;
                }
                said.clear();
                letters.pop_front();
            }
        }
    }
}
