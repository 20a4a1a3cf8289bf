import { fileURLToPath } from "node:url";
import { plan } from "../../functions/azure/plan.ts";
import { startLocalAzure } from "./index.ts";

// `npm run dev:azure`: the shop's built function app on emulators, served on PORT.

const code = fileURLToPath(new URL("../../dist/deploy/azure/app/", import.meta.url));
const azure = await startLocalAzure({
  plan,
  code,
  port: Number(process.env["PORT"] || 8080),
  output: (text) => void process.stdout.write(text),
});
process.stderr.write(`The shop's functions are at ${azure.url}, on Table storage and Service Bus of this process's own.
What they hold is gone when this ends (Ctrl-C). Try:

  curl -i ${azure.url}/readyz
  curl -i ${azure.url}/api/cart/u1/addItem -H 'Idempotency-Key: "k1"' -H 'Content-Type: application/json' -d '{"productId":"A-1","name":"Anchor","quantity":2}'
  curl -i ${azure.url}/api/cart/u1
`);
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    process.once(signal, () => process.exit(1));
    void azure.stop().then(() => process.exit(0));
  });
}
