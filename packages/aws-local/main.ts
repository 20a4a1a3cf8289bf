import { fileURLToPath } from "node:url";
import { plan } from "../../functions/aws/plan.ts";
import { startLocalAws } from "./index.ts";

// `npm run dev:aws`: the shop's bundled functions on emulators, served on PORT.

const code = fileURLToPath(new URL("../../dist/deploy/aws/", import.meta.url));
const aws = await startLocalAws({
  plan,
  code,
  port: Number(process.env["PORT"] || 8080),
  output: (text) => void process.stdout.write(text),
});
process.stderr.write(`The shop's functions are at ${aws.url}, on DynamoDB, SNS, SQS and EventBridge Scheduler of this process's own.
What they hold is gone when this ends (Ctrl-C). Try:

  curl -i ${aws.url}/readyz
  curl -i ${aws.url}/api/cart/u1/addItem -H 'Idempotency-Key: "k1"' -H 'Content-Type: application/json' -d '{"productId":"A-1","name":"Anchor","quantity":2}'
  curl -i ${aws.url}/api/cart/u1
`);
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    process.once(signal, () => process.exit(1));
    void aws.stop().then(() => process.exit(0));
  });
}
