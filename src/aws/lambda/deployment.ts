import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import type { App } from "../../core/app.ts";
import { HoldfastError } from "../../core/errors.ts";
import type { Limits } from "../../core/runtime/limits.ts";
import { createSystem, type Logger } from "../../core/runtime/system.ts";
import type { Telemetry } from "../../core/runtime/telemetry.ts";
import { createDynamoJournal } from "../dynamodb/journal.ts";
import { createContainer, type Container } from "./container.ts";
import { readEnvironment } from "./environment.ts";
import { createJsonLogger } from "../../core/runtime/json-logger.ts";

export interface DeploymentOptions<Services> {
  /** What `prepare` and handlers get, or what makes it at the container's first use; made anew where that failed. */
  readonly services?: Services | (() => Services | Promise<Services>);
  readonly limits?: Partial<Limits>;
  /** Where lines go. Default: JSON on standard output, from the level HOLDFAST_LOG on. */
  readonly logger?: Logger;
  /** Who is told of spans and measurements, `openTelemetry()` of `holdfast/telemetry`; flushed before each answer. */
  readonly telemetry?: Telemetry;
  /** Default: the process's environment. */
  readonly env?: { readonly [name: string]: string | undefined };
}

const known: ReadonlySet<string> = new Set(["services", "limits", "logger", "telemetry", "env"]);

/**
 * The app on AWS, as the function's environment says: journal and failures on DynamoDB, SNS and SQS as the broker. The only
 * place that reads the environment. Clients are the SDK's default ones, so its own variables apply
 * (`AWS_REGION`, `AWS_ENDPOINT_URL`, ...).
 * @throws HoldfastError `invalid-options` that names every variable which is missing or malformed, and what it holds
 */
export function createDeployment<Services>(
  app: App<unknown, Services>,
  options: DeploymentOptions<Services> = {},
): Container {
  for (const name of Object.keys(options)) {
    if (known.has(name)) continue;
    const message = `Unknown option "${name}" of the deployment. Known: ${[...known].join(", ")}.`;
    throw new HoldfastError("invalid-options", message);
  }
  const { services, limits, telemetry, env = process.env } = options;
  const environment = readEnvironment(env);
  const { now } = createSystem();
  const log = options.logger ?? createJsonLogger(environment.log, now, (line) => void process.stdout.write(line));
  const system = createSystem({ log, ...(telemetry && { telemetry }) });
  const { table, queuePrefix, consumer } = environment;
  const client = new DynamoDBClient();
  return createContainer(app, {
    system,
    queuePrefix,
    consumer,
    ...(limits && { limits }),
    open: async () => ({
      journal: createDynamoJournal({ client, table, system }),
      // Services that are a function themselves are made by one.
      services: typeof services === "function" ? await (services as () => Services | Promise<Services>)() : services,
    }),
    openMessaging: async () => (await import("./messaging.ts")).openMessaging(app, environment, client, system),
  });
}
