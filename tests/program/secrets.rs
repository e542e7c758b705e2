//! A secret is in nothing that the program says or writes, whatever goes wrong.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use preflight::sandbox::{Options, Sandbox};

use crate::ends::IN_THE_DARK;
use crate::program::{Ended, Folder, ended};

/// Values of the right shape that nobody else has, so that a part of one can be from nowhere else.
pub const PLANTED: [(&str, &str); 12] = [
    ("STRIPE_SECRET_KEY", "sk_live_51QpanAcme7LaunchPlantedOne0Zq8vK3mXw5Rt7Yb2Nc4Hd6Jf9Lg1Pk"),
    ("STRIPE_TEST_SECRET_KEY", "sk_test_51QpanAcme7LaunchPlantedTwo0Zq8vK3mXw5Rt7Yb2Nc4Hd6Jf9Lg1Pk"),
    ("STRIPE_WEBHOOK_SECRET", "whsec_PlantedThree0Zq8vK3mXw5Rt7Yb2N"),
    ("CLERK_SECRET_KEY", "sk_live_PlantedFour0Zq8vK3mXw5Rt7Yb2Nc4Hd6Jf9Lg1"),
    ("CLOUDFLARE_API_TOKEN", "PlantedFive0Zq8vK3mXw5Rt7Yb2Nc4Hd6Jf9Lg1"),
    ("STRIPE_PUBLISHABLE_KEY", "pk_live_51QpanAcme7LaunchPublic0Ab9wL4nYx6Su8Zc3Od5Ie7Kg0Mh2Ql"),
    ("STRIPE_PORTAL_CONFIG_ID", "bpc_1Rlivecme7LaunchPortal00"),
    ("STRIPE_PRICE_ID_PRO", "price_1Rlivecme7LaunchProMonth"),
    ("STRIPE_PRICE_ID_ENTERPRISE", "price_1Rlivecme7LaunchEntMonth"),
    ("CLERK_PUBLISHABLE_KEY", "pk_live_Y2xlcmsuYWNtZS5jb20k"),
    ("PREFLIGHT_CANARY_USER", "user_2canaryAcme0000000000000000"),
    ("CLOUDFLARE_ACCOUNT_ID", "acacacacacacacacacacacacacacacac"),
];

/// What all the planted secrets have and nothing else has, in pieces as short as anybody might show.
const MARKS: [&str; 7] =
    ["PlantedOne", "PlantedTwo", "PlantedThree", "PlantedFour", "PlantedFive", "Zq8vK3mX", "Jf9Lg1"];

fn says_no_secret(what: &str, told: &str) {
    for mark in MARKS {
        assert!(!told.contains(mark), "{what} says {mark}: {told}");
    }
}

/// Runs in a folder, and brings everything that was said or written.
fn all_of(folder: &Folder, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let ended = ended(folder.command(arguments).envs(variables.iter().copied()).env("RUST_BACKTRACE", "full"));
    let reports = if folder.path("reports").exists() { folder.reports() } else { String::new() };
    ended.all() + &reports
}

#[test]
fn nobody_to_talk_to_is_no_reason_to_talk() {
    for format in ["table", "json", "markdown"] {
        let folder = Folder::with(IN_THE_DARK);
        let told = all_of(&folder, &["run", "-vv", &format!("--format={format}"), "--retries=0"], &PLANTED);
        assert!(told.contains("NOT PROVEN") || told.contains("not-proven"), "{told}");
        says_no_secret(format, &told);
    }
}

#[test]
fn a_value_with_something_wrong_about_it_is_described_and_not_shown() {
    for (wrapper, code) in [("{}\n", "whitespace"), ("\"{}\"", "quotes"), (" {}", "whitespace"), ("Bearer {}", "")] {
        for (name, value) in PLANTED.iter().take(5) {
            let wrapped = wrapper.replace("{}", value);
            let told = all_of(&Folder::with(IN_THE_DARK), &["run", "-vv", "--only=config"], &[(name, &wrapped)]);
            assert!(told.contains(code), "{name} as {wrapper}: {told}");
            says_no_secret(&format!("{name} as {wrapper}"), &told);
        }
    }
}

#[test]
fn a_secret_in_the_place_of_another_value_is_not_shown() {
    for (name, _) in PLANTED {
        for (_, secret) in PLANTED.iter().take(5) {
            let mut variables = PLANTED;
            variables.iter_mut().filter(|(other, _)| *other == name).for_each(|(_, value)| *value = secret);
            let told =
                all_of(&Folder::with(IN_THE_DARK), &["run", "-vv", "--retries=0", "--only=config,stripe"], &variables);
            says_no_secret(&format!("{secret} as {name}"), &told);
        }
    }
}

#[test]
fn a_secret_in_the_configuration_is_refused_and_not_repeated() {
    let (_, key) = PLANTED[0];
    for (place, with) in [
        ("[tiers.free]", format!("[stripe]\nsecret_key = \"{key}\"\n[tiers.free]")),
        ("[tiers.free]", format!("[clerk]\nsecret_key = {{ env = \"{key}\" }}\n[tiers.free]")),
        ("name = \"acme\"", format!("name = \"{key}\"")),
        ("url = \"http://127.0.0.1:1\"", format!("url = \"https://{key}@acme.workers.dev\"")),
        ("[tiers.free]", format!("[tiers.{key}]\nlimit = 1\n[tiers.free]")),
        ("limit = 10", format!("limit = \"{key}\"")),
        ("limit = 10", format!("limit = 10 # {key}\nlimits = 3")),
        ("limit = 10", format!("limit = 10\n{key} = 3")),
        ("limit = 10", format!("limit = 10 {key}")),
    ] {
        let minimal = "[project]\nname = \"acme\"\n[worker]\nurl = \"http://127.0.0.1:1\"\n[tiers.free]\nlimit = 10\n";
        let folder = Folder::with(&minimal.replace(place, &with));
        let told = all_of(&folder, &["run", "-vv", "--offline"], &[]);
        says_no_secret(&with, &told);
    }
}

#[test]
fn a_secret_on_the_command_line_is_not_repeated() {
    let (_, key) = PLANTED[0];
    for arguments in [
        &["run", "--sandbox", "--only", key][..],
        &["run", &format!("--sandbox={key}")],
        &["explain", key],
        &["run", "--allow-host", key],
    ] {
        says_no_secret("a mistake", &all_of(&Folder::new(), arguments, &[]));
    }
}

#[test]
fn a_secret_in_a_file_of_variables_is_not_repeated() {
    let folder = Folder::with(IN_THE_DARK);
    let lines = PLANTED.map(|(name, value)| format!("{name}={value}\n")).concat();
    folder.write(".env", &format!("{lines}this is no line {}\nOPEN=\"{}", PLANTED[0].1, PLANTED[3].1));
    says_no_secret("a broken file", &all_of(&folder, &["run", "-vv", "--env-file=.env"], &[]));
    folder.write(".env", &lines);
    says_no_secret("a file", &all_of(&folder, &["run", "-vv", "--env-file=.env"], &[]));
}

#[test]
fn no_secret_of_any_world_is_in_what_is_said_of_it() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for scenario in [
        "healthy",
        "stripe-key-newline",
        "stripe-key-quoted",
        "stripe-key-clerk",
        "stripe-key-revoked",
        "stripe-key-other-account",
        "stripe-key-restricted",
        "webhook-secret-cli",
        "webhook-secret-svix",
        "worker-secret-wrong",
        "worker-500",
        "clerk-key-test",
        "clerk-key-revoked",
        "token-foreign",
        "cloudflare-token-rejected",
        "frontend-leaks-stripe",
        "frontend-leaks-clerk-chunk",
        "frontend-leaks-webhook-map",
        "checkout-test-key",
        "stripe-truncated",
    ] {
        let sandbox = runtime.block_on(Sandbox::start(&[scenario], Options::default())).unwrap();
        let values = sandbox.environment().iter().chain(sandbox.bindings());
        let is_secret = |name: &str| name.contains("SECRET") || name.contains("TOKEN");
        let secrets: Vec<&str> =
            values.filter(|(name, _)| is_secret(name)).map(|(_, value)| value.trim_matches(['"', '\n'])).collect();
        let folder = Folder::new();
        let told = all_of(&folder, &["run", &format!("--sandbox={scenario}"), "-vv"], &[]);
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            assert!(!told.contains(secret), "{scenario} says {secret}: {told}");
        }
    }
}

/// Somebody who answers everything with what was sent, and with all that could be stolen.
fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || echoed(stream));
        }
    });
    format!("http://{address}")
}

fn echoed(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = String::new();
    let mut reader = BufReader::new(stream.try_clone()?);
    while reader.read_line(&mut request)? > 2 {}
    let stolen: Vec<&str> = PLANTED.iter().map(|(_, value)| *value).collect();
    let message = format!("{} {}", stolen.join(" "), request.replace(['\r', '\n', '"', '\\'], " "));
    let error = format!(
        "{{\"error\":{{\"message\":\"{message}\",\"code\":\"{}\",\"type\":\"api_error\"}},\
        \"errors\":[{{\"code\":\"{}\",\"message\":\"{message}\",\"long_message\":\"{message}\"}}]}}",
        stolen[0], stolen[3]
    );
    write!(
        stream,
        "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\nrequest-id: {}\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{error}",
        stolen[0],
        error.len()
    )
}

#[test]
fn a_secret_that_others_repeat_is_not_passed_on() {
    let folder = Folder::with(&IN_THE_DARK.replace("http://127.0.0.1:1", &echo()));
    let told = all_of(&folder, &["run", "-vv", "--retries=0"], &PLANTED);
    assert!(told.contains("400"), "{told}");
    says_no_secret("an echo", &told);
}

#[test]
fn the_sandbox_opens_nothing_with_the_users_own_keys() {
    let ended: Ended = ended(Folder::new().command(&["run", "--sandbox", "-vv"]).envs(PLANTED));
    assert_eq!(ended.status, 0);
    says_no_secret("a sandbox", &ended.all());
}
