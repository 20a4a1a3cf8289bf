import { createDelivery, createRuntime, machineDiagram, type Principal } from "holdfast";
import { createMemoryJournal } from "holdfast/memory";
import app from "./app.ts";
import { order } from "./order.ts";
import { createWorld, fates } from "./world.ts";

// Six orders, one for each way in which an order can end, and what has happened to each: npm run example:orders

const journal = createMemoryJournal();
const services = createWorld();
const runtime = createRuntime(app, { journal, services });
const delivery = createDelivery(runtime, { store: journal, journal, services });
const shop: Principal = { kind: "system", id: "shop", tenant: "default", claims: {} };

await delivery.start();
for (const fate of fates) await runtime.call(order, `${fate}-1`).accepted({ customer: "Ada", total: 120 });
await delivery.idle();

const { machine } = order.definition;
if (machine) console.log(`${machineDiagram(machine)}\n`);
for (const fate of fates) {
  const id = `${fate}-1`;
  const { events } = await runtime.history({ entity: "order", id, principal: shop, after: 0, limit: 100 });
  console.log(`${id}: order_created`);
  for (const { type, data } of events) {
    const { toState = "" } = data as { readonly toState?: string };
    console.log(`  ${type.slice("order.".length).padEnd(20)} -> ${toState}`);
  }
}
// It is where it ends: everything else is refused, and the log would say so.
console.log(await runtime.call(order, "well-1").refundCompleted({}));
console.log(
  `\nOutside: ${services.deeds.length} deeds, ${services.deeds.filter((deed) => deed.startsWith("refund")).length} refunds.`,
);
await delivery.close(1_000);
await runtime.close();
