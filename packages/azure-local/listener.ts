import type { ServiceBusClient, ServiceBusReceivedMessage, ServiceBusReceiver } from "@azure/service-bus";
import type { Functions, Invoke } from "./functions.ts";
import type { Lock } from "./locks.ts";
import { inputOf } from "./messages.ts";
import type { Settings } from "./settings.ts";
import type { ServiceBusTrigger } from "./triggers.ts";

export interface ListenerOptions {
  /** Whoever made it closes it, after the listener. */
  readonly client: ServiceBusClient;
  readonly invoke: Invoke;
  /** Whether there is somebody to invoke. Default: always. */
  readonly presence?: Presence;
  readonly settings: Settings["serviceBus"];
  readonly output: (text: string) => void;
}

/** The coming and going of the process that runs the functions. */
export type Presence = Pick<Functions, "ready" | "isReady" | "ended">;

/** With what was left out. */
export type Listening = Required<ListenerOptions>;

export const always: Presence = { ready: async () => [], isReady: true, ended: () => new Promise(() => {}) };

/** What gives a queue's or a subscription's messages to its function. */
export interface Listener {
  /** Takes nothing more; resolves when what was taken is settled. */
  stop(): Promise<void>;
}

/** Locks are renewed here, not by the client: it would go on for an instance that is lost. */
export const receiving = {
  receiveMode: "peekLock",
  skipParsingBodyAsJson: true,
  maxAutoLockRenewalDurationInMs: 0,
} as const;

const endings = { returned: "complete", threw: "abandon", lost: "lost" } as const;

/**
 * Invokes the function with a message, and says what is to be done with it. `lost`: nothing, since there is nobody any more
 * who would; its lock runs out.
 */
export async function handle(
  trigger: ServiceBusTrigger,
  { invoke, presence, output }: Listening,
  message: ServiceBusReceivedMessage,
  lock: Lock,
): Promise<"complete" | "abandon" | "lost"> {
  // Where it has to wait for long somebody else has it.
  if (!presence.isReady && (!(await isReadyOf(presence)) || lock.until() <= Date.now())) return "lost";
  const outcome = await invoke(trigger.name, inputOf(message, trigger));
  if (outcome.kind === "threw") output(`${trigger.name} threw ${outcome.message}\n`);
  return endings[outcome.kind];
}

/** Waits for a process. False where there is not to be one any more. */
export function isReadyOf(presence: Presence): Promise<boolean> {
  return presence.ready().then(
    () => true,
    () => false,
  );
}

/** Nobody renews a lock while there is no process: on Azure the whole instance is gone. */
export function renewing(presence: Presence, renew: () => Promise<Date>): () => Promise<Date> | undefined {
  return () => (presence.isReady ? renew() : undefined);
}

export function settle(
  receiver: ServiceBusReceiver,
  message: ServiceBusReceivedMessage,
  how: "complete" | "abandon",
): Promise<void> {
  return how === "complete" ? receiver.completeMessage(message) : receiver.abandonMessage(message);
}
