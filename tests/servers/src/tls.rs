/// Who shows a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// The server alone.
    Server,
    /// The server and every client.
    Mutual,
}
