//! No secret is ever printed or written, whatever goes wrong.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

use preflight::sandbox::{Options, Sandbox};

use crate::exit_status::UNREACHABLE;
use crate::program::{Folder, ProgramOutput, ended};

/// Unique values of the right shape, so that any part of one is recognizable.
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

/// Parts of the planted secrets that appear nowhere else.
const MARKS: [&str; 7] =
    ["PlantedOne", "PlantedTwo", "PlantedThree", "PlantedFour", "PlantedFive", "Zq8vK3mX", "Jf9Lg1"];

fn assert_no_secret(what: &str, output: &str) {
    for mark in MARKS {
        assert!(!output.contains(mark), "{what} prints {mark}: {output}");
    }
}

/// Runs in a folder, and returns everything printed and written.
fn all_of(folder: &Folder, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let ended = ended(folder.command(arguments).envs(variables.iter().copied()).env("RUST_BACKTRACE", "full"));
    let reports = if folder.path("reports").exists() { folder.reports() } else { String::new() };
    ended.all() + &reports
}

#[test]
fn an_unreachable_deployment_leaks_nothing() {
    for format in ["table", "json", "markdown"] {
        let folder = Folder::with(UNREACHABLE);
        let output = all_of(&folder, &["run", "-vv", &format!("--format={format}"), "--retries=0"], &PLANTED);
        assert!(output.contains("NOT PROVEN") || output.contains("not-proven"), "{output}");
        assert_no_secret(format, &output);
    }
}

#[test]
fn an_invalid_secret_is_described_and_not_shown() {
    for (wrapper, code) in [("{}\n", "whitespace"), ("\"{}\"", "quotes"), (" {}", "whitespace"), ("Bearer {}", "")] {
        for (name, value) in PLANTED.iter().take(5) {
            let wrapped = wrapper.replace("{}", value);
            let output = all_of(&Folder::with(UNREACHABLE), &["run", "-vv", "--only=config"], &[(name, &wrapped)]);
            assert!(output.contains(code), "{name} as {wrapper}: {output}");
            assert_no_secret(&format!("{name} as {wrapper}"), &output);
        }
    }
}

#[test]
fn a_secret_in_place_of_another_value_is_not_shown() {
    for (name, _) in PLANTED {
        for (_, secret) in PLANTED.iter().take(5) {
            let mut variables = PLANTED;
            variables.iter_mut().filter(|(other, _)| *other == name).for_each(|(_, value)| *value = secret);
            let output =
                all_of(&Folder::with(UNREACHABLE), &["run", "-vv", "--retries=0", "--only=config,stripe"], &variables);
            assert_no_secret(&format!("{secret} as {name}"), &output);
        }
    }
}

#[test]
fn a_secret_in_the_configuration_is_rejected_and_not_repeated() {
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
        let output = all_of(&folder, &["run", "-vv", "--offline"], &[]);
        assert_no_secret(&with, &output);
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
        assert_no_secret("an error", &all_of(&Folder::new(), arguments, &[]));
    }
}

#[test]
fn a_secret_in_an_env_file_is_not_repeated() {
    let folder = Folder::with(UNREACHABLE);
    let lines = PLANTED.map(|(name, value)| format!("{name}={value}\n")).concat();
    folder.write(".env", &format!("{lines}this is no line {}\nOPEN=\"{}", PLANTED[0].1, PLANTED[3].1));
    assert_no_secret("a broken file", &all_of(&folder, &["run", "-vv", "--env-file=.env"], &[]));
    folder.write(".env", &lines);
    assert_no_secret("a file", &all_of(&folder, &["run", "-vv", "--env-file=.env"], &[]));
}

#[test]
fn no_scenario_leaks_its_secrets() {
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
        let bindings = sandbox.bindings();
        let values = sandbox.environment().iter().chain(&bindings);
        let is_secret = |name: &str| name.contains("SECRET") || name.contains("TOKEN");
        let secrets: Vec<&str> =
            values.filter(|(name, _)| is_secret(name)).map(|(_, value)| value.trim_matches(['"', '\n'])).collect();
        let folder = Folder::new();
        let output = all_of(&folder, &["run", &format!("--sandbox={scenario}"), "-vv"], &[]);
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            assert!(!output.contains(secret), "{scenario} prints {secret}: {output}");
        }
    }
}

/// A server that echoes every request and every planted secret.
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
fn a_secret_in_a_response_is_not_repeated() {
    let folder = Folder::with(&UNREACHABLE.replace("http://127.0.0.1:1", &echo()));
    let output = all_of(&folder, &["run", "-vv", "--retries=0"], &PLANTED);
    assert!(output.contains("400"), "{output}");
    assert_no_secret("an echo", &output);
}

#[test]
fn the_sandbox_does_not_use_the_users_keys() {
    let ended: ProgramOutput = ended(Folder::new().command(&["run", "--sandbox", "-vv"]).envs(PLANTED));
    assert_eq!(ended.status, 0);
    assert_no_secret("a sandbox", &ended.all());
}
