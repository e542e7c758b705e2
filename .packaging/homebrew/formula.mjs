// Prints the Homebrew formula of a release: formula.mjs REPOSITORY-URL SHA256SUMS

import { readFileSync } from "node:fs";

const [repository, sums] = process.argv.slice(2);
const archives = readFileSync(sums, "utf8").matchAll(/^([0-9a-f]{64}) [ *](preflight-(.+?)-((?:darwin|linux)-\w+)\.tar\.gz)$/gm);
const found = new Map([...archives].map(([, sha256, file, version, platform]) => [platform, { sha256, file, version }]));

/** The archive of a platform in Homebrew's words. */
function archive(platform) {
  const { sha256, file, version } = found.get(platform) ?? fail(`${sums} has no archive for ${platform}`);
  return `      url "${repository}/releases/download/v${version}/${file}"
      sha256 "${sha256}"`;
}

console.log(`class Preflight < Formula
  desc "Proves that a Stripe, Clerk and Cloudflare Workers business can take real money"
  homepage "${repository}"
  license any_of: ["MIT", "Apache-2.0"]

  on_macos do
    on_arm do
${archive("darwin-arm64")}
    end
    on_intel do
${archive("darwin-x64")}
    end
  end

  on_linux do
    on_arm do
${archive("linux-arm64")}
    end
    on_intel do
${archive("linux-x64")}
    end
  end

  def install
    bin.install "preflight"
    generate_completions_from_executable(bin/"preflight", "completions")
    (man1/"preflight.1").write Utils.safe_popen_read(bin/"preflight", "man")
  end

  test do
    assert_match "GO", shell_output("#{bin}/preflight run --sandbox --no-report")
  end
end`);

function fail(message) {
  console.error(`formula.mjs: ${message}`);
  process.exit(64);
}
