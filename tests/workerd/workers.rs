//! Workers in workerd: one `serve.mjs`, which starts a Worker on request.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use serde_json::{Value, json};

use crate::node;

/// The server, started with the first Worker.
static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();

/// Pending responses, by request ID.
type Waiting = Arc<Mutex<HashMap<u64, Sender<Value>>>>;

struct Server {
    child: Mutex<Child>,
    /// Empty once the server was stopped.
    input: Mutex<Option<ChildStdin>>,
    waiting: Waiting,
    asked: Mutex<u64>,
}

/// A running Worker. Dropping it stops it.
pub struct RunningWorker {
    server: &'static Server,
    id: u64,
    url: String,
}

impl RunningWorker {
    /// Starts a Worker with these secrets and variables.
    pub fn start(bindings: &BTreeMap<String, String>) -> Result<Self, String> {
        let server = SERVER.get_or_init(Server::start).as_ref().map_err(Clone::clone)?;
        let id = server.next_id();
        let answer = server.ask(id, &json!({ "id": id, "bindings": bindings }))?;
        let answer = answer.recv().map_err(|_| Server::left())?;
        let url = answer["url"].as_str().ok_or_else(|| format!("could not start a Worker: {answer}"))?;
        Ok(Self { server, id, url: url.to_owned() })
    }

    /// Its URL.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for RunningWorker {
    fn drop(&mut self) {
        // Without the server, the Worker is gone too.
        if let Ok(answer) = self.server.ask(self.id, &json!({ "id": self.id, "stop": true })) {
            drop(answer.recv());
        }
    }
}

/// Stops the server and waits for it, so that it stops its Workers. Killed, it would leave them running.
pub fn stop() {
    if let Some(Ok(server)) = SERVER.get() {
        drop(locked(&server.input).take());
        drop(locked(&server.child).wait());
    }
}

impl Server {
    fn start() -> Result<Self, String> {
        let folder = node::installed()?;
        let log = log()?;
        let mut child = Command::new("node")
            .arg("serve.mjs")
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("could not start `node serve.mjs`: {error}"))?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let waiting = Waiting::default();
        if let Some(output) = output {
            let waiting = Arc::clone(&waiting);
            thread::spawn(move || deliver(BufReader::new(output), &waiting));
        }
        Ok(Self { child: Mutex::new(child), input: Mutex::new(input), waiting, asked: Mutex::new(0) })
    }

    fn next_id(&self) -> u64 {
        let mut asked = locked(&self.asked);
        *asked += 1;
        *asked
    }

    fn ask(&self, id: u64, request: &Value) -> Result<Receiver<Value>, String> {
        let (sender, receiver) = channel();
        locked(&self.waiting).insert(id, sender);
        let mut input = locked(&self.input);
        let written = input.as_mut().map(|input| writeln!(input, "{request}"));
        written.and_then(Result::ok).map(|()| receiver).ok_or_else(Self::left)
    }

    fn left() -> String {
        format!("`node serve.mjs` has exited; its log is {}", log_path().display())
    }
}

/// Passes each response to the test that waits for it, until the server stops.
fn deliver(output: impl BufRead, waiting: &Waiting) {
    for line in output.lines().map_while(Result::ok) {
        let answer: Value = serde_json::from_str(&line).unwrap_or_default();
        let receiver = answer["id"].as_u64().and_then(|id| locked(waiting).remove(&id));
        // If that test has failed, its receiver is gone.
        drop(receiver.map(|receiver| receiver.send(answer)));
    }
    locked(waiting).clear();
}

/// The log of the Workers, which is too long for the tests' output.
fn log() -> Result<File, String> {
    File::create(log_path()).map_err(|error| format!("could not write {}: {error}", log_path().display()))
}

fn log_path() -> std::path::PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("workerd.log")
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
