import { CreateTableCommand } from "@aws-sdk/client-dynamodb";
import { CreateQueueCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { buildApp } from "fauxqs";
import { createChangeVisibility, createDeployment, createHttpHandler, createStreamHandler } from "holdfast/aws/lambda";
import { tableInput } from "holdfast/aws/dynamodb";
import { afterEach, expect, test, vi } from "vitest";
import app from "../../../functions/app.ts";
import { shopServices } from "../../../examples/shop/services.ts";
import { clientAt, describeOnDynamo, useDynamo } from "../dynamodb/fixtures.ts";
import { environment } from "./environment.ts";
import { lambdaContext, recordingLogger, responseOf, urlEvent } from "./fixtures.ts";

const credentials = { accessKeyId: "test", secretAccessKey: "test" };
const clock = { now: () => 0 };

afterEach(() => vi.unstubAllEnvs());

describeOnDynamo("a deployment from its environment", () => {
  const dynamo = useDynamo();

  test("answers requests from its table, through the SDK as it comes", async () => {
    vi.stubEnv("AWS_REGION", "eu-central-1");
    vi.stubEnv("AWS_ACCESS_KEY_ID", "test");
    vi.stubEnv("AWS_SECRET_ACCESS_KEY", "test");
    vi.stubEnv("AWS_ENDPOINT_URL_DYNAMODB", dynamo.endpoint());
    const client = clientAt(dynamo.endpoint());
    await client.send(new CreateTableCommand(tableInput(environment.HOLDFAST_TABLE)));
    client.destroy();
    const logger = recordingLogger();
    const container = createDeployment(app, { env: environment, services: () => shopServices({}), logger });
    const http = createHttpHandler(container, { public: true });
    const body = JSON.stringify({ productId: "p1", name: "Tea", quantity: 2 });
    const headers = { "content-type": "application/json" };
    const added = await http(
      urlEvent({ method: "POST", target: "/api/cart/u1/addItem", headers, body }),
      lambdaContext(clock),
    );
    expect([added.statusCode, logger.lines]).toEqual([expect.toBeOneOf([200, 204]), expect.any(Array)]);
    const shown = responseOf(await http(urlEvent({ method: "GET", target: "/api/cart/u1" }), lambdaContext(clock)));
    expect(await shown.json()).toMatchObject({ items: [{ productId: "p1", quantity: 2 }] });
    expect((await http(urlEvent({ method: "GET", target: "/readyz" }), lambdaContext(clock))).statusCode).toBe(200);
    expect(await createStreamHandler(container)({ Records: [] }, lambdaContext(clock))).toEqual({
      batchItemFailures: [],
    });
  });
});

test("a message's delay reaches its queue by the URL that the environment's prefix and the ARN say", async () => {
  const emulator = buildApp({ logger: false });
  const address = await emulator.listen({ host: "127.0.0.1", port: 0 });
  const sqs = new SQSClient({ endpoint: address, region: "us-east-1", credentials });
  try {
    const { QueueUrl } = await sqs.send(
      new CreateQueueCommand({ QueueName: "shop-timers", Attributes: { VisibilityTimeout: "600" } }),
    );
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: "{}" }));
    const receive = async () => (await sqs.send(new ReceiveMessageCommand({ QueueUrl }))).Messages?.[0];
    const message = await receive();
    expect(await receive()).toBeUndefined();
    const change = createChangeVisibility(sqs, `${address}/000000000000/shop-`);
    const queue = { name: "shop-timers", account: "000000000000", ordered: false };
    const { MessageId: messageId = "", ReceiptHandle: receiptHandle = "" } = message ?? {};
    expect(await change(queue, [{ messageId, receiptHandle, seconds: 0 }])).toEqual([]);
    expect((await receive())?.MessageId).toBe(messageId);
    await expect(change({ ...queue, name: "none" }, [{ messageId, receiptHandle, seconds: 0 }])).rejects.toThrow();
  } finally {
    sqs.destroy();
    await emulator.close();
  }
});

test.each(["http", "queue", "stream"])(
  "the shop's function %s loads with its environment, and without says all that is missing",
  async (name) => {
    const load = async () => {
      vi.resetModules();
      return (await import(`../../../functions/aws/${name}.ts`)) as { readonly handler: unknown };
    };
    await expect(load()).rejects.toThrow(/HOLDFAST_TABLE is missing.* HOLDFAST_SCHEDULE_DEAD is missing/s);
    for (const [variable, value] of Object.entries(environment)) vi.stubEnv(variable, value);
    expect((await load()).handler).toBeTypeOf("function");
  },
);
