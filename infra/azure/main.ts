import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { plan } from "../../functions/azure/plan.ts";
import { createTemplate } from "./template.ts";

// Writes the template to dist/deploy/azure/template.json.

const deploy = fileURLToPath(new URL("../../dist/deploy/azure/", import.meta.url));
const {
  HOLDFAST_STACK: name = "shop",
  HOLDFAST_PREFIX: prefix = "",
  HOLDFAST_SHOP_PAYMENT_MS: paymentMs,
} = process.env;
const template = createTemplate({
  name,
  prefix,
  plan,
  environment: { HOLDFAST_LOG: "info", ...(paymentMs !== undefined && { HOLDFAST_SHOP_PAYMENT_MS: paymentMs }) },
});
mkdirSync(deploy, { recursive: true });
writeFileSync(`${deploy}template.json`, `${JSON.stringify(template, undefined, 2)}\n`);
for (const { name: subscription, widened } of plan.subscriptions) {
  if (widened.length === 0) continue;
  process.stderr.write(`${subscription}: its rules let through more than it wants, which the function drops:\n`);
  for (const line of widened) process.stderr.write(`  ${line}\n`);
}
process.stdout.write("dist/deploy/azure/template.json\n");
