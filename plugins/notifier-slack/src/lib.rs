//! Tells people in Slack: one message when an incident opens, when its verdict changes, and when it is over. Start at
//! [`SlackNotifier`]; `message` is what people read.
//!
//! Two ways lead there. An incoming webhook is an address that is itself a secret; a bot token posts to any channel that
//! the bot was invited to.

mod diagnosis;
mod message;
mod mrkdwn;
#[cfg(test)]
mod tests;

use lagdoctor_sdk::{
    Auth, Error, Host, IncidentEvent, Manifest, Notifier, Plugin, Receipt, Rendering, Request, Response, code, json,
    log,
};
use serde::Deserialize;

use diagnosis::Diagnosis;
use message::message;

/// The phases of an incident, and so those that can be chosen.
const PHASES: [&str; 3] = ["opened", "updated", "closed"];

const SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "webhook": {"type": "string", "minLength": 1, "description": "Name of the secret that holds the address of an incoming webhook"},
    "token": {"type": "string", "minLength": 1, "description": "Name of the secret that holds a bot token with the right chat:write; needs `channel`"},
    "channel": {"type": "string", "minLength": 1, "description": "Channel to post to, such as C0123ABCD or #orders-oncall; invite the bot to it"},
    "api": {"type": "string", "pattern": "^https?://[^?#]+$", "default": "https://slack.com/api", "description": "Address of the API, for those who go through a proxy"},
    "phases": {"type": "array", "items": {"enum": ["opened", "updated", "closed"]}, "default": ["opened", "updated", "closed"], "description": "Which steps of an incident to tell"},
    "mention": {"type": "string", "pattern": "^<(@[A-Z0-9]+|!subteam\\^[A-Z0-9]+|!here|!channel)>$", "description": "Who is called when an incident opens: <@U0123>, <!subteam^S0123>, <!here> or <!channel>"},
    "timeout_ms": {"type": "integer", "minimum": 1, "maximum": 600000, "default": 10000, "description": "Longest wait for Slack"}
  },
  "oneOf": [{"required": ["webhook"]}, {"required": ["token", "channel"]}]
}"#;

/// What an operator writes.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Name of the secret that holds the address of an incoming webhook.
    pub webhook: Option<String>,
    /// Name of the secret that holds a bot token.
    pub token: Option<String>,
    /// Channel for the bot.
    pub channel: Option<String>,
    /// Address of the API.
    pub api: String,
    /// Which steps to tell.
    pub phases: Vec<String>,
    /// Who is called when an incident opens.
    pub mention: Option<String>,
    /// Longest wait.
    pub timeout_ms: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            webhook: None,
            token: None,
            channel: None,
            api: "https://slack.com/api".to_owned(),
            phases: PHASES.map(str::to_owned).to_vec(),
            mention: None,
            timeout_ms: 10_000,
        }
    }
}

/// The way to Slack.
#[derive(Clone, Debug)]
enum Way {
    Webhook { secret: String },
    Bot { token: String, channel: String },
}

/// Tells people in one Slack channel.
#[derive(Clone, Debug)]
pub struct SlackNotifier {
    config: Config,
    way: Way,
}

impl Plugin for SlackNotifier {
    type Config = Config;

    fn manifest() -> Manifest {
        let about = "Tells people in Slack when an incident opens, changes its verdict, and is over.";
        Manifest::new("notifier-slack", env!("CARGO_PKG_VERSION"), about)
            .configured_by(SCHEMA)
            .asks_http("https://slack.com", "it is where a bot posts")
            .asks_http("https://hooks.slack.com", "it is where incoming webhooks are")
            .asks_http("config:api", "it is where a bot posts through a proxy")
            .asks_secret("config:webhook", "it is the address of the incoming webhook")
            .asks_secret("config:token", "it proves that the bot may post")
    }

    fn new(mut config: Config) -> Result<Self, Error> {
        let bad = |what: &str| Err(Error::new(code::BAD_CONFIG, what));
        let way = match (config.webhook.clone(), config.token.clone(), config.channel.clone()) {
            (Some(secret), None, _) => Way::Webhook { secret },
            (None, Some(token), Some(channel)) => Way::Bot { token, channel },
            (None, Some(_), None) => return bad("`token` needs `channel`, to which the bot was invited"),
            (Some(_), Some(_), _) => {
                return bad("give `webhook` or `token`, not both: they are two ways to one channel");
            }
            (None, None, _) => {
                return bad("give `webhook`, or `token` and `channel`: names of secrets that lead to Slack");
            }
        };
        if let Some(phase) = config.phases.iter().find(|phase| !PHASES.contains(&phase.as_str())) {
            return bad(&format!("`phases` holds `{phase}`; known are {}", PHASES.join(", ")));
        }
        while config.api.ends_with('/') {
            config.api.pop();
        }
        Ok(Self { config, way })
    }
}

impl Notifier for SlackNotifier {
    fn notify(
        &self,
        host: &dyn Host,
        event: &IncidentEvent,
        diagnosis_json: &str,
        renderings: &[Rendering],
    ) -> Result<Vec<Receipt>, Error> {
        if !self.config.phases.contains(&event.phase) {
            return Ok(vec![]);
        }
        let diagnosis = json::from_str::<Diagnosis>(diagnosis_json)
            .inspect_err(|error| log::warn(&format!("the diagnosis cannot be read, its text is sent instead: {error}")))
            .ok();
        let mut body = message(event, diagnosis.as_ref(), renderings, self.config.mention.as_deref());
        let request = match &self.way {
            Way::Webhook { secret } => Request::post_json("", &body).auth(Some(Auth::secret_url(secret))),
            Way::Bot { token, channel } => {
                body["channel"] = json::Value::String(channel.clone());
                let url = format!("{}/chat.postMessage", self.config.api);
                Request::post_json(url, &body).auth(Some(Auth::bearer(token)))
            }
        };
        let response = host.fetch(&request.patience_ms(self.config.timeout_ms))?;
        match &self.way {
            Way::Webhook { secret } => webhook_receipt(secret, &response),
            Way::Bot { channel, .. } => bot_receipt(channel, &response),
        }
        .map(|receipt| vec![receipt])
    }
}

/// An incoming webhook answers `ok`, or one word that says why not.
fn webhook_receipt(secret: &str, response: &Response) -> Result<Receipt, Error> {
    if response.is_success() {
        return Ok(Receipt::new(format!("Slack, by the incoming webhook `{secret}`"), ""));
    }
    Err(refusal(response.status, response.text().trim(), &format!("the incoming webhook `{secret}`")))
}

/// `chat.postMessage` answers 200 also when it did not post.
fn bot_receipt(channel: &str, response: &Response) -> Result<Receipt, Error> {
    #[derive(Deserialize)]
    struct Posted {
        ok: bool,
        #[serde(default)]
        error: String,
        #[serde(default)]
        ts: String,
    }
    let posted: Option<Posted> = response.json().ok();
    match posted {
        Some(posted) if posted.ok => Ok(Receipt::new(format!("Slack channel {channel}"), posted.ts)),
        Some(posted) => Err(refusal(response.status, &posted.error, &format!("channel {channel}"))),
        None => Err(refusal(response.status, response.text().trim(), &format!("channel {channel}"))),
    }
}

/// What Slack's words mean, and what to do about them.
fn refusal(status: u16, word: &str, to: &str) -> Error {
    let (code, advice) = match word {
        "invalid_auth" | "not_authed" | "token_revoked" | "token_expired" | "account_inactive" | "no_active_hooks"
        | "invalid_token" => (code::UNAUTHORISED, "make a new one, and put it into the secret"),
        "missing_scope" | "no_permission" | "restricted_action" | "action_prohibited" => {
            (code::UNAUTHORISED, "give the bot the right chat:write")
        }
        "channel_not_found" | "not_in_channel" => (code::BAD_CONFIG, "check `channel`, and /invite the bot to it"),
        "is_archived" | "channel_is_archived" => (code::BAD_CONFIG, "choose a channel that is in use"),
        "no_service" | "no_team" | "team_disabled" => (code::BAD_CONFIG, "the webhook is gone: make a new one"),
        "ratelimited" | "rate_limited" => (code::RATE_LIMITED, "it is told again with the next change"),
        _ if status == 429 => (code::RATE_LIMITED, "it is told again with the next change"),
        _ if status == 404 || status == 410 => (code::BAD_CONFIG, "the webhook is gone: make a new one"),
        _ if status == 401 || status == 403 => (code::UNAUTHORISED, "make a new one, and put it into the secret"),
        _ => (code::UPSTREAM, "see status.slack.com"),
    };
    let word: String = word.chars().take(100).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let word = if word.is_empty() { "no reason".to_owned() } else { format!("`{word}`") };
    Error::new(code, format!("Slack did not take the message to {to}: it answered {status} and {word}; {advice}"))
}

lagdoctor_sdk::export_notifier!(SlackNotifier);
