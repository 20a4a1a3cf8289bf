import { fileURLToPath } from "node:url";
import { plan } from "../../functions/aws/plan.ts";
import { checkName } from "./options.ts";
import { synthesise } from "./stack.ts";

// `npm run synth`: writes the template, and the functions' code as it is uploaded, to dist/deploy/aws/cdk.out.

const deploy = fileURLToPath(new URL("../../dist/deploy/aws/", import.meta.url));
const {
  HOLDFAST_STACK: name = "shop",
  HOLDFAST_ALARM_TOPIC: alarmTopic,
  HOLDFAST_SHOP_PAYMENT_MS: paymentMs,
} = process.env;
checkName(name);
synthesise(`${deploy}cdk.out`, {
  name,
  plan,
  code: deploy,
  environment: { HOLDFAST_LOG: "info", ...(paymentMs !== undefined && { HOLDFAST_SHOP_PAYMENT_MS: paymentMs }) },
  ...(alarmTopic !== undefined && { alarmTopic }),
});
process.stdout.write(`dist/deploy/aws/cdk.out/${name}.template.json\n`);
