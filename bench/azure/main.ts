import { runProgram } from "../cloud/program.ts";
import { warm } from "./commands.ts";
import { costs } from "./costs.ts";
import { delivery } from "./delivery.ts";
import { hot } from "./hot.ts";

await runProgram({
  script: "bench:azure",
  about: "Measures Holdfast on Table storage and Service Bus against the bare SDKs on the same emulators",
  quick: "a minute",
  benchmarks: [...warm, hot, delivery, costs],
  missing: () => undefined,
  remark: "Azurite and the Service Bus emulator, in processes of their own",
});
