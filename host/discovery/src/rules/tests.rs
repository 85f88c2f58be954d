//! What rules do, by the texts that people write.

use super::*;

fn provider(port: u16) -> ServiceUrl {
    ServiceUrl::new("tri", "10.0.0.1", port, "demo.EchoService").with("application", "echo")
}

fn consumer() -> ServiceUrl {
    ServiceUrl::new("consumer", "10.0.9.9", None, "demo.EchoService").with("application", "shop").with("region", "east")
}

/// The ports that a call of the method `Echo` may go to.
fn ports(rules: &Rules, providers: &[ServiceUrl], call: &Call) -> Vec<u16> {
    let providers: Vec<_> = providers.iter().collect();
    rules.route(&providers, &consumer(), call).into_iter().filter_map(|at| providers[at].port).collect()
}

fn call() -> Call {
    Call { method: "Echo".into(), tag: None }
}

fn conditions(force: bool, conditions: &[&str]) -> Rules {
    let list: String = conditions.iter().map(|condition| format!("- \"{condition}\"\n")).collect();
    let text =
        format!("configVersion: v3.0\nscope: service\nforce: {force}\nkey: demo.EchoService\nconditions:\n{list}");
    Rules { conditions: vec![Conditions::parse(&text).expect("a rule")], ..Rules::default() }
}

#[test]
fn conditions_say_where_calls_go() {
    let all = [provider(1), provider(2), provider(3).with("region", "east")];
    for (text, wanted) in [
        ("=> port = 2", &[2][..]),
        (" => ", &[]),
        ("method=Echo & application=shop => port=1,3", &[1, 3]),
        ("method=find* => port=1", &[1, 2, 3]),
        ("application!=shop => port=1", &[1, 2, 3]),
        ("host=10.0.9.* => region=$region", &[3]),
        ("=> host=10.0.*.1 & port!=1", &[2, 3]),
        ("=> address=10.0.0.1:2", &[2]),
        ("=> region!=east", &[1, 2]),
        // It would leave nobody.
        ("=> port=9", &[1, 2, 3]),
        ("true => false", &[]),
    ] {
        assert_eq!(ports(&conditions(false, &[text]), &all, &call()), wanted, "{text}");
    }
    assert_eq!(ports(&conditions(true, &["=> port=9"]), &all, &call()), [0; 0]);
    assert_eq!(ports(&conditions(false, &["=> port!=1", "=> port!=2"]), &all, &call()), [3]);
}

#[test]
fn conditions_that_cannot_be_used_say_why() {
    for (text, why) in [
        ("conditions: ['port=1']", "the condition \"port=1\" has no \"=>\""),
        ("conditions: ['arguments[0]=a => ']", "looks into a call, which is not supported"),
        ("configVersion: v3.1", "has the version v3.1; accepted: v3.0 and earlier"),
        ("force: maybe", "force is \"maybe\"; accepted: true or false"),
        ("conditions: [", "is not YAML"),
    ] {
        let error = Conditions::parse(text).expect_err(text).to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
    assert_eq!(Conditions::parse("enabled: false\nconditions: ['=> ']"), Ok(Conditions::default()));
}

#[test]
fn tags_keep_calls_apart() {
    let text = "force: false\nkey: echo\ntags:\n- name: gray\n  addresses: ['10.0.0.1:2']\n\
                - name: blue\n  match:\n  - key: env\n    value: {prefix: bl}\n";
    let tags = Tags::parse("echo", text).expect("a rule");
    let rules = Rules { tags: vec![tags], ..Rules::default() };
    let all = [provider(1), provider(2), provider(3).with("env", "blue7"), provider(4).with("dubbo.tag", "own")];
    let tagged = |tag: &str| ports(&rules, &all, &Call { tag: Some(tag.into()), ..call() });
    assert_eq!(tagged("gray"), [2]);
    assert_eq!(tagged("blue"), [3]);
    assert_eq!(tagged("own"), [4]);
    // There are none: those without a tag take it.
    assert_eq!(tagged("other"), [1]);
    assert_eq!(ports(&rules, &all, &call()), [1]);
    let forced = Tags::parse("echo", &text.replace("false", "true")).expect("a rule");
    let rules = Rules { tags: vec![forced], ..Rules::default() };
    assert_eq!(ports(&rules, &all, &Call { tag: Some("other".into()), ..call() }), [0; 0]);
}

#[test]
fn overrides_change_what_a_provider_says() {
    let text = "configVersion: v3.0\nscope: service\nkey: demo.EchoService\nconfigs:\n\
                - side: consumer\n  addresses: ['0.0.0.0']\n  providerAddresses: ['10.0.0.1:1']\n  \
                parameters: {weight: 0, timeout: 1777}\n\
                - side: provider\n  addresses: ['10.0.0.1:2']\n  parameters: {disabled: true}\n\
                - side: consumer\n  applications: [other]\n  parameters: {timeout: 1}\n";
    let rules = Rules { overrides: Override::parse(text).expect("a rule"), ..Rules::default() };
    let first = rules.configure(&provider(1), &consumer());
    assert_eq!((first.weight, first.url.parameter("timeout")), (Some(0), Some("1777")));
    let second = rules.configure(&provider(2), &consumer());
    assert!(!second.url.is_enabled() && second.weight.is_none());
    assert_eq!(*rules.configure(&provider(3), &consumer()).url, provider(3));
}

#[test]
fn old_overrides_are_read_as_well() {
    let parse = |text: &str| Override::of_url(&text.parse().expect("a URL"));
    // As it was recorded: Java obeys it within a second.
    let weight = "override://10.0.0.1:1/demo.EchoService?category=configurators&dynamic=false&enabled=true&weight=0";
    let everywhere = "override://0.0.0.0/demo.EchoService?category=configurators&weight=7&~region=east";
    let absent = "absent://0.0.0.0/demo.EchoService?category=configurators&timeout=9";
    let overrides = [weight, everywhere, absent].into_iter().filter_map(|text| parse(text).expect("an override"));
    let rules = Rules { overrides: overrides.collect(), ..Rules::default() };
    assert_eq!(rules.configure(&provider(1), &consumer()).weight, Some(0));
    assert_eq!(rules.configure(&provider(2), &consumer()).weight, None);
    let east = provider(3).with("region", "east").with("timeout", "3");
    let east = rules.configure(&east, &consumer());
    assert_eq!((east.weight, east.url.parameter("timeout")), (Some(7), Some("3")));
    assert_eq!(parse("override://0.0.0.0/a?enabled=false&weight=1"), Ok(None));
    assert!(parse("tri://0.0.0.0/a?weight=1").is_err());
}
