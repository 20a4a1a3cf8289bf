import { hash } from "node:crypto";
import type { StreamId } from "../journal/port.ts";

/** True for the consumers whose queues keep an order: `sends` and subscriptions. */
export function isOrdered(consumer: string): boolean {
  return consumer === "sends" || consumer.startsWith("subscription:");
}

/** The names of an app's consumers, each of which has a queue. */
export function consumersOf(app: {
  readonly subscriptions: ReadonlyMap<string, unknown>;
  readonly workers: ReadonlyMap<string, { readonly queue: string }>;
}): readonly string[] {
  const subscriptions = [...app.subscriptions.keys()].map((name) => `subscription:${name}`);
  const queues = new Set([...app.workers.values()].map(({ queue }) => `queue:${queue}`));
  return ["sends", "timers", ...subscriptions, ...queues];
}

/** 43 characters of `[A-Za-z0-9_-]`: what brokers take as the id of a group, a session or a duplicate. */
export function token(text: string): string {
  return hash("sha256", text, "base64url");
}

/** The group of a stream's messages; of one without a stream its id's, so that it waits for no other. */
export function groupOf({ stream, id }: { readonly stream?: StreamId | undefined; readonly id: string }): string {
  return token(stream === undefined ? id : `${stream.tenant}/${stream.entity}/${stream.id}`);
}
