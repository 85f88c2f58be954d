//! What of the tasks and events is shown.

use registry_tasks::record::Record;
use serde::Deserialize;

use crate::board::Happened;

/// Words that a task, or an event, has to have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Filter {
    pub(crate) tasks: String,
    pub(crate) events: String,
}

impl Filter {
    /// Whether everything is shown.
    pub(crate) fn is_empty(&self) -> bool {
        self.tasks.trim().is_empty() && self.events.trim().is_empty()
    }

    pub(crate) fn takes_task(&self, record: &Record) -> bool {
        let worker = record.worker.as_ref().map_or("", |worker| worker.address.as_str());
        let command = record.spec.command.join(" ");
        has(&self.tasks, &[record.id.as_str(), record.state.name(), &record.spec.group, worker, &command])
    }

    pub(crate) fn takes_event(&self, event: &Happened) -> bool {
        has(&self.events, &[event.what, &event.key, &event.more])
    }
}

/// Whether each of the words is in one of the texts, in upper case or lower.
fn has(words: &str, texts: &[&str]) -> bool {
    let texts: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
    words.split_whitespace().all(|word| {
        let word = word.to_lowercase();
        texts.iter().any(|text| text.contains(&word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_to_be_somewhere() {
        assert!(has("", &["a"]) && has(" run GPU ", &["running", "", "gpu"]));
        assert!(!has("run x", &["running", "gpu"]));
    }
}
