import { PutItemCommand } from "@aws-sdk/client-dynamodb";
import { createSystem } from "holdfast";
import { createDynamoFailures } from "holdfast/aws/dynamodb";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import shop from "../../examples/shop/app.ts";
import { createRelay } from "../../src/core/broker/relay.ts";
import { deploy, useAws } from "../aws/sns-sqs/fixtures.ts";
import { describeOnDynamo, freshTable, useDynamo } from "../aws/dynamodb/fixtures.ts";
import { app, type Deployment, fill, testBrokerCommands, without } from "./broker-commands.ts";
import { runCli, type Ran } from "./run-cli.ts";
import workflowApp from "./workflow-app.ts";
import { fill as fillWorkflows, type Place, testWorkflowCommands, wokenBy } from "./workflow-commands.ts";

const dynamo = useDynamo();
const aws = useAws();

describeOnDynamo("the commands on AWS", () => {
  let table: ReturnType<typeof freshTable>;
  let deployed: Awaited<ReturnType<typeof deploy>>;
  let env: NodeJS.ProcessEnv;
  let world: Deployment;

  const holdfast = (...args: readonly string[]): Promise<Ran> => runCli(args, { env });

  beforeAll(async () => {
    table = freshTable(dynamo.endpoint);
    const recent = await fill(await table.open());
    deployed = await deploy(aws(), shop);
    const { schedules, topic, queues } = deployed.options;
    const letters = createDynamoFailures({ client: table.client(), table: table.table, system: createSystem() });
    env = {
      HOLDFAST_TARGET: "aws",
      HOLDFAST_TABLE: table.table,
      // By an address that every resolver knows.
      HOLDFAST_QUEUES: `${aws().endpoint}${new URL(queues).pathname}`,
      HOLDFAST_TOPIC: topic,
      HOLDFAST_SCHEDULES: schedules?.group,
      HOLDFAST_SCHEDULE_ROLE: schedules?.role,
      HOLDFAST_SCHEDULE_TARGET: schedules?.target,
      HOLDFAST_SCHEDULE_DEAD: schedules?.dead,
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_REGION: "eu-central-1",
      AWS_ENDPOINT_URL: aws().endpoint,
      AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint(),
      AWS_ENDPOINT_URL_SCHEDULER: aws().scheduler.endpoint,
    };
    const first = ["--now"];
    const away = async () => {
      const mark = { pk: { S: "$places/subscription:bookkeeping" }, sk: { S: "backfilled" }, at: { N: "1000" } };
      await table.client().send(new PutItemCommand({ TableName: table.table, Item: mark }));
      return first;
    };
    world = { env, recent, letters, drain: deployed.drain, backfill: { first, again: [], away } };
  });

  afterAll(async () => {
    deployed.close();
    await table.close();
  });

  test("backfill refuses a queue that is so young that SNS may not have its filter everywhere", async () => {
    const early = await holdfast("backfill", ...app);
    expect(early).toMatchObject({ code: 1, stdout: "" });
    expect(early.stderr).toMatch(
      /^The queue of subscription:bookkeeping is 0 minutes old\. SNS may take 15 minutes .* run this again in 15 minutes, or say --now /,
    );
    expect(await deployed.drain("subscription:bookkeeping")).toEqual([]);
  });

  testBrokerCommands(() => world);

  test("relay that meets no topic says what is not there, and is to be run again", async () => {
    const topic = "arn:aws:sns:eu-central-1:000000000000:nowhere.fifo";
    const { code, stderr } = await holdfast("relay", "--since", "2026-01-01", "--topic", topic, ...app);
    expect(code).toBe(1);
    expect(stderr).toContain(`Topic "${topic}" does not exist`);
    expect(stderr).toMatch(/^ {2}order "o\d" of tenant default from record 1 on$/m);
  });

  test.each<readonly [string, readonly string[], NodeJS.ProcessEnv, string]>([
    ["no table", ["list", "order"], { HOLDFAST_TABLE: "" }, "Name the table: --table <name>, or HOLDFAST_TABLE."],
    ["no region", ["list", "order"], { AWS_REGION: undefined }, "No AWS region: set AWS_REGION"],
    ["no queues", ["send", "imports", "{}"], { HOLDFAST_QUEUES: undefined }, "Name the queues: --queues <prefix>"],
    [
      "no topic",
      ["relay", "--since", "2026-01-01", ...app],
      { HOLDFAST_TOPIC: undefined },
      "Name the topic: --topic <arn>",
    ],
    [
      "a folder",
      ["erase", "order", "o2", "--data", ".", "--yes"],
      {},
      "--data is of the target local, and the target is aws.",
    ],
    [
      "a table and the local target",
      ["list", "order", "--target", "local", "--table", "x"],
      {},
      "--table is of the targets aws and azure, and the target is local. Say --target aws or azure.",
    ],
    ["another target", ["list", "order", "--target", "gcp"], {}, "There are local, aws and azure."],
    [
      "what is Azure's",
      ["backfill", "--created", "2026-01-01", ...app],
      {},
      "--created is of the target azure, and the target is aws.",
    ],
    [
      "backfill of a subscription that begins now",
      ["backfill", "--subscription", "payment", ...app],
      {},
      'No subscription "payment" begins at the beginning (from: "beginning"). There are bookkeeping.',
    ],
    ["backfill on the local target", ["backfill", ...app], { HOLDFAST_TARGET: "local" }, "needs no backfill"],
    [
      "relay on the local target",
      ["relay", "--since", "2026-01-01"],
      { HOLDFAST_TARGET: "" },
      "There is nothing to relay",
    ],
  ])("a call with %s says what to name", async (_, args, change, message) => {
    const own = { HOME: "/nonexistent", AWS_EC2_METADATA_DISABLED: "true" };
    const { code, stderr } = await runCli(args, { env: { ...env, ...own, ...change } });
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });

  test("a table that is not there is named", async () => {
    const missing = await holdfast("list", "order", "--table", "nowhere");
    expect(missing).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('There is no table "nowhere"') as string,
    });
  });

  test.each([
    ["list order", "client-dynamodb", "npm i @aws-sdk/client-dynamodb"],
    ["send imports {}", "client-sqs", "npm i @aws-sdk/client-sns @aws-sdk/client-sqs @aws-sdk/client-scheduler"],
  ])("without its package, %s says what to install", async (command, absent, message) => {
    const flags = without(`@aws-sdk/${absent}`);
    expect(await runCli(command.split(" "), { env, flags })).toEqual({
      code: 2,
      stdout: "",
      stderr: `--target aws needs the AWS SDK, which is not installed: ${message}\n`,
    });
    const local = await runCli(["list", "order", "--target", "local"], { env, flags, cwd: "/tmp" });
    expect(local.stderr).toContain("There is no journal at");
  });
});

describeOnDynamo("the commands for workflows on AWS", () => {
  let table: ReturnType<typeof freshTable>;
  let deployed: Awaited<ReturnType<typeof deploy>>;
  let place: Place;

  beforeAll(async () => {
    table = freshTable(dynamo.endpoint);
    const journal = await table.open();
    await fillWorkflows(journal);
    deployed = await deploy(aws(), workflowApp);
    const failures = createDynamoFailures({ client: table.client(), table: table.table, system: createSystem() });
    const relay = createRelay({ app: workflowApp, bus: deployed.bus, journal, failures, system: createSystem() });
    const env = {
      // No queue and no topic: the table tells its stream.
      HOLDFAST_TARGET: "aws",
      HOLDFAST_TABLE: table.table,
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
      AWS_REGION: "eu-central-1",
      AWS_ENDPOINT_URL_DYNAMODB: dynamo.endpoint(),
    };
    const seen = new Map<string, number>();
    async function woken(): Promise<readonly string[]> {
      vi.useRealTimers();
      // What the table's stream hands to the function that relays.
      for (const id of await journal.streams({ tenant: "default", entity: "approval", limit: 100 })) {
        const stream = { tenant: "default", entity: "approval", id };
        const records = await journal.history(stream, { after: seen.get(id) ?? 0, limit: 100 });
        seen.set(id, records.at(-1)?.sequence ?? seen.get(id) ?? 0);
        const left = await relay.relay(
          records.map((record) => ({ stream, record })),
          Date.now() + 10_000,
        );
        expect(left).toEqual([]);
      }
      return (await deployed.drain("subscription:approval")).map(wokenBy);
    }
    place = { env, woken };
  });

  afterAll(async () => {
    deployed.close();
    await table.close();
  });

  testWorkflowCommands(() => place);
});
