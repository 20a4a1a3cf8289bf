import { ServiceBusClient, type ServiceBusSender } from "@azure/service-bus";

/** Puts messages into the queue `jobs`. */
export interface Jobs {
  /** False if it is not known to be there. */
  send(job: string): Promise<boolean>;
  close(): void;
}

/** How long it may take to put a job into the queue, milliseconds. */
const sendTimeoutMs = 500;

/** A connection is kept for as long as it works: one that is half-open would not be noticed for a minute. */
export function createJobs(connection: string): Jobs {
  let open: { readonly client: ServiceBusClient; readonly sender: ServiceBusSender } | undefined;

  function connect(): NonNullable<typeof open> {
    const retryOptions = { maxRetries: 0, timeoutInMs: sendTimeoutMs };
    const client = new ServiceBusClient(connection, { retryOptions });
    return { client, sender: client.createSender("queue-jobs") };
  }

  function drop(used: typeof open): void {
    if (open === used) open = undefined;
    used?.client.close().catch(() => {});
  }

  return {
    async send(job) {
      const used = (open ??= connect());
      const message = { body: { job }, applicationProperties: { messageid: job } };
      try {
        await used.sender.sendMessages(message, { abortSignal: AbortSignal.timeout(sendTimeoutMs) });
        return true;
      } catch {
        drop(used);
        return false;
      }
    },
    close: () => drop(open),
  };
}
