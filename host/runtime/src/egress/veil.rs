//! What of an answer may a guest not see? Secrets: all that the host knows, whoever's they are, and what one of them has
//! computed for this call. Start at [`Veil`]; how a secret is found is the matter of [`super::scrub`].

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::Limits;
use crate::egress::policy::Refusal;
use crate::egress::scrub::Scrubber;
use crate::egress::secrets::{Secret, Secrets};
use crate::grants::Grants;

/// Secrets of others are blanked from this many bytes on: shorter ones may be ordinary words, such as the name of a group
/// that somebody took for a password.
const MIN_FOREIGN: usize = 8;

/// What all calls of one plugin share.
pub(crate) struct Common {
    /// Turns of requests: how many may be under way.
    pub(super) turns: Semaphore,
    /// The last scrubber and what it is for. Making one takes longer than most calls.
    scrubber: Mutex<Option<(BTreeSet<Secret>, Arc<Scrubber>)>>,
}

impl Common {
    pub(crate) fn new(limits: &Limits) -> Self {
        let turns = Semaphore::new(limits.http_concurrency.clamp(1, Semaphore::MAX_PERMITS));
        Self { turns, scrubber: Mutex::default() }
    }

    /// A scrubber for these secrets; `None` when they are too large to be looked for, and so must not be used.
    fn scrubber(&self, secrets: BTreeSet<Secret>) -> Option<Arc<Scrubber>> {
        let mut kept = self.scrubber.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, scrubber)) = &*kept
            && *known == secrets
        {
            return Some(scrubber.clone());
        }
        let scrubber = Arc::new(Scrubber::new(&secrets)?);
        *kept = Some((secrets, scrubber.clone()));
        Some(scrubber)
    }
}

/// Blanks secrets in what one call is answered.
pub(crate) struct Veil {
    grants: Arc<Grants>,
    secrets: Arc<dyn Secrets>,
    common: Arc<Common>,
    /// The very secrets that this call has sent: one that was changed meanwhile is still blanked.
    sent: BTreeSet<Secret>,
    /// What secrets have computed for this call.
    digests: BTreeSet<Vec<u8>>,
    scrubbers: Option<(Arc<Scrubber>, Scrubber)>,
}

impl Veil {
    pub(crate) fn new(grants: Arc<Grants>, secrets: Arc<dyn Secrets>, common: Arc<Common>) -> Self {
        Self { grants, secrets, common, sent: BTreeSet::new(), digests: BTreeSet::new(), scrubbers: None }
    }

    /// Notes what goes out, so that it does not come back.
    pub(crate) fn remember(&mut self, secret: &Secret, digest: Option<Vec<u8>>) {
        let is_new = self.sent.insert(secret.clone());
        if digest.is_some_and(|digest| self.digests.insert(digest)) || is_new {
            self.scrubbers = None;
        }
    }

    /// The bytes without secrets.
    pub(crate) fn bytes(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>, Refusal> {
        let (secrets, digests) = match self.scrubbers.take() {
            Some(scrubbers) => scrubbers,
            None => self.make().ok_or_else(|| Refusal {
                code: "bad-input",
                message: "the secrets are too long to be kept out of answers: use shorter ones".to_owned(),
            })?,
        };
        let bytes = digests.bytes(secrets.bytes(bytes));
        self.scrubbers = Some((secrets, digests));
        Ok(bytes)
    }

    /// The text without secrets.
    pub(crate) fn text(&mut self, text: String) -> Result<String, Refusal> {
        // Only whole characters are replaced, by ASCII, so the text stays UTF-8.
        Ok(String::from_utf8(self.bytes(text.into_bytes())?).unwrap_or_default())
    }

    fn make(&self) -> Option<(Arc<Scrubber>, Scrubber)> {
        // A far side may show what it knows of others as well, as a log store does that holds their headers.
        let foreign = self.secrets.all().into_iter().filter(|secret| secret.expose().len() >= MIN_FOREIGN);
        let granted = self.grants.secrets().filter_map(|name| self.secrets.get(name));
        let all: BTreeSet<Secret> = granted.chain(foreign).chain(self.sent.iter().cloned()).collect();
        Some((self.common.scrubber(all)?, Scrubber::of_digests(&self.digests)?))
    }
}
