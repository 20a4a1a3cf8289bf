import {
  type ProcessErrorArgs,
  ServiceBusClient,
  type ServiceBusReceivedMessage,
  type ServiceBusReceiver,
} from "@azure/service-bus";
import { expect, onTestFinished } from "vitest";
import {
  createManualClock,
  type ManualClock,
  type ServiceBus,
  type ServiceBusOptions,
  startServiceBus,
} from "../../packages/service-bus-emulator/index.ts";

export interface Started {
  readonly bus: ServiceBus;
  readonly client: ServiceBusClient;
  /** Stands still until it is moved. */
  readonly clock: ManualClock;
}

/** A client that gives up at once. */
export function connect(bus: ServiceBus, timeoutInMs = 5_000): ServiceBusClient {
  const client = new ServiceBusClient(bus.connectionString, { retryOptions: { maxRetries: 0, timeoutInMs } });
  onTestFinished(() => client.close());
  return client;
}

/** A broker on a clock of its own, with a client; both end with the test. */
export async function start(options: Omit<ServiceBusOptions, "clock">, timeoutInMs?: number): Promise<Started> {
  const clock = createManualClock();
  const bus = await startServiceBus({ ...options, clock });
  onTestFinished(() => bus.stop());
  return { bus, client: connect(bus, timeoutInMs), clock };
}

/** Up to `count` messages: waits for as many, and no longer than it takes to see that there are none. */
export function receive(
  receiver: ServiceBusReceiver,
  count = 1,
  maxWaitTimeInMs = 10_000,
): Promise<ServiceBusReceivedMessage[]> {
  return receiver.receiveMessages(count, { maxWaitTimeInMs });
}

/** Exactly one. */
export async function one(receiver: ServiceBusReceiver): Promise<ServiceBusReceivedMessage> {
  const [message] = await receive(receiver);
  if (!message) throw new Error("No message came.");
  return message;
}

/** Nothing comes. */
export async function nothing(receiver: ServiceBusReceiver): Promise<boolean> {
  return (await receive(receiver, 1, 150)).length === 0;
}

export function bodies(messages: readonly { readonly body?: unknown }[]): readonly unknown[] {
  return messages.map(({ body }) => body);
}

/** The client's own merging of settlements is kept out of the tests by settling one message per macrotask. */
export function macrotask(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

export async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return (error as { readonly code?: unknown }).code;
  }
  return "no error";
}

export async function messageOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return (error as Error).message;
  }
  return "no error";
}

/** For `subscribe`: what goes wrong ends up here. */
export function collect(errors: unknown[]): (args: ProcessErrorArgs) => Promise<void> {
  return async ({ error }) => void errors.push(error);
}

/** For what follows by itself, however slow the machine. */
export function eventually<T>(read: () => T) {
  return expect.poll(read, { timeout: 10_000 });
}
