//! Who is answered: browsers that were led here by a name of this machine, and holders of the token to change
//! something.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri,
        header::{
            CONTENT_SECURITY_POLICY, COOKIE, HOST, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
        },
    },
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use subtle::ConstantTimeEq as _;

/// Nothing but what this page itself serves, in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
    form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Knows the token and the address.
pub(super) struct Guard {
    address: SocketAddr,
    token: String,
}

impl Guard {
    pub(super) fn new(address: SocketAddr, token: String) -> Self {
        Guard { address, token }
    }

    /// Whether a token is the right one; it takes as long for a wrong one.
    pub(super) fn is_token(&self, token: &str) -> bool {
        token.as_bytes().ct_eq(self.token.as_bytes()).into()
    }

    /// The cookie that holds the token from now on. Cookies know no ports, so that its name tells.
    pub(super) fn cookie(&self) -> String {
        format!("{}={}; HttpOnly; SameSite=Strict; Path=/", self.cookie_name(), self.token)
    }

    fn cookie_name(&self) -> String {
        format!("registry-page-{}", self.address.port())
    }

    /// Whether a request may change something.
    pub(super) fn may_change(&self, headers: &HeaderMap) -> bool {
        let name = self.cookie_name();
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
        pairs.any(|(key, value)| key == name && self.is_token(value))
    }

    /// Whether a request was meant for this server. A name that somebody else has led here (DNS rebinding) was not: a
    /// number can't be led anywhere.
    fn is_meant(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<axum::http::uri::Authority>() else { return false };
        let name = authority.host().trim_start_matches('[').trim_end_matches(']');
        let port = authority.port_u16().unwrap_or(80);
        port == self.address.port() && (name == "localhost" || name.parse::<IpAddr>().is_ok())
    }
}

/// Refuses what is not for this page, and tells browsers what they may do with an answer.
pub(super) async fn watch_over(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let mut response = match refusal(&guard, &request) {
        Some(why) => (StatusCode::FORBIDDEN, why).into_response(),
        None => next.run(request).await,
    };
    let told: [(HeaderName, &'static str); 4] = [
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        // With `no-referrer` browsers would not say which page a form is sent from.
        (REFERRER_POLICY, "same-origin"),
    ];
    for (name, value) in told {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Why a request is not answered.
fn refusal(guard: &Guard, request: &Request) -> Option<&'static str> {
    let headers = request.headers();
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !guard.is_meant(host) {
        return Some("this page is reached by an address or as localhost, at its own port\n");
    }
    if request.method() == Method::GET || request.method() == Method::HEAD {
        return None;
    }
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let origin = origin.and_then(|origin| origin.parse::<Uri>().ok());
    if origin.and_then(|origin| Some(origin.authority()?.as_str() == host)) != Some(true) {
        return Some("this request comes from another page\n");
    }
    if !guard.may_change(headers) {
        return Some("the token is missing or wrong: open the address as it was printed\n");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> Guard {
        Guard::new("127.0.0.1:8848".parse().unwrap(), "secret".to_owned())
    }

    #[test]
    fn a_name_that_others_may_lead_here_is_refused() {
        for (host, is_meant) in [
            ("127.0.0.1:8848", true),
            ("localhost:8848", true),
            ("[::1]:8848", true),
            ("127.0.0.1:80", false),
            ("evil.example:8848", false),
            ("localhost.evil.example:8848", false),
            ("", false),
        ] {
            assert_eq!(guard().is_meant(host), is_meant, "{host:?}");
        }
    }

    #[test]
    fn changes_need_the_token_and_this_very_page() {
        let refused = |headers: &[(&'static str, &str)]| {
            let request = Request::builder().method(Method::POST).header("host", "127.0.0.1:8848");
            let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            refusal(&guard(), &request.body(axum::body::Body::empty()).unwrap())
        };
        let (own, other) = (("origin", "http://127.0.0.1:8848"), ("origin", "http://evil.example"));
        let token = ("cookie", "a=b; registry-page-8848=secret");
        assert_eq!(refused(&[own, token]), None);
        assert!(refused(&[other, token]).unwrap().contains("another page"));
        assert!(refused(&[token]).unwrap().contains("another page"));
        assert!(refused(&[own]).unwrap().contains("token"));
        assert!(refused(&[own, ("cookie", "registry-page-8848=secreT")]).unwrap().contains("token"));
    }
}
