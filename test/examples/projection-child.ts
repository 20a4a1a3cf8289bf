import { silentLogger } from "holdfast";
import { serve } from "holdfast/local";
import { createWorld } from "../../examples/orders/world.ts";
import { app } from "./projection.ts";

// A process that is killed while it catches up: it says when its read model has heard of so many events.
const [data = "", every = "1000"] = process.argv.slice(2);
let heard = 0;

const subscriptions = new Map(
  [...app.subscriptions].map(([name, definition]) => {
    if (name !== "reading") return [name, definition];
    const handle: typeof definition.handle = async (...given) => {
      await definition.handle(...given);
      if (++heard % Number(every) === 0) process.stdout.write(`${heard}\n`);
    };
    return [name, { ...definition, handle }];
  }),
);
await serve(
  { ...app, subscriptions },
  { port: 0, data, services: createWorld(), signals: false, logger: silentLogger },
);
