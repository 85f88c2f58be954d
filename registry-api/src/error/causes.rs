//! What has caused an error, the nearest first: as lines of text, and as the chain that [`Error::source`] walks.

use std::{error::Error, fmt, sync::Arc};

type Source = Arc<dyn Error + Send + Sync>;

/// The causes of one error.
#[derive(Clone, Default)]
pub(super) struct Causes {
    lines: Vec<String>,
    /// The head of the chain: an error that was kept whole, or else the lines.
    source: Option<Source>,
    /// Whether the head was kept whole. It stays the head then.
    is_kept: bool,
}

/// A line as an error, with those after it as its sources.
#[derive(Debug)]
struct Line {
    text: String,
    next: Option<Source>,
}

impl Causes {
    /// Adds the text of an error and of its own sources.
    pub(super) fn add(&mut self, cause: &(dyn Error + 'static)) {
        let mut next = Some(cause);
        while let Some(cause) = next {
            let text = cause.to_string();
            if !text.is_empty() && self.lines.last() != Some(&text) {
                self.lines.push(text);
            }
            // The text of such an error has those of its causes in it.
            next = cause.source().filter(|_| !cause.is::<super::Error>());
        }
        self.link();
    }

    /// The same, and keeps the error, unless one is kept already.
    pub(super) fn keep(&mut self, cause: impl Error + Send + Sync + 'static) {
        self.add(&cause);
        if !self.is_kept {
            self.source = Some(Arc::new(cause));
            self.is_kept = true;
        }
    }

    pub(super) fn add_line(&mut self, text: String) {
        self.lines.push(text);
        self.link();
    }

    pub(super) fn lines(&self) -> &[String] {
        &self.lines
    }

    pub(super) fn source(&self) -> Option<&(dyn Error + 'static)> {
        let source: &(dyn Error + 'static) = &**self.source.as_ref()?;
        Some(source)
    }

    fn link(&mut self) {
        if !self.is_kept {
            let lines = self.lines.iter().rev();
            self.source = lines.fold(None, |next, text| Some(Arc::new(Line { text: text.clone(), next })));
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Line {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        let next: &(dyn Error + 'static) = &**self.next.as_ref()?;
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use std::{iter::successors, num::ParseIntError};

    use super::super::{Error, ErrorKind};

    fn chain(error: &Error) -> Vec<String> {
        successors(std::error::Error::source(error), |cause| cause.source()).map(ToString::to_string).collect()
    }

    #[test]
    fn causes_are_a_chain_of_sources() {
        let error = Error::new(ErrorKind::Other, "failed").with_cause_text("first").with_cause_text("second");
        assert_eq!(chain(&error), ["first", "second"]);
        let outer = Error::new(ErrorKind::Other, "outer").with_cause(&error);
        assert_eq!(chain(&outer), ["failed: first: second"], "each is told once");
    }

    #[test]
    fn a_kept_source_can_be_downcast() {
        let number = "x".parse::<u8>().expect_err("no number");
        let error = Error::new(ErrorKind::Other, "failed").with_source(number.clone()).with_cause_text("at /a");
        let source = std::error::Error::source(&error).expect("a source");
        assert_eq!(source.downcast_ref::<ParseIntError>(), Some(&number));
        assert_eq!(error.clone().causes(), [number.to_string(), "at /a".to_owned()]);
    }
}
