/** What the emulator says of a queue: those of its messages that wait, are held, or are held back. */
interface Inspected {
  readonly messages: {
    readonly ready: readonly Message[];
    readonly delayed: readonly Message[];
    readonly inflight: readonly { readonly message: Message }[];
  };
}

interface Message {
  readonly body: string;
}

/** What is in the queues of the emulator at `endpoint`, described. */
export async function waitingIn(endpoint: string, queues: readonly string[]): Promise<readonly string[]> {
  const lists = await Promise.all(
    queues.map(async (queue) => {
      const response = await fetch(`${endpoint}/_fauxqs/queues/${queue}`);
      const { ready, delayed, inflight } = ((await response.json()) as Inspected).messages;
      const all = [...ready, ...delayed, ...inflight.map(({ message }) => message)];
      return all.map(({ body }) => `${queue} ${body}`);
    }),
  );
  return lists.flat();
}
