import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { Address, Target, World, WorldOptions } from "../target.ts";
import { startThrottle } from "../throttle.ts";
import { speed } from "./messages.ts";
import { startCloud, type Cloud } from "./process.ts";
import { openState } from "./state.ts";
import { awsRefusal } from "./throttle.ts";

/**
 * How soon a message comes again whose function has died, seconds of fast time: one real second. As planned it would be six
 * times what the function may take, an hour and a half, because none is to be handed out while a handler may still run.
 * Here it may be: what two processes then do at once must come out right all the same.
 */
const visibilitySeconds = 6;

/** How much longer than DynamoDB SNS and SQS refuse everything, real milliseconds. */
const busLateMs = 700;

/** How long putting a job into the queue may take, real milliseconds. */
const sendTimeoutMs = 500;

/**
 * The app deployed on AWS, in emulators that live on while processes of its functions are killed and stopped. Each process
 * has the bundles of all three functions, with an instance of the app in each, as Lambda has. Between them and the
 * emulators of DynamoDB, SNS and SQS connections are cut, delayed and half-opened; each answer of a function to a queue or
 * to the stream may be lost, so that its batch comes again. Everything lives 6 times as fast.
 *
 * Full: DynamoDB refuses everything, because it is asked for more than it may do; SNS and SQS do so, too, and go on with it
 * for a while when DynamoDB is back.
 */
export function createAwsTarget(): Target {
  const code = mkdtempSync(join(tmpdir(), "holdfast-crash-aws-"));
  bundle(code);
  return {
    name: "aws",
    lacks: new Map(),
    leaseMs: (visibilitySeconds * 1_000) / speed,
    speed,
    clients: 6,
    // The SDK's own attempts are to end before.
    attemptTimeoutMs: 900,
    recoveryTimeoutMs: 60_000,
    open: (options) => openWorld(code, options),
    async close() {
      rmSync(code, { recursive: true, force: true });
    },
  };
}

/** As the shop's functions are bundled. What V8 makes of them is kept: each round starts them several times. */
function bundle(folder: string): void {
  const root = fileURLToPath(new URL("../../../", import.meta.url));
  execFileSync(process.execPath, ["scripts/build-functions.mjs", folder, "test/crash/aws/functions"], { cwd: root });
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".mjs"));
  // They do not find their environment.
  const load = files.map((file) => `await import(${JSON.stringify(join(folder, file))}).catch(() => {});`).join("\n");
  execFileSync(process.execPath, ["--input-type=module", "--eval", load], { env: withCache(folder) });
}

function withCache(folder: string): { readonly [name: string]: string | undefined } {
  return { ...process.env, NODE_OPTIONS: "", NODE_COMPILE_CACHE: join(folder, "cache") };
}

async function openWorld(code: string, options: WorldOptions): Promise<World> {
  const seed = Math.floor(options.random() * 2 ** 31);
  const cloud = await startCloud({ code, origin: Date.now(), visibilitySeconds, seed }, withCache(code));
  try {
    return await openWorldIn(cloud, options);
  } catch (error) {
    await cloud.remove();
    throw error;
  }
}

async function openWorldIn(cloud: Cloud, { processes, recorder, route }: WorldOptions): Promise<World> {
  const { emulators, environment } = cloud.deployed;
  const store = await startThrottle(addressOf(emulators.dynamo), awsRefusal);
  const bus = await startThrottle(addressOf(emulators.messages), awsRefusal);
  const at = async (name: string, upstream: Address): Promise<string> => urlOf(await route(name, () => upstream, true));
  const sqs = await at("sqs", bus.address);
  const queues = (environment["HOLDFAST_QUEUES"] ?? "").replace(emulators.messages, sqs);
  const ports = await cloud.ask("start", processes, {
    ...environment,
    HOLDFAST_CRASH_RECORDER: recorder,
    HOLDFAST_QUEUES: queues,
    AWS_ENDPOINT_URL_DYNAMODB: await at("dynamodb", store.address),
    AWS_ENDPOINT_URL_SNS: await at("sns", bus.address),
    AWS_ENDPOINT_URL_SQS: sqs,
  });
  const killed = new Set<number>();
  const urls: string[] = [];
  for (const [number, port] of ports.entries()) {
    const upstream = (): Address | undefined => (killed.has(number) ? undefined : { host: "127.0.0.1", port });
    urls.push(urlOf(await route(`process ${number}`, upstream)));
  }
  const state = openState(cloud.deployed);
  const client = new SQSClient({
    region: environment["AWS_REGION"] ?? "",
    endpoint: sqs,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
  });
  let busIsBack: NodeJS.Timeout | undefined;
  return {
    urls,
    async kill(number) {
      killed.add(number);
      await cloud.ask("kill", number);
    },
    async restart(number) {
      await cloud.ask("restart", number);
      killed.delete(number);
    },
    suspend: (number) => cloud.ask("suspend", number),
    resume: (number) => cloud.ask("resume", number),
    async fill() {
      clearTimeout(busIsBack);
      bus.set(true);
      store.set(true);
      return "nothing";
    },
    async makeRoom() {
      store.set(false);
      busIsBack = setTimeout(() => bus.set(false), busLateMs);
    },
    async send(job) {
      const command = new SendMessageCommand({
        QueueUrl: `${queues}queue-jobs`,
        MessageBody: JSON.stringify({ job }),
        MessageAttributes: { messageid: { DataType: "String", StringValue: job } },
      });
      try {
        await client.send(command, { abortSignal: AbortSignal.timeout(sendTimeoutMs) });
        return true;
      } catch {
        return false;
      }
    },
    state: state.read,
    close: () => cloud.ask("close"),
    async remove() {
      await cloud.remove();
      client.destroy();
      state.close();
      clearTimeout(busIsBack);
      await Promise.all([store.close(), bus.close()]);
    },
  };
}

function addressOf(url: string): Address {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

function urlOf({ host, port }: Address): string {
  return `http://${host}:${port}`;
}
