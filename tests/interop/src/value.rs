//! What a key holds on a server, as a driver's line writes it.

/// What a key holds on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// ZooKeeper's null.
    Null,
    /// Any bytes, none included.
    Bytes(Vec<u8>),
}

impl Value {
    /// What the registry reads: a null value is an empty one.
    pub fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Null => Vec::new(),
            Self::Bytes(bytes) => bytes,
        }
    }

    /// As a line holds it.
    pub fn written(&self) -> String {
        match self {
            Self::Null => "-".to_owned(),
            Self::Bytes(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }

    /// From what a line holds.
    ///
    /// # Panics
    ///
    /// If the driver wrote anything else.
    pub fn read(text: &str) -> Self {
        if text == "-" {
            return Self::Null;
        }
        let digit = |digit: &u8| char::from(*digit).to_digit(16).expect("a hexadecimal digit") as u8;
        let bytes = text.as_bytes().chunks(2).map(|byte| byte.iter().fold(0, |sum, next| sum << 4 | digit(next)));
        Self::Bytes(bytes.collect())
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}
