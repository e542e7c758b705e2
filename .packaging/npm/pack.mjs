// Packs the npm packages: the launcher, and one package for each platform with its binary.
//
//     node pack.mjs --out FOLDER [--repository URL] linux-x64=PATH [darwin-arm64=PATH …]
//
// The launcher always depends on every platform. Prints the tarballs, platforms first: the order to publish them in.

import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const PLATFORMS = ["darwin-arm64", "darwin-x64", "linux-arm64", "linux-x64", "win32-x64"];

const ours = fileURLToPath(new URL(".", import.meta.url));
const root = join(ours, "../..");
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { out: { type: "string" }, repository: { type: "string" } },
});
const [, version] = /^version = "(.*)"$/m.exec(readFileSync(join(root, "Cargo.toml"), "utf8"));
const out = resolve(values.out ?? fail("--out is missing"));
mkdirSync(out, { recursive: true });

const common = {
  version,
  license: "MIT OR Apache-2.0",
  ...(values.repository && { repository: { type: "git", url: `git+${values.repository}.git` } }),
};

for (const binary of positionals) {
  const [platform, path] = binary.split("=");
  if (!PLATFORMS.includes(platform) || !path) {
    fail(`${binary} is not PLATFORM=PATH with one of ${PLATFORMS.join(", ")}`);
  }
  const [os, cpu] = platform.split("-");
  const file = os === "win32" ? "preflight.exe" : "preflight";
  pack(
    {
      name: `@launch-preflight/${platform}`,
      description: `The binary of preflight for ${platform}. Install launch-preflight instead.`,
      ...common,
      os: [os],
      cpu: [cpu],
      files: [file],
      preferUnplugged: true,
    },
    { [file]: path },
  );
}
pack(
  {
    name: "launch-preflight",
    description: "Proves that a subscription business on Stripe, Clerk and Cloudflare Workers is ready to take real money.",
    ...common,
    keywords: ["stripe", "clerk", "cloudflare", "launch", "webhook"],
    bin: { preflight: "preflight.cjs", "launch-preflight": "preflight.cjs" },
    engines: { node: ">=18" },
    files: ["preflight.cjs"],
    optionalDependencies: Object.fromEntries(
      PLATFORMS.map((platform) => [`@launch-preflight/${platform}`, version]),
    ),
  },
  { "preflight.cjs": join(ours, "preflight.cjs"), "README.md": join(root, "README.md") },
);

/** Packs one package with these files. */
function pack(manifest, files) {
  const folder = mkdtempSync(join(tmpdir(), "preflight-npm-"));
  try {
    writeFileSync(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
    for (const [name, path] of [...Object.entries(files), ...licenses()]) {
      copyFileSync(path, join(folder, name));
      chmodSync(join(folder, name), name.startsWith("preflight") ? 0o755 : 0o644);
    }
    const packed = execFileSync("npm", ["pack", "--json", "--pack-destination", out], {
      cwd: folder,
      stdio: ["ignore", "pipe", "inherit"],
      // npm is a script on Windows.
      shell: process.platform === "win32",
    });
    console.log(join(out, JSON.parse(packed)[0].filename));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function licenses() {
  return ["LICENSE-APACHE", "LICENSE-MIT"].map((name) => [name, join(root, name)]);
}

function fail(message) {
  console.error(`pack.mjs: ${message}`);
  process.exit(64);
}
