// A parent that dies: starts two processes, stops one of them, and says where they listen.

import { startProcess } from "./process.ts";

const [file = "", data = ""] = process.argv.slice(2);
// Nothing is to be reported.
const options = { data, recorder: "http://127.0.0.1:9/", origin: Date.now() };
const awake = await startProcess(file, options);
const asleep = await startProcess(file, options);
await asleep.suspend();
process.stdout.write(`${awake.port} ${asleep.port}\n`);
