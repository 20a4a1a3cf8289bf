/** What of the SDK's clients this looks at: their middleware, whatever their operations are. */
interface Client {
  readonly middlewareStack: { add(middleware: never, options: { step: "initialize"; priority: "high" }): void };
}

/** An operation, when its answer is there. */
interface Call {
  readonly operation: string;
  readonly input: Input;
  readonly output: Output;
}

/** What is read of inputs and outputs, over all operations. */
interface Input {
  readonly QueueUrl?: string;
  readonly Entries?: readonly { readonly DelaySeconds?: number; readonly VisibilityTimeout?: number }[];
  readonly Item?: { readonly sk?: { readonly S?: string } };
}
interface Output {
  readonly Messages?: readonly unknown[];
}

type Next = (args: { input: Input }) => Promise<{ output: Output }>;

/** Something that a queue may hand out, from that time on. */
export interface Chance {
  readonly at: number;
}

/** What goes over the wire in a case: whether something is under way, and where there may be something to fetch. */
export interface Traffic {
  /** Looks at all that the client does from now on, whoever uses it. */
  watch<C extends Client>(client: C): C;
  /** From now on nobody gets on: who waits for quiet waits for ever. */
  end(): void;
  /** Counts other work as being under way, too. */
  during<T>(work: Promise<T>): Promise<T>;
  /** Resolves when nothing is under way, and nothing follows from what was. */
  quiet(): Promise<void>;
  /** How many requests there were. */
  count(): number;
  /** The queue of that name may have something to hand out at that time, epoch milliseconds. */
  expect(queue: string, at: number): Chance;
  forget(queue: string, chance: Chance): void;
  /** Whether the queue may have something by now; asked for it, it is over. */
  isDue(queue: string): boolean;
  /** When one of the queues may have something that is not due yet. */
  nextAt(queues: Iterable<string>): number;
  /** A record was written: the table's stream has something for its function. */
  written: boolean;
  onChange(listener: () => void): () => void;
  /** Tells all who listen. */
  changed(): void;
}

/** @param now the emulators' clock */
export function createTraffic(now: () => number): Traffic {
  /** By queue and time, how many: thousands may be for the same moment. */
  const queues = new Map<string, Map<number, number>>();
  const listeners = new Set<() => void>();
  let underWay = 0;
  let count = 0;
  let ended = false;
  let waiting: (() => void)[] = [];

  function expect(queue: string, at: number): Chance {
    const chances = queues.get(queue) ?? new Map<number, number>();
    queues.set(queue, chances.set(at, (chances.get(at) ?? 0) + 1));
    return { at };
  }

  function note({ operation, input, output }: Call): void {
    const queue = input.QueueUrl?.split("/").at(-1) ?? "";
    if (operation === "PublishBatch") {
      for (const name of queues.keys()) if (name.includes("subscription-")) expect(name, now());
    } else if (operation === "SendMessageBatch") {
      for (const { DelaySeconds = 0 } of input.Entries ?? []) expect(queue, now() + DelaySeconds * 1_000);
    } else if (operation === "ChangeMessageVisibilityBatch") {
      for (const { VisibilityTimeout = 0 } of input.Entries ?? []) expect(queue, now() + VisibilityTimeout * 1_000);
    } else if (operation === "DeleteMessageBatch" || (output.Messages?.length ?? 0) > 0) {
      // A group goes on; or there is more.
      expect(queue, now());
    } else if (operation === "PutItem" && input.Item?.sk?.S?.startsWith("r") === true) {
      traffic.written = true;
    } else {
      return;
    }
    traffic.changed();
  }

  async function during<T>(work: Promise<T>): Promise<T> {
    underWay++;
    count++;
    try {
      return await work;
    } finally {
      if (--underWay === 0) {
        for (const resume of waiting) resume();
        waiting = [];
      }
    }
  }

  const traffic: Traffic = {
    written: false,
    during,
    expect,
    watch(client) {
      const middleware = (next: Next, context: { commandName?: string }) => async (args: { input: Input }) => {
        const answer = await during(next(args));
        const operation = (context.commandName ?? "").replace(/Command$/, "");
        note({ operation, input: args.input, output: answer.output });
        return answer;
      };
      // Each client has a type of its own for it, of its own operations.
      client.middlewareStack.add(middleware as never, { step: "initialize", priority: "high" });
      return client;
    },
    async quiet() {
      do {
        if (ended) await new Promise<never>(() => {});
        if (underWay > 0) await new Promise<void>((resolve) => void waiting.push(resolve));
        // What an answer sets going is under way before the event loop has gone round.
        for (let i = 0; i < 3 && underWay === 0; i++) await new Promise((resolve) => setImmediate(resolve));
      } while (underWay > 0);
    },
    end() {
      ended = true;
    },
    count: () => count,
    forget(queue, { at }) {
      const chances = queues.get(queue);
      const left = (chances?.get(at) ?? 1) - 1;
      if (left === 0) chances?.delete(at);
      else chances?.set(at, left);
    },
    isDue(queue) {
      const chances = queues.get(queue);
      let isDue = false;
      for (const at of chances?.keys() ?? []) {
        if (at > now()) continue;
        isDue = true;
        chances?.delete(at);
      }
      return isDue;
    },
    nextAt(names) {
      let next = Infinity;
      for (const name of names) {
        for (const at of queues.get(name)?.keys() ?? []) if (at > now()) next = Math.min(next, at);
      }
      return next;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    changed() {
      for (const listener of listeners) listener();
    },
  };
  return traffic;
}
