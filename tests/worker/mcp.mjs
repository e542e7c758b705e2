// Calls the tools of an MCP server with the protocol's official client: `node mcp.mjs FOLDER COMMAND [ARGUMENT…]`, with the calls as
// JSON lines `{ "name": …, "arguments": … }` on standard input. Prints the list of tools, and then each answer, as JSON lines.

import { createInterface } from "node:readline";

import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

const [cwd, command, ...args] = process.argv.slice(2);
const client = new Client({ name: "preflight-tests", version: "1.0.0" });
await client.connect(new StdioClientTransport({ command, args, cwd, env: { PATH: process.env.PATH } }));
const say = (value) => console.log(JSON.stringify(value));

const { tools } = await client.listTools();
say({ server: client.getServerVersion(), instructions: client.getInstructions(), tools });
for await (const line of createInterface({ input: process.stdin })) {
  say(await client.callTool(JSON.parse(line)));
}
await client.close();
