#!/usr/bin/env node
// Starts the binary for this platform, which npm installed as an optional dependency.

"use strict";

const { spawn } = require("node:child_process");

/** The exit status of preflight if no check ran. */
const NO_CHECK_RAN = 4;

const platform = `${process.platform}-${process.arch}`;
const file = process.platform === "win32" ? "preflight.exe" : "preflight";

let binary;
try {
  binary = require.resolve(`@launch-preflight/${platform}/${file}`);
} catch {
  const { optionalDependencies } = require("./package.json");
  const known = Object.keys(optionalDependencies).map((name) => name.split("/")[1]);
  console.error(
    known.includes(platform)
      ? `preflight: npm did not install @launch-preflight/${platform}. Install again without --omit=optional and --no-optional.`
      : `preflight: there is no binary for ${platform}, only for ${known.join(", ")}. Build it with: cargo install preflight`,
  );
  process.exit(NO_CHECK_RAN);
}

const child = spawn(binary, process.argv.slice(2), { stdio: "inherit" });

// The terminal sends Ctrl-C to the binary too, which has to end its work before this process ends.
process.on("SIGINT", () => {});
for (const signal of ["SIGTERM", "SIGHUP"]) {
  process.on(signal, () => child.kill(signal));
}
child.on("error", (error) => {
  console.error(`preflight: could not start ${binary}: ${error.message}`);
  process.exit(NO_CHECK_RAN);
});
child.on("exit", (status, signal) => {
  if (signal) {
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  } else {
    process.exit(status);
  }
});
