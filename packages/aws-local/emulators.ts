import { startDynamo } from "@holdfast/dynamodb-emulator";
import { startScheduler } from "@holdfast/scheduler-emulator";
import { buildApp } from "fauxqs";

export const region = "eu-central-1";

/** Where the emulators are; any credentials will do. */
export interface Emulators {
  readonly dynamo: string;
  /** SNS and SQS. */
  readonly messages: string;
  readonly scheduler: string;
  /** Sends what schedules are to have sent by now; it happens by itself once a second, unless they are `patient`. */
  fire(): Promise<unknown>;
  /** Ends them, and what they hold is gone. */
  stop(): Promise<void>;
}

/** Starts DynamoDB, SNS, SQS and EventBridge Scheduler on free ports of the loopback interface, in memory. */
export async function startEmulators(scheduleGroup: string, patient = false): Promise<Emulators> {
  await takeEveryCharacter();
  const dynamo = await startDynamo();
  const app = buildApp({ logger: false, defaultRegion: region });
  const messages = await app.listen({ host: "127.0.0.1", port: 0 });
  const scheduler = await startScheduler({ sqs: messages, groups: [scheduleGroup], realTime: !patient });
  return {
    dynamo: dynamo.endpoint,
    messages,
    scheduler: scheduler.endpoint,
    fire: () => scheduler.fire(),
    async stop() {
      await Promise.all([scheduler.stop(), app.close(), dynamo.stop()]);
    },
  };
}

/** fauxqs refuses every surrogate in a message for SQS, so every emoji; SQS refuses only what is no character. */
async function takeEveryCharacter(): Promise<void> {
  const main = import.meta.resolve("fauxqs");
  const types = (await import(new URL("./sqs/sqsTypes.js", main).href)) as {
    readonly INVALID_MESSAGE_BODY_CHAR: RegExp;
  };
  const refused = /[^\t\n\r\x20-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;
  types.INVALID_MESSAGE_BODY_CHAR.test = (text) => refused.test(text);
}
