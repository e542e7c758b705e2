// Bundles a module like Wrangler, so that the SDKs use their code for Workers.

import { fileURLToPath } from "node:url";

import { build } from "esbuild";

/** The bundled module as text. It takes about 50 ms, so nothing is cached. */
export async function bundle(module) {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(module, import.meta.url))],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    platform: "browser",
    conditions: ["workerd", "worker", "browser"],
  });
  return outputFiles[0].text;
}
