import { ServiceBusAdministrationClient } from "@azure/service-bus";
import { createSystem } from "holdfast";
import { createMarkedTablesJournal, createTablesFailures } from "holdfast/azure/tables";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import shop from "../../examples/shop/app.ts";
import { subscriptionCreated } from "../../src/cli/target/azure-clients.ts";
import { deploy, type Deployed } from "../azure/service-bus/fixtures.ts";
import { freshTable, useTables } from "../azure/tables/fixtures.ts";
import { app, dayMs, type Deployment, fill, testBrokerCommands, without } from "./broker-commands.ts";
import { runCli, type Ran } from "./run-cli.ts";

const tables = useTables();

/** Of a project with no table of its own. */
const url = "https://shop.table.core.windows.net";

describe("the commands on Azure", () => {
  const table = freshTable(tables);
  let deployed: Deployed;
  let env: NodeJS.ProcessEnv;
  let world: Deployment;

  const holdfast = (...args: readonly string[]): Promise<Ran> => runCli(args, { env });

  beforeAll(async () => {
    const recent = await fill(await table.open());
    deployed = await deploy(shop, "shop-");
    const letters = createTablesFailures({ client: table.client().client, system: createSystem() });
    const { endpoint, account, key } = tables();
    env = {
      HOLDFAST_TARGET: "azure",
      HOLDFAST_TABLE: table.table,
      HOLDFAST_TABLE_CONNECTION: `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${key};TableEndpoint=${endpoint};`,
      HOLDFAST_SERVICEBUS: deployed.broker.connectionString,
      HOLDFAST_PREFIX: "shop-",
    };
    const first = ["--created", "2026-01-01"];
    const away = async () => ["--created", new Date(Date.now() + dayMs).toISOString()];
    world = { env, recent, letters, drain: deployed.drain, backfill: { first, again: first, away } };
  });

  afterAll(async () => {
    await deployed.close();
    await table.close();
  });

  testBrokerCommands(() => world);
});
