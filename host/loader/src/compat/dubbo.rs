//! Dubbo: the one line that says where its registry is.

use registry_config::{ConfigError, Source, names_secret, slip_of};

use crate::config::{Map, Result, Tree, single};

/// The key.
const URL: &str = "registry.url";

/// A registry by the scheme of its URL.
struct Scheme {
    /// What the backend is called.
    registry_type: &'static str,
    /// The key of its section that names the servers, and their port where the URL has none.
    servers: (&'static str, u16),
}

const ZOOKEEPER: Scheme = Scheme { registry_type: "zookeeper", servers: ("connect-string", 2181) };
const ETCD: Scheme = Scheme { registry_type: "etcd", servers: ("endpoints", 2379) };

const SCHEMES: [(&str, Scheme); 4] = [("zookeeper", ZOOKEEPER), ("etcdv3", ETCD), ("etcd3", ETCD), ("etcd", ETCD)];

/// The parameters that mean something here.
const PARAMETERS: [&str; 8] =
    ["backup", "enable-empty-protection", "group", "password", "session", "timeout", "user", "username"];

/// What Dubbo puts in the place of a path.
const SERVICE: &str = "org.apache.dubbo.registry.RegistryService";

/// The keys below `registry` that such a URL stands for. No message shows what may be a password.
pub(crate) fn keys(text: &str, source: &Source) -> Result<Map> {
    read(text, source).map_err(|problem| ConfigError::at(URL, problem).written_at(source))
}

fn read(text: &str, source: &Source) -> std::result::Result<Map, String> {
    let (scheme, rest) = text.trim().split_once("://").ok_or_else(|| format!("has no scheme; {}", accepted()))?;
    let Some((_, Scheme { registry_type, servers: (servers_key, port) })) =
        SCHEMES.iter().find(|(name, _)| *name == scheme)
    else {
        return Err(format!("has the scheme {scheme:?}, which is unknown; {}", accepted()));
    };
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    // A password may have any character in it but '/', '?' and '@', unless it is escaped.
    let (who, rest) = before.rsplit_once('@').unwrap_or(("", before));
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    if !path.is_empty() && path != SERVICE {
        return Err(format!("has the path {path:?}; accepted: none. What all keys stand below is ?group="));
    }
    let (user, password) = who.split_once(':').unwrap_or((who, ""));
    let (mut user, mut password) = (decoded("the user", user)?, decoded("the password", password)?);
    let mut hosts = servers(authority, *port)?;
    let mut map = Map::default();
    let mut set = |path: &[&str], value: String| map.overlay(single(path, Tree::scalar(source.clone(), value)));
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = decoded(name, value)?;
        match name {
            "backup" => hosts.extend(servers(&value, *port)?),
            "group" => set(&["discovery", "root"], value.trim_matches('/').to_owned()),
            "timeout" => set(&[*registry_type, "connection-timeout"], milliseconds(name, &value)?),
            "session" => set(&["session-timeout"], milliseconds(name, &value)?),
            "user" | "username" => user = value,
            "password" => password = value,
            "enable-empty-protection" => set(&["discovery", "empty-protection"], value),
            _ => return Err(unknown(name)),
        }
    }
    if hosts.is_empty() {
        return Err(format!("names no server; {}", accepted()));
    }
    set(&["type"], (*registry_type).to_owned());
    set(&[*registry_type, servers_key], hosts.join(","));
    match (user.is_empty(), *registry_type) {
        (true, _) if !password.is_empty() => return Err("has a password, but no user".to_owned()),
        (true, _) => {}
        (false, "zookeeper") => set(&["zookeeper", "digest"], format!("{user}:{password}")),
        (false, _) => {
            set(&[*registry_type, "user"], user);
            set(&[*registry_type, "password"], password);
        }
    }
    Ok(map)
}

/// The servers of a list, each with its port.
fn servers(list: &str, port: u16) -> std::result::Result<Vec<String>, String> {
    let each = list.split(',').map(str::trim).filter(|server| !server.is_empty());
    each.map(|server| {
        let after_host = server.rsplit_once(']').map_or(server, |(_, rest)| rest);
        match after_host.rsplit_once(':') {
            None => Ok(format!("{server}:{port}")),
            Some((_, port)) if port.parse::<u16>().is_ok() => Ok(server.to_owned()),
            // Not shown: a '?' in a password makes a server of its beginning.
            Some(_) => Err("has a server whose port is none; accepted: host:port".to_owned()),
        }
    })
    .collect()
}

fn milliseconds(name: &str, value: &str) -> std::result::Result<String, String> {
    match value.parse::<u32>() {
        Ok(number) if number > 0 => Ok(format!("{number}ms")),
        _ => Err(format!("has {name}={value:?}; accepted: a number of milliseconds")),
    }
}

fn decoded(what: &str, text: &str) -> std::result::Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    let broken = || format!("has a '%' in {what} that no two digits follow; '%' itself is %25");
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|digit| char::from(digit).to_digit(16)).ok_or_else(broken);
        let (high, low) = (digit()?, digit()?);
        bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
    }
    String::from_utf8(bytes).map_err(|_| format!("has bytes in {what} that are no UTF-8"))
}

fn unknown(name: &str) -> String {
    if name.chars().any(|character| !character.is_ascii_alphanumeric() && !"-_.".contains(character)) {
        return "has a parameter whose name can't be one; a '&' in a password is %26".to_owned();
    }
    let hint = match slip_of(name, PARAMETERS) {
        Some(meant) => format!("did you mean {meant}?"),
        None => format!("accepted: {}", PARAMETERS.join(", ")),
    };
    // What is called like a secret may be one by mistake; its name is not a harm.
    let called = if names_secret(name) { "a parameter called like a secret".to_owned() } else { format!("{name:?}") };
    format!("has {called}, which is not a known parameter; {hint}")
}

fn accepted() -> String {
    let schemes: Vec<_> = SCHEMES.iter().map(|(name, _)| format!("{name}://")).collect();
    format!("accepted: {} and host:port, several with commas between", schemes.join(", "))
}

#[cfg(test)]
mod tests {
    use crate::Settings;

    fn read(url: &str) -> Vec<(String, String)> {
        let settings =
            Settings::builder().set_value("registry.url", url).build().unwrap_or_else(|e| panic!("{url}: {e}"));
        let written = settings.merged(&[]).unwrap().into_iter().filter(|setting| setting.source.to_string() == "--set");
        written.map(|setting| (setting.key, setting.value)).collect()
    }

    #[track_caller]
    fn says(url: &str, wanted: &[(&str, &str)]) {
        let read = read(url);
        for (key, value) in wanted {
            assert!(read.contains(&((*key).to_owned(), (*value).to_owned())), "{url}: {key} is not {value}: {read:?}");
        }
    }

    #[test]
    fn the_line_of_a_dubbo_application_is_a_configuration() {
        says(
            "zookeeper://h1:2181?backup=h2:2181,h3",
            &[("registry.type", "zookeeper"), ("registry.zookeeper.connect-string", "h1:2181,h2:2181,h3:2181")],
        );
        says("zookeeper://h1:1,h2:2/", &[("registry.zookeeper.connect-string", "h1:1,h2:2")]);
        says("etcdv3://[::1]:2379", &[("registry.type", "etcd"), ("registry.etcd.endpoints", "[::1]:2379")]);
        says(
            "zookeeper://u:p%40ss@h?timeout=2500&session=9000",
            &[("registry.zookeeper.connection-timeout", "2500ms"), ("registry.session-timeout", "9000ms")],
        );
        let settings = Settings::builder().set_value("registry.url", "etcd3://u:p%40s%25@h?timeout=1").build().unwrap();
        let section = settings.section(&[]).unwrap();
        assert_eq!((&section.json()["user"], &section.json()["password"]), (&"u".into(), &"p@s%".into()));
    }

    #[test]
    fn what_stands_above_takes_precedence_and_what_contradicts_is_refused() {
        let above = Settings::builder()
            .environment([("REGISTRY_URL", "zookeeper://h:1"), ("REGISTRY_ETCD_ENDPOINTS", "e:2")])
            .set("registry.type=etcd");
        assert_eq!(above.build().unwrap().registry_type(), "etcd");
        let beside = Settings::builder().set("registry.url=zookeeper://h:1").set("registry.type=etcd");
        let refused = beside.build().expect_err("which of the two?").to_string();
        assert!(refused.contains("registry.url") && refused.contains("etcd"), "{refused}");
        // Another program's variable of the same name.
        Settings::builder().environment([("REGISTRY_URL", "https://images.example")]).build().unwrap();
    }

    #[test]
    fn what_is_wrong_is_told_without_the_password() {
        for (url, says) in [
            ("nacos://h:8848", "zookeeper://"),
            ("h:2181", "scheme"),
            ("zookeeper://", "names no server"),
            ("zookeeper://u:secret@h:port", "host:port"),
            ("zookeeper://u:secret@h?grup=a", "did you mean group?"),
            ("zookeeper://u:secret@h?file=a", "accepted: backup"),
            ("zookeeper://u:secret@h?timeout=5s", "milliseconds"),
            ("zookeeper://u:secret@h/a/b", "?group="),
            ("zookeeper://u:sec%ret@h", "%25"),
            ("zookeeper://h?password=secret", "no user"),
        ] {
            let refused = Settings::builder().set_value("registry.url", url).build().expect_err(url);
            assert!(
                refused.to_string().starts_with("registry.url: ") && refused.to_string().contains(says),
                "{refused}"
            );
            assert!(!format!("{refused} {refused:?}").contains("secret"), "{refused:?}");
        }
    }
}
