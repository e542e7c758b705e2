//! The Workers in workerd: one `serve.mjs`, which starts one for whoever asks.

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

/// The one server of this program, started when the first Worker is asked for.
static SERVER: OnceLock<Result<Server, String>> = OnceLock::new();

/// Answers that somebody waits for, by the id of the request.
type Waiting = Arc<Mutex<HashMap<u64, Sender<Value>>>>;

struct Server {
    child: Mutex<Child>,
    /// Empty once the server was told to leave.
    input: Mutex<Option<ChildStdin>>,
    waiting: Waiting,
    asked: Mutex<u64>,
}

/// A Worker that answers. Dropping it stops it.
pub struct Worker {
    server: &'static Server,
    id: u64,
    url: String,
}

impl Worker {
    /// Starts a Worker with these secrets and variables.
    pub fn start(bindings: &BTreeMap<String, String>) -> Result<Self, String> {
        let server = SERVER.get_or_init(Server::start).as_ref().map_err(Clone::clone)?;
        let id = server.next_id();
        let answer = server.ask(id, &json!({ "id": id, "bindings": bindings }))?;
        let answer = answer.recv().map_err(|_| Server::left())?;
        let url = answer["url"].as_str().ok_or_else(|| format!("a Worker could not be started: {answer}"))?;
        Ok(Self { server, id, url: url.to_owned() })
    }

    /// Where it answers.
    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Where the server has left, so has the Worker.
        if let Ok(answer) = self.server.ask(self.id, &json!({ "id": self.id, "stop": true })) {
            drop(answer.recv());
        }
    }
}

/// Lets the server go, and waits until it is gone and its Workers with it: killed, it would leave them behind.
pub fn leave() {
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
            .map_err(|error| format!("`node serve.mjs` could not be started: {error}"))?;
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
        format!("`node serve.mjs` has ended; its last words are in {}", log_path().display())
    }
}

/// Hands each answer to whoever waits for it, until the server leaves; then nobody has to wait any more.
fn deliver(output: impl BufRead, waiting: &Waiting) {
    for line in output.lines().map_while(Result::ok) {
        let answer: Value = serde_json::from_str(&line).unwrap_or_default();
        let asker = answer["id"].as_u64().and_then(|id| locked(waiting).remove(&id));
        // An asker whose test has failed is gone.
        drop(asker.map(|asker| asker.send(answer)));
    }
    locked(waiting).clear();
}

/// What the Workers write, which is too much to be read by anybody but who looks for something.
fn log() -> Result<File, String> {
    File::create(log_path()).map_err(|error| format!("{} cannot be written: {error}", log_path().display()))
}

fn log_path() -> std::path::PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("workerd.log")
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
