import { createDelivery, createRuntime, createSystem, type Logger } from "holdfast";
import { createHttp } from "holdfast/http";
import { createMemoryJournal } from "holdfast/memory";
import app from "./app.ts";
import directory from "./directory.ts";
import { createMailServer, createNetwork, othersOn } from "./network.ts";
import { proofOf } from "./proof-of.ts";

// Three services that call each other over HTTP, and what becomes of a request when one of them is slow, or down:
// npm run example:accounts

const ignore = (): void => {};
const say = (fields: object, message: string): void => {
  const { dependency = "" } = fields as { readonly dependency?: string };
  // Those are printed by whoever sends them.
  if (message === "request") return;
  console.log(`     log: ${message}${dependency && `: ${dependency}`}`);
};
const log: Logger = { debug: ignore, info: say, warn: say, error: say };

const network = createNetwork();
const mailServer = createMailServer();
const people = createRuntime(directory, { journal: createMemoryJournal() });
const directoryHttp = createHttp(people);
network.serve("directory", directoryHttp.fetch);
network.serve("mail", mailServer.fetch);

const services = othersOn(network);
const journal = createMemoryJournal();
const runtime = createRuntime(app, { journal, services, system: createSystem({ log }) });
const delivery = createDelivery(runtime, { store: journal, journal, services });
const http = createHttp(runtime);
network.serve("accounts", http.fetch);
await delivery.start();

const post = async (path: string, body: object, headers: { readonly [name: string]: string } = {}): Promise<void> => {
  const from = performance.now();
  const init = {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  };
  const response = await network.fetch(`http://accounts/api/account/${path}`, init);
  const { code, ...answer } = JSON.parse((await response.text()) || "{}") as { code?: string };
  const what = code ?? JSON.stringify(answer);
  const shown = Object.entries(headers).map(([name, value]) => `, ${name}: ${value}`);
  const replayed = response.headers.has("idempotency-replayed") ? ", the same answer again" : "";
  const ms = Math.round(performance.now() - from);
  console.log(`   POST ${path}${shown.join("")}\n     ${response.status} ${what}${replayed} (${ms} ms)`);
};
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const [first, second, third] = ["rosebud", "xanadu", "welles"].map((password) => proofOf("ada", password));
await network.fetch("http://directory/api/person/ada/hire", { method: "POST" });
await post("ada/register", { proof: first });

console.log("\n1. A new password with a nonce, three times, two of them at once: it is changed once.");
const change = { old: first, new: second };
await Promise.all([1, 2].map(() => post("ada/changePassword", change, { "Idempotency-Key": "314" })));
await post("ada/changePassword", change, { "Idempotency-Key": "314" });

console.log("\n2. The same nonce for something else is refused.");
await post("ada/changePassword", { old: second, new: third }, { "Idempotency-Key": "314" });

console.log("\n3. The directory hangs. Whoever waits for a second gets his answer in a second.");
network.set("directory", "hanging");
const again = { old: second, new: third };
await post("ada/changePassword", again, { "Idempotency-Key": "315", "X-Request-Timeout-Ms": "1000" });

console.log("\n4. The directory is down. After five failures nobody asks it any more; logging in goes on.");
network.set("directory", "down");
for (let i = 0; i < 3; i++) await post("ada/changePassword", again, { "Idempotency-Key": "315" });
const asked = network.count("directory");
await post("ada/changePassword", again, { "Idempotency-Key": "315" });
console.log(`     requests to the directory for this one: ${network.count("directory") - asked}`);
await post("ada/logIn", { proof: second });

console.log("\n5. It is back. One request finds out, and then all is as before.");
network.set("directory", "well");
await wait(2_000);
await post("ada/changePassword", again, { "Idempotency-Key": "315" });
await post("ada/logIn", { proof: third });

await delivery.idle();
console.log(`\nLetters that Ada got: ${mailServer.sent.size}, one for each change.`);
http.close();
directoryHttp.close();
await delivery.close(1_000);
await runtime.close();
await people.close();
