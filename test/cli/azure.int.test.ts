import { odata } from "@azure/data-tables";
import { ServiceBusAdministrationClient } from "@azure/service-bus";
import { createManualClock, startServiceBus } from "@holdfast/service-bus-emulator";
import { createSystem } from "holdfast";
import { queueName } from "holdfast/azure/service-bus";
import { createMarkedTablesJournal, createTablesFailures } from "holdfast/azure/tables";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import shop from "../../examples/shop/app.ts";
import { subscriptionCreated } from "../../src/cli/target/azure-subscriptions.ts";
import { deploy, type Deployed } from "../azure/service-bus/fixtures.ts";
import { freshTable, recordAt, useTables } from "../azure/tables/fixtures.ts";
import { app, dayMs, type Deployment, fill, testBrokerCommands, without } from "./broker-commands.ts";
import { runCli, type Ran } from "./run-cli.ts";
import workflowApp from "./workflow-app.ts";
import { appOptions, fill as fillWorkflows, type Place, testWorkflowCommands, wokenBy } from "./workflow-commands.ts";

const tables = useTables();

/** Of a project with no table of its own. */
const url = "https://shop.table.core.windows.net";

describe("the commands on Azure", { timeout: 60_000 }, () => {
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

  test("erase keeps how far the stream is published, so that nothing is published once more", async () => {
    const { client } = table.client();
    const journal = createMarkedTablesJournal({ client, system: createSystem() });
    const stream = { tenant: "default", entity: "order", id: "marked" };
    await journal.append({ stream, record: { ...recordAt(1), entries: "[]" } });
    await journal.append({ stream, record: { ...recordAt(2), entries: "[]" }, published: 1 });
    expect((await holdfast("erase", "order", "marked", "--yes", ...app)).stdout).toBe('order "marked" is erased.\n');
    const published: unknown[] = [];
    const filter = odata`PartitionKey eq ${"default.order.marked"} and RowKey ge ${"t"}`;
    for await (const row of client.listEntities({ queryOptions: { filter } })) published.push(row["published"]);
    // The newest first: the tombstone knows what the record before it knew.
    expect(published).toEqual([1n, 1n, undefined]);
    expect((await journal.unpublished(stream, 9)).published).toBe(1);
  });

  test("dead-letters lists what was given up of wake-ups, and puts it back", async () => {
    const failures = { attempts: 9, since: 1 };
    const reason = { code: "overloaded", message: "It is busy." };
    const body = '{"source":"/default/order","subject":"o1"}';
    await world.letters.bury({ consumer: "wakeups", name: "w1", body, created: 1, failures, reason });
    expect((await holdfast("dead-letters", "list", "--wakeups")).stdout).toContain("  wakeups  message w1\n");
    expect((await holdfast("dead-letters", "redrive", "--all", "--wakeups")).stdout).toBe("1 dead letter put back.\n");
    const [message] = await deployed.drain("wakeups");
    expect(message).toMatchObject({ body, attributes: { messageid: "w1" } });
  });

  test("relay that meets no topic says what is not there, and is to be run again", async () => {
    const { code, stderr } = await holdfast("relay", "--since", "2026-01-01", "--prefix", "nowhere-", ...app);
    expect(code).toBe(1);
    expect(stderr).toContain('"nowhere-events" cannot be sent to (MessagingEntityNotFound');
    expect(stderr).toMatch(/^ {2}order "o\d" of tenant default from record 1 on$/m);
  });

  test("backfill says what to do where nobody tells when a subscription was made", async () => {
    const nowhere = deployed.broker.connectionString.replace(/127\.0\.0\.1:\d+/, "127.0.0.1:1");
    const { code, stdout, stderr } = await runCli(["backfill", ...app], {
      env: { ...env, HOLDFAST_SERVICEBUS: nowhere },
    });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(
      'Service Bus does not say when subscription "bookkeeping" of topic "shop-events" was made',
    );
    expect(stderr).toContain("Or say it yourself, rather too late than too early: --created <time>.\n");
  });

  test("backfill of a subscription that is not there sends nothing, whatever one says of it", async () => {
    const said = ["backfill", "--created", "2026-01-01", "--prefix", "nowhere-"];
    expect(await holdfast(...said, ...app)).toEqual({
      code: 1,
      stdout: "",
      stderr: 'Topic "nowhere-events" has no subscription "bookkeeping": deploy it first.\n',
    });
  });

  test.each<readonly [string, readonly string[], NodeJS.ProcessEnv, string]>([
    [
      "no account",
      ["list", "order"],
      { HOLDFAST_TABLE_CONNECTION: "" },
      "Name the table's account: --table-url <url>, or HOLDFAST_TABLE_URL, is the address of the storage account's tables, e.g. https://shop.table.core.windows.net. (HOLDFAST_TABLE_CONNECTION, a connection string, does.)\n",
    ],
    [
      "an address that is none",
      ["list", "order", "--table-url", "shop"],
      {},
      '"shop" is not the address of the storage account\'s tables',
    ],
    [
      "another connection string",
      ["list", "order"],
      { HOLDFAST_TABLE_CONNECTION: "secret" },
      "HOLDFAST_TABLE_CONNECTION is no connection string of that service.\n",
    ],
    [
      "half a connection string",
      ["list", "order"],
      { HOLDFAST_TABLE_CONNECTION: "AccountName=secret" },
      "HOLDFAST_TABLE_URL, or HOLDFAST_TABLE_CONNECTION, cannot be used: Invalid TableEndpoint",
    ],
    ["a table that none can be", ["list", "order", "--table", "a-b"], {}, '"a-b" is no name of a table: 3 to 63 of '],
    [
      "no namespace",
      ["send", "imports", "{}"],
      { HOLDFAST_SERVICEBUS: undefined },
      "Name the Service Bus namespace: --service-bus <host>, or HOLDFAST_SERVICEBUS__fullyQualifiedNamespace, is the host name",
    ],
    [
      "no credentials",
      ["list", "order", "--table-url", url],
      { AZURE_TOKEN_CREDENTIALS: "AzureCliCredential", PATH: "/nonexistent" },
      "No Azure credentials: log in (az login), or set AZURE_TENANT_ID and so on (CredentialUnavailableError: Azure CLI",
    ],
    [
      "a folder",
      ["erase", "order", "o2", "--data", ".", "--yes"],
      {},
      "--data is of the target local, and the target is azure. Say --target local.\n",
    ],
    [
      "what is AWS's",
      ["relay", "--since", "2026-01-01", "--topic", "arn"],
      {},
      "--topic is of the target aws, and the target is azure.",
    ],
    [
      "a prefix and the local target",
      ["send", "imports", "{}", "--target", "local", "--prefix", "shop-"],
      {},
      "--prefix is of the target azure, and the target is local.",
    ],
  ])("a call with %s says what to name", async (_, args, change, message) => {
    const { code, stdout, stderr } = await runCli(args, { env: { ...env, ...change } });
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("secret");
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  test("a table that is not there is named, and is journal where nobody names one", async () => {
    for (const HOLDFAST_TABLE of ["", "nowhere"]) {
      const { code, stderr } = await runCli(["list", "order"], { env: { ...env, HOLDFAST_TABLE } });
      expect(stderr).toContain(`There is no table "${HOLDFAST_TABLE || "journal"}"`);
      expect(code).toBe(1);
    }
  });

  test.each([
    ["list order", "data-tables"],
    ["send imports {}", "service-bus"],
    [`list order --table-url ${url}`, "identity"],
  ])("without its package, %s says what to install", async (command, absent) => {
    expect(await runCli(command.split(" "), { env, flags: without(`@azure/${absent}`) })).toEqual({
      code: 2,
      stdout: "",
      stderr:
        "--target azure needs the Azure SDK, which is not installed: npm i @azure/data-tables @azure/identity @azure/service-bus\n",
    });
  });

  test("without any package of Azure, the others work", async () => {
    const flags = ["data-tables", "identity", "service-bus"].flatMap((name) => without(`@azure/${name}`));
    const local = await runCli(["list", "order", "--target", "local"], { env, flags, cwd: "/tmp" });
    expect(local.stderr).toContain("There is no journal at");
    const aws = await runCli(["list", "order", "--target", "aws", "--table", ""], { env, flags });
    expect(aws.stderr).toContain("Name the table: --table <name>");
  });
});

describe("the commands for workflows on Azure", { timeout: 60_000 }, () => {
  const table = freshTable(tables);
  let deployed: Deployed;
  let place: Place;

  beforeAll(async () => {
    await table.open();
    const journal = createMarkedTablesJournal({ client: table.client().client, system: createSystem() });
    await fillWorkflows(journal);
    for (const id of await journal.streams({ tenant: "default", entity: "approval", limit: 100 })) {
      const stream = { tenant: "default", entity: "approval", id };
      // As if functions had stored and published it.
      await journal.setPublished(stream, (await journal.history(stream, { after: 0, limit: 100 })).length);
    }
    deployed = await deploy(workflowApp, "flow-");
    const { endpoint, account, key } = tables();
    const env = {
      HOLDFAST_TARGET: "azure",
      HOLDFAST_TABLE: table.table,
      HOLDFAST_TABLE_CONNECTION: `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${key};TableEndpoint=${endpoint};`,
      HOLDFAST_SERVICEBUS: deployed.broker.connectionString,
      HOLDFAST_PREFIX: "flow-",
    };
    const woken = async () => (await deployed.drain("subscription:approval")).map(wokenBy);
    place = { env, woken };
  });

  afterAll(async () => {
    await deployed.close();
    await table.close();
  });

  testWorkflowCommands(() => place);

  test("what they store has a wake-up scheduled, should they not get to publishing it", async () => {
    const waiting = deployed.broker.messages(`flow-${queueName("wakeups")}`).map(({ state }) => state);
    expect(waiting.length).toBeGreaterThanOrEqual(3);
    expect(new Set(waiting)).toEqual(new Set(["scheduled"]));
  });

  test("what the topic does not take is stored all the same, and left to its wake-up", async () => {
    const broker = await startServiceBus({ clock: createManualClock(), queues: { [queueName("wakeups")]: {} } });
    try {
      const env = { ...place.env, HOLDFAST_SERVICEBUS: broker.connectionString, HOLDFAST_PREFIX: "" };
      const { code, stdout, stderr } = await runCli(["workflows", "cancel", "approval", "a5", ...appOptions], { env });
      expect({ code, stdout }).toEqual({ code: 0, stdout: 'approval "a5" is being cancelled.\n' });
      expect(stderr).toMatch(/^It is stored, and not published yet \(.*\); its wake-up does that in two minutes\.\n$/);
      expect(broker.messages(queueName("wakeups"))).toHaveLength(1);
      const { stdout: shown } = await runCli(["workflows", "show", "approval", "a5", ...appOptions], { env });
      expect(shown).toContain("  cancelled: workflow-cancelled: ");
    } finally {
      await broker.stop();
    }
  });

  test("without a namespace nothing is told, and the message says what to name", async () => {
    const env = { ...place.env, HOLDFAST_SERVICEBUS: "" };
    const ran = await runCli(["workflows", "cancel", "approval", "a5", ...appOptions], { env });
    expect(ran).toMatchObject({ code: 2, stdout: "" });
    expect(ran.stderr).toContain("Name the Service Bus namespace: --service-bus <host>");
    expect((await runCli(["workflows", "show", "approval", "a5", ...appOptions], { env })).stdout).toContain(
      "\nstatus     running\n",
    );
  });
});

describe("when a subscription was made", () => {
  /** The SDK's client of a namespace that answers so. */
  const adminOf = (status: number, bodyAsText: string) => {
    const connection = "Endpoint=sb://shop.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=a2V5";
    const admin = new ServiceBusAdministrationClient(connection);
    const asked: string[] = [];
    admin.pipeline.addPolicy({
      name: "namespace",
      async sendRequest(request) {
        asked.push(`${request.method} ${new URL(request.url).pathname}`);
        // The SDK's own class, which its packages for users do not export.
        const Headers = request.headers.constructor as new () => typeof request.headers;
        return { request, status, bodyAsText, headers: new Headers() };
      },
    });
    return { asked, admin };
  };

  test("is what the namespace says", async () => {
    const { admin, asked } = adminOf(200, subscriptionEntry);
    expect(await subscriptionCreated(admin, "shop-events", "payment")).toBe(Date.UTC(2026, 7, 1, 8, 30));
    expect(asked).toEqual(["GET /shop-events/Subscriptions/payment"]);
  });

  test.each([
    [404, 'Topic "shop-events" has no subscription "payment": deploy it first.'],
    // What is not there may be a feed of nothing.
    [200, 'Topic "shop-events" has no subscription "payment": deploy it first.'],
    [401, "It tells those who have the role Azure Service Bus Data Owner."],
    [500, 'Service Bus does not say when subscription "payment" of topic "shop-events" was made'],
  ])("is not guessed where it answers %i and nothing else", async (status, message) => {
    const { admin } = adminOf(status, "");
    await expect(subscriptionCreated(admin, "shop-events", "payment")).rejects.toThrow(message);
  });
});

/** In the form of learn.microsoft.com/rest/api/servicebus/get-entity; not recorded. */
const subscriptionEntry = `<entry xmlns="http://www.w3.org/2005/Atom">
  <id>https://shop.servicebus.windows.net/shop-events/Subscriptions/payment?api-version=2021-05</id>
  <title type="text">payment</title><published>2026-08-01T08:30:00Z</published><updated>2026-08-02T08:30:00Z</updated>
  <content type="application/xml"><SubscriptionDescription
    xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect">
    <LockDuration>PT1M</LockDuration><RequiresSession>true</RequiresSession><MessageCount>0</MessageCount>
    <CountDetails xmlns:d2p1="http://schemas.microsoft.com/netservices/2011/06/servicebus">
      <d2p1:ActiveMessageCount>0</d2p1:ActiveMessageCount><d2p1:DeadLetterMessageCount>0</d2p1:DeadLetterMessageCount>
    </CountDetails>
    <CreatedAt>2026-08-01T08:30:00Z</CreatedAt><UpdatedAt>2026-08-02T08:30:00Z</UpdatedAt>
    <AccessedAt>2026-08-03T08:30:00Z</AccessedAt>
  </SubscriptionDescription></content></entry>`;
